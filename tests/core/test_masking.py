"""Nothing personal gets out in clear, and what looks similar but is not stays readable."""

from __future__ import annotations

import logging

import pytest
import structlog

from bot.core.logs import configure_logging
from bot.core.masking import card_tail, mask, mask_name, mask_phone


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我的手机13900001001", "我的手机139****1001"),
        ("+86 139-0000-1001", "+86 139****1001"),
        ("卡号6222021234567890123", "卡号6222********0123"),
        ("卡号6222 0212 3456 7890", "卡号6222********7890"),
        ("身份证11010519491231002X", "身份证110***********002X"),
        ("验证码是123456", "验证码是******"),
        ("otp: 123456", "otp: ******"),
        ("Authorization: Bearer abcdefghijk", "Authorization: Bearer <token>"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "<token>"),
        ("GET /gettoken?corpid=ww1&corpsecret=s3cr-et_0 200", "GET /gettoken?corpid=ww1&corpsecret=<secret> 200"),
        ("/cgi-bin/token?appid=wx1&secret=0123abcd&x=1", "/cgi-bin/token?appid=wx1&secret=<secret>&x=1"),
        ("/send?access_token=68_ab-CD_ef%3D%3D", "/send?access_token=<secret>"),
        ("wss://a.example/ws?ticket=9e71-55%2Bab&access_key=abcdef123", "wss://a.example/ws?ticket=<secret>&access_key=<secret>"),
        (
            "https://oss.example/a?OSSAccessKeyId=LTAI4Gx&Signature=yW%2Fk",
            "https://oss.example/a?OSSAccessKeyId=<secret>&Signature=<secret>",
        ),
        ('{"app_secret": "abcdef123", "accessToken":"t-g1044"}', '{"app_secret": "<secret>", "accessToken":"<secret>"}'),
        ("{'tenant_access_token': 't-g10440'}", "{'tenant_access_token': '<secret>'}"),
        (r'"{\"access_token\":\"68_abcd\"}"', r'"{\"access_token\":\"<secret>\"}"'),
    ],
)
def test_personal_data_is_hidden(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", ["第10期还款320.67元", "合同FQ-20251010-1001", "客服400-100-3399", "2026-08-22 10:00"])
def test_amounts_dates_contracts_and_service_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_a_phone_and_a_card_keep_what_their_owner_recognises() -> None:
    assert mask_phone("13900001001") == "139****1001"
    assert card_tail("6222021234567890123") == "0123"


@pytest.mark.parametrize(("name", "masked"), [("李婷", "李*"), ("欧阳晓明", "欧***"), ("李", "李"), ("", "")])
def test_a_name_keeps_its_first_character(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_a_traceback_is_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        configure_logging(json=True)
        logging.getLogger("other.library").error("failed", exc_info=ValueError("customer 13900001001"))
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    line = capsys.readouterr().err
    assert "13900001001" not in line
    assert "139****1001" in line


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("conversation=db963589d6c14b2684123456782525f7 ok", "conversation=db963589d6c14b2684123456782525f7 ok"),
        ("sender=v-a1390000100200000000000000000bcd", "sender=v-a1390000100200000000000000000bcd"),
        ("Bearer db963589d6c14b2684123456782525f7", "Bearer <token>"),
        ("凭证号R-20260822-12347036。", "凭证号R-20260822-12347036。"),
        ("MR-20260822-01、P-20260822-1234567812345678", "MR-20260822-01、P-20260822-1234567812345678"),
        ("卡R-62220212-34567890", "卡R-6222********7890"),
        ("XR-20260822-12347036", "XR-2026********7036"),
        ("a6222021234567890123 db963589d6c14b2684123456782525f7", "a6222********0123 db963589d6c14b2684123456782525f7"),
    ],
)
def test_an_id_of_ours_stays_whole_so_that_it_can_be_searched_for(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "number",
    [
        "R-20260822-04938171",
        "MR-20260822-01",
        "RF-20260822-13900001",
        "CA-20261231-00000000",
        "P-20260822-93817004",
        "C-20260822-0001",
        "I-20261231-00000000",
    ],
)
@pytest.mark.parametrize("text", ["回单{}已开", "（{}）", "{},{}", "receipt={} ok"])
def test_a_number_of_ours_stays_whole_so_that_it_can_be_searched_for(number: str, text: str) -> None:
    whole = text.replace("{}", number)
    assert mask(whole) == whole


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("卡号6222021234567890123，回单R-20260822-04938171", "卡号6222********0123，回单R-20260822-04938171"),
        ("R-20260822-04938171 13900001002", "R-20260822-04938171 139****1002"),
        ("C-20260822-0001 6222 0212 3456 7890", "C-20260822-0001 6222********7890"),
        ("R-62220212-34567890", "R-6222********7890"),
        ("R-20261322-04938171", "R-2026********8171"),
        ("AR-6222021234567890", "AR-6222********7890"),
    ],
)
def test_a_card_beside_a_number_of_ours_or_dressed_up_as_one_is_hidden(text: str, masked: str) -> None:
    assert mask(text) == masked
