"""What every case service needs for one unit of work: opening a case, adding to its thread, reading both. Never commits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import phonenumbers
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail
from bot.cases.audited import record_event
from bot.cases.clock import CaseDates, case_dates
from bot.cases.errors import CallbackMissing, CaseNotFound, InvalidPhone, KeyReused, SamePerson, StoryMissing
from bot.cases.models import CaseEventRow, CaseRow
from bot.cases.notices import CaseNotices
from bot.cases.policy import CasePolicies, CasePolicy, default_policies
from bot.cases.repository import CaseRepository
from bot.cases.thread import (
    BOT,
    CLOCK_STOPS,
    Actor,
    Audience,
    CaseKind,
    CaseStatus,
    EventType,
    barred_by_appeal,
    require_step,
    status_of,
)
from bot.cases.views import CaseView, EventView, remedy_card
from bot.core.clock import Clock
from bot.core.masking import mask
from bot.core.money import Fen

MAX_STORY_CHARS = 4000


@dataclass(frozen=True)
class Intake:
    """What comes in: who tells what, where. ``customer_id`` is ``None`` for an anonymous complainant."""

    kind: CaseKind
    customer_id: str | None
    conversation_id: str
    channel: str
    story: str
    callback_phone: str | None
    key: str
    issues: tuple[str, ...] = ()
    """What the story is about besides its main point, as intents: an agent sees them beside the story."""
    by: Actor | None = None
    """Who opens the case for the borrower; ``None``: they do it themselves."""
    own_words: bool = True
    """False for a pressed button or the worker: the borrower has told nothing new."""

    @property
    def actor(self) -> Actor:
        return self.by or Actor("borrower", self.customer_id or self.conversation_id)

    def fingerprint(self, **more: object) -> str:
        """Tells a repetition of the same command from another command under the same key."""
        told = [self.kind, self.customer_id, self.conversation_id, self.story, self.callback_phone, sorted(more.items())]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False, default=str).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Subject:
    """What a case is about. ``name`` is unique among open cases; ``disputed_amount`` in 分."""

    name: str
    contract_no: str | None
    instalment: int | None
    disputed_amount: Fen | None


class CaseBook:
    """Rows in, views out. Services share one and add the business.

    ``untold``: events of which the borrower hears otherwise, such as in the answer of the same turn; of all others word is left.
    """

    def __init__(
        self, session: Session, clock: Clock, policies: CasePolicies | None = None, *, untold: Collection[str] = ()
    ) -> None:
        self.untold = frozenset(untold)
        self.session = session
        self.clock = clock
        self.policies = policies or default_policies()
        self.repository = CaseRepository(session)
        self.trail = AuditTrail(session, clock)

    # --- reading

    def policy(self, case: CaseRow) -> CasePolicy:
        """The configuration that applies to ``case`` for good."""
        return self.policies.on(case.received_at.date())

    def row(self, case_no: str, *, lock: bool = False) -> CaseRow:
        """Raises ``CaseNotFound``."""
        row = self.repository.by_number(case_no, lock=lock)
        if row is None:
            raise CaseNotFound("no such case")
        return row

    def own(self, customer_id: str, case_no: str, *, lock: bool = False) -> CaseRow:
        """Raises ``CaseNotFound``, also for a case of somebody else."""
        row = self.row(case_no, lock=lock)
        if row.customer_id != customer_id:
            raise CaseNotFound("no such case")
        return row

    def about(self, subject: str) -> CaseRow:
        """The open case about ``subject``, locked. Raises ``CaseNotFound``."""
        row = self.repository.by_subject(subject)
        if row is None:
            raise CaseNotFound("no open case about this")
        return row

    def thread(self, case: CaseRow) -> list[EventView]:
        return [event_view(row) for row in self.repository.events([case.id])[case.id]]

    def status(self, case: CaseRow) -> CaseStatus:
        return status_of(event.type for event in self.thread(case))

    def dates(self, case: CaseRow) -> CaseDates:
        return case_dates(self.policy(case), cast(CaseKind, case.kind), self.thread(case))

    def dates_of(self, cases: Sequence[CaseRow]) -> list[tuple[CaseRow, CaseDates]]:
        """Of many, with one query for all threads."""
        threads = self.repository.events([case.id for case in cases])
        return [
            (case, case_dates(self.policy(case), cast(CaseKind, case.kind), [event_view(row) for row in threads[case.id]]))
            for case in cases
        ]

    def decide_by_if_extended(self, case: CaseRow, thread: Sequence[EventView], days: int) -> date:
        """When the case would be due after an extension to ``days`` calendar days from the start of its clock."""
        return case_dates(self.policy(case), cast(CaseKind, case.kind), thread).runs_from + timedelta(days=days)

    def view(self, case: CaseRow) -> CaseView:
        return self.views([case])[0]

    def views(self, cases: Sequence[CaseRow]) -> list[CaseView]:
        """In the same order, with one query for all threads."""
        threads = self.repository.events([case.id for case in cases])
        return [self._view(case, [event_view(row) for row in threads[case.id]]) for case in cases]

    def _view(self, case: CaseRow, thread: Sequence[EventView]) -> CaseView:
        kind = cast(CaseKind, case.kind)
        dates = case_dates(self.policy(case), kind, thread)
        return CaseView(
            case_no=case.case_no,
            kind=kind,
            status=status_of(event.type for event in thread),
            received_on=case.received_at.date(),
            decide_by=dates.decide_by,
            next_update_by=dates.next_update_by,
            disputed_amount=case.disputed_amount,
            owner=case.owner,
            customer_id=case.customer_id,
            conversation_id=case.conversation_id,
            callback_phone=case.callback_phone,
            contract_no=case.contract_no,
            instalment=case.instalment,
            runs_from=dates.runs_from,
            extended_to_days=dates.extended_to_days,
            issues=told_issues(thread),
            channel=case.channel,
        )

    # --- writing

    @staticmethod
    def callback(intake: Intake) -> str | None:
        """The call-back number with country code (+86…). Raises ``CallbackMissing``, ``InvalidPhone``."""
        given = intake.callback_phone
        if given is None:
            if intake.customer_id is None:
                raise CallbackMissing("an anonymous case needs a number to call back")
            return None
        try:
            number = phonenumbers.parse(given, "CN")
        except phonenumbers.NumberParseException as error:
            raise InvalidPhone("not a phone number") from error
        if not phonenumbers.is_possible_number(number):
            raise InvalidPhone("not a phone number")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def open_about(self, intake: Intake, subject: Subject, *, fingerprint: str, data: dict[str, Any]) -> CaseRow | None:
        """As ``open``; ``None`` when an open case about ``subject`` exists already."""
        if self.repository.by_subject(subject.name) is not None:
            return None
        case = self._new(intake, subject)
        return self._received(case, intake, fingerprint, data) if self.repository.add_case(case) else None

    def open(self, intake: Intake, *, fingerprint: str) -> CaseRow:
        """A new case with its number and owner. Raises ``StoryMissing``, ``CallbackMissing``, ``InvalidPhone``."""
        case = self._new(intake, None)
        self.repository.add_case(case)
        return self._received(case, intake, fingerprint, {})

    def _received(self, case: CaseRow, intake: Intake, fingerprint: str, data: dict[str, Any]) -> CaseRow:
        received = {"fingerprint": fingerprint, "issues": list(intake.issues), **data}
        self._append(case, "received", intake.actor, "borrower", stored_story(intake.story), received, intake.key)
        self._append(case, "acknowledged", BOT, "borrower", None, {}, None)
        return case

    def _new(self, intake: Intake, subject: Subject | None) -> CaseRow:
        today = self.clock.today()
        kind = self.policies.on(today).kinds[intake.kind]
        return CaseRow(
            case_no=f"C-{today:%Y%m%d}-{self.repository.next_number(today):04d}",
            kind=intake.kind,
            customer_id=intake.customer_id,
            callback_phone=self.callback(intake),
            conversation_id=intake.conversation_id,
            channel=intake.channel,
            owner=kind.owner,
            contract_no=subject.contract_no if subject else None,
            instalment=subject.instalment if subject else None,
            disputed_amount=subject.disputed_amount if subject else None,
            received_at=self.clock.now(),
            open_subject=subject.name if subject else None,
            status="received",
            decide_by=today + timedelta(days=kind.decision_days),
        )

    def books_key(self, case: CaseRow) -> str:
        """Begins the keys under which this case acts on the loan books.

        Made of the borrower's command that opened the case, not of the case number: when a transaction is rolled back, its number
        goes to somebody else's case, and books behind HTTP would still know it (docs/loan-backend.md).
        """
        return hashlib.sha256(self.repository.opening_key(case.id).encode()).hexdigest()[:40]

    def record(
        self,
        case: CaseRow,
        event: EventType,
        actor: Actor,
        *,
        audience: Audience = "borrower",
        text: str | None = None,
        data: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> None:
        """Adds an event. Raises ``CaseOver`` or ``StepNotAllowed`` when the status does not admit it."""
        self.require(case, event)
        self._append(case, event, actor, audience, text, data or {}, key)

    def require(self, case: CaseRow, event: EventType) -> None:
        """Asks before anything is written or posted. Raises ``CaseOver`` or ``StepNotAllowed``."""
        require_step(self.status(case), event)

    def join(self, case: CaseRow, intake: Intake, fingerprint: str, event: EventType, *, restarts_clock: bool = False) -> None:
        """What was told again, or more of it, joins the thread of ``case``."""
        data = {"fingerprint": fingerprint, "issues": list(intake.issues), "restarts_clock": restarts_clock}
        self.record(case, event, intake.actor, text=stored_story(intake.story), data=data, key=intake.key)

    def join_new_facts(self, case: CaseRow, intake: Intake, fingerprint: str) -> None:
        """Starts the clock of ``case`` again, and reopens it when it was decided (product §4)."""
        decided = self.status(case) in CLOCK_STOPS
        self.join(case, intake, fingerprint, "fact_added", restarts_clock=True)
        if decided:
            self.record(case, "reopened", intake.actor)

    def _append(
        self,
        case: CaseRow,
        event: EventType,
        actor: Actor,
        audience: Audience,
        text: str | None,
        data: dict[str, Any],
        key: str | None,
    ) -> None:
        row = CaseEventRow(
            case_id=case.id,
            type=event,
            at=self.clock.now(),
            actor_kind=actor.kind,
            actor_id=actor.identifier,
            audience=audience,
            text=text,
            data=data,
            key=key,
        )
        self.repository.append(row)
        self._list_as(case)
        record_event(self.trail, case, row)
        if audience == "borrower" and event not in self.untold:
            remedy = self._remedy_card(case) if event == "remedied" else None
            CaseNotices(self.session, self.clock).event(self.policy(case), self.view(case), event_view(row), remedy=remedy)

    def _remedy_card(self, case: CaseRow) -> dict[str, Any] | None:
        """Of the remedy that was just given: it is saved before its event."""
        row = next((row for row in self.repository.remedies(case.id) if row.receipt_no), None)
        return None if row is None else remedy_card(case.case_no, row.status, row.amount, row.receipt_no)

    def _list_as(self, case: CaseRow) -> None:
        """Writes down for lists what the thread says now."""
        thread = self.thread(case)
        case.status = status_of(item.type for item in thread)
        case.decide_by = case_dates(self.policy(case), cast(CaseKind, case.kind), thread).decide_by

    def barred(self, case: CaseRow) -> frozenset[str]:
        """Who may not decide the case any more, because an appeal is against their decision."""
        return barred_by_appeal(self.thread(case))

    def require_other(self, case: CaseRow, person: str) -> None:
        """Raises ``SamePerson`` when ``person`` decided what was appealed against."""
        if person in self.barred(case):
            raise SamePerson("an appeal is decided by somebody else")

    def earlier(self, key: str, fingerprint: str) -> tuple[CaseRow, EventType] | None:
        """The case and event that this command made before. Raises ``KeyReused`` when the key belonged to another command."""
        event = self.repository.event_by_key(key)
        if event is None:
            return None
        if event.data.get("fingerprint") != fingerprint:
            raise KeyReused("the key was used for another command")
        return self.repository.by_id(event.case_id, lock=True), cast(EventType, event.type)


def event_view(row: CaseEventRow) -> EventView:
    return EventView(
        number=row.number,
        type=cast(EventType, row.type),
        at=row.at,
        day=row.at.date(),
        actor_kind=cast(Any, row.actor_kind),
        actor_id=row.actor_id,
        audience=cast(Audience, row.audience),
        text=row.text,
        data=row.data,
    )


def told(thread: Iterable[EventView]) -> list[str]:
    """What the borrower has told so far, oldest first."""
    return [event.text for event in thread if event.actor_kind == "borrower" and event.text]


def told_issues(thread: Iterable[EventView]) -> tuple[str, ...]:
    """Every issue that the borrower's tellings held, in the order in which they came up."""
    return tuple(dict.fromkeys(issue for event in thread for issue in event.data.get("issues", ())))


def stored_story(story: str) -> str:
    """The story as it is kept: trimmed, with ID, card, phone and code numbers masked. Raises ``StoryMissing``."""
    kept = mask(story.strip())[:MAX_STORY_CHARS]
    if not kept:
        raise StoryMissing("a case needs a story")
    return kept
