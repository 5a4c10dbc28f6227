"""The demo page in a real browser: asking, history, buttons, people, logins, codes."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.cards import LOGIN, STEP_UP
from tests.e2e.fake_app import FakeApp
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser

HTML = '<img src=x onerror="window.broken=1"><b>粗</b><script>window.broken=1</script>'


def test_the_greeting_says_that_it_is_automatic_and_that_a_human_is_one_step_away(chat: Widget) -> None:
    expect(chat.log).to_contain_text("自动助手")
    expect(chat.log).to_contain_text("转人工")


def test_a_question_of_the_demo_page_opens_the_chat_and_is_answered(widget: Widget) -> None:
    widget.page.get_by_role("button", name="怎么提前还款？").click()
    expect(widget.window).to_be_visible()
    widget.expect_texts("怎么提前还款", "收到：怎么提前还款")


def test_a_suggested_question_is_asked_when_pressed_and_the_suggestions_go(chat: Widget) -> None:
    chat.button("为什么要查征信").click()
    chat.expect_texts("为什么要查征信", "收到：为什么要查征信")
    expect(chat.button("怎么预约还款")).to_have_count(0)


def test_nothing_is_asked_of_the_server_before_the_first_message(chat: Widget, fake: FakeApp) -> None:
    chat.page.wait_for_timeout(300)
    assert fake.polls == 0
    assert fake.conversations == {}


def test_the_history_is_there_after_a_reload(chat: Widget) -> None:
    chat.ask("第一个问题")
    chat.ask("第二个问题")
    chat.page.reload()
    chat.open()
    chat.expect_texts("第一个问题", "收到：第一个问题", "第二个问题", "收到：第二个问题")


def test_what_was_typed_and_not_sent_is_there_after_a_reload_until_it_is_sent(chat: Widget) -> None:
    chat.input.fill("写到一半的问题\n第二行")
    chat.page.reload()
    chat.open()
    expect(chat.input).to_have_value("写到一半的问题\n第二行")
    box = chat.input.bounding_box()
    assert box is not None
    assert box["height"] > 50, "both lines can be read"
    chat.input.press("Enter")
    expect(chat.input).to_have_value("")
    chat.page.reload()
    chat.open()
    expect(chat.input).to_have_value("")


def test_a_draft_goes_along_at_login_and_is_left_to_nobody_at_logout(chat: Widget) -> None:
    chat.input.fill("登录前写的")
    chat.log_in("C1001")
    expect(chat.input).to_have_value("登录前写的")
    chat.page.get_by_label("演示登录").select_option("")
    expect(chat.input).to_have_value("")
    assert chat.page.evaluate("JSON.stringify(sessionStorage)").count("登录前写的") == 0


def test_a_code_in_the_field_is_never_written_down(chat: Widget, fake: FakeApp) -> None:
    fake.answers["预约还款"] = [{"text": STEP_UP.text, "custom": STEP_UP.card}]
    chat.ask("预约还款")
    chat.input.press_sequentially("12345")
    assert "12345" not in chat.page.evaluate("JSON.stringify(sessionStorage)")
    chat.input.press_sequentially("6")
    chat.page.reload()
    chat.open()
    expect(chat.input).to_have_value("")


def test_a_long_history_is_shown_from_its_end_and_the_rest_on_demand(chat: Widget, fake: FakeApp) -> None:
    chat.ask("你好")
    for number in range(180):
        fake.conversation.add("bot", text=f"第{number}条")
    chat.page.reload()
    chat.open()
    expect(chat.messages).to_have_count(120)
    expect(chat.log.get_by_text("第179条")).to_be_in_viewport()
    chat.page.get_by_role("button", name="查看更早的消息").click()
    expect(chat.messages).to_have_count(182)
    expect(chat.log.get_by_text("第62条")).to_be_in_viewport()


def test_a_button_sends_its_payload_and_shows_its_title_also_after_a_reload(chat: Widget, fake: FakeApp) -> None:
    fake.answers["怎么还"] = [{"text": "怎么还好？", "buttons": [{"title": "按金额还", "payload": '/early{"by":"amount"}'}]}]
    chat.ask("怎么还")
    chat.button("按金额还").click()
    chat.expect_texts("怎么还", "怎么还好？", "按金额还", '收到：/early{"by":"amount"}')
    assert fake.texts_received == ["怎么还", '/early{"by":"amount"}']
    chat.page.reload()
    chat.open()
    chat.expect_texts("怎么还", "怎么还好？", "按金额还", '收到：/early{"by":"amount"}')


def test_only_the_latest_buttons_can_be_pressed(chat: Widget, fake: FakeApp) -> None:
    fake.answers["一"] = [{"text": "甲", "buttons": [{"title": "旧的", "payload": "/old"}]}]
    fake.answers["二"] = [{"text": "乙", "buttons": [{"title": "新的", "payload": "/new"}]}, {"text": "补充一句"}]
    chat.ask("一")
    expect(chat.button("旧的")).to_be_visible()
    chat.ask("二")
    expect(chat.button("旧的")).to_have_count(0)
    expect(chat.button("新的")).to_be_visible()


def test_candidate_meanings_stand_under_each_other(chat: Widget, fake: FakeApp) -> None:
    names = ["提前还款", "预约还款", "都不是"]
    fake.answers["那个还款"] = [
        {
            "text": "您是想问下面哪一个？",
            "custom": {"type": "options", "intents": ["ask_early_repayment", "schedule_repayment"]},
            "buttons": [{"title": name, "payload": f"/{number}"} for number, name in enumerate(names)],
        }
    ]
    chat.ask("那个还款")
    boxes = [chat.button(name).bounding_box() for name in names]
    tops = [box["y"] for box in boxes if box]
    assert len(tops) == 3
    assert tops == sorted(tops)
    assert tops[1] - tops[0] >= 44


def test_html_in_any_text_stays_text(chat: Widget, fake: FakeApp) -> None:
    case = {"type": "case", "case_no": HTML, "kind": HTML, "status": HTML}
    fake.answers[HTML] = [{"text": HTML, "buttons": [{"title": HTML, "payload": "/x"}], "custom": case}]
    chat.ask(HTML)
    expect(chat.card("case")).to_contain_text("<b>粗</b>")
    expect(chat.button(HTML)).to_be_visible()
    assert chat.texts[-2:] == [HTML, HTML]
    for tag in ("img", "b", "script"):
        expect(chat.window.locator(tag)).to_have_count(0)
    assert chat.page.evaluate("window.broken") is None


def test_line_breaks_of_an_answer_are_kept(chat: Widget, fake: FakeApp) -> None:
    fake.answers["路径"] = [{"text": "第一步\n第二步\n第三步"}]
    chat.ask("路径")
    assert chat.texts[-1] == "第一步\n第二步\n第三步"


def test_only_our_own_site_can_be_clicked(chat: Widget, fake: FakeApp) -> None:
    fake.answers["官网"] = [
        {"text": "官网 https://suixingjie.example/help ，不是 https://suixingjie.example.evil.test 或 https://evil.test"}
    ]
    chat.ask("官网")
    links = chat.log.get_by_role("link")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://suixingjie.example/help")
    expect(links).to_have_attribute("rel", "noopener noreferrer")
    fake.answers["https://suixingjie.example/help"] = [{"text": "好的"}]
    chat.ask("https://suixingjie.example/help")
    expect(links).to_have_count(1)  # what the borrower writes is never a link


def test_a_human_is_one_press_away_and_the_borrower_sees_where_they_stand(chat: Widget, fake: FakeApp) -> None:
    chat.human.click()
    expect(chat.card("handoff")).to_contain_text("第2位")
    expect(chat.banner).to_contain_text("当前第2位")
    expect(chat.human).to_have_text("排队中")
    assert fake.texts_received == ["转人工"]
    chat.human.click(force=True)
    fake.conversation.owner = "agent"
    fake.conversation.add("agent", text="您好，我是客服小周。")
    expect(chat.banner).to_contain_text("自动助手已暂停")
    expect(chat.human).to_have_text("人工中")
    expect(chat.log).to_contain_text("人工客服")
    chat.say("您好")
    chat.expect_texts("转人工", "正在为您转人工，您排在第2位。", "您好，我是客服小周。", "您好")
    expect(chat.typing).to_have_count(0)
    fake.conversation.owner = "bot"
    fake.conversation.add("system", text="现在由自动助手接着帮您。")
    expect(chat.human).to_have_text("转人工")
    expect(chat.banner).to_be_empty()
    assert fake.texts_received == ["转人工", "您好"]  # pressing again while queued sent nothing


def test_waiting_for_a_human_can_be_given_up(chat: Widget, fake: FakeApp) -> None:
    chat.human.click()
    chat.page.get_by_role("button", name="不排了").click()
    expect(chat.human).to_have_text("转人工")
    expect(chat.log).to_contain_text("先不排队了")


def test_messages_of_a_human_are_counted_while_the_chat_is_closed(chat: Widget, fake: FakeApp) -> None:
    chat.human.click()
    expect(chat.human).to_have_text("排队中")
    chat.page.keyboard.press("Escape")
    fake.conversation.owner = "agent"
    fake.conversation.add("agent", text="在吗？")
    fake.conversation.add("agent", text="我在看您的情况。")
    expect(chat.launcher.locator(".unread")).to_contain_text("2条新消息")
    chat.open()
    expect(chat.log.get_by_text("我在看您的情况。")).to_be_in_viewport()
    chat.page.keyboard.press("Escape")
    expect(chat.launcher.locator(".unread")).to_have_count(0)


def test_the_page_behaves_without_a_demo(page: Page, url: str, fake: FakeApp) -> None:
    fake.demo = False
    page.goto(url)
    widget = Widget(page)
    widget.open()
    widget.ask("你好")
    expect(page.get_by_label("演示登录")).to_be_hidden()


def test_each_customer_has_a_history_of_their_own_and_the_visitor_s_goes_with_the_first(widget: Widget, fake: FakeApp) -> None:
    widget.open()
    widget.ask("没登录时问的")
    widget.log_in("C1002")
    expect(widget.page.locator("#story")).to_contain_text("三份合同")
    widget.ask("李婷问的")
    widget.expect_texts("没登录时问的", "收到：没登录时问的", "李婷问的", "收到：李婷问的")
    widget.log_in("C1001")
    widget.expect_texts()
    widget.ask("郭海问的")
    widget.expect_texts("郭海问的", "收到：郭海问的")
    widget.page.get_by_label("演示登录").select_option("")
    widget.expect_texts()
    widget.log_in("C1002")
    widget.expect_texts("没登录时问的", "收到：没登录时问的", "李婷问的", "收到：李婷问的")
    # A long-poll of the visitor that was still on its way may have opened an empty conversation again.
    told = sorted(customer for (_, customer), found in fake.conversations.items() if found.messages)
    assert told == ["C1001", "C1002"]


def test_the_login_survives_a_reload(widget: Widget, fake: FakeApp) -> None:
    widget.log_in("C1002")
    widget.open()
    widget.ask("我的账单")
    widget.page.reload()
    expect(widget.page.get_by_label("演示登录")).to_have_value("C1002")
    widget.open()
    widget.expect_texts("我的账单", "收到：我的账单")


def test_being_asked_to_log_in_leads_to_the_login(chat: Widget, fake: FakeApp) -> None:
    fake.answers["我欠多少"] = [{"text": LOGIN.text, "custom": LOGIN.card}]
    chat.ask("我欠多少")
    chat.button("去登录").click()
    expect(chat.window).to_be_hidden()
    expect(chat.page.get_by_label("演示登录")).to_be_focused()


def test_a_code_goes_from_the_demo_sms_through_the_card_and_is_never_shown_or_stored(widget: Widget, fake: FakeApp) -> None:
    fake.answers["预约还款"] = [{"text": STEP_UP.text, "custom": STEP_UP.card}]
    widget.log_in("C1002")
    widget.open()
    widget.ask("预约还款")
    sms = widget.page.get_by_role("complementary", name="演示短信")
    expect(sms).to_contain_text("428571")
    expect(widget.code).to_have_attribute("autocomplete", "one-time-code")
    expect(widget.code).to_have_attribute("inputmode", "numeric")
    fake.faults.append("drop")  # the message has to wait: a moment in which it could be stored
    widget.code.fill("验证码：４２８５７１")
    expect(widget.code).to_have_value("428571")
    widget.page.get_by_role("button", name="提交验证码").click()
    expect(widget.messages.nth(2)).to_contain_text("******")
    stored = widget.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert "428571" not in stored
    widget.expect_texts("预约还款", STEP_UP.text, "******", "验证通过，已经办好了。")
    expect(widget.code).to_have_count(0)
    assert widget.log.inner_text().count("428571") == 0


def test_a_code_typed_as_a_message_is_not_shown_either(widget: Widget, fake: FakeApp) -> None:
    fake.answers["预约还款"] = [{"text": STEP_UP.text, "custom": STEP_UP.card}]
    widget.log_in("C1002")
    widget.open()
    widget.ask("预约还款")
    fake.faults.append("slow")
    widget.say("428571")
    expect(widget.messages.nth(2)).to_contain_text("******")
    widget.expect_texts("预约还款", STEP_UP.text, "******", "验证通过，已经办好了。")


def test_an_incomplete_code_is_not_sent(widget: Widget, fake: FakeApp) -> None:
    fake.answers["预约还款"] = [{"text": STEP_UP.text, "custom": STEP_UP.card}]
    widget.open()
    widget.ask("预约还款")
    widget.code.fill("4285")
    widget.code.press("Enter")
    expect(widget.code).to_be_focused()
    assert fake.texts_received == ["预约还款"]


def test_after_the_login_has_expired_the_demo_logs_in_again_and_the_message_is_sent(widget: Widget, fake: FakeApp) -> None:
    widget.log_in("C1002")
    widget.open()
    widget.ask("你好")
    fake.expired.add(str(widget.page.evaluate("document.querySelector('suixing-chat').token")))
    widget.say("我的账单")
    widget.expect_texts("你好", "收到：你好", "我的账单", "收到：我的账单")


def colour_of_sending(chat: Widget) -> str:
    chat.page.mouse.move(0, 0)
    chat.input.fill("可以发送")
    colour: str = chat.send_button.evaluate("button => getComputedStyle(button).backgroundColor")
    return colour


def test_a_host_page_can_theme_the_widget_with_variables_each_for_its_theme(chat: Widget) -> None:
    style = "document.querySelector('suixing-chat').style.setProperty"
    chat.page.evaluate(f"{style}('--suixing-accent', 'rgb(0, 90, 70)')")
    assert colour_of_sending(chat) == "rgb(0, 90, 70)"
    chat.page.emulate_media(color_scheme="dark")
    assert colour_of_sending(chat) == "rgb(251, 146, 60)", "a colour for light is not used in the dark"
    chat.page.evaluate(f"{style}('--suixing-dark-accent', 'rgb(90, 220, 180)')")
    assert colour_of_sending(chat) == "rgb(90, 220, 180)"


@pytest.mark.parametrize(
    ("device", "theme", "shown"),
    [
        ("light", None, "light"),
        ("dark", None, "dark"),
        ("dark", "auto", "dark"),
        ("dark", "light", "light"),
        ("light", "dark", "dark"),
    ],
)
def test_the_theme_is_the_devices_unless_the_host_page_sets_one(
    widget: Widget, device: Literal["light", "dark"], theme: str | None, shown: str
) -> None:
    widget.page.emulate_media(color_scheme=device)
    if theme is not None:
        widget.page.evaluate("theme => document.querySelector('suixing-chat').setAttribute('theme', theme)", theme)
    widget.open()
    ground = widget.window.evaluate("window => getComputedStyle(window).backgroundColor")
    scheme = widget.input.evaluate("area => getComputedStyle(area).colorScheme")
    assert (ground, scheme) == ("rgb(250, 246, 242)" if shown == "light" else "rgb(26, 21, 19)", shown)
