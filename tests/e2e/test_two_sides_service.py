"""What passes between the two sides besides words: a file, money given back by two people, a rating, a wish out of hours."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, expect

from bot.conversations import handoff
from bot.core.clock import SHANGHAI
from tests.attachments.files import HTML, image
from tests.e2e.desk import Desk
from tests.e2e.office import DISPUTE
from tests.e2e.sides import Sides, sides, staffed_file
from tests.e2e.test_service import attach

pytestmark = pytest.mark.browser

__all__ = ["sides", "staffed_file"]

SIZE = (640, 400)
PICTURE = image(size=SIZE)
TOO_LARGE = 10 * 1024 * 1024 + 1


def test_a_picture_of_the_borrower_is_seen_and_opened_at_the_desk(sides: Sides) -> None:
    borrower, agent = sides.together("我发个截图")
    chat, desk = borrower.widget, agent.desk
    attach(chat, FilePayload(name="还款中.png", mimeType="image/png", buffer=PICTURE))
    expect(chat.messages.last).to_contain_text("图片")
    shown = desk.log.locator("[data-card=attachment] img")
    expect(shown).to_be_visible()
    shown.evaluate("image => image.decode()")
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == list(SIZE)
    expect(desk.packet.get_by_role("link").filter(has_text="PNG 图片")).to_contain_text("客户")
    with agent.page.context.expect_page() as opened:
        desk.log.get_by_role("link", name="查看附件").click()
    answered = agent.page.context.request.get(opened.value.url)
    assert (answered.status, answered.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answered.body())).size == SIZE


@pytest.mark.parametrize(
    ("file", "why"),
    [
        pytest.param(
            FilePayload(name="截图.png", mimeType="image/png", buffer=HTML),
            "只能上传 JPG、PNG、WebP 图片或 PDF",
            id="a page that calls itself a picture",
        ),
        pytest.param(
            FilePayload(name="截图.png", mimeType="image/png", buffer=PICTURE[:200]), "这个文件打不开", id="a torn picture"
        ),
        pytest.param(
            FilePayload(name="录像.jpg", mimeType="image/jpeg", buffer=bytes(TOO_LARGE)), "文件超过 10 MB", id="too large"
        ),
    ],
)
def test_a_file_that_is_refused_is_refused_in_words_and_reaches_nobody(sides: Sides, file: FilePayload, why: str) -> None:
    borrower, agent = sides.together("我发个文件")
    attach(borrower.widget, file)
    expect(borrower.widget.log.get_by_role("alert")).to_contain_text(why)
    borrower.widget.button("删除").click()
    borrower.widget.say("算了，我直接说")
    expect(agent.desk.message("borrower", "算了，我直接说")).to_be_visible()
    expect(agent.desk.log.locator("[data-card=attachment]")).to_have_count(0)


def command(desk: Desk, name: str) -> None:
    desk.page.get_by_role("region", name="案件详情").get_by_role("button", name=name, exact=True).click()


def test_money_is_given_back_by_two_people_and_the_borrower_gets_the_receipt(sides: Sides) -> None:
    """周凯 (C1007): the first of seven overdue days was the system's, 0.05 % of ¥100.00: ¥0.05."""
    borrower = sides.borrower("C1007")
    chat = borrower.widget
    chat.ask(DISPUTE)
    case_no = re.findall(r"C-[\d-]+", chat.card("case").inner_text())[0]

    first = sides.agent("S2101").desk
    first.view("案件")
    first.page.get_by_role("region", name="案件", exact=True).get_by_role("link", name=case_no).click()
    command(first, "提出方案")
    dialog = first.page.get_by_role("dialog")
    dialog.get_by_label("原因").fill("到期日当天系统超时，首日费用应退减")
    dialog.get_by_role("button", name="提出方案").click()
    command(first, "通过方案")
    expect(dialog).to_contain_text("您是提出人，不能审批自己的方案")
    dialog.get_by_role("button", name="通过方案").click()
    expect(dialog.get_by_role("alert")).to_contain_text("需要另一个人")
    expect(chat.card("remedy").filter(has_text="已退减")).to_have_count(0)

    second = sides.agent("S2102").desk
    second.view("审批")
    waiting = second.page.get_by_role("article").filter(has_text=case_no)
    waiting.get_by_role("button", name="通过方案").click()
    second.page.get_by_role("dialog").get_by_role("button", name="通过方案").click()
    expect(waiting).to_have_count(0)
    second.page.evaluate(f"location.hash = '#/cases/{case_no}'")
    detail = second.page.get_by_role("region", name="案件详情")
    receipt = detail.get_by_text(re.compile(r"R-\d+")).first
    expect(receipt).to_be_visible()
    receipt_no = re.findall(r"R-[\d-]+", receipt.inner_text())[0]
    expect(detail.get_by_role("button", name="通过方案")).to_have_count(0)

    sides.office.deliver_notices()
    given = chat.card("remedy").filter(has_text=receipt_no)
    expect(given).to_have_count(1)
    expect(given).to_contain_text("¥0.05")
    expect(chat.log.locator(".message .text").filter(has_text=receipt_no)).to_have_count(1)


