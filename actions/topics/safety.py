"""Is this number, account, link or person really ours? And: money was taken by somebody else."""

from __future__ import annotations

from actions.topics.service import PRIORITY_FRAUD, hand_over
from actions.turn import Turn
from actions.wording import day, word
from bot.cases.service import CaseService
from bot.identity.contacts.service import ContactService


def official_contact(turn: Turn) -> None:
    """Needs no identity. What is unknown is also filed as a suspected fraud (product §2)."""
    contacts = ContactService(turn.session, turn.clock)
    found = contacts.check(turn.heard.text) if not turn.heard.is_payload else None
    if found is None:
        turn.answer()
        if turn.heard.is_payload:
            turn.answer("ask_what")
        return
    if found.kind == "person":
        turn.answer("person")
    else:
        turn.answer(found.result, kind_text=word(turn, f"kind_{found.kind}"))
    if found.result == "unknown":
        contacts.report(found, conversation_id=turn.conversation.conversation_id, customer_id=turn.conversation.customer_id)
    turn.card(found.card())


def fraud(turn: Turn) -> None:
    """A case at once, and a person with priority (product §5)."""
    opened = CaseService(turn.session, turn.clock, turn.loans).open_fraud_report(
        customer_id=turn.customer_id,
        conversation_id=turn.conversation.conversation_id,
        channel=turn.conversation.channel,
        story=turn.story,
        callback_phone=None,
        key=turn.key("fraud"),
    )
    turn.answer("opened", case_no=opened.case.case_no, decide_by=day(opened.case.decide_by))
    turn.card(opened.case.card())
    hand_over(turn, "fraud", PRIORITY_FRAUD)


HANDLERS = {"report_fraud": fraud}
