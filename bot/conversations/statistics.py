"""Counts over conversations for the supervisors' board. All SQL of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from bot.conversations.models import Conversation, HandoffRequest, Message, Rating
from bot.conversations.repository import seen_by_agent


class StatisticsRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def waiting_since(self) -> Sequence[datetime]:
        """When each borrower who waits online asked for a human."""
        query = select(HandoffRequest.requested_at).where(HandoffRequest.state == "queued", HandoffRequest.offline.is_(False))
        return self.session.scalars(query).all()

    def served_since(self, moment: datetime) -> list[tuple[str, int]]:
        """(agent, seconds that the borrower had waited) of the handoffs taken since ``moment``."""
        row = HandoffRequest
        query = select(row.agent_id, row.requested_at, row.assigned_at).where(row.assigned_at >= moment)
        return [
            (str(agent_id), max(0, int((assigned - asked).total_seconds())))
            for agent_id, asked, assigned in self.session.execute(query)
            if assigned is not None
        ]

    def scores_since(self, moment: datetime) -> dict[str, list[int]]:
        """The borrowers' scores of each agent."""
        found: dict[str, list[int]] = defaultdict(list)
        query = select(Rating.agent_id, Rating.score).where(Rating.rated_at >= moment, Rating.agent_id.is_not(None))
        for agent_id, score in self.session.execute(query):
            found[str(agent_id)].append(score)
        return found

    def comments_since(self, moment: datetime, limit: int) -> Sequence[Rating]:
        """Ratings with words, newest first."""
        query = select(Rating).where(Rating.rated_at >= moment, Rating.comment.is_not(None), Rating.agent_id.is_not(None))
        return self.session.scalars(query.order_by(Rating.rated_at.desc(), Rating.id.desc()).limit(limit)).all()

    def incoming_since(self, moment: datetime) -> Sequence[datetime]:
        return self.session.scalars(
            select(Message.created_at).where(Message.direction == "in", Message.created_at >= moment)
        ).all()

    def handoffs_since(self, moment: datetime) -> Sequence[datetime]:
        return self.session.scalars(select(HandoffRequest.requested_at).where(HandoffRequest.requested_at >= moment)).all()

    def answered_since(self, moment: datetime) -> dict[str, int]:
        """By whom messages were answered: the bot's count those that got its reply, people's their replies."""
        answer = aliased(Message)
        bot = (
            select(func.count(func.distinct(Message.id)))
            .join(answer, (answer.conversation_id == Message.conversation_id) & (answer.reply_to == Message.seq))
            .where(Message.direction == "in", Message.created_at >= moment, answer.author == "bot")
        )
        people = select(func.count()).where(Message.author == "agent", Message.created_at >= moment)
        return {"bot": self.session.scalar(bot) or 0, "agent": self.session.scalar(people) or 0}

    def find_text(self, words: str, limit: int, *, seen_by: str | None = None) -> Sequence[Message]:
        """Messages of borrowers and agents that contain ``words``, newest first; with ``seen_by`` what that agent may see."""
        pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        query = select(Message).where(Message.author.in_(("borrower", "agent")), Message.text.ilike(pattern, escape="\\"))
        if seen_by is not None:
            query = query.join(Conversation).where(seen_by_agent(seen_by))
        return self.session.scalars(query.order_by(Message.id.desc()).limit(limit)).all()
