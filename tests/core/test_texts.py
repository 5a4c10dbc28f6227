"""Texts for borrowers are data: loading, placeholders, buttons."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.texts import Texts


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    (tmp_path / "credit").mkdir()
    (tmp_path / "credit" / "ask_limit.yml").write_text(
        "intent: ask_limit\ntitle: 额度\nanswer:\n  text: 额度由系统评估\n  buttons: [{title: 查额度, payload: /ask_limit}]\n"
        "variants:\n  own:\n    text: '您的额度是{limit}'\n",
        encoding="utf-8",
    )
    (tmp_path / "dialogue.yml").write_text("greet:\n  text: 您好\n", encoding="utf-8")
    return Texts.load(tmp_path)


def test_an_answer_has_text_buttons_and_variants(texts: Texts) -> None:
    assert texts.answer("ask_limit").text == "额度由系统评估"
    assert texts.answer("ask_limit").buttons[0].as_dict() == {"title": "查额度", "payload": "/ask_limit"}
    assert texts.answer("ask_limit", "own").render(limit="¥1.00") == "您的额度是¥1.00"
    assert texts.answer("ask_limit", "own").placeholders == {"limit"}
    assert texts.dialogue["greet"].text == "您好"


def test_a_missing_value_or_variant_is_an_error_and_not_a_blank(texts: Texts) -> None:
    with pytest.raises(KeyError, match="limit"):
        texts.answer("ask_limit", "own").render()
    with pytest.raises(KeyError):
        texts.answer("ask_limit", "nothing")
