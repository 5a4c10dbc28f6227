"""What a borrower's text may mean to Rasa."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.commands import clean, for_rasa, payload_intent, wants_human
from tests.gateway import Stack


@pytest.mark.parametrize("text", ["/affirm", '/schedule_repayment{"contract_no": "FQ-1"}', "/request_human"])
def test_a_buttons_payload_passes(text: str) -> None:
    assert for_rasa(text) == text


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("/restart", "restart"),
        ("/session_start", "session_start"),
        ("/back", "back"),
        ('/restart{"a": 1}', 'restart{"a": 1}'),
        ("//restart", "restart"),
        ("/ /restart", "restart"),
        ("/　/restart", "restart"),
        ("/affirm@0.9", "affirm@0.9"),
        ("/affirm{broken", "affirm{broken"),
        ("/affirm{broken}", "affirm{broken}"),
        ("/提前还款", "提前还款"),
        ("/", "？"),
        ("/SESSION", "SESSION"),
    ],
)
def test_any_other_slash_is_taken_off(text: str, sent: str) -> None:
    assert for_rasa(text) == sent


@given(st.text(alphabet=st.sampled_from('/ \t\nrestbackion_{}"1　你'), max_size=30))
def test_no_text_reaches_rasa_as_a_command_that_steers_it(text: str) -> None:
    sent = for_rasa(clean(text)).strip()  # Rasa strips as well
    assert not sent.startswith("/") or payload_intent(sent) is not None
    assert payload_intent(sent) not in {"restart", "session_start", "back"}


def test_nul_characters_and_outer_blanks_are_removed() -> None:
    assert clean(" \x00还\x00款\n") == "还款"


@pytest.mark.parametrize("text", ["转人工", "人工", "人工！", '/request_human{"a": 1}', "找人工"])
def test_the_gateway_knows_a_few_words_for_a_human(text: str) -> None:
    assert wants_human(text)


@pytest.mark.parametrize("text", ["人工智能是什么", "不要人工", "/affirm", ""])
def test_it_does_not_guess_at_more(text: str) -> None:
    assert not wants_human(text)


async def test_a_borrower_cannot_restart_the_dialogue(stack: Stack) -> None:
    await stack.say("/restart")
    assert stack.rasa.texts == ["restart"]
