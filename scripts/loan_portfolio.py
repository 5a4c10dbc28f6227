"""A large invented loan book for benchmarks, loaded by COPY: thousands of life stories made by the real rules, repeated.

A story is one contract at a certain age: its plan, what was paid and when, its ledger. Rows are kept as text with ``@`` where the
contract's index goes, so that a million contracts are a million text replacements. Balances derive from the ledger as always.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import psycopg

from bot.core.money import Fen
from bot.loans.allocation import allocate, claims
from bot.loans.ledger import ACCOUNT_OF
from bot.loans.port import Component, InstalmentRef, ProductCode
from bot.loans.position import Book, Posted, positions
from bot.loans.schedule import Method, make_plan

TODAY = date(2026, 11, 20)
STORIES = 4000
NOON = "12:00:00+08"
PENALTY = Decimal("0.0005")
MIX: tuple[tuple[ProductCode, Method, int, tuple[str, ...], tuple[int, ...]], ...] = (
    ("KD", "by_day", 25, ("0.0004", "0.00035", "0.0003"), (30, 60, 90, 180)),
    ("YD", "equal_instalments", 35, ("0.144", "0.108", "0.09"), (6, 9, 12)),
    ("XW", "interest_only", 10, ("0.12", "0.10"), (3, 6, 12)),
    ("FQ", "fee_per_period", 30, ("0", "0", "0.006"), (3, 6, 12)),
)
"""Product, method, share in percent, rates, terms; together six instalments a contract."""
COLUMNS = {
    "customers": "customer_id, name, phone, bank_name, card_tail, registered_at",
    "mandates": "mandate_no, customer_id, bank_name, card_tail, signed_at, revoked_at",
    "contracts": "contract_no, customer_id, product_code, principal, drawn_on, due_day, periods, rate, penalty_daily_rate, "
    "settled_on",
    "instalments": "contract_no, number, starts_on, due_on, principal, interest, fee, paid_principal, paid_interest, paid_fee, "
    "paid_penalty, waived_penalty, settled_on",
    "payments": "payment_no, customer_id, kind, amount, status, created_at, value_on, resolved_at, informed_at, result_code, "
    "applied, refunded",
    "payment_targets": "payment_no, contract_no, instalment",
    "ledger_transactions": "id, kind, customer_id, value_on, posted_at, payment_no",
    "ledger_entries": "id, transaction_id, debit, credit, amount, contract_no, instalment",
    "debit_attempts": "id, mandate_no, customer_id, contract_no, instalment, amount, attempted_at, result_code, side, payment_no",
    "notices": "id, customer_id, contract_no, instalment, kind, channel, sent_at, delivery, delivered_at",
    "accrual_holds": "id, contract_no, instalment, reason, held_on, released_on",
}
SERIAL = ("ledger_transactions", "ledger_entries", "debit_attempts", "notices", "accrual_holds")
NULL = r"\N"


@dataclass
class Story:
    """Text per table; ``@`` stands for the contract's index, ``#`` for the customer's."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, *values: object) -> None:
        text = "\t".join(NULL if value is None else str(value) for value in values)
        self.lines.setdefault(table, []).append(text + "\n")

    def serial(self, table: str) -> str:
        """The next number of a row: the contract's index and three digits."""
        self.numbers[table] = self.numbers.get(table, 0) + 1
        return f"@{self.numbers[table]:03}"

    def text(self, table: str) -> str:
        return "".join(self.lines.get(table, ()))


