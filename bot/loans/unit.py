"""What every loan service needs for one unit of work: session, clock, repository, ledger, numbers, idempotency keys."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.core.clock import Clock
from bot.core.database import Base
from bot.core.errors import InvalidInput
from bot.core.money import Fen
from bot.core.origin import Actor
from bot.loans.errors import (
    ContractNotFound,
    ContractSettled,
    CustomerNotFound,
    IdempotencyConflict,
    InstalmentNotFound,
    InvalidAmount,
    InvalidChoice,
    InvalidDate,
    InvalidText,
)
from bot.loans.ledger import Ledger
from bot.loans.models import ContractRow, CustomerRow, IdempotencyKeyRow, InstalmentRow
from bot.loans.position import Book
from bot.loans.repository import LoanRepository

MAX_AMOUNT: Fen = 1_000_000_000_00
"""No single command moves more than this (a thousand million yuan); larger numbers are typing errors or attacks."""
MAX_KEY_CHARS = 200
_TOLD = ("amount", "instalment", "payment_no", "transaction_id", "execute_on")
"""Parameters that the audit entry of a command repeats."""


def check_amount(amount: Fen, least: Fen = 1) -> None:
    """Raises ``InvalidAmount`` unless it is a whole number of 分 (no truth value, no text) from ``least`` to ``MAX_AMOUNT``."""
    if type(amount) is not int or not least <= amount <= MAX_AMOUNT:
        raise InvalidAmount(f"amount {amount!r} is not a whole number between {least} and {MAX_AMOUNT}", maximum=MAX_AMOUNT)


def check_text(field: str, text: str, longest: int) -> None:
    """Raises ``InvalidText`` unless ``text`` has 1 to ``longest`` printable characters."""
    if not isinstance(text, str) or not text.strip() or len(text) > longest or not text.isprintable():
        raise InvalidText(f"{field} has 1 to {longest} printable characters", field=field, longest=longest)


def check_choice(field: str, value: str, allowed: Collection[str]) -> None:
    """Raises ``InvalidChoice`` unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise InvalidChoice(f"{field} {value!r} is not one of {', '.join(allowed)}", field=field, allowed=list(allowed))


def check_moment(field: str, moment: datetime, latest: datetime) -> None:
    """Raises ``InvalidDate`` unless ``moment`` carries its zone and is not after ``latest``."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidDate(f"{field} is a moment with a zone", field=field)
    if moment > latest:
        raise InvalidDate(f"{field} has not come yet", field=field, latest_at=latest)


def check_key(key: str, longest: int = MAX_KEY_CHARS) -> None:
    """Raises ``InvalidInput`` unless ``key`` can be an idempotency key."""
    if not isinstance(key, str) or not 0 < len(key) <= longest or not key.isprintable():
        raise InvalidInput(f"an idempotency key has 1 to {longest} printable characters")


def insert_once(session: Session, table: type[Base], row: dict[str, Any]) -> bool:
    """Adds a row unless its primary key is there; ``True`` when it was added. Waits for a process that adds the same one."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(row).on_conflict_do_nothing()
    return session.connection().execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


class Unit:
    """One session's loan work. It never commits: the request boundary does."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session = session
        self.clock = clock
        self.repository = LoanRepository(session)
        self.ledger = Ledger(session, clock)
        self.trail = AuditTrail(session, clock)

    def customer(self, customer_id: str) -> CustomerRow:
        """Raises ``CustomerNotFound``."""
        row = self.repository.customer(customer_id)
        if row is None:
            raise CustomerNotFound(f"no customer {customer_id}")
        return row

    def lock(self, customer_id: str) -> CustomerRow:
        """As ``customer``, and no other unit of work can run a command of this customer until this one ends."""
        row = self.repository.lock_customer(customer_id)
        if row is None:
            raise CustomerNotFound(f"no customer {customer_id}")
        # What this session read before it had the lock may be out of date by now.
        self.session.flush()
        self.session.expire_all()
        return row

    def own_contract(self, customer_id: str, contract_no: str) -> ContractRow:
        """Raises ``ContractNotFound``, also for a contract of somebody else: its existence is not revealed."""
        row = self.repository.contract(contract_no)
        if row is None or row.customer_id != customer_id:
            raise ContractNotFound(f"no contract {contract_no} of {customer_id}", contract_no=contract_no)
        return row

    def any_contract(self, contract_no: str) -> ContractRow:
        """For commands of the lender itself. Raises ``ContractNotFound``."""
        row = self.repository.contract(contract_no)
        if row is None:
            raise ContractNotFound(f"no contract {contract_no}", contract_no=contract_no)
        return row

    def instalment(self, contract_no: str, number: int) -> InstalmentRow:
        """Raises ``InstalmentNotFound``."""
        row = self.repository.instalment(contract_no, number)
        if row is None:
            raise InstalmentNotFound(f"{contract_no} has no instalment {number}", contract_no=contract_no)
        return row

    def open_books(self, customer_id: str, contract_nos: Sequence[str] | None = None) -> list[Book]:
        """The books of the customer's open contracts, or of those named.

        Raises ``ContractNotFound``, ``ContractSettled``, ``CustomerNotFound``.
        """
        self.customer(customer_id)
        if contract_nos is None:
            return self.repository.books(self.repository.contracts(customer_id, include_settled=False))
        rows = [self.own_contract(customer_id, number) for number in dict.fromkeys(contract_nos)]
        for row in rows:
            if row.settled_on is not None:
                raise ContractSettled(f"{row.contract_no} is settled", contract_no=row.contract_no, settled_on=row.settled_on)
        return self.repository.books(rows)

    def new_number(self, prefix: str) -> str:
        """``P-20260822-493817``: prefix, business date, random digits (a counter would be a hot row and tell our volume).

        The primary key still guarantees uniqueness; a clash among the day's numbers fails that one unit of work.
        """
        return f"{prefix}-{self.clock.today():%Y%m%d}-{secrets.randbelow(10**8):08d}"

    def earlier_result(self, key: str, operation: str, parameters: dict[str, Any]) -> str | None:
        """The result stored under ``key``, or ``None`` when the key is new. Call it after ``lock``.

        Whoever uses the same key at this moment, for another customer or for nobody's, waits until this unit of work ends.
        Raises ``IdempotencyConflict`` when the key was used for something else, ``InvalidInput`` for an empty or overlong key.
        """
        check_key(key)
        self.repository.lock_key(key)
        row = self.repository.idempotency_key(key)
        if row is None:
            return None
        if row.operation != operation or row.parameters != parameters:
            raise IdempotencyConflict(f"key {key!r} was used for {row.operation} with other parameters")
        return row.result

    def remember(self, key: str, operation: str, parameters: dict[str, Any], result: str) -> None:
        """Stores what ``earlier_result`` will return, in the same transaction as the work itself, and who had it done.

        A command that names the customer is the customer's own; the others are the lender's.
        """
        self.session.add(
            IdempotencyKeyRow(key=key, operation=operation, parameters=parameters, result=result, created_at=self.clock.now())
        )
        self.session.flush()
        customer_id = parameters.get("customer_id")
        self.trail.record(
            f"loan.{operation}",
            None if customer_id is None else Actor("customer", customer_id),
            Subject(contract_no=parameters.get("contract_no"), customer_id=customer_id),
            reason=parameters.get("reason"),
            details={"result": result, **{name: parameters[name] for name in _TOLD if name in parameters}},
        )
