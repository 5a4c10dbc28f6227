"""Recognising a one-time code, and nothing else, in what a borrower typed."""

from __future__ import annotations

import pytest

from bot.identity.codes import code_in


@pytest.mark.parametrize(
    "text",
    [
        "123456",
        " 123456 ",
        "123456。",
        "123456！",
        "１２３４５６",
        "123 456",
        "123-456",
        "验证码123456",
        "验证码：123456",
        "验证码是 123456",
        "我的验证码是123456",
        "收到的验证码是123456。",
        "校验码 123456",
        "短信验证码为１２３４５６",
        "code: 123456",
        "OTP 123456",
        "是123456",
        "123456验证码",
        "我收到的是123456",
        "/123456"[1:],
    ],
)
def test_a_code_is_recognised(text: str) -> None:
    assert code_in(text) == "123456"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345",
        "1234567",
        "123456元",
        "还123456",
        "改成还100000",
        "100000块",
        "12345.6",
        "1234.56",
        "13900001001",
        "合同FQ-123456",
        "123456 654321",
        "FQ123456",
        "没收到验证码",
        "6月123456",
        "验证码123456，还有我想问一下利率",
        '/inform{"amount":123456}',
    ],
)
def test_other_numbers_are_not(text: str) -> None:
    assert code_in(text) is None
