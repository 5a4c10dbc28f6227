"""A complaint told as a story (bot/nlu/issues.py): one case for all of it, and a word on every matter that it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from actions.disputed import Disputed
from actions.meaning import SMALLTALK
from actions.topics.safety import check_contact
from actions.topics.trouble import pay_once
from actions.turn import Turn
from actions.wording import day, lines

DISPUTE = "dispute_overdue_fee"
SYSTEM_TROUBLES = frozenset(
    {DISPUTE, "report_auto_debit_failed", "report_repayment_failed", "report_repayment_not_posted", "report_system_error"}
)
"""Told of an overdue instalment, two of these dispute it, whether or not the borrower asks for the fee back (better for them)."""


NO_MATTER = SMALLTALK | {"request_human"}
"""Nothing that a case could be about: "尊敬的客服", "没用"."""


def is_story(turn: Turn) -> bool:
    return len(turn.heard.issues) > 1


def hear_story(turn: Turn) -> None:
    """Makes a story of troubles around an overdue instalment a dispute, so that the harm stops and one case holds everything."""
    if not is_story(turn) or not turn.identified or turn.heard.intent not in SYSTEM_TROUBLES:
        return
    if len(SYSTEM_TROUBLES.intersection(turn.heard.issues)) > 1 and any(
        bill.overdue_days for bill in turn.loans.bills(turn.customer_id)
    ):
        turn.heard = replace(turn.heard, intent=DISPUTE)


def tell_further(turn: Turn, case_no: str, disputed: Disputed | None = None) -> None:
    """What else the story held, after the leading issue was answered: the facts where we have some, and that all is on file."""
    if not is_story(turn):
        return
    for answer in dict.fromkeys(FURTHER[issue] for issue in turn.heard.issues if issue in FURTHER):
        answer(turn, disputed)
    titles = [
        turn.texts.answers[issue].title for issue in turn.heard.issues if issue in turn.texts.answers and issue not in NO_MATTER
    ]
    turn.say("story_on_file", case_no=case_no, issue_lines=lines(titles))


def _hanging(turn: Turn, disputed: Disputed | None) -> None:
    pay_once(turn)


def _reminder(turn: Turn, disputed: Disputed | None) -> None:
    """Whether we reminded of this instalment: it is evidence, and never decides alone (product §3)."""
    if disputed is None:
        return
    notices = turn.loans.notices(turn.customer_id, disputed.contract_no, disputed.instalment)
    sent = [item for item in notices if item.kind == "due_reminder"]
    arrived = next((item for item in sent if item.delivered_at), None)
    if arrived and arrived.delivered_at:
        turn.say("story_reminder_arrived", at=day(arrived.delivered_at.date()))
    else:
        turn.say("story_reminder_lost" if sent else "story_reminder_missing", due_on=day(disputed.due_on))


def tell_contact(turn: Turn) -> None:
    """What an anonymous story says of somebody who wants money needs no identity to be answered (product §2)."""
    if is_story(turn) and "verify_official_contact" in turn.heard.issues:
        _contact(turn, None)


def _contact(turn: Turn, disputed: Disputed | None) -> None:
    if not check_contact(turn, asked=False):
        turn.say("story_contact")


FURTHER: dict[str, Callable[[Turn, Disputed | None], None]] = {
    "report_repayment_failed": _hanging,
    "report_repayment_not_posted": _hanging,
    "manage_notifications": _reminder,
    "verify_official_contact": _contact,
}
