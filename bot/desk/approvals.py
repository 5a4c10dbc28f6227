"""What waits for a second person (product §4, §5): remedies, extensions, mass remediation. Never commits; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from bot.cases.book import event_view
from bot.cases.handling import asked_extension
from bot.cases.models import CaseRow, RemedyRow
from bot.cases.remediation.service import RemediationService
from bot.cases.thread import admits, barred_by_appeal, status_of
from bot.cases.views import EventView, RemedyView
from bot.conversations.runtime import Runtime
from bot.desk.case_schemas import Approval, Approvals, AskedExtension, CaseItem, Hindrance, Remedy
from bot.desk.cases import DeskCases
from bot.desk.login import AgentIdentity
from bot.desk.repository import DeskRepository

MOST_DRAFTS = 100
"""So many drafts are shown, the oldest; every decision that waits is."""


class ApprovalDesk:
    """Everything for one reader, with a handful of queries however much waits."""

    def __init__(self, session: Session, runtime: Runtime, agent: AgentIdentity) -> None:
        self._desk = DeskCases(session, runtime, agent)
        self._book = self._desk.handling.book
        self._runs = RemediationService(session, runtime.clock, runtime.loans.open(session))
        self._agent = agent
        self._names = {row.agent_id: row.name for row in DeskRepository(session).agents()}

    def waiting(self) -> Approvals:
        """Who has waited longest first."""
        repository = self._book.repository
        proposed = [row for row in repository.proposed() if row.proposed_by is not None]
        drafts, drafted = repository.drafted(MOST_DRAFTS), repository.count_drafted()
        asking = repository.asking_extension()
        cases = {row.id: row for row in (*asking, *repository.by_ids({row.case_id for row in (*proposed, *drafts)}))}
        threads = {number: [event_view(event) for event in events] for number, events in repository.events(list(cases)).items()}
        items = dict(zip(cases, self._desk.items(list(cases.values())), strict=True))
        found = [self._remedy(row, cases[row.case_id], items[row.case_id], threads[row.case_id]) for row in proposed]
        found += self._extensions(asking, items, threads)
        found += self._mass()
        return Approvals(
            waiting=sorted(found, key=lambda each: each.since),
            drafts=[self._remedy(row, cases[row.case_id], items[row.case_id], threads[row.case_id]) for row in drafts],
            drafts_in_all=drafted,
        )

    def _remedy(self, row: RemedyRow, case: CaseRow, item: CaseItem, thread: Sequence[EventView]) -> Approval:
        """Since it was put forward, not since the bot drafted it."""
        forward = [event.at for event in thread if event.type == "proposed" and event.data.get("remedy_no") == row.id]
        view: RemedyView = self._desk.remedies.view(row, case)
        since = forward[-1] if row.proposed_by and forward else row.created_at
        return self._approval("remedy", row.proposed_by, since, row.reason, case=item, thread=thread, remedy=Remedy.of(view))

    def _extensions(
        self, asking: Sequence[CaseRow], items: Mapping[int, CaseItem], threads: Mapping[int, Sequence[EventView]]
    ) -> list[Approval]:
        found = []
        for row in asking:
            thread = threads[row.id]
            asked = asked_extension(thread)
            if asked is None or not admits(status_of(event.type for event in thread), "extended"):
                continue  # granted, refused, dropped by new facts, or the case was decided without it
            extension = AskedExtension(
                days=asked.data["days"], decide_by=self._book.decide_by_if_extended(row, thread, asked.data["days"])
            )
            found.append(
                self._approval(
                    "extension", asked.actor_id, asked.at, asked.text, case=items[row.id], thread=thread, extension=extension
                )
            )
        return found

    def _mass(self) -> list[Approval]:
        return [
            self._approval("mass_remediation", run.proposed_by, run.proposed_at or run.created_at, None, run=run)
            for run in self._runs.proposed()
        ]

    def _approval(
        self,
        kind: str,
        asked_by: str | None,
        since: datetime,
        reason: str | None,
        *,
        thread: Sequence[EventView] = (),
        **about: object,
    ) -> Approval:
        hindered: Hindrance | None = None
        if asked_by is None:
            hindered = "not_put_forward"
        elif asked_by == self._agent.agent_id:
            hindered = "same_person"
        elif kind == "remedy" and self._agent.agent_id in barred_by_appeal(thread):
            hindered = "appeal"
        return Approval.model_validate(
            {
                "kind": kind,
                "asked_by": asked_by,
                "asked_by_name": self._names.get(asked_by or ""),
                "since": since,
                "reason": reason,
                "hindered": hindered,
                **about,
            }
        )
