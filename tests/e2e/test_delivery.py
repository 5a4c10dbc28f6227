"""What the desk says of messages on their way to a messaging platform, and of an account that is not the customer's."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from bot.conversations.handoff import HandoffService
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.outbox.models import Delivery
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.identity.models import ChannelBinding
from tests.e2e.office import Office
from tests.e2e.sides import Sides, sides, staffed_file

pytestmark = pytest.mark.browser

__all__ = ["sides", "staffed_file"]

REPLIES = {
    "第一条回复": {"state": "sent"},
    "第二条回复": {"waits_for": "quota"},
    "第三条回复": {},
    "第四条回复": {"state": "failed", "failure": "wechat_45015"},
}
"""What an agent wrote, and what has become of its delivery."""


def on_wechat(office: Office) -> str:
    """A conversation of 李婷's account on WeChat, which 小林 has; its id."""
    now = office.clock.now()
    with office.runtime.database.transaction() as session:
        session.add(ChannelBinding(channel="wechat", address="o-1", customer_id="C1002", bound_at=now))
        conversation = ConversationService(session, office.clock).open("wechat", "o-1", "C1002")
        handoffs = HandoffService(session, office.clock)
        handoffs.request(conversation.id, reason="asked")
        handoffs.claim(conversation.id, "A2001", agent_name="小林")
        repository = ConversationRepository(session)
        repository.append_all(
            conversation.id, now, [{"direction": "in", "author": "borrower", "text": "在吗", "state": "received"}]
        )
        for text, changes in REPLIES.items():
            row = {"direction": "out", "author": "agent", "text": text, "state": changes.get("state", "queued")}
            (message,) = repository.append_all(conversation.id, now, [row], deliver=False)
            session.add(
                Delivery(
                    message_id=message.id,
                    conversation_id=conversation.id,
                    channel="wechat",
                    address="o-1",
                    created_at=now,
                    next_try_at=now,
                    **changes,
                )
            )
        session.add(
            InboxMessage(
                channel="wechat",
                external_id="lost-1",
                sender="o-2",
                kind="text",
                text="sealed",
                at=now,
                received_at=now,
                next_try_at=now,
                state="failed",
                attempts=8,
                failure="TimeoutError",
            )
        )
        return conversation.id


def test_the_agent_reads_what_the_borrower_has_not_got_and_why(sides: Sides) -> None:
    on_wechat(sides.office)
    desk = sides.agent("A2001").desk
    desk.queue.get_by_role("link").filter(has_text="在吗").click()
    expect(desk.message("agent", "第一条回复")).to_contain_text("已发送")
    expect(desk.message("agent", "第二条回复")).to_contain_text("平台限制，对方再发消息后送达")
    expect(desk.message("agent", "第三条回复")).to_contain_text("等待发出")
    expect(desk.message("agent", "第四条回复")).to_contain_text("未送达：wechat_45015")


def test_a_supervisor_sends_again_what_was_given_up(sides: Sides) -> None:
    conversation_id = on_wechat(sides.office)
    desk = sides.agent("S2101").desk
    desk.view("未送达")
    lost = desk.page.get_by_role("row").filter(has_text="wechat_45015")
    expect(lost.get_by_role("link", name="查看会话")).to_have_attribute("href", f"#/conversations/{conversation_id}")
    lost.get_by_role("button", name="重试").click()
    expect(desk.page.get_by_text("已重新排入发送")).to_be_visible()
    expect(lost).to_have_count(0)
    incoming = desk.page.get_by_role("row").filter(has_text="处理超时")
    incoming.get_by_role("button", name="重试").click()
    expect(incoming).to_have_count(0)
    with sides.office.runtime.database.transaction() as session:
        assert session.scalars(select(InboxMessage.state)).one() == "pending"
        assert "failed" not in session.scalars(select(Delivery.state)).all()


def test_an_agent_undoes_the_binding_of_an_account(sides: Sides) -> None:
    on_wechat(sides.office)
    desk = sides.agent("A2001").desk
    desk.queue.get_by_role("link").filter(has_text="在吗").click()
    desk.packet.get_by_role("button", name="解除绑定").click()
    desk.confirm()
    expect(desk.page.get_by_text("已解除绑定", exact=True)).to_be_visible()
    with sides.office.runtime.database.transaction() as session:
        assert session.scalars(select(ChannelBinding.revoked_by)).one() == "A2001"
    desk.packet.get_by_role("button", name="解除绑定").click()
    desk.confirm()
    expect(desk.page.get_by_text("这个账号没有绑定客户。")).to_be_visible()
