"""Is this number, account, link or person really ours? And: money was taken by somebody else."""

from __future__ import annotations

from actions.topics.service import hand_over
from actions.turn import Turn
from actions.wording import day, lines, word
from bot.cases.suspects import without_own
from bot.conversations.danger import PRIORITY_FRAUD
from bot.identity.contacts.registry import default_registry
from bot.identity.contacts.service import ContactCheck, ContactService


def official_contact(turn: Turn) -> None:
    """Needs no identity. Without anything to check, the next message is looked at."""
    if not turn.heard.is_payload and check_contact(turn):
        return
    turn.answer(intent="verify_official_contact")
    if turn.heard.is_payload:
        turn.answer("ask_what", intent="verify_official_contact")
    turn.remember("task", {"follow_up": "contact"})


def check_contact(turn: Turn, *, asked: bool = True) -> bool:
    """Every contact that the message names gets its verdict; unknown ones are filed as suspected frauds (product §2).

    False when it names none. ``asked``: the message is about contacts, so any number in it is one.
    """
    contacts = ContactService(turn.session, turn.clock)
    found = contacts.check_each(turn.heard.text) if asked else contacts.check_all(turn.heard.text)
    others = without_own(found, turn.loans, turn.conversation.customer_id)
    if not others and asked:
        others = found  # their own number is all that they ask about
    tell_public(turn, others)
    checked = [item for item in others if item.result != "public"]
    if len(checked) == 1:
        tell_one(turn, checked[0])
    elif checked:
        tell_each(turn, checked)
    show_verdicts(turn, checked)
    return bool(others)


def tell_public(turn: Turn, found: list[ContactCheck]) -> None:
    """What the hotlines of the authorities are that were named (product §4): not ours, and no fraud either."""
    registry = default_registry()
    named = [line for line in (registry.public_line(item.value) for item in found if item.result == "public") if line]
    if named:
        public_lines = lines(word(turn, "public_line", number=line.number, label=line.label) for line in named)
        turn.say("regulator_line", number="、".join(line.number for line in named), public_lines=public_lines)


def tell_one(turn: Turn, found: ContactCheck) -> None:
    if found.kind == "person":
        turn.answer("person", intent="verify_official_contact")
    else:
        turn.answer(found.result, intent="verify_official_contact", kind_text=word(turn, f"kind_{found.kind}"))


def tell_each(turn: Turn, checked: list[ContactCheck]) -> None:
    """One line each, in the order in which they were written, and the warning that the worst of them needs."""
    verdicts = (
        word(turn, f"verdict_{item.result}", number=str(number), kind_text=word(turn, f"kind_{item.kind}"))
        for number, item in enumerate(checked, 1)
    )
    all_ours = all(item.result == "official" for item in checked)
    turn.answer("several_official" if all_ours else "several", intent="verify_official_contact", verdict_lines=lines(verdicts))


def show_verdicts(turn: Turn, checked: list[ContactCheck]) -> None:
    """A card for each, none of which repeats the contact; what is not ours goes on file."""
    where = turn.conversation
    unknown = [item for item in checked if item.result == "unknown"]
    ContactService(turn.session, turn.clock).report_each(
        unknown, conversation_id=where.conversation_id, customer_id=where.customer_id
    )
    for item in checked:
        turn.card(item.card())


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
    show_named(turn)
    hand_over(turn, "fraud", PRIORITY_FRAUD, case_no=opened.case.case_no)


def fraud_anonymous(turn: Turn) -> None:
    """What to do now, the contacts on file, and a person with priority; nobody has to log in for that."""
    turn.answer()
    show_named(turn)
    hand_over(turn, "fraud", PRIORITY_FRAUD)


def show_named(turn: Turn) -> None:
    """The verdicts on whatever contacts a telling of a fraud names."""
    found = ContactService(turn.session, turn.clock).check_all(turn.heard.text)
    others = without_own(found, turn.loans, turn.conversation.customer_id)
    show_verdicts(turn, [item for item in others if item.result != "public"])


HANDLERS = {"report_fraud": fraud}
