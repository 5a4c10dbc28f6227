"""The four platforms that hand out pictures, spoken to in one way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from bot.attachments.models import AttachmentRow
from bot.cases.models import CaseEventRow, CaseRow
from bot.cases.service import CaseService
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import Message
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.identity.models import ChannelBinding
from bot.loans.service import SqlLoanBackend
from tests import dingtalk, feishu, wechat, wecom
from tests.gateway import FakeRasa, Stack
from tests.media import Shelf

PLATFORMS = ("wechat", "wecom", "feishu", "dingtalk")
STORY = "催收员每天早上六点给我妈妈打电话，还骂人"
SENDERS = {"wechat": "o-1", "wecom": wecom.ADDRESS, "feishu": "ou_1", "dingtalk": "staff1"}


@dataclass
class Platform:
    """``make(kind, number)``: a message that names file ``number``, for ``deliver``. ``place``: the file's name on the shelf.

    ``end_token``: our access token is good no longer. ``fake``: the platform itself.
    """

    name: str
    stack: Stack
    shelf: Shelf
    said: Callable[[], list[str]]
    deliver: Callable[[Any], Awaitable[Any]]
    make: Callable[[str, str], Any]
    words: Callable[[str], Awaitable[Any]]
    place: Callable[[str], str]
    end_token: Callable[[], None]
    fake: Any
    messages: list[Any] = field(default_factory=list)

    @property
    def sender(self) -> str:
        return SENDERS[self.name]

    async def send(self, data: bytes | None, *, kind: str = "image", times: int = 1) -> Any:
        """A picture (``None``: one that the platform does not have); the message as it was delivered."""
        number = f"{'img' if kind == 'image' else 'file'}_{len(self.messages) + 1}"
        self.stack.clock.advance(seconds=1)
        message = self.make(kind, number)
        self.messages.append(message)
        if data is not None:
            self.shelf.files[self.place(number)] = data
        await asyncio.gather(*(self.deliver(message) for _ in range(times)))
        return message

    def bind(self, customer_id: str = "C1002") -> None:
        with self.stack.database.transaction() as session:
            now = self.stack.clock.now()
            session.add(ChannelBinding(channel=self.name, address=self.sender, customer_id=customer_id, bound_at=now))

    def open_case(self, customer_id: str = "C1002", *, second: bool = False) -> str:
        """A complaint, or a report of a fraud."""
        with self.stack.database.transaction() as session:
            cases = CaseService(session, self.stack.clock, SqlLoanBackend(session, self.stack.clock))
            opened = (cases.open_fraud_report if second else cases.open_complaint)(
                customer_id=customer_id,
                conversation_id="elsewhere",
                channel="rest",
                story=STORY,
                callback_phone=None,
                key=f"{customer_id}:{second}",
            )
            return opened.case.case_no

    async def settled(self, answers: int = 1) -> list[str]:
        """Lets time pass until nothing is pending and so much was said; all that was said."""
        for _ in range(600):
            if not self.pending() and len(self.said()) >= answers:
                return self.said()
            self.stack.clock.advance(seconds=1)
            await asyncio.sleep(0.02)
        raise AssertionError(f"{self.name} said {self.said()}; {self.pending()} wait")

    # ── what is stored
    def pending(self) -> int:
        with self.stack.database.transaction() as session:
            rows = session.scalars(select(InboxMessage)).all()
            return sum(row.state == "pending" for row in rows) if rows else 1

    def attachments(self) -> list[AttachmentRow]:
        with self.stack.database.transaction() as session:
            return list(session.scalars(select(AttachmentRow).order_by(AttachmentRow.id)))

    def incoming(self) -> list[Message]:
        with self.stack.database.transaction() as session:
            return list(session.scalars(select(Message).where(Message.direction == "in").order_by(Message.id)))

    def files(self) -> int:
        folder = self.stack.settings.attachments_dir
        return sum(1 for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0

    def facts(self, case_no: str) -> list[dict[str, Any]]:
        """What the case's thread says of files."""
        with self.stack.database.transaction() as session:
            query = select(CaseEventRow).join(CaseRow, CaseRow.id == CaseEventRow.case_id).where(CaseRow.case_no == case_no)
            found = session.scalars(query.order_by(CaseEventRow.id)).all()
            return [event.data["attachment"] for event in found if event.type == "fact_added"]


@asynccontextmanager
async def on(name: str, settings: Settings, **options: str) -> AsyncIterator[Platform]:
    """The application with this platform beside it."""
    async with {"wechat": _wechat, "wecom": _wecom, "feishu": _feishu, "dingtalk": _dingtalk}[name](settings, options) as there:
        yield there


@asynccontextmanager
async def _wechat(settings: Settings, options: dict[str, str]) -> AsyncIterator[Platform]:
    clock = FixedClock()
    with wechat.serving(clock) as fake:
        async with wechat.connected(settings, clock, FakeRasa(), fake, **options) as there:

            def make(kind: str, number: str) -> bytes:
                fake.opens("o-1", "message")
                return fake.message(MsgType=kind, PicUrl="http://127.0.0.1:9/x", MediaId=number)

            yield Platform(
                "wechat", there.stack, fake.shelf, fake.texts, there.deliver, make, there.write, str, fake.valid.clear, fake
            )


@asynccontextmanager
async def _wecom(settings: Settings, options: dict[str, str]) -> AsyncIterator[Platform]:
    clock = FixedClock()
    with wecom.serving(clock) as fake:
        async with wecom.connected(settings, clock, FakeRasa(), fake, **options) as there:

            async def deliver(_message: str) -> None:
                """The page with it comes again from its beginning."""
                fake.forgotten.update(f"cursor_{number}" for number in range(1, 100))
                await there.notify()

            def make(kind: str, number: str) -> str:
                return fake.send_in(kind, {"media_id": number})

            yield Platform(
                "wecom", there.stack, fake.shelf, fake.texts, deliver, make, there.write, str, fake.expire_tokens, fake
            )


@asynccontextmanager
async def _feishu(settings: Settings, options: dict[str, str]) -> AsyncIterator[Platform]:
    clock = FixedClock()
    with feishu.serving(clock) as fake:
        async with feishu.connected(settings, clock, FakeRasa(), fake, **{"mode": "http", **options}) as there:

            def make(kind: str, number: str) -> dict[str, Any]:
                content = {"image_key": number} if kind == "image" else {"file_key": number, "file_name": "x.pdf"}
                return fake.message(message_type=kind, content=json.dumps(content), message_id=f"om_{number}")

            def place(number: str) -> str:
                return f"om_{number}/{number}"

            yield Platform(
                "feishu", there.stack, fake.shelf, fake.texts, there.deliver, make, there.write, place, fake.valid.clear, fake
            )


@asynccontextmanager
async def _dingtalk(settings: Settings, options: dict[str, str]) -> AsyncIterator[Platform]:
    clock = FixedClock()
    with dingtalk.serving(clock) as fake:
        async with dingtalk.connected(settings, clock, FakeRasa(), fake, **options) as there:

            def make(kind: str, number: str) -> dict[str, Any]:
                content = {"downloadCode": number, **({"fileName": "x.pdf"} if kind == "file" else {})}
                return fake.message() | {"msgtype": "picture" if kind == "image" else kind, "content": content}

            yield Platform(
                "dingtalk", there.stack, fake.shelf, fake.texts, there.deliver, make, there.write, str, fake.valid.clear, fake
            )
