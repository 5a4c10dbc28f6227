"""The registry of official contacts, data/catalogue/official_contacts.yml, with validity dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.core.settings import ROOT
from bot.identity.contacts.normal import comparable

ContactKind = Literal["phone", "sms_sender", "bank_account", "url", "person"]
CheckResult = Literal["official", "retired", "unknown", "public"]
"""``public``: a hotline of the authorities. Not ours, and nobody's fraud."""
REGISTRY_FILE = ROOT / "data" / "catalogue" / "official_contacts.yml"
_HOST = re.compile(r"[a-z0-9_.-]+")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OfficialContact(_Part):
    """One entry. ``valid_until`` is the last day; ``None`` = until further notice."""

    kind: Literal["phone", "sms_sender", "bank_account", "url"]
    value: str = Field(min_length=1)
    label: str
    valid_from: date
    valid_until: date | None = None

    @model_validator(mode="after")
    def _dates(self) -> OfficialContact:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError(f"{self.label}: valid_until is before valid_from")
        return self

    @property
    def normal(self) -> str:
        """The form in which it is compared."""
        return comparable(self.kind, self.value)

    def result_on(self, day: date) -> CheckResult:
        """``unknown`` before it was introduced."""
        if day < self.valid_from:
            return "unknown"
        return "official" if self.valid_until is None or day <= self.valid_until else "retired"


class PublicLine(_Part):
    """A hotline of the authorities (product §4): its number as it is dialled, and what it is."""

    number: str = Field(pattern=r"^\d{5,6}$")
    label: str

    @property
    def normal(self) -> str:
        return comparable("phone", self.number)


class PeopleWords(_Part):
    """How people who say they work for us are called: surname (one character each) + title; false friends before a title."""

    surnames: str
    titles: tuple[str, ...]
    not_before: tuple[str, ...]


class Registry(_Part):
    """All entries."""

    contacts: tuple[OfficialContact, ...]
    public_lines: tuple[PublicLine, ...] = ()
    alert_after_reporters: int = Field(ge=1)
    people: PeopleWords

    @model_validator(mode="after")
    def _once(self) -> Registry:
        values = [(item.kind, item.normal) for item in self.contacts]
        values += [("phone", line.normal) for line in self.public_lines]
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"listed twice: {twice}")
        return self

    def result(self, kind: ContactKind, normal: str, day: date) -> CheckResult:
        """What ``normal`` is on ``day``. A host belongs to a registered domain when it is the domain or ends with ``.domain``."""
        if kind == "phone" and self.public_line(normal) is not None:
            return "public"
        results = {item.result_on(day) for item in self._of(kind) if normal == item.normal or _within(kind, normal, item.normal)}
        return "official" if "official" in results else "retired" if "retired" in results else "unknown"

    def public_line(self, normal: str) -> PublicLine | None:
        """The hotline with this number."""
        return next((line for line in self.public_lines if line.normal == normal), None)

    def knows(self, kind: ContactKind, normal: str) -> bool:
        """Whether it is registered at all, whatever the day."""
        return any(normal == item.normal for item in self._of(kind))

    def _of(self, kind: ContactKind) -> Iterator[OfficialContact]:
        return (item for item in self.contacts if item.kind == kind)


def _within(kind: ContactKind, host: str, domain: str) -> bool:
    """Only what can be a host: ``theirs/.ours`` ends as ours does, too."""
    return kind == "url" and host.endswith(f".{domain}") and _HOST.fullmatch(host) is not None


def load_registry(path: Path) -> Registry:
    """Raises ``pydantic.ValidationError`` listing every problem of the file."""
    return Registry.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """That of the checkout, read once."""
    return load_registry(REGISTRY_FILE)
