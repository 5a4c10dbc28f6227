"""What crosses HTTP when admins manage accounts, and agents their own password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictInt

from bot.core.http import CleanStr, FilledStr

AGENT_ID = r"[A-Z0-9][A-Z0-9-]{1,15}"
"""Capitals and digits: no account is taken for a team of data/catalogue/complaint_clock.yml, or for another in small letters."""
MOST_CONVERSATIONS = 50


def _legible(text: str) -> str:
    """A name is shown to borrowers: nothing in it that cannot be seen, or that turns the text around it."""
    if not text.isprintable():
        raise ValueError("must not hold invisible characters")
    return text


class AccountProfile(BaseModel):
    name: Annotated[FilledStr, Field(max_length=32), AfterValidator(_legible)] = Field(description="as borrowers read it")
    role: Literal["agent", "supervisor", "admin"]
    skills: list[Annotated[FilledStr, Field(max_length=32)]] = Field([], max_length=20, description="empty: everything")
    max_conversations: Annotated[StrictInt, Field(ge=1, le=MOST_CONVERSATIONS)] | None = Field(
        None, description="at once; empty: the default"
    )


class AccountRequest(AccountProfile):
    agent_id: Annotated[FilledStr, Field(pattern=f"^{AGENT_ID}$")] = Field(description="capitals and digits; never given again")


class AccountView(BaseModel):
    agent_id: str
    name: str
    role: Literal["agent", "supervisor", "admin"]
    skills: list[str] = Field(description="empty: everything")
    max_conversations: int | None = Field(description="null: the default")
    active: bool = Field(description="false: closed")
    must_change_password: bool = Field(description="has not yet chosen one in place of what an admin handed out")
    created_at: datetime
    conversations: int = Field(description="that they have now")
    open_cases: int = Field(description="in their name; a supervisor assigns them to somebody else")


class Accounts(BaseModel):
    accounts: list[AccountView] = Field(description="by id, the closed ones too")
    skills: list[str] = Field(description="that a handoff can need")
    default_max_conversations: int


class AccountWithPassword(BaseModel):
    account: AccountView
    initial_password: str = Field(description="shown this once; good until its owner has chosen another")


class PasswordRequest(BaseModel):
    present: CleanStr = Field(max_length=200)
    new: CleanStr = Field(max_length=200)
