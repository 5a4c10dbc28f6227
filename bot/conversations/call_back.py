"""What nobody takes today becomes a case with a call-back (product §5: outside hours nothing is lost). Never commits."""

from __future__ import annotations

from bot.cases.book import CaseBook, Intake
from bot.cases.taking_in import TakingIn
from bot.conversations.models import Conversation


def call_back_case(book: CaseBook, conversation: Conversation, story: str, *, key: str) -> str:
    """The number of the case that an agent works on when the office opens: a new one, or the open one that ``story`` continues.

    The conversation is an identified borrower's. The caller tells them, so ``book`` should leave no word of it besides. Raises
    ``StoryMissing``, ``KeyReused``.
    """
    channel, customer_id = conversation.channel, conversation.customer_id
    intake = Intake("complaint", customer_id, conversation.id, channel, story, None, key)
    return TakingIn(book).take_in(intake).case.case_no
