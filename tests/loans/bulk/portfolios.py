"""Random portfolios made by the real services: payments early, late, partial, hanging and returned, disputes, failed debits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hypothesis import assume
from hypothesis import strategies as st

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.errors import CareError
from bot.loans.port import InstalmentRef
from tests.loans.conftest import CUSTOMER, World

RATES = {"KD": ["0.0004", "0.00037", "0"], "YD": ["0.144", "0.0725"], "XW": ["0.12", "0"], "FQ": ["0.006", "0"]}
CODES = ["SYS_TIMEOUT", "INSUFFICIENT_FUNDS", "CARD_CLOSED"]
ACTIONS = [
    "pay", "pay_contract", "pay_overdue", "hang", "give_back", "hold", "release", "waive", "refund", "schedule", "debit", "sign",
    "revoke", "wait",
]  # fmt: skip


@dataclass(frozen=True)
class Draw:
    product: str
    principal: int
    rate: int
    term: int


@dataclass(frozen=True)
class Action:
    """``share`` in thousandths; ``pick`` chooses among contracts, instalments and codes."""

    kind: str
    days: int
    share: int
    pick: int


draws = st.lists(
    st.builds(
        Draw,
        product=st.sampled_from(sorted(RATES)),
        principal=st.one_of(st.integers(1, 400), st.integers(10_000, 900_000)),
        rate=st.integers(0, 2),
        term=st.integers(3, 12),
    ),
    min_size=1,
    max_size=4,
)
actions = st.lists(
    st.builds(
        Action,
        kind=st.sampled_from(ACTIONS),
        days=st.integers(0, 17),
        share=st.integers(1, 1000),
        pick=st.integers(0, 30),
    ),
    min_size=1,
    max_size=14,
)
starts = st.dates(date(2026, 1, 1), date(2028, 12, 31))
hours = st.sampled_from([time(8, 59), time(9), time(12, 30), time(18)])


def clock_on(start: date) -> FixedClock:
    return FixedClock(datetime.combine(start, time(10), SHANGHAI))


def draw_all(world: World, drawn: list[Draw]) -> list[str]:
    """Contract numbers; the second customer has no line left to draw but a contract of their own story.

    A tiny contract may cost more than the law allows a year and is refused; a book needs one that is not.
    """
    contracts = []
    for each in drawn:
        savepoint = world.session.begin_nested()
        try:
            rate = RATES[each.product][each.rate % len(RATES[each.product])]
            contracts.append(world.draw(each.product, each.principal, rate, each.term))
            savepoint.commit()
        except CareError:
            savepoint.rollback()
            world.session.expire_all()
    assume(contracts)
    return contracts


def act(world: World, contracts: list[str], action: Action, key: str) -> None:
    """One thing that happens after some days; what the rules refuse does not happen."""
    world.clock.advance(days=action.days)
    contract_no = contracts[action.pick % len(contracts)]
    number = 1 + action.pick % len(world.unit.repository.instalments([contract_no]))
    savepoint = world.session.begin_nested()
    try:
        _DO[action.kind](world, contract_no, number, action, key)
        savepoint.commit()
    except CareError:
        savepoint.rollback()
        world.session.expire_all()


def move_to_a_due_day(world: World, offset: int, at: time) -> None:
    """Moves on to ``offset`` days after the next due date of an unsettled instalment, if there is one."""
    today = world.clock.today()
    rows = world.unit.repository.unsettled_due_by(date.max)
    ahead = sorted(row.due_on for row in rows if row.due_on >= today)
    day = (ahead[0] if ahead else today) + timedelta(days=offset)
    world.clock.moment = datetime.combine(day, at, SHANGHAI)


def _pay(world: World, contracts: list[str] | None, share: int, key: str) -> str:
    total = world.loans.payoff_quote(CUSTOMER, contract_nos=contracts).total
    payment = world.loans.create_payment(CUSTOMER, max(1, total * share // 1000), key=key, contract_nos=contracts)
    return world.payments.settle(payment.payment_no).payment_no


def _pay_overdue(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    rows = world.unit.repository.unsettled_due_by(world.clock.today())
    if rows:
        row = rows[action.pick % len(rows)]
        amount = max(1, (row.principal + row.interest + row.fee) * action.share // 1000)
        payment = world.payments.record(CUSTOMER, amount, [InstalmentRef(row.contract_no, row.number)], kind="own")
        world.clock.advance(days=action.pick % 3)
        world.payments.settle(payment.payment_no)


def _give_back(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    number_ = _pay(world, None, action.share, key)
    world.clock.advance(days=action.pick % 7)
    world.payments.give_back(number_, "BANK_RETURNED")


def _waive(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    world.loans.waive_penalty(contract_no, number, 1 + action.share // 100, reason="x", key=key)


def _refund(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    world.loans.refund_penalty(contract_no, number, 1 + action.share // 100, reason="x", key=key)


def _debit(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    for mandate in world.unit.repository.mandates(CUSTOMER):
        if mandate.revoked_at is None:
            world.debits.record(mandate, InstalmentRef(contract_no, number), 100, CODES[action.pick % len(CODES)])


def _revoke(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    mandate = world.loans.mandate(CUSTOMER)
    if mandate is not None:
        world.loans.revoke_mandate(CUSTOMER, mandate.mandate_no, key=key)


def _schedule(world: World, contract_no: str, number: int, action: Action, key: str) -> None:
    world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today(), key=key)


_DO: dict[str, Callable[[World, str, int, Action, str], object]] = {
    "pay": lambda world, contract_no, number, action, key: _pay(world, None, action.share, key),
    "pay_contract": lambda world, contract_no, number, action, key: _pay(world, [contract_no], action.share, key),
    "pay_overdue": _pay_overdue,
    "hang": lambda world, contract_no, number, action, key: world.payments.record(
        CUSTOMER, 100, [InstalmentRef(contract_no, number)], kind="own"
    ),
    "give_back": _give_back,
    "hold": lambda world, contract_no, number, action, key: world.loans.hold_accrual(contract_no, number, "x", key=key),
    "release": lambda world, contract_no, number, action, key: world.loans.release_accrual(contract_no, number, key=key),
    "waive": _waive,
    "refund": _refund,
    "schedule": _schedule,
    "debit": _debit,
    "sign": lambda world, contract_no, number, action, key: world.records.sign_mandate(CUSTOMER),
    "revoke": _revoke,
    "wait": lambda world, contract_no, number, action, key: None,
}
