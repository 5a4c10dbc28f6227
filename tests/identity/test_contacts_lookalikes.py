"""What only looks like one of our contacts, and what hides a number from a search (product §2).

Nothing here is ever "official" that is not exactly ours; what is ours stays so with the punctuation people put around it.
"""

from __future__ import annotations

from datetime import date

import pytest

from bot.identity.contacts.check import check, check_all, check_each
from bot.identity.contacts.normal import comparable

TODAY = date(2026, 8, 22)
KEYCAP, STRUCK, UNDERLINED = "\ufe0f\u20e3", "\u0336", "\u0332"


def marked(text: str, mark: str) -> str:
    return "".join(char + mark for char in text)


UNKNOWN: tuple[tuple[str, str], ...] = (
    # accounts that begin with 86 are accounts, not ours behind a country code
    ("账号863301040016000339901", "bank_account"),
    ("收款账号0086 3301040016000339901", "bank_account"),
    ("收款账号+86 3301040016000339901", "bank_account"),
    ("+863301040016000339901", "bank_account"),
    ("00863301040016000339901", "bank_account"),
    ("86 3301 0400 1600 0339 901", "bank_account"),
    ("卡号8633010400160003399", "bank_account"),
    ("转到86-3301040016000118702", "bank_account"),
    # digits with something drawn around or over them
    (marked("13800001001", KEYCAP), "phone"),
    (marked("13800001001", "\u20e3"), "phone"),
    (marked("4001003398", KEYCAP), "phone"),
    (marked("138", KEYCAP) + "-" + marked("0000", KEYCAP) + "-" + marked("1001", KEYCAP), "phone"),
    (marked("13800001001", STRUCK), "phone"),
    (marked("138-0000-1001", STRUCK), "phone"),
    (marked("13800001001", "\u0338"), "phone"),
    (marked("13800001001", UNDERLINED), "phone"),
    (marked("一三八零零零零一零零一", STRUCK), "phone"),
    (marked("6222021234567890123", STRUCK), "bank_account"),
    (marked("1069339912", "\u20dd"), "sms_sender"),
    # words glued to the digits
    ("tel13800001001", "phone"),
    ("TEL13800001001是你们的吗", "phone"),
    ("Tel.13800001001", "phone"),
    ("tel:13800001001", "phone"),
    ("phone13800001001", "phone"),
    ("mobile13800001001", "phone"),
    ("call13800001001", "phone"),
    ("电话13800001001", "phone"),
    ("电话tel4008887777", "phone"),
    ("手机13800001001", "phone"),
    ("手机号a13800001001", "phone"),
    ("电话13800001001x", "phone"),
    ("热线x85123456", "phone"),
    ("拨打4001003399a", "phone"),
    ("拨打a4001003399", "phone"),
    ("tel4001003398", "phone"),
    ("卡号b6222021234567890123", "bank_account"),
    ("账号a3301040016000339901", "bank_account"),
    # an underscore, a mark or another letter belongs to the host
    ("suixingjie.example_evil.com", "url"),
    ("suixingjie.example_evil.com/pay", "url"),
    ("https://suixingjie.example_evil.com", "url"),
    ("suixingjie.example_", "url"),
    ("_suixingjie.example", "url"),
    ("a_suixingjie.example", "url"),
    ("suixingjie_.example", "url"),
    ("www.suixingjie_example.com", "url"),
    ("x\u0336suixingjie.example", "url"),
    ("suixingjie\u0336.example", "url"),
    ("suixingjie.example\u0336", "url"),
    ("sui\u0336xingjie.example", "url"),
    ("suixingjie\u20dd.example", "url"),
    ("https://suixingjie.example\u0336/pay", "url"),
    (marked("suixingjie", STRUCK) + ".example", "url"),
    # the ending goes on
    ("suixingjie.example-pay", "url"),
    ("suixingjie.example-pay.com", "url"),
    ("suixingjie.example--pay", "url"),
    ("suixingjie.example-1", "url"),
    ("suixingjie.examplepay", "url"),
    ("suixingjie.example2", "url"),
    ("suixingjie.example2/pay", "url"),
    ("suixingjie.example" + "a" * 30, "url"),
    ("suixingjie.example\u0430", "url"),  # Cyrillic a
    ("suixingjie.examplé", "url"),
    # a further domain behind a port, a space, a stroke or a full stop
    ("suixingjie.example:443.evil.com", "url"),
    ("suixingjie.example:443.evil.com/pay", "url"),
    ("https://suixingjie.example:443.evil.com", "url"),
    ("https://suixingjie.example:80:evil.com", "url"),
    ("suixingjie.example:80:evil.com", "url"),
    ("suixingjie.example:443evil.com", "url"),
    ("suixingjie.example:99999", "url"),
    ("https://suixingjie.example:x.evil.com", "url"),
    ("suixingjie.example .evil.com", "url"),
    ("suixingjie.example  .evil.com", "url"),
    ("suixingjie.example\n.evil.com", "url"),
    ("suixingjie.example\u3000.evil.com", "url"),
    ("https://suixingjie.example .evil.com", "url"),
    ("suixingjie.example . evil.com", "url"),
    ("suixingjie.example..evil.com", "url"),
    ("suixingjie.example -evil.com", "url"),
    ("suixingjie.example @evil.com", "url"),
    ("suixingjie.example&.evil.com", "url"),
    ("suixingjie.example!.evil.com", "url"),
    ("suixingjie.example....evil.com", "url"),
    ("https://suixingjie.example'.evil.com", "url"),
    ("https://suixingjie.example和.evil.com", "url"),
    ("https://suixingjie.example;.evil.com", "url"),
    ("https://suixingjie.example,evil.com", "url"),
    ("https://suixingjie.example!evil.com", "url"),
    # what no browser opens as ours, although it ends as ours does
    ("https://evil.com%2f.suixingjie.example", "url"),
    ("https://evil.com%23.suixingjie.example", "url"),
    ("https://evil.com%00.suixingjie.example", "url"),
    ("https://evil.com:x/.suixingjie.example", "url"),
    ("http://evil.com:1:2.suixingjie.example", "url"),
    ("suixingjie.example:1.evil.com/.suixingjie.example", "url"),
    ("intent://suixingjie.example/#Intent;scheme=https;package=com.evil;end", "url"),
    ("javascript://suixingjie.example/%0aalert(1)", "url"),
)

