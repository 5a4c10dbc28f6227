"""What the approver looks at: the CSV for a spreadsheet and the chart."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from bot.cases.remediation.chart import amount_bars, chart, day_bars
from bot.cases.remediation.errors import RunNotFound
from bot.cases.remediation.preview import BOM, csv_pages, mask_name, yuan
from bot.cases.remediation.service import RemediationService
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.models import CustomerRow
from bot.loans.service import SqlLoanBackend
from tests.cases.remediation.worlds import AGENT, BadDay

WORDS = Texts.load(ROOT / "data" / "answers").dialogue


@pytest.fixture
def bad_day(database: Database) -> BadDay:
    return BadDay(database, borrowers=10).build()


@contextmanager
def opened(bad_day: BadDay) -> Iterator[RemediationService]:
    with bad_day.database.transaction() as session:
        yield RemediationService(session, bad_day.clock, SqlLoanBackend(session, bad_day.clock))


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.startswith(BOM)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM))))


def test_the_list_names_everyone_masked_with_exact_amounts(bad_day: BadDay) -> None:
    with bad_day.database.transaction() as session:
        customer = session.get(CustomerRow, "C0000")
        assert customer is not None
        customer.name = "=SUM(A1)"
    run_no = bad_day.listed()
    rows = rows_of("".join(csv_pages(lambda: opened(bad_day), run_no, WORDS)))
    totals = bad_day.driver.once(lambda service: service.totals(run_no))
    assert len(rows) == totals.items > 0
    assert sum(int(row["本次应返还（分）"]) for row in rows) == totals.amount
    assert [row["本次应返还（元）"] for row in rows] == [yuan(int(row["本次应返还（分）"])) for row in rows]
    assert {row["姓名"] for row in rows} == {"测*", "'=*******"}
    assert all("****" in row["手机号"] for row in rows)
    everyone = rows_of("".join(csv_pages(lambda: opened(bad_day), run_no, WORDS, everyone=True)))
    assert len(everyone) == totals.items + sum(totals.skipped.values())


def test_an_unknown_run_is_refused_before_the_first_line(bad_day: BadDay) -> None:
    with pytest.raises(RunNotFound):
        next(csv_pages(lambda: opened(bad_day), "MR-0", WORDS))


def test_the_chart_is_a_document_with_the_totals_and_every_item_in_a_bar(bad_day: BadDay) -> None:
    run_no = bad_day.listed()
    with opened(bad_day) as service:
        run, totals = service.run(run_no), service.totals(run_no)
    drawn = chart(run, totals, WORDS)
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    words = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert f"{totals.people:,} 人" in words
    assert run_no in words
    assert sum(count for _, count in amount_bars(totals.amounts)) == totals.items
    assert sum(count for _, count in day_bars(totals.due_days)) == totals.items


def test_a_chart_of_nothing_is_still_a_chart(bad_day: BadDay) -> None:
    run = bad_day.driver.once(lambda service: service.start(bad_day.incident_no, AGENT))
    with opened(bad_day) as service:
        ET.fromstring(chart(run, service.totals(run.run_no), WORDS))  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("amounts", "bars"),
    [
        ({}, []),
        ({1: 2, 100: 3}, [("≤¥1.00", 5)]),
        (
            {101: 1, 60_000: 2},
            [("≤¥2.00", 1), *[(f"≤¥{edge}.00", 0) for edge in (5, 10, 20, 50, 100, 200, 500)], (">¥500.00", 2)],
        ),
    ],
)
def test_an_amount_belongs_to_the_bar_that_ends_at_or_above_it(amounts: dict[int, int], bars: list[tuple[str, int]]) -> None:
    assert amount_bars(amounts) == bars


def test_a_year_of_due_days_is_joined_into_bars_that_fit() -> None:
    days = {date(2026, 1, 1).replace(month=month): month for month in range(1, 13)}
    bars = day_bars(days)
    assert len(bars) <= 31
    assert sum(count for _, count in bars) == 78


@pytest.mark.parametrize(("name", "masked"), [("郭海", "郭*"), ("欧阳小明", "欧***"), ("郭", "郭*")])
def test_names_keep_their_first_character(name: str, masked: str) -> None:
    assert mask_name(name) == masked
