"""What holds for every history, not only for those that somebody thought of (product §3)."""

from __future__ import annotations

import random
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cases.evidence import Evidence, EvidencePolicy, examine
from bot.cases.evidence.facts import (
    AttemptFact,
    Channel,
    Facts,
    IncidentFact,
    MandateFact,
    NoticeFact,
    OverdueDay,
    PaymentFact,
    Side,
    day_of,
)
from bot.cases.evidence.split import split_penalty, waive_or_refund
from tests.cases.builders import OWED, at, day, facts

Item = TypeVar("Item")
LAST = 9
HOURS = st.integers(0, 23)
CHANNELS: tuple[Channel, ...] = ("auto_debit", "own_repayment", "all")
STATUSES: tuple[Literal["created", "processing", "settled", "failed", "returned"], ...] = (
    "created", "processing", "settled", "failed", "returned",
)  # fmt: skip
KINDS: tuple[Literal["own", "auto_debit", "scheduled"], ...] = ("own", "auto_debit", "scheduled")
SIDES: tuple[Side, ...] = ("borrower", "system")
NOTICES: tuple[Literal["due_reminder", "overdue", "debit_failed"], ...] = ("due_reminder", "overdue", "debit_failed")
USUAL = settings(max_examples=50, deadline=None)  # no deadline: the machine may be busy


def moments(first: int = -3, last: int = LAST) -> st.SearchStrategy[datetime]:
    return st.builds(at, st.integers(first, last), HOURS)


@st.composite
def after(draw: st.DrawFn, moment: datetime) -> datetime | None:
    hours = draw(st.none() | st.integers(0, 120))
    return None if hours is None else moment + timedelta(hours=hours)


ATTEMPTS = st.builds(
    AttemptFact, moments(0), st.sampled_from(["SYS_TIMEOUT", "X"]), st.sampled_from(["system", "borrower", "none"])
)


@st.composite
def incidents(draw: st.DrawFn) -> IncidentFact:
    starts = draw(moments())
    channel = draw(st.sampled_from(CHANNELS))
    return IncidentFact(channel, starts, draw(after(starts)), draw(st.booleans()))


