"""Input methods, keyboard, screen readers, small screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.cards import EXAMPLES
from tests.e2e.conftest import PHONE, WIDGET
from tests.e2e.fake_app import FakeApp
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser

AXE = WIDGET / "node_modules" / "axe-core" / "axe.min.js"


def test_enter_while_an_input_method_composes_sends_nothing(chat: Widget, fake: FakeApp) -> None:
    """Chromium's own input method events, as a Chinese keyboard makes them."""
    chat.input.focus()
    devtools = chat.page.context.new_cdp_session(chat.page)
    devtools.send("Input.imeSetComposition", {"text": "tiqian", "selectionStart": 6, "selectionEnd": 6})
    devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229})
    expect(chat.input).to_have_value("tiqian")
    devtools.send("Input.insertText", {"text": "提前还款"})
    expect(chat.input).to_have_value("提前还款")
    assert fake.texts_received == []
    chat.input.press("Enter")
    chat.expect_texts("提前还款", "收到：提前还款")


PRESS = """(area, event) =>
  area.dispatchEvent(new KeyboardEvent("keydown", {...event, bubbles: true, composed: true, cancelable: true}))"""


@pytest.mark.parametrize("event", [{"key": "Enter", "isComposing": True}, {"key": "Enter", "keyCode": 229}])
def test_both_signs_of_composing_are_understood(chat: Widget, fake: FakeApp, event: dict[str, object]) -> None:
    chat.input.fill("还款")
    chat.input.evaluate(PRESS, event)
    expect(chat.input).to_have_value("还款")
    assert fake.texts_received == []


def test_escape_closes_the_candidates_of_the_input_method_and_not_the_chat(chat: Widget) -> None:
    chat.input.evaluate(PRESS, {"key": "Escape", "isComposing": True})
    expect(chat.window).to_be_visible()


def test_shift_enter_makes_a_new_line(chat: Widget) -> None:
    chat.input.fill("第一行")
    before = chat.input.bounding_box()
    chat.input.press("Shift+Enter")
    chat.input.type("第二行")
    after = chat.input.bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] > before["height"]
    chat.input.press("Enter")
    expect(chat.messages.first).to_contain_text("第一行")
    assert chat.texts[0] == "第一行\n第二行"


def test_blank_messages_are_not_sent(chat: Widget, fake: FakeApp) -> None:
    chat.say("   \n ")
    chat.send_button.click(force=True)
    chat.page.wait_for_timeout(200)
    assert fake.texts_received == []


def test_two_thousand_characters_can_be_sent_and_one_more_cannot(chat: Widget, fake: FakeApp) -> None:
    chat.input.fill("👍" * 2001)
    expect(chat.window).to_contain_text("2001/2000")
    expect(chat.page.get_by_role("alert")).to_have_text("超出1个字，请删减后再发")
    expect(chat.input).to_have_attribute("aria-invalid", "true")
    chat.input.press("Enter")
    chat.page.wait_for_timeout(200)
    assert fake.texts_received == []
    chat.input.fill("👍" * 2000)
    expect(chat.page.get_by_role("alert")).to_be_empty()
    chat.input.press("Enter")
    expect(chat.messages.first).to_be_visible()
    expect(chat.window).to_contain_text("0/2000")


def test_opening_puts_the_cursor_into_the_text_and_escape_gives_the_focus_back(widget: Widget) -> None:
    widget.launcher.focus()
    widget.page.keyboard.press("Enter")
    expect(widget.input).to_be_focused()
    widget.page.keyboard.press("Escape")
    expect(widget.window).to_be_hidden()
    expect(widget.launcher).to_be_focused()
    assert widget.page.evaluate("document.activeElement.tagName") == "SUIXING-CHAT"


def test_pressing_a_button_of_an_answer_leaves_the_focus_in_the_chat(chat: Widget, fake: FakeApp) -> None:
    fake.answers["怎么还"] = [{"text": "怎么还好？", "buttons": [{"title": "按金额还", "payload": "/early"}]}]
    chat.ask("怎么还")
    chat.button("按金额还").focus()
    chat.page.keyboard.press("Enter")
    expect(chat.input).to_be_focused()


def test_everything_can_be_reached_with_tab_and_the_focus_is_visible(chat: Widget, fake: FakeApp) -> None:
    fake.answers["怎么还"] = [{"text": "怎么还好？", "buttons": [{"title": "按金额还", "payload": "/early"}]}]
    chat.ask("怎么还")
    chat.human.focus()
    names = []
    for _ in range(7):
        names.append(chat.page.evaluate(FOCUSED))
        chat.page.keyboard.press("Tab")
    header, answer, composer = ["转人工", "打开提示音", "关闭聊天窗口"], ["聊天记录", "按金额还"], ["上传图片或PDF", "输入消息"]
    assert [name for name, _ in names] == [*header, *answer, *composer]
    assert all(outline != "none" for _, outline in names[1:])


FOCUSED = """() => {
  let element = document.activeElement;
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const label = element.getRootNode().querySelector(`label[for="${element.id}"]`);
  const name = element.getAttribute("aria-label") ?? label?.textContent ?? element.textContent.trim();
  return [name, getComputedStyle(element).outlineStyle];
}"""


