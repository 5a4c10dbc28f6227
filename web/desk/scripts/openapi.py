"""Prints the OpenAPI document of the desk's part of the app, for `npm run types`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from bot.app import create_app  # noqa: E402
from bot.core.settings import Settings  # noqa: E402


def desk_document() -> dict[str, object]:
    """Paths below /desk/api, with every schema that the app has (what is not used costs nothing: types only)."""
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(Settings(demo=True, database_url="sqlite://", var_dir=Path(folder))).openapi()
    document["paths"] = {path: found for path, found in document["paths"].items() if path.startswith("/desk/api")}
    return document


if __name__ == "__main__":
    json.dump(desk_document(), sys.stdout, ensure_ascii=False)
