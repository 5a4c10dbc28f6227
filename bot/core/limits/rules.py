"""What is limited, per whom. The numbers are settings; docs/security.md says why these.

Borrowers share the addresses of mobile gateways, so whatever has a token is limited by who it speaks for. An address is limited
only where nobody is known yet, and generously.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from bot.core.errors import TooManyRequests
from bot.core.settings import Settings

Per = Literal["customer", "visitor", "agent", "address"]


@dataclass(frozen=True)
class Rule:
    """At most ``most`` times within any ``window``; ``name`` separates the counts of different rules."""

    name: str
    most: int
    window: timedelta


@dataclass(frozen=True)
class Subject:
    """Who is counted: ``identifier`` is a customer id, a visitor's sender, an agent id, or an address."""

    per: Per
    identifier: str


class LimitReached(TooManyRequests):
    """``details``: ``limit``, ``window`` and ``retry_after`` in seconds, ``per``: what is counted."""

    code = "too_many_requests"

    def __init__(self, rule: Rule, subject: Subject, retry_after: int) -> None:
        super().__init__(
            "too often; wait a little",
            limit=rule.most,
            window=int(rule.window.total_seconds()),
            per=subject.per,
            retry_after=retry_after,
        )


@dataclass(frozen=True)
class Rules:
    """The rules in force."""

    messages: Rule
    """Of a customer in all conversations and devices together. A visitor has one conversation, which has its own limit."""
    anonymous_messages: Rule
    """Of visitors and of callers without a token, per address; counted in each web process for itself."""
    requests: Rule
    """Of any kind, with one token's subject; counted in each web process for itself."""
    changes: Rule
    """Ratings, leaving the queue, facts, withdrawals, appeals, of one customer or visitor."""
    attachments: Rule
    """Of one customer or visitor, whether or not the file is taken."""
    visitors: Rule
    """New visitors (in the demo also logins as a demo person) per address."""
    failed_logins: Rule
    """Wrong passwords at the desk per address, whatever ids they are tried with."""

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        minute, hour = timedelta(minutes=1), timedelta(hours=1)
        return cls(
            messages=Rule("messages", settings.messages_per_customer_minute, minute),
            anonymous_messages=Rule("anonymous_messages", settings.anonymous_messages_per_address_minute, minute),
            requests=Rule("requests", settings.requests_per_token_minute, minute),
            changes=Rule("changes", settings.changes_per_token_minute, minute),
            attachments=Rule("attachments", settings.attachments_per_token_hour, hour),
            visitors=Rule("visitors", settings.visitors_per_address_hour, hour),
            failed_logins=Rule("failed_logins", settings.failed_logins_per_address_hour, hour),
        )

    @property
    def longest(self) -> timedelta:
        rules: list[Rule] = list(vars(self).values())
        return max(rule.window for rule in rules)
