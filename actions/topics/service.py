"""People and cases: handing over to a human, progress of cases, replies without a topic."""

from __future__ import annotations

from actions.turn import Turn
from actions.wording import day, lines, word
from bot.cases.service import CaseView
from bot.conversations.danger import PRIORITY_DISTRESS
from bot.conversations.handoff import Handoff, HandoffService

PRIORITY_ASKED = 0


def hand_over(turn: Turn, reason: str, priority: int = PRIORITY_ASKED, *, case_no: str | None = None) -> Handoff:
    """Puts the conversation in the queue (product §5) and says where the borrower stands.

    ``reason`` is a code for the desk: ``asked``, ``misunderstood``, ``fraud``, ``distress``.
    """
    service = HandoffService(turn.session, turn.clock, turn.texts)
    conversation_id = turn.conversation.conversation_id
    handoff = service.request(conversation_id, reason=reason, priority=priority, case_no=case_no, story=turn.story)
    if handoff.state == "queued":
        turn.answer("queued", intent="request_human", position=str(handoff.position or 1))
    elif handoff.state == "offline" and handoff.case_no:
        turn.say("handoff_offline", case_no=handoff.case_no)
    elif handoff.state == "offline":
        turn.say("handoff_noted", hours=turn.settings.office_hours)
    turn.card(handoff.card())
    return handoff


def misunderstood_again(turn: Turn) -> bool:
    """Counts a misunderstanding; the second in a row brings a person (product §5), and then this is True."""
    misses = int(turn.slots.get("misunderstandings") or 0) + 1
    if misses < 2:
        turn.remember("misunderstandings", misses)
        return False
    turn.remember("misunderstandings", 0)
    turn.say("give_up")
    hand_over(turn, "misunderstood")
    return True


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
    cases = turn.cases.cases_of(turn.customer_id)
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


def extension(turn: Turn) -> None:
    """Who cannot pay gets the answer; who tells of hardship gets a person with priority too (product §5)."""
    turn.answer(intent="request_extension")
    if turn.heard.first("distress"):
        hand_over(turn, "distress", PRIORITY_DISTRESS)


FOR_ALL = {"request_extension": extension}
HANDLERS = {"ask_complaint_progress": complaint_progress}
