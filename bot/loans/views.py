"""Turns rows and positions into the values of ``port.py``. No SQL, no decisions about money."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import cast

from bot.loans import models as m
from bot.loans import port as p
from bot.loans.codes import side_of
from bot.loans.cost import plan_cost
from bot.loans.position import CASH_LOANS, Book, Position
from bot.loans.servicing.models import OverdueFlagRow

STUCK_AFTER = timedelta(days=1)
"""A payment that the bank has not answered for this long needs a person."""


def instalment(book: Book, position: Position, as_of: date) -> p.Instalment:
    overdue_days = max(0, (as_of - position.due_on).days) if not position.settled else 0
    status: p.InstalmentStatus = "settled" if position.settled else "overdue" if overdue_days else "open"
    return p.Instalment(
        number=position.number,
        starts_on=position.starts_on,
        due_on=position.due_on,
        principal=position.principal,
        interest=position.interest_at_due,
        fee=position.fee_at_due,
        penalty=position.penalty,
        paid_principal=position.paid_principal,
        paid_interest=position.paid_interest,
        paid_fee=position.paid_fee,
        paid_penalty=position.paid_penalty,
        waived_penalty=position.waived_penalty,
        penalty_due=position.penalty_due,
        overdue_days=overdue_days,
        accrual_held=any(hold.instalment == position.number and hold.released_on is None for hold in book.holds),
        status=status,
    )


def contract(row: m.ContractRow, product: m.ProductRow, book: Book, stand: Sequence[Position], as_of: date) -> p.Contract:
    items = tuple(instalment(book, position, as_of) for position in stand)
    statuses = {item.status for item in items}
    rate = format(row.rate, "f")
    return p.Contract(
        contract_no=row.contract_no,
        customer_id=row.customer_id,
        product=book.product,
        product_name=product.name,
        principal=row.principal,
        outstanding_principal=sum(position.principal_due for position in stand),
        drawn_on=row.drawn_on,
        periods=row.periods,
        daily_rate=rate if product.method == "by_day" else None,
        annual_rate=rate if product.method not in {"by_day", "fee_per_period"} else None,
        period_fee_rate=rate if product.method == "fee_per_period" else None,
        penalty_daily_rate=format(row.penalty_daily_rate, "f"),
        annual_cost=format(plan_cost(book.plan, by_day=book.daily_rate is not None).normalize(), "f"),
        status="overdue" if "overdue" in statuses else "open" if "open" in statuses else "settled",
        settled_on=row.settled_on,
        instalments=items,
    )


def allocation_order(contract: p.Contract) -> tuple[bool, date, str]:
    """Sort key: cash loans first, then the oldest unpaid due date, then the number (product §1)."""
    current = contract.current
    return (contract.product not in CASH_LOANS, current.due_on if current else date.max, contract.contract_no)


def bill(contract: p.Contract, item: p.Instalment) -> p.Bill:
    return p.Bill(
        contract_no=contract.contract_no,
        product=contract.product,
        product_name=contract.product_name,
        instalment=item.number,
        periods=contract.periods,
        due_on=item.due_on,
        principal=item.principal - item.paid_principal,
        interest=max(0, item.interest - item.paid_interest),
        fee=max(0, item.fee - item.paid_fee),
        penalty=item.penalty_due,
        amount=item.amount_due,
        overdue_days=item.overdue_days,
        status=item.status,
    )


def bills(contracts: Sequence[p.Contract]) -> tuple[p.Bill, ...]:
    """The overdue instalments and the next one of each contract, oldest due date first."""
    found: list[p.Bill] = []
    for each in contracts:
        found += [bill(each, item) for item in each.instalments if item.status == "overdue"]
        following = next((item for item in each.instalments if item.status == "open"), None)
        if following is not None:
            found.append(bill(each, following))
    return tuple(sorted(found, key=lambda entry: (entry.due_on, entry.product not in CASH_LOANS, entry.contract_no)))


def outstanding(contracts: Sequence[p.Contract], payoff_total: int, as_of: date) -> p.Outstanding:
    items = [item for each in contracts for item in each.instalments if item.status != "settled"]
    overdue = [item for item in items if item.status == "overdue"]
    ahead = [item for item in items if item.due_on > as_of]
    next_due_on = min((item.due_on for item in ahead), default=None)
    return p.Outstanding(
        as_of=as_of,
        payoff_total=payoff_total,
        due_now=sum(item.amount_due for item in items if item.due_on <= as_of),
        overdue_amount=sum(item.amount_due for item in overdue),
        overdue_days=max((item.overdue_days for item in overdue), default=0),
        penalty=sum(item.penalty_due for item in items),
        next_due_on=next_due_on,
        next_due_amount=sum(item.amount_due for item in ahead if item.due_on == next_due_on),
    )


def credit_line(row: m.CreditLineRow, changes: Sequence[m.CreditLineChangeRow], used: int) -> p.CreditLine:
    return p.CreditLine(
        customer_id=row.customer_id,
        limit=row.limit_amount,
        used=used,
        available=0 if row.status == "frozen" else max(0, row.limit_amount - used),
        status=cast(p.LineStatus, row.status),
        reason=row.reason,
        changes=tuple(
            p.CreditLineChange(entry.at, entry.old_limit, entry.new_limit, cast(p.LineStatus, entry.status), entry.reason)
            for entry in changes
        ),
    )


def application(row: m.ApplicationRow, products: Mapping[str, m.ProductRow]) -> p.Application:
    return p.Application(
        application_no=row.application_no,
        product=cast(p.ProductCode, row.product_code),
        product_name=products[row.product_code].name,
        amount=row.amount,
        applied_at=row.applied_at,
        status=cast(p.ApplicationStatus, row.status),
        decided_at=row.decided_at,
        refusal_reason=cast("p.RefusalReason | None", row.refusal_reason),
        retry_on=row.retry_on,
    )


def payment(
    row: m.PaymentRow,
    targets: Sequence[p.InstalmentRef],
    parts: Sequence[p.AllocationLine],
    now: datetime,
    surplus_nos: Collection[str],
) -> p.Payment:
    """``surplus_nos``: the payments that are the surplus part of a double debit.

    An order that waits to be sent is shown as ``processing``: the borrower has done their part, and that it has not left yet is
    our side (product §3 b).
    """
    status = cast(p.PaymentStatus, "processing" if row.status == "created" else row.status)
    return p.Payment(
        payment_no=row.payment_no,
        kind=cast(p.PaymentKind, row.kind),
        amount=row.amount,
        status=status,
        created_at=row.created_at,
        resolved_at=row.resolved_at,
        informed_at=row.informed_at,
        result_code=row.result_code,
        side=side_of(row.result_code),
        targets=tuple(targets),
        left_over=row.amount - row.applied if status == "settled" else 0,
        advice=_advice(row, now, surplus=row.payment_no in surplus_nos),
        parts=() if status == "returned" else tuple(parts),
    )


def _advice(row: m.PaymentRow, now: datetime, *, surplus: bool) -> p.Advice:
    if row.status == "settled":
        return "taken_twice" if surplus else "done_with_refund" if row.applied < row.amount else "done"
    if row.status == "failed":
        return "failed_check_card" if side_of(row.result_code) == "borrower" else "failed_our_fault"
    if row.status == "returned":
        return "returned_pay_again"
    if row.kind == "scheduled":
        return "taken_posts_on_due_date"
    return "stuck_do_not_pay_again" if now - row.created_at >= STUCK_AFTER else "wait"


def double_debits(
    payments: Sequence[m.PaymentRow], targets: Mapping[str, Sequence[p.InstalmentRef]], refunds: Sequence[m.RefundRow]
) -> tuple[p.DoubleDebit, ...]:
    """Instalments for which a settled auto-debit took money that was not needed; newest first."""
    settled = sorted((row for row in payments if row.status == "settled"), key=lambda row: (row.created_at, row.payment_no))
    refund_of = {row.payment_no: row.refund_no for row in refunds if row.reason == "double_debit"}
    found: list[p.DoubleDebit] = []
    for row in reversed(settled):
        if row.kind != "auto_debit" or row.applied == row.amount:
            continue
        ref = targets[row.payment_no][0]
        group = [other for other in settled if ref in targets.get(other.payment_no, ())]
        found.append(
            p.DoubleDebit(
                contract_no=ref.contract_no,
                instalment=ref.instalment,
                payment_nos=tuple(other.payment_no for other in group),
                amount_each=row.amount,
                taken_at=tuple(other.created_at for other in group),
                surplus=row.amount - row.applied,
                surplus_payment_no=row.payment_no,
                refund_no=refund_of.get(row.payment_no),
            )
        )
    return tuple(found)


def scheduled(row: m.ScheduledRepaymentRow) -> p.ScheduledRepayment:
    return p.ScheduledRepayment(
        scheduled_no=row.scheduled_no,
        contract_no=row.contract_no,
        instalment=row.instalment,
        amount=row.amount,
        execute_on=row.execute_on,
        posts_on=row.posts_on,
        status=cast(p.ScheduledStatus, row.status),
        created_at=row.created_at,
    )


def mandate(row: m.MandateRow) -> p.Mandate:
    status = "active" if row.revoked_at is None else "revoked"
    return p.Mandate(row.mandate_no, row.bank_name, row.card_tail, status, row.signed_at, row.revoked_at)  # type: ignore[arg-type]


def debit_attempt(row: m.DebitAttemptRow) -> p.DebitAttempt:
    return p.DebitAttempt(
        contract_no=row.contract_no,
        instalment=row.instalment,
        amount=row.amount,
        attempted_at=row.attempted_at,
        result_code=row.result_code,
        side=cast(p.Side, row.side),
        payment_no=row.payment_no,
    )


def incident(row: m.IncidentRow) -> p.Incident:
    return p.Incident(
        incident_no=row.incident_no,
        channel=cast(p.IncidentChannel, row.channel),
        status="confirmed" if row.status == "confirmed" else "suspected",
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        confirmed_by=row.confirmed_by,
        summary=row.summary,
        bank_name=row.bank_name,
        kind=cast(p.IncidentKind, row.kind),
        detected=row.detected,
    )


def app_error(row: m.AppErrorRow) -> p.AppError:
    return p.AppError(row.at, cast(p.AppOperation, row.operation), row.code, row.contract_no)


def overdue_flag(row: OverdueFlagRow) -> p.OverdueFlag:
    return p.OverdueFlag(
        row.contract_no, row.instalment, cast(p.Flag, row.flag), cast(p.FlagState, row.state), row.reason, row.at
    )


def notice(row: m.NoticeRow) -> p.Notice:
    return p.Notice(
        contract_no=row.contract_no,
        instalment=row.instalment,
        kind=row.kind,  # type: ignore[arg-type]  # the table's check constraint names the same values
        channel=row.channel,  # type: ignore[arg-type]
        sent_at=row.sent_at,
        delivery=cast(p.Delivery, row.delivery),
        delivered_at=row.delivered_at,
    )


def drawdown(row: m.DisbursementRow, of: m.ContractRow, products: Mapping[str, m.ProductRow]) -> p.Drawdown:
    return p.Drawdown(
        contract_no=row.contract_no,
        product=cast(p.ProductCode, of.product_code),
        product_name=products[of.product_code].name,
        amount=row.amount,
        requested_at=row.requested_at,
        paid_at=row.paid_at,
        status=row.status,  # type: ignore[arg-type]  # the table's check constraint names the same values
        payee=row.payee,
    )


def receipt(row: m.ReceiptRow) -> p.Receipt:
    return p.Receipt(
        receipt_no=row.receipt_no,
        kind="waiver" if row.kind == "waiver" else "refund",
        customer_id=row.customer_id,
        contract_no=row.contract_no,
        instalment=row.instalment,
        amount=row.amount,
        reason=row.reason,
        at=row.at,
        refund_no=row.refund_no,
    )


def refund(row: m.RefundRow) -> p.Refund:
    return p.Refund(
        refund_no=row.refund_no,
        amount=row.amount,
        reason=row.reason,  # type: ignore[arg-type]  # the table's check constraint names the same values
        payment_no=row.payment_no,
        status="paid" if row.status == "paid" else "pending",
        created_at=row.created_at,
        paid_at=row.paid_at,
    )


def hold(row: m.AccrualHoldRow) -> p.AccrualHold:
    return p.AccrualHold(row.contract_no, row.instalment, row.reason, row.held_on, row.released_on)
