"""Which conversation of a customer goes on, on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.conversations.models import Conversation
from bot.conversations.repository import ConversationRepository
from bot.conversations.resuming import ResumingService
from bot.core.clock import FixedClock

CLOCK = FixedClock()


def said(session: Session, sender: str, customer_id: str = "C1", *, owner: str = "bot", channel: str = "rest") -> Conversation:
    """A conversation in which one more thing was said."""
    repository = ConversationRepository(session)
    row = repository.find(channel, sender, customer_id) or repository.create(channel, sender, customer_id, CLOCK.now())
    repository.append(row.id, CLOCK.now(), direction="in", author="borrower", state="received", text="你好")
    row.owner, row.agent_id = owner, "A2001" if owner == "agent" else None
    session.flush()
    return row


def goes_on(session: Session, customer_id: str = "C1", visitor: str | None = None) -> str | None:
    found = ResumingService(session, CLOCK).find("rest", customer_id, visitor)
    return None if found is None else found.sender


def test_a_human_goes_before_what_is_newer_and_among_equals_the_newest(each_session: Session) -> None:
    assert goes_on(each_session) is None
    said(each_session, "a")
    said(each_session, "b")
    assert goes_on(each_session) == "b"
    said(each_session, "a")
    assert goes_on(each_session) == "a"
    said(each_session, "b", owner="agent")
    said(each_session, "a")
    assert goes_on(each_session) == "b"


def test_nobody_elses_and_no_other_channels(each_session: Session) -> None:
    said(each_session, "a", "C2")
    said(each_session, "a", "")
    said(each_session, "a", channel="wechat")
    assert goes_on(each_session) is None
    assert goes_on(each_session, "") is None, "who is not identified resumes nothing, least of all an anonymous dialogue"


def test_a_visitors_dialogue_counts_by_the_same_rule(each_session: Session) -> None:
    said(each_session, "mine")
    said(each_session, "v", "")
    assert goes_on(each_session, visitor="v") is None
    assert goes_on(each_session, visitor="v-unknown") == "mine"
    said(each_session, "mine", owner="agent")
    said(each_session, "v", "")
    assert goes_on(each_session, visitor="v") == "mine"
    said(each_session, "mine")
    said(each_session, "v", "", owner="agent")
    said(each_session, "mine")
    assert goes_on(each_session, visitor="v") is None


def test_a_conversation_without_a_message_is_none(each_session: Session) -> None:
    ConversationRepository(each_session).create("rest", "a", "C1", CLOCK.now())
    assert goes_on(each_session) is None
