"""The real stack on PostgreSQL with two web processes and all five platforms beside it, and what its books hold afterwards."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.attachments.models import AttachmentRow
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import Conversation, Message
from bot.conversations.outbox.models import Delivery, DeliveryTry
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.demo import seed_if_empty
from bot.migrations.run import upgrade
from tests import dingtalk, feishu, integrator, wechat, wecom
from tests.attachments import files
from tests.callbacks import expectations
from tests.conftest import audited_for_tests
from tests.live import BUSINESS_DATE, LiveApp, start_stack, web_process
from tests.processes.replayed import (
    TIMES,
    DingTalkLine,
    FeishuLine,
    Happened,
    Line,
    WebhookLine,
    WeChatLine,
    WeComLine,
    deliver_fifty_times,
)

SECONDS = 60
TWINS = {"C2001": "C1001", "C2008": "C1008"}
"""People with the history of a demo person and a phone of their own, so that each platform has somebody with a dispute."""


@dataclass
class Office:
    """The stack with every platform beside it. ``acknowledged``: deliveries of fixtures; ``slowest``: seconds.

    ``greeted``: messages of ours that do not go through the outbox.
    """

    app: LiveApp
    database: Database
    lines: dict[str, Line]
    plain_line: WeChatLine
    urls: tuple[str, str]
    stack: ExitStack
    plain: tuple[str, str] | None = None
    acknowledged: int = 0
    slowest: float = 0.0
    greeted: int = 0
    replayed: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many messages each account's callback holds."""
    disputed: list[tuple[str, str]] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)

    def plain_urls(self) -> tuple[str, str]:
        """Two more processes, in WeChat's plain mode; started when they are wanted."""
        if self.plain is None:
            first, second = (
                self.stack.enter_context(web_process(self.app, name, CHANNELS__WECHAT__MODE="plain"))
                for name in ("plain-1", "plain-2")
            )
            self.plain = first, second
        return self.plain

    def replay(self, line: Line, happened: Happened, urls: tuple[str, str], holds: int) -> None:
        """Fifty deliveries, until they are answered."""
        self.slowest = max(self.slowest, deliver_fifty_times(line, happened, urls))
        self.acknowledged += TIMES
        self.settle(line, happened.address)
        self.replayed[line.channel, happened.address] = holds

    def settle(self, line: Line, address: str) -> None:
        """Until everything is fetched, answered and sent; then nothing more comes."""
        self._wait(lambda session: self._settled(session, line, address), f"{line.channel}: {address} is not answered")

    def settle_all(self) -> None:
        """Until nothing is on its way, also of what the worker has to tell."""
        queued = select(func.count()).where(Delivery.state == "queued")
        self._wait(lambda session: session.scalar(queued) == 0, "something is not sent")

    def _wait(self, done: Callable[[Session], bool], otherwise: str) -> None:
        deadline = time.monotonic() + SECONDS
        while True:
            with self.database.transaction() as session:
                if done(session):
                    return
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.05)

    def everybody(self) -> set[tuple[str, str]]:
        """Channel and address of all who wrote."""
        return {*self.replayed, *self.disputed, *self.others}

    def read_by_everybody(self) -> int:
        """How many messages everybody has got."""
        return sum(len(self.lines[channel].texts(address)) for channel, address in self.everybody())

    def errors(self) -> dict[Path, list[str]]:
        """Lines of errors in each process's log."""
        logs = self.app.log.parent.glob("*.log")
        return {log: re.findall(r".*(?:Traceback|\[error|\[critical).*", log.read_text(encoding="utf-8")) for log in logs}

    def _settled(self, session: Session, line: Line, address: str) -> bool:
        waiting = select(func.count()).where(
            InboxMessage.channel == line.channel, InboxMessage.sender == address, InboxMessage.state == "pending"
        )
        unsent = select(func.count()).where(
            Delivery.channel == line.channel, Delivery.address == address, Delivery.state == "queued"
        )
        todo = (
            select(func.count())
            .select_from(Message)
            .join(Conversation)
            .where(Conversation.sender == address, Message.direction == "in", Message.state.in_(("received", "processing")))
        )
        return line.fetched(session) and not any(session.scalar(count) for count in (waiting, unsent, todo))


