"""The trained model of the present data, loaded once as the server loads it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Parse = Callable[[Iterable[str]], dict[str, dict[str, Any]]]


@pytest.fixture(scope="session")
def parse() -> Parse:
    """Messages → parse result of each, through the whole pipeline. Trains first when the data has changed since the last time."""
    done = subprocess.run([sys.executable, "scripts/train.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(ROOT / "scripts"))
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Rasa's old dependencies, while they are imported
        from evaluate import load_agent  # noqa: PLC0415 - imports all of Rasa
        from train import current_model  # noqa: PLC0415

        agent = load_agent(current_model())

    async def ask(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
        return {text: await agent.parse_message(text) for text in texts}

    def parse_all(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return asyncio.run(ask(texts))

    return parse_all
