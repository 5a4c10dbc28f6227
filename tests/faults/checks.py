"""What must be true of the log after everything was killed, compared with what borrowers and agents were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.conversations.models import Conversation, Message
from bot.core.settings import ROOT
from bot.core.texts import Texts
from tests.faults.agents import DeskAgent
from tests.faults.borrowers import Borrower

WRONG = ("lost", "twice", "out of order", "told otherwise", "beside a human")
_DIALOGUE = Texts.load(ROOT / "data" / "answers").dialogue
APOLOGY = _DIALOGUE["bot_unavailable"].text
_ARRIVED = _DIALOGUE["handoff_assigned"].text.partition("{")[0]
"""How the note begins that a human has come."""


def check_conversation(session: Session, person: Borrower) -> Counter[str]:
    """Counts over the borrower's messages, and in ``WRONG`` what must not be.

    Each message stands once in the log, in its order, and is answered, or a human had come before the next one; from then on the
    bot is silent. It was answered in one attempt besides apologies, and what the log says of the last attempt is, message by
    message, what the client was told.
    """
    found = session.scalars(select(Conversation).where(Conversation.sender == person.sender)).all()
    assert len(found) == 1, f"{person.sender} has {len(found)} conversations"
    log = session.scalars(select(Message).where(Message.conversation_id == found[0].id).order_by(Message.seq)).all()
    counts: Counter[str] = Counter()
    counts["lost"] += [row.seq for row in log] != list(range(1, len(log) + 1))  # a gap in the log
    incoming = [row for row in log if row.direction == "in"]
    written = [(f"m-{number}", text) for number, text in enumerate(person.messages)]
    stored = [(row.external_id, row.text) for row in incoming]
    counts["lost"] += len(set(written) - set(stored))
    counts["twice"] += len(stored) - len(set(stored))
    counts["out of order"] += [each for each in stored if each in written] != written
    arrived = next((row.seq for row in log if row.author == "system" and (row.text or "").startswith(_ARRIVED)), None)
    until = [*(row.seq for row in incoming[1:]), len(log) + 1]
    for row, told, end in zip(incoming, person.answers, until, strict=True):
        with_human = arrived is not None and arrived < end
        counts += _check_answers(row, [each for each in log if each.reply_to == row.seq], told, with_human=with_human)
    order = [row.seq if row.direction == "in" else row.reply_to for row in log if row.direction == "in" or row.reply_to]
    counts["out of order"] += order != sorted(order, key=lambda seq: seq or 0)
    counts["beside a human"] += sum(row.author == "bot" for row in log if arrived is not None and row.seq > arrived)
    counts[f"owned by {found[0].owner}"] += 1
    return counts


def _check_answers(row: Message, answers: Sequence[Message], told: list[dict[str, Any]], *, with_human: bool) -> Counter[str]:
    counts: Counter[str] = Counter(messages=1)
    real = {each.attempt for each in answers if each.text != APOLOGY}
    last = [_shown(each.text, each.buttons, each.custom) for each in answers if each.attempt == row.attempt]
    heard = [_shown(each.get("text"), each.get("buttons"), each.get("custom")) for each in told]
    counts["twice"] += len(real) > 1 or any(last.count(each) > 1 for each in last)
    counts["told otherwise"] += last != heard
    if not answers:
        counts["human" if with_human else "lost"] += 1
    else:
        counts["answered" if real else "apologised"] += 1
        counts["lost"] += row.state not in {"answered", "failed"}
    return counts


def _shown(text: str | None, buttons: list[dict[str, str]] | None, custom: dict[str, Any] | None) -> tuple[Any, ...]:
    return text, buttons or None, custom


def check_replies(session: Session, agents: Sequence[DeskAgent]) -> Counter[str]:
    """Each acknowledged word of an agent stands once in the log of the conversation in which it was said, in its order."""
    counts: Counter[str] = Counter()
    for agent in agents:
        for conversation_id in sorted(agent.taken):
            said = [(message_id, text) for number, message_id, text in agent.said if number == conversation_id]
            query = select(Message.external_id, Message.text).where(
                Message.conversation_id == conversation_id,
                Message.author == "agent",
                Message.external_id.startswith(f"{agent.agent_id}-"),
            )
            stored = [(message_id, text) for message_id, text in session.execute(query.order_by(Message.seq))]
            counts["replies"] += len(said)
            counts["lost"] += len(set(said) - set(stored))
            counts["twice"] += len(stored) - len(set(stored))
            counts["out of order"] += [each for each in stored if each in said] != said
    return counts
