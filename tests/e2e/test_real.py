"""The page against the really running stack: Rasa, action server, app."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.widget import Widget

pytestmark = [pytest.mark.browser, pytest.mark.processes]

FIVE_QUESTIONS = {
    "申请失败了怎么办": r"可用额度|额度",
    "怎么提前还款": r"去还款.*提前还款",
    "一次还清怎么操作": r"还款计划.*提前还款|结清",
    "怎么预约还款": r"预约还款.*10|10.*预约|去还款",
    "为什么要查征信": r"授权",
}
"""What a borrower asks first, and what the answer must speak of (product §1)."""
NOT_AN_ANSWER = r"出了点问题|联系不上|没听明白|您是想问|请先登录|^$"


@pytest.fixture
def shop(browser: Browser, live_app: object, dist: object) -> Iterator[Widget]:
    context = browser.new_context(viewport=DESKTOP, locale="zh-CN")
    context.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    page = context.new_page()
    page.goto(str(live_app))
    yield Widget(page)
    expect.set_options(timeout=5_000)
    context.close()


@pytest.mark.parametrize("question", FIVE_QUESTIONS)
def test_a_visitor_gets_the_answer_to_each_of_the_five_questions(shop: Widget, question: str) -> None:
    shop.open()
    shop.ask(question)
    assert re.search(FIVE_QUESTIONS[question], shop.answer, re.DOTALL), shop.answer
    expect(shop.banner).to_be_empty()


@pytest.mark.parametrize("question", FIVE_QUESTIONS)
def test_li_ting_gets_an_answer_to_each_of_the_five_questions(shop: Widget, question: str) -> None:
    shop.log_in("C1002")
    shop.open()
    shop.ask(question)
    assert not re.search(NOT_AN_ANSWER, shop.answer), shop.answer
    expect(shop.banner).to_be_empty()


def test_li_ting_sees_the_quote_of_her_three_contracts(shop: Widget) -> None:
    shop.log_in("C1002")
    shop.open()
    shop.ask("我想一次全部还清，要多少钱")
    quote = shop.card("payoff_quote").last  # her conversation goes on from test to test
    expect(quote).to_be_visible()
    expect(quote.get_by_role("table")).to_have_count(3)
    # KD: 40 days at 0.04 % of 10000.00 is 160.00, so 10160.00
    expect(quote).to_contain_text("¥10160.00")
    shop.page.reload()
    shop.open()
    expect(quote).to_contain_text("¥10160.00")


def test_asking_for_a_human_shows_the_queue(shop: Widget) -> None:
    shop.open()
    shop.human.click()
    expect(shop.card("handoff")).to_be_visible()
    expect(shop.human).to_have_text("排队中")
    expect(shop.banner).to_contain_text(re.compile(r"第\d+位"))


def test_guo_hai_goes_on_with_his_dispute_on_another_device_and_finds_the_case_there(shop: Widget, browser: Browser) -> None:
    shop.log_in("C1001")
    shop.open()
    shop.ask("系统扣款失败害我逾期，凭什么收我利息")
    expect(shop.card("case").first).to_be_visible()
    said = shop.texts
    context = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True, locale="zh-CN")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(shop.page.url)
    phone = Widget(page)
    phone.log_in("C1001")
    phone.open()
    phone.expect_texts(*said)
    phone.ask("我的投诉处理到哪了")
    shop.expect_texts(*phone.texts)
    page.get_by_role("tab", name="我的案件").click()
    case = page.get_by_role("tabpanel", name="我的案件")
    case.get_by_role("button", name=re.compile("C-")).first.click()
    expect(case.get_by_role("heading", name="处理经过")).to_be_visible()
    expect(case).to_contain_text("系统扣款失败害我逾期，凭什么收我利息")
    page.close()
    context.close()
