"""The trail and the transactions of the deeds: none without the other."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from bot.audit.anchor import Anchor, AnchorJob
from bot.audit.chain import Head
from bot.audit.errors import AuditHeadBroken, AuditKeyMissing, NotAnAnchor
from bot.audit.keys import Keyring
from bot.audit.models import CHAINS, AuditChainRow, AuditEntryRow
from bot.audit.service import AuditTrail, Subject
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.masking import mask
from bot.core.origin import Actor, Origin, coming_from
from bot.core.settings import Settings
from bot.loans.backends import EmbeddedBackends
from bot.worker import jobs
from tests.audit.conftest import AGENT, KEYS, check, entries, record, unlock
from tests.conftest import postgres_database

ABOUT = Subject(customer_id="C1001")


class Wrong(Exception):
    """Something that goes wrong after the deed."""


def actions(database: Database, clock: FixedClock) -> list[str]:
    with database.transaction() as session:
        return [entry.action for entry in AuditTrail(session, clock).search().entries][::-1]


def test_what_is_rolled_back_leaves_no_entry(each_database: Database, clock: FixedClock) -> None:
    with pytest.raises(Wrong), each_database.transaction() as session:  # noqa: PT012
        AuditTrail(session, clock).record("test.done", AGENT, ABOUT)
        raise Wrong
    assert entries(each_database) == 0
    record(each_database, clock)
    assert check(each_database, clock).entries == 1


def test_a_savepoint_takes_its_entries_along_and_no_others(each_database: Database, clock: FixedClock) -> None:
    with each_database.transaction() as session:
        trail = AuditTrail(session, clock)
        trail.record("test.before", AGENT, ABOUT)
        with session.begin_nested():
            trail.record("test.kept", AGENT, ABOUT)
            with pytest.raises(Wrong), session.begin_nested():  # noqa: PT012
                trail.record("test.dropped", AGENT, ABOUT)
                with session.begin_nested():
                    trail.record("test.dropped_too", AGENT, ABOUT)
                raise Wrong
        with pytest.raises(DBAPIError), session.begin_nested():  # noqa: PT012
            trail.record("test.dropped", AGENT, ABOUT)
            session.execute(text("SELECT * FROM no_such_table"))
        trail.record("test.after", AGENT, ABOUT)
    assert sorted(actions(each_database, clock)) == ["test.after", "test.before", "test.kept"]
    assert check(each_database, clock).broken == ()


def test_an_entry_says_who_what_when_from_where_and_why(each_database: Database, clock: FixedClock) -> None:
    place = Origin("desk", "203.0.113.7", "request-1", "a-conversation", Actor("supervisor", "S2101"))
    with coming_from(place), each_database.transaction() as session:
        AuditTrail(session, clock).record("test.done", None, ABOUT, reason="核对", details={"amount": 192, "list": ["a", 1]})
    with each_database.transaction() as session:
        (entry,) = AuditTrail(session, clock).search().entries
    assert (entry.actor, entry.at, entry.channel, entry.address) == (place.actor, clock.now(), "desk", "203.0.113.7")
    assert (entry.request_id, entry.reason, entry.details) == ("request-1", "核对", {"amount": 192, "list": ["a", 1]})
    assert entry.subject == Subject("a-conversation", customer_id="C1001")


PERSONAL = ("13900001002", "+86 139 0000 1002", "6222021234567890123", "11010519491231002X", "验证码是123456")


@pytest.mark.parametrize("told", PERSONAL)
def test_no_personal_data_stand_in_reason_or_details(each_database: Database, clock: FixedClock, told: str) -> None:
    with each_database.transaction() as session:
        details = {"note": f"说{told}", "list": [told]}
        AuditTrail(session, clock).record("test.done", AGENT, ABOUT, reason=f"因为{told}", details=details)
    with each_database.transaction() as session:
        (row,) = session.scalars(select(AuditEntryRow)).all()
    assert told not in f"{row.reason} {row.details}"
    assert row.reason == mask(f"因为{told}")


def test_our_own_numbers_stay_readable(database: Database, clock: FixedClock) -> None:
    """A receipt has as many digits as a card."""
    with database.transaction() as session:
        AuditTrail(session, clock).record("test.done", AGENT, ABOUT, details={"receipts": ["R-20260822-12345678"]})
    with database.transaction() as session:
        assert AuditTrail(session, clock).search().entries[0].details == {"receipts": ["R-20260822-12345678"]}


REFUSED: dict[str, tuple[str, Any, type[Exception]]] = {
    "no code": ("Done", 1, ValueError),
    "a float": ("test.done", 0.1, TypeError),
    "a nested thing": ("test.done", {"a": 1}, TypeError),
    "a list of lists": ("test.done", [["a"]], TypeError),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_sealed_is_refused_with_the_deed(database: Database, clock: FixedClock, what: str) -> None:
    action, value, error = REFUSED[what]
    with pytest.raises(error), database.transaction() as session:
        AuditTrail(session, clock).record(action, AGENT, ABOUT, details={"value": value})


def test_a_database_without_keys_lets_nobody_act_unrecorded(database: Database, clock: FixedClock) -> None:
    bare = Database(database.engine.url.render_as_string(hide_password=False))
    with pytest.raises(AuditKeyMissing), bare.transaction() as session:
        AuditTrail(session, clock).record("test.done", AGENT, ABOUT)
    bare.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET reason = 'other'",
        "DELETE FROM audit_entries",
        "DELETE FROM audit_chains",
    ],
)
def test_the_database_itself_refuses_changes(each_database: Database, clock: FixedClock, statement: str) -> None:
    record(each_database, clock)
    with pytest.raises(DBAPIError, match="append-only"), each_database.transaction() as session:
        session.execute(text(statement))


def test_sixteen_writers_at_once_leave_chains_that_hold(postgres_template: str) -> None:
    """Some roll back, each has several entries in a commit, and all finish: there is nothing to deadlock with."""
    writers, rounds = 16, 12
    with postgres_database(postgres_template) as database:
        together, failures = threading.Barrier(writers), []

        def work(number: int) -> None:
            clock = FixedClock()
            together.wait()
            for turn in range(rounds):
                try:
                    with database.transaction() as session:
                        for _ in range(1 + turn % 3):
                            AuditTrail(session, clock).record("test.done", Actor("agent", f"A{number}"), ABOUT)
                        if turn % 4 == 3:
                            raise Wrong
                except Wrong:
                    continue
                except Exception as error:  # noqa: BLE001 told to the test below
                    failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        kept = sum(1 + turn % 3 for turn in range(rounds) if turn % 4 != 3)
        report = check(database, FixedClock())
        assert (report.broken, report.entries) == ((), writers * kept)
        with database.transaction() as session:
            used = session.scalars(select(AuditChainRow.chain).where(AuditChainRow.count > 0)).all()
        assert 1 < len(used) <= CHAINS


def test_one_head_for_many_writers_is_waited_for(postgres_template: str) -> None:
    with postgres_database(postgres_template) as database:
        unlock(database)
        with database.transaction() as session:
            session.execute(delete(AuditChainRow).where(AuditChainRow.chain > 1))
        threads = [threading.Thread(target=record, args=(database, FixedClock(), 5)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        report = check(database, FixedClock())
        assert (report.broken, report.entries, report.chains) == ((), 30, 1)


def test_the_check_holds_while_entries_are_written(postgres_template: str) -> None:
    with postgres_database(postgres_template) as database:
        record(database, FixedClock(), 10)
        writer = threading.Thread(target=record, args=(database, FixedClock(), 60))
        writer.start()
        reports = [check(database, FixedClock()) for _ in range(5)]
        writer.join(60)
        assert [report.broken for report in reports] == [()] * 5
        assert check(database, FixedClock()).entries == 70


# --- searching


def test_pages_follow_each_other_newest_first_without_gap_or_repeat(each_database: Database, clock: FixedClock) -> None:
    record(each_database, clock, 7)
    with each_database.transaction() as session:  # several at the same moment
        for _ in range(4):
            AuditTrail(session, clock).record("test.done", AGENT, ABOUT)
    seen, after = [], None
    with each_database.transaction() as session:
        while True:
            page = AuditTrail(session, clock).search(after=after, limit=3)
            seen += [entry.place for entry in page.entries]
            after = page.after
            if after is None:
                break
    assert len(seen) == len(set(seen)) == 11
    assert seen == sorted(seen, reverse=True)


def test_entries_are_found_by_subject_actor_action_and_time(each_database: Database, clock: FixedClock) -> None:
    start = clock.now()
    other = Actor("supervisor", "S2101")
    with each_database.transaction() as session:
        AuditTrail(session, clock).record("case.decided", AGENT, Subject(case_no="C-1", customer_id="C1001"))
        AuditTrail(session, clock).record("case_x.decided", other, Subject(customer_id="C1002"))
    clock.advance(minutes=5)
    with each_database.transaction() as session:
        AuditTrail(session, clock).record("case.closed", other, Subject(case_no="C-2", contract_no="FQ-1"))
    asked: list[tuple[dict[str, Any], set[str]]] = [
        ({"subject": Subject(case_no="C-1")}, {"case.decided"}),
        ({"subject": Subject(customer_id="C1002")}, {"case_x.decided"}),
        ({"subject": Subject(contract_no="FQ-1")}, {"case.closed"}),
        ({"actor_id": "S2101"}, {"case_x.decided", "case.closed"}),
        ({"action": "case.decided"}, {"case.decided"}),
        ({"action": "case."}, {"case.decided", "case.closed"}),
        ({"first": start + timedelta(minutes=5)}, {"case.closed"}),
        ({"last": start}, {"case.decided", "case_x.decided"}),
        ({"actor_id": "S2101", "action": "case."}, {"case.closed"}),
        ({"actor_id": "nobody"}, set()),
    ]
    with each_database.transaction() as session:
        trail = AuditTrail(session, clock)
        for conditions, expected in asked:
            assert {entry.action for entry in trail.search(**conditions).entries} == expected, conditions


# --- anchors

HEADS = st.lists(st.tuples(st.integers(0, 10**10), st.text("0123456789abcdef", min_size=64, max_size=64)), min_size=1, max_size=8)


@given(heads=HEADS)
def test_an_anchor_is_read_back_and_no_log_masks_it(heads: list[tuple[int, str]]) -> None:
    anchor = Anchor.of([Head(number, *head) for number, head in enumerate(heads, 1)], FixedClock().now())
    line = anchor.text(KEYS)
    assert mask(line) == line
    assert Anchor.parse(line, KEYS) == anchor


@given(data=st.data())
def test_an_anchor_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    line = Anchor.of([Head(1, 12, "ab" * 32)], FixedClock().now()).text(KEYS)
    place = data.draw(st.integers(0, len(line) - 1))
    character = data.draw(st.sampled_from("abcx0123456789-.").filter(lambda found: found != line[place]))
    with pytest.raises(NotAnAnchor):
        Anchor.parse(line[:place] + character + line[place + 1 :], KEYS)
    with pytest.raises(NotAnAnchor, match="AUDIT_ACCEPTED_KEYS"):
        Anchor.parse(line, Keyring("another"))


def test_the_worker_logs_an_anchor_an_hour_and_refuses_a_forged_head(
    each_database: Database, clock: FixedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    record(each_database, clock, 3)
    job = AnchorJob(each_database, clock, KEYS, timedelta(hours=1))
    assert job.round() == {"anchored": 1, "errors": 0}
    line = next(word for word in capsys.readouterr().out.split() if "au1-" in word).removeprefix("anchor=")
    assert check(each_database, clock, Anchor.parse(line, KEYS)).broken == ()
    assert job.round()["anchored"] == 0
    clock.advance(hours=1)
    assert job.round()["anchored"] == 1
    clock.advance(hours=1)
    with each_database.transaction() as session:
        session.execute(update(AuditChainRow).values(count=AuditChainRow.count + 1))
    with pytest.raises(AuditHeadBroken):
        job.round()


def test_the_worker_has_the_job(gateway_settings: Settings, database: Database, clock: FixedClock) -> None:
    assert "audit" in jobs(gateway_settings, clock, database, EmbeddedBackends(clock))