@st.composite
def payments(draw: st.DrawFn) -> PaymentFact:
    created = draw(moments())
    status = draw(st.sampled_from(STATUSES))
    amount = draw(st.integers(1, OWED * 2))
    resolved = None if status in ("created", "processing") else created + timedelta(hours=draw(st.integers(0, 120)))
    informed = None if resolved is None else draw(after(resolved))
    side: Side = draw(st.sampled_from(SIDES)) if status == "failed" else "none"
    kind = draw(st.sampled_from(KINDS))
    credited = draw(st.integers(0, OWED // 4)) if status == "settled" else 0
    return PaymentFact(created, amount, status, kind, resolved, informed, side, "X" if side != "none" else None, credited)


@st.composite
def notices(draw: st.DrawFn) -> NoticeFact:
    sent = draw(moments())
    kind = draw(st.sampled_from(NOTICES))
    delivered = draw(after(sent))
    return NoticeFact(kind, "sms", sent, "delivered" if delivered else "failed", delivered)


@st.composite
def mandates(draw: st.DrawFn) -> MandateFact:
    signed = draw(moments(-9, 3))
    return MandateFact(signed, draw(after(signed)))


@st.composite
def histories(draw: st.DrawFn) -> Facts:
    overdue = draw(st.integers(0, LAST))
    principal, days, held_from = OWED, [], draw(st.integers(1, LAST + 3))
    for number in range(1, overdue + 1):
        days.append(OverdueDay(day(number), principal, held=number >= held_from))
        principal = max(1, principal - draw(st.sampled_from([0, 0, 0, 1234])))
    exact = sum(item.weight for item in days) * 5
    return facts(
        overdue,
        penalty=(exact + 5000) // 10000,
        days=tuple(days),
        mandates=tuple(draw(st.lists(mandates(), max_size=2))),
        attempts=tuple(draw(st.lists(ATTEMPTS, max_size=4))),
        incidents=tuple(draw(st.lists(incidents(), max_size=3))),
        payments=tuple(draw(st.lists(payments(), max_size=4))),
        notices=tuple(draw(st.lists(notices(), max_size=3))),
    )


def system_days(evidence: Evidence) -> set[object]:
    return {item.date for item in evidence.days if item.cause == "system"}


@USUAL
@given(histories())
def test_causes_partition_the_overdue_days(history: Facts) -> None:
    evidence = examine(history)
    assert [item.date for item in evidence.days] == [item.date for item in history.days]
    assert all(item.cause in ("system", "borrower") and item.reasons for item in evidence.days)


@USUAL
@given(histories())
def test_system_and_borrower_make_up_the_penalty(history: Facts) -> None:
    evidence = examine(history)
    assert evidence.system_caused + evidence.borrower_caused == evidence.penalty == history.penalty
    assert evidence.system_caused >= 0
    assert evidence.borrower_caused >= 0
    if evidence.kind == "system":
        assert evidence.borrower_caused == 0 or not any(item.charged for item in evidence.days)
    if not system_days(evidence):
        assert evidence.system_caused == 0


@USUAL
@given(histories())
def test_each_day_alone_has_the_cause_that_it_has_among_the_others(history: Facts) -> None:
    """The rules are asked once for days alike; asked for one day only, they must say the same."""
    together = examine(history).days
    alone = [examine(replace(history, days=(each,))).days[0] for each in history.days]
    assert list(together) == alone


@USUAL
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(history: Facts, rng: random.Random) -> None:
    def shuffled(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(rng.sample(items, len(items)))

    other = replace(
        history,
        days=shuffled(history.days),
        mandates=shuffled(history.mandates),
        attempts=shuffled(history.attempts),
        incidents=shuffled(history.incidents),
        payments=shuffled(history.payments),
        notices=shuffled(history.notices),
    )
    assert examine(other) == examine(history)
    assert examine(other).timeline() == examine(history).timeline()


@st.composite
def system_failures(draw: st.DrawFn) -> AttemptFact | IncidentFact | PaymentFact:
    """Something that went wrong on our side."""
    which = draw(st.sampled_from(["debit", "incident", "hanging", "failed"]))
    if which == "debit":
        return AttemptFact(draw(moments(0)), "SYS_ERROR", "system", OWED)
    if which == "incident":
        return replace(draw(incidents()), confirmed=True)
    created, amount = draw(moments()), draw(st.integers(1, OWED * 2))
    if which == "hanging":
        return PaymentFact(created, amount, "processing")
    resolved = created + timedelta(hours=draw(st.integers(0, 72)))
    return PaymentFact(created, amount, "failed", "own", resolved, draw(after(resolved)), "system", "SYS_ERROR")


@settings(max_examples=120, deadline=None)
@given(histories(), system_failures())
def test_adding_a_system_failure_never_lowers_the_systems_share(
    history: Facts, failure: AttemptFact | IncidentFact | PaymentFact
) -> None:
    if isinstance(failure, AttemptFact):
        more = replace(history, attempts=(*history.attempts, failure))
    elif isinstance(failure, IncidentFact):
        more = replace(history, incidents=(*history.incidents, failure))
    else:
        more = replace(history, payments=(*history.payments, failure))
    before, now = examine(history), examine(more)
    assert now.system_caused >= before.system_caused
    assert system_days(now) >= system_days(before)


@st.composite
def borrower_failures(draw: st.DrawFn) -> AttemptFact | PaymentFact:
    """Something that failed on the borrower's side at once. An own repayment that hangs first is our failure until it is over."""
    if draw(st.booleans()):
        return AttemptFact(draw(moments(0)), "INSUFFICIENT_FUNDS", "borrower", OWED)
    created = draw(moments())
    resolved = created.replace(hour=23, minute=59)
    return PaymentFact(
        created,
        draw(st.integers(1, OWED * 2)),
        "failed",
        "own",
        resolved,
        draw(after(resolved)),
        "borrower",
        "INSUFFICIENT_FUNDS",
    )


@settings(max_examples=120, deadline=None)
@given(histories(), borrower_failures())
def test_adding_a_failure_of_the_borrower_never_raises_the_systems_share(
    history: Facts, failure: AttemptFact | PaymentFact
) -> None:
    if isinstance(failure, AttemptFact):
        more = replace(history, attempts=(*history.attempts, failure))
    else:
        more = replace(history, payments=(*history.payments, failure))
    before, now = examine(history), examine(more)
    assert now.system_caused <= before.system_caused
    assert system_days(now) <= system_days(before)


def moved(item: Any, by: timedelta) -> Any:
    """``item`` with every date and moment in it moved."""
    changed = {field.name: getattr(item, field.name) for field in fields(item)}
    for name, value in changed.items():
        if isinstance(value, date):  # a datetime is one too
            changed[name] = value + by
        elif isinstance(value, tuple):
            changed[name] = tuple(moved(each, by) if is_dataclass(each) else each for each in value)
    return replace(item, **changed)


@USUAL
@given(histories(), st.integers(-800, 800))
def test_the_calendar_does_not_matter(history: Facts, days: int) -> None:
    by = timedelta(days=days)
    here, there = examine(history), examine(moved(history, by))
    assert [(item.date + by, item.cause, [r.code for r in item.reasons]) for item in here.days] == [
        (item.date, item.cause, [r.code for r in item.reasons]) for item in there.days
    ]
    assert (here.system_caused, here.borrower_caused) == (there.system_caused, there.borrower_caused)


def until(history: Facts, as_of: date) -> Facts:
    """The same records, asked on an earlier day."""
    return replace(history, as_of=as_of, days=tuple(item for item in history.days if item.date <= as_of))


def known_by(history: Facts, as_of: date) -> Facts:
    """What the records said at the end of ``as_of``: nothing that came later. Incidents are taken as confirmed from the start."""

    def began(moment: datetime | None) -> bool:
        return moment is not None and day_of(moment) <= as_of

    def payment(item: PaymentFact) -> PaymentFact:
        if began(item.resolved_at) or item.resolved_at is None:
            return replace(item, informed_at=item.informed_at if began(item.informed_at) else None)
        return replace(item, status="processing", resolved_at=None, informed_at=None, side="none", code=None, credited=0)

    def notice(item: NoticeFact) -> NoticeFact:
        if item.delivered_at is None or began(item.delivered_at):
            return item
        return replace(item, delivery="pending", delivered_at=None)

    return replace(
        until(history, as_of),
        mandates=tuple(
            replace(item, revoked_at=item.revoked_at if began(item.revoked_at) else None)
            for item in history.mandates
            if began(item.signed_at)
        ),
        attempts=tuple(item for item in history.attempts if began(item.at)),
        incidents=tuple(
            replace(item, ends_at=item.ends_at if began(item.ends_at) else None)
            for item in history.incidents
            if began(item.starts_at)
        ),
        payments=tuple(payment(item) for item in history.payments if began(item.created_at)),
        notices=tuple(notice(item) for item in history.notices if began(item.sent_at)),
    )


@settings(max_examples=120, deadline=None)
@given(histories(), st.integers(0, LAST))
def test_asking_later_never_changes_the_cause_of_an_earlier_day(history: Facts, asked: int) -> None:
    early = examine(until(history, day(asked)))
    assert early.days == examine(history).days[: len(early.days)]


@settings(max_examples=200, deadline=None)
@given(histories(), st.integers(1, LAST))
def test_what_happens_later_never_changes_the_cause_of_an_earlier_day(history: Facts, asked: int) -> None:
    """Only a record about the past can: an incident that is confirmed, or a result that is corrected, afterwards."""
    early = examine(known_by(history, day(asked)))
    assert [item.cause for item in early.days] == [item.cause for item in examine(history).days[: len(early.days)]]


@USUAL
@given(histories())
def test_stretches_are_all_days_in_order_and_as_long_as_they_can_be(history: Facts) -> None:
    evidence = examine(history)
    stretches = evidence.stretches()
    told = [stretch.first + timedelta(days=n) for stretch in stretches for n in range(stretch.count)]
    assert told == [item.date for item in evidence.days]
    causes = {item.date: (item.cause, item.charged) for item in evidence.days}
    assert all(causes[stretch.first] == causes[stretch.last] == (stretch.cause, stretch.charged) for stretch in stretches)


@USUAL
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_more_goes_back_than_is_left_and_nothing_negative(system: int, borrower: int, paid: int, waived: int) -> None:
    penalty = system + borrower
    paid, waived = min(paid, penalty), min(waived, penalty - min(paid, penalty))
    share = waive_or_refund(system, penalty, paid, waived)
    assert 0 <= share.waive <= penalty - paid - waived
    assert 0 <= share.refund <= paid
    assert share.waive + share.refund == max(0, system - waived)


@USUAL
@given(histories(), st.integers(0, 5))
def test_a_longer_grace_never_lowers_the_systems_share(history: Facts, grace: int) -> None:
    assert examine(history, EvidencePolicy(grace + 1)).system_caused >= examine(history, EvidencePolicy(grace)).system_caused


@USUAL
@given(st.lists(st.tuples(st.integers(0, 10**7), st.booleans()), max_size=40), st.integers(0, 10**9))
def test_a_split_is_exact_and_within_half_a_fen_of_the_days_share(days: list[tuple[int, bool]], penalty: int) -> None:
    system, borrower = split_penalty(penalty, days)
    assert system + borrower == penalty
    total = sum(weight for weight, _ in days)
    share = sum(weight for weight, by_system in days if by_system)
    if total:
        assert abs(2 * system * total - 2 * penalty * share) <= total
    else:
        assert system == 0


def test_half_a_fen_goes_to_the_borrower() -> None:
    assert split_penalty(1, [(100, True), (100, False)]) == (1, 0)
    assert split_penalty(5, [(100, True), (100, False)]) == (3, 2)
    assert split_penalty(35, [(10000, True)] + [(10000, False)] * 6) == (5, 30)
