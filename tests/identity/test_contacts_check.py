"""Official contacts in every format people paste them, and what only looks like them (product §2, §6)."""

from __future__ import annotations

from datetime import date

import pytest

from bot.identity.contacts.check import check, check_all
from bot.identity.contacts.registry import OfficialContact, Registry, default_registry

TODAY = date(2026, 8, 22)

FORMATS: tuple[tuple[str, str, str], ...] = (
    # our service number
    ("400-100-3399", "phone", "official"),
    ("4001003399", "phone", "official"),
    ("400 100 3399", "phone", "official"),
    ("400.100.3399", "phone", "official"),
    ("(400)100-3399", "phone", "official"),
    ("400—100—3399", "phone", "official"),
    ("４００－１００－３３９９", "phone", "official"),
    ("4 0 0 1 0 0 3 3 9 9", "phone", "official"),
    ("+86 400-100-3399", "phone", "official"),
    ("+864001003399", "phone", "official"),
    ("0086-400-100-3399", "phone", "official"),
    ("86-400-100-3399", "phone", "official"),
    ("四零零一零零三三九九", "phone", "official"),
    ("400\u200b100\u200b3399", "phone", "official"),
    ("刚才400-100-3399打给我，是你们吗？", "phone", "official"),
    ("短信让我回拨4001003399", "phone", "official"),
    ("肆零零 壹零零 叁叁玖玖", "phone", "official"),
    ("4零零1零零3399", "phone", "official"),
    ("400一100一3399", "phone", "official"),
    ("400·100·3399", "phone", "official"),
    ("400*100*3399", "phone", "official"),
    ("400/100/3399", "phone", "official"),
    ("4OO-1OO-3399", "phone", "official"),
    ("400-l00-3399", "phone", "official"),
    ("④⓪⓪①⓪⓪③③⑨⑨", "phone", "official"),
    ("tel:+86-400-100-3399", "phone", "official"),
    ("400\u2060100\ufe0f3399", "phone", "official"),
    # what only looks like it
    ("400-100-3398", "phone", "unknown"),
    ("400-100-33998", "phone", "unknown"),
    ("400-100-339", "phone", "unknown"),
    ("0400-100-3399", "phone", "unknown"),
    ("00400-100-3399", "phone", "unknown"),
    ("+400-100-3399", "phone", "unknown"),
    ("+1 400-100-3399", "phone", "unknown"),
    ("12345-400-100-3399", "bank_account", "unknown"),
    # other numbers
    ("13900001001", "phone", "unknown"),
    ("139-0000-1001", "phone", "unknown"),
    ("+86 139 0000 1001", "phone", "unknown"),
    ("010-12345678", "phone", "unknown"),
    ("95188", "phone", "unknown"),
    ("+852 6123 4567", "phone", "unknown"),
    ("来电85123456", "phone", "unknown"),
    ("85123456", "phone", "unknown"),
    ("138零零零零1001", "phone", "unknown"),
    ("139，0000，1001", "phone", "unknown"),
    ("139_0000_1001", "phone", "unknown"),
    ("1 3 9 0 0 0 0 1 0 0 1", "phone", "unknown"),
    # SMS senders
    ("一零六九三三九九", "sms_sender", "official"),
    ("106 9339 9", "sms_sender", "official"),
    ("sms:10693399", "sms_sender", "official"),
    ("1069 3399", "sms_sender", "official"),
    ("10693399", "sms_sender", "official"),
    ("１０６９３３９９", "sms_sender", "official"),
    ("+8610693399", "sms_sender", "official"),
    ("10693399发来的短信是真的吗", "sms_sender", "official"),
    ("106933990", "sms_sender", "unknown"),
    ("1069339912", "sms_sender", "unknown"),
    ("106581234567", "sms_sender", "unknown"),
    ("短信号码95588", "sms_sender", "unknown"),
    # bank accounts
    ("3301 0400 1600 0339 901", "bank_account", "official"),
    ("3301040016000339901", "bank_account", "official"),
    ("3301-0400-1600-0339-901", "bank_account", "official"),
    ("３３０１０４００１６０００３３９９０１", "bank_account", "official"),
    ("3301 0400 1600 0118 702", "bank_account", "retired"),
    ("让我转账到3301040016000118702", "bank_account", "retired"),
    ("3301040016000339902", "bank_account", "unknown"),
    ("33010400160003399010", "bank_account", "unknown"),
    ("6222 0212 3456 7890 123", "bank_account", "unknown"),
    ("收款账号 110907654321", "bank_account", "unknown"),
    ("三三零一零四零零一六零零零三三九九零一", "bank_account", "official"),
    ("3301.0400.1600.0118.702", "bank_account", "retired"),
    ("六二二二零二一二三四五六七八九零一二三", "bank_account", "unknown"),
    ("支付宝账号13900001001", "bank_account", "unknown"),
    # links
    ("请打开https://suixingjie.example看看", "url", "official"),
    ("suixingjie . example", "url", "official"),
    ("suixingjie dot example", "url", "official"),
    ("hxxps://suixingjie[.]example/a", "url", "official"),
    ("suixingjie\u00ad.exam\u200dple", "url", "official"),
    ("suixingjie\ufe52example", "url", "official"),
    ("https://suixingjie.example#@evil.com", "url", "official"),  # opens ours
    ("suixingjie.example%2eevil.com", "url", "unknown"),
    ("suixingjie.example%00.evil.com", "url", "unknown"),
    ("suixingjie.example。2evil.com", "url", "unknown"),
    ("suixingjie.example星.com", "url", "unknown"),
    ("https://suixingjie.example星.com/login", "url", "unknown"),
    ("https://suixingjie.example:443@evil.com", "url", "unknown"),
    ("suixingjie.example:8443@evil.com", "person", "unknown"),
    ("https://suixingjie.example%2f@evil.com", "url", "unknown"),
    ("http://evil.com/https://suixingjie.example", "url", "unknown"),
    ("evil[.]com", "url", "unknown"),
    ("evil(dot)com", "url", "unknown"),
    ("evil点com", "url", "unknown"),
    ("su\u0456xingjie.example", "url", "unknown"),  # Cyrillic i
    ("suixingj\u0131e.example", "url", "unknown"),  # dotless i
    ("suixingjie.ex\u0430mple", "url", "unknown"),  # Cyrillic a in the ending
    ("suixi\u00f1gjie.example", "url", "unknown"),
    ("suixingjie-kefu.example", "url", "unknown"),
    ("suixingjie.exampIe", "url", "unknown"),  # a capital i
    ("http://[2001:db8::1]/pay", "url", "unknown"),
    ("http://3405803785/pay", "url", "unknown"),
    ("随星借.中国", "url", "unknown"),
    ("suixingjie.example", "url", "official"),
    ("https://suixingjie.example", "url", "official"),
    ("HTTPS://WWW.SuiXingJie.EXAMPLE/pay?x=1", "url", "official"),
    ("m.suixingjie.example/a", "url", "official"),
    ("https://suixingjie.example:8443/a#b", "url", "official"),
    ("https://suixingjie.example./", "url", "official"),
    ("ｓｕｉｘｉｎｇｊｉｅ．ｅｘａｍｐｌｅ", "url", "official"),
    ("suixingjie。example", "url", "official"),
    ("suixingjie点example", "url", "official"),
    ("请打开suixingjie.example看看", "url", "official"),
    ("suixingjie.example.cn", "url", "unknown"),
    ("suixingjie.example.evil.com", "url", "unknown"),
    ("suixing-jie.example", "url", "unknown"),
    ("suix1ngjie.example", "url", "unknown"),
    ("suixlngjie.example", "url", "unknown"),
    ("notsuixingjie.example", "url", "unknown"),
    ("suixingjie.examples", "url", "unknown"),
    ("suixingjie-example.com", "url", "unknown"),
    ("https://suixingjie.example@evil.com/login", "url", "unknown"),
    ("https://evil.com\\@suixingjie.example", "url", "unknown"),
    ("https://evil.com/suixingjie.example", "url", "unknown"),
    ("https://evil.com?suixingjie.example", "url", "unknown"),
    ("\u0455uixingjie.example", "url", "unknown"),  # Cyrillic s
    ("https://xn--uixingjie-k9h.example", "url", "unknown"),
    ("http://203.0.113.9/pay", "url", "unknown"),
    ("203.0.113.9", "url", "unknown"),
    ("t.cn/A6xyz", "url", "unknown"),
    ("随星借.com", "url", "unknown"),
    # people and chat accounts
    ("微信号 suixing_kefu88", "person", "unknown"),
    ("加V：abc12345", "person", "unknown"),
    ("vx abc12345", "person", "unknown"),
    ("微信13900001001", "person", "unknown"),
    ("他让我加他微信", "person", "unknown"),
    ("QQ:123456789", "person", "unknown"),
    ("ＱＱ群123456789", "person", "unknown"),
    ("telegram @suixing_vip", "person", "unknown"),
    ("service@suixingjie.example", "person", "unknown"),
    ("suixingjie.example@evil.com", "person", "unknown"),
    ("微 信 abc12345", "person", "unknown"),
    ("威❤信：abc12345", "person", "unknown"),
    ("加薇❤️abc12345", "person", "unknown"),
    ("V❤ abc12345", "person", "unknown"),
    ("WeChat: SuiXing_Kefu", "person", "unknown"),
    ("微信139 0000 1001", "person", "unknown"),
    ("q q：1 2 3 4 5 6 7 8 9", "person", "unknown"),
    ("QQ：一二三四五六七八九", "person", "unknown"),
    ("扣扣群 88888888", "person", "unknown"),
    ("whatsapp +852 6123 4567", "person", "unknown"),
    ("企业微信 suixing01", "person", "unknown"),
    ("公众号叫随星借客服中心", "person", "unknown"),
    ("张经理说可以帮我提额", "person", "unknown"),
    ("小李客服让我先交钱", "person", "unknown"),
    ("贷款专员张伟", "person", "unknown"),
    ("对方自称王小明", "person", "unknown"),
)

