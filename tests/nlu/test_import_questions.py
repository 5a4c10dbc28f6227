"""An operator's labelled questions: what is imported, what is refused with its line, what is masked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def run(tmp_path: Path, rows: str, head: str = "text\tintent") -> tuple[subprocess.CompletedProcess[str], Path]:
    source = tmp_path / "logs.tsv"
    source.write_text(f"{head}\n{rows}", encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "scripts/import_questions.py", str(source), "--into", str(tmp_path / "local")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done, tmp_path / "local" / "logs.yml"


def test_sentences_arrive_in_rasas_form_masked_and_without_entity_marks(tmp_path):
    done, target = run(
        tmp_path, "我的卡6222021234567890123扣了两次[急](真的)\treport_wrong_charge\n怎么提额啊啊\task_increase_limit\n"
    )
    assert done.returncode == 0, done.stderr
    blocks = {block["intent"]: block["examples"] for block in yaml.safe_load(target.read_text(encoding="utf-8"))["nlu"]}
    assert blocks["ask_increase_limit"] == "- 怎么提额啊啊\n"
    assert "6222021234567890123" not in blocks["report_wrong_charge"]
    assert "【急】（真的）" in blocks["report_wrong_charge"]


def test_a_gold_column_will_do_and_unclear_rows_stay_out(tmp_path):
    done, target = run(
        tmp_path, "1\t那个什么来着\tunclear\n2\t额度多少呀\task_credit_limit|ask_increase_limit\n", head="id\ttext\tgold"
    )
    assert done.returncode == 0, done.stderr
    assert "line 2: labelled unclear" in done.stdout
    assert [block["intent"] for block in yaml.safe_load(target.read_text(encoding="utf-8"))["nlu"]] == ["ask_credit_limit"]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("怎么提额\task_more_money\n", "line 2: unknown intent 'ask_more_money'"),
        ("？？？\task_fees\n", "line 2: no word"),
        ("长" * 301 + "\task_fees\n", "line 2: 301 characters"),
        ("怎么 提额度啊\task_increase_limit\n怎么提额度啊！\task_credit_limit\n", "line 3"),
        ("", "no sentences"),
    ],
)
def test_one_bad_row_stops_the_import_and_is_named(tmp_path, rows, complaint):
    done, target = run(tmp_path, rows)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert not target.exists()


def test_a_file_without_the_columns_is_refused(tmp_path):
    done, _ = run(tmp_path, "x\ty\n", head="question\tlabel")
    assert done.returncode == 1
    assert "text and intent" in done.stderr


def test_questions_that_measure_the_model_never_train_it(tmp_path):
    done, target = run(tmp_path, "快贷和优贷有啥不一样\task_product_info\n利息每天多少啊\task_interest\n")
    assert done.returncode == 0, done.stderr
    assert "measures the model" in done.stdout
    assert "快贷和优贷" not in target.read_text(encoding="utf-8")
