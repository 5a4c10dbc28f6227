"""Accepted corrections become training sentences: which, whose word counts, and what is hidden."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.desk.corrections import Correction, State
from bot.desk.models import Misunderstanding
from scripts.corrections import NAME, export, main
from scripts.import_questions import bare, questions

NOW = datetime(2026, 8, 22, 2, 0, tzinfo=UTC)


def correction(number: int, text: str, intent: str, state: State = "accepted") -> Correction:
    return Correction(number, "c" * 32, number, text, None, intent, state, "A2001", NOW, "S2101")


def learnt(target: Path) -> dict[str, str]:
    blocks = yaml.safe_load(target.read_text(encoding="utf-8"))["nlu"]
    return {block["intent"]: block["examples"] for block in blocks}


def test_only_what_a_second_person_accepted_is_learnt(tmp_path: Path) -> None:
    target = tmp_path / NAME
    given = [
        correction(1, "额度栏是空的", "report_limit_problem"),
        correction(2, "我要把钱都清掉", "settle_all", "marked"),
        correction(3, "利息咋算", "ask_fees", "rejected"),
    ]
    report = export(given, set(), target)
    assert learnt(target) == {"report_limit_problem": "- 额度栏是空的\n"}
    assert (report.count, report.left_out, report.problems) == (1, [], [])


def test_the_latest_correction_of_a_sentence_counts(tmp_path: Path) -> None:
    target = tmp_path / NAME
    given = [
        correction(1, "都清掉 行不行", "ask_early_repayment"),
        correction(2, "都清掉，行不行？", "settle_all"),
        correction(3, "额度栏是空的", "report_limit_problem"),
        correction(4, "额度栏是空的！", "report_limit_problem"),
    ]
    report = export(given, set(), target)
    assert learnt(target) == {"report_limit_problem": "- 额度栏是空的！\n", "settle_all": "- 都清掉，行不行？\n"}
    assert report.problems == [
        "correction 1: '都清掉 行不行' is ask_early_repayment here and settle_all in correction 2; choose one"
    ]
    assert report.left_out == ["correction 3: the same as correction 4"]


@pytest.mark.parametrize("private", ["13900001002", "6222021234567890123", "11010519491231002X"])
def test_personal_data_is_masked_once_more(tmp_path: Path, private: str) -> None:
    """A row may be older than a rule of masking."""
    target = tmp_path / NAME
    export([correction(1, f"我是{private}，怎么查账单", "ask_bill")], set(), target)
    assert private not in target.read_text(encoding="utf-8")
    assert learnt(target)["ask_bill"].endswith("，怎么查账单\n")


def test_what_cannot_be_learnt_is_named_and_stops_nothing(tmp_path: Path) -> None:
    target, measured = tmp_path / NAME, "怎么申请小米分期呀"
    given = [
        correction(1, "？？", "ask_fees"),
        correction(2, "长" * 301, "ask_fees"),
        correction(3, "利息咋算", "no_longer_an_intent"),
        correction(4, measured, "ask_how_to_apply"),
        correction(5, "额度栏是空的", "report_limit_problem"),
    ]
    report = export(given, {bare(measured)}, target)
    assert learnt(target) == {"report_limit_problem": "- 额度栏是空的\n"}
    assert [line.split(":")[0] for line in report.problems] == ["correction 3", "correction 2", "correction 1"]
    assert [line.split(":")[0] for line in report.left_out] == ["correction 4"]


def test_the_questions_that_measure_the_model_are_known_to_the_export() -> None:
    held_out = questions(ROOT / "tests" / "data")
    assert bare("刚毕业第一天上班，想开个小米分期从哪里弄") in held_out


def test_a_file_of_an_earlier_export_does_not_outlive_its_corrections(tmp_path: Path) -> None:
    target = tmp_path / NAME
    export([correction(1, "额度栏是空的", "report_limit_problem")], set(), target)
    export([correction(1, "额度栏是空的", "report_limit_problem", "rejected")], set(), target)
    assert not target.exists()


def test_the_command_reads_the_configured_database(
    database: Database, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    common = {"understood_as": None, "marked_by": "A2001", "marked_at": NOW}
    with database.transaction() as session:
        conversation = ConversationService(session, clock).open("rest", "u", "").id
        session.add_all(
            [
                Misunderstanding(
                    conversation_id=conversation, seq=1, text="额度栏是空的", intent="report_limit_problem", state="accepted",
                    reviewed_by="S2101", reviewed_at=NOW, **common,
                ),
                Misunderstanding(
                    conversation_id=conversation, seq=2, text="利息咋算", intent="ask_fees", state="marked", **common
                ),
            ]
        )  # fmt: skip
    monkeypatch.setenv("DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    assert main(["--into", str(tmp_path)]) == 0
    assert learnt(tmp_path / NAME) == {"report_limit_problem": "- 额度栏是空的\n"}
    assert "1 accepted corrections: 1 sentences of 1 intents" in capsys.readouterr().out


def test_without_a_database_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert main(["--into", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
