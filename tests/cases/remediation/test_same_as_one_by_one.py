"""Many at once reads, finds and writes what the code per instalment does, on SQLite and PostgreSQL, whatever happened before."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.cases.evidence import EvidencePolicy, examine
from bot.cases.evidence.loader import facts_of, load_facts
from bot.cases.remediation.books import EmbeddedBooks, Finding, Place, PortBooks, Share
from bot.cases.remediation.posting import decide
from bot.core.clock import SHANGHAI
from bot.core.database import Database
from bot.loans import models as m
from bot.loans.catalogue import Catalogue
from bot.loans.port import Incident
from tests.cases.remediation.dump import dump
from tests.loans.bulk import portfolios
from tests.loans.conftest import CUSTOMER, World, make_world

POLICY = EvidencePolicy(3)
LOAN_TABLES = (
    m.InstalmentRow, m.ContractRow, m.LedgerTransactionRow, m.LedgerEntryRow, m.ReceiptRow, m.RefundRow, m.IdempotencyKeyRow,
)  # fmt: skip
seen: Counter[str] = Counter()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(f"shared_{request.param}")
    return database


@st.composite
def disturbances(draw: st.DrawFn) -> tuple[str, int, int | None, str | None]:
    """Channel, first day before today, days (``None``: it lasts), bank."""
    channel = draw(st.sampled_from(["auto_debit", "own_repayment", "all"]))
    return (
        channel,
        draw(st.integers(0, 60)),
        draw(st.none() | st.integers(0, 20)),
        draw(st.sampled_from([None, "测试银行", "别的银行"])),
    )


def declare(world: World, disturbance: tuple[Any, int, int | None, str | None]) -> Incident:
    channel, ago, days, bank = disturbance
    starts_at = datetime.combine(world.clock.today() - timedelta(days=ago), time(8), SHANGHAI)
    row = world.records.declare_incident(channel, starts_at, "x", confirmed_by="S1", bank_name=bank)
    if days is not None:
        row.ends_at = min(world.clock.now(), starts_at + timedelta(days=days, hours=4))
    world.session.flush()
    return EmbeddedBooks(world.unit).incident(row.incident_no)


def every_place(world: World) -> list[Place]:
    query = select(m.InstalmentRow.contract_no, m.InstalmentRow.number)
    rows = world.session.execute(query.order_by(m.InstalmentRow.contract_no, m.InstalmentRow.number))
    return [Place(CUSTOMER, *row) for row in rows]


def comparable(finding: Finding) -> dict[str, Any]:
    """All but the number of entries, which the port cannot count, and facts that decide nothing."""
    evidence = finding.evidence
    facts = {each.name: getattr(evidence.facts, each.name) for each in fields(evidence.facts) if each.name != "app_errors"}
    return {"facts": facts, "record": evidence.record(), "days": evidence.days, "waived": finding.waived}


def harmed_by(finding: Finding, incident: Incident) -> bool:
    """The system's share would be smaller without the incident."""
    facts = finding.evidence.facts
    others = tuple(each for each in facts.incidents if each.incident_no != incident.incident_no)
    return examine(replace(facts, incidents=others), POLICY).system_caused != finding.evidence.system_caused


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=portfolios.starts,
    drawn=portfolios.draws,
    history=portfolios.actions,
    disturbance=disturbances(),
    as_of_before=st.integers(0, 3),
    late_payments_and_mandate=st.tuples(st.integers(0, 3), st.booleans()),
)
@example(  # two weeks overdue without a mandate, ten days of them in an incident: chance alone may bring nobody who was harmed
    start=date(2026, 1, 10),
    drawn=[portfolios.Draw("FQ", 300_000, 1, 6)],
    history=[portfolios.Action("wait", 25, 1, 0)],
    disturbance=("all", 10, None, None),
    as_of_before=0,
    late_payments_and_mandate=(0, False),
)
@example(  # settled long ago, waived since
    start=date(2028, 3, 22),
    drawn=[
        portfolios.Draw("XW", 119, 1, 4),
        portfolios.Draw("FQ", 145, 0, 11),
        portfolios.Draw("FQ", 1, 0, 7),
        portfolios.Draw("YD", 34244, 0, 5),
    ],
    history=[
        portfolios.Action("sign", 16, 90, 12),
        portfolios.Action("pay", 17, 23, 0),
        portfolios.Action("pay_contract", 0, 827, 11),
        portfolios.Action("pay_contract", 16, 726, 14),
        portfolios.Action("wait", 0, 107, 0),
        portfolios.Action("waive", 4, 79, 17),
        portfolios.Action("hang", 0, 757, 0),
        portfolios.Action("waive", 17, 1, 0),
        portfolios.Action("pay", 16, 1, 0),
        portfolios.Action("pay", 5, 1, 0),
        portfolios.Action("pay", 9, 1, 0),
    ],
    disturbance=("auto_debit", 0, None, None),
    as_of_before=0,
    late_payments_and_mandate=(3, False),
)
def test_any_portfolio_is_found_examined_and_given_back_alike(
    shared: Database,
    catalogue: Catalogue,
    start: date,
    drawn: list[portfolios.Draw],
    history: list[portfolios.Action],
    disturbance: tuple[str, int, int | None, str | None],
    as_of_before: int,
    late_payments_and_mandate: tuple[int, bool],
) -> None:
    dialect = shared.engine.dialect.name
    late_payments, has_mandate = late_payments_and_mandate
    with shared.transaction() as session:
        world = make_world(session, portfolios.clock_on(start), catalogue)
        contracts = portfolios.draw_all(world, drawn)
        if not has_mandate:  # else what was not debited on the due date is the system's anyway, with or without the incident
            portfolios.act(world, contracts, portfolios.Action("revoke", 0, 1, 0), "revoke")
        for turn, action in enumerate(history):
            portfolios.act(world, contracts, action, f"key-{turn}")
        world.clock.advance(days=20)
        for turn in range(late_payments):
            portfolios.act(world, contracts, portfolios.Action("pay_overdue", 5, 1100, 3 * turn), f"late-{turn}")
        incident = declare(world, disturbance)
        as_of = world.clock.today() - timedelta(days=as_of_before)
        places, many, one = every_place(world), EmbeddedBooks(world.unit), PortBooks(world.loans)
        findings = many.examine(places, as_of, POLICY)
        assert [comparable(each) for each in findings] == [comparable(each) for each in one.examine(places, as_of, POLICY)]

        for place in places:
            assert facts_of(world.loans, *place, as_of) == load_facts(world.loans, *place, as_of)

        found = in_pages(many, incident, as_of)
        assert len(set(found)) == len(found)
        harmed = {each.place for each in findings if harmed_by(each, incident)}
        assert harmed <= set(found)
        seen[f"{dialect} harmed"] += len(harmed)

        shares = to_give(many, findings)
        expected, given_one = given_by(world, one, shares)
        actual, given_many = given_by(world, many, shares)
        assert actual == expected
        assert [(bool(a.waiver_receipt_no), bool(a.refund_receipt_no)) for a in given_many] == [
            (bool(b.waiver_receipt_no), bool(b.refund_receipt_no)) for b in given_one
        ]
        seen[f"{dialect} waived"] += sum(share.waive > 0 for share in shares)
        seen[f"{dialect} refunded"] += sum(share.refund > 0 for share in shares)
        session.rollback()