def test_a_rating_after_the_conversation_is_on_the_board(sides: Sides) -> None:
    borrower, agent = sides.together("问题解决了")
    agent.page.get_by_role("button", name="交还机器人").click()
    agent.desk.confirm()
    card = borrower.widget.card("rating")
    card.get_by_role("radio", name="4星").check()
    card.get_by_role("textbox").fill("很耐心")
    card.get_by_role("button", name="提交评价").click()
    expect(card).to_contain_text("谢谢您的评价（4星）")

    board = sides.agent("S2101").desk
    board.view("看板")
    row = board.page.get_by_role("row").filter(has_text="小林")
    expect(row).to_contain_text("4.0")
    expect(board.page.get_by_role("listitem").filter(has_text="很耐心")).to_contain_text("4星")
    satisfaction = board.page.locator("section").filter(has=board.page.get_by_role("heading", name="满意度"))
    expect(satisfaction.get_by_role("img")).to_have_accessible_name(re.compile("小林4.0"))


@pytest.fixture
def closed_at_night(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OFFICE_HOURS", "09:00-21:00")
    handoff._default_hours.cache_clear()
    yield
    handoff._default_hours.cache_clear()


@pytest.mark.usefixtures("closed_at_night")
def test_outside_office_hours_the_wish_becomes_a_case_and_is_found_in_the_morning(sides: Sides) -> None:
    sides.office.clock.moment = datetime(2026, 8, 22, 22, 30, tzinfo=SHANGHAI)
    known, visitor = sides.borrower("C1002").widget, sides.borrower().widget
    known.ask("转人工")
    visitor.ask("转人工")
    expect(known.log).to_contain_text("同事上班后会联系您")
    case_no = re.findall(r"C-[\d-]+", known.log.inner_text())[0]
    expect(known.human, "the bot goes on").to_have_text("转人工")
    expect(visitor.log).to_contain_text("现在不是人工服务时间（每天09:00-21:00）。您的请求已经记下")
    known.ask("怎么提前还款")
    expect(known.messages.last).to_have_attribute("data-author", "bot")

    sides.office.clock.moment = datetime(2026, 8, 23, 9, 5, tzinfo=SHANGHAI)
    desk = sides.agent("A2001").desk
    waiting = desk.queue.locator("a[data-waiting]").filter(has_text="非服务时间")
    expect(waiting).to_have_count(2)
    waiting.filter(has_text="C1002").click()
    expect(desk.packet).to_contain_text("服务时间内联系客户")
    expect(desk.packet.get_by_role("link", name=case_no)).to_be_visible()
    desk.claim()
    desk.reply("早上好，昨晚您找人工，我来跟进。")
    expect(known.messages.last).to_contain_text("昨晚您找人工")
    expect(known.banner).to_contain_text("人工客服正在和您对话")
    desk.view("案件")
    desk.page.get_by_role("region", name="案件", exact=True).get_by_role("link", name=case_no).click()
    expect(desk.page.get_by_role("region", name="案件详情")).to_contain_text("C1002")
