"""Search of the desk: a conversation, customer or case by number, or words that were said. Never commits."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.orm import Session

from bot.cases.errors import CaseNotFound
from bot.cases.service import CaseService, CaseView
from bot.conversations.errors import ConversationNotFound
from bot.conversations.models import Conversation, Message
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import Owner
from bot.conversations.statistics import StatisticsRepository
from bot.core.clock import Clock
from bot.core.masking import mask
from bot.core.texts import Texts
from bot.desk.board_schemas import FoundCase, FoundConversation, FoundMessage, SearchResult
from bot.desk.login import AgentIdentity
from bot.desk.service import DeskService
from bot.loans.port import LoanBackend

MOST = 50


class SearchService:
    def __init__(self, session: Session, clock: Clock, texts: Texts, loans: LoanBackend) -> None:
        self._desk = DeskService(session, clock, texts, loans)
        self._conversations = ConversationRepository(session)
        self._statistics = StatisticsRepository(session)
        self._cases = CaseService(session, clock, loans)

    def find(self, agent: AgentIdentity, words: str) -> SearchResult:
        """What ``agent`` may see of it. A customer is found by id or by their whole phone number, never by part of it."""
        customer_id = self._customer(words)
        seen_by = agent.agent_id if agent.role == "agent" else None
        conversations = self._conversations.of_customer(customer_id, MOST, seen_by=seen_by) if customer_id else []
        by_id = self._conversations.get(words)
        rows = [*conversations, *([by_id] if by_id and self._visible(agent, by_id.id) else [])]
        messages = self._statistics.find_text(words, MOST, seen_by=seen_by)
        return SearchResult(
            conversations=[self._conversation(row) for row in rows],
            messages=[_message(row) for row in messages],
            cases=[_case(case) for case in self._found_cases(words, customer_id)],
        )

    def _customer(self, words: str) -> str | None:
        found = self._cases.loans.customer_by_phone(words) if words.isdecimal() and len(words) == 11 else None
        return found.customer_id if found else words.upper() if self._conversations.of_customer(words.upper(), 1) else None

    def _found_cases(self, words: str, customer_id: str | None) -> list[CaseView]:
        found = self._cases.cases_of(customer_id) if customer_id else []
        with suppress(CaseNotFound):  # the words need not be a case number
            found.append(self._cases.book.view(self._cases.book.row(words.upper())))
        return found[:MOST]

    def _visible(self, agent: AgentIdentity, conversation_id: str) -> bool:
        try:
            self._desk.visible(agent, conversation_id)
        except ConversationNotFound:
            return False
        return True

    def _conversation(self, row: Conversation) -> FoundConversation:
        owner: Owner = row.owner  # type: ignore[assignment]  # a check constraint says so
        last = self._conversations.by_seq(row.id, row.last_seq)
        return FoundConversation(
            conversation_id=row.id,
            channel=row.channel,
            owner=owner,
            customer_id=row.customer_id or None,
            last_at=last.created_at if last else None,
        )


def _message(row: Message) -> FoundMessage:
    return FoundMessage(
        conversation_id=row.conversation_id,
        seq=row.seq,
        author="agent" if row.author == "agent" else "borrower",
        at=row.created_at,
        text=mask(row.text or ""),
    )


def _case(case: CaseView) -> FoundCase:
    return FoundCase(
        case_no=case.case_no, kind=case.kind, status=case.status, decide_by=case.decide_by, customer_id=case.customer_id
    )
