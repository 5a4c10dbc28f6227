""" "机器人理解错了": an agent says what a message meant, a second person looks, and it becomes training data (product §5).

``make corrections`` exports what was accepted and ``make corrections-report`` says what it changes (docs/nlu.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, cast

import yaml
from sqlalchemy.orm import Session

from bot.conversations.repository import ConversationRepository
from bot.core.clock import Clock
from bot.core.masking import mask
from bot.core.settings import ROOT
from bot.desk.errors import (
    AlreadyMarked,
    AlreadyReviewed,
    MessageNotFound,
    MisunderstandingNotFound,
    SecondPersonNeeded,
    UnknownIntent,
)
from bot.desk.models import Misunderstanding
from bot.desk.repository import DeskRepository

State = Literal["marked", "accepted", "rejected"]


@dataclass(frozen=True)
class Intent:
    """What a message can mean; ``boundary`` says where it ends."""

    name: str
    title: str
    group: str
    boundary: str


@lru_cache(maxsize=1)
def intents() -> tuple[Intent, ...]:
    """The catalogue, in its order."""
    raw = yaml.safe_load((ROOT / "data" / "catalogue" / "intents.yml").read_text(encoding="utf-8"))["intents"]
    return tuple(Intent(item["name"], item["title"], item["group"], item["boundary"]) for item in raw)


@dataclass(frozen=True)
class Correction:
    """``understood_as``: the intent that the bot answered, where its answer says so. ``text`` is masked."""

    number: int
    conversation_id: str
    seq: int
    text: str
    understood_as: str | None
    intent: str
    state: State
    marked_by: str
    marked_at: datetime
    reviewed_by: str | None


class CorrectionService:
    """Never commits."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = DeskRepository(session)
        self._clock = clock
        self._conversations = ConversationRepository(session)

    def mark(self, conversation_id: str, seq: int, intent: str, agent_id: str) -> Correction:
        """The borrower's message ``seq`` meant ``intent``. The same again changes nothing.

        Raises ``UnknownIntent``, ``MessageNotFound``, ``AlreadyMarked``.
        """
        if all(each.name != intent for each in intents()):
            raise UnknownIntent("not in the catalogue", intent=intent[:64])
        message = self._conversations.by_seq(conversation_id, seq)
        if message is None or message.direction != "in" or not message.text:
            raise MessageNotFound("no message of the borrower has this number")
        answers = [answer.custom or {} for answer in self._conversations.answers(message)]
        row = Misunderstanding(
            conversation_id=conversation_id,
            seq=seq,
            text=mask(message.text),
            understood_as=next((card["intent"] for card in answers if card.get("type") == "answer"), None),
            intent=intent,
            state="marked",
            marked_by=agent_id,
            marked_at=self._clock.now(),
        )
        if not self._repository.add_once(row):
            earlier = self._repository.misunderstanding_of(conversation_id, seq)
            if earlier is None or earlier.intent != intent:
                raise AlreadyMarked("marked with another intent", intent=earlier.intent if earlier else None)
            return _view(earlier)
        return _view(row)

    def review(self, number: int, agent_id: str, *, accept: bool, intent: str | None = None) -> Correction:
        """A second person accepts it, with another ``intent`` if they know better, or rejects it.

        Raises ``MisunderstandingNotFound``, ``SecondPersonNeeded``, ``AlreadyReviewed``, ``UnknownIntent``.
        """
        row = self._repository.misunderstanding(number)
        if row is None:
            raise MisunderstandingNotFound("no such misunderstanding")
        if row.marked_by == agent_id:
            raise SecondPersonNeeded("who marked it may not review it")
        if intent is not None and all(each.name != intent for each in intents()):
            raise UnknownIntent("not in the catalogue", intent=intent[:64])
        state: State = "accepted" if accept else "rejected"
        if row.state != "marked":
            if (row.state, row.reviewed_by) == (state, agent_id) and intent in (None, row.intent):
                return _view(row)
            raise AlreadyReviewed("somebody has decided", state=row.state)
        row.state, row.reviewed_by, row.reviewed_at = state, agent_id, self._clock.now()
        row.intent = intent or row.intent
        return _view(row)

    def all_in(self, state: State) -> list[Correction]:
        """Oldest first."""
        return [_view(row) for row in self._repository.misunderstandings(state=state)]

    def of_conversation(self, conversation_id: str) -> list[Correction]:
        return [_view(row) for row in self._repository.misunderstandings(conversation_id=conversation_id)]


def _view(row: Misunderstanding) -> Correction:
    return Correction(
        number=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        text=row.text,
        understood_as=row.understood_as,
        intent=row.intent,
        state=cast(State, row.state),
        marked_by=row.marked_by,
        marked_at=row.marked_at,
        reviewed_by=row.reviewed_by,
    )