def story(chance: random.Random) -> Story:
    """One contract's life up to ``TODAY``."""
    product, method, _, rates, terms = chance.choices(MIX, [entry[2] for entry in MIX])[0]
    principal, rate, term = chance.randint(5, 500) * 100_00, chance.choice(rates), chance.choice(terms)
    span = term if product == "KD" else term * 30
    drawn_on = TODAY - timedelta(days=chance.randint(1, span + (40 if chance.random() < 0.5 else 0)))
    plan = make_plan(method, principal, Decimal(rate), drawn_on, term)
    made = Story()
    book = Book(f"{product}-@", "C#", product, PENALTY, Decimal(rate) if product == "KD" else None, plan)
    post_drawdown(made, book)
    book = _pay_as_due(made, book, chance)
    stand = positions(book, TODAY)
    done = {item.number: max((p.value_on for p in book.posted if p.instalment == item.number), default=drawn_on)
            for item in stand if item.settled}  # fmt: skip
    settled = max(done.values()) if len(done) == len(stand) else None
    made.add("contracts", book.contract_no, "C#", product, principal, drawn_on, drawn_on.day, len(plan), rate, PENALTY, settled)
    for item, planned in zip(stand, plan, strict=True):
        made.add(
            "instalments", book.contract_no, item.number, item.starts_on, item.due_on, planned.principal, planned.interest,
            planned.fee, item.paid_principal, item.paid_interest, item.paid_fee, item.paid_penalty, item.waived_penalty,
            done.get(item.number),
        )  # fmt: skip
        if not item.settled and item.due_on < TODAY:
            _troubles(made, book, item.number, item.due_on, chance)
    return made


def post_drawdown(made: Story, book: Book) -> None:
    head, day = made.serial("ledger_transactions"), book.plan[0].starts_on
    made.add("ledger_transactions", head, "drawdown", "C#", day, f"{day} {NOON}", None)
    for item in book.plan:
        if item.principal:
            entry = made.serial("ledger_entries")
            made.add("ledger_entries", entry, head, "principal", "bank", item.principal, book.contract_no, item.number)


def _pay_as_due(made: Story, book: Book, chance: random.Random) -> Book:
    """Most pay on the day; some late, in parts or ahead; some stop."""
    for item in book.plan:
        luck = chance.random()
        late = 0 if luck < 0.9 else chance.randint(1, 12) if luck < 0.95 else -chance.randint(1, 20) if luck < 0.97 else 0
        if book.product == "XW":
            late = max(0, late)  # interest paid ahead of time would leave the rest of the month to pay
        stops, part = luck >= 0.994, 0.988 <= luck < 0.994
        day = max(item.due_on + timedelta(days=late), item.starts_on + timedelta(days=1))
        if stops or day > TODAY or (item.due_on == TODAY and late >= 0):
            return book
        owed = claims([book], day, {InstalmentRef(book.contract_no, item.number)})
        amount = sum(line.amount for line in owed)
        if amount == 0:
            return book
        book = post_payment(made, book, item.number, day, amount // 2 if part and amount > 1 else amount)
        if part:
            return book
    return book


def post_payment(made: Story, book: Book, instalment: int, day: date, amount: Fen) -> Book:
    """One instalment's payment, allocated by the rules."""
    lines, left_over = allocate(amount, claims([book], day, {InstalmentRef(book.contract_no, instalment)}))
    number, at = f"P-@-{instalment}", f"{day} {NOON}"
    used = amount - left_over
    made.add("payments", number, "C#", "own", used, "settled", at, day, at, at, None, used, 0)
    made.add("payment_targets", number, book.contract_no, instalment)
    receipt, allocation = made.serial("ledger_transactions"), made.serial("ledger_transactions")
    made.add("ledger_transactions", receipt, "receipt", "C#", day, at, number)
    made.add("ledger_transactions", allocation, "allocation", "C#", day, at, number)
    made.add("ledger_entries", made.serial("ledger_entries"), receipt, "bank", "unapplied", used, None, None)
    posted = list(book.posted)
    for line in lines:
        component: Component = line.component
        made.add(
            "ledger_entries", made.serial("ledger_entries"), allocation, "unapplied", ACCOUNT_OF[component], line.amount,
            line.contract_no, line.instalment,
        )  # fmt: skip
        posted.append(Posted(day, line.instalment, component, line.amount))
    return Book(book.contract_no, book.customer_id, book.product, PENALTY, book.daily_rate, book.plan, tuple(posted))


def _troubles(made: Story, book: Book, number: int, due_on: date, chance: random.Random) -> None:
    """The failed debits of an overdue instalment, and now and then a dispute."""
    code, side = chance.choice((("INSUFFICIENT_FUNDS", "borrower"), ("SYS_TIMEOUT", "system"), ("CARD_CLOSED", "borrower")))
    for day in range(min(3, (TODAY - due_on).days)):
        at = f"{due_on + timedelta(days=day)} 09:00:00+08"
        made.add(
            "debit_attempts", made.serial("debit_attempts"), "M#", "C#", book.contract_no, number, 100, at, code, side, None
        )  # fmt: skip
    if chance.random() < 0.05:
        held_on = due_on + timedelta(days=1)
        released = held_on if chance.random() < 0.5 else None
        made.add("accrual_holds", made.serial("accrual_holds"), book.contract_no, number, "dispute", held_on, released)


def load(
    url: str,
    contracts: int,
    progress: Callable[[str, int, int], None],
    *,
    seed: int = 4,
    stories: int = STORIES,
    tell: Callable[[random.Random], Story] = story,
) -> dict[str, int]:
    """Fills an empty, migrated PostgreSQL database at ``url`` (libpq form); rows per table.

    ``progress`` is told (what, done, of); ``tell`` makes the life stories. Foreign keys are not
    checked while loading; indexes are made afterwards.
    """
    rows: dict[str, int] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '256MB'")
        for place, (table, chunks) in enumerate(rows_of(contracts, seed=seed, stories=stories, tell=tell)):
            indexes = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
                (table,),
            ).fetchall()
            for name, _ in indexes:
                connection.execute(f'DROP INDEX "{name}"')
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY {table} ({COLUMNS[table]}) FROM STDIN") as copy:
                    for done, text in chunks:
                        copy.write(text)
                        progress(f"{place + 1}/{len(COLUMNS)} {table}", done, contracts)
                rows[table] = cursor.rowcount
            for _, definition in indexes:
                connection.execute(definition)
        for table in SERIAL:
            connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {(contracts + 1) * 1000})")
        progress("VACUUM ANALYZE", contracts, contracts)
        connection.execute("VACUUM ANALYZE")
    return rows


