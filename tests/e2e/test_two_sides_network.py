"""A line that breaks on one side while the other goes on: everything arrives once, in order, and each page says how it stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.sides import Agent, Borrower, Side, Sides, sides, staffed_file, until

pytestmark = pytest.mark.browser

__all__ = ["sides", "staffed_file"]

CUT_MS = 30_000


def logs(borrower: Borrower, agent: Agent) -> tuple[list[str], list[str]]:
    """What each page shows, from top to bottom."""
    return borrower.widget.texts, agent.desk.log.locator(".message .bubble").all_inner_texts()


def expect_the_same_on_both_sides(borrower: Borrower, agent: Agent, *ending: str) -> None:
    """Both end with exactly these messages, also after both were loaded again."""
    shown = agent.desk.log.locator(".message .bubble")
    for loaded_again in (False, True):
        if loaded_again:
            borrower.page.reload()
            borrower.widget.open()
            agent.page.reload()
        expect(borrower.widget.messages.last).to_contain_text(ending[-1])
        expect(shown.last).to_contain_text(ending[-1])
        expect(agent.desk.log.get_by_text("等待发送")).to_have_count(0)
        expect(borrower.widget.log.get_by_text("等待发送")).to_have_count(0)
        first, second = logs(borrower, agent)
        assert first == second
        assert first[-len(ending) :] == list(ending)
        assert all(first.count(text) == 1 for text in ending)


def lose_network_knowingly(side: Side) -> None:
    side.lose_network()


def break_the_line_only(side: Side) -> None:
    """The device believes that it is connected: a router that died, a server that was moved."""
    side.cable.cut()


CUTS = [
    pytest.param(lose_network_knowingly, CUT_MS, id="30 seconds without a network"),
    pytest.param(break_the_line_only, 0, id="a broken line that the browser does not know of"),
]


@pytest.mark.parametrize(("lose", "for_ms"), CUTS)
def test_the_borrower_is_cut_off(sides: Sides, lose: Callable[[Side], None], for_ms: int) -> None:
    borrower, agent = sides.together("我先说一句")
    chat, desk = borrower.widget, agent.desk
    desk.reply("您好，请讲。")
    expect(chat.messages.last).to_contain_text("您好，请讲。")

    lose(borrower)
    expect(chat.banner).to_contain_text("网络已断开，正在重新连接。您发的消息会保存，联网后自动发出。")
    chat.say("断网时说的第一句")
    chat.say("断网时说的第二句")
    expect(chat.messages.last).to_contain_text("等待发送")
    desk.reply("我查到了。")
    desk.reply("费用会退给您。")
    expect(desk.message("agent", "费用会退给您。")).to_contain_text("已发送")
    borrower.page.wait_for_timeout(for_ms)
    expect(chat.log.get_by_text("费用会退给您。")).to_have_count(0)
    expect(desk.message("borrower", "断网时说的第一句")).to_have_count(0)

    borrower.find_network()
    expect(chat.banner).to_contain_text("网络已恢复")
    expect(chat.banner).to_contain_text("人工客服正在和您对话")
    expect(desk.message("agent", "费用会退给您。")).to_contain_text("已读")
    expect_the_same_on_both_sides(
        borrower, agent, "您好，请讲。", "我查到了。", "费用会退给您。", "断网时说的第一句", "断网时说的第二句"
    )


@pytest.mark.parametrize(("lose", "for_ms"), CUTS)
def test_the_agent_is_cut_off(sides: Sides, lose: Callable[[Side], None], for_ms: int) -> None:
    borrower, agent = sides.together("我先说一句")
    chat, desk = borrower.widget, agent.desk

    lose(agent)
    expect(agent.page.get_by_role("status").filter(has_text="连接中断，正在重连")).to_be_visible()
    desk.reply("断网时写的第一条")
    desk.reply("断网时写的第二条")
    expect(desk.message("agent", "断网时写的第二条")).to_contain_text("等待发送，会自动重试")
    chat.say("客服还在吗")
    chat.say("我等一下")
    expect(chat.messages.last).to_contain_text("我等一下")
    chat.wait_until_idle()
    agent.page.wait_for_timeout(for_ms)
    expect(desk.message("borrower", "我等一下")).to_have_count(0)
    expect(chat.log.get_by_text("断网时写的第一条")).to_have_count(0)

    agent.find_network()
    expect(agent.page.get_by_role("alert").filter(has_text="连接已恢复")).to_be_visible()
    expect(agent.page.get_by_role("status").filter(has_text="连接中断")).to_have_count(0)
    expect(chat.messages.last).to_contain_text("断网时写的第二条")
    expect_the_same_on_both_sides(borrower, agent, "客服还在吗", "我等一下", "断网时写的第一条", "断网时写的第二条")


def test_what_the_agent_had_not_got_through_is_sent_after_the_page_was_loaded_again(sides: Sides) -> None:
    borrower, agent = sides.together("我先说一句")
    agent.page.route("**/reply", lambda route: route.abort("connectionreset"))
    agent.desk.reply("还没有发出去")
    agent.desk.reply_box.fill("还在写的")
    expect(agent.desk.message("agent", "还没有发出去")).to_contain_text("等待发送")
    agent.page.unroute("**/reply")
    agent.page.goto(f"{agent.cable.url}/desk#/search")  # another view: the conversation need not be open for it
    agent.page.reload()
    expect(borrower.widget.messages.last).to_contain_text("还没有发出去")
    agent.page.go_back()
    expect(agent.desk.reply_box).to_have_value("还在写的")
    expect(agent.desk.message("agent", "还没有发出去")).to_have_count(1)
    expect(borrower.widget.log.get_by_text("还没有发出去")).to_have_count(1)


def test_a_reply_whose_answer_was_lost_is_stored_and_shown_once(sides: Sides) -> None:
    borrower, agent = sides.together("我先说一句")
    tries: list[str] = []

    def lose_the_answer(route: Route) -> None:
        tries.append(route.request.post_data or "")
        if len(tries) == 1:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    agent.page.route("**/reply", lose_the_answer)
    agent.desk.reply("只说一次")
    expect(borrower.widget.messages.last).to_contain_text("只说一次")
    until(agent.page, lambda: len(tries) == 2)
    assert tries[0] == tries[1]
    expect_the_same_on_both_sides(borrower, agent, "只说一次")
