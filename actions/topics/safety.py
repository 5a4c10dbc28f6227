"""Is this number, account, link or person really ours? And: money was taken by somebody else."""

from __future__ import annotations

from actions.topics.service import PRIORITY_FRAUD, hand_over
from actions.turn import Turn
from actions.wording import day, word
from bot.identity.contacts.service import ContactService

PUBLIC_LINES = ("12378", "12363", "12356")
"""Hotlines of the authorities (product §4): not ours, and no fraud either."""


def official_contact(turn: Turn) -> None:
    """Needs no identity. Without anything to check, the next message is looked at."""
    if not turn.heard.is_payload and check_contact(turn):
        return
    turn.answer(intent="verify_official_contact")
    if turn.heard.is_payload:
        turn.answer("ask_what", intent="verify_official_contact")
    turn.remember("task", {"follow_up": "contact"})


def check_contact(turn: Turn) -> bool:
    """Checks what the message names; unknown contacts are filed as a suspected fraud (product §2). False when it names none."""
    public = next((line for line in PUBLIC_LINES if line in turn.heard.text), None)
    if public:
        turn.say("regulator_line", number=public)
        return True
    contacts = ContactService(turn.session, turn.clock)
    found = contacts.check(turn.heard.text)
    if found is None:
        return False
    if found.kind == "person":
        turn.answer("person", intent="verify_official_contact")
    else:
        turn.answer(found.result, intent="verify_official_contact", kind_text=word(turn, f"kind_{found.kind}"))
    if found.result == "unknown":
        contacts.report(found, conversation_id=turn.conversation.conversation_id, customer_id=turn.conversation.customer_id)
    turn.card(found.card())
    return True


def fraud(turn: Turn) -> None:
    """A case at once, and a person with priority (product §5)."""
    opened = turn.cases.open_fraud_report(
        **turn.origin,
        story=turn.story,
        callback_phone=None,
        key=turn.key("fraud"),
        issues=turn.heard.issues,
    )
    turn.answer("opened", case_no=opened.case.case_no, decide_by=day(opened.case.decide_by))
    turn.card(opened.case.card())
    hand_over(turn, "fraud", PRIORITY_FRAUD, case_no=opened.case.case_no)


HANDLERS = {"report_fraud": fraud}
