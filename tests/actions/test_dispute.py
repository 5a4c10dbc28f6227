"""What a disputing borrower is told: what was found, what is held, number and dates, what comes next (product §3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
STORY = "系统扣款失败害我逾期，凭什么收我利息"


@pytest.mark.parametrize("customer", ["C1001", "C1004", "C1007"])
def test_everybody_hears_what_is_held_and_the_number_and_dates(serve: Serve, customer: str) -> None:
    server = serve(customer)
    text = server.answer("dispute_overdue_fee", STORY)
    case = server.cards()["case"]
    assert case["case_no"] in text
    assert "8月22日受理" in text
    assert "9月6日" in text
    assert "从现在起" in text
    assert "不催收、不报征信" in text
    assert {"evidence", "case"} <= set(server.cards())


def test_guo_hai_hears_first_that_it_was_us_then_the_days_then_the_receipt(serve: Serve) -> None:
    server = serve("C1001")
    text = server.answer("dispute_overdue_fee", STORY)
    in_order = [
        "逾期的12天都是我们系统造成的",
        "8月10日 09:00",
        "8月10日 18:00",
        "8月11日–8月12日（2天）：我们的原因",
        "8月13日–8月22日（10天）：我们的原因",
        "已经免除¥1.92",
        server.cards()["remedy"]["receipt_no"],
        "请不要再还一次",
    ]
    places = [text.find(part) for part in in_order]
    assert -1 not in places, list(zip(in_order, places, strict=True))
    assert places == sorted(places)


def test_zhao_min_hears_the_reason_and_the_ways_to_appeal(serve: Serve) -> None:
    text = serve("C1004").answer("dispute_overdue_fee", STORY)
    assert "8月13日–8月22日（10天）：没有查到我们的原因，8月12日扣款时卡内余额不足" in text
    assert "收到结果后30天内申请上级书面核查、申请调解、拨打12378、拨打12363" in text
    assert "随时补充" in text


def test_zhou_kai_hears_the_split(serve: Serve) -> None:
    text = serve("C1007").answer("dispute_overdue_fee", STORY)
    assert "8月16日（1天）：我们的原因" in text
    assert "8月17日–8月22日（6天）：没有查到我们的原因，8月17日再次扣款时卡内余额不足" in text
    assert "1天是我们造成的，¥0.05由我们承担；另外6天、¥0.30" in text