def in_pages(books: EmbeddedBooks, incident: Incident, as_of: date, limit: int = 3) -> list[Place]:
    found: list[Place] = []
    after: str | None = None
    while True:
        page = books.affected(incident, as_of, after, limit)
        found, after = found + page.places, page.next_after
        if after is None:
            return found


def to_give(books: EmbeddedBooks, findings: list[Finding]) -> list[Share]:
    """What each instalment has left of its system's share; where there is none, of its whole penalty: more to compare."""
    keyed = [(each.place, f"k:{number}") for number, each in enumerate(findings)]
    shares = []
    for finding, (place, key), stand in zip(findings, keyed, books.stands(keyed), strict=True):
        decision = decide(finding.evidence.penalty, finding.evidence.system_caused or finding.evidence.penalty, stand)
        if decision.amount:
            shares.append(Share(place, decision.waive, decision.refund, "MR-1", key))
    return shares


NOTHING_OWED = ", 0, 0, 0, 0, 0, 0, 0, 0, "
"""An instalment of nothing (interest of a loan of ¥1.19) is settled from the start. The day may stand behind it or not: whichever
posting comes by its contract next writes it down (bot/loans/bulk/accrual.py).
"""


def given_by(world: World, books: EmbeddedBooks | PortBooks, shares: list[Share]) -> tuple[dict[str, list[str]], list[Any]]:
    """What the tables hold after giving, which is then taken back."""
    savepoint = world.session.begin_nested()
    books.stands([(share.place, share.key) for share in shares])
    given = books.give(shares)
    world.check()
    rows = dump(world.session, LOAN_TABLES)
    rows["instalments"] = [row.partition(NOTHING_OWED)[0] for row in rows["instalments"]]
    savepoint.rollback()
    world.session.expire_all()
    return rows, given


def test_the_comparison_was_not_empty(shared: Database) -> None:
    dialect = shared.engine.dialect.name
    assert [what for what in ("harmed", "waived", "refunded") if not seen[f"{dialect} {what}"]] == []