OURS: tuple[tuple[str, str], ...] = (
    ("tel4001003399", "phone"),
    ("TEL:400-100-3399", "phone"),
    ("Tel.400-100-3399", "phone"),
    ("tel 4001003399", "phone"),
    ("phone4001003399", "phone"),
    ("电话4001003399", "phone"),
    ("拨打400-100-3399，", "phone"),
    (marked("4001003399", KEYCAP), "phone"),
    (marked("400-100-3399", STRUCK), "phone"),
    (marked("10693399", UNDERLINED), "sms_sender"),
    (marked("3301040016000339901", KEYCAP), "bank_account"),
    ("账号：3301 0400 1600 0339 901。", "bank_account"),
    ("https://suixingjie.example，这是你们的吗", "url"),
    ("请打开https://suixingjie.example！", "url"),
    ("https://suixingjie.example；对吗", "url"),
    ("https://suixingjie.example：", "url"),
    ("https://suixingjie.example？", "url"),
    ("(https://suixingjie.example)", "url"),
    ("“https://suixingjie.example/pay”", "url"),
    ("https://www.suixingjie.example/pay,", "url"),
    ("suixingjie.example，这是你们的吗", "url"),
    ("suixingjie.example.", "url"),
    ("suixingjie.example:8443，是你们的吗", "url"),
    ("suixingjie.example:443/pay", "url"),
    ("官网:suixingjie.example", "url"),
    ("官网是 suixingjie.example 吗", "url"),
    ("- suixingjie.example", "url"),
    ("官网——suixingjie.example", "url"),
    ("a.b.suixingjie.example", "url"),
    ("👉suixingjie.example👈", "url"),
    ("http://suixingjie.example", "url"),
)


@pytest.mark.parametrize(("text", "kind"), UNKNOWN, ids=[ascii(text) for text, _ in UNKNOWN])
def test_what_only_looks_like_ours_is_unknown(text: str, kind: str) -> None:
    """Also for who asks about it: the only verdict, or the graver beside our own."""
    found = check(text, TODAY)
    assert found is not None
    assert (found.kind, found.result) == (kind, "unknown")
    assert "unknown" in {item.result for item in check_each(f"{text} 是你们的吗", TODAY)}


@pytest.mark.parametrize(("text", "kind"), OURS, ids=[ascii(text) for text, _ in OURS])
def test_what_is_ours_is_official_with_what_stands_around_it(text: str, kind: str) -> None:
    assert [(item.kind, item.result) for item in check_each(text, TODAY)] == [(kind, "official")]


@pytest.mark.parametrize("text", ["x13800001001", "订单AB12345678", "sf13800001001", "单号SF1234567890123"])
def test_letters_at_digits_are_a_contact_only_where_something_says_so(text: str) -> None:
    assert check_all(text, TODAY) == []
    assert [item.result for item in check_each(text, TODAY)] == ["unknown"]


def test_a_letter_at_the_digits_does_not_make_another_person_of_the_fraud() -> None:
    """Reports of the same number are counted together, with the letter or without."""
    (glued,) = check_each("手机号a13800001001", TODAY)
    (plain,) = check_each("手机号13800001001", TODAY)
    assert glued.value == plain.value


def test_two_accounts_are_two_however_they_begin() -> None:
    assert comparable("bank_account", "863301040016000339901") != comparable("bank_account", "3301040016000339901")
    assert comparable("bank_account", "6222-0212 3456.7890") == comparable("bank_account", "6222021234567890")
