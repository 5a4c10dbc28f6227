"""Each callback of a platform has a declared outcome, and names only answers that we have."""

from __future__ import annotations

from bot.core.settings import ROOT
from bot.core.texts import Texts
from tests.callbacks import FOLDER, expectations, path_of

NOTICE = "wecom/kf_msg_or_event.xml"
"""Says that there is something to fetch; what it is stands in the files beside it."""


def test_every_file_has_an_expectation_and_every_expectation_a_file() -> None:
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.suffix in {".xml", ".json"}}
    assert files == {path_of(each.platform, each.kind) for each in expectations()} | {NOTICE}


def test_every_expected_answer_exists() -> None:
    texts = Texts.load(ROOT / "data" / "answers")
    answers = {each.answer for each in expectations() if each.answer is not None}
    assert answers <= texts.answers.keys() | texts.dialogue.keys()
