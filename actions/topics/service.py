"""People and cases: handing over to a human, progress of cases, replies without a topic."""

from __future__ import annotations

from actions.turn import Turn
from actions.wording import day, lines, word
from bot.cases.service import CaseService, CaseView
from bot.conversations.handoff import Handoff, HandoffService

PRIORITY_ASKED = 0
PRIORITY_FRAUD = 5
PRIORITY_DISTRESS = 10


def hand_over(turn: Turn, reason: str, priority: int = PRIORITY_ASKED, *, announce: bool = True) -> Handoff:
    """Puts the conversation in the queue (product §5) and says where the borrower stands.

    ``reason`` is a code for the desk: ``asked``, ``misunderstood``, ``fraud``, ``distress``.
    """
    handoff = HandoffService(turn.session, turn.clock).request(
        turn.conversation.conversation_id, reason=reason, priority=priority
    )
    if handoff.state == "offline":
        turn.say("handoff_offline", case_no=handoff.case_no or "")
    elif announce:
        turn.answer("queued", intent="request_human", position=str(handoff.position or 1))
    turn.card(
        {
            "type": "handoff",
            "state": handoff.state,
            "position": handoff.position,
            "reason": handoff.reason,
            "case_no": handoff.case_no,
        }
    )
    return handoff


def case_line(turn: Turn, case: CaseView) -> str:
    return word(
        turn,
        "line_case",
        case_no=case.case_no,
        kind=word(turn, f"case_kind_{case.kind}"),
        status=word(turn, f"case_status_{case.status}"),
        received_on=day(case.received_on),
        decide_by=day(case.decide_by),
    )


def complaint_progress(turn: Turn) -> None:
    cases = CaseService(turn.session, turn.clock, turn.loans).cases_of(turn.customer_id)
    asked = turn.heard.first("case_no")
    if asked:
        cases = [case for case in cases if case.case_no == asked]
        if not cases:
            turn.say("case_not_found")
            return
    if not cases:
        turn.answer("none")
        return
    turn.answer("cases", case_lines=lines(case_line(turn, case) for case in cases))
    for case in cases:
        turn.card(case.card())


HANDLERS = {"ask_complaint_progress": complaint_progress}
