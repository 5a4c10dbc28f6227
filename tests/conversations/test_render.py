"""What a platform shows of a message: words for cards, numbers for buttons, parts for long texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.models import Message
from bot.conversations.outbox.port import ButtonLimits, Capabilities
from bot.conversations.outbox.render import chosen, render, split
from bot.core.clock import FixedClock
from tests.gateway import shipped_texts

BUTTONS = [{"title": "提前还款", "payload": "/ask_early_repayment"}, {"title": "转人工", "payload": "/request_human"}]
RICH = Capabilities(buttons=True, cards=True)


def shown(can: Capabilities, **fields: Any) -> list[tuple[str | None, int, Any]]:
    message = Message(id=7, author="bot", created_at=FixedClock().now(), **fields)
    return [(part.text, len(part.buttons), part.card) for part in render(message, can, shipped_texts().dialogue)]


def card(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more}


QUEUED = card("handoff", state="queued", position=2, reason="asked", case_no=None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "你好"}, ["你好"]),
        ({"text": "想办什么？", "buttons": BUTTONS}, ["想办什么？\n\n回复 1：提前还款\n回复 2：转人工"]),
        ({"text": "答案", "custom": card("answer", intent="x")}, ["答案"]),
        ({"custom": QUEUED}, ["正在为您转人工，您现在排在第2位，请稍等。"]),
        ({"custom": card("case", case_no="C-1", decide_by="2026-09-06")}, ["编号C-1已经登记，最晚9月6日给您结果。"]),
        ({"custom": card("answer", intent="x")}, []),
        ({"text": "请点几颗星", "custom": card("rating", handoff_id=1, score=None)}, []),
        (
            {"text": "请先登录。", "custom": card("login_required")},
            ["请先登录。\n在这里不用登录，回复“绑定手机”，用登记的手机号验证一次，就能查您自己的借款。"],
        ),
    ],
)
def test_a_platform_of_words_gets_words(fields: dict[str, Any], words: list[str]) -> None:
    assert shown(Capabilities(), **fields) == [(text, 0, None) for text in words]


def test_a_platform_with_buttons_and_cards_gets_them_with_the_last_part() -> None:
    assert shown(RICH, custom=QUEUED) == [(None, 0, QUEUED)]
    long = Capabilities(buttons=True, cards=True, max_chars=10)
    assert shown(long, text="第一句话说完了。第二句话也完了。", buttons=BUTTONS, custom=QUEUED) == [
        ("第一句话说完了。", 0, None), ("第二句话也完了。", 2, QUEUED),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("1", "/ask_early_repayment"),
        ("２", "/request_human"),
        (" 回复 2 ", "/request_human"),
        ("选1", "/ask_early_repayment"),
        ("第2个", "/request_human"),
        ("1。", "/ask_early_repayment"),
        ("0", None),
        ("3", None),
        ("100", None),
        ("1元", None),
        ("还1期", None),
        ("", None),
    ],
)
def test_a_number_chooses_an_option(text: str, payload: str | None) -> None:
    assert chosen(text, BUTTONS) == payload
    assert chosen(text, []) is None


@given(st.text(alphabet="甲乙。；，\n a", max_size=300), st.integers(5, 60))
def test_parts_are_short_enough_and_lose_only_line_breaks(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(len(part) <= limit for part in parts)
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")


LIMITED = Capabilities(buttons=True, button_limits=ButtonLimits(most=2, text_bytes=30, each_bytes=30))


@pytest.mark.parametrize(
    ("text", "buttons", "as_buttons"),
    [
        ("想办什么？", BUTTONS, True),
        ("想办什么？", [*BUTTONS, {"title": "其他", "payload": "/other"}], False),
        ("想办什么，请点下面的一个？", BUTTONS, False),
        ("想办什么？", [{"title": "一个特别特别长的标题，谁也看不完", "payload": "/a"}], False),
        ("想办什么？", [{"title": "短", "payload": '/a{"product": "xxxxxxxxxxxxxxxxxxxxxx"}'}], False),
    ],
)
def test_options_beyond_what_buttons_may_hold_become_numbers(text: str, buttons: Any, as_buttons: bool) -> None:
    (words, on_screen, _) = shown(LIMITED, text=text, buttons=buttons)[0]
    assert (on_screen, "回复 1" in (words or "")) == ((len(buttons), False) if as_buttons else (0, True))


@given(st.text(max_size=300), st.integers(4, 60), st.integers(1, 60))
def test_no_part_has_more_bytes_than_allowed_and_nothing_but_line_breaks_is_lost(text: str, max_bytes: int, limit: int) -> None:
    parts = split(text, limit, max_bytes)
    assert all(len(part) <= limit and len(part.encode()) <= max_bytes for part in parts)
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")
