"""An appeal in conversation: "我不服", "我要申诉". It is asked about once, because it starts the clock of the case again."""

from __future__ import annotations

from collections.abc import Iterable

from actions.lexicon import dialogue_words
from actions.turn import Turn
from actions.wording import day, word
from bot.cases.policy import WayOn
from bot.cases.service import CaseView, DecisionView

INTENT = "appeal_case"


def offer_appeal(turn: Turn) -> bool:
    """Whether the borrower does not accept a decision that can still be appealed against; then they were asked to confirm it."""
    if not turn.identified or turn.heard.is_payload or not dialogue_words().appeal.search(turn.heard.text):
        return False
    if (turn.slots.get("pending_offer") or {}).get("intent") == INTENT and turn.heard.intent in ("affirm", "deny"):
        return False  # the answer to our question: "好，我要申诉"
    case = decided_case_of(turn)
    return case is not None and offer_appeal_of(turn, case)


def offer_appeal_of(turn: Turn, case: CaseView, question: str = "confirm_appeal") -> bool:
    """Asks whether to appeal against the decision of ``case``; false when none stands or its period is over."""
    until = turn.cases.appeal_until(turn.customer_id, case.case_no)
    if until is None:
        return False
    turn.say(question, case_no=case.case_no, until=day(until))
    offer = {"intent": INTENT, "case_no": case.case_no, "text": turn.story, "turn": turn.number}
    turn.remember("pending_offer", offer)
    return True


def tell_ways_on(turn: Turn, case: CaseView) -> None:
    """After a decision: the appeal with one word, while there is time for it; else what is left."""
    if offer_appeal_of(turn, case, "offer_appeal"):
        return
    policy = turn.cases.book.policies.on(case.received_on)
    turn.say("appeal_over", case_no=case.case_no, ways=ways_line(turn, [way for way in policy.ways_on if way.days is None]))


def ways_line(turn: Turn, ways: Iterable[WayOn]) -> str:
    """One phrase for each of ``ways``."""
    return "、".join(word(turn, f"way_{way.way}", days=str(way.days), number=way.number or "") for way in ways)


def decision_words(decision: DecisionView) -> dict[str, str]:
    """The words of a person's decision, as an answer fills them in."""
    return {"found": decision.facts, "reasons": decision.reasons, "result": decision.remedy}


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
