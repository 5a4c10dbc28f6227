"""docs/loan-backend.openapi.json is what the reference server does."""

from __future__ import annotations

import json
from typing import Any

from bot.loans.http_contract import ERROR_CLASSES, OPERATIONS
from scripts.loan_openapi import ROOT, TARGET, rendered


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TARGET.read_text(encoding="utf-8"))
    return found


def test_the_file_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == rendered(), "run make loan-openapi"


def test_every_method_is_described_with_its_key_and_its_safety() -> None:
    paths = document()["paths"]
    assert set(paths) == {operation.path for operation in OPERATIONS.values()}
    for operation in OPERATIONS.values():
        ((verb, described),) = paths[operation.path].items()
        assert (verb.upper(), described["x-safe"]) == (operation.verb, operation.safe)
        headers = [item["name"] for item in described.get("parameters", []) if item["in"] == "header"]
        assert headers == ([] if operation.safe else ["Idempotency-Key"])


def test_amounts_are_whole_numbers_and_rates_are_text() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["CreatePaymentRequest"]["properties"]["amount"]["type"] == "integer"
    assert schemas["Contract"]["properties"]["penalty_daily_rate"]["type"] == "string"
    assert '"type": "number"' not in TARGET.read_text(encoding="utf-8"), "no value of this interface is a binary float"


def test_the_guide_names_every_error_code_and_every_setting() -> None:
    guide = (ROOT / "docs" / "loan-backend.md").read_text(encoding="utf-8")
    assert [code for code in ERROR_CLASSES if f"`{code}`" not in guide] == []
    settings = ("URL", "SECRET", "CA_FILE", "TIMEOUT_SECONDS", "UNIT_SECONDS", "ATTEMPTS", "BREAKER_FAILURES", "BREAKER_SECONDS")
    assert [name for name in settings if f"`LOAN_BACKEND_{name}`" not in guide] == []
