"""The dated configuration of cases: data/catalogue/complaint_clock.yml (product §3 numbers, §4 clock)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.cases.errors import PolicyMissing
from bot.cases.thread import CaseKind
from bot.core.settings import ROOT

POLICY_FILE = ROOT / "data" / "catalogue" / "complaint_clock.yml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KindPolicy(_Part):
    """``decision_days``: calendar days from the start of the clock. ``owner``: who has the case until somebody takes it."""

    decision_days: int = Field(gt=0)
    owner: str = Field(min_length=1)


class Extension(_Part):
    """An extension to ``days`` calendar days from the start of the clock, and who must approve it."""

    days: int = Field(gt=0)
    approval: Literal["agent", "supervisor"]


class WayOn(_Part):
    """Where a complainant who disagrees can go. ``days``: until how long after the decision."""

    way: Literal["review", "mediation", "hotline"]
    days: int | None = None
    number: str | None = None


class RepeatPolicy(_Part):
    """When a story was told before (bot/cases/repeats.py), in percent of what it says."""

    same_matter_percent: int = Field(ge=0, le=100)
    nothing_new_percent: int = Field(ge=0, le=100)
    generic_words: tuple[str, ...]


class EvidenceNumbers(_Part):
    notice_grace_days: int = Field(ge=0)


class RemedyLimits(_Part):
    """In 分. What the bot may grant without a person: for one case, and for one customer and day.

    What people may approve for one customer and day, grants of the bot included: a supervisor, and an admin.
    """

    grant_at_once_limit: int = Field(ge=0)
    grant_at_once_daily_limit: int = Field(ge=0)
    supervisor_daily_limit: int = Field(ge=0)
    admin_daily_limit: int = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> RemedyLimits:
        if not self.grant_at_once_daily_limit <= self.supervisor_daily_limit <= self.admin_daily_limit:
            raise ValueError("the daily limits of remedies must not fall from the bot to a supervisor to an admin")
        return self


class Daytime(_Part):
    """Between ``start`` and ``end`` (not included) a message of the worker may ring a phone."""

    start: time
    end: time

    def next(self, moment: datetime) -> datetime:
        """``moment``, or the next morning's ``start`` when that is at night."""
        if self.start <= moment.time() < self.end:
            return moment
        day = moment.date() + timedelta(days=moment.time() >= self.end)
        return datetime.combine(day, self.start, tzinfo=moment.tzinfo)


class StuckPolicy(_Part):
    """When a hanging payment is looked at again, as promised, and how long a settled one is watched for a return."""

    look_again_after_days: int = Field(gt=0)
    look_again_at: time
    check_every_minutes: int = Field(gt=0)
    watch_returns_days: int = Field(ge=0)


class QueueStep(_Part):
    """Whose case is due in at most ``within_days`` calendar days, or is late, waits for an agent with ``priority``."""

    within_days: int = Field(ge=0)
    priority: int = Field(gt=0)


class CasePolicy(_Part):
    """One version of the configuration. It applies to the cases received from ``valid_from`` on."""

    valid_from: date
    kinds: dict[CaseKind, KindPolicy]
    extensions: tuple[Extension, ...]
    update_every_days: int = Field(gt=0)
    alerts_before_days: tuple[int, ...]
    escalation_owner: str = Field(min_length=1)
    queue_near_deadline: tuple[QueueStep, ...]
    daytime: Daytime
    stuck_payments: StuckPolicy
    credit_correction_days: int = Field(gt=0)
    ways_on: tuple[WayOn, ...]
    repeats: RepeatPolicy
    evidence: EvidenceNumbers
    remedies: RemedyLimits

    @model_validator(mode="after")
    def _extensions_lengthen(self) -> CasePolicy:
        """An extension that is shorter than the decision, or than the one before it, would cut the clock."""
        days = [extension.days for extension in self.extensions]
        if days != sorted(set(days)) or any(kind.decision_days >= days[0] for kind in self.kinds.values() if days):
            raise ValueError(f"extensions must lengthen the clock step by step: {days}")
        if not any(item.way == "review" and item.days for item in self.ways_on):
            raise ValueError("ways_on needs a review with its days: they are the period of appeals")
        return self

    @model_validator(mode="after")
    def _nearer_goes_first(self) -> CasePolicy:
        steps = [(step.within_days, -step.priority) for step in self.queue_near_deadline]
        if any(later[0] >= earlier[0] or later[1] >= earlier[1] for earlier, later in pairwise(steps)):
            raise ValueError(f"queue_near_deadline: fewer days, higher priority, step by step: {self.queue_near_deadline}")
        return self

    def queue_priority(self, days_left: int) -> int:
        """Of a borrower whose case is due in ``days_left`` calendar days, negative when late; 0: they wait like everybody."""
        return max((step.priority for step in self.queue_near_deadline if days_left <= step.within_days), default=0)

    @property
    def review_days(self) -> int:
        """How long after a decision it can be appealed against: the review's days (product §4)."""
        return next(item.days for item in self.ways_on if item.way == "review" and item.days)

    def extension(self, days: int) -> Extension | None:
        return next((item for item in self.extensions if item.days == days), None)


class CasePolicies(_Part):
    """All versions, oldest first."""

    versions: tuple[CasePolicy, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> CasePolicies:
        days = [version.valid_from for version in self.versions]
        if days != sorted(set(days)):
            raise ValueError("versions must be listed by valid_from, each day once")
        return self

    def on(self, day: date) -> CasePolicy:
        """The version for a case received on ``day``. Raises ``PolicyMissing``."""
        valid = [version for version in self.versions if version.valid_from <= day]
        if not valid:
            raise PolicyMissing(f"no case policy is valid on {day}")
        return valid[-1]


def load_policies(path: Path) -> CasePolicies:
    """Raises ``pydantic.ValidationError`` listing every problem of the file."""
    return CasePolicies.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def default_policies() -> CasePolicies:
    """Those of the checkout, read once."""
    return load_policies(POLICY_FILE)
