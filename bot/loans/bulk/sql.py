"""What the set-based runs need and SQL spells differently: days as whole numbers, exact rounding half up, order numbers.

Everything is integer arithmetic (PostgreSQL: ``numeric`` without decimals), so it equals ``bot.core.money`` to the 分.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Insert,
    Integer,
    String,
    case,
    column,
    func,
    literal,
    select,
    text,
    values,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from bot.core.bulk import is_postgresql
from bot.core.money import Fen
from bot.loans.models import ContractRow, InstalmentRow

EPOCH = date(1970, 1, 1)
LARGEST_PRINCIPAL: Fen = 10**9
"""On SQLite, whose integers end at 2**63 and then silently become floats, only books of contracts up to ten million yuan …"""
LARGEST_INTEREST: Fen = 3 * 10**7
"""… with at most this interest a period (KD apart) are run by sets: 2 × principal × days × interest stays below 2**63."""


def day(of: date) -> int:
    """The number that ``DayNumber`` gives ``of``."""
    return (of - EPOCH).days


class DayNumber(FunctionElement[int]):
    """A date column as whole days since 1970-01-01."""

    type = BigInteger()
    inherit_cache = True


@compiles(DayNumber, "postgresql")
def _day_number_postgresql(element: DayNumber, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} - DATE '1970-01-01' AS BIGINT)"


@compiles(DayNumber, "sqlite")
def _day_number_sqlite(element: DayNumber, compiler: Any, **options: Any) -> str:
    return f"(CAST(strftime('%s', {compiler.process(element.clauses, **options)}) AS INTEGER) / 86400)"


class HalfUp(FunctionElement[int]):
    """``HalfUp(value, numerator, denominator)``: value × numerator / denominator as ``money.round_half_up`` rounds it.

    ``numerator`` ≥ 0, ``denominator`` > 0. ``value`` is evaluated several times: pass a column.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(HalfUp, "postgresql")
def _half_up_postgresql(element: HalfUp, compiler: Any, **options: Any) -> str:
    value, top, bottom = (f"CAST({compiler.process(each, **options)} AS NUMERIC)" for each in element.clauses)
    return f"CAST(sign({value}) * div(2 * abs({value}) * {top} + {bottom}, 2 * {bottom}) AS BIGINT)"


@compiles(HalfUp, "sqlite")
def _half_up_sqlite(element: HalfUp, compiler: Any, **options: Any) -> str:
    # value = quotient × denominator + rest: the product stays small, see ``fits``.
    value, top, bottom = (f"({compiler.process(each, **options)})" for each in element.clauses)
    size = f"abs({value})"
    rounded = f"(({size} / {bottom}) * {top} + (2 * ({size} % {bottom}) * {top} + {bottom}) / (2 * {bottom}))"
    return f"(CASE WHEN {value} < 0 THEN -{rounded} ELSE {rounded} END)"


class RandomDigits(FunctionElement[str]):
    """Sixteen random decimal digits, other ones in each row: a million orders a day clash with a chance of 1 in 20,000."""

    type = String()
    inherit_cache = True


@compiles(RandomDigits, "postgresql")
def _random_digits_postgresql(element: RandomDigits, compiler: Any, **options: Any) -> str:
    sixty_bits = "CAST(CAST('x' || substr(md5(CAST(gen_random_uuid() AS TEXT)), 1, 15) AS BIT(60)) AS BIGINT)"
    return f"lpad(CAST(mod({sixty_bits}, 10000000000000000) AS TEXT), 16, '0')"


@compiles(RandomDigits, "sqlite")
def _random_digits_sqlite(element: RandomDigits, compiler: Any, **options: Any) -> str:
    return "substr('0000000000000000' || abs(random() % 10000000000000000), -16)"


def later(first: ColumnElement[int], second: ColumnElement[int] | int) -> ColumnElement[int]:
    """The larger of two numbers."""
    return case((first >= second, first), else_=second)


def earlier(first: ColumnElement[int], second: ColumnElement[int] | int) -> ColumnElement[int]:
    """The smaller of two numbers."""
    return case((first <= second, first), else_=second)


def at_least_zero(amount: ColumnElement[int]) -> ColumnElement[int]:
    """``max(0, amount)``."""
    return case((amount > 0, amount), else_=0)


def rates(texts: Iterable[str], name: str) -> CTE:
    """Exact rates as fractions: columns ``rate`` (the text as stored), ``numerator``, ``denominator``."""
    exact = [(text, Fraction(Decimal(text))) for text in sorted(texts)]
    columns = column("rate", String), column("numerator", BigInteger), column("denominator", BigInteger)
    rows = [(text, rate.numerator, rate.denominator) for text, rate in exact]
    return values(*columns, name=name, literal_binds=True).data(rows).cte(name)


def prefer_indexes(session: Session) -> None:
    """For this transaction: a run touches a small share of the ledger, which must not be read from end to end as it grows.

    PostgreSQL's default costs are those of spinning disks; compiling the statement takes longer than it saves.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL random_page_cost = 1.1"))
        session.execute(text("SET LOCAL jit = off"))


def wanted_places(session: Session, places: Collection[tuple[str, int]]) -> FromClause:
    """``places`` as a table to join with: ``contract_no``, ``instalment``. One or two parameters, however many."""
    if not is_postgresql(session):
        each = func.json_each(json.dumps(list(places))).table_valued(column("value", String))
        contract_no, number = func.json_extract(each.c.value, "$[0]"), func.json_extract(each.c.value, "$[1]")
        return select(contract_no.label("contract_no"), number.label("instalment")).cte("wanted")
    contract_nos = literal([contract_no for contract_no, _ in places], ARRAY(String))
    numbers = literal([number for _, number in places], ARRAY(Integer))
    columns = column("contract_no", String), column("instalment", Integer)
    return func.unnest(contract_nos, numbers).table_valued(*columns, name="wanted").render_derived()


def insert_rows(session: Session, statement: Insert) -> int:
    """Runs an INSERT … SELECT; how many rows it wrote."""
    connection = session.connection()
    written = connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
    # Python's sqlite3 does not count when the statement begins with WITH.
    return written if written >= 0 else int(connection.scalar(select(func.changes())) or 0)


def fits(session: Session) -> bool:
    """Whether the database can hold the intermediate results exactly. PostgreSQL always; SQLite see ``LARGEST_PRINCIPAL``."""
    if session.get_bind().dialect.name == "postgresql":
        return True
    principal = session.scalar(select(func.max(ContractRow.principal))) or 0
    query = select(func.max(InstalmentRow.interest)).join(ContractRow).where(ContractRow.product_code != "KD")
    return principal <= LARGEST_PRINCIPAL and (session.scalar(query) or 0) <= LARGEST_INTEREST
