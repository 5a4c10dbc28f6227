"""Our own training sentences in the form in which the classifier sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.nlu import normaliser
from bot.nlu.wording import held_out, wording

_LABEL_MARK = "- "


@dataclass(frozen=True)
class Sentences:
    """Wordings with their intents; `held_out` marks the tenth that fine-tuning never sees."""

    texts: tuple[str, ...]
    intents: tuple[str, ...]
    held_out: tuple[bool, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All intents in alphabetical order."""
        return tuple(sorted(set(self.intents)))

    def checksum(self) -> str:
        """Of everything that fine-tuning sees."""
        lines = (f"{intent}\t{text}" for text, intent in zip(self.texts, self.intents, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read(folder: Path) -> Sentences:
    """All examples of all intents, doubles left out. Raises ValueError when there are none."""
    normal = normaliser.shared()
    found: dict[tuple[str, str], None] = {}
    for path in sorted(folder.rglob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu", []):
            if "intent" in block:
                for line in block["examples"].splitlines():
                    text = wording(normal.canonical(normal.surface(line.removeprefix(_LABEL_MARK).strip())).text)
                    if text:
                        found.setdefault((text, block["intent"]))
    if not found:
        raise ValueError(f"{folder}: no sentences")
    texts, intents = zip(*found, strict=True)
    return Sentences(texts, intents, tuple(held_out(text) for text in texts))
