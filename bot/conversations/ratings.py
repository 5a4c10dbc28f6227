"""How borrowers rate the help of a human. Asked for when the conversation goes back to the bot (``handoff.give_back``)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.conversations.errors import AlreadyRated, NothingToRate
from bot.conversations.models import Rating
from bot.conversations.repository import HandoffRepository
from bot.core.clock import Clock
from bot.core.masking import mask

MAX_COMMENT_CHARS = 500


class RatingService:
    """Never commits."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = HandoffRepository(session)
        self._clock = clock

    def rate(self, conversation_id: str, handoff_id: int, score: int, comment: str | None) -> None:
        """Once for each handoff that a human served and that is over; the same again changes nothing.

        ``score`` 1 (bad) to 5 (good). Raises ``NothingToRate``, ``AlreadyRated`` (with another score or comment).
        """
        handoff = self._repository.by_id(handoff_id)
        served = handoff is not None and handoff.conversation_id == conversation_id
        if handoff is None or not served or handoff.state != "closed" or handoff.agent_id is None:
            raise NothingToRate("no help of a human in this conversation has this number")
        kept = mask(comment.strip())[:MAX_COMMENT_CHARS] if comment and comment.strip() else None
        row = Rating(
            conversation_id=conversation_id,
            handoff_id=handoff_id,
            agent_id=handoff.agent_id,
            score=score,
            comment=kept,
            rated_at=self._clock.now(),
        )
        if not self._repository.add_rating_once(row):
            earlier = self._repository.rating(handoff_id)
            if earlier is None or (earlier.score, earlier.comment) != (score, kept):
                raise AlreadyRated("this help was rated already")
