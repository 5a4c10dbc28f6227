"""The checks of the fault test find what they are there to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from tests.faults.agents import DeskAgent
from tests.faults.borrowers import Borrower
from tests.faults.checks import APOLOGY, WRONG, check_conversation, check_replies

Put = Callable[..., None]


def said(number: int, text: str, state: str = "answered") -> dict[str, Any]:
    return {
        "direction": "in", "author": "borrower", "text": text, "external_id": f"m-{number}", "state": state, "attempt": 1,
    }  # fmt: skip


def answer(seq: int, text: str, attempt: int = 1) -> dict[str, Any]:
    return {"direction": "out", "author": "bot", "text": text, "state": "queued", "reply_to": seq, "attempt": attempt}


ARRIVED = {"direction": "out", "author": "system", "text": "人工客服小林来了，接下来由小林为您服务", "state": "queued"}
TOLD = [[{"recipient_id": "b", "text": "您好"}], [{"recipient_id": "b", "text": "不客气"}]]


def wrong(database: Database, clock: FixedClock, rows: list[dict[str, Any]], told: list[list[dict[str, Any]]]) -> set[str]:
    person = Borrower(0, None, ["你好", "谢谢"], answers=told)
    with database.transaction() as session:
        conversation = ConversationService(session, clock).open("rest", person.sender, "")
        for row in rows:
            ConversationRepository(session).append(conversation.id, clock.now(), **row)
        counts = check_conversation(session, person)
    assert counts["messages"] == 2
    return {name for name in WRONG if counts[name]}


@pytest.mark.parametrize(
    ("rows", "told", "expected"),
    [
        ([said(0, "你好"), answer(1, "您好"), said(1, "谢谢"), answer(3, "不客气")], TOLD, set()),
        ([said(0, "你好"), answer(1, APOLOGY, 0), answer(1, "您好"), said(1, "谢谢"), answer(4, "不客气")], TOLD, set()),
        ([said(0, "你好"), answer(1, "您好"), ARRIVED, said(1, "谢谢", "received")], [TOLD[0], []], set()),
        (
            [said(0, "你好"), answer(1, "您好"), answer(1, "您好"), said(1, "谢谢"), answer(4, "不客气")],
            TOLD,
            {"twice", "told otherwise"},
        ),
        ([said(0, "你好"), answer(1, "您好", 0), answer(1, "您好"), said(1, "谢谢"), answer(4, "不客气")], TOLD, {"twice"}),
        ([said(0, "你好"), said(1, "谢谢"), answer(2, "不客气"), answer(1, "您好")], TOLD, {"out of order"}),
        ([said(1, "谢谢"), answer(1, "不客气"), said(0, "你好"), answer(3, "您好")], TOLD[::-1], {"out of order"}),
        ([said(0, "你好"), answer(1, "您好"), said(1, "谢谢"), answer(3, "再见")], TOLD, {"told otherwise"}),
        ([said(0, "你好"), answer(1, "您好"), said(1, "谢谢", "received")], [TOLD[0], []], {"lost"}),
        ([said(0, "你好"), answer(1, "您好"), said(1, "谢谢")], TOLD, {"lost", "told otherwise"}),
        ([said(0, "你好"), answer(1, "您好"), ARRIVED, said(1, "谢谢"), answer(4, "不客气")], TOLD, {"beside a human"}),
    ],
    ids=[
        "all well",
        "an apology before",
        "a human",
        "an answer twice",
        "two attempts answered",
        "answers in the wrong order",
        "messages in the wrong order",
        "told something else",
        "nobody answers",
        "what was told is not in the log",
        "the bot speaks beside a human",
    ],
)
def test_what_is_wrong_is_found(
    database: Database, clock: FixedClock, rows: list[dict[str, Any]], told: list[list[dict[str, Any]]], expected: set[str]
) -> None:
    assert wrong(database, clock, rows, told) == expected


def test_an_agents_words_are_looked_for_as_well(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        conversation = ConversationService(session, clock).open("rest", "b", "")
        for number in (1, 0):
            ConversationRepository(session).append(
                conversation.id,
                clock.now(),
                direction="out",
                author="agent",
                text="在",
                external_id=f"A1-{number}",
                state="queued",
            )
        words = [(conversation.id, f"A1-{number}", "在") for number in range(3)]
        counts = check_replies(session, [DeskAgent("A1", True, {conversation.id}, words)])
    assert +counts == {"replies": 3, "lost": 1, "out of order": 1}
