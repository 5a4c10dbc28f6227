"""One way to write each message."""

from __future__ import annotations

import re

import pytest

from bot.nlu.aligned import AlignedText
from bot.nlu.normaliser import Normaliser, shared


def canonical(text: str) -> str:
    return shared().canonical(shared().surface(text)).text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ＡＢＣ１２３元", "abc123元"),
        ("還款　開通失敗", "还款，开通失败"),
        ("为什麼扣我兩次錢", "为什么扣我两次钱"),
        ("怎么还\u200b款\ufeff", "怎么还款"),
        ("怎么\n还款", "怎么，还款"),
        ("怎么还？？？？", "怎么还？"),
        ("在吗!!!", "在吗！"),
        ("好慢啊啊啊啊啊", "好慢啊啊"),
        ("还款***元没到账", "还款*元没到账"),
        ("我还了5000000", "我还了5000000"),
        ("1,000.50元", "1,000.50元"),
        ("10:30扣款", "10:30扣款"),
        ("小米贷款怎么开通", "随星借怎么开通"),
        ("小米随星借", "随星借"),
        ("随心借 随行借", "随星借，随星借"),
        ("随星借", "随星借"),
        ("随星", "随星借"),
        ("SXJ怎么还", "随星借怎么还"),
        ("小米分期", "小米分期"),
        ("怎么换款", "怎么还款"),
        ("口款失败", "扣款失败"),
        ("额渡没了", "额度没了"),
        ("预期三天了", "逾期三天了"),
        ("会上证信吗", "会上征信吗"),
        ("题前还款", "提前还款"),
        ("登陆不了", "登录不了"),
        ("到帐了吗", "到账了吗"),
        ("为啥肿么没有", "为什么怎么没有"),
        ("hk失败", "还款失败"),
        ("👍", "好的"),
        ("👍🏻", "好的"),
        ("还不上了😭", "还不上了"),
        ("😭😭", "心里难受心里难受"),
        ("😂😂", ""),
        ("", ""),
    ],
)
def test_a_message_is_written_in_the_canonical_way(typed, expected):
    assert canonical(typed) == expected


@pytest.mark.parametrize(
    "right",
    [
        "预期收益多少",
        "请保证信息正确",
        "最好能还宽限几天",
        "换完卡怎么办",
        "剩余期数",
        "和同事一起用",
        "问题前天就有了",
        "自动结清",
        "请还请核实",
    ],
)
def test_a_right_word_that_looks_like_a_typo_is_left_alone(right):
    assert canonical(right) == right


def test_normalising_twice_changes_nothing_more():
    for text in ("還款失敗？？", "小米贷款换款", "额渡***没了啊啊啊", "随星 额度"):
        assert canonical(canonical(text)) == canonical(text)


def test_each_character_remembers_where_it_came_from():
    typed = "小米随星借 換款５０００元"
    text = shared().canonical(shared().surface(typed))
    start = text.text.index("还款5000")
    begin, end = text.original_span(start, start + len("还款5000"))
    assert typed[begin:end] == "換款５０００"


def test_a_shortened_word_keeps_the_whole_place_of_what_it_replaces():
    text = AlignedText.of("我的小米随星借").sub(re.compile("小米随星借"), "随星借")
    assert text.text == "我的随星借"
    assert text.original_span(2, 5) == (2, 7)


def test_an_empty_range_has_no_place():
    with pytest.raises(ValueError, match="empty or outside"):
        AlignedText.of("还款").original_span(1, 1)


def test_a_variant_with_two_corrections_is_refused(tmp_path, monkeypatch):
    (tmp_path / "emoji.yml").write_text("{}", encoding="utf-8")
    (tmp_path / "typos.yml").write_text("words: {还款: [换宽], 换款: [换宽]}\ncontextual: []", encoding="utf-8")
    (tmp_path / "brands.yml").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("SUIXING_LEXICON", str(tmp_path))
    with pytest.raises(ValueError, match="换宽"):
        Normaliser()
