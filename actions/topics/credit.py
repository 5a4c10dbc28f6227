"""The credit line: how much, why it changed, whether one may borrow again."""

from __future__ import annotations

from actions.turn import Turn
from actions.wording import word, yuan


def credit_limit(turn: Turn) -> None:
    line = turn.loans.credit_line(turn.customer_id)
    turn.answer(
        "line",
        limit=yuan(line.limit),
        available=yuan(line.available),
        used=yuan(line.used),
        status_text=word(turn, f"line_status_{line.status}"),
    )


def increase_limit(turn: Turn) -> None:
    line = turn.loans.credit_line(turn.customer_id)
    turn.answer("line", limit=yuan(line.limit), available=yuan(line.available))


def limit_problem(turn: Turn) -> None:
    line = turn.loans.credit_line(turn.customer_id)
    if line.status == "frozen":
        turn.answer("frozen", limit=yuan(line.limit), reason=word(turn, f"line_reason_{line.reason}", "line_reason_other"))
    elif line.available <= 0:
        turn.answer("all_used", limit=yuan(line.limit), used=yuan(line.used))
    else:
        turn.answer("normal", limit=yuan(line.limit), available=yuan(line.available), used=yuan(line.used))


def reborrow(turn: Turn) -> None:
    line = turn.loans.credit_line(turn.customer_id)
    if line.status == "frozen":
        turn.answer("frozen")
    elif turn.loans.outstanding(turn.customer_id).overdue_amount:
        turn.answer("overdue")
    elif line.available <= 0:
        turn.answer("none_available", limit=yuan(line.limit), used=yuan(line.used))
    else:
        turn.answer("available", available=yuan(line.available))


HANDLERS = {
    "ask_credit_limit": credit_limit,
    "ask_increase_limit": increase_limit,
    "report_limit_problem": limit_problem,
    "ask_reborrow": reborrow,
}
