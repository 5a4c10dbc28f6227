"""我的案件: the list, a case, what is added to it; with the keyboard, on a phone, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.cards import CASE
from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.fake_app import FakeApp
from tests.e2e.my_cases import my_cases
from tests.e2e.test_keyboard import AXE, COUNT_SHIFTS, FOCUSED, TOO_SMALL, axe
from tests.e2e.test_service import PICTURE, SCHEMES, Scheme
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser

ASKING, REMEDIED, CLOSED = "C-20990808-0003", "C-20990701-0002", "C-20990301-0001"


@pytest.fixture
def mine(widget: Widget, fake: FakeApp) -> Widget:
    """李婷's widget, open, with her three cases behind the tab."""
    fake.cases.of["C1002"] = my_cases()
    widget.log_in("C1002")
    widget.open()
    return widget


def panel(widget: Widget) -> Locator:
    return widget.page.get_by_role("tabpanel", name="我的案件")


def tab(widget: Widget, name: str = "我的案件") -> Locator:
    return widget.page.get_by_role("tab", name=name)


def open_case(widget: Widget, case_no: str) -> Locator:
    tab(widget).click()
    panel(widget).get_by_role("button", name=case_no).click()
    expect(panel(widget).get_by_role("heading", name="处理经过")).to_be_visible()
    return panel(widget)


def test_a_visitor_has_no_cases_to_look_at(chat: Widget) -> None:
    expect(chat.page.get_by_role("tab")).to_have_count(0)


def test_the_list_tells_state_dates_and_what_happens_next(mine: Widget) -> None:
    tab(mine).click()
    items = panel(mine).get_by_role("listitem")
    expect(items).to_have_count(3)
    for text in ("投诉", ASKING, "等您补充", "2099年8月8日", "2099年8月13日前", "最晚2099年8月23日给您结果"):
        expect(items.nth(0)).to_contain_text(text)
    for text in ("费用异议", "已退减", "¥31.92", "已经处理好了"):
        expect(items.nth(1)).to_contain_text(text)
    expect(items.nth(2)).to_contain_text("已结束")
    for over in (items.nth(1), items.nth(2)):
        expect(over).not_to_contain_text("答复期限")


def test_after_its_last_day_an_appeal_is_not_offered(mine: Widget, fake: FakeApp) -> None:
    fake.cases.business_date = "2099-08-06"
    case = open_case(mine, REMEDIED)
    expect(case).to_contain_text("已经处理好了")
    expect(case.get_by_role("button", name="我要申诉")).to_have_count(0)


def test_a_case_tells_what_happened_was_decided_and_can_be_done(mine: Widget, fake: FakeApp) -> None:
    fake.cases.business_date = "2099-08-05"
    case = open_case(mine, REMEDIED)
    for text in (
        "FQ-20981101-0001 第10期",
        "2099年8月5日前可以申诉",
        "R-20990706-0001",
        "7月1日自动扣款因系统故障失败",
        "免除全部逾期费用",
    ):
        expect(case).to_contain_text(text)
    for code in ("for_borrower", "review", "granted", "decided", "3192"):
        expect(case).not_to_contain_text(code)
    expect(case).to_contain_text("客服 · 2099年7月6日 16:10")
    case.get_by_role("button", name="我要申诉").click()
    mine.expect_texts("我要申诉", "收到：我要申诉")
    tab(mine).click()
    case.get_by_role("button", name="返回列表").click()
    expect(panel(mine).get_by_role("listitem")).to_have_count(3)


def test_a_note_without_words_is_not_shown(mine: Widget) -> None:
    history = open_case(mine, ASKING).locator(".timeline > li")
    expect(history).to_have_count(4)
    expect(history.nth(2)).to_contain_text("正在调取8月1日以来的通话录音")


def test_what_is_added_stands_in_the_case_and_the_field_is_empty_again(mine: Widget, fake: FakeApp) -> None:
    case = open_case(mine, ASKING)
    field = case.get_by_role("textbox", name="补充情况")
    fake.cases.faults.append("case_over")
    field.fill("号码是400-100-9999")
    case.get_by_role("button", name="提交补充").click()
    expect(case.get_by_role("alert")).to_contain_text("已经结束，不能再补充")
    expect(field).to_have_value("号码是400-100-9999")
    case.get_by_role("button", name="提交补充").click()
    expect(case.get_by_role("status")).to_contain_text("已经记进这个案件")
    expect(field).to_have_value("")
    expect(case.locator(".timeline > li").last).to_contain_text("号码是400-100-9999")