NOTHING = (
    "怎么还款",
    "官方客服电话多少",
    "你们的客服是真的吗",
    "高级经理是谁",
    "任何客服都可以吗",
    "我借了10000元",
    "扣了320.67",
    "¥400100",
    "2026-08-10扣的款",
    "20260810",
    "合同FQ-20251010-1001",
    "编号C-20260822-0001",
    "验证码123456",
    "身份证110101199003071230",
    "微信支付可以还款吗",
    "分12期",
    "找客服方便吗",
    "客服何时上班",
    "公众号怎么关注",
    "别再加威胁我了",
    "转账1,000,000元",
    "借了五千三百二十一元",
    "",
)


@pytest.mark.parametrize(("text", "kind", "result"), FORMATS, ids=[text for text, _, _ in FORMATS])
def test_a_contact_is_recognised_however_it_is_written(text: str, kind: str, result: str) -> None:
    found = check(text, TODAY)
    assert found is not None
    assert (found.kind, found.result) == (kind, result)
    assert found.card() == {"type": "official_check", "kind": kind, "result": result}


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_no_contact_is_left_alone(text: str) -> None:
    assert check(text, TODAY) is None


def test_the_contact_that_needs_the_strongest_warning_is_the_answer() -> None:
    text = "4001003399打来的，让我转账到6222021234567890123，网址suixingjie.example"
    found = check(text, TODAY)
    assert found is not None
    assert (found.kind, found.result) == ("bank_account", "unknown")
    assert [(item.kind, item.result) for item in check_all(text, TODAY)] == [
        ("phone", "official"),
        ("bank_account", "unknown"),
        ("url", "official"),
    ]


