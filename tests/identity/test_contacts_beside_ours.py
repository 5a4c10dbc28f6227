"""A number that nothing but the question makes a contact, beside one that is really ours (product §2): frauds are written so."""

from __future__ import annotations

import pytest

from bot.identity.contacts.check import check_all, check_each, gravest
from tests.identity.test_contacts_check import FORMATS, NOTHING, TODAY

BESIDE_OURS: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("400-100-3399和85123456是你们的吗", [("phone", "official"), ("phone", "unknown")]),
    ("官网suixingjie.example的客服 8888 6666 是你们的吗", [("url", "official"), ("phone", "unknown")]),
    ("suixingjie.example，还有85123456，是真的吗", [("url", "official"), ("phone", "unknown")]),
    ("85123456说他是4001003399的", [("phone", "unknown"), ("phone", "official")]),
    ("10693399发的，让我回66668888", [("sms_sender", "official"), ("phone", "unknown")]),
    ("3301040016000339901和8888666688886666是你们的吗", [("bank_account", "official"), ("bank_account", "unknown")]),
    # one's own number is nobody to check beside something else
    ("我的手机号是13900001002，4001003399打给我，是你们吗", [("phone", "official")]),
    ("4001003399打到我的手机13900001002，是你们吗", [("phone", "official")]),
    ("我的银行卡6222021234567890123，对方85123456让我转账", [("phone", "unknown")]),
    # but it is when it is all there is to ask about
    ("我的手机号是13900001002，是你们的吗", [("phone", "unknown")]),
    # dates, amounts, our own contract numbers stay what they are
    ("4001003399打来说我2026年8月10日欠320.67元，合同FQ-20251010-1001，是你们吗", [("phone", "official")]),
)


@pytest.mark.parametrize(("text", "verdicts"), BESIDE_OURS, ids=[text for text, _ in BESIDE_OURS])
def test_an_unknown_number_beside_a_real_contact_is_judged_too(text: str, verdicts: list[tuple[str, str]]) -> None:
    assert [(item.kind, item.result) for item in check_each(text, TODAY)] == verdicts


@pytest.mark.parametrize(("text", "kind", "result"), FORMATS, ids=[text for text, _, _ in FORMATS])
def test_a_text_that_asks_about_contacts_is_judged_as_any_other(text: str, kind: str, result: str) -> None:
    found = gravest(check_each(text, TODAY))
    assert found is not None
    assert (found.kind, found.result) == (kind, result)


@pytest.mark.parametrize("text", NOTHING)
def test_a_question_without_a_contact_names_none(text: str) -> None:
    assert check_each(text, TODAY) == []


CALL_ME = (
    "我已经举报了，请回我电话13900001002",
    "麻烦联系我 13900001002",
    "有消息请打我电话：139 0000 1002",
    "请给我回电话13900001002",
    "我手机13900001002",
    "我的联系方式13900001002",
)
SOMEBODY_ELSE = (
    "有人老打我电话13800001001",
    "他打我手机13800001001",
    "短信说，请回我电话13800001001",
    "对方让我回电话13800001001",
    "内容是：请联系我13800001001",
    "联系我的号码13800001001是骗子",
    "请联系我85123456",
    "骗子电话13800001001",
)


@pytest.mark.parametrize("text", CALL_ME)
def test_where_one_wants_to_be_called_is_no_contact_of_a_story(text: str) -> None:
    assert check_all(text, TODAY) == []


@pytest.mark.parametrize("text", SOMEBODY_ELSE)
def test_the_number_of_somebody_else_stays_one(text: str) -> None:
    assert [item.result for item in check_each(text, TODAY)] == ["unknown"]


@pytest.mark.parametrize("text", SOMEBODY_ELSE[:6])
def test_the_number_of_somebody_else_stays_one_in_a_story(text: str) -> None:
    assert [item.result for item in check_all(text, TODAY)] == ["unknown"]


@pytest.mark.parametrize("text", CALL_ME[:5])
def test_who_asks_about_a_pasted_message_gets_a_verdict_on_its_number(text: str) -> None:
    """A fraud writes 请回我电话, too: beside our hotline it must not be passed over."""
    assert "unknown" in {item.result for item in check_each(f"4001003399发来的：{text}", TODAY)}


@pytest.mark.parametrize("number", ["12378", "12363", "12356", "12345", "12315", "12348", "96110", "+86 12378", "１２３７８"])
def test_a_hotline_of_the_authorities_is_public(number: str) -> None:
    (found,) = check_each(f"{number}是你们的吗", TODAY)
    assert (found.result, found.suspicious) == ("public", False)


@pytest.mark.parametrize("number", ["123780", "012378", "112378", "0961100", "96111"])
def test_what_only_looks_like_such_a_hotline_is_not(number: str) -> None:
    assert [item.result for item in check_each(f"电话{number}是你们的吗", TODAY)] == ["unknown"]
