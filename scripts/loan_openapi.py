"""Writes docs/loan-backend.openapi.json from the protocol: ``make loan-openapi``. A test checks that the file is current."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.loans.http_server import make_app  # noqa: E402
from bot.loans.port import LoanBackend  # noqa: E402

TARGET = ROOT / "docs" / "loan-backend.openapi.json"


@contextmanager
def _nobody() -> Iterator[LoanBackend]:
    """A description needs no books."""
    raise RuntimeError("this application only describes itself")
    yield


def rendered() -> str:
    """The document as it stands in the file."""
    schema = make_app(_nobody, ["never used, only long enough"]).openapi()
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: written")
