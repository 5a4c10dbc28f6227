"""A customer on two devices: one conversation, in step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.fake_app import FakeApp
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser

Device = Callable[[str], Widget]


@pytest.fixture
def device(browser: Browser, url: str) -> Iterator[Device]:
    """Opens the chat as a customer ("" for a visitor), each time in a browser of its own: a phone, then desktops."""
    contexts: list[BrowserContext] = []

    def opened(customer_id: str) -> Widget:
        touch = not contexts
        context = browser.new_context(viewport=PHONE if touch else DESKTOP, is_mobile=touch, has_touch=touch, locale="zh-CN")
        context.set_default_timeout(15_000)
        contexts.append(context)
        page: Page = context.new_page()
        page.goto(url)
        widget = Widget(page)
        if customer_id:
            widget.log_in(customer_id)
        widget.open()
        return widget

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("sockets", [False, True], ids=["long poll", "socket"])
def test_what_was_begun_on_the_phone_goes_on_at_the_desk_and_both_stay_in_step(
    device: Device, fake: FakeApp, sockets: bool
) -> None:
    fake.sockets = sockets
    phone = device("C1002")
    phone.ask("我的账单")
    phone.human.click()
    expect(phone.banner).to_contain_text("当前第2位")
    desk = device("C1002")
    said = ["我的账单", "收到：我的账单", "转人工", "正在为您转人工，您排在第2位。"]
    desk.expect_texts(*said)
    expect(desk.banner).to_contain_text("当前第2位")
    expect(desk.human).to_have_text("排队中")
    fake.conversation.owner = "agent"
    fake.conversation.add("agent", text="您好，我是客服小周。")
    desk.say("在电脑上接着说")
    both = [*said, "您好，我是客服小周。", "在电脑上接着说"]
    for widget in (phone, desk):
        widget.expect_texts(*both)
        expect(widget.human).to_have_text("人工中")
    phone.say("回到手机上")
    for widget in (phone, desk):
        widget.expect_texts(*both, "回到手机上")
    assert len([found for found in fake.conversations.values() if found.messages]) == 1


def test_a_long_history_is_read_back_to_its_beginning_with_the_keyboard(device: Device, fake: FakeApp) -> None:
    phone = device("C1002")
    phone.ask("最早的一句")
    for number in range(3, 331):
        fake.conversation.add("bot", text=f"第{number}条")
    desk = device("C1002")
    expect(desk.messages).to_have_count(120)
    expect(desk.messages.last).to_contain_text("第330条")
    earlier = desk.log.get_by_role("button", name="查看更早的消息")
    status = desk.window.locator("p.hidden[role=status]")
    for count, first, told in ((200, 131, 80), (330, 1, 130)):
        top = desk.messages.first
        earlier.focus()
        seq = top.get_attribute("data-seq")
        before = top.bounding_box()
        earlier.press("Enter")
        expect(desk.messages).to_have_count(count)
        expect(status).to_have_text(f"上面多了{told}条更早的消息")
        expect(desk.messages.first).to_have_attribute("data-seq", str(first))
        after = desk.log.locator(f".message[data-seq='{seq}']").bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) < 60, "what was on the screen stays where it is"  # the button above it may go
    expect(desk.messages.first).to_contain_text("最早的一句")
    expect(desk.log.locator(".greeting")).to_have_count(1)
    expect(earlier).to_have_count(0)
    expect(desk.log).to_be_focused()
    expect(desk.log).to_have_attribute("aria-live", "polite")
    expect(desk.window.get_by_role("button", name="有新消息")).to_have_count(0)
    desk.ask("还在吗")
    expect(desk.messages).to_have_count(332)


def test_a_message_of_the_host_page_goes_into_the_conversation_that_is_there(device: Device, fake: FakeApp) -> None:
    phone = device("C1002")
    phone.ask("我的账单")
    desk = device("C1002")
    desk.page.get_by_role("button", name="关闭聊天窗口").click()
    desk.page.reload()
    desk.page.get_by_role("button", name="怎么提前还款？").click()
    desk.expect_texts("我的账单", "收到：我的账单", "怎么提前还款", "收到：怎么提前还款")


def test_nobody_else_sees_it(device: Device, fake: FakeApp) -> None:
    phone = device("C1002")
    phone.ask("我的账单")
    for somebody in ("C1001", ""):
        other = device(somebody)
        expect(other.button("怎么预约还款")).to_be_visible()
        other.expect_texts()
        other.ask("你好")
        other.expect_texts("你好", "收到：你好")
    phone.expect_texts("我的账单", "收到：我的账单")
