"""Any single change of a random trail is found, at the right place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from bot.audit.anchor import Anchor
from bot.audit.chain import GENESIS, SEALED
from bot.audit.check import Broken
from bot.audit.keys import Keyring
from bot.audit.models import AuditChainRow, AuditEntryRow
from bot.audit.service import HEAD_BROKEN, AuditTrail, Subject
from bot.core.clock import FixedClock
from bot.core.database import Base, Database
from bot.core.origin import Actor, Origin, coming_from
from tests.audit.conftest import KEYS, check, record
from tests.secret import SECRET

ENTRY, HEAD = (Base.metadata.tables[table] for table in (AuditEntryRow.__tablename__, AuditChainRow.__tablename__))
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DETAILS = st.dictionaries(
    WORDS, st.one_of(WORDS, st.integers(), st.booleans(), st.none(), st.lists(WORDS, max_size=2)), max_size=2
)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["case.decided", "otp.checked", "transcript.revealed"]), WORDS, DETAILS), min_size=3, max_size=8
)
RANDOM = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(database: Database, deeds: list[tuple[str, str, dict[str, Any]]], per_commit: int = 2) -> FixedClock:
    """A new chain 1 with these deeds, some of them in one transaction; it holds."""
    clock = FixedClock()
    with database.engine.begin() as connection:
        connection.execute(delete(ENTRY))
        connection.execute(delete(HEAD))
        connection.execute(insert(HEAD).values(chain=1, count=0, last_hash=GENESIS))
    for start in range(0, len(deeds), per_commit):
        clock.advance(seconds=1)
        with database.transaction() as session, coming_from(Origin("rest", "10.0.0.1", "request")):
            for action, reason, details in deeds[start : start + per_commit]:
                subject = Subject("conversation", "C-20260822-0001", "FQ-20251010-1001", "C1001")
                AuditTrail(session, clock).record(action, Actor("customer", "C1001"), subject, reason=reason, details=details)
    report = check(database, clock)
    assert (report.entries, report.broken) == (len(deeds), ())
    assert report.anchor is not None
    return clock


def places(database: Database, clock: FixedClock) -> list[int | None]:
    return [each.seq for each in check(database, clock).broken]


def other(name: str, value: Any) -> Any:
    """A value of the same type that is not ``value``; ``None`` where only text would be there."""
    if name == "details":
        return {**value, "one more": 1}
    if name == "at":
        return value + timedelta(microseconds=1)
    if name == "actor_kind":
        return "agent"
    if name == "seq":
        return value + 100
    if value is None or isinstance(value, int):
        return "x" if value is None else value + 1
    return f"{'0' if value[:1] != '0' else '1'}{value[1:]}"


@RANDOM
@given(deeds=DEEDS, data=st.data())
def test_a_change_of_any_column_of_any_entry_is_found_there(bare: Database, deeds: Any, data: st.DataObject) -> None:
    clock = written(bare, deeds)
    seq = data.draw(st.integers(1, len(deeds)))
    column = data.draw(st.sampled_from([name for name in (*SEALED, "hash") if name not in ("chain", "seq")]))
    with bare.engine.begin() as connection:
        at = (ENTRY.c.chain == 1) & (ENTRY.c.seq == seq)
        before = connection.execute(select(ENTRY.c[column]).where(at)).scalar_one()
        connection.execute(update(ENTRY).where(at).values({column: other(column, before)}))
    assert places(bare, clock) == [seq]


@RANDOM
@given(deeds=DEEDS, data=st.data())
def test_a_missing_entry_is_found_where_it_was_also_at_the_end(bare: Database, deeds: Any, data: st.DataObject) -> None:
    clock = written(bare, deeds)
    first = data.draw(st.integers(1, len(deeds)))
    last = data.draw(st.integers(first, len(deeds)))
    with bare.engine.begin() as connection:
        connection.execute(delete(ENTRY).where(ENTRY.c.seq.between(first, last)))
    (broken,) = check(bare, clock).broken
    assert broken == Broken(1, first, "is missing" if first == last else f"is missing, and all to {last}")


@RANDOM
@given(deeds=DEEDS, data=st.data())
def test_two_entries_that_changed_places_are_both_found(bare: Database, deeds: Any, data: st.DataObject) -> None:
    clock = written(bare, deeds)
    one, two = sorted(data.draw(st.lists(st.integers(1, len(deeds)), min_size=2, max_size=2, unique=True)))
    with bare.engine.begin() as connection:
        for now, then in ((one, 1000), (two, one), (1000, two)):
            connection.execute(update(ENTRY).where(ENTRY.c.seq == now).values(seq=then))
    assert {one, two} <= set(places(bare, clock))
    assert places(bare, clock)[0] == one


@RANDOM
@given(deeds=DEEDS, data=st.data())
def test_an_entry_put_in_between_is_found_there(bare: Database, deeds: Any, data: st.DataObject) -> None:
    """Those after it are renumbered to make room, and the head is told of one more."""
    clock = written(bare, deeds)
    seq = data.draw(st.integers(1, len(deeds) + 1))
    with bare.engine.begin() as connection:
        copied = dict(connection.execute(select(ENTRY).where(ENTRY.c.seq == (seq - 1 or 2))).mappings().one())
        for later in range(len(deeds), seq - 1, -1):
            connection.execute(update(ENTRY).where(ENTRY.c.seq == later).values(seq=later + 1))
        connection.execute(insert(ENTRY).values({**copied, "seq": seq}))
    assert places(bare, clock)[0] == seq


@RANDOM
@given(deeds=DEEDS, guess=st.binary(min_size=1, max_size=8))
def test_a_chain_calculated_anew_without_the_key_is_found(bare: Database, deeds: Any, guess: bytes) -> None:
    """The forger knows the code and every column, and has another key: each entry from the changed one on is theirs."""
    clock = written(bare, deeds)
    theirs = Keyring(f"guess {guess.hex()}")
    with bare.engine.begin() as connection:
        connection.execute(update(ENTRY).where(ENTRY.c.seq == 2).values(hash=theirs.seal(b"forged")))
        connection.execute(update(ENTRY).where(ENTRY.c.seq == 3).values(prev_hash=theirs.seal(b"forged")))
    assert places(bare, clock) == [2, 3]


def cut_and_write_on(database: Database, clock: FixedClock, *, with_seal: tuple[str, str] | None = None) -> None:
    """Four entries; the last two are cut off with their count in the head, and ours are written behind that."""
    with database.engine.begin() as connection:
        kept = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.seq == 2)).scalar_one()
        connection.execute(delete(ENTRY).where(ENTRY.c.seq > 2))
        old = {} if with_seal is None else {"key_id": with_seal[0], "seal": with_seal[1]}
        connection.execute(update(HEAD).values(count=2, last_hash=kept, **old))
    record(database, clock, 2)


def test_a_head_set_back_without_the_key_marks_the_chain_for_good(open_trail: Database, clock: FixedClock) -> None:
    """Our next entry must not make a forged head genuine."""
    record(open_trail, clock, 4)
    cut_and_write_on(open_trail, clock)
    broken = check(open_trail, clock).broken
    assert [each.seq for each in broken] == [3]
    assert "head had been changed" in broken[0].what
    with open_trail.transaction() as session:
        found = AuditTrail(session, clock).search(action=HEAD_BROKEN).entries
    assert [(entry.seq, entry.details) for entry in found] == [(3, {"count": 2})]


@pytest.mark.parametrize("written_on", [False, True])
def test_an_old_state_put_back_whole_is_found_by_an_anchor(open_trail: Database, clock: FixedClock, written_on: bool) -> None:
    """Of a backup every seal is genuine: only what was kept elsewhere tells."""
    record(open_trail, clock, 2)
    with open_trail.engine.begin() as connection:
        old = connection.execute(select(HEAD.c.key_id, HEAD.c.seal)).one()
    record(open_trail, clock, 2)
    text = check(open_trail, clock).anchor
    assert text is not None
    anchor = Anchor.parse(text, KEYS)
    assert check(open_trail, clock, anchor).broken == ()
    cut_and_write_on(open_trail, clock, with_seal=(old[0], old[1]))
    if not written_on:
        with open_trail.engine.begin() as connection:
            connection.execute(delete(ENTRY).where(ENTRY.c.seq > 2))
            kept = connection.execute(select(ENTRY.c.hash).where(ENTRY.c.seq == 2)).scalar_one()
            connection.execute(update(HEAD).values(count=2, last_hash=kept, key_id=old[0], seal=old[1]))
    assert check(open_trail, clock).broken == ()
    (broken,) = check(open_trail, clock, anchor).broken
    assert broken.seq == (4 if written_on else 3)
    assert "anchor" in broken.what


HEAD_CHANGES: dict[str, tuple[dict[str, Any], int | None]] = {
    "another count": ({"count": 3}, None),
    "another last hash": ({"last_hash": "f" * 64}, None),
    "another seal": ({"seal": "f" * 64}, None),
    "no seal": ({"seal": None}, None),
    "as if it were empty": ({"count": 0, "last_hash": GENESIS, "seal": None, "key_id": None}, 1),
}


@pytest.mark.parametrize("change", HEAD_CHANGES)
def test_a_changed_head_is_found(open_trail: Database, clock: FixedClock, change: str) -> None:
    record(open_trail, clock, 4)
    values, seq = HEAD_CHANGES[change]
    with open_trail.engine.begin() as connection:
        connection.execute(update(HEAD).values(values))
    assert [each.seq for each in check(open_trail, clock).broken] == [seq]


def test_a_head_that_is_gone_and_entries_without_one_are_found(open_trail: Database, clock: FixedClock) -> None:
    record(open_trail, clock, 2)
    text = check(open_trail, clock).anchor or ""
    with open_trail.engine.begin() as connection:
        connection.execute(delete(HEAD))
    gone = [(each.chain, each.what) for each in check(open_trail, clock).broken]
    assert gone == [(1, "its head is gone"), (0, "all heads are gone")]
    with open_trail.engine.begin() as connection:
        connection.execute(delete(ENTRY))
    found = check(open_trail, clock, Anchor.parse(text, KEYS)).broken
    assert (1, "its head is gone") in [(each.chain, each.what) for each in found]


def test_an_entry_of_a_key_that_is_not_here_is_named(open_trail: Database, clock: FixedClock) -> None:
    record(open_trail, clock, 1)
    report = check(open_trail, clock, keys=Keyring("another"))
    assert [each.seq for each in report.broken] == [1, None]
    assert report.anchor is None
    assert check(open_trail, clock, keys=Keyring("another", [SECRET])).broken == ()
