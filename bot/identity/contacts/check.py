"""Judges what is found in a text against the registry: official, retired, public or unknown (product §2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.identity.contacts.find_links import addresses, emails, hosts
from bot.identity.contacts.find_numbers import numbers
from bot.identity.contacts.find_people import people
from bot.identity.contacts.found import Found
from bot.identity.contacts.normal import plain
from bot.identity.contacts.registry import CheckResult, ContactKind, Registry, default_registry

_WORST_FIRST: tuple[CheckResult, ...] = ("unknown", "retired", "official", "public")
_GRAVEST_FIRST: tuple[ContactKind, ...] = ("bank_account", "url", "phone", "sms_sender", "person")


@dataclass(frozen=True)
class ContactCheck:
    """One contact and what it is. ``value`` is its comparable form; ``pasted`` how it was written, for the report only.

    Neither is ever shown back as something to call, open or pay to.
    """

    kind: ContactKind
    result: CheckResult
    value: str
    pasted: str

    @property
    def suspicious(self) -> bool:
        """Whether it may be filed as a suspected fraud."""
        return self.result in ("unknown", "retired")

    @property
    def masked(self) -> str:
        """For logs: enough to find the row again."""
        return f"{self.value[:3]}…{self.value[-2:]}" if len(self.value) > 6 else f"{self.value[:1]}…"

    def card(self) -> dict[str, Any]:
        """The ``official_check`` card; it does not repeat the contact."""
        return {"type": "official_check", "kind": self.kind, "result": self.result}


def check(text: str, today: date, registry: Registry | None = None) -> ContactCheck | None:
    """The contact in ``text`` that needs the strongest warning, or ``None`` when there is none.

    A text with our real number and somebody else's account is about the account: unknown comes before retired before official.
    """
    return gravest(check_each(text, today, registry))


def gravest(found: Iterable[ContactCheck]) -> ContactCheck | None:
    """The one that needs the strongest warning."""
    return min(found, key=lambda item: (_WORST_FIRST.index(item.result), _GRAVEST_FIRST.index(item.kind)), default=None)


def check_each(text: str, today: date, registry: Registry | None = None) -> list[ContactCheck]:
    """As ``check_all`` for a text that is known to ask about contacts: any number in it is one.

    Also beside a contact that is found anyway: who writes to us names our real hotline beside the number of the fraud. Only the
    borrower's own number is one no more than elsewhere, unless it is all there is to ask about.
    """
    registry = registry or default_registry()
    others = _judged(_find(text, registry, any_number=True), today, registry)
    return others or _judged(_find(text, registry, any_number=True, own=True), today, registry)


def check_all(text: str, today: date, registry: Registry | None = None) -> list[ContactCheck]:
    """Every contact in ``text``, in the order in which they stand, each once."""
    registry = registry or default_registry()
    return _judged(_find(text, registry, any_number=False), today, registry)


def _judged(found: Iterable[Found], today: date, registry: Registry) -> list[ContactCheck]:
    checks = {
        (item.kind, item.normal): ContactCheck(
            item.kind, registry.result(item.kind, item.normal, today), item.normal, item.written
        )
        for item in found
    }
    return list(checks.values())


def _find(text: str, registry: Registry, *, any_number: bool, own: bool = False) -> list[Found]:
    """Each finder sees what the ones before it left over: digits in a link or in a chat account are no phone number."""
    finders: tuple[Callable[[str], Iterable[Found]], ...] = (
        addresses,
        emails,
        hosts,
        lambda rest: people(rest, registry.people),
        lambda rest: numbers(rest, registry, any_number=any_number, own=own),
    )
    rest = plain(text)
    found: list[Found] = []
    for finder in finders:
        items = list(finder(rest))
        found.extend(items)
        for item in items:
            rest = rest[: item.at] + " " * len(item.written) + rest[item.at + len(item.written) :]
    return sorted(found, key=lambda item: item.at)
