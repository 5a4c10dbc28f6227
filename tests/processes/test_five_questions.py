"""The five original questions through the real HTTP entrance, anonymous and as each demo customer (product §1, facts 1–5)."""

from __future__ import annotations

import pytest

from tests.live import LiveApp

pytestmark = pytest.mark.processes

CUSTOMERS = [None, "C1001", "C1002", "C1003", "C1004", "C1005", "C1006", "C1007", "C1008"]


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_application_failed(live_app: LiveApp, customer: str | None) -> None:
    chat = live_app.chat(customer)
    chat.say("我申请借款一直失败是怎么回事")
    assert chat.intent == "report_application_failed"
    assert "额度" in chat.text
    if customer is None:
        assert "30天" in chat.text
        assert "不影响" in chat.text


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_early_repayment(live_app: LiveApp, customer: str | None) -> None:
    chat = live_app.chat(customer)
    chat.say("我想提前还款应该怎么操作")
    assert chat.intent == "ask_early_repayment"
    assert "随星借 → 首页 → 去还款 → 提前还款" in chat.text


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_settle_everything(live_app: LiveApp, customer: str | None) -> None:
    chat = live_app.chat(customer)
    chat.say("可以一次性把全部借款都还清吗")
    assert chat.intent == "settle_all"
    assert "还款计划" in chat.text
    assert "输入其他金额" in chat.text
    if customer not in (None, "C1003"):  # 王强 owes nothing
        assert chat.card("payoff_quote")["total"] > 0


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_scheduled_repayment(live_app: LiveApp, customer: str | None) -> None:
    chat = live_app.chat(customer)
    chat.say("预约还款是怎么用的")
    assert chat.intent == "schedule_repayment"
    assert "10天" in chat.text
    assert "到期日" in chat.text


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_credit_inquiry(live_app: LiveApp, customer: str | None) -> None:
    chat = live_app.chat(customer)
    chat.say("借款的时候会查我的征信吗")
    assert chat.intent == "ask_credit_inquiry"
    assert "授权" in chat.text
