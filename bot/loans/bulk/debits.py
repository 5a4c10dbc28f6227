"""The due-day run of the auto-debit over all contracts: one INSERT … SELECT, the same orders as ``AutoDebitService.plan_one``."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    any_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session, aliased

from bot.loans.bulk.accrual import PENALTY_RATE
from bot.loans.bulk.principal import is_held, overdue_principal_days, repaid_before_due
from bot.loans.bulk.sql import DayNumber, HalfUp, RandomDigits, at_least_zero, insert_rows, prefer_indexes, rates
from bot.loans.models import (
    ContractRow,
    CustomerRow,
    DebitAttemptRow,
    InstalmentRow,
    MandateRow,
    PaymentRow,
    PaymentTargetRow,
    ScheduledRepaymentRow,
)
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.servicing.policy import DebitPolicy
from bot.loans.unit import Unit

ROW, CONTRACT, MANDATE, ORDER = InstalmentRow, ContractRow, MandateRow, ChannelOrderRow
KD_RATE = case((CONTRACT.product_code == "KD", type_coerce(CONTRACT.rate, String)))
"""The text of the daily rate, for KD only."""


def order_all(unit: Unit, policy: DebitPolicy) -> int:
    """Orders every debit that is due now; how many were new. Safe to repeat and to run twice at once. Ask ``sql.fits`` first.

    The borrowers are locked first, as for one debit: a payment that somebody makes meanwhile is seen, or sees the debit.
    """
    session, today = unit.session, unit.clock.today()
    slots = {late: policy.slot(late, unit.clock.now().time()) for late in (0, 1)}
    due_now = _due_now(today, policy, slots)
    if due_now is None:
        return 0
    prefer_indexes(session)
    wanted = [due_now, *_not_blocked(today, slots, policy)]
    locked = _lock_borrowers(session, wanted)
    if not locked:
        return 0
    if session.get_bind().dialect.name == "postgresql":  # elsewhere the whole database is locked
        wanted.append(CONTRACT.customer_id == any_(literal(locked, ARRAY(String))))
    found = session.execute(_tried(select(PENALTY_RATE, KD_RATE)).where(*wanted).distinct()).all()
    if not found:
        return 0
    penalty = rates({each[0] for each in found}, "penalty_rates")
    # Without a KD contract a rate of nothing keeps the statement the same.
    daily = rates({each[1] for each in found if each[1] is not None} or {"0"}, "daily_rates")
    rows = orders(unit, _candidates(wanted, penalty, daily, _slot(today, slots)))
    names = ["order_no", "kind", "customer_id", "amount", "contract_no", "instalment", "mandate_no", "run_on", "slot", "status"]
    statement = insert(ChannelOrderRow).from_select([*names, "created_at", "sent_times"], rows, include_defaults=False)
    return insert_rows(session, statement)


def _lock_borrowers(session: Session, wanted: list[ColumnElement[bool]]) -> list[str]:
    """Locks the borrowers to be debited, in one order, so that two workers wait for each other instead of blocking each other."""
    whose = _tried(select(CONTRACT.customer_id)).where(*wanted)
    lock = select(CustomerRow.customer_id).where(CustomerRow.customer_id.in_(whose)).order_by(CustomerRow.customer_id)
    return list(session.scalars(lock.with_for_update()))


def _tried(query: Any) -> Select[Any]:
    """From instalments with their contract and the borrower's active mandate."""
    found: Select[Any] = (
        query.select_from(ROW)
        .join(CONTRACT, CONTRACT.contract_no == ROW.contract_no)
        .join(MANDATE, and_(MANDATE.customer_id == CONTRACT.customer_id, MANDATE.revoked_at.is_(None)))
    )
    return found


def _slot(today: date, slots: dict[int, int | None]) -> ColumnElement[int]:
    return case((ROW.due_on == today, slots[0]), else_=slots[1])


def _due_now(today: date, policy: DebitPolicy, slots: dict[int, int | None]) -> ColumnElement[bool] | None:
    """Unsettled instalments for which a try is due at this hour; ``None``: for none."""
    days = []
    if slots[0] is not None:
        days.append(ROW.due_on == today)
    if slots[1] is not None and policy.retry_days > 0:
        days.append(and_(ROW.due_on < today, ROW.due_on >= today - timedelta(days=policy.retry_days)))
    return and_(ROW.settled_on.is_(None), or_(*days)) if days else None


def _not_blocked(today: date, slots: dict[int, int | None], policy: DebitPolicy) -> tuple[ColumnElement[bool], ...]:
    """The try was not ordered yet, nothing else is under way, there is no dispute, and it is not hopeless (``plan_one``)."""
    return (
        ~and_(ROW.due_on < today, is_held(ROW.contract_no, ROW.number)),
        ~exists().where(_of(ORDER), ORDER.run_on == today, ORDER.slot == _slot(today, slots)),
        ~_under_way(),
        func.coalesce(_last_code(), "").not_in(policy.final_codes),
    )


