"""``AttachmentService``: files of a conversation or a case, and who may read them. Never commits.

The file is written before the transaction that stores its row (see ``storage.py``); ``room`` is asked before anything is read.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from bot.attachments.content import Checked, MediaType
from bot.attachments.errors import AttachmentNotFound, TooManyAttachments
from bot.attachments.models import AttachmentRow
from bot.attachments.repository import AttachmentRepository
from bot.cases.book import CaseBook
from bot.cases.errors import CaseNotFound
from bot.cases.models import CaseRow
from bot.cases.thread import OVER, Actor, Audience
from bot.conversations.errors import MessageIdReused
from bot.conversations.models import Conversation
from bot.conversations.repository import ConversationRepository
from bot.core.clock import Clock
from bot.core.settings import Settings


@dataclass(frozen=True)
class StoredFile:
    """A checked file that lies in the storage already. ``sha256`` of what is stored."""

    attachment_id: str
    media_type: MediaType
    size: int
    sha256: str

    @classmethod
    def of(cls, checked: Checked) -> StoredFile:
        """With a new random id, under which it is to be written."""
        digest = hashlib.sha256(checked.data).hexdigest()
        return cls(secrets.token_hex(16), checked.media_type, len(checked.data), digest)


@dataclass(frozen=True)
class AttachmentView:
    """``size`` in bytes."""

    attachment_id: str
    media_type: MediaType
    size: int
    sha256: str
    uploaded_kind: Literal["borrower", "agent"]
    uploaded_by: str
    audience: Audience
    case_no: str | None
    created_at: datetime

    def card(self) -> dict[str, Any]:
        """The ``attachment`` card, as it stands in a conversation."""
        return {
            "type": "attachment",
            "attachment_id": self.attachment_id,
            "media_type": self.media_type,
            "size": self.size,
            "case_no": self.case_no,
        }


class AttachmentService:
    def __init__(self, session: Session, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._repository = AttachmentRepository(session)
        self._conversations = ConversationRepository(session)
        self._book = CaseBook(session, clock)

    # --- adding

    def borrowers_case(self, conversation: Conversation, case_no: str) -> CaseRow:
        """The customer's own case, or the anonymous one of this very conversation, locked. Raises ``CaseNotFound``."""
        case = self._book.row(case_no, lock=True)
        own = case.customer_id == conversation.customer_id if conversation.customer_id else case.customer_id is None
        if not own or (case.customer_id is None and case.conversation_id != conversation.id):
            raise CaseNotFound("no such case")
        return case

    def open_cases(self, conversation: Conversation) -> list[str]:
        """Numbers of the customer's cases that are neither closed nor withdrawn, newest first; none for the anonymous."""
        if not conversation.customer_id:
            return []
        found = self._book.repository.of_customer(conversation.customer_id)
        return [case.case_no for case in found if case.status not in OVER]

    def room(self, conversation: Conversation | None, case: CaseRow | None) -> None:
        """Raises ``TooManyAttachments``, ``CaseOver`` (a closed case takes nothing)."""
        if conversation is not None:
            self._at_most(self._settings.attachments_per_conversation, conversation_id=conversation.id)
        if case is not None:
            self._at_most(self._settings.attachments_per_case, case_id=case.id)
            if conversation is not None:
                self._book.require(case, "fact_added")

    def _at_most(self, most: int, **of: Any) -> None:
        if self._repository.count(**of) >= most:
            raise TooManyAttachments("no more files here", most=most)

    def earlier(self, conversation: Conversation, message_id: str | None) -> AttachmentView | None:
        """What came under this ``message_id`` before. Raises ``MessageIdReused`` when that was no attachment."""
        if message_id is None:
            return None
        message = self._conversations.by_external_id(conversation.id, "in", message_id)
        if message is None:
            return None
        row = self._repository.get((message.custom or {}).get("attachment_id", ""))
        if row is None:
            raise MessageIdReused("the message id was used for something else")
        return self._view(row)

    def add_by_borrower(
        self, file: StoredFile, conversation: Conversation, case_no: str | None, message_id: str | None = None
    ) -> AttachmentView:
        """A message of the log; with ``case_no`` also a fact of the case, which leaves its clock alone.

        The caller holds the conversation's lock. Raises ``CaseNotFound``, ``CaseOver``, ``TooManyAttachments``,
        ``MessageIdReused``.
        """
        earlier = self.earlier(conversation, message_id)
        if earlier is not None:
            return earlier
        case = self.borrowers_case(conversation, case_no) if case_no is not None else None
        self.room(conversation, case)
        customer_id = conversation.customer_id or None
        row = self._row(file, "borrower", customer_id or conversation.id, "borrower")
        row.conversation_id, row.customer_id, row.case_id = conversation.id, customer_id, case.id if case else None
        self._repository.add(row)
        if case is not None:
            actor = Actor("borrower", customer_id or conversation.id)
            self._book.record(case, "fact_added", actor, data={"attachment": self._reference(file)})
        view = self._view(row)
        state = "received" if conversation.owner == "agent" else "answered"  # a person is to look at it
        message = {"direction": "in", "author": "borrower", "state": state, "external_id": message_id, "custom": view.card()}
        self._conversations.append_all(conversation.id, self._clock.now(), [message])
        return view

    def add_by_agent(self, file: StoredFile, case_no: str, agent: Actor, audience: Audience) -> AttachmentView:
        """A note of the case. Raises ``CaseNotFound``, ``TooManyAttachments``."""
        case = self._book.row(case_no, lock=True)
        self.room(None, case)
        row = self._row(file, "agent", agent.identifier, audience)
        row.case_id, row.customer_id = case.id, case.customer_id
        self._repository.add(row)
        data = {"attachment": self._reference(file), "notice": "file_added"}  # it has no words of its own to tell
        self._book.record(case, "note", agent, audience=audience, data=data)
        return self._view(row)

    def _row(self, file: StoredFile, kind: str, who: str, audience: Audience) -> AttachmentRow:
        return AttachmentRow(
            attachment_id=file.attachment_id,
            uploaded_kind=kind,
            uploaded_by=who,
            audience=audience,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
            created_at=self._clock.now(),
        )

    @staticmethod
    def _reference(file: StoredFile) -> dict[str, Any]:
        return {"id": file.attachment_id, "media_type": file.media_type, "size": file.size}

    # --- reading

    def of_case(self, case: CaseRow) -> list[AttachmentView]:
        """Oldest first."""
        return [self._view(row) for row in self._repository.of_case(case.id)]

    def of_conversation(self, conversation_id: str) -> list[AttachmentView]:
        """Oldest first."""
        return [self._view(row) for row in self._repository.of_conversation(conversation_id)]

    def for_agents(self, attachment_id: str) -> tuple[AttachmentView, str | None] | None:
        """The file and the conversation that it came in; ``None`` when there is none. Who may see it is for the desk to say."""
        row = self._repository.get(attachment_id)
        return None if row is None else (self._view(row), row.conversation_id)

    def for_borrower(self, attachment_id: str, *, customer_id: str | None, sender: str | None) -> AttachmentView:
        """Of the customer, or of the visitor ``sender`` as long as nobody has logged in there.

        Raises ``AttachmentNotFound``, also for what is somebody else's or for agents only.
        """
        row = self._repository.of_borrower(attachment_id, customer_id=customer_id, sender=sender)
        if row is None:
            raise AttachmentNotFound("no such attachment")
        return self._view(row)

    def _view(self, row: AttachmentRow) -> AttachmentView:
        return AttachmentView(
            attachment_id=row.attachment_id,
            media_type=cast(MediaType, row.media_type),
            size=row.size,
            sha256=row.sha256,
            uploaded_kind=cast(Literal["borrower", "agent"], row.uploaded_kind),
            uploaded_by=row.uploaded_by,
            audience=cast(Audience, row.audience),
            case_no=self._book.repository.by_id(row.case_id).case_no if row.case_id is not None else None,
            created_at=row.created_at,
        )
