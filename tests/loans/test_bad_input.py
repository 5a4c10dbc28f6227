"""Every command of the loan services refuses bad input with one stable code and writes nothing, on SQLite and on PostgreSQL."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Base
from bot.core.errors import CareError
from bot.core.settings import ROOT
from bot.loans.catalogue import Catalogue
from bot.loans.corrections import CorrectionService
from bot.loans.origination import LoanTerms
from bot.loans.port import InstalmentRef
from bot.loans.servicing.channel import ChannelEvent, ChannelResult
from bot.loans.servicing.incidents import IncidentService
from bot.loans.servicing.notices import NoticeService
from bot.loans.servicing.orders import OrderService
from bot.loans.servicing.overdue import OverdueService
from bot.loans.servicing.policy import Policy
from tests.loans.conftest import CUSTOMER, World, make_world

OTHER = "C9002"
NUL = "FQ-\x00"
HUGE = 10**18
MOMENT = datetime(2026, 8, 22, 9, tzinfo=SHANGHAI)


@dataclass
class Facts:
    """A customer with an overdue contract, a settled one and one not yet due, and somebody else's contract."""

    world: World

    def __post_init__(self) -> None:
        world = self.world
        world.open_customer(OTHER)
        self.foreign = world.draw("FQ", 60000, "0", 6, OTHER)
        self.foreign_ref = InstalmentRef(self.foreign, 1)
        self.closed = world.draw("KD", 100_000, "0.0004", 30)
        self.overdue = world.draw("FQ", 60000, "0.006", 6)
        world.clock.advance(days=20)
        self.settled = self._pay(100_000 + 800, [self.closed])
        failed = world.payments.record(CUSTOMER, 100, [InstalmentRef(self.overdue, 1)], kind="own")
        self.failed = world.payments.fail(failed.payment_no, "SYS_TIMEOUT").payment_no
        self.current = world.draw("YD", 100_000, "0.12", 6)
        world.clock.advance(days=20)
        self.processing = world.loans.create_payment(CUSTOMER, 100, key="p", contract_nos=[self.overdue]).payment_no
        world.clock.advance(days=4)
        self.taken_back = world.loans.schedule_repayment(CUSTOMER, self.current, world.clock.today(), key="s").scheduled_no
        world.loans.cancel_scheduled_repayment(CUSTOMER, self.taken_back, key="c")
        self.pending = world.origination.apply(CUSTOMER, "KD", 1000).application_no
        self.refused = world.origination.apply(CUSTOMER, "KD", 1000).application_no
        world.origination.refuse(self.refused, "policy", None)
        self.mandate = world.unit.repository.mandates(CUSTOMER)[0]
        self.authorisation = world.records.give_authorisation(CUSTOMER, "资金方")
        self.revoked = world.records.give_authorisation(CUSTOMER, "资金方")
        world.records.revoke_authorisation(self.revoked)
        self.corrections = CorrectionService(world.unit)
        self.policy = Policy.load(ROOT / "data" / "catalogue")
        self.orders = OrderService(world.unit)
        self.overdues = OverdueService(world.unit, self.policy.bureau_after_days)
        self.notices = NoticeService(world.unit, self.policy)
        self.incidents = IncidentService(world.unit)
        self.incident = world.records.declare_incident("all", world.clock.now(), "x", confirmed_by=None).incident_no
        self.notice = self.notices.dun(InstalmentRef(self.overdue, 1), "sms", "debtor", key="used").notice_key
        self.ref = InstalmentRef(self.overdue, 1)
        self.posting = world.unit.repository.live_allocations(self.settled)[0]
        self.today = world.clock.today()

    def _pay(self, amount: int, contracts: list[str]) -> str:
        payment = self.world.loans.create_payment(CUSTOMER, amount, key=f"pay {contracts}", contract_nos=contracts)
        return self.world.payments.settle(payment.payment_no).payment_no

    def terms(self, **changed: Any) -> LoanTerms:
        return LoanTerms(**{"product": "FQ", "principal": 1000, "rate": Decimal(0), "term": 6, "payee": "x", **changed})


