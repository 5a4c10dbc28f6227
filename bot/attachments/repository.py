"""All SQL of attachments."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from bot.attachments.models import AttachmentRow
from bot.cases.models import CaseRow
from bot.conversations.models import PULLED, Conversation


class AttachmentRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, row: AttachmentRow) -> None:
        self.session.add(row)
        self.session.flush()

    def get(self, attachment_id: str) -> AttachmentRow | None:
        return self.session.scalar(select(AttachmentRow).where(AttachmentRow.attachment_id == attachment_id))

    def of_borrower(self, attachment_id: str, *, customer_id: str | None, sender: str | None) -> AttachmentRow | None:
        """If the borrower may read it: the customer's own, of a case of theirs, of a conversation that became theirs after it was
        sent, or, of the visitor ``sender``, as long as nobody has logged in there. One query, whatever the answer.
        """
        row = AttachmentRow
        if customer_id:
            sent_before_login = and_(row.customer_id.is_(None), Conversation.customer_id == customer_id)
            owns = or_(row.customer_id == customer_id, CaseRow.customer_id == customer_id, sent_before_login)
        else:
            owns = and_(Conversation.channel.in_(PULLED), Conversation.customer_id == "", Conversation.sender == sender)
        query = (
            select(row)
            .outerjoin(CaseRow, CaseRow.id == row.case_id)
            .outerjoin(Conversation, Conversation.id == row.conversation_id)
            .where(row.attachment_id == attachment_id, row.audience == "borrower", owns)
        )
        return self.session.scalar(query)

    def of_case(self, case_id: int) -> Sequence[AttachmentRow]:
        """Oldest first."""
        query = select(AttachmentRow).where(AttachmentRow.case_id == case_id)
        return self.session.scalars(query.order_by(AttachmentRow.id)).all()

    def of_conversation(self, conversation_id: str) -> Sequence[AttachmentRow]:
        """Oldest first."""
        query = select(AttachmentRow).where(AttachmentRow.conversation_id == conversation_id)
        return self.session.scalars(query.order_by(AttachmentRow.id)).all()

    def count(self, *, conversation_id: str | None = None, case_id: int | None = None) -> int:
        """Of the conversation, or of the case."""
        of = AttachmentRow.case_id == case_id if conversation_id is None else AttachmentRow.conversation_id == conversation_id
        return self.session.scalar(select(func.count()).where(of)) or 0

    def known(self, attachment_ids: Collection[str]) -> set[str]:
        """Those of the ids that have a row."""
        query = select(AttachmentRow.attachment_id).where(AttachmentRow.attachment_id.in_(attachment_ids))
        return set(self.session.scalars(query))
