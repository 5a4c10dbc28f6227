"""The cases of ``tests/data/evidence/*.yml``: a history told in short lines, and what the rules of product §3 make of it.

How to add one: ``tests/data/evidence/README.md``. Everything is counted from the due date: day 0 is the due date, day 3 is three
days after it, ``3@18:30`` is half past six in the evening of that day in Shanghai, ``3@10:30Z`` the same in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from bot.cases.evidence.facts import (
    AttemptFact,
    Facts,
    IncidentFact,
    MandateFact,
    NoticeFact,
    OverdueDay,
    PaymentFact,
)
from bot.core.clock import SHANGHAI
from bot.core.money import Fen, round_half_up
from bot.loans.codes import side_of

FOLDER = Path(__file__).parents[1] / "data" / "evidence"
DUE = date(2026, 8, 10)
OWED = 10_000
DAILY_RATE = Fraction(5, 10_000)
_MOMENT = re.compile(r"(-?\d+)(?:@(\d\d):(\d\d)(Z?))?")
KEYS = {
    "why", "happened", "causes", "split", "due", "owed", "unpaid", "held_from", "grace", "paid", "waived",
    "settled", "back", "says",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One case. ``causes``: a letter for each overdue day, S system, B borrower; ``split``: their parts of the penalty in 分.

    ``back``: (to waive, to refund) in 分, ``says``: the reasons of the last day, each ``None`` when the case does not care.
    """

    paragraph: str
    why: str
    facts: Facts
    grace: int
    causes: str
    split: tuple[Fen, Fen]
    back: tuple[Fen, Fen] | None
    says: tuple[str, ...] | None

    @property
    def name(self) -> str:
        return f"{self.paragraph}: {self.why}"


def all_cases() -> list[Told]:
    """Raises ``ValueError`` naming the case that cannot be read."""
    found = []
    for path in sorted(FOLDER.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8")):
            for raw in group["cases"]:
                try:
                    found.append(read(group["paragraph"], raw))
                except (KeyError, ValueError, IndexError) as error:
                    raise ValueError(f"{path.name}, {group['paragraph']}: {raw.get('why', raw)}: {error}") from error
    return found


def read(paragraph: str, raw: dict[str, Any]) -> Told:
    """One case from its YAML. Raises ``KeyError`` or ``ValueError`` with what is wrong."""
    if raw.keys() - KEYS:
        raise ValueError(f"unknown keys {sorted(raw.keys() - KEYS)}")
    return Told(
        paragraph=paragraph,
        why=raw["why"],
        facts=_Reader(raw).facts(),
        grace=raw.get("grace", 3),
        causes=raw["causes"],
        split=_pair(raw["split"]),
        back=_pair(raw["back"]) if "back" in raw else None,
        says=tuple(raw["says"]) if "says" in raw else None,
    )


def _pair(text: str) -> tuple[Fen, Fen]:
    """``25 + 5``."""
    first, second = text.split("+")
    return int(first), int(second)


class _Reader:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.due: date = raw.get("due", DUE)
        self.owed: Fen = raw.get("owed", OWED)

    def facts(self) -> Facts:
        raw, days = self.raw, tuple(self._days())
        kinds: dict[str, list[Any]] = {"mandates": [], "attempts": [], "incidents": [], "payments": [], "notices": []}
        for line in raw["happened"]:
            kind, item = self._event(line)
            kinds[kind].append(item)
        return Facts(
            contract_no="FQ-1",
            instalment=5,
            due_on=self.due,
            as_of=self.due + timedelta(days=len(days)),
            owed=self.owed,
            penalty=round_half_up(sum(day.weight for day in days) * DAILY_RATE),
            days=days,
            paid_penalty=raw.get("paid", 0),
            waived_penalty=raw.get("waived", 0),
            settled=raw.get("settled", False),
            **{kind: tuple(items) for kind, items in kinds.items()},
        )

    def _days(self) -> Iterator[OverdueDay]:
        unpaid, changes, held_from = self.owed, self.raw.get("unpaid", {}), self.raw.get("held_from")
        for number in range(1, len(self.raw["causes"]) + 1):
            unpaid = changes.get(number, unpaid)
            yield OverdueDay(self.due + timedelta(days=number), unpaid, held_from is not None and number >= held_from)

    def moment(self, text: str, hour: int) -> datetime:
        """``2``, ``2@18:30`` or ``2@10:30Z``; ``hour`` is the usual hour of such an event."""
        found = _MOMENT.fullmatch(text)
        if found is None:
            raise ValueError(f"not a moment: {text!r}")
        day = self.due + timedelta(days=int(found[1]))
        if found[2] is None:
            return datetime.combine(day, time(hour), tzinfo=SHANGHAI)
        return datetime.combine(day, time(int(found[2]), int(found[3])), tzinfo=UTC if found[4] else SHANGHAI)

    def _event(self, line: str) -> tuple[str, Any]:
        verb, *words = line.split()
        if verb == "mandate":
            times = dict(zip(words[::2], words[1::2], strict=True))
            until = times.get("until")
            return "mandates", MandateFact(self.moment(times.get("from", "-100"), 9), self.moment(until, 9) if until else None)
        if verb == "debit":
            at, code = words
            return "attempts", AttemptFact(self.moment(at, 9), code, side_of(code), self.owed)
        if verb in ("incident", "suspected"):
            channel, span = words
            first, last = span.split("..")
            end = self.moment(last, 20) if last else None
            return "incidents", IncidentFact(channel, self.moment(first, 8), end, verb == "incident")  # type: ignore[arg-type]
        if verb == "notice":
            return "notices", self._notice(words)
        if verb in ("own", "scheduled", "auto_debit"):
            return "payments", self._payment(verb, words)
        raise ValueError(f"not an event: {line!r}")

    def _notice(self, words: list[str]) -> NoticeFact:
        """``0 debit_failed``, ``0 overdue failed``, ``0 overdue delivered 3``."""
        at, kind, delivery, delivered = [*words, "delivered", words[0]][:4] if len(words) == 2 else [*words, words[0]][:4]
        sent = self.moment(at, 10)
        return NoticeFact(kind, "sms", sent, delivery, self.moment(delivered, 10) if delivery == "delivered" else None)  # type: ignore[arg-type]

    def _payment(self, kind: str, words: list[str]) -> PaymentFact:
        """``3``, ``3 4000``, ``2 failed SYS_ERROR at 4 told 5``, ``1 settled at 3 paid 9995 untold``, ``2 returned at 4``."""
        made, rest = words[0], words[1:]
        amount = int(rest.pop(0)) if rest and rest[0].isdigit() else self.owed
        status = rest.pop(0) if rest else "processing"
        code = rest.pop(0) if status == "failed" else None
        untold = "untold" in rest
        more = [word for word in rest if word != "untold"]
        options = dict(zip(more[::2], more[1::2], strict=True))
        if options.keys() - {"at", "told", "paid"}:
            raise ValueError(f"unknown words in {words}")
        over = status not in ("created", "processing")
        told = options.get("told") or (options.get("at", made) if status == "settled" and not untold else None)
        return PaymentFact(
            created_at=self.moment(made, 20),
            amount=amount,
            status=status,  # type: ignore[arg-type]
            kind=kind,  # type: ignore[arg-type]
            resolved_at=self.moment(options.get("at", made.split("@")[0]), 21) if over else None,
            informed_at=self.moment(told.split("@")[0], 22) if told else None,
            side=side_of(code),
            code=code,
            credited=int(options.get("paid", amount)) if status == "settled" else 0,
            payment_no=f"P-{made}",
        )
