"""Cases at the desk: the list, one case with everything known about it, and commands that may be retried. Never commits."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from pydantic import BaseModel, TypeAdapter
from sqlalchemy.orm import Session

from bot.attachments.service import AttachmentService
from bot.cases.audited import subject_of
from bot.cases.clock import alert_on
from bot.cases.errors import RemedyNotFound
from bot.cases.evidence.facts import Facts
from bot.cases.handling import CaseHandling, asked_extension
from bot.cases.models import CaseRow
from bot.cases.remedies import RemedyService
from bot.cases.repository import CaseFilter
from bot.cases.service import CaseService
from bot.cases.views import CaseView
from bot.conversations.runtime import Runtime
from bot.core.errors import NotFound, Unavailable
from bot.core.masking import mask_phone
from bot.desk.case_schemas import (
    CaseAttachment,
    CaseDetail,
    CaseEvent,
    CaseEvidence,
    CaseItem,
    CasePage,
    CommandResult,
    Remedy,
    WayOn,
)
from bot.desk.errors import AgentNotFound, CommandKeyReused, CursorInvalid, NotCaseOwner
from bot.desk.login import AgentIdentity, find_agent
from bot.desk.looks import record_look
from bot.desk.models import DeskCommand
from bot.desk.permissions import Command, Waiting, actor_of, offered, require
from bot.desk.repository import DeskRepository

_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)


@dataclass(frozen=True)
class Envelope:
    """A command as it came: its name, the case, what it says, and the key under which it may come again."""

    command: Command
    case_no: str
    body: BaseModel | None
    key: str | None
    target: str = ""
    """What else the address names: a remedy."""

    @property
    def fingerprint(self) -> str:
        told = [self.command, self.case_no, self.target, self.body.model_dump(mode="json") if self.body else None]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


class DeskCases:
    """What one agent sees and does in one unit of work."""

    def __init__(self, session: Session, runtime: Runtime, agent: AgentIdentity) -> None:
        self.session = session
        self.agent = agent
        self.actor = actor_of(agent)
        self._runtime = runtime
        self._clock = runtime.clock
        self._loans = runtime.loans.open(session)
        self.handling = CaseHandling(session, runtime.clock, self._loans)
        self._book = self.handling.book

    @cached_property
    def remedies(self) -> RemedyService:
        return RemedyService(self.session, self._clock, self._loans, book=self._book)

    # --- reading

    def page(self, wanted: CaseFilter, cursor: str | None, limit: int) -> CasePage:
        """Raises ``CursorInvalid``."""
        rows = self._book.repository.page(wanted, _position(cursor) if cursor else None, limit + 1)
        shown = rows[:limit]
        more = len(rows) > limit
        return CasePage(cases=self.items(shown), next_cursor=_cursor(shown[-1]) if more else None)

    def filter_due(self, due: str | None) -> tuple[date | None, date | None]:
        """(from, before) of ``overdue``: late today; ``near``: within the first alert; ``urgent``: both together."""
        today = self._clock.today()
        near = today + timedelta(days=max(self._book.policies.on(today).alerts_before_days, default=0) + 1)
        ranges = {"overdue": (None, today), "near": (today, near), "urgent": (None, near)}
        return ranges[due] if due else (None, None)

    def item(self, case_no: str) -> CaseItem:
        """Raises ``CaseNotFound``."""
        return self.items([self._book.row(case_no)])[0]

    def detail(self, case_no: str, *, reveal: bool = False, reason: str | None = None) -> CaseDetail:
        """What was seen is recorded, with the ``reason`` for showing the number in clear.

        Raises ``CaseNotFound``, ``NotCaseOwner`` (only the owner sees the number in clear).
        """
        row = self._book.row(case_no)
        if reveal and row.owner != self.agent.agent_id:
            raise NotCaseOwner("only the owner sees the number in clear")
        view = self._book.view(row)
        phone = view.callback_phone
        self._record_look(row, revealed=reveal and phone is not None, reason=reason)
        thread = self._book.thread(row)
        remedies = [Remedy.of(item) for item in self.remedies.of_case(case_no)]
        waiting: set[Waiting] = {"remedy"} if any(each.status == "proposed" and not each.drafted for each in remedies) else set()
        extension = asked_extension(thread)
        if extension is not None and extension.actor_id != self.agent.agent_id:
            waiting.add("extension")
        return CaseDetail(
            case=self.items([row])[0],
            conversation_id=view.conversation_id,
            callback_phone=phone if reveal or phone is None else mask_phone(phone.removeprefix("+86")),
            runs_from=view.runs_from,
            thread=[CaseEvent.of(event) for event in thread],
            evidence=self._evidence(view),
            remedies=remedies,
            attachments=[CaseAttachment.of(item) for item in self.attachments.of_case(row)],
            ways_on=[WayOn.of(way) for way in self.handling.ways_on(case_no)],
            appeal_until=self.handling.appeals.until(row),
            barred=sorted(self._book.barred(row)),
            commands=offered(self.agent, view.kind, view.status, anonymous=view.customer_id is None, waiting=frozenset(waiting)),
        )

    def _record_look(self, row: CaseRow, *, revealed: bool, reason: str | None) -> None:
        """The case once in ``LOOK_MINUTES``; each time that the number to call back was shown in clear."""
        subject, details = subject_of(row), {"kind": row.kind}
        record_look(self.session, self._clock, "case.viewed", self.agent, subject, details)
        if revealed:
            self._book.trail.record("case.number_revealed", self.agent.actor, subject, reason=reason, details=details)

    @property
    def attachments(self) -> AttachmentService:
        return AttachmentService(self.session, self._clock, self._runtime.settings)

    def _evidence(self, view: CaseView) -> CaseEvidence | None:
        """``None`` for a case about no instalment. Books that do not answer must not hide the rest of the case."""
        if view.contract_no is None or view.instalment is None or view.customer_id is None:
            return None
        try:
            cases = CaseService(self.session, self._clock, self._loans)
            evidence = cases.evidence(view.customer_id, view.contract_no, view.instalment)
            flags = self._loans.overdue_flags(view.customer_id, view.contract_no, view.instalment)
        except (Unavailable, NotFound) as error:
            return CaseEvidence(card=None, records=None, bureau_flags=[], unavailable=error.code)
        bureau = [flag for flag in flags if flag.flag == "bureau_report"]
        return CaseEvidence(
            card=evidence.card(self._runtime.texts),
            records=_FACTS.dump_python(evidence.facts, mode="json"),
            bureau_flags=[TypeAdapter(type(flag)).dump_python(flag, mode="json") for flag in bureau],
            unavailable=None,
        )

    def items(self, rows: Sequence[CaseRow]) -> list[CaseItem]:
        """In the same order, with two queries for all of them."""
        today = self._clock.today()
        dated = zip(self._book.dates_of(rows), self._book.views(rows), strict=True)
        return [CaseItem.of(view, alert_on(self._book.policy(row), dates, today)) for (row, dates), view in dated]

    # --- commanding

    def carry_out(self, envelope: Envelope, work: Callable[[], object]) -> CommandResult:
        """Asks the role, then does ``work`` unless this very command was done before; the first answer is given again.

        What ``work`` returns is the answer if it is a ``CommandResult``, else the case as it is then. Raises ``RoleNotAllowed``,
        ``CommandKeyReused``, and what ``work`` raises.
        """
        require(self.agent, envelope.command)
        row = self._begun(envelope)
        if row is not None and row.result is not None:
            return CommandResult.model_validate(row.result)
        done = work()
        result = done if isinstance(done, CommandResult) else CommandResult(case=self.item(envelope.case_no))
        if row is not None:
            row.result = result.model_dump(mode="json")
        return result

    def _begun(self, envelope: Envelope) -> DeskCommand | None:
        if envelope.key is None:
            return None
        repository = DeskRepository(self.session)
        row = DeskCommand(
            agent_id=self.agent.agent_id,
            key=envelope.key,
            fingerprint=envelope.fingerprint,
            result=None,
            made_at=self._clock.now(),
        )
        if repository.add_command(row):
            return row
        earlier = repository.command(self.agent.agent_id, envelope.key)
        if earlier is None or earlier.fingerprint != envelope.fingerprint:
            raise CommandKeyReused("the key was used for another command")
        return earlier

    def assign(self, case_no: str, owner: str) -> None:
        """An agent takes what a team has, and hands on what they have; a supervisor assigns any case.

        Raises ``AgentNotFound``, ``NotCaseOwner``, ``SamePerson`` (they decided what was appealed against).
        """
        case = self._book.row(case_no)
        teams = {kind.owner for kind in self._book.policy(case).kinds.values()}
        if owner not in teams and find_agent(self.session, owner) is None:
            raise AgentNotFound("no such agent or team")
        if self.agent.role == "agent" and case.owner != self.agent.agent_id and case.owner not in teams:
            raise NotCaseOwner("somebody else has this case")
        self.handling.assign(case_no, self.actor, owner)

    def remedy_of(self, case_no: str, remedy_no: int) -> int:
        """The number, when it belongs to the case. Raises ``CaseNotFound``, ``RemedyNotFound``."""
        case = self._book.row(case_no)
        row = self._book.repository.remedy(remedy_no)
        if row is None or row.case_id != case.id:
            raise RemedyNotFound("no such remedy")
        return remedy_no


def _cursor(row: CaseRow) -> str:
    return base64.urlsafe_b64encode(f"{row.decide_by.isoformat()}:{row.id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[date, int]:
    """Raises ``CursorInvalid``."""
    try:
        day, _, number = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
        position = date.fromisoformat(day), int(number)
    except (ValueError, binascii.Error) as error:
        raise CursorInvalid("not a cursor of this list") from error
    if not 0 < position[1] < 2**63:
        raise CursorInvalid("not a cursor of this list")
    return position
