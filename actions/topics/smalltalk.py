"""Yes, no and "that was not it": they mean something only where a question is open."""

from __future__ import annotations

from collections.abc import Callable

from actions.appeal import INTENT as APPEAL
from actions.appeal import appeal
from actions.topics.service import hand_over, misunderstood_again
from actions.turn import Turn


def affirm(turn: Turn) -> None:
    offer = turn.slots.get("pending_offer") or {}
    if offer.get("intent") == "request_human":
        hand_over(turn, "asked")
    elif offer.get("intent") == "schedule_repayment":
        turn.follow_up = "schedule_form"
    elif offer.get("intent") == "withdraw_complaint":
        withdraw(turn, offer["case_no"])
    elif offer.get("intent") == APPEAL:
        appeal(turn, offer["case_no"], offer["text"])
    else:
        turn.answer()


def withdraw(turn: Turn, case_no: str) -> None:
    """Ends the case today (product §4)."""
    case = turn.cases.withdraw(customer_id=turn.customer_id, case_no=case_no, key=turn.key("withdraw"))
    turn.say("complaint_withdrawn", case_no=case_no)
    turn.card(case.card())


def deny(turn: Turn) -> None:
    """ "都不是" after the meanings were offered; a declined offer; or a no to nothing."""
    if turn.slots.get("misunderstandings"):
        turn.say("none_of_these")
        turn.offer("request_human")
    else:
        turn.answer()


def unresolved(turn: Turn) -> None:
    """The borrower says the answer did not help: a misunderstanding like any other, so the second in a row brings a person."""
    if not misunderstood_again(turn):
        turn.answer()
        turn.offer("request_human")


HANDLERS: dict[str, Callable[[Turn], None]] = {"affirm": affirm, "deny": deny, "report_unresolved": unresolved}
