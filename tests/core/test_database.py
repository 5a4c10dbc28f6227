"""Column types, transactions, and one schema history for SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.loans.models import ContractRow, CustomerRow, LedgerEntryRow, ProductRow
from bot.migrations.run import alembic_config, upgrade


def a_customer(registered_at: datetime) -> CustomerRow:
    return CustomerRow(
        customer_id="C1", name="甲", phone="13900000001", bank_name="测试银行", card_tail="0001", registered_at=registered_at
    )


def test_a_moment_comes_back_in_shanghai_time(each_session: Session) -> None:
    each_session.add(a_customer(datetime(2026, 8, 22, 2, 30, tzinfo=UTC)))
    each_session.flush()
    each_session.expire_all()
    row = each_session.get_one(CustomerRow, "C1")
    assert row.registered_at == datetime(2026, 8, 22, 10, 30, tzinfo=SHANGHAI)
    assert row.registered_at.utcoffset() == SHANGHAI.utcoffset(row.registered_at)


def test_a_moment_without_a_zone_is_refused(each_session: Session) -> None:
    each_session.add(a_customer(datetime(2026, 8, 22, 2, 30)))  # noqa: DTZ001 (what must be refused)
    with pytest.raises(StatementError, match="without a zone"):
        each_session.flush()


def test_a_rate_comes_back_exactly(each_session: Session) -> None:
    rate = Decimal("0.000500000000000000000000001")
    each_session.add(
        ProductRow(
            code="KD", name="x", category="cash", method="by_day", min_term=1, max_term=2,
            max_rate=rate, penalty_daily_rate=Decimal("0.0005"), all_in_cost=Decimal(0),
        )
    )  # fmt: skip
    each_session.flush()
    each_session.expire_all()
    assert each_session.get_one(ProductRow, "KD").max_rate == rate


def test_an_error_rolls_the_whole_transaction_back(database: Database, clock: FixedClock) -> None:
    def fail_half_way() -> None:
        with database.transaction() as session:
            session.add(a_customer(clock.now()))
            session.flush()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_half_way()
    with database.transaction() as session:
        assert session.get(CustomerRow, "C1") is None


def test_foreign_keys_are_enforced_on_sqlite_too(database: Database) -> None:
    with database.transaction() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_the_migrations_build_exactly_the_tables_of_the_models(each_database: Database) -> None:
    """Fails when a model was changed without a migration."""
    command.check(alembic_config(each_database.engine.url.render_as_string(hide_password=False)))


def test_the_history_of_migrations_has_one_head() -> None:
    assert len(ScriptDirectory.from_config(alembic_config("sqlite://")).get_heads()) == 1


def test_migrating_twice_changes_nothing(each_database: Database) -> None:
    url = each_database.engine.url.render_as_string(hide_password=False)
    with each_database.engine.connect() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
    upgrade(url)
    with each_database.engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == before


def test_the_schema_can_be_taken_down_and_built_again(each_database: Database) -> None:
    url = each_database.engine.url.render_as_string(hide_password=False)
    built = set(inspect(each_database.engine).get_table_names())
    command.downgrade(alembic_config(url), "base")
    assert set(inspect(each_database.engine).get_table_names()) == {"alembic_version"}
    upgrade(url)
    assert set(inspect(each_database.engine).get_table_names()) == built


def test_a_percent_sign_in_the_address_is_no_obstacle(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/a%b.db")
    assert (tmp_path / "a%b.db").exists()


def test_a_table_built_anew_keeps_the_rows_that_point_at_it(seeded: Database) -> None:
    """SQLite changes a constraint by copying the table; contracts point at products, and stay."""
    url = seeded.engine.url.render_as_string(hide_password=False)

    def counted() -> list[int | None]:
        rows = (ProductRow, ContractRow, LedgerEntryRow)
        with seeded.transaction() as session:
            return [session.scalar(select(func.count()).select_from(row)) for row in rows]

    before = counted()
    assert all(before)
    command.downgrade(alembic_config(url), "0004_office_hours")
    upgrade(url)
    assert counted() == before
    with seeded.transaction() as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(text("DELETE FROM ledger_transactions"))


def test_a_row_of_the_ledger_cannot_be_replaced(seeded: Database) -> None:
    """SQLite's INSERT OR REPLACE deletes without telling the triggers, unless it is asked to."""
    statement = "INSERT OR REPLACE INTO ledger_entries SELECT * FROM ledger_entries LIMIT 1"
    with pytest.raises(DBAPIError, match="append-only"), seeded.transaction() as session:
        session.execute(text(statement))


def test_who_only_reads_does_not_wait_for_a_writer_and_sees_what_is_committed(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.transaction() as session:
        session.execute(text("CREATE TABLE things (n INTEGER)"))
        session.execute(text("INSERT INTO things VALUES (1)"))
    with database.transaction() as writing:
        writing.execute(text("INSERT INTO things VALUES (2)"))
        with database.reading() as session:
            assert session.scalars(text("SELECT n FROM things")).all() == [1]
    with database.reading() as session:
        assert session.scalars(text("SELECT n FROM things")).all() == [1, 2]
    database.dispose()


def test_who_said_that_they_only_read_cannot_write(each_database: Database) -> None:
    with each_database.transaction() as session:
        before = session.scalar(text("SELECT count(*) FROM conversations"))
    with pytest.raises(DBAPIError, match=r"read-?only"), each_database.reading() as session:
        session.execute(text("DELETE FROM conversations"))
    with each_database.transaction() as session:  # the connection writes again
        session.execute(text("DELETE FROM conversations"))
    assert before == 0