def rows_of(
    contracts: int, *, seed: int = 4, stories: int = STORIES, tell: Callable[[random.Random], Story] = story
) -> Iterator[tuple[str, Iterator[tuple[int, str]]]]:
    """Table by table, in the order of their foreign keys: (contracts done, COPY text of ``COLUMNS``) in chunks."""
    chance = random.Random(seed)  # noqa: S311 - invented data
    told = [tell(chance) for _ in range(min(stories, contracts))]
    for table in COLUMNS:
        yield table, _people(table, contracts) if table in {"customers", "mandates"} else _chunks(table, told, contracts)


def story_of(contract: int, stories: int) -> int:
    """Which of the stories a contract lives; 7919 is prime: neighbours have different ones, and every one is used."""
    return contract * 7919 % stories


def customer(contract: int) -> int:
    """Whose contract it is: of ten contracts one person has four, one three, one two, one one."""
    return contract // 10 * 4 + (0, 0, 0, 0, 1, 1, 1, 2, 2, 3)[contract % 10]


def _chunks(table: str, told: list[Story], contracts: int, size: int = 5000) -> Iterator[tuple[int, str]]:
    templates = [each.text(table) for each in told]
    count = len(templates)
    for first in range(0, contracts, size):
        last = min(first + size, contracts)
        texts = (
            templates[story_of(index, count)].replace("@", str(index)).replace("#", str(customer(index)))
            for index in range(first, last)
        )
        yield last, "".join(texts)


def _people(table: str, contracts: int, size: int = 5000) -> Iterator[tuple[int, str]]:
    last_one = customer(contracts - 1)
    for first in range(0, last_one + 1, size):
        last = min(first + size, last_one + 1)
        lines = []
        for number in range(first, last):
            if table == "customers":
                lines.append(f"C{number}\t测试\t139{number:08}\t测试银行\t0001\t2025-01-01 12:00:00+08\n")
            else:
                # One borrower in ten has taken the mandate back.
                revoked = "2026-01-05 12:00:00+08" if number % 10 == 9 else NULL
                lines.append(f"M{number}\tC{number}\t测试银行\t0001\t2025-01-01 12:00:00+08\t{revoked}\n")
        yield last * contracts // (last_one + 1), "".join(lines)
