"""Our own training sentences as the classifier sees them: canonical text and intent."""

from __future__ import annotations

from pathlib import Path

import yaml

from bot.nlu import normaliser

_LABEL_MARK = "- "


def read(folder: Path) -> tuple[list[str], list[str]]:
    """(canonical texts, intents) of all examples under `folder`, doubles left out. Raises ValueError when there are none."""
    normal = normaliser.shared()
    found: dict[tuple[str, str], None] = {}
    for path in sorted(folder.rglob("*.yml")):
        for block in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("nlu", []):
            if "intent" in block:
                for line in block["examples"].splitlines():
                    text = normal.canonical(normal.surface(line.removeprefix(_LABEL_MARK).strip())).text
                    if text:
                        found.setdefault((text, block["intent"]))
    if not found:
        raise ValueError(f"{folder}: no sentences")
    texts, intents = zip(*found, strict=True)
    return list(texts), list(intents)
