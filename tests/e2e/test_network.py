"""Bad networks and bad servers: nothing is lost, nothing is said twice."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.cable import Cable
from tests.e2e.fake_app import FakeApp, Fault
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("fault", ["slow", "error", "drop", "drop after"])
def test_a_message_arrives_once_whatever_goes_wrong_with_its_sending(chat: Widget, fake: FakeApp, fault: Fault) -> None:
    chat.ask("你好")
    fake.faults.append(fault)
    chat.say("我要还款")
    chat.expect_texts("你好", "收到：你好", "我要还款", "收到：我要还款")
    assert [m["author"] for m in fake.conversation.messages] == ["borrower", "bot", "borrower", "bot"]
    chat.wait_until_idle()
    sent = [m["metadata"]["message_id"] for m in fake.received if m["message"] == "我要还款"]
    assert len(sent) == (1 if fault == "slow" else 2)
    assert len(set(sent)) == 1
    chat.expect_texts("你好", "收到：你好", "我要还款", "收到：我要还款")


def test_while_the_answer_is_awaited_the_assistant_is_seen_typing(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    fake.faults.append("slow")
    chat.say("慢慢想")
    expect(chat.typing).to_be_visible()
    expect(chat.messages.last).to_contain_text("慢慢想")
    expect(chat.messages.last).to_contain_text("收到：慢慢想")
    expect(chat.typing).to_have_count(0)


def test_a_log_that_comes_twice_is_shown_once(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    fake.poll_faults.extend(["duplicate"] * 6)
    chat.say("再来")
    chat.expect_texts("你好", "收到：你好", "再来", "收到：再来")


def test_the_same_sentence_said_twice_is_two_messages(chat: Widget) -> None:
    chat.ask("好的")
    chat.ask("好的")
    chat.expect_texts("好的", "收到：好的", "好的", "收到：好的")


def test_what_is_written_offline_is_seen_kept_over_a_reload_and_sent_when_the_network_is_back(
    chat: Widget, context: BrowserContext, fake: FakeApp
) -> None:
    chat.ask("你好")
    context.set_offline(True)
    expect(chat.banner).to_contain_text("网络已断开")
    chat.say("离线一")
    chat.say("离线二")
    chat.expect_texts("你好", "收到：你好", "离线一", "离线二")
    expect(chat.messages.last).to_contain_text("等待发送")
    assert fake.texts_received == ["你好"]
    context.set_offline(False)
    chat.expect_texts("你好", "收到：你好", "离线一", "收到：离线一", "离线二", "收到：离线二")
    expect(chat.banner).to_be_empty(timeout=15_000)  # "网络已恢复" stays for a moment


def test_unsent_messages_survive_closing_the_page(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    fake.down = True
    chat.say("没发出去的")
    expect(chat.banner).to_contain_text("网络已断开")
    chat.page.reload()
    chat.open()
    chat.expect_texts("没发出去的")
    fake.down = False
    chat.page.evaluate("dispatchEvent(new Event('online'))")
    chat.expect_texts("你好", "收到：你好", "没发出去的", "收到：没发出去的")
    assert fake.texts_received.count("没发出去的") == 1


def test_the_connection_comes_back_by_itself_and_brings_what_was_missed(chat: Widget, fake: FakeApp) -> None:
    chat.human.click()
    expect(chat.human).to_have_text("排队中")
    fake.down = True
    expect(chat.banner).to_contain_text("网络已断开")
    fake.conversation.owner = "agent"
    fake.conversation.add("agent", text="断网时说的话")
    fake.down = False
    expect(chat.log).to_contain_text("断网时说的话")
    expect(chat.banner).to_contain_text("人工客服正在和您对话")


def test_a_line_that_died_without_a_word_is_noticed_and_what_was_missed_comes(page: Page, fake: FakeApp, url: str) -> None:
    fake.sockets = True
    page.clock.install()
    with Cable(urlsplit(url).port or 0).laid() as cable:
        page.goto(cable.url)
        chat = Widget(page)
        chat.open()
        chat.ask("你好")
        fake.conversation.owner = "agent"
        expect(chat.banner).to_contain_text("人工客服正在和您对话")
        hellos = len(fake.hellos)
        cable.lose()
        fake.conversation.add("agent", text="您那边收到了吗？")
        page.clock.run_for(60_000)
        chat.expect_texts("你好", "收到：你好")
        page.clock.run_for(16_000)  # 75 s of silence: the socket is hung up
        page.clock.run_for(30_000)  # a kept HTTP connection may be as dead; its request ends after 20 s
        chat.expect_texts("你好", "收到：你好", "您那边收到了吗？")
        for _ in range(60):  # the page's clock stands still between the steps, the network does not
            if len(fake.hellos) > hellos:
                break
            page.clock.run_for(1_000)
            page.wait_for_timeout(100)
        expect(chat.banner).to_contain_text("人工客服正在和您对话")
        fake.conversation.add("agent", text="这次是从连接里来的")
        chat.expect_texts("你好", "收到：你好", "您那边收到了吗？", "这次是从连接里来的")
        assert {hello["after"] for hello in fake.hellos[hellos:]} == {3}


def test_errors_of_the_server_are_said_and_pass(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    fake.poll_faults.extend(["error", "error"])
    fake.faults.append("error")
    chat.say("在吗")
    expect(chat.banner).to_contain_text("连接不太稳定")
    chat.expect_texts("你好", "收到：你好", "在吗", "收到：在吗")
    expect(chat.banner).to_be_empty(timeout=15_000)  # "网络已恢复" stays for a moment


def test_what_was_written_after_a_refused_message_waits_for_the_borrower(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    fake.faults.append("too long")
    chat.say("很长很长的话")
    chat.say("确认")
    refused, waiting = chat.messages.nth(2), chat.messages.nth(3)
    expect(refused.get_by_role("alert")).to_have_text("内容太长，没有发出去")
    expect(waiting).to_contain_text("等上一条发出或删除后再发")
    assert fake.texts_received == ["你好", "很长很长的话"]
    refused.get_by_role("button", name="删除").press("Enter")
    expect(chat.input).to_be_focused()
    chat.expect_texts("你好", "收到：你好", "确认", "收到：确认")


def test_a_message_that_the_server_keeps_failing_on_can_be_taken_back(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    fake.faults.extend(["error"] * 9)
    chat.say("倒霉的一句")
    expect(chat.messages.last).to_contain_text("等待发送")
    chat.say("转人工")
    chat.button("删除").click()
    fake.faults.clear()
    chat.expect_texts("你好", "收到：你好", "转人工", "正在为您转人工，您排在第2位。")


def test_a_second_tab_sees_the_same_conversation(chat: Widget, context: BrowserContext, url: str) -> None:
    chat.ask("第一个窗口说的")
    page = context.new_page()
    page.goto(url)
    other = Widget(page)
    other.open()
    other.expect_texts("第一个窗口说的", "收到：第一个窗口说的")
    other.ask("第二个窗口说的")
    chat.expect_texts("第一个窗口说的", "收到：第一个窗口说的", "第二个窗口说的", "收到：第二个窗口说的")


def test_a_new_visitor_begins_when_the_old_one_has_expired(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    (sender, _), *_ = fake.conversations
    fake.expired.add(f"visitor {sender}")
    chat.say("还在吗")
    chat.expect_texts("还在吗", "收到：还在吗")
    assert len(fake.conversations) == 2
