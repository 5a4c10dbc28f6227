"""The demo people (product text §6): their history is replayed through the loan services in simulated time.

``python -m bot.loans.demo`` migrates the database of ``DATABASE_URL`` and fills it when it has no customers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.orm import Session

from bot.audit.service import audited
from bot.core.clock import SHANGHAI, Clock, FixedClock, SystemClock
from bot.core.database import Database
from bot.core.money import parse_yuan
from bot.core.settings import ROOT, Settings
from bot.loans.catalogue import Catalogue
from bot.loans.codes import SUCCESS
from bot.loans.debits import AutoDebitService
from bot.loans.models import ContractRow
from bot.loans.origination import LoanTerms, OriginationService
from bot.loans.payments import PaymentService
from bot.loans.port import InstalmentRef
from bot.loans.records import RecordService
from bot.loans.repository import LoanRepository
from bot.loans.schedule import month_day
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.unit import Unit

DATA = ROOT / "data"
DEBIT_TIME = "09:00"


@dataclass(frozen=True)
class Happening:
    """Something that happened at a moment of the past; earlier in the file goes first when moments are equal."""

    at: datetime
    order: int
    do: Callable[[], object]


class Replay:
    """Turns the file's facts into dated happenings and lets them happen in order, with the clock standing at each moment."""

    def __init__(self, session: Session, today: date) -> None:
        self.today = today
        self.clock = FixedClock()
        unit = Unit(session, self.clock)
        self.unit = unit
        self.bank = SimulatedBank()
        self.origination = OriginationService(unit)
        self.payments = PaymentService(unit)
        self.records = RecordService(unit)
        self.debits = AutoDebitService(unit, self.bank)
        self.happenings: list[Happening] = []

    def add(self, at: datetime, do: Callable[[], object]) -> None:
        self.happenings.append(Happening(at, len(self.happenings), do))

    def run(self) -> None:
        """Everything before the business date's midnight; what the file places later is a mistake in the file."""
        for happening in sorted(self.happenings, key=lambda each: (each.at, each.order)):
            if happening.at.date() >= self.today:
                raise ValueError(f"demo data: {happening.at} is not in the past of {self.today}")
            self.clock.moment = happening.at
            happening.do()

    def ago(self, days: int, at: str = "10:00") -> datetime:
        return moment(self.today - timedelta(days=days), at)

    # --- the facts of the file -------------------------------------------------------------------------------------------

    def incident(self, raw: dict[str, Any]) -> None:
        starts_at = self.ago(raw["days_ago"], raw["at"])

        def begin() -> None:
            incident = self.records.declare_incident(
                raw["channel"], starts_at, raw["summary"], confirmed_by=raw["confirmed_by"], bank_name=raw["bank"]
            )
            ended.append(incident)

        ended: list[Any] = []
        self.add(starts_at, begin)
        if "ends" in raw:
            self.add(self.ago(raw["ends"]["days_ago"], raw["ends"]["at"]), lambda: self.records.end_incident(ended[0]))

    def customer(self, raw: dict[str, Any]) -> None:
        customer_id = raw["id"]
        opened = self.ago(max(change["days_ago"] for change in raw["line"]), "09:30")
        self.add(
            opened,
            lambda: self.origination.register(customer_id, raw["name"], raw["phone"], raw["bank"], raw["card_tail"]),
        )
        for change in raw["line"]:
            limit = parse_yuan(change["limit"])
            self.add(self.ago(change["days_ago"]), _call(
                self.origination.set_line, customer_id, limit, change["status"], change["reason"]
            ))  # fmt: skip
        self.add(opened + timedelta(hours=1), lambda: self.records.sign_mandate(customer_id))
        for entry in raw.get("applications", ()):
            self.application(customer_id, entry)
        for entry in raw.get("authorisations", ()):
            self.authorisation(customer_id, entry)
        contracts: dict[str, DemoContract] = {}
        for entry in raw.get("contracts", ()):
            contract = contracts[entry["product"]] = DemoContract.of(entry, customer_id, self.today)
            self.contract(customer_id, contract, raw)
        for entry in raw.get("own", ()):
            contract = contracts[entry["contract"]]
            ref, amount = InstalmentRef(contract.number, entry["instalment"]), parse_yuan(entry["amount"])
            self.add(self.ago(entry["days_ago"], entry["at"]), _call(
                self.payments.record, customer_id, amount, [ref], kind="own"
            ))  # fmt: skip
        for number, entry in enumerate(raw.get("app_errors", ())):
            contract, at = contracts[entry["contract"]], self.ago(entry["days_ago"], entry["at"])
            self.add(at, _call(
                self.records.report_app_error, customer_id, entry["operation"], entry["code"], at,
                key=f"demo:app-error:{customer_id}:{number}", contract_no=contract.number,
            ))  # fmt: skip
        for entry in raw.get("notices", ()):
            contract = contracts[entry["contract"]]
            day = contract.due_on(entry["instalment"]) + timedelta(days=entry["after_due"])
            ref = InstalmentRef(contract.number, entry["instalment"])
            self.add(moment(day, entry["at"]), _call(
                self.records.note_notice, ref, entry["kind"], entry["channel"], entry["delivery"]
            ))  # fmt: skip

    def application(self, customer_id: str, raw: dict[str, Any]) -> None:
        at = self.ago(raw["days_ago"], raw["at"])
        retry_on = self.today + timedelta(days=raw["retry_in_days"]) if "retry_in_days" in raw else None

        def apply_and_be_refused() -> None:
            row = self.origination.apply(customer_id, raw["product"], parse_yuan(raw["amount"]))
            self.clock.advance(minutes=1)
            self.origination.refuse(row.application_no, raw["refused"], retry_on)

        self.add(at, apply_and_be_refused)

    def authorisation(self, customer_id: str, raw: dict[str, Any]) -> None:
        given: list[Any] = []
        self.add(
            self.ago(raw["given_days_ago"]),
            lambda: given.append(self.records.give_authorisation(customer_id, raw["funding_party"])),
        )
        if "inquiry" in raw:
            inquiry = raw["inquiry"]
            self.add(self.ago(inquiry["days_ago"], "10:05"), lambda: self.records.note_inquiry(given[0], inquiry["purpose"]))
        if "revoked_days_ago" in raw:
            self.add(self.ago(raw["revoked_days_ago"], "16:00"), lambda: self.records.revoke_authorisation(given[0]))

    def contract(self, customer_id: str, contract: DemoContract, raw: dict[str, Any]) -> None:
        self.add(moment(contract.drawn_on, "14:00"), lambda: self._draw_down(customer_id, contract))
        scripted: dict[int, list[dict[str, Any]]] = {}
        for entry in raw.get("debits", ()):
            if entry["contract"] == contract.terms.product:
                scripted.setdefault(entry["instalment"], []).append(entry)
        for number in range(1, contract.periods + 1):
            due_on = contract.due_on(number)
            if due_on >= self.today:
                break
            entries = scripted.get(number, [{"after_due": 0, "at": [DEBIT_TIME], "result": SUCCESS}])
            for entry in entries:
                for clock_time in entry["at"]:
                    at = moment(due_on + timedelta(days=entry["after_due"]), clock_time)
                    self.bank.script[(contract.number, number, at)] = entry["result"]
                    self.add(at, _call(self.debits.run_one, contract.number, number))
        for entry in raw.get("doubled", ()):
            if entry["contract"] != contract.terms.product:
                continue
            at = moment(contract.due_on(entry["instalment"]), entry["at"])
            self.add(at, _call(self._debit_again, customer_id, contract.number, entry["instalment"]))

    def _draw_down(self, customer_id: str, contract: DemoContract) -> ContractRow:
        return self.origination.draw_down(customer_id, contract.terms, key=f"demo:{contract.number}", contract_no=contract.number)

    def _debit_again(self, customer_id: str, contract_no: str, instalment: int) -> None:
        """The bank executes the last debit of the instalment a second time and reports it."""
        last = self.unit.repository.debit_attempts(customer_id, contract_no, instalment)[-1]
        mandate = self.unit.repository.mandates(customer_id)[0]
        self.debits.record(mandate, InstalmentRef(contract_no, instalment), last.amount, SUCCESS)


