"""Our own training sentences in the form in which the classifier sees them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bot.nlu import training_sentences
from bot.nlu.wording import held_out, wording


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
    found = dict.fromkeys((wording(text), intent) for text, intent in zip(*training_sentences.read(folder), strict=True))
    texts, intents = zip(*found, strict=True)
    return Sentences(texts, intents, tuple(held_out(text) for text in texts))