@pytest.fixture
def facts(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> Facts:
    return Facts(make_world(each_session, clock, catalogue))


def everything(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    world.session.flush()
    tables = Base.metadata.sorted_tables
    return {table.name: sorted(map(tuple, world.session.execute(table.select())), key=repr) for table in tables}


Command = Callable[[Facts], object]


def loans(method: str, *args: Any, **kwargs: Any) -> Command:
    return lambda f: getattr(f.world.loans, method)(*_filled(f, args), **_filled_names(f, kwargs))


OF_FACTS = ("corrections", "orders", "overdues", "notices", "incidents")


def service(name: str, method: str, *args: Any, **kwargs: Any) -> Command:
    def call(f: Facts) -> object:
        of = getattr(f, name) if name in OF_FACTS else getattr(f.world, name)
        return getattr(of, method)(*_filled(f, args), **_filled_names(f, kwargs))

    return call


class Fact(str):
    """Stands for an attribute of ``Facts`` until the command is called."""

    __slots__ = ()


def _fill(f: Facts, value: Any) -> Any:
    if isinstance(value, Fact):
        return getattr(f, value)
    if isinstance(value, list):
        return [_fill(f, item) for item in value]
    return value


def _filled(f: Facts, args: tuple[Any, ...]) -> list[Any]:
    return [_fill(f, value) for value in args]


def _filled_names(f: Facts, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: _fill(f, value) for name, value in kwargs.items()}


def _terms_command(changed: dict[str, Any]) -> Command:
    return lambda f: f.world.origination.draw_down(CUSTOMER, f.terms(**changed), key="k")


AMOUNTS: tuple[Any, ...] = (-1, 0, HUGE, True, "100", Decimal(100))
AMOUNT_COMMANDS: dict[str, Callable[[Any], Command]] = {
    "loans.create_payment": lambda n: loans("create_payment", CUSTOMER, n, key="k"),
    "loans.repayment_preview": lambda n: loans("repayment_preview", CUSTOMER, n),
    "loans.waive_penalty": lambda n: loans("waive_penalty", Fact("overdue"), 1, n, reason="x", key="k"),
    "loans.refund_penalty": lambda n: loans("refund_penalty", Fact("overdue"), 1, n, reason="x", key="k"),
    "loans.refund_payment": lambda n: loans("refund_payment", Fact("settled"), n, reason="x", key="k"),
    "origination.apply": lambda n: service("origination", "apply", CUSTOMER, "KD", n),
    "origination.draw_down": lambda n: lambda f: f.world.origination.draw_down(CUSTOMER, f.terms(principal=n), key="k"),
    "payments.record": lambda n: service("payments", "record", CUSTOMER, n, [Fact("ref")], kind="own"),
    "debits.record": lambda n: service("debits", "record", Fact("mandate"), Fact("ref"), n, "SUCCESS"),
}
BAD_AMOUNTS = [(f"{name} {n!r}", make(n), "invalid_amount") for name, make in AMOUNT_COMMANDS.items() for n in AMOUNTS]
BAD_LIMITS = [
    (f"origination.set_line {n!r}", service("origination", "set_line", CUSTOMER, n, "normal", "x"), "invalid_amount")
    for n in AMOUNTS
    if n != 0
]

MORE_THAN_OWED: list[tuple[str, Command, str]] = [
    ("loans.create_payment", loans("create_payment", CUSTOMER, 10**9, key="k"), "amount_exceeds_owed"),
    ("loans.waive_penalty", loans("waive_penalty", Fact("overdue"), 1, 10**6, reason="x", key="k"), "amount_exceeds_owed"),
    ("loans.refund_penalty", loans("refund_penalty", Fact("overdue"), 1, 1, reason="x", key="k"), "amount_exceeds_owed"),
    ("loans.refund_payment", loans("refund_payment", Fact("settled"), 1, reason="x", key="k"), "amount_exceeds_owed"),
    (
        "origination.draw_down",
        lambda f: f.world.origination.draw_down(CUSTOMER, f.terms(principal=10**9), key="k"),
        "insufficient_line",
    ),
]

CONTRACTS: dict[str, Any] = {"foreign": Fact("foreign"), "unknown": "FQ-404", "NUL": NUL, "empty": "", "number": 5}
OF_ONE_CUSTOMER: dict[str, Callable[[Any], Command]] = {
    "loans.create_payment": lambda no: loans("create_payment", CUSTOMER, 100, key="k", contract_nos=[no]),
    "loans.payoff_quote": lambda no: loans("payoff_quote", CUSTOMER, contract_nos=[no]),
    "loans.report_app_error": lambda no: loans("report_app_error", CUSTOMER, "repay", "E", MOMENT, key="k", contract_no=no),
    "loans.repayment_preview": lambda no: loans("repayment_preview", CUSTOMER, 100, contract_nos=[no]),
    "loans.schedule_repayment": lambda no: loans("schedule_repayment", CUSTOMER, no, date(2026, 9, 22), key="k"),
    "payments.record": lambda no: lambda f: f.world.payments.record(CUSTOMER, 1, [InstalmentRef(_fill(f, no), 1)], kind="own"),
    "debits.record": lambda no: lambda f: f.world.debits.record(f.mandate, InstalmentRef(_fill(f, no), 1), 1, "SUCCESS"),
    "corrections.reapply": lambda no: (
        lambda f: f.corrections.reapply(f.settled, [InstalmentRef(_fill(f, no), 1)], reason="x", key="k")
    ),
}
OF_ANY_CUSTOMER: dict[str, Callable[[Any, Any], Command]] = {
    "loans.hold_accrual": lambda no, i: loans("hold_accrual", no, i, "x", key="k"),
    "loans.release_accrual": lambda no, i: loans("release_accrual", no, i, key="k"),
    "loans.waive_penalty": lambda no, i: loans("waive_penalty", no, i, 1, reason="x", key="k"),
    "loans.refund_penalty": lambda no, i: loans("refund_penalty", no, i, 1, reason="x", key="k"),
    "loans.correct_bureau_report": lambda no, i: loans("correct_bureau_report", no, i, reason="x", key="k"),
    "debits.run_one": lambda no, i: service("debits", "run_one", no, i),
    "debits.plan_one": lambda no, i: lambda f: f.world.debits.plan_one(InstalmentRef(_fill(f, no), i), f.policy.debit),
    "overdues.refresh": lambda no, i: lambda f: f.overdues.refresh(InstalmentRef(_fill(f, no), i)),
    "overdues.correct": lambda no, i: lambda f: f.overdues.correct(InstalmentRef(_fill(f, no), i), "x"),
    "notices.plan": lambda no, i: lambda f: f.notices.plan(InstalmentRef(_fill(f, no), i)),
    "notices.dun": lambda no, i: lambda f: f.notices.dun(InstalmentRef(_fill(f, no), i), "sms", "debtor", key="k"),
    "records.note_notice": lambda no, i: (
        lambda f: f.world.records.note_notice(InstalmentRef(_fill(f, no), i), "overdue", "sms", "delivered")
    ),
}
WRONG_CONTRACTS = (
    [
        (f"{name} {what}", make(no), "contract_not_found")
        for name, make in OF_ONE_CUSTOMER.items()
        for what, no in CONTRACTS.items()
    ]
    + [
        (f"{name} {what}", make(no, 1), "contract_not_found")
        for name, make in OF_ANY_CUSTOMER.items()
        for what, no in CONTRACTS.items()
        if what != "foreign"
    ]
    + [
        (f"overdues.accrue {what}", service("overdues", "accrue", [no]), "contract_not_found")
        for what, no in CONTRACTS.items()
        if what != "foreign"
    ]
)
WRONG_INSTALMENTS = [
    (f"{name} {number!r}", make(Fact("overdue"), number), "instalment_not_found")
    for name, make in OF_ANY_CUSTOMER.items()
    for number in (-1, 0, 7, HUGE, True, "1")
] + [
    ("corrections.reapply nowhere", service("corrections", "reapply", Fact("settled"), [], reason="x", key="k"),
     "instalment_not_found"),
]  # fmt: skip

CLOSED: list[tuple[str, Command, str]] = [
    ("loans.create_payment", OF_ONE_CUSTOMER["loans.create_payment"](Fact("closed")), "contract_settled"),
    ("loans.payoff_quote", OF_ONE_CUSTOMER["loans.payoff_quote"](Fact("closed")), "contract_settled"),
    ("loans.repayment_preview", OF_ONE_CUSTOMER["loans.repayment_preview"](Fact("closed")), "contract_settled"),
    ("loans.schedule_repayment", OF_ONE_CUSTOMER["loans.schedule_repayment"](Fact("closed")), "not_schedulable"),
    ("loans.waive_penalty", OF_ANY_CUSTOMER["loans.waive_penalty"](Fact("closed"), 1), "contract_settled"),
    ("loans.refund_penalty", OF_ANY_CUSTOMER["loans.refund_penalty"](Fact("closed"), 1), "amount_exceeds_owed"),
    ("loans.release_accrual", OF_ANY_CUSTOMER["loans.release_accrual"](Fact("closed"), 1), "no_hold"),
    ("loans.cancel_application decided", loans("cancel_application", CUSTOMER, Fact("refused"), key="k"), "application_decided"),
    ("origination.refuse decided", service("origination", "refuse", Fact("refused"), "policy", None), "application_decided"),
    ("origination.approve decided", service("origination", "approve", Fact("refused")), "application_decided"),
    ("loans.cancel_scheduled_repayment cancelled",
     loans("cancel_scheduled_repayment", CUSTOMER, Fact("taken_back"), key="k"), "not_cancellable"),
    ("payments.fail settled", service("payments", "fail", Fact("settled"), "SYS_TIMEOUT"), "payment_resolved"),
    ("payments.give_back failed", service("payments", "give_back", Fact("failed"), "BANK_RETURNED"), "payment_resolved"),
    ("payments.money_after_failure settled", service("payments", "money_after_failure", Fact("settled")), "payment_resolved"),
    ("overdues.correct never reported", lambda f: f.overdues.correct(InstalmentRef(f.current, 1), "x"), "not_reported"),
    ("notices.dun not overdue",
     lambda f: f.notices.dun(InstalmentRef(f.current, 1), "sms", "debtor", key="k"), "contact_refused"),
    ("notices.dun another", lambda f: f.notices.dun(f.ref, "sms", "employer", key="k"), "contact_refused"),
    ("notices.dun key of another contact",
     lambda f: f.notices.dun(f.ref, "call", "debtor", key="used"), "idempotency_key_reused"),
    ("corrections.reapply processing",
     service("corrections", "reapply", Fact("processing"), [Fact("ref")], reason="x", key="k"), "not_reversible"),
    ("corrections.reverse_waiver of an allocation",
     service("corrections", "reverse_waiver", Fact("posting"), reason="x", key="k"), "not_reversible"),
    ("records.note_inquiry revoked", service("records", "note_inquiry", Fact("revoked"), "line"), "authorisation_revoked"),
]  # fmt: skip

YESTERDAY, FAR = timedelta(days=-1), timedelta(days=31)
DATES: list[tuple[str, Command, str]] = [
    ("loans.payoff_quote past", lambda f: f.world.loans.payoff_quote(CUSTOMER, f.today + YESTERDAY), "invalid_date"),
    ("loans.payoff_quote far", lambda f: f.world.loans.payoff_quote(CUSTOMER, f.today + FAR), "invalid_date"),
    ("loans.repayment_preview past", lambda f: f.world.loans.repayment_preview(CUSTOMER, 1, f.today + YESTERDAY), "invalid_date"),
    ("loans.repayment_preview far", lambda f: f.world.loans.repayment_preview(CUSTOMER, 1, date.max), "invalid_date"),
    ("loans.schedule_repayment past",
     lambda f: f.world.loans.schedule_repayment(CUSTOMER, f.current, f.today + YESTERDAY, key="k"), "not_schedulable"),
    ("loans.schedule_repayment far",
     lambda f: f.world.loans.schedule_repayment(CUSTOMER, f.current, date.max, key="k"), "not_schedulable"),
    ("origination.refuse past",
     lambda f: f.world.origination.refuse(f.pending, "policy", f.today + YESTERDAY), "invalid_date"),
    ("loans.declare_incident without a zone",
     lambda f: f.world.loans.declare_incident("outage", "all", datetime(2026, 9, 1), "x", key="k"),  # noqa: DTZ001
     "invalid_date"),
    ("loans.declare_incident ahead",
     lambda f: f.world.loans.declare_incident("outage", "all", f.world.clock.now() + FAR, "x", key="k"), "invalid_date"),
    ("loans.declare_incident end before start",
     lambda f: f.world.loans.declare_incident(
         "outage", "all", f.world.clock.now(), "x", key="k", ends_at=f.world.clock.now() + YESTERDAY), "invalid_date"),
    ("loans.end_incident before its start",
     lambda f: f.world.loans.end_incident(f.incident, f.world.clock.now() + YESTERDAY, key="k"), "invalid_date"),
    ("loans.end_incident ahead",
     lambda f: f.world.loans.end_incident(f.incident, f.world.clock.now() + FAR, key="k"), "invalid_date"),
    ("loans.report_app_error without a zone",
     lambda f: f.world.loans.report_app_error(CUSTOMER, "repay", "E", datetime(2026, 9, 1), key="k"),  # noqa: DTZ001
     "invalid_date"),
    ("loans.report_app_error ahead",
     lambda f: f.world.loans.report_app_error(CUSTOMER, "repay", "E", f.world.clock.now() + FAR, key="k"), "invalid_date"),
    ("records.declare_incident without a zone",
     lambda f: f.world.records.declare_incident("all", datetime(2026, 9, 1), "x", confirmed_by=None),  # noqa: DTZ001
     "invalid_date"),
]  # fmt: skip

NOBODY: list[tuple[str, Command, str]] = [
    (f"{name} {who!r}", command, "customer_not_found")
    for who in ("C404", "C\x00", "", 5)
    for name, command in (
        ("loans.create_payment", loans("create_payment", who, 100, key="k")),
        ("loans.payoff_quote", loans("payoff_quote", who)),
        ("loans.repayment_preview", loans("repayment_preview", who, 100)),
        ("loans.schedule_repayment", loans("schedule_repayment", who, Fact("overdue"), date(2026, 9, 22), key="k")),
        ("loans.cancel_scheduled_repayment", loans("cancel_scheduled_repayment", who, Fact("taken_back"), key="k")),
        ("loans.cancel_application", loans("cancel_application", who, Fact("pending"), key="k")),
        ("loans.revoke_mandate", loans("revoke_mandate", who, "M-1", key="k")),
        ("loans.report_app_error", loans("report_app_error", who, "repay", "E", MOMENT, key="k")),
        ("loans.app_errors", loans("app_errors", who, date(2026, 8, 1), date(2026, 8, 22))),
        ("origination.set_line", service("origination", "set_line", who, 1000, "normal", "x")),
        ("origination.apply", service("origination", "apply", who, "KD", 1000)),
        ("payments.record", service("payments", "record", who, 1, [], kind="own")),
        ("records.sign_mandate", service("records", "sign_mandate", who)),
        ("records.give_authorisation", service("records", "give_authorisation", who, "资金方")),
    )
]

BY_NUMBER: dict[str, tuple[Callable[[Any], Command], str]] = {
    "payments.settle": (lambda no: service("payments", "settle", no), "payment_not_found"),
    "payments.fail": (lambda no: service("payments", "fail", no, "SYS_TIMEOUT"), "payment_not_found"),
    "payments.give_back": (lambda no: service("payments", "give_back", no, "BANK_RETURNED"), "payment_not_found"),
    "payments.money_after_failure": (lambda no: service("payments", "money_after_failure", no), "payment_not_found"),
    "scheduled.order": (lambda no: service("scheduled", "order", no), "scheduled_repayment_not_found"),
    "scheduled.post": (lambda no: service("scheduled", "post", no), "scheduled_repayment_not_found"),
    "loans.incident": (lambda no: loans("incident", no), "incident_not_found"),
    "loans.touched": (lambda no: loans("touched", no), "incident_not_found"),
    "loans.confirm_incident": (lambda no: loans("confirm_incident", no, "A1", key="k"), "incident_not_found"),
    "loans.end_incident": (lambda no: loans("end_incident", no, key="k"), "incident_not_found"),
    "notices.note_delivery": (lambda no: service("notices", "note_delivery", no, "delivered"), "notice_not_found"),
    "notices.compose": (lambda no: service("notices", "compose", no, {}), "notice_not_found"),
    "payments.mark_informed": (lambda no: service("payments", "mark_informed", no, key="k"), "payment_not_found"),
    "loans.mark_informed": (lambda no: loans("mark_informed", no, key="k"), "payment_not_found"),
    "loans.refund_payment": (lambda no: loans("refund_payment", no, 1, reason="x", key="k"), "payment_not_found"),
    "corrections.reapply": (
        lambda no: service("corrections", "reapply", no, [Fact("ref")], reason="x", key="k"),
        "payment_not_found",
    ),
    "loans.revoke_mandate": (lambda no: loans("revoke_mandate", CUSTOMER, no, key="k"), "mandate_not_found"),
    "loans.cancel_application": (lambda no: loans("cancel_application", CUSTOMER, no, key="k"), "application_not_found"),
    "origination.refuse": (lambda no: service("origination", "refuse", no, "policy", None), "application_not_found"),
    "origination.approve": (lambda no: service("origination", "approve", no), "application_not_found"),
    "loans.cancel_scheduled_repayment": (
        lambda no: loans("cancel_scheduled_repayment", CUSTOMER, no, key="k"),
        "scheduled_repayment_not_found",
    ),
}

UNKNOWN: list[tuple[str, Command, str]] = [
    ("origination.apply", service("origination", "apply", CUSTOMER, "ZZ", 1000), "product_not_found"),
    ("origination.draw_down",
     lambda f: f.world.origination.draw_down(CUSTOMER, f.terms(product="ZZ"), key="k"), "product_not_found"),
    *(
        (f"{name} {number!r}", make(number), code)
        for number in ("X-404", "\x00", "", 5)
        for name, (make, code) in BY_NUMBER.items()
    ),
    *(
        (f"corrections.reverse_waiver {number!r}",
         service("corrections", "reverse_waiver", number, reason="x", key="k"), "posting_not_found")
        for number in (-1, 0, 10**9, HUGE, 10**30, True)
    ),
]  # fmt: skip

TEXTS: list[tuple[str, Command, str]] = [
    *(
        (f"{name} {text!r:.20}", make(text), "invalid_text")
        for text in ("", " ", "x" * 201, "a\x00b", 5)
        for name, make in (
            ("loans.hold_accrual", lambda text: loans("hold_accrual", Fact("overdue"), 1, text, key="k")),
            ("loans.waive_penalty", lambda text: loans("waive_penalty", Fact("overdue"), 1, 1, reason=text, key="k")),
            ("loans.refund_penalty", lambda text: loans("refund_penalty", Fact("overdue"), 1, 1, reason=text, key="k")),
            ("loans.refund_payment", lambda text: loans("refund_payment", Fact("settled"), 1, reason=text, key="k")),
            ("loans.correct_bureau_report", lambda text: loans(
                "correct_bureau_report", Fact("overdue"), 1, reason=text, key="k")),
            ("payments.fail", lambda text: service("payments", "fail", Fact("processing"), text)),
            ("payments.give_back", lambda text: service("payments", "give_back", Fact("settled"), text)),
            ("loans.confirm_incident", lambda text: loans("confirm_incident", Fact("incident"), text, key="k")),
            ("loans.declare_incident bank", lambda text: lambda f: f.world.loans.declare_incident(
                "outage", "all", f.world.clock.now(), "x", key="k", bank_name=text)),
            ("loans.report_app_error code", lambda text: lambda f: f.world.loans.report_app_error(
                CUSTOMER, "repay", text, f.world.clock.now(), key="k")),
            ("overdues.correct", lambda text: lambda f: f.overdues.correct(f.ref, text)),
            ("records.declare_incident by", lambda text: lambda f: f.world.records.declare_incident(
                "all", f.world.clock.now(), "x", confirmed_by=text or " ")),
            ("records.declare_incident bank", lambda text: lambda f: f.world.records.declare_incident(
                "all", f.world.clock.now(), "x", confirmed_by=None, bank_name=text)),
            ("orders.apply number", lambda text: lambda f: f.orders.apply(ChannelResult(text, "settled"))),
            ("orders.apply code", lambda text: lambda f: f.orders.apply(ChannelResult(f.processing, "failed", text))),
            ("orders.receive event",
             lambda text: lambda f: f.orders.receive(ChannelEvent(text, ChannelResult(f.processing, "settled")))),
            ("orders.receive number",
             lambda text: lambda f: f.orders.receive(ChannelEvent("e", ChannelResult(text, "settled")))),
            ("debits.record", lambda text: service("debits", "record", Fact("mandate"), Fact("ref"), 1, text)),
            ("origination.register",
             lambda text: service("origination", "register", "C9003", text, "13900009003", "银行", "0003")),
            ("origination.set_line", lambda text: service("origination", "set_line", CUSTOMER, 1, "normal", text)),
            ("origination.draw_down",
             lambda text: lambda f: f.world.origination.draw_down(CUSTOMER, f.terms(payee=text), key="k")),
            ("records.give_authorisation", lambda text: service("records", "give_authorisation", CUSTOMER, text)),
            ("records.note_inquiry", lambda text: service("records", "note_inquiry", Fact("authorisation"), text)),
            ("corrections.reapply",
             lambda text: service("corrections", "reapply", Fact("settled"), [Fact("ref")], reason=text, key="k")),
            ("corrections.reverse_waiver",
             lambda text: service("corrections", "reverse_waiver", Fact("posting"), reason=text, key="k")),
        )
    ),
    ("records.declare_incident", lambda f: f.world.records.declare_incident(
        "all", f.world.clock.now(), "x" * 2001, confirmed_by=None), "invalid_text"),
    ("loans.declare_incident", lambda f: f.world.loans.declare_incident(
        "outage", "all", f.world.clock.now(), "x" * 2001, key="k"), "invalid_text"),
    ("loans.declare_incident channel",
     lambda f: f.world.loans.declare_incident("outage", "post", f.world.clock.now(), "x", key="k"),  # type: ignore[arg-type]
     "invalid_choice"),
    ("loans.declare_incident kind",
     lambda f: f.world.loans.declare_incident("rain", "all", f.world.clock.now(), "x", key="k"),  # type: ignore[arg-type]
     "invalid_choice"),
    ("loans.report_app_error operation",
     lambda f: f.world.loans.report_app_error(CUSTOMER, "dance", "E", f.world.clock.now(), key="k"),  # type: ignore[arg-type]
     "invalid_choice"),
    ("origination.register phone", service("origination", "register", "C9003", "x", "call me", "x", "0003"), "invalid_text"),
    ("origination.register taken", service("origination", "register", CUSTOMER, "x", "13900009003", "x", "0003"),
     "customer_exists"),
    ("origination.draw_down taken",
     lambda f: f.world.origination.draw_down(CUSTOMER, f.terms(), key="k", contract_no=f.foreign), "contract_exists"),
    ("origination.refuse", service("origination", "refuse", Fact("pending"), "bad mood", None), "invalid_choice"),
    ("origination.set_line", service("origination", "set_line", CUSTOMER, 1, "golden", "x"), "invalid_choice"),
    ("records.note_notice", service("records", "note_notice", Fact("ref"), "gossip", "sms", "delivered"), "invalid_choice"),
    ("notices.dun channel", lambda f: f.notices.dun(f.ref, "letter", "debtor", key="k"),  # type: ignore[arg-type]
     "invalid_choice"),
    ("notices.note_delivery state", service("notices", "note_delivery", Fact("notice"), "lost"), "invalid_choice"),
    ("orders.apply state", lambda f: f.orders.apply(ChannelResult(f.processing, "gone")),  # type: ignore[arg-type]
     "invalid_choice"),
    ("orders.receive state",
     lambda f: f.orders.receive(ChannelEvent("e", ChannelResult(f.processing, "gone"))),  # type: ignore[arg-type]
     "invalid_choice"),
    ("records.declare_incident channel",
     lambda f: f.world.records.declare_incident("post", f.world.clock.now(), "x", confirmed_by=None),  # type: ignore[arg-type]
     "invalid_choice"),
    *(
        (f"origination.draw_down {changed}", _terms_command(changed), "invalid_terms")
        for changed in (
            {"term": 0}, {"term": -1}, {"term": HUGE}, {"term": True}, {"rate": Decimal("NaN")}, {"rate": Decimal(-1)},
            {"rate": Decimal(HUGE)}, {"rate": 0}, {"due_day": 32},
        )
    ),
]  # fmt: skip

KEYS = [
    (f"{name} key {key!r:.10}", command, "invalid_input")
    for key in ("", "k" * 201, "k\x00", 5)
    for name, command in (
        ("loans.create_payment", loans("create_payment", CUSTOMER, 100, key=key)),
        ("origination.draw_down", lambda f, key=key: f.world.origination.draw_down(CUSTOMER, f.terms(), key=key)),
        ("notices.dun", service("notices", "dun", Fact("ref"), "sms", "debtor", key=key)),
        ("loans.schedule_repayment", loans("schedule_repayment", CUSTOMER, Fact("current"), date(2026, 10, 5), key=key)),
        ("loans.cancel_scheduled_repayment", loans("cancel_scheduled_repayment", CUSTOMER, Fact("taken_back"), key=key)),
        ("loans.cancel_application", loans("cancel_application", CUSTOMER, Fact("pending"), key=key)),
        ("loans.revoke_mandate", loans("revoke_mandate", CUSTOMER, "M-1", key=key)),
        ("loans.declare_incident", loans("declare_incident", "outage", "all", MOMENT, "x", key=key)),
        ("loans.confirm_incident", loans("confirm_incident", Fact("incident"), "A1", key=key)),
        ("loans.end_incident", loans("end_incident", Fact("incident"), key=key)),
        ("loans.report_app_error", loans("report_app_error", CUSTOMER, "repay", "E", MOMENT, key=key)),
        ("loans.hold_accrual", loans("hold_accrual", Fact("overdue"), 1, "x", key=key)),
        ("loans.release_accrual", loans("release_accrual", Fact("overdue"), 1, key=key)),
        ("loans.waive_penalty", loans("waive_penalty", Fact("overdue"), 1, 1, reason="x", key=key)),
        ("loans.refund_penalty", loans("refund_penalty", Fact("overdue"), 1, 1, reason="x", key=key)),
        ("loans.mark_informed", loans("mark_informed", Fact("settled"), key=key)),
        ("loans.refund_payment", loans("refund_payment", Fact("settled"), 1, reason="x", key=key)),
        ("loans.correct_bureau_report", loans("correct_bureau_report", Fact("overdue"), 1, reason="x", key=key)),
        ("corrections.reapply", service("corrections", "reapply", Fact("settled"), [Fact("ref")], reason="x", key=key)),
        ("corrections.reverse_waiver", service("corrections", "reverse_waiver", Fact("posting"), reason="x", key=key)),
    )
]

TABLE = [
    *BAD_AMOUNTS, *BAD_LIMITS, *MORE_THAN_OWED, *WRONG_CONTRACTS, *WRONG_INSTALMENTS, *CLOSED, *DATES, *NOBODY, *UNKNOWN, *TEXTS,
    *KEYS,
]  # fmt: skip


def test_every_bad_input_has_its_code_and_writes_nothing(facts: Facts) -> None:
    """One world for the whole table: each row must leave it as it was, so that the next row finds it so."""
    before = everything(facts.world)
    wrong: list[str] = []
    for name, command, code in TABLE:
        try:
            command(facts)
        except CareError as error:
            if error.code != code:
                wrong.append(f"{name}: {error.code}, expected {code}")
        else:
            wrong.append(f"{name}: accepted, expected {code}")
        after = everything(facts.world)
        if after != before:
            changed = [table for table in after if after[table] != before[table]]
            wrong.append(f"{name}: wrote to {changed}")
            before = after
    assert wrong == []


WITHOUT_INPUT = {
    "origination.load_catalogue", "debits.run", "debits.due", "scheduled.take_due", "scheduled.post_due", "scheduled.to_take",
    "scheduled.to_post", "overdues.candidates", "notices.candidates", "notices.to_send",
}  # fmt: skip
"""Take nothing that a caller could get wrong (the catalogue checks itself)."""
GIVEN_A_ROW = {"records.end_incident", "records.revoke_authorisation", "payments.finish", "payments.order"}
"""Take a row that was looked up before."""
NOTHING_TO_DO = {"orders.claim", "orders.run_now"}
"""Do nothing for an order that is not there: it may have ended since it was listed."""
ANSWERS = {"overdues.history", "overdues.state", "overdues.held", "overdues.settled", "notices.refusal"}
"""Only ask, of an instalment that was looked up before."""
BEHIND_THE_PORT = {
    "origination.cancel", "payments.create", "remedies.hold", "remedies.release", "remedies.waive_penalty",
    "remedies.refund_penalty", "remedies.refund_payment", "remedies.receipt", "remedies.receipt_of",
    "scheduled.schedule", "scheduled.cancel", "scheduled.window",
    "incidents.incident", "incidents.touched", "incidents.declare", "incidents.confirm", "incidents.end",
    "records.report_app_error", "records.revoke_mandate",
    "remedies.correct_bureau_report",
}  # fmt: skip
"""Called by the port's method of the table."""


def test_the_table_names_every_command(facts: Facts) -> None:
    world = facts.world
    services = {
        "origination": world.origination, "payments": world.payments, "debits": world.debits, "records": world.records,
        "remedies": world.remedies, "scheduled": world.scheduled, "corrections": facts.corrections,
        "orders": facts.orders, "overdues": facts.overdues, "notices": facts.notices, "incidents": facts.incidents,
    }  # fmt: skip
    commands = {
        f"{name}.{method}"
        for name, each in services.items()
        for method, _ in inspect.getmembers(type(each), inspect.isfunction)
        if not method.startswith("_")
    }
    commands |= {
        f"loans.{method}"
        for method, function in inspect.getmembers(type(world.loans), inspect.isfunction)
        if "key" in inspect.signature(function).parameters
    }
    in_table = {name.split()[0] for name, _, _ in TABLE}
    assert commands - WITHOUT_INPUT - GIVEN_A_ROW - NOTHING_TO_DO - ANSWERS - BEHIND_THE_PORT - in_table == set()
    asks = {"payoff_quote", "repayment_preview", "incident", "touched", "app_errors"}
    assert in_table - commands == {f"loans.{name}" for name in asks}  # they ask, but with an amount, a date or a number


@pytest.mark.parametrize("order_no", ["P-404", "\x00", "", "x" * 201])
def test_an_order_that_is_not_there_is_not_sent_and_its_report_is_only_noted(facts: Facts, order_no: str) -> None:
    before = everything(facts.world)
    assert facts.orders.claim(order_no) is None
    facts.orders.run_now(order_no, facts.world.bank)
    assert everything(facts.world) == before
    assert facts.orders.receive(ChannelEvent("e-1", ChannelResult("P-404", "settled"))) == "unknown_order"
    after = everything(facts.world)
    assert [table for table in after if after[table] != before[table]] == ["channel_events"]


def test_an_empty_list_of_contracts_owes_nothing(facts: Facts) -> None:
    with pytest.raises(CareError) as refused:
        facts.world.loans.create_payment(CUSTOMER, 100, key="k", contract_nos=[])
    assert refused.value.code == "nothing_owed"
