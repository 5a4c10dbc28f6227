"""The page against the really running stack: Rasa, action server, app."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import DESKTOP
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


def _answer(widget: Widget) -> str:
    """Everything that the bot has said."""
    return " ".join(widget.log.locator(".message[data-author=bot]:not(.greeting)").all_inner_texts())


@pytest.mark.parametrize("question", FIVE_QUESTIONS)
def test_a_visitor_gets_the_answer_to_each_of_the_five_questions(shop: Widget, question: str) -> None:
    shop.open()
    shop.ask(question)
    assert re.search(FIVE_QUESTIONS[question], _answer(shop), re.DOTALL), _answer(shop)
    expect(shop.banner).to_be_empty()


@pytest.mark.parametrize("question", FIVE_QUESTIONS)
def test_li_ting_gets_an_answer_to_each_of_the_five_questions(shop: Widget, question: str) -> None:
    shop.log_in("C1002")
    shop.open()
    shop.ask(question)
    assert not re.search(NOT_AN_ANSWER, _answer(shop)), _answer(shop)
    expect(shop.banner).to_be_empty()


def test_li_ting_sees_the_quote_of_her_three_contracts(shop: Widget) -> None:
    shop.log_in("C1002")
    shop.open()
    shop.ask("我想一次全部还清，要多少钱")
    quote = shop.card("payoff_quote")
    expect(quote).to_be_visible()
    expect(quote.get_by_role("table")).to_have_count(3)
    # KD: 40 days at 0.04 % of 10000.00 is 160.00, so 10160.00
    expect(quote).to_contain_text("¥10160.00")
    shop.page.reload()
    shop.open()
    expect(shop.card("payoff_quote")).to_contain_text("¥10160.00")


def test_asking_for_a_human_shows_the_queue(shop: Widget) -> None:
    shop.open()
    shop.human.click()
    expect(shop.card("handoff")).to_be_visible()
    expect(shop.human).to_have_text("排队中")
    expect(shop.banner).to_contain_text(re.compile(r"第\d+位"))
