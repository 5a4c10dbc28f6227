"""Around the talking itself: files, receipts, ratings, what tells of new messages, the socket, the layout at rest."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.e2e.conftest import WIDGET
from tests.e2e.fake_app import FakeApp
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser

AXE = WIDGET / "node_modules" / "axe-core" / "axe.min.js"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")
PICTURE = FilePayload(name="截图.png", mimeType="image/png", buffer=PIXEL)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
HIDE = """hidden => {
  Object.defineProperty(document, "visibilityState", {configurable: true, get: () => hidden ? "hidden" : "visible"});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def with_agent(chat: Widget, fake: FakeApp) -> None:
    chat.ask("转人工")
    fake.conversation.owner = "agent"
    fake.conversation.add("agent", text="您好，我是客服")
    expect(chat.messages.last).to_contain_text("您好，我是客服")


def ask_for_rating(fake: FakeApp) -> None:
    fake.conversation.owner = "bot"
    fake.conversation.add("system", text="请评价", custom={"type": "rating", "handoff_id": 7, "score": None})


def attach(chat: Widget, *files: FilePayload) -> None:
    with chat.page.expect_file_chooser() as chooser:
        chat.page.get_by_role("button", name="上传图片或PDF").click()
    chooser.value.set_files(list(files))


def test_a_picture_is_sent_and_can_be_looked_at_also_after_a_reload(chat: Widget, fake: FakeApp) -> None:
    attach(chat, PICTURE)
    expect(chat.messages.last).to_contain_text("图片 · 1 KB")
    expect(chat.log.locator("[data-upload]")).to_have_count(0)
    assert fake.uploads == [PIXEL]
    chat.page.reload()
    chat.open()
    chat.button("查看").click()
    expect(chat.log.get_by_role("img", name="图片")).to_be_visible()


def test_a_file_that_cannot_be_taken_is_refused_in_words_before_it_is_sent(chat: Widget, fake: FakeApp) -> None:
    attach(chat, FilePayload(name="页面.html", mimeType="text/html", buffer=b"<b>x</b>"))
    expect(chat.log.get_by_role("alert")).to_contain_text("只能上传 JPG、PNG、WebP 图片或 PDF")
    expect(chat.button("重新发送")).to_have_count(0)
    assert fake.uploads == []
    chat.button("删除").click()
    expect(chat.log.locator("[data-upload]")).to_have_count(0)


def test_a_refused_file_says_why_and_can_be_sent_again(chat: Widget, fake: FakeApp) -> None:
    fake.upload_faults.append((400, "attachment_unreadable"))
    attach(chat, PICTURE)
    expect(chat.log.get_by_role("alert")).to_contain_text("这个文件打不开")
    chat.button("重新发送").click()
    expect(chat.messages.last).to_contain_text("图片 · 1 KB")
    assert len(fake.uploads) == 2


def test_an_upload_can_be_cancelled(chat: Widget, fake: FakeApp) -> None:
    fake.upload_seconds = 3
    attach(chat, PICTURE)
    expect(chat.log.locator("[data-upload=sending]")).to_contain_text("截图.png")
    chat.button("取消").click()
    expect(chat.log.locator("[data-upload]")).to_have_count(0)


def test_what_the_human_has_read_is_marked(chat: Widget, fake: FakeApp) -> None:
    with_agent(chat, fake)
    chat.say("在吗")
    receipt = chat.log.locator("[data-receipt]").last
    expect(receipt).to_have_text("已送达")
    fake.conversation.agent_read_seq = len(fake.conversation.messages)
    fake.conversation.add("agent", text="在的")
    expect(receipt).to_have_text("客服已读")


def test_a_rating_is_sent_with_its_comment_thanked_for_and_stays_after_a_reload(chat: Widget, fake: FakeApp) -> None:
    with_agent(chat, fake)
    ask_for_rating(fake)
    card = chat.card("rating")
    card.get_by_role("radio", name="4星").check()
    card.get_by_role("textbox").fill("很耐心")
    card.get_by_role("button", name="提交评价").click()
    expect(card).to_contain_text("谢谢您的评价（4星）")
    assert [(r["handoff_id"], r["score"], r["comment"]) for r in fake.ratings] == [(7, 4, "很耐心")]
    chat.page.reload()
    chat.open()
    expect(card).to_contain_text("谢谢您的评价（4星）")
    expect(card.get_by_role("radio")).to_have_count(0)


def test_new_messages_are_counted_on_the_button_and_in_the_title_of_a_hidden_page(chat: Widget, fake: FakeApp) -> None:
    with_agent(chat, fake)
    title = chat.page.title()
    chat.page.get_by_role("button", name="关闭聊天窗口").click()
    chat.page.evaluate(HIDE, True)
    fake.conversation.add("agent", text="还在吗")
    fake.conversation.add("agent", text="我先看一下您的账单")
    expect(chat.page.locator(".unread")).to_contain_text("2条新消息")
    expect(chat.page).to_have_title(f"（2条新消息）{title}")
    chat.page.evaluate(HIDE, False)
    expect(chat.page).to_have_title(title)
    chat.open()
    expect(chat.page.locator(".unread")).to_have_count(0)


def test_the_sound_is_off_until_it_is_switched_on_and_that_is_remembered(chat: Widget) -> None:
    chat.page.get_by_role("button", name="打开提示音").click()
    chat.page.reload()
    chat.open()
    expect(chat.page.get_by_role("button", name="关闭提示音")).to_be_visible()


def test_over_the_socket_a_cut_loses_nothing_and_a_refresh_in_mid_conversation_goes_on(chat: Widget, fake: FakeApp) -> None:
    fake.sockets = True
    with_agent(chat, fake)
    deadline = time.monotonic() + 8
    while not fake.hellos and time.monotonic() < deadline:
        chat.page.wait_for_timeout(50)
    fake.conversation.add("agent", text="一")
    expect(chat.messages.last).to_contain_text("一")
    fake.down = True
    fake.conversation.add("agent", text="二")
    chat.say("断网时说的")
    expect(chat.banner).to_contain_text("网络已断开")
    fake.down = False
    said = ["转人工", "正在为您转人工，您排在第2位。", "您好，我是客服", "一", "二", "断网时说的"]
    chat.expect_texts(*said)
    held = len(fake.hellos)
    chat.page.reload()
    chat.open()
    chat.expect_texts(*said)
    while len(fake.hellos) == held and time.monotonic() < deadline + 20:
        chat.page.wait_for_timeout(50)
    assert fake.hellos[-1]["after"] == len(fake.conversation.messages)


def serious(page: Page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations.filter(v => ['serious', 'critical'].includes(v.impact))")
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_serious_is_found_by_axe(
    browser: Browser, url: str, fake: FakeApp, scheme: str, width: int, tmp_path: Path
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True
    )
    page = context.new_page()
    page.goto(url)
    chat = Widget(page)
    chat.open()
    with_agent(chat, fake)
    fake.upload_faults.append((400, "attachment_unsafe"))
    attach(chat, PICTURE)
    expect(chat.log.get_by_role("alert").first).to_be_visible()
    ask_for_rating(fake)
    expect(chat.card("rating")).to_be_visible()
    page.screenshot(path=tmp_path / f"{width}-{scheme}.png")
    assert serious(page) == []
    context.close()


def test_the_page_does_not_move_under_the_widget(browser: Browser, url: str, fake: FakeApp) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput)"
        " window.shift += e.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page = context.new_page()
    page.goto(url)
    chat = Widget(page)
    chat.open()
    chat.ask("你好")
    with_agent(chat, fake)
    page.wait_for_timeout(300)
    shift = page.evaluate("window.shift")
    context.close()
    assert shift < 0.05
