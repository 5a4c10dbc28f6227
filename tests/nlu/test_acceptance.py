"""Findings of the acceptance checks against the trained model, through the whole NLU pipeline.

Needs the model of the present data (make train); without one, or while data has changed since, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = yaml.safe_load((Path(__file__).parent / "acceptance.yml").read_text(encoding="utf-8"))
DIRECT = [(text, intent) for intent, texts in FINDINGS["direct"].items() for text in texts]
DISTRESS = [(text, kind) for kind, texts in FINDINGS["distress"].items() for text in texts]
ALL = sorted(
    {text for text, _ in DIRECT + DISTRESS}
    | {one["text"] for one in FINDINGS["one_of"]}
    | {str(text) for text in FINDINGS["not_direct_as_official"]}
)


@pytest.fixture(scope="module")
def parsed() -> dict[str, dict[str, Any]]:
    """Message → parse result of the model of the present data."""
    check = subprocess.run([sys.executable, "scripts/train.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    if check.returncode:
        pytest.skip("no model of the present data: make train")
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Rasa's old dependencies, while they are imported
        return asyncio.run(parse(Path(check.stdout.strip().splitlines()[-1])))


async def parse(model: Path) -> dict[str, dict[str, Any]]:
    sys.path.insert(0, str(ROOT / "scripts"))
    from evaluate import load_agent  # noqa: PLC0415 - imports all of Rasa

    agent = load_agent(ROOT / model)
    return {text: await agent.parse_message(text) for text in ALL}


@pytest.mark.parametrize(("text", "intent"), DIRECT)
def test_the_message_is_answered_directly(parsed, text, intent):
    assert (parsed[text]["intent"]["name"], parsed[text]["decision"]) == (intent, "direct")


@pytest.mark.parametrize(("text", "kind"), DISTRESS)
def test_distress_goes_along(parsed, text, kind):
    assert [entity["value"] for entity in parsed[text]["entities"] if entity["entity"] == "distress"] == [kind]


@pytest.mark.parametrize(("text", "intents"), [(one["text"], one["intents"]) for one in FINDINGS["one_of"]])
def test_one_of_two_neighbours_will_do(parsed, text, intents):
    assert parsed[text]["intent"]["name"] in intents


@pytest.mark.parametrize("text", map(str, FINDINGS["not_direct_as_official"]))
def test_a_contact_that_nobody_doubts_is_no_check(parsed, text):
    assert parsed[text]["intent"]["name"] != "verify_official_contact"