def test_a_retired_account_outranks_an_official_number() -> None:
    found = check("400-100-3399让我付到3301040016000118702", TODAY)
    assert found is not None
    assert (found.kind, found.result) == ("bank_account", "retired")


def test_two_numbers_side_by_side_are_told_apart() -> None:
    assert [item.kind for item in check_all("10693399 4001003399", TODAY)] == ["sms_sender", "phone"]


def test_the_same_contact_written_twice_is_one() -> None:
    assert len(check_all("400-100-3399，就是4001003399", TODAY)) == 1


def test_an_entry_is_unknown_before_it_begins_official_while_valid_and_retired_after() -> None:
    entry = OfficialContact(kind="phone", value="95999", label="x", valid_from=date(2026, 1, 1), valid_until=date(2026, 6, 30))
    registry = default_registry().model_copy(update={"contacts": (entry,)})

    def result(day: date) -> str:
        found = check("95999", day, registry)
        assert found is not None
        return found.result

    assert result(date(2025, 12, 31)) == "unknown"
    assert result(date(2026, 1, 1)) == "official"
    assert result(date(2026, 6, 30)) == "official"
    assert result(date(2026, 7, 1)) == "retired"


def test_the_registry_refuses_an_entry_listed_twice_in_two_formats() -> None:
    entry = {"kind": "phone", "label": "x", "valid_from": date(2026, 1, 1)}
    words = default_registry().people.model_dump()
    with pytest.raises(ValueError, match="listed twice"):
        Registry.model_validate(
            {
                "contacts": [{**entry, "value": "400-100-3399"}, {**entry, "value": "+86 4001003399"}],
                "alert_after_reporters": 3,
                "people": words,
            }
        )


def test_the_registry_holds_what_product_6_names() -> None:
    kinds = sorted((item.kind, item.result_on(TODAY)) for item in default_registry().contacts)
    assert kinds == [
        ("bank_account", "official"),
        ("bank_account", "retired"),
        ("phone", "official"),
        ("sms_sender", "official"),
        ("url", "official"),
    ]


def test_a_check_is_masked_for_logs() -> None:
    found = check("6222021234567890123", TODAY)
    assert found is not None
    assert found.masked == "622…23"


def test_a_host_inside_a_longer_host_is_one_contact_and_not_ours() -> None:
    for text in ("suixingjie.example%2eevil.com", "suixingjie.example星.com", "https://suixingjie.example.evil.com"):
        assert [(item.kind, item.result) for item in check_all(text, TODAY)] == [("url", "unknown")], text


def test_two_links_joined_by_a_word_are_two() -> None:
    for text in ("suixingjie.example和evil.com", "https://suixingjie.example还是https://evil.com"):
        assert [item.result for item in check_all(text, TODAY)] == ["official", "unknown"], text


def test_several_numbers_in_a_list_are_told_apart() -> None:
    for text in ("13900001001,13900001002", "13900001001、13900001002", "13900001001/13900001002", "13900001001 13900001002"):
        assert [item.kind for item in check_all(text, TODAY)] == ["phone", "phone"], text


def test_ones_own_card_or_phone_in_a_story_is_nobody_to_check() -> None:
    assert check_all("我的银行卡6222021234567890123被扣了两次，我的手机号是13900001001", TODAY) == []
    assert [item.kind for item in check_all("让我用我的卡转到6222021234567890123", TODAY)] == ["bank_account"]
