"""``data/catalogue/servicing.yml``: when the runs act. Read once, checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

FILE = "servicing.yml"


@dataclass(frozen=True)
class DebitPolicy:
    """Tries of the auto-debit: several on the due date, then one a day for ``retry_days`` days."""

    due_day_times: tuple[time, ...]
    retry_time: time
    retry_days: int
    final_codes: frozenset[str]

    def slot(self, days_after_due: int, now: time) -> int | None:
        """The number of the latest try that is due by ``now`` on this day, from 0; ``None``: no try is due.

        A worker that was down makes up for the latest try only: three debits in a row would help nobody.
        """
        times = self.due_day_times if days_after_due == 0 else (self.retry_time,)
        if not 0 <= days_after_due <= self.retry_days:
            return None
        passed = sum(1 for each in times if each <= now)
        return passed - 1 if passed else None


@dataclass(frozen=True)
class PollingStep:
    """Up to this age (``None``: any) an order is asked about so often."""

    until: timedelta | None
    every: timedelta


@dataclass(frozen=True)
class DetectionPolicy:
    """Whole percents: shares are compared without floats."""

    window: timedelta
    min_tries: int
    system_share_percent: int
    recovered_share_percent: int
    hanging_after: timedelta


@dataclass(frozen=True)
class ContactPolicy:
    """Contact rules of dunning (issue 4, point 7)."""

    quiet_from: time
    quiet_until: time
    max_per_day: int
    recipients: frozenset[str]

    def quiet(self, at: datetime) -> bool:
        """Whether ``at`` lies in the quiet hours, which may go past midnight; the end belongs to the day."""
        moment = at.time()
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= moment < self.quiet_until
        return moment >= self.quiet_from or moment < self.quiet_until


@dataclass(frozen=True)
class Policy:
    """Everything of the file."""

    debit: DebitPolicy
    take_time: time
    polling: tuple[PollingStep, ...]
    refund_double_after_days: int
    detection: DetectionPolicy
    contact: ContactPolicy
    reminder_days_before: frozenset[int]
    dunning_days_after: frozenset[int]
    notices_from: time
    bureau_after_days: int

    @classmethod
    def load(cls, folder: Path) -> Policy:
        """Reads ``servicing.yml`` of the catalogue folder. Raises ``ValueError`` with the file's name and what is wrong."""
        path = folder / FILE
        try:
            policy = cls._of(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error!r}") from error
        problems = policy._problems()
        if problems:
            raise ValueError(f"{path}: {'; '.join(problems)}")
        return policy

    @classmethod
    def _of(cls, raw: dict[str, Any]) -> Policy:
        debit, found, contact, notices = raw["auto_debit"], raw["incident_detection"], raw["contact"], raw["notices"]
        return cls(
            debit=DebitPolicy(
                tuple(time.fromisoformat(each) for each in debit["due_day_times"]),
                time.fromisoformat(debit["retry_time"]),
                debit["retry_days"],
                frozenset(debit["final_codes"]),
            ),
            take_time=time.fromisoformat(raw["scheduled_repayment"]["take_time"]),
            polling=tuple(
                PollingStep(
                    None if step["until_minutes"] is None else timedelta(minutes=step["until_minutes"]),
                    timedelta(minutes=step["every_minutes"]),
                )
                for step in raw["polling"]
            ),
            refund_double_after_days=raw["double_debit"]["refund_after_days"],
            detection=DetectionPolicy(
                timedelta(minutes=found["window_minutes"]),
                found["min_tries"],
                found["system_share_percent"],
                found["recovered_share_percent"],
                timedelta(minutes=found["hanging_after_minutes"]),
            ),
            contact=ContactPolicy(
                time.fromisoformat(contact["quiet_from"]),
                time.fromisoformat(contact["quiet_until"]),
                contact["max_per_day"],
                frozenset(contact["recipients"]),
            ),
            reminder_days_before=frozenset(notices["due_reminder_days_before"]),
            dunning_days_after=frozenset(notices["dunning_days_after"]),
            notices_from=time.fromisoformat(notices["send_from"]),
            bureau_after_days=raw["bureau_report"]["after_days"],
        )

    def _problems(self) -> list[str]:
        found = []
        if not self.debit.due_day_times or list(self.debit.due_day_times) != sorted(self.debit.due_day_times):
            found.append("auto_debit.due_day_times must be in order, at least one")
        if not self.polling or self.polling[-1].until is not None:
            found.append("polling must end with until_minutes: null")
        if not 0 <= self.detection.recovered_share_percent <= self.detection.system_share_percent <= 100:
            found.append("incident_detection: 0 <= recovered_share_percent <= system_share_percent <= 100")
        if self.detection.min_tries < 1 or self.contact.max_per_day < 0 or self.bureau_after_days < 1:
            found.append("min_tries and after_days are at least 1, max_per_day at least 0")
        return found
