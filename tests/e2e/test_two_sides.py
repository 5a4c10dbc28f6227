"""A borrower at the widget and agents at the desk at once: who has the conversation, and what each side is told of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import select

from bot.conversations.models import Message
from bot.conversations.repository import ConversationRepository
from tests.e2e.sides import Agent, Sides, sides, staffed_file, until

pytestmark = pytest.mark.browser

__all__ = ["sides", "staffed_file"]


def test_a_conversation_goes_from_the_bot_to_a_person_and_another_and_back(sides: Sides) -> None:
    borrower = sides.borrower()
    chat = borrower.widget
    chat.ask("怎么提前还款")
    expect(chat.messages.last).to_have_attribute("data-author", "bot")
    chat.human.click()
    expect(chat.banner).to_contain_text("正在排队等人工客服，当前第1位")

    lin = sides.agent("A2001").desk
    lin.waiting("转人工").click()
    expect(lin.page.get_by_text("等待接入")).to_be_visible()
    lin.claim()
    expect(chat.banner).to_contain_text("人工客服正在和您对话，自动助手已暂停")
    expect(chat.log.get_by_text("人工客服小林来了，接下来由小林为您服务")).to_have_count(1)
    lin.reply("您好，请说。")
    expect(chat.log.get_by_text("您好，请说。")).to_have_count(1)
    chat.say("怎么提前还款")
    expect(lin.message("borrower", "怎么提前还款")).to_have_count(2)
    expect(chat.log.locator("[data-receipt]").last).to_have_text("客服已读")
    expect(chat.messages.last, "the bot does not answer meanwhile").to_contain_text("怎么提前还款")

    lin.page.get_by_role("button", name="转接", exact=True).click()
    dialog = lin.page.get_by_role("dialog")
    dialog.get_by_role("radio", name="小何").check()
    dialog.get_by_role("button", name="转接", exact=True).click()
    expect(chat.log.get_by_text("正在为您转接，会有同事接着处理，您现在排在第1位")).to_have_count(1)
    expect(chat.human).to_have_text("排队中")
    he = sides.agent("A2002").desk
    expect(he.waiting("怎么提前还款")).to_contain_text("转给您")
    he.waiting("怎么提前还款").click()
    he.claim()
    expect(chat.log.get_by_text("人工客服小何来了，接下来由小何为您服务")).to_have_count(1)
    he.reply("我是小何，可以在首页的去还款里提前还。")
    expect(chat.messages.last).to_contain_text("我是小何")

    he.page.get_by_role("button", name="交还机器人").click()
    he.confirm()
    expect(chat.log.get_by_text("人工服务先到这里，现在由我（自动客服）接着帮您")).to_have_count(1)
    expect(chat.human).to_have_text("转人工")
    expect(he.page.get_by_text("从左侧选择一个会话")).to_be_visible()
    chat.ask("为什么要查征信")
    expect(chat.log.locator(".message[data-author=bot]").filter(has_text="授权").first).to_be_visible()
    expect(chat.banner).to_be_empty()


def test_of_two_agents_who_press_claim_together_one_has_it_and_the_other_reads_who(sides: Sides) -> None:
    chat = sides.borrower().widget
    chat.ask("转人工")
    agents = {"小林（A2001）": sides.agent("A2001"), "小何（A2002）": sides.agent("A2002")}
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    for each in agents.values():
        each.page.route("**/claim", hold)
        each.desk.waiting("转人工").click()
    for each in agents.values():
        each.page.get_by_role("button", name="接入", exact=True).click()
    until(agents["小林（A2001）"].page, lambda: len(held) == len(agents))
    for route in held:
        route.continue_()

    owners: list[tuple[str, Agent]] = []
    others: list[tuple[str, Agent]] = []
    for name, each in agents.items():
        box = each.page.locator("textarea[aria-label=回复客户]:enabled")
        refused = each.desk.log.get_by_role("alert")
        expect(box.or_(refused)).to_be_visible()
        (owners if box.is_visible() else others).append((name, each))
    [(owner, winner)], [(_, loser)] = owners, others
    expect(loser.desk.log.get_by_role("alert")).to_have_text(f"{owner}已经接入这个会话。")
    expect(loser.desk.queue.locator("a")).to_have_count(0)
    expect(loser.page.get_by_role("button", name="接入", exact=True)).to_have_count(0)
    winner.desk.reply("您好，我来了。")
    expect(chat.messages.last).to_contain_text("您好，我来了。")
    expect(chat.log.get_by_text(re.compile("人工客服.+来了"))).to_have_count(1)


def test_a_refresh_on_either_side_loses_nothing_and_doubles_nothing(sides: Sides) -> None:
    borrower, agent = sides.together("我想问一下费用")
    chat, desk = borrower.widget, agent.desk
    desk.reply("您好，请讲。")
    expect(chat.messages.last).to_contain_text("您好，请讲。")
    before = chat.texts
    borrower.page.reload()
    chat.open()
    chat.expect_texts(*before)
    expect(chat.banner).to_contain_text("人工客服正在和您对话")
    chat.say("刷新之后也能说")
    expect(desk.message("borrower", "刷新之后也能说")).to_have_count(1)

    desk.reply_box.fill("这是写到一半的回复")
    agent.page.reload()
    expect(desk.reply_box).to_have_value("这是写到一半的回复")
    expect(desk.reply_box).to_be_enabled()
    expect(desk.log.locator(".message[data-author=agent]")).to_have_count(1)
    expect(desk.message("borrower", "刷新之后也能说")).to_have_count(1)
    desk.reply_box.press("Enter")
    expect(chat.messages.last).to_contain_text("这是写到一半的回复")
    chat.expect_texts(*before, "刷新之后也能说", "这是写到一半的回复")
    agent.page.reload()
    expect(desk.log.locator(".message[data-author=agent]")).to_have_count(2)
    expect(desk.reply_box).to_have_value("")


def test_a_long_history_is_read_back_to_its_beginning_on_both_sides(sides: Sides) -> None:
    borrower = sides.borrower()
    borrower.widget.ask("怎么提前还款")
    with sides.office.runtime.database.transaction() as session:
        book = ConversationRepository(session)
        conversation = session.scalars(select(Message)).first()
        assert conversation is not None
        rows = [{"direction": "out", "author": "system", "text": f"第{n}条", "state": "sent"} for n in range(450)]
        book.append_all(conversation.conversation_id, sides.office.clock.now(), rows)
    borrower.widget.human.click()
    lin = sides.agent("A2001").desk
    lin.waiting("转人工").click()
    lin.claim()
    earlier, status = lin.log.get_by_role("button", name="查看更早的消息"), lin.page.get_by_role("status").filter(has_text="更早")
    expect(lin.log.locator(".message[data-seq='1']")).to_have_count(0)
    for _ in range(2):
        seq = lin.log.locator(".message").first.get_attribute("data-seq")
        earlier.scroll_into_view_if_needed()  # the keyboard is on it already the second time, and focus alone scrolls nothing
        earlier.focus()
        earlier.press("Enter")
        expect(status).to_contain_text("上面多了")
        expect(lin.log.locator(f".message[data-seq='{seq}']"), "what was on the screen stays there").to_be_in_viewport()
    expect(lin.log.locator(".message").first).to_contain_text("怎么提前还款")
    expect(earlier).to_have_count(0)
    expect(lin.log).to_be_focused()
    lin.reply("您好，请说。")
    expect(borrower.widget.messages.last).to_contain_text("您好，请说。")

    borrower.page.reload()
    borrower.widget.open()
    button = borrower.widget.button("查看更早的消息")
    while button.count() > 0:
        before = borrower.widget.messages.count()
        button.press("Enter")
        expect(borrower.widget.messages).not_to_have_count(before)
    expect(borrower.widget.messages.first).to_contain_text("怎么提前还款")
    expect(borrower.widget.log).to_be_focused()
