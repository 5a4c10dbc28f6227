"""Findings of the acceptance checks against the trained model, through the whole NLU pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

FINDINGS = yaml.safe_load((Path(__file__).parent / "acceptance.yml").read_text(encoding="utf-8"))
DIRECT = [(text, intent) for intent, texts in FINDINGS["direct"].items() for text in texts]
DISTRESS = [(text, kind) for kind, texts in FINDINGS["distress"].items() for text in texts]
ALL = sorted(
    {text for text, _ in DIRECT + DISTRESS}
    | {one["text"] for one in FINDINGS["one_of"]}
    | {str(text) for text in FINDINGS["not_direct_as_official"]}
)


@pytest.fixture(scope="module")
def parsed(parse) -> dict[str, dict[str, Any]]:
    """Message → parse result."""
    return parse(ALL)


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
