"""A small book after a bad day: the auto-debit of one bank failed on the due date, and borrowers went on in different ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.cases.remediation.driver import Driver
from bot.cases.remediation.service import RemediationService
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.backends import EmbeddedBackends
from bot.loans.catalogue import Catalogue
from bot.loans.debits import AutoDebitService
from bot.loans.ledger_check import check_ledger
from bot.loans.origination import LoanTerms, OriginationService
from bot.loans.payments import PaymentService
from bot.loans.port import InstalmentRef
from bot.loans.records import RecordService
from bot.loans.service import SqlLoanBackend
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.unit import Unit

AGENT, SUPERVISOR, SUPERVISOR_2 = Actor("agent", "A2001"), Actor("supervisor", "S2101"), Actor("supervisor", "S2102")
KINDS = ("unpaid", "unpaid", "paid_late", "part_paid", "disputed", "goodwill", "own_fault", "on_time", "two_contracts", "mixed")
DUE = datetime(2026, 8, 10, 9, 0, tzinfo=SHANGHAI)


@dataclass
class BadDay:
    """``borrowers`` people, drawn down a month before, judged 12 days after the due date."""

    database: Database
    borrowers: int = 20
    clock: FixedClock = field(default_factory=lambda: FixedClock(DUE - timedelta(days=31)))
    incident_no: str = ""
    contracts: dict[str, list[str]] = field(default_factory=dict)

    def build(self) -> BadDay:
        catalogue = Catalogue.load(ROOT / "data" / "catalogue" / "products.yml")
        with self.database.transaction() as session:
            unit = Unit(session, self.clock)
            OriginationService(unit).load_catalogue(catalogue)
            for number in range(self.borrowers):
                self._open(unit, f"C{number:04}", KINDS[number % len(KINDS)])
        self.clock.moment = DUE
        with self.database.transaction() as session:
            unit = Unit(session, self.clock)
            incident = RecordService(unit).declare_incident("auto_debit", DUE - timedelta(hours=1), "x", confirmed_by="S2101")
            self.incident_no = incident.incident_no
            for number, customer_id in enumerate(self.contracts):
                self._due_day(unit, customer_id, KINDS[number % len(KINDS)])
        self._after()
        return self

    def _open(self, unit: Unit, customer_id: str, kind: str) -> None:
        origination = OriginationService(unit)
        origination.register(customer_id, "测试", f"139{customer_id[1:]:0>8}", "测试银行", "0001")
        origination.set_line(customer_id, 10_000_000, "normal", "opened")
        RecordService(unit).sign_mandate(customer_id)
        terms = LoanTerms("FQ", 384_800 + 7_00 * int(customer_id[1:]), Decimal(0), 12, "0001")
        count = 2 if kind == "two_contracts" else 1
        self.contracts[customer_id] = [
            origination.draw_down(customer_id, terms, key=f"draw:{customer_id}:{turn}").contract_no for turn in range(count)
        ]

    def _due_day(self, unit: Unit, customer_id: str, kind: str) -> None:
        mandate = next(row for row in unit.repository.mandates(customer_id) if row.revoked_at is None)
        for contract_no in self.contracts[customer_id]:
            if kind == "on_time":
                self._pay(unit, customer_id, contract_no, 1000)
                continue
            code = "INSUFFICIENT_FUNDS" if kind == "own_fault" else "SYS_TIMEOUT"
            ref = InstalmentRef(contract_no, 1)
            AutoDebitService(unit, SimulatedBank()).record(mandate, ref, 100, code)

    def _after(self) -> None:
        """The incident ends the next evening; day 4: a retry fails for want of money for some; day 8: some pay, some complain."""
        self.clock.moment = DUE + timedelta(days=1, hours=11)
        with self.database.transaction() as session:
            unit = Unit(session, self.clock)
            incident = unit.repository.incident(self.incident_no)
            assert incident is not None
            RecordService(unit).end_incident(incident)
        self._each(4, {"mixed": self._retry})
        self._each(8, {"paid_late": self._pay_all, "part_paid": self._pay_part, "goodwill": self._goodwill})
        self._each(9, {"disputed": self.dispute})
        self.clock.moment = DUE + timedelta(days=12, hours=1)

    def _each(self, day: int, deeds: dict[str, object]) -> None:
        self.clock.moment = DUE + timedelta(days=day)
        with self.database.transaction() as session:
            unit = Unit(session, self.clock)
            for number, (customer_id, contracts) in enumerate(self.contracts.items()):
                deed = deeds.get(KINDS[number % len(KINDS)])
                if callable(deed):
                    deed(unit, customer_id, contracts[0])

    def _retry(self, unit: Unit, customer_id: str, contract_no: str) -> None:
        mandate = unit.repository.mandates(customer_id)[0]
        debits = AutoDebitService(unit, SimulatedBank())
        debits.record(mandate, InstalmentRef(contract_no, 1), 100, "INSUFFICIENT_FUNDS")

    def _pay_all(self, unit: Unit, customer_id: str, contract_no: str) -> None:
        self._pay(unit, customer_id, contract_no, 1000)

    def _pay_part(self, unit: Unit, customer_id: str, contract_no: str) -> None:
        self._pay(unit, customer_id, contract_no, 400)

    def _pay(self, unit: Unit, customer_id: str, contract_no: str, share: int) -> None:
        loans = SqlLoanBackend(unit.session, self.clock)
        due = loans.contract(customer_id, contract_no).instalments[0].amount_due
        payments = PaymentService(unit)
        payment = payments.record(customer_id, due * share // 1000, [InstalmentRef(contract_no, 1)], kind="own")
        payments.settle(payment.payment_no)

    def _goodwill(self, unit: Unit, customer_id: str, contract_no: str) -> None:
        SqlLoanBackend(unit.session, self.clock).waive_penalty(contract_no, 1, 20, reason="goodwill", key=f"g-{customer_id}")

    def dispute(self, unit: Unit, customer_id: str, contract_no: str) -> None:
        cases = CaseService(unit.session, self.clock, SqlLoanBackend(unit.session, self.clock))
        cases.open_dispute(
            customer_id=customer_id, conversation_id=f"t-{customer_id}", channel="rest", story="系统扣款失败，凭什么收我利息",
            contract_no=contract_no, instalment=1, key=f"d-{customer_id}-{contract_no}",
        )  # fmt: skip

    # --- the run

    @property
    def driver(self) -> Driver:
        return Driver(self.database, self.clock, EmbeddedBackends(self.clock))

    def approved(self) -> str:
        """Listed, proposed and approved; the run's number."""
        run_no = self.listed()
        self.driver.once(lambda service: service.propose(run_no, AGENT))
        self.driver.once(lambda service: service.approve(run_no, SUPERVISOR))
        return run_no

    def listed(self) -> str:
        with self.database.transaction() as session:
            loans = SqlLoanBackend(session, self.clock)
            run_no = RemediationService(session, self.clock, loans).start(self.incident_no, AGENT).run_no
        self.driver.list(run_no)
        return run_no

    def check(self) -> None:
        assert check_ledger(self.database, lambda _count: None) == []
