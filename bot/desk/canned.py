"""Canned answers: those of data/catalogue/canned_answers.yml and those that supervisors added, filled for one conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import yaml
from sqlalchemy.orm import Session

from bot.core.clock import Clock, chinese_date
from bot.core.money import format_yuan
from bot.core.settings import ROOT
from bot.desk.errors import CannedAnswerNotFound, TitleTaken
from bot.desk.models import CannedAnswer
from bot.desk.repository import DeskRepository
from bot.desk.schemas import ConversationView

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Canned:
    """``number`` is ``None`` for those that come with the product and stay. ``missing``: placeholders without a value."""

    number: int | None
    title: str
    text: str
    missing: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def shipped() -> tuple[Canned, ...]:
    raw = yaml.safe_load((ROOT / "data" / "catalogue" / "canned_answers.yml").read_text(encoding="utf-8"))
    return tuple(Canned(None, item["title"], item["text"]) for item in raw)


class CannedAnswers:
    """Never commits."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = DeskRepository(session)
        self._clock = clock

    def all(self, values: Mapping[str, str]) -> list[Canned]:
        """Filled with ``values``, by title within each origin."""
        own = [Canned(row.id, row.title, row.text) for row in self._repository.canned_answers()]
        return [_filled(item, values) for item in (*shipped(), *own)]

    def add(self, title: str, text: str, agent_id: str) -> Canned:
        """Raises ``TitleTaken``."""
        row = CannedAnswer(title=title, text=text, written_by=agent_id, written_at=self._clock.now())
        if any(item.title == title for item in shipped()) or not self._repository.add_once(row):
            raise TitleTaken("another one has this title")
        return Canned(row.id, row.title, row.text)

    def remove(self, number: int) -> None:
        """Raises ``CannedAnswerNotFound``."""
        row = self._repository.canned_answer(number)
        if row is None:
            raise CannedAnswerNotFound("no such canned answer")
        self._repository.remove(row)


def values_for(view: ConversationView, agent_name: str) -> dict[str, str]:
    """What is known of the borrower of this conversation, as they read it."""
    values = {"agent_name": agent_name}
    if view.identity.name:
        values["customer_name"] = view.identity.name
    if view.loans is not None:
        values["payoff_total"] = format_yuan(view.loans.payoff_total)
        values["overdue_amount"] = format_yuan(view.loans.overdue_amount)
        if view.loans.next_due_on is not None:
            values["next_due_on"] = chinese_date(view.loans.next_due_on)
            values["next_due_amount"] = format_yuan(view.loans.next_due_amount)
    case = next((item for item in view.cases if item.case_no == view.case_no), view.cases[0] if view.cases else None)
    if case is not None:
        values["case_no"], values["decide_by"] = case.case_no, chinese_date(case.decide_by)
    return values


def _filled(item: Canned, values: Mapping[str, str]) -> Canned:
    missing = tuple(dict.fromkeys(name for name in _PLACEHOLDER.findall(item.text) if name not in values))
    text = _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), item.text)
    return Canned(item.number, item.title, text, missing)
