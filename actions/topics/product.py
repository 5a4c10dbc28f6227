"""Applications and disbursement."""

from __future__ import annotations

from datetime import timedelta

from actions.turn import Turn
from actions.wording import day, lines, refusal_line, refused_on, word, yuan
from bot.loans.port import may_retry_on

RECENT = timedelta(days=30)


def application_failed(turn: Turn) -> None:
    """Fact 1 of product §1: the limit first, then the refusals and the day from which a new try makes sense."""
    customer = turn.loans.customer(turn.customer_id)
    line = turn.loans.credit_line(turn.customer_id)
    if line.status != "normal":
        turn.answer("line_not_normal", name=customer.name, status_text=word(turn, f"line_status_{line.status}"))
        return
    refusals = [item for item in turn.loans.applications(turn.customer_id) if item.status == "refused"]
    available = yuan(line.available)
    if not refusals:
        turn.answer("no_refusal", name=customer.name, available=available)
        return
    retry_on = max(filter(None, map(may_retry_on, refusals)))
    if len(refusals) > 1:
        refusal_lines = lines(refusal_line(turn, item) for item in refusals)
        turn.answer("both_kinds", name=customer.name, available=available, refusal_lines=refusal_lines, retry_on=day(retry_on))
        return
    variant = "line_normal_with_retry" if refusals[0].retry_on else "line_normal_no_retry"
    turn.answer(variant, name=customer.name, available=available, refused_on=day(refused_on(refusals[0])), retry_on=day(retry_on))


def application_status(turn: Turn) -> None:
    latest = next((item for item in turn.loans.applications(turn.customer_id) if item.status != "cancelled"), None)
    if latest is None:
        turn.answer("none")
        return
    applied_on = day(latest.applied_at.date())
    retry_on = may_retry_on(latest)
    if retry_on is not None:
        turn.answer("refused", applied_on=applied_on, retry_on=day(retry_on))
    else:
        turn.answer(latest.status, applied_on=applied_on, amount=yuan(latest.amount))


def cancel_application(turn: Turn) -> None:
    pending = next((item for item in turn.loans.applications(turn.customer_id) if item.status == "pending"), None)
    if pending is None:
        turn.answer("none")
    else:
        turn.answer("pending", applied_on=day(pending.applied_at.date()), amount=yuan(pending.amount))


def disbursement(turn: Turn) -> None:
    drawdown = next(iter(turn.loans.drawdowns(turn.customer_id)), None)
    if drawdown is None or drawdown.requested_at < turn.clock.now() - RECENT:
        turn.answer()
        return
    turn.answer(
        "recent",
        contract_no=drawdown.contract_no,
        amount=yuan(drawdown.amount),
        drawn_on=day(drawdown.requested_at.date()),
        card_tail=turn.loans.customer(turn.customer_id).card_tail,
    )


HANDLERS = {
    "report_application_failed": application_failed,
    "ask_application_status": application_status,
    "cancel_application": cancel_application,
    "ask_disbursement": disbursement,
}
