"""An appeal in conversation: "我不服", "我要申诉". It is asked about once, because it starts the clock of the case again."""

from __future__ import annotations

from actions.lexicon import dialogue_words
from actions.turn import Turn
from actions.wording import day
from bot.cases.service import CaseView

INTENT = "appeal_case"


def offer_appeal(turn: Turn) -> bool:
    """Whether the borrower does not accept a decision that can still be appealed against; then they were asked to confirm it."""
    if not turn.identified or turn.heard.is_payload or not dialogue_words().appeal.search(turn.heard.text):
        return False
    if (turn.slots.get("pending_offer") or {}).get("intent") == INTENT and turn.heard.intent in ("affirm", "deny"):
        return False  # the answer to our question: "好，我要申诉"
    case = decided_case_of(turn)
    if case is None:
        return False
    until = turn.cases.appeal_until(turn.customer_id, case.case_no)
    turn.say("confirm_appeal", case_no=case.case_no, until=day(until or turn.today))
    offer = {"intent": INTENT, "case_no": case.case_no, "text": turn.heard.text, "turn": turn.number}
    turn.remember("pending_offer", offer)
    return True


def decided_case_of(turn: Turn) -> CaseView | None:
    """The named case, or the newest one, with a decision that can still be appealed against; whichever channel it came from."""
    named = turn.heard.first("case_no")
    cases = [case for case in turn.cases.cases_of(turn.customer_id) if named in (None, case.case_no)]
    return next((case for case in cases if turn.cases.appeal_until(turn.customer_id, case.case_no)), None)


def appeal(turn: Turn, case_no: str, text: str) -> None:
    """Somebody else decides anew (product §4)."""
    case = turn.cases.appeal(**turn.origin, case_no=case_no, text=text, key=turn.key("appeal"))
    turn.say("appeal_made", case_no=case_no, decide_by=day(case.decide_by))
    turn.card(case.card())
