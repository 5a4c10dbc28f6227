"""Loan facts as ready lines of text. The words come from data/answers/lines.yml; here values become ¥320.67 and 8月10日."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from actions.turn import Turn
from bot.core.clock import chinese_date
from bot.core.money import Fen, format_yuan
from bot.loans.port import (
    Application,
    Bill,
    Contract,
    DebitAttempt,
    Instalment,
    Payment,
    QuoteLine,
    may_retry_on,
)

yuan = format_yuan
day = chinese_date


def moment(at: datetime) -> str:
    """``8月10日 09:00``."""
    return f"{chinese_date(at.date())} {at:%H:%M}"


def percent(rate: str) -> str:
    """``"0.144"`` → ``14.4%``, exactly as the contract says."""
    value = (Decimal(rate) * 100).normalize()
    return f"{value:f}%"


def percent_rounded(rate: str) -> str:
    """``"0.195618171432"`` → ``19.56%``, half up: for a figure that has no end."""
    return f"{(Decimal(rate) * 100).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP)}%"


def lines(items: Iterable[str]) -> str:
    """Several facts, one a line, as every ``*_lines`` placeholder expects."""
    return "\n".join(f"· {item}" for item in items)


def word(turn: Turn, key: str, fallback: str | None = None, **values: str) -> str:
    """A line or name from data/answers; ``fallback`` is the key used when there is no wording for ``key``."""
    texts = turn.texts.dialogue
    return texts[key if key in texts or fallback is None else fallback].render(**values)


def parts(turn: Turn, *, interest: Fen, fee: Fen, penalty: Fen) -> str:
    """The parts of an amount besides principal that are not zero."""
    named = (("interest", interest), ("fee", fee), ("penalty", penalty))
    return "".join(word(turn, f"part_{name}", amount=yuan(amount)) for name, amount in named if amount)


def quote_line(turn: Turn, line: QuoteLine) -> str:
    return word(
        turn,
        "line_contract_quote",
        contract_no=line.contract_no,
        product=line.product_name,
        principal=yuan(line.principal),
        parts=parts(turn, interest=line.interest, fee=line.fee, penalty=line.penalty),
        total=yuan(line.total),
    )


def bill_line(turn: Turn, bill: Bill) -> str:
    return word(
        turn,
        "line_bill",
        contract_no=bill.contract_no,
        instalment=str(bill.instalment),
        due_on=day(bill.due_on),
        principal=yuan(bill.principal),
        parts=parts(turn, interest=bill.interest, fee=bill.fee, penalty=bill.penalty),
        amount=yuan(bill.amount),
    )


def due_line(turn: Turn, bill: Bill) -> str:
    return word(
        turn,
        "line_due",
        due_on=day(bill.due_on),
        amount=yuan(bill.amount),
        contract_no=bill.contract_no,
        instalment=str(bill.instalment),
    )


def overdue_line(turn: Turn, bill: Bill) -> str:
    return word(
        turn,
        "line_overdue",
        contract_no=bill.contract_no,
        instalment=str(bill.instalment),
        due_on=day(bill.due_on),
        days=str(bill.overdue_days),
        amount=yuan(bill.amount),
    )


def attempt_line(turn: Turn, attempt: DebitAttempt) -> str:
    result = word(turn, f"attempt_{attempt.result_code}", "attempt_ok" if attempt.side == "none" else f"attempt_{attempt.side}")
    return word(turn, "line_attempt", at=moment(attempt.attempted_at), amount=yuan(attempt.amount), result=result)


def payment_line(turn: Turn, payment: Payment) -> str:
    return word(
        turn,
        "line_payment",
        at=moment(payment.created_at),
        amount=yuan(payment.amount),
        payment_no=payment.payment_no,
        state=word(turn, f"advice_{payment.advice}"),
    )


def refusal_line(turn: Turn, application: Application) -> str:
    retry_on = may_retry_on(application)
    return word(
        turn,
        "line_refusal_page" if application.retry_on else "line_refusal_default",
        refused_on=day(refused_on(application)),
        amount=yuan(application.amount),
        retry_on=day(retry_on) if retry_on else "",
    )


def refused_on(application: Application) -> date:
    return (application.decided_at or application.applied_at).date()


def rate_line(turn: Turn, contract: Contract, accrued: Fen) -> str:
    """What a contract costs; ``accrued`` is its interest up to today in 分 (used where interest runs by the day)."""
    facts = {
        "contract_no": contract.contract_no,
        "product": contract.product_name,
        "principal": yuan(contract.principal),
        "cost": percent_rounded(contract.annual_cost),
    }
    if contract.daily_rate:
        return word(turn, "line_contract_rate_day", **facts, rate=percent(contract.daily_rate), interest=yuan(accrued))
    if contract.annual_rate:
        interest = contract.current.interest if contract.current else 0
        return word(turn, "line_contract_rate_year", **facts, rate=percent(contract.annual_rate), interest=yuan(interest))
    if contract.period_fee_rate and Decimal(contract.period_fee_rate):
        fee = contract.instalments[0].fee
        return word(turn, "line_contract_rate_fee", **facts, rate=percent(contract.period_fee_rate), fee=yuan(fee))
    return word(turn, "line_contract_rate_free", **facts)


def contract_line(turn: Turn, contract: Contract) -> str:
    """A contract with its state: still open, or settled on which day."""
    return word(
        turn,
        "line_contract_settled" if contract.settled_on else "line_contract_open",
        contract_no=contract.contract_no,
        product=contract.product_name,
        drawn_on=day(contract.drawn_on),
        principal=yuan(contract.principal),
        settled_on=day(contract.settled_on) if contract.settled_on else "",
    )


def plan_line(turn: Turn, contract: Contract, current: Instalment) -> str:
    return word(
        turn,
        "line_contract_plan",
        contract_no=contract.contract_no,
        product=contract.product_name,
        periods=str(contract.periods),
        paid=str(contract.paid_periods),
        amount=yuan(current.amount_due),
        due_on=day(current.due_on),
    )