def _candidates(wanted: list[ColumnElement[bool]], penalty: CTE, daily: CTE, slot: ColumnElement[int]) -> CTE:
    """The instalments to be tried, with what their amount depends on."""
    tail = aliased(ROW)
    opening = select(cast(func.sum(tail.principal), BigInteger)).where(
        tail.contract_no == ROW.contract_no, tail.number >= ROW.number
    )
    columns = select(
        ROW.contract_no, ROW.number, CONTRACT.customer_id, MANDATE.mandate_no, slot.label("slot"),
        DayNumber(ROW.starts_on).label("starts_day"), DayNumber(ROW.due_on).label("due_day"),
        ROW.principal, ROW.interest, ROW.fee,
        ROW.paid_principal, ROW.paid_interest, ROW.paid_fee, (ROW.paid_penalty + ROW.waived_penalty).label("had_penalty"),
        opening.scalar_subquery().label("opening"),
        penalty.c.numerator, penalty.c.denominator,
        daily.c.numerator.label("daily_numerator"), daily.c.denominator.label("daily_denominator"),
    )  # fmt: skip
    return (
        _tried(columns)
        .join(penalty, penalty.c.rate == PENALTY_RATE)
        .outerjoin(daily, daily.c.rate == KD_RATE)
        .where(*wanted)
        .cte("candidates")
    )


def _of(of: Any) -> ColumnElement[bool]:
    return and_(of.contract_no == ROW.contract_no, of.instalment == ROW.number)


def _under_way() -> ColumnElement[bool]:
    """Another payment, debit or scheduled repayment of the instalment has not ended (``AutoDebitService._order``)."""
    live = ("created", "processing")
    payment = (
        exists()
        .where(_of(PaymentTargetRow), PaymentRow.payment_no == PaymentTargetRow.payment_no, PaymentRow.status.in_(live))
    )  # fmt: skip
    debit = exists().where(_of(ORDER), ORDER.kind == "auto_debit", ORDER.status.in_(live))
    schedule = exists().where(_of(ScheduledRepaymentRow), ScheduledRepaymentRow.status.in_(("scheduled", "taken")))
    return or_(payment, debit, schedule)


def _last_code() -> Any:
    """How the last try under the present mandate ended."""
    row = DebitAttemptRow
    own = select(row.result_code).where(_of(row), row.customer_id == CONTRACT.customer_id, row.mandate_no == MANDATE.mandate_no)
    return own.order_by(row.attempted_at.desc(), row.id.desc()).limit(1).correlate(ROW, CONTRACT, MANDATE).scalar_subquery()


def orders(unit: Unit, found: CTE) -> Select[Any]:
    """The orders of ``_candidates``: ``Position.total_due`` of today, on or after the due date."""
    today, now = unit.clock.today(), unit.clock.now()
    owed = _owed(found, today)
    prefix = f"P-{today:%Y%m%d}-"
    return select(
        literal(prefix).op("||")(RandomDigits()),
        literal("auto_debit"),
        owed.c.customer_id,
        owed.c.amount,
        owed.c.contract_no,
        owed.c.number,
        owed.c.mandate_no,
        literal(today),
        owed.c.slot,
        literal("created"),
        literal(now, ORDER.created_at.type),
        literal(0),
    ).where(owed.c.amount > 0)


def _owed(found: CTE, today: date) -> Any:
    """Candidates with the amount that closes them today, 分."""
    ahead, late = repaid_before_due(found), overdue_principal_days(found, today)
    days = found.c.due_day - found.c.starts_day
    stood = (
        select(
            found,
            (found.c.opening * days).label("full_standing"),
            (found.c.opening * days - func.coalesce(ahead.c.ahead, 0)).label("standing"),
            func.coalesce(ahead.c.before, 0).label("before"),
            func.coalesce(late.c.standing, 0).label("overdue_standing"),
        )
        .outerjoin(ahead, and_(ahead.c.contract_no == found.c.contract_no, ahead.c.number == found.c.number))
        .outerjoin(late, and_(late.c.contract_no == found.c.contract_no, late.c.number == found.c.number))
        .subquery("stood")
    ).c
    interest = case(
        (stood.full_standing == 0, 0),
        # One instalment by the day: its interest is exact until this one rounding.
        (stood.daily_numerator.is_not(None), HalfUp(stood.standing, stood.daily_numerator, stood.daily_denominator)),
        else_=HalfUp(stood.standing, stood.interest, func.nullif(stood.full_standing, 0)),
    )
    fee = case((stood.before >= stood.principal, 0), else_=stood.fee)
    penalty = HalfUp(stood.overdue_standing, stood.numerator, stood.denominator)
    amount = (
        stood.principal - stood.paid_principal
        + at_least_zero(interest - stood.paid_interest)
        + at_least_zero(fee - stood.paid_fee)
        + at_least_zero(penalty - stood.had_penalty)
    )  # fmt: skip
    return select(
        stood.contract_no, stood.number, stood.customer_id, stood.mandate_no, stood.slot, amount.label("amount")
    ).subquery("owed")
