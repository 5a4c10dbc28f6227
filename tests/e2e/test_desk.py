"""The desk against the really running stack, with a borrower in a second browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import DESKTOP, WIDGET
from tests.e2e.desk import Desk
from tests.e2e.widget import Widget
from tests.live import LiveApp

pytestmark = [pytest.mark.browser, pytest.mark.processes]

Opener = Callable[..., Page]
PRESENT = 15_000


@pytest.fixture
def opened(browser: Browser, dist: Path, desk_dist: Path) -> Iterator[Opener]:
    """Opens pages in browsers of their own. What a script throws, and what the page's policy refuses, fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def new_page(scheme: Literal["light", "dark"] = "light") -> Page:
        context = browser.new_context(
            viewport=DESKTOP, locale="zh-CN", timezone_id="America/New_York", color_scheme=scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(PRESENT)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
        contexts.append(context)
        return context.new_page()

    expect.set_options(timeout=PRESENT)
    yield new_page
    expect.set_options(timeout=5_000)
    for context in contexts:
        context.close()
    assert problems == []


def borrower_who_waits(page: Page, app: LiveApp, last_words: str) -> Widget:
    page.goto(app.url)
    widget = Widget(page)
    widget.open()
    widget.ask("转人工")
    widget.say(last_words)
    return widget


def test_an_agent_claims_a_waiting_borrower_replies_and_gives_them_back(opened: Opener, live_app: LiveApp) -> None:
    borrower = borrower_who_waits(opened(), live_app, "我的钱去哪里了啊")
    desk = Desk(opened())
    desk.open(live_app.url, "A2001")
    desk.waiting("我的钱去哪里了啊").click()
    desk.claim()
    desk.reply("您好，我来帮您查。")
    expect(borrower.log.get_by_text("您好，我来帮您查。")).to_be_visible()
    expect(desk.message("agent", "您好，我来帮您查。")).to_have_count(1)
    expect(desk.message("agent", "您好，我来帮您查。")).to_contain_text("已")  # 已发送, 已送达 or 已读

    borrower.say("谢谢，等您消息")
    expect(desk.message("borrower", "谢谢，等您消息")).to_be_visible()

    desk.page.get_by_role("button", name="交还机器人").click()
    desk.confirm()
    expect(desk.page.get_by_text("从左侧选择一个会话")).to_be_visible()
    expect(desk.queue.get_by_text("谢谢，等您消息")).to_have_count(0)
    expect(borrower.human).to_have_text("转人工")


def test_a_session_that_ends_keeps_what_was_typed_and_sends_it_after_the_login(opened: Opener, live_app: LiveApp) -> None:
    borrower = borrower_who_waits(opened(), live_app, "在吗在吗在吗")
    desk = Desk(opened())
    desk.open(live_app.url, "A2002")
    desk.waiting("在吗在吗在吗").click()
    desk.claim()
    desk.page.context.clear_cookies()
    desk.reply("我在，请讲。")
    expect(desk.page.get_by_role("dialog", name="登录坐席台")).to_be_visible()
    desk.log_in("A2002", "wrong")
    expect(desk.page.get_by_role("alert").filter(has_text="工号或密码不对")).to_be_visible()
    desk.log_in("A2002")
    expect(borrower.log.get_by_text("我在，请讲。")).to_be_visible()
    expect(desk.message("agent", "我在，请讲。")).to_have_count(1)


def test_what_is_being_typed_when_the_session_ends_does_not_land_in_the_password_field(opened: Opener, live_app: LiveApp) -> None:
    borrower = borrower_who_waits(opened(), live_app, "有没有人理我")
    desk = Desk(opened())
    desk.open(live_app.url, "A2003")
    desk.waiting("有没有人理我").click()
    desk.claim()
    written = "您好，我是小许，您的情况我看到了。" * 3
    desk.reply_box.press_sequentially(written[:10])
    desk.page.context.clear_cookies()
    borrower.say("喂")  # the page asks what is new, and is told that nobody is logged in
    sheet = desk.page.get_by_role("dialog", name="登录坐席台")
    for character in written[10:]:
        desk.page.keyboard.insert_text(character)
        desk.page.wait_for_timeout(100)
    expect(sheet).to_be_visible()
    expect(desk.reply_box).to_have_value(written)
    expect(sheet.get_by_label("密码")).to_be_focused()
    desk.log_in("A2003")
    expect(sheet).to_be_hidden()
    desk.reply_box.press("Enter")
    expect(borrower.log.get_by_text(written)).to_be_visible()


def test_a_misunderstood_message_is_marked_by_one_and_accepted_by_another(opened: Opener, live_app: LiveApp) -> None:
    borrower_who_waits(opened(), live_app, "额度怎么突然变少了")
    desk = Desk(opened())
    desk.open(live_app.url, "S2101")
    desk.waiting("额度怎么突然变少了").click()
    desk.claim()
    message = desk.message("borrower", "额度怎么突然变少了")
    message.hover()
    message.get_by_role("button", name="机器人理解错了").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_placeholder("搜索意图").fill("额度")
    dialog.get_by_role("radio").first.check()
    dialog.get_by_role("button", name="提交纠正").click()
    desk.view("纠正")
    own = desk.page.get_by_role("listitem").filter(has_text="额度怎么突然变少了")
    expect(own).to_contain_text("需另一人复核")

    second = Desk(opened())
    second.open(live_app.url, "S2102")
    second.view("纠正")
    theirs = second.page.get_by_role("listitem").filter(has_text="额度怎么突然变少了")
    theirs.get_by_role("button", name="采纳").click()
    expect(theirs).to_have_count(0)


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody from working."""
    page.evaluate((WIDGET / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    grave = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {json.dumps([node['target'] for node in each['nodes']])}" for each in grave]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_accessibility_finding(opened: Opener, live_app: LiveApp, scheme: Literal["light", "dark"]) -> None:
    chat = live_app.chat("C1001")
    chat.say("系统扣款失败害我逾期，凭什么收我利息")
    chat.say("转人工")
    page = opened(scheme)
    desk = Desk(page)
    page.goto(f"{live_app.url}/desk")
    expect(desk.login).to_be_visible()
    assert serious(page) == [], "login"
    desk.open(live_app.url, "S2101")
    desk.queue.locator("a").filter(has_text="C1001").first.press("Enter")  # the list may move under a pointer
    expect(desk.packet).to_contain_text("郭海")
    assert serious(page) == [], "conversations"
    desk.view("案件")
    page.get_by_role("region", name="案件", exact=True).get_by_role("link").filter(has_text="C1001").first.click()
    expect(page.get_by_role("heading", name="经过")).to_be_visible()
    assert serious(page) == [], "cases"
    desk.view("看板")
    expect(page.get_by_role("heading", name="客服明细")).to_be_visible()
    assert serious(page) == [], "board"
