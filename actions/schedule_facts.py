"""Scheduled repayment: which days, which instalments, and what is said about them."""

from __future__ import annotations

from datetime import date
from typing import Any

from actions import cards
from actions.topics.trouble import hanging
from actions.turn import Turn
from actions.wording import day, yuan
from bot.loans.port import ScheduledRepayment, ScheduleWindow

INTENT = "schedule_repayment"


def windows(turn: Turn) -> list[ScheduleWindow]:
    """One per open contract, earliest due date first."""
    found = [turn.loans.schedule_window(turn.customer_id, item.contract_no) for item in turn.loans.contracts(turn.customer_id)]
    return sorted(found, key=lambda window: window.due_on or date.max)


def parse_day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def fits(window: ScheduleWindow, chosen: date | None) -> bool:
    return bool(chosen and window.first_day and window.last_day and window.first_day <= chosen <= window.last_day)


def last_day_named(turn: Turn) -> Any:
    """ "不是明天，是后天": the last one counts."""
    return next(reversed(turn.heard.all("date")), None)


def say_bad_date(turn: Turn, window: ScheduleWindow) -> None:
    first, last = window.first_day or turn.today, window.last_day or turn.today
    turn.answer("bad_date", intent=INTENT, first_day=day(first), last_day=day(last))


def find_scheduled(turn: Turn, scheduled_no: str) -> ScheduledRepayment:
    return next(item for item in turn.loans.scheduled_repayments(turn.customer_id) if item.scheduled_no == scheduled_no)


def say_scheduled(turn: Turn, variant: str, repayment: ScheduledRepayment) -> None:
    turn.answer(
        variant,
        intent=INTENT,
        contract_no=repayment.contract_no,
        instalment=str(repayment.instalment),
        amount=yuan(repayment.amount),
        execute_on=day(repayment.execute_on),
        posts_on=day(repayment.posts_on),
    )


def say_taken(turn: Turn, taken: ScheduledRepayment) -> None:
    turn.answer(
        "taken",
        intent=INTENT,
        contract_no=taken.contract_no,
        instalment=str(taken.instalment),
        posts_on=day(taken.posts_on),
    )


def say_refused(turn: Turn, found: list[ScheduleWindow]) -> None:
    """Why no instalment can be scheduled now; the reason that helps most comes first."""
    by_reason = {item.reason: item for item in reversed(found) if item.reason}
    if "already_scheduled" in by_reason:
        window = by_reason["already_scheduled"]
        made = next(
            item
            for item in turn.loans.scheduled_repayments(turn.customer_id)
            if item.contract_no == window.contract_no
            and item.instalment == window.instalment
            and item.status in ("scheduled", "taken")
        )
        say_scheduled(turn, "already", made)
    elif "payment_processing" in by_reason:
        window = by_reason["payment_processing"]
        processing = [item for item in turn.loans.payments(turn.customer_id) if item.status in ("created", "processing")]
        variant, values = hanging(turn, processing)
        turn.answer(f"processing{variant}", intent="report_repayment_not_posted", **values)
        turn.card(cards.payment_status(processing))
    elif "overdue" in by_reason:
        window = by_reason["overdue"]
        contract = turn.loans.contract(turn.customer_id, window.contract_no)
        days = contract.current.overdue_days if contract.current else 0
        turn.answer("overdue", intent=INTENT, contract_no=window.contract_no, overdue_days=str(days))
    elif "too_early" in by_reason:
        window = by_reason["too_early"]
        opens_on = window.opens_on or turn.today
        turn.answer(
            "too_early",
            intent=INTENT,
            contract_no=window.contract_no,
            instalment=str(window.instalment),
            due_on=day(window.due_on or turn.today),
            opens_on=day(opens_on),
            days_until_open=str((opens_on - turn.today).days),
        )
    else:
        turn.answer("nothing", intent=INTENT)
        return
    turn.card(cards.schedule_refused(window))
