"""Somebody named by name: whose account a message asks about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from actions.lexicon import dialogue_words
from bot.core.settings import ROOT
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]

NAMED: tuple[tuple[str, list[str]], ...] = (
    ("李婷欠了多少", ["李婷"]),
    ("帮我查一下李婷的额度", ["李婷"]),
    ("李婷有没有逾期", ["李婷"]),
    ("张伟在你们这借了多少钱", ["张伟"]),
    ("王强先生欠多少", ["王强"]),
    ("李婷这个人在你们这有没有贷款", ["李婷"]),
    ("我想知道王小明借没借钱", ["王小明"]),
    ("给李婷预约还款", ["李婷"]),
    ("王强和李婷都欠多少", ["李婷"]),
    ("现在还欠多少", []),
    ("马上还清", []),
    ("余额还欠多少", []),
    ("白条逾期怎么办", []),
    ("周末还款可以吗", []),
    ("钱还没还清", []),
    ("总共欠多少", []),
)


@pytest.mark.parametrize(("text", "names"), NAMED, ids=[text for text, _ in NAMED])
def test_a_name_before_a_matter_of_an_account_is_heard(text: str, names: list[str]) -> None:
    assert dialogue_words().people_asked_about(text) == names


def test_no_sentence_of_the_training_data_is_taken_for_one_about_a_named_person() -> None:
    """34,000 sentences of borrowers who ask for themselves."""
    taken = []
    for path in sorted((ROOT / "data" / "nlu").rglob("*.yml")):
        for part in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            sentences = [line.removeprefix("- ") for line in part["examples"].splitlines()]
            taken += [sentence for sentence in sentences if dialogue_words().people_asked_about(sentence)]
    assert taken == []


@pytest.mark.parametrize("intent", ["ask_outstanding", "ask_bill", "ask_credit_limit", "settle_all", "ask_overdue_consequence"])
def test_a_known_name_an_unknown_name_and_no_login_read_alike(serve: Serve, intent: str) -> None:
    answers = {
        serve("C1005").answer(intent, "李婷欠了多少"),
        serve("C1005").answer(intent, "郝建国欠了多少"),
        serve(None).answer(intent, "李婷欠了多少"),
    }
    assert len(answers) == 1
    assert "授权" in answers.pop()


def test_ones_own_name_is_oneself(serve: Serve) -> None:
    server = serve("C1002")
    assert "¥20042.90" in server.answer("ask_outstanding", "李婷欠了多少")


def test_a_name_in_a_telling_of_fraud_is_no_question_about_an_account(serve: Serve) -> None:
    server = serve("C1005")
    server.answer("report_fraud", "一个叫张伟的贷款经理骗我转了钱")
    assert "case" in server.cards()


@pytest.mark.parametrize(
    ("action", "intent"),
    [("validate_early_repayment_form", "ask_early_repayment"), ("validate_schedule_form", "schedule_repayment")],
)
def test_a_task_for_somebody_named_is_not_begun_on_ones_own_loans(serve: Serve, action: str, intent: str) -> None:
    server = serve("C1005")
    server.hear(intent, "给李婷预约还款")
    server.run(action)
    assert "授权" in server.text
    assert "¥" not in server.text