def connect(stack: ExitStack, database_url: str, folder: Path) -> Office:
    """Everything started; it ends with ``stack``."""
    clock = SystemClock(BUSINESS_DATE)
    first, second = stack.enter_context(wechat.serving(clock)), stack.enter_context(wecom.serving(clock))
    third, fourth = stack.enter_context(feishu.serving(clock)), stack.enter_context(dingtalk.serving(clock))
    fifth = stack.enter_context(integrator.serving(clock))
    shelves = {"wechat": first.shelf, "wecom": second.shelf, "feishu": third.shelf, "dingtalk": fourth.shelf}
    for each in expectations():
        if each.attached is not None:
            shelves[each.platform].files[each.attached] = files.photo()
    options: dict[str, dict[str, str]] = {
        "WECHAT": {**wechat.OPTIONS, "api_url": first.url},
        "WECOM": wecom.options(second.url),
        "FEISHU": {**feishu.OPTIONS, "api_url": third.url, "mode": "http"},
        "DINGTALK": {**dingtalk.OPTIONS, "api_url": fourth.url, "mode": "http"},
        "WEBHOOK": {"secret": integrator.SECRET, "url": fifth.url},
    }
    settings = {
        f"CHANNELS__{name}__{option.upper()}": value for name, given in options.items() for option, value in given.items()
    }
    running = start_stack(folder, DATABASE_URL=database_url, RASA_TIMEOUT_SECONDS="20", **settings)
    stack.callback(running.close)
    app = next(running)
    database = audited_for_tests(database_url)
    stack.callback(database.dispose)
    lines: dict[str, Line] = {
        "wechat": WeChatLine(first),
        "wecom": WeComLine(second),
        "feishu": FeishuLine(third),
        "dingtalk": DingTalkLine(fourth),
        "webhook": WebhookLine(fifth),
    }
    urls = app.url, stack.enter_context(web_process(app, "second"))
    return Office(app, database, lines, WeChatLine(first, plain=True), urls, stack)


def seed_with_twins(database_url: str, folder: Path) -> None:
    """The demo people, and the ``TWINS``."""
    raw: dict[str, Any] = yaml.safe_load((ROOT / "data" / "demo" / "customers.yml").read_text(encoding="utf-8"))
    people = {person["id"]: person for person in raw["customers"]}
    for twin, customer_id in TWINS.items():
        raw["customers"].append(copy.deepcopy(people[customer_id]) | {"id": twin, "phone": phone_of(twin)})
    data = folder / "data"
    for path in ("demo/customers.yml", "catalogue/products.yml"):
        (data / path).parent.mkdir(parents=True)
    (data / "demo" / "customers.yml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    products = "catalogue/products.yml"
    (data / products).write_bytes((ROOT / "data" / products).read_bytes())
    upgrade(database_url)
    database = audited_for_tests(database_url)
    assert seed_if_empty(database, SystemClock(BUSINESS_DATE), data)
    database.dispose()


def phone_of(customer_id: str) -> str:
    return f"1390000{customer_id[1:]}"


@dataclass
class Kept:
    """All that the books have of one account: what was said and sent, what was told, and the calls of the platform."""

    inbox: list[InboxMessage]
    said: list[Message]
    told: list[Message]
    tries: list[DeliveryTry]
    attached: list[AttachmentRow]

    @classmethod
    def of(cls, session: Session, channel: str, address: str) -> Kept:
        log = session.scalars(
            select(Message)
            .join(Conversation)
            .where(Conversation.channel == channel, Conversation.sender == address)
            .order_by(Message.id)
        ).all()
        inbox = select(InboxMessage).where(InboxMessage.channel == channel, InboxMessage.sender == address)
        tries = select(DeliveryTry).where(DeliveryTry.channel == channel, DeliveryTry.address == address)
        attached = select(AttachmentRow).join(Conversation, Conversation.id == AttachmentRow.conversation_id)
        attached = attached.where(Conversation.channel == channel, Conversation.sender == address)
        return cls(
            list(session.scalars(inbox)),
            [row for row in log if row.direction == "in"],
            [row for row in log if row.direction == "out"],
            list(session.scalars(tries)),
            list(session.scalars(attached)),
        )