@dataclass(frozen=True)
class DemoContract:
    """A contract of the file, with its dates worked out from the business date."""

    number: str
    drawn_on: date
    periods: int
    terms: LoanTerms

    @classmethod
    def of(cls, raw: dict[str, Any], customer_id: str, today: date) -> DemoContract:
        """From ``due`` the drawdown follows: that many months before, in a month that has the due day."""
        due_day: int | None = None
        if "due" in raw:
            due_on = today + timedelta(days=raw["due"]["in_days"])
            due_day = due_on.day
            drawn_on = month_day(due_on.year, due_on.month - raw["due"]["instalment"], due_day)
        else:
            drawn_on = today - timedelta(days=raw["drawn_days_ago"])
        by_day = raw["product"] == "KD"
        terms = LoanTerms(
            product=raw["product"],
            principal=parse_yuan(raw["principal"]),
            rate=Decimal(raw["rate"]),
            term=raw["term"],
            payee=raw["payee"],
            due_day=due_day,
        )
        number = f"{raw['product']}-{drawn_on:%Y%m%d}-{customer_id[1:]}"
        return cls(number, drawn_on, 1 if by_day else raw["term"], terms)

    def due_on(self, instalment: int) -> date:
        if self.terms.due_day is None:
            return self.drawn_on + timedelta(days=self.terms.term)
        return month_day(self.drawn_on.year, self.drawn_on.month + instalment, self.terms.due_day)


def moment(day: date, clock_time: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock_time), SHANGHAI)


def _call(function: Callable[..., object], *args: object, **kwargs: object) -> Callable[[], object]:
    """Binds the arguments now; a lambda in a loop would see the loop's last values."""
    return lambda: function(*args, **kwargs)


def seed(session: Session, clock: Clock, data: Path = DATA) -> None:
    """Loads the catalogue and lives through the history of all demo people up to yesterday of ``clock``. Does not commit."""
    replay = Replay(session, clock.today())
    replay.origination.load_catalogue(Catalogue.load(data / "catalogue" / "products.yml"))
    raw = yaml.safe_load((data / "demo" / "customers.yml").read_text(encoding="utf-8"))
    for incident in raw["incidents"]:
        replay.incident(incident)
    for customer in raw["customers"]:
        replay.customer(customer)
    replay.run()
    replay.unit.ledger.check()


def seed_if_empty(database: Database, clock: Clock, data: Path = DATA) -> bool:
    """Seeds a database without customers, all or nothing; ``True`` when it did."""
    with database.transaction() as session:
        if LoanRepository(session).any_customer():
            return False
        seed(session, clock, data)
        return True


def main() -> None:
    """Migrates and seeds the database of the settings."""
    from bot.migrations.run import upgrade  # noqa: PLC0415 (only the command needs Alembic)

    settings = Settings()
    upgrade(settings.database_url)
    database = audited(Database(settings.database_url), settings)
    seeded = seed_if_empty(database, SystemClock(settings.business_date), settings.data_dir)
    sys.stdout.write("demo people seeded\n" if seeded else "the database has customers already\n")
    database.dispose()


if __name__ == "__main__":
    main()
