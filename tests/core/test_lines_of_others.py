"""Lines that other programs print pass through the supervisor: nothing that a borrower wrote gets out with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bot.core.masking import mask_line
from scripts.supervisor import Command, Supervisor

STORY = '我叫李婷，身份证11010119900307771X，电话13900001002，卡号6222021234567890123，"急"'
PREFIX = "2026-08-22 10:00:00 ERROR    rasa.core.channels.rest  - "
SECRETS = ("李婷", "11010119900307771X", "13900001002", "6222021234567890123", "急", "\\u6025")


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("event", ["rest.message.received.timeout", "rest.message.received.failure"])
def test_what_the_borrower_wrote_is_hidden_and_the_event_stays(event: str, ascii_only: bool) -> None:
    line = PREFIX + json.dumps({"text": STORY, "event": event, "level": "error"}, ensure_ascii=ascii_only)
    assert mask_line(line) == PREFIX + json.dumps({"text": "<hidden>", "event": event, "level": "error"})


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"user_text": STORY, "event": "message.parsing.failed"}),
        json.dumps({"event": "x", "text": STORY})[:-30],
        json.dumps({"event": "x", "text": STORY})[:-3],
        repr({"event": "x", "text": STORY}),
        f"rest.message.received.failure [rasa] text={STORY!r} other=1",
        "x text=我叫李婷，13900001002",
    ],
)
def test_other_shapes_of_the_field_are_hidden_too(line: str) -> None:
    shown = mask_line(line)
    assert "<hidden>" in shown
    assert not [secret for secret in SECRETS if secret in shown]


def test_numbers_behind_escapes_are_masked_anywhere_in_the_line() -> None:
    line = 'ValueError: "\\u6211\\ud83d\\ude0013900001002" 11010119900307771X'
    assert mask_line(line) == 'ValueError: "我😀139****1002" 110***********771X'


@pytest.mark.parametrize(
    "line",
    [
        "INFO:     Uvicorn running on http://127.0.0.1:8000",
        'the context "text" is 3 characters; \\u001b[31m \\u0022',
        "half a pair \\n",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert mask_line(line) == line


def test_half_of_a_surrogate_pair_does_not_stop_the_log() -> None:
    mask_line("cut \\ud83d").encode("utf-8")


async def test_the_supervisor_prints_no_line_in_clear(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "noisy.py"
    line = json.dumps({"text": STORY, "event": "rest.message.received.timeout"})
    program.write_text(f"import time\nprint({line!r}, flush=True)\ntime.sleep(60)\n", encoding="utf-8")
    supervisor = Supervisor([Command("rasa", [sys.executable, str(program)])], tmp_path)
    shown: list[str] = []
    say = supervisor.say

    def stop_after_the_line(name: str, line: str, colour: str = "0") -> None:
        say(name, line, colour)
        shown.append(line)
        if "rest.message" in line:
            supervisor.stop()

    supervisor.say = stop_after_the_line  # type: ignore[method-assign]
    await supervisor.run()
    printed = capfd.readouterr().out
    assert '{"text": "<hidden>", "event": "rest.message.received.timeout"}' in printed
    assert not [secret for secret in SECRETS if secret in printed]
