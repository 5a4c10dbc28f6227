"""Many rows at once: written by COPY or changed by one statement on PostgreSQL, by ``executemany`` on SQLite."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    SQLColumnExpression,
    String,
    Table,
    any_,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Session

Row = tuple[Any, ...]


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def among(session: Session, which: SQLColumnExpression[Any], wanted: Collection[str]) -> ColumnElement[bool]:
    """``which`` is one of ``wanted``: one parameter on PostgreSQL, whatever their number."""
    if is_postgresql(session):
        return which == any_(literal(list(wanted), ARRAY(String)))
    return which.in_(wanted)


def reserve_ids(session: Session, of: type[DeclarativeBase], count: int) -> list[int]:
    """``count`` numbers for new rows of a table with a serial ``id``, ascending; nobody else gets them."""
    table = _table(of)
    if is_postgresql(session):
        sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
        numbers = func.generate_series(1, count).table_valued("number")
        return sorted(session.scalars(select(sequence).select_from(numbers)))
    last = session.scalar(select(func.max(table.c.id))) or 0  # SQLite: this transaction has the whole database
    return list(range(last + 1, last + count + 1))


def insert_many(session: Session, into: type[DeclarativeBase], names: Sequence[str], rows: Iterable[Row]) -> None:
    """Appends ``rows``, whose values stand in the order of ``names``. Checks, foreign keys and triggers hold as ever."""
    table, listed = _table(into), list(rows)
    if not listed:
        return
    session.flush()
    columns = [table.c[name] for name in names]
    if not is_postgresql(session):
        session.execute(insert(table), [dict(zip(names, row, strict=True)) for row in listed])
        return
    dialect = session.get_bind().dialect
    binds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    any_bind = any(binds)
    driver: Any = session.connection().connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({_quoted(names)}) FROM STDIN') as copy:
        for row in listed:
            copy.write_row([bind(value) if bind else value for bind, value in zip(binds, row, strict=True)] if any_bind else row)


def update_many(session: Session, of: type[DeclarativeBase], keys: Sequence[str], changes: Sequence[str],
                rows: Iterable[Row], *, add: bool = False) -> None:  # fmt: skip
    """Changes the rows that ``keys`` name: each of ``rows`` has the keys' values, then the new ones (``add``: what is added)."""
    table, listed = _table(of), list(rows)
    if not listed:
        return
    session.flush()
    names = [*keys, *changes]
    if not is_postgresql(session):
        statement = update(table).where(*(table.c[key] == bindparam(f"_{key}") for key in keys))
        statement = statement.values(
            {name: table.c[name] + bindparam(f"_{name}") if add else bindparam(f"_{name}") for name in changes}
        )
        session.connection().execute(
            statement, [{f"_{name}": value for name, value in zip(names, row, strict=True)} for row in listed]
        )
        return
    new = ", ".join(f'"{name}" = ' + (f'row."{name}" + new."{name}"' if add else f'new."{name}"') for name in changes)
    same = " AND ".join(f'row."{key}" = new."{key}"' for key in keys)
    arrays, values = _arrays(session, table, names, listed)
    sql = f'UPDATE "{table.name}" AS row SET {new} FROM {arrays} AS new({_quoted(names)}) WHERE {same}'  # noqa: S608 - our names
    session.execute(text(sql), values)


def insert_new(session: Session, into: type[DeclarativeBase], names: Sequence[str], rows: Iterable[Row], unique: str) -> int:
    """As ``insert_many``, but leaves out rows whose ``unique`` is there, or is stored by others meanwhile; how many are new."""
    table, listed = _table(into), list(rows)
    if not listed:
        return 0
    session.flush()
    if not is_postgresql(session):
        statement = sqlite.insert(table).on_conflict_do_nothing(index_elements=[unique])
        counted = session.connection().execution_options(preserve_rowcount=True)
        return sum(counted.execute(statement, dict(zip(names, row, strict=True))).rowcount for row in listed)
    arrays, values = _arrays(session, table, names, listed)
    sql = f'INSERT INTO "{table.name}" ({_quoted(names)}) SELECT * FROM {arrays} ON CONFLICT ("{unique}") DO NOTHING RETURNING 1'  # noqa: S608
    return len(session.execute(text(sql), values).all())


def _arrays(session: Session, table: Table, names: Sequence[str], rows: Sequence[Row]) -> tuple[str, dict[str, list[Any]]]:
    """PostgreSQL: ``rows`` as a table, one array for each column, and the parameters of it."""
    dialect = session.get_bind().dialect
    arrays = ", ".join(f"CAST(:{name} AS {table.c[name].type.compile(dialect)}[])" for name in names)
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return f"unnest({arrays})", {name: _bound(table.c[name], column, dialect) for name, column in columns}


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _bound(of: Column[Any], array: Iterable[Any], dialect: Any) -> list[Any]:
    bind = of.type.dialect_impl(dialect).bind_processor(dialect)
    return [bind(value) for value in array] if bind else list(array)


def _table(of: type[DeclarativeBase]) -> Table:
    table = of.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{of.__name__} is no table")
    return table
