"""What the borrower is told of their case: one text of data/answers/notifications.yml for each event that concerns them.

``CaseBook`` leaves the word in the transaction of the event itself; ``bot/conversations/courier.py`` delivers it. Internal events
are never told, nor what the borrower reads in the answer of the same turn (``CaseBook.untold``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from bot.cases.policy import CasePolicy
from bot.cases.views import CaseView, EventView
from bot.core.clock import Clock, chinese_date
from bot.core.money import format_yuan
from bot.notifications.service import Notifications

Values = dict[str, str]
UNREACHABLE = "direct"
"""Rasa was asked without the gateway: an anonymous complainant there can only be called back."""


def _amount(event: EventView) -> Values:
    return {"amount": format_yuan(int(event.data["amount"]))}


def _words(event: EventView) -> Values:
    """What a person wrote for the borrower."""
    return {"words": event.text or ""}


def _decision(event: EventView) -> Values:
    return {name: str(event.data[name]) for name in ("facts", "reasons", "remedy")}


def _remedied(event: EventView) -> Values:
    return {**_amount(event), "receipts": "、".join(event.data["receipts"])}


def _refused(event: EventView) -> Values:
    return {**_amount(event), **_words(event)}


def _nothing(_event: EventView) -> Values:
    return {}


TEXTS: dict[str, tuple[str, Callable[[EventView], Values]]] = {
    "acknowledged": ("case_acknowledged", _nothing),
    "asked_borrower": ("case_asked", _words),
    "note": ("case_note", _words),
    "extended": ("case_extended", _words),
    "proposed": ("case_proposed", _amount),
    "decided": ("case_decided", _decision),
    "remedied": ("case_remedied", _remedied),
    "closed": ("case_closed", _nothing),
    "withdrawn": ("case_withdrawn", _nothing),
    "reopened": ("case_reopened", _nothing),
}
"""By type of event: the text, and what fills it besides the dates. ``approved`` is told with the receipt (``remedied``)."""
NOTICES: dict[str, Callable[[EventView], Values]] = {
    "late": _nothing,
    "update_late": _nothing,
    "update_received": _nothing,
    "update_investigating": _nothing,
    "update_proposed": _nothing,
    "update_waiting_for_borrower": _nothing,
    "file_added": _nothing,
    "rejected": _refused,
    "rejected_reasons_later": _amount,
}
"""Notes that name their text (``data["notice"]``, text ``case_<name>``) instead of bringing their own words."""


def words_for(event: EventView) -> tuple[str, Values] | None:
    """The text of an event and its own values; ``None`` when the borrower is told nothing of it."""
    if event.audience != "borrower" or (event.type == "decided" and "facts" not in event.data):
        return None  # the bot's own grant is told with its receipt, a corrected report when it is corrected
    if event.type == "remedied" and "corrected" in event.data:
        return "case_report_corrected", {}
    if event.type == "note" and "notice" in event.data:
        name = str(event.data["notice"])
        return f"case_{name}", NOTICES[name](event)
    found = TEXTS.get(event.type)
    return None if found is None else (found[0], found[1](event))


class CaseNotices:
    """Leaves word about cases in the session's transaction."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._notifications = Notifications(session, clock)
        self._clock = clock

    def event(self, policy: CasePolicy, case: CaseView, event: EventView, *, remedy: dict[str, Any] | None) -> None:
        """Tells the borrower of ``event``, once. ``case`` is the case after it; ``remedy`` the card of what was given back."""
        words = words_for(event)
        if words is not None:
            key, cards = f"case:{case.case_no}:{event.number}", (remedy,) if remedy else ()
            self.tell(policy, case, *words, key=key, more_cards=cards, by_itself=event.actor_kind == "system")

    def tell(
        self,
        policy: CasePolicy,
        case: CaseView,
        text_key: str,
        values: Values,
        *,
        key: str,
        more_cards: tuple[dict[str, Any], ...] = (),
        by_itself: bool,
    ) -> None:
        """With the card of ``case``. ``by_itself``: the worker does it, so it waits for the morning."""
        if case.customer_id is None and case.channel == UNREACHABLE:
            return
        now = self._clock.now()
        review_days = max((way.days or 0 for way in policy.ways_on), default=0)
        dates = {
            "case_no": case.case_no,
            "decide_by": chinese_date(case.decide_by),
            "next_update_by": chinese_date(case.next_update_by) if case.next_update_by else "",
            "review_until": chinese_date(now.date() + timedelta(days=review_days)),
        }
        self._notifications.tell(
            text_key,
            {**dates, **values},
            key=key,
            customer_id=case.customer_id,
            conversation_id=None if case.customer_id else case.conversation_id,
            cards=(case.card(), *more_cards),
            case_no=case.case_no,
            not_before=policy.daytime.next(now) if by_itself else None,
        )