def test_a_file_goes_into_the_case_and_can_be_looked_at(mine: Widget, fake: FakeApp) -> None:
    case = open_case(mine, ASKING)
    fake.upload_faults.append((400, "attachment_unreadable"))
    with mine.page.expect_file_chooser() as chooser:
        case.get_by_role("button", name="上传图片或PDF").click()
    chooser.value.set_files([PICTURE])
    expect(case.get_by_role("alert")).to_contain_text("这个文件打不开")
    case.get_by_role("button", name="重新发送").click()
    expect(case).to_contain_text("图片 · 1 KB")
    expect(case.locator("[data-upload]")).to_have_count(0)
    case.get_by_role("button", name="查看", exact=True).click()
    expect(case.get_by_role("img", name="图片")).to_be_visible()
    assert [file["case_no"] for file in fake.cases.of["C1002"][0]["attachments"]] == [ASKING]


def test_a_closed_case_takes_nothing(mine: Widget) -> None:
    case = open_case(mine, CLOSED)
    expect(case).to_contain_text("这个案件已经结束")
    expect(case.get_by_role("textbox")).to_have_count(0)
    expect(case.get_by_role("button", name="上传图片或PDF")).to_have_count(0)


def test_without_cases_the_way_leads_back_to_the_conversation(widget: Widget) -> None:
    widget.log_in("C1001")
    widget.open()
    tab(widget).click()
    expect(panel(widget)).to_contain_text("您现在没有案件")
    panel(widget).get_by_role("button", name="去对话").click()
    expect(widget.input).to_be_visible()
    expect(panel(widget)).to_be_hidden()


def test_trouble_is_told_and_can_be_tried_again(mine: Widget, fake: FakeApp) -> None:
    fake.cases.faults.append("internal_error")
    tab(mine).click()
    expect(panel(mine).get_by_role("alert")).to_contain_text("没有读到")
    panel(mine).get_by_role("button", name="再试一次").click()
    expect(panel(mine).get_by_role("listitem")).to_have_count(3)


def test_the_next_person_sees_nothing_of_them(mine: Widget, fake: FakeApp) -> None:
    open_case(mine, ASKING)
    mine.log_in("C1001")
    expect(mine.log).to_be_visible()
    tab(mine).click()
    expect(panel(mine)).to_contain_text("您现在没有案件")
    expect(mine.window).not_to_contain_text(ASKING)
    mine.page.get_by_label("演示登录").select_option("")
    expect(mine.page.get_by_role("tab")).to_have_count(0)
    expect(mine.log).to_be_visible()


def test_when_the_login_has_ended_the_cases_are_there_again_with_the_next(mine: Widget, fake: FakeApp) -> None:
    tab(mine).click()
    expect(panel(mine).get_by_role("listitem")).to_have_count(3)
    fake.cases.of["C1002"].pop()
    fake.expired.add(str(mine.page.evaluate("document.querySelector('suixing-chat').token")))
    tab(mine).click()  # the demo page logs in again by itself
    expect(panel(mine).get_by_role("listitem")).to_have_count(2)
    expect(mine.banner).to_be_empty()


def test_a_case_of_the_conversation_leads_to_it(mine: Widget, fake: FakeApp) -> None:
    fake.answers["我要投诉"] = [{"text": CASE.text, "custom": {**CASE.card, "case_no": ASKING}}]
    mine.ask("我要投诉")
    mine.card("case").get_by_role("button", name="查看进展").click()
    expect(panel(mine).get_by_role("heading", name=ASKING)).to_be_focused()
    expect(panel(mine)).to_contain_text("正在调取8月1日以来的通话录音")


def test_what_is_said_meanwhile_is_counted_on_the_tab_of_the_conversation(mine: Widget, fake: FakeApp) -> None:
    mine.ask("你好")
    tab(mine).click()
    fake.conversation.add("agent", text="您在吗")
    expect(tab(mine, "对话")).to_contain_text("对话里有1条新消息")
    tab(mine, "对话").click()
    expect(mine.log.get_by_text("您在吗")).to_be_in_viewport()
    expect(tab(mine, "对话")).to_have_text("对话")


