"""Quotas hold whatever happens: a platform that counts for itself watches a long random life."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from bot.channels.wechat import connector as wechat
from bot.channels.wecom import content as wecom
from bot.conversations.outbox.models import Delivery
from bot.conversations.outbox.port import Capabilities, Opening, OutgoingMessage, QuotaRule, SendResult
from bot.conversations.outbox.quotas import judge
from bot.core.clock import FixedClock
from bot.core.database import Database
from tests.conversations.test_outbox import Platform, Post

RULES = (
    QuotaRule("message", 5, timedelta(hours=48), "message"),
    QuotaRule("click", 3, timedelta(minutes=1), "click"),
    QuotaRule("rate", 4, timedelta(seconds=30)),
)
MESSAGES = int(os.environ.get("SIMULATED_MESSAGES", "600"))
"""Of each set of rules. 604 messages take about 6 s of CPU each on SQLite (20 s on two busy cores, 29 November 2026), so ten
thousand of each take minutes and run by hand: ``SIMULATED_MESSAGES=10000 pytest -s tests/conversations/test_quotas.py``. What
that gave stands in docs/channels/README.md: 10,068 messages each, no quota exceeded, all arrived.
"""
ADDRESSES = 40


@dataclass
class CountingPlatform(Platform):
    """Counts as such a platform does: each event grants new sends, each send uses one up. Notes every breach."""

    clock: FixedClock = field(default_factory=FixedClock)
    granted: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)
    sent: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    breaches: list[str] = field(default_factory=list)
    luck: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 a fixed simulation

    def opened(self, address: str, kind: str) -> None:
        for rule in self.capabilities.quotas:
            if rule.opened_by == kind:
                self.granted[address, kind] = (self.clock.now(), rule.most)

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        if self.luck.random() < 0.05:
            return SendResult("later", error="http_503")
        now = self.clock.now()
        rules = self.capabilities.quotas
        for rate in (rule for rule in rules if rule.opened_by is None):
            if sum(moment > now - rate.within for moment in self.sent[address]) >= rate.most:
                self.breaches.append(f"{address}: too many in {rate.within}")
        windows = sorted((rule for rule in rules if rule.opened_by is not None), key=lambda rule: rule.within)
        for rule in windows:
            at, left = self.granted.get((address, str(rule.opened_by)), (now, 0))
            if left and now < at + rule.within:
                self.granted[address, str(rule.opened_by)] = (at, left - 1)
                break
        else:
            if windows:
                self.breaches.append(f"{address}: outside every window")
        self.sent[address].append(now)
        lost = self.luck.random() < 0.03
        self.calls.append((address, message.id, message.text))
        return SendResult("later", error="timeout", answered=False) if lost else SendResult("taken")


PLATFORMS = {"every kind of rule": RULES, "wechat": wechat.CAPABILITIES.quotas, "wecom": wecom.CAPABILITIES.quotas}


@pytest.mark.parametrize("rules", PLATFORMS.values(), ids=PLATFORMS)
def test_a_long_random_life_never_exceeds_a_quota_and_all_arrives(
    database: Database, clock: FixedClock, rules: tuple[QuotaRule, ...]
) -> None:
    """Random answers, silences, clicks, failures and lost answers; afterwards the borrowers write until nothing waits."""
    platform = CountingPlatform(Capabilities(quotas=rules), clock=clock)
    post, luck = Post(database, clock, platform), random.Random(20260822)  # noqa: S311
    written: dict[str, list[str]] = defaultdict(list)
    events = total = 0

    def hear(address: str, kind: str) -> None:
        nonlocal events
        events += 1
        post.hear(events, address, opens=kind)
        platform.opened(address, kind)

    while total < MESSAGES:
        batch = 0
        for number in luck.sample(range(ADDRESSES), 15):
            address = f"a{number}"
            if luck.random() < 0.7:
                hear(address, "click" if luck.random() < 0.2 else "message")
            texts = [str(total + step) for step in range(luck.randint(1, 9))]
            post.answer(*texts, address=address)
            written[address] += texts
            batch += len(texts)
            total += len(texts)
        post.round()
        clock.advance(seconds=luck.choice([1, 20, 59, 61, 600, 86_400, 180_000]))
    waiting = waits(database)
    assert waiting > MESSAGES // 20, "the simulation makes messages wait"
    while waits(database):
        clock.advance(hours=1)
        for number in range(ADDRESSES):
            hear(f"a{number}", "message")
        post.round()
    assert platform.breaches == []
    for address, texts in written.items():
        arrived = list(dict.fromkeys(platform.texts(address)))
        assert arrived == texts, "in order, none missing; only what was lost on the way is there twice"
    print(f"{total} messages, {waiting} had to wait, {sum(map(len, platform.sent.values()))} calls, {events} events")  # noqa: T201 shown with -s


def waits(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).where(Delivery.state == "queued")) or 0


moments = st.integers(0, 200_000).map(lambda seconds: FixedClock().now() + timedelta(seconds=seconds))
openings = st.dictionaries(st.sampled_from(["message", "click"]), moments)


@given(sent=st.lists(moments, max_size=12), opened=openings, now=moments)
def test_a_verdict_allows_only_what_some_open_window_and_every_rate_allows(
    sent: list[datetime], opened: dict[Opening, datetime], now: datetime
) -> None:
    sent = sorted(moment for moment in sent if moment <= now)
    opened = {kind: at for kind, at in opened.items() if at <= now}
    verdict = judge(RULES, sent, opened, now)
    fits = any(
        rule.opened_by in opened
        and now < opened[rule.opened_by] + rule.within
        and sum(moment >= opened[rule.opened_by] for moment in sent) < rule.most
        for rule in RULES
        if rule.opened_by is not None
    )
    slow = sum(moment > now - timedelta(seconds=30) for moment in sent) < 4
    assert verdict.allowed == (fits and slow)
    if verdict.reopens_at is not None:
        assert now < verdict.reopens_at <= now + timedelta(seconds=30)
        later = judge(RULES, sent, opened, verdict.reopens_at)
        assert later.rule != "rate", "waiting until then is enough for the rate"
