"""审批 in the browser: who asked sees that they cannot decide, and another supervisor decides there."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from bot.cases.handling import CaseHandling
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from tests.cases.conftest import CONTRACTS
from tests.e2e.office import Office
from tests.e2e.sides import Sides, sides, staffed_file

pytestmark = pytest.mark.browser

__all__ = ["sides", "staffed_file"]


def ask_for_sixty_days(office: Office, supervisor: str) -> str:
    """The number of a complaint whose extension waits."""
    with office.runtime.database.transaction() as session:
        loans = office.runtime.loans.open(session)
        opened = CaseService(session, office.clock, loans).open_complaint(
            customer_id="C1002", conversation_id="v", channel="rest", story="催收骂人", callback_phone=None, key="complaint"
        )
        handling = CaseHandling(session, office.clock, loans)
        handling.request_extension(opened.case.case_no, Actor("supervisor", supervisor), days=60, reason="要等外部机构回函")
    return opened.case.case_no


def draft_a_remedy(office: Office) -> str:
    """The number of a dispute in which the bot drafted what may be given back."""
    contract_no, instalment = CONTRACTS["C1007"]
    with office.runtime.database.transaction() as session:
        cases = CaseService(session, office.clock, office.runtime.loans.open(session))
        outcome = cases.open_dispute(
            customer_id="C1007",
            conversation_id="v",
            channel="rest",
            story="扣款失败害我逾期",
            contract_no=contract_no,
            instalment=instalment,
            key="dispute",
        )
    return outcome.case.case_no


def test_a_supervisor_decides_on_what_another_asked_for(sides: Sides) -> None:
    case_no, drafted = ask_for_sixty_days(sides.office, "S2101"), draft_a_remedy(sides.office)
    asking, deciding = sides.agent("S2101").desk, sides.agent("S2102").desk
    asking.view("审批")
    card = asking.page.get_by_role("article").filter(has_text=case_no)
    expect(card).to_contain_text("您是提出人")
    expect(card.get_by_role("button")).to_have_count(0)
    deciding.view("审批")
    card = deciding.page.get_by_role("article").filter(has_text=case_no)
    for words in ("延期申请", "投诉", "10月21日（自受理起60天）", "S2101", "要等外部机构回函"):
        expect(card).to_contain_text(words)
    drafts = deciding.page.get_by_role("region", name="机器人草拟，尚未提交")
    expect(drafts.get_by_role("article").filter(has_text=drafted)).to_contain_text("待坐席提交")
    card.get_by_role("button", name="批准延期", exact=True).click()
    deciding.page.get_by_role("dialog").get_by_role("button", name="批准延期").click()
    expect(card).to_have_count(0)
    expect(deciding.page.get_by_text("没有等待审批的事项")).to_be_visible()


def test_a_refusal_gives_its_reason(sides: Sides) -> None:
    case_no = ask_for_sixty_days(sides.office, "S2101")
    desk = sides.agent("S2102").desk
    desk.view("审批")
    card = desk.page.get_by_role("article").filter(has_text=case_no)
    card.get_by_role("button", name="不批准延期").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("原因").fill("材料已经齐了")
    dialog.get_by_role("button", name="不批准延期").click()
    expect(card).to_have_count(0)
    desk.page.evaluate(f"location.hash = '#/cases/{case_no}'")
    expect(desk.page.get_by_text("未批准延至60天")).to_be_visible()
    expect(desk.page.get_by_text("材料已经齐了")).to_be_visible()