def test_the_tabs_and_the_cases_work_with_the_keyboard(mine: Widget) -> None:
    tab(mine, "对话").focus()
    press = mine.page.keyboard.press
    press("ArrowRight")
    expect(tab(mine)).to_be_focused()
    expect(tab(mine)).to_have_attribute("aria-selected", "true")
    expect(panel(mine).get_by_role("listitem")).to_have_count(3)
    for key, name in (("ArrowRight", "对话"), ("ArrowLeft", "我的案件"), ("Home", "对话"), ("End", "我的案件")):
        press(key)
        expect(tab(mine, name)).to_be_focused()
    press("Tab")
    expect(panel(mine).get_by_role("button", name=ASKING)).to_be_focused()
    press("Enter")
    expect(panel(mine).get_by_role("heading", name=ASKING)).to_be_focused()
    expect(panel(mine).get_by_role("heading", name="处理经过")).to_be_visible()
    names = []
    for _ in range(3):
        press("Tab")
        name, outline = mine.page.evaluate(FOCUSED)
        assert outline != "none", name
        names.append(name)
    assert names == ["上传图片或PDF", "补充情况", "提交补充"]
    press("Escape")
    expect(mine.window).to_be_hidden()


def phone_with_cases(phone: Widget, fake: FakeApp) -> None:
    fake.cases.of["C1002"] = my_cases()
    phone.page.get_by_role("button", name="关闭聊天窗口").click()
    phone.log_in("C1002")
    phone.open()


def test_on_a_phone_everything_fits_and_the_focus_stays_inside(phone: Widget, fake: FakeApp) -> None:
    phone_with_cases(phone, fake)
    tab(phone).click()
    expect(panel(phone).get_by_role("listitem")).to_have_count(3)
    for step in (lambda: None, lambda: open_case(phone, REMEDIED)):
        step()
        assert panel(phone).evaluate("panel => panel.scrollWidth <= panel.clientWidth")
        pressed = phone.window.locator("button:not(.case-open), textarea, summary")
        assert pressed.evaluate_all(TOO_SMALL) == []
    for key in ("Tab", "Shift+Tab"):
        for _ in range(12):
            phone.page.keyboard.press(key)
            assert phone.page.evaluate("document.activeElement.tagName") == "SUIXING-CHAT"


def test_the_whole_card_opens_the_case(phone: Widget, fake: FakeApp) -> None:
    phone_with_cases(phone, fake)
    tab(phone).click()
    card = panel(phone).get_by_role("listitem").nth(1)
    box = card.bounding_box()
    assert box is not None
    phone.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] - 12)
    expect(panel(phone).get_by_role("heading", name=REMEDIED)).to_be_visible()


def test_nothing_moves_by_itself_while_the_cases_load(page: Page, url: str, fake: FakeApp) -> None:
    fake.cases.of["C1002"] = my_cases()
    page.add_init_script(COUNT_SHIFTS)
    page.goto(url)
    widget = Widget(page)
    widget.log_in("C1002")
    widget.open()
    expect(widget.button("怎么预约还款")).to_be_visible()
    open_case(widget, ASKING)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("window.shift") < 0.01


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(browser: Browser, url: str, fake: FakeApp, scheme: Scheme, size: dict[str, int]) -> None:
    fake.cases.of["C1002"] = my_cases()
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, color_scheme=scheme, reduced_motion="reduce", locale="zh-CN"
    )
    page = context.new_page()
    page.goto(url)
    widget = Widget(page)
    widget.log_in("C1002")
    widget.open()
    assert axe(page, AXE) == []
    tab(widget).click()
    expect(panel(widget).get_by_role("listitem")).to_have_count(3)
    assert axe(page, AXE) == []
    case = panel(widget)
    for number in (ASKING, REMEDIED, CLOSED):
        case.get_by_role("button", name=number).click()
        expect(case.get_by_role("heading", name="处理经过")).to_be_visible()
        assert axe(page, AXE) == []
        case.get_by_role("button", name="返回列表").click()
    context.close()