def test_on_a_phone_the_chat_fills_the_screen_keeps_the_focus_and_does_not_raise_the_keyboard(phone: Widget) -> None:
    phone.page.wait_for_timeout(250)  # it has slid in
    box = phone.window.bounding_box()
    assert box == {"x": 0, "y": 0, "width": PHONE["width"], "height": PHONE["height"]}
    expect(phone.input).not_to_be_focused()
    inside = "() => document.activeElement.tagName"
    for _ in range(12):
        phone.page.keyboard.press("Tab")
        assert phone.page.evaluate(inside) == "SUIXING-CHAT"
    for _ in range(12):
        phone.page.keyboard.press("Shift+Tab")
        assert phone.page.evaluate(inside) == "SUIXING-CHAT"


def test_everything_that_is_pressed_is_large_enough_for_a_finger(phone: Widget, fake: FakeApp) -> None:
    fake.answers["卡片"] = [{"text": example.text, "custom": example.card} for example in EXAMPLES.values()]
    fake.answers["卡片"][-1]["buttons"] = [{"title": "是", "payload": "/affirm"}]
    phone.ask("卡片")
    expect(phone.code).to_be_visible()
    pressed = phone.window.locator("button, textarea, input, summary")
    assert pressed.evaluate_all(TOO_SMALL) == []


TOO_SMALL = """all => all.filter(element => element.checkVisibility())
  .map(element => [element.textContent, element.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([text]) => text)"""


def test_text_on_a_phone_is_large_enough_not_to_zoom_when_typing(phone: Widget) -> None:
    assert phone.input.evaluate("area => parseFloat(getComputedStyle(area).fontSize)") >= 16


def test_a_narrow_page_does_not_scroll_sideways(phone: Widget) -> None:
    assert phone.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_log_is_announced_politely(chat: Widget) -> None:
    chat.ask("你好")
    expect(chat.log).to_have_attribute("aria-live", "polite")
    expect(chat.log).to_have_attribute("aria-busy", "false")
    expect(chat.log).to_have_accessible_name("聊天记录")


def test_nothing_moves_for_those_who_asked_for_it(browser: Browser, url: str, fake: FakeApp) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(url)
    chat = Widget(page)
    chat.open()
    fake.faults.append("slow")
    chat.say("你好")
    expect(chat.typing).to_be_visible()
    assert chat.typing.locator("i").first.evaluate("dot => getComputedStyle(dot).animationName") == "none"
    assert chat.window.evaluate("window => getComputedStyle(window).animationName") == "none"
    context.close()


COUNT_SHIFTS = """
window.shift = 0;
new PerformanceObserver(list => { for (const entry of list.getEntries()) window.shift += entry.value; })
  .observe({type: "layout-shift", buffered: true});
"""


def test_the_host_page_does_not_shift_when_the_chat_loads_opens_and_answers(page: Page, url: str) -> None:
    page.add_init_script(COUNT_SHIFTS)
    page.goto(url)
    chat = Widget(page)
    chat.open()
    chat.ask("你好")
    page.wait_for_timeout(200)
    assert page.evaluate("window.shift") < 0.01


def test_reading_further_up_is_not_disturbed_by_new_messages(chat: Widget, fake: FakeApp) -> None:
    fake.answers["长"] = [{"text": f"第{number}段\n" * 4} for number in range(12)]
    chat.ask("长")
    chat.log.evaluate("log => { log.scrollTop = 0; }")
    chat.page.wait_for_timeout(100)
    fake.conversation.add("bot", text="新来的")
    jump = chat.page.get_by_role("button", name="有新消息")
    expect(jump).to_be_visible()
    assert chat.log.evaluate("log => log.scrollTop") == 0
    jump.click()
    expect(chat.log.get_by_text("新来的")).to_be_in_viewport()
    expect(jump).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["page", "greeting", "cards", "queue", "offline"])
def test_axe_finds_nothing(widget: Widget, fake: FakeApp, state: str, scheme: Literal["light", "dark"]) -> None:
    widget.page.emulate_media(color_scheme=scheme)
    if state != "page":
        widget.open()
    if state == "cards":
        fake.answers["卡片"] = [{"text": example.text, "custom": example.card} for example in EXAMPLES.values()]
        fake.answers["卡片"][-1]["buttons"] = [{"title": "是", "payload": "/affirm"}]
        widget.ask("卡片")
    if state == "queue":
        widget.human.click()
        expect(widget.human).to_have_text("排队中")
    if state == "offline":
        widget.ask("你好")
        widget.page.context.set_offline(True)
        widget.say("离线")
        expect(widget.banner).to_contain_text("网络已断开")
    widget.page.wait_for_timeout(250)  # the window has faded in
    assert axe(widget.page, AXE) == []


def axe(page: Page, script: Path) -> list[dict[str, Any]]:
    page.evaluate(script.read_text(encoding="utf-8") + "; null")
    found: list[dict[str, Any]] = page.evaluate(RUN_AXE)
    return found


RUN_AXE = """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}).then(result =>
  result.violations.map(({id, nodes}) => ({id, at: nodes.map(node => node.target.join(" ") + ": " + node.failureSummary)})))"""
