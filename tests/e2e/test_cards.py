"""Every card of the contract, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.cards import EVIDENCE, EXAMPLES, PAYOFF, Example
from tests.e2e.fake_app import FakeApp
from tests.e2e.widget import Widget

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_card_reads_as_a_borrower_expects(chat: Widget, fake: FakeApp, example: Example) -> None:
    fake.answers["看卡片"] = [{"text": example.text, "custom": example.card}]
    chat.ask("看卡片")
    card = chat.card(example.card["type"])
    expect(card).to_have_count(1)
    for text in example.reads:
        expect(card).to_contain_text(text)
    for text in example.never:
        expect(card).not_to_contain_text(text)
    expect(chat.log).to_contain_text(example.text)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_card_fits_a_phone(phone: Widget, fake: FakeApp, example: Example) -> None:
    fake.answers["看卡片"] = [{"text": example.text, "custom": example.card}]
    phone.ask("看卡片")
    box = phone.card(example.card["type"]).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert phone.log.evaluate("log => log.scrollWidth <= log.clientWidth")
    assert phone.card(example.card["type"]).evaluate(OVERFLOWING) == []


OVERFLOWING = """card => [...card.querySelectorAll('*')]
  .filter(element => !element.matches('.hidden, .hidden *') && element.clientWidth > 0)
  .filter(element => element.scrollWidth > element.clientWidth + 1)
  .map(element => element.textContent)"""


def test_a_quote_has_a_table_for_each_contract_with_headings_for_screen_readers(chat: Widget, fake: FakeApp) -> None:
    fake.answers["一次还清"] = [{"text": PAYOFF.text, "custom": PAYOFF.card}]
    chat.ask("一次还清")
    tables = chat.card("payoff_quote").get_by_role("table")
    expect(tables).to_have_count(3)
    expect(tables.nth(0)).to_have_accessible_name("随星借快贷 KD-20260701-0002")
    rows = [row.inner_text().split() for row in tables.nth(1).get_by_role("row").all()]
    assert rows == [["本金", "¥8195.23"], ["利息", "¥78.67"], ["小计", "¥8273.90"]]


def test_the_days_of_the_evidence_differ_in_more_than_colour(chat: Widget, fake: FakeApp) -> None:
    fake.answers["为什么收费"] = [{"text": EVIDENCE.text, "custom": EVIDENCE.card}]
    chat.ask("为什么收费")
    days = chat.card("evidence").get_by_role("list", name="逐日原因").get_by_role("listitem")
    expect(days).to_have_count(7)
    expect(days.nth(0)).to_contain_text("8月4日 系统原因")
    expect(days.nth(6)).to_contain_text("8月10日 本人原因")
    colours = [day.evaluate("day => getComputedStyle(day).backgroundColor") for day in days.all()]
    assert colours[0] != colours[1]
    assert len(set(colours[1:])) == 1


def test_the_timeline_of_the_evidence_opens_with_the_keyboard_and_stays_open(chat: Widget, fake: FakeApp) -> None:
    fake.answers["为什么收费"] = [{"text": EVIDENCE.text, "custom": EVIDENCE.card}]
    chat.ask("为什么收费")
    timeline = chat.card("evidence").locator("details")
    expect(timeline.get_by_text("再次扣款失败：余额不足")).to_be_hidden()
    timeline.locator("summary").focus()
    chat.page.keyboard.press("Enter")
    expect(timeline.get_by_text("再次扣款失败：余额不足")).to_be_visible()
    expect(timeline.locator("time").first).to_have_text("8月3日 02:00")
    chat.ask("知道了")
    expect(timeline.get_by_text("再次扣款失败：余额不足")).to_be_visible()


@pytest.mark.parametrize(
    "card",
    [
        {"type": "hologram", "x": 1},
        {"type": "payoff_quote", "total": "很多"},
        {"type": "remedy", "case_no": None, "status": "granted", "amount": 1.5, "receipt_no": None},
        {"no": "type"},
    ],
    ids=["unknown", "malformed", "money with a fraction", "without type"],
)
def test_a_card_that_cannot_be_shown_leaves_the_text_and_says_so(chat: Widget, fake: FakeApp, card: dict[str, object]) -> None:
    fake.answers["看卡片"] = [{"text": "文字还在", "custom": card}]
    chat.ask("看卡片")
    expect(chat.log).to_contain_text("文字还在")
    expect(chat.log).to_contain_text("这张卡片暂时无法显示")
    chat.ask("还能聊吗")


def test_an_ordinary_answer_shows_no_card(chat: Widget, fake: FakeApp) -> None:
    fake.answers["怎么还"] = [{"text": "这样还。", "custom": {"type": "answer", "intent": "ask_repayment_method"}}]
    chat.ask("怎么还")
    expect(chat.log.locator("[data-card]")).to_have_count(0)
    chat.expect_texts("怎么还", "这样还。")
