"""The encoder's tokeniser: the best segmentation into the pieces of its vocabulary (SentencePiece unigram), without a library.

`tokenizer.json` holds the pieces with their scores (natural log), the ids of the special tokens, what characters are rewritten to
first, and the words that e5 expects in front of a question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE = "▁"
_UNKNOWN_PENALTY = 10.0
_FORMAT = 1


@dataclass(frozen=True)
class UnigramTokeniser:
    """Pure function of the text; `ids` puts the sentence marks around it."""

    pieces: Sequence[str]
    scores: Sequence[float]
    rewrites: Mapping[int, str]
    special: Mapping[str, int]
    prefix: str

    def __post_init__(self) -> None:
        marks = set(self.special.values())
        known = {piece: (i, self.scores[i]) for i, piece in enumerate(self.pieces) if i not in marks}
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_longest", max(map(len, known)))
        object.__setattr__(self, "_unknown_score", min(self.scores) - _UNKNOWN_PENALTY)

    @classmethod
    def load(cls, path: Path) -> UnigramTokeniser:
        """Read tokenizer.json. Raises ValueError for another format, FileNotFoundError when it is not there."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["format"] != _FORMAT:
            raise ValueError(f"{path}: format {stored['format']}, expected {_FORMAT}")
        rewrites = {ord(character): replacement for character, replacement in stored["rewrites"].items()}
        return cls(stored["pieces"], stored["scores"], rewrites, stored["special"], stored["prefix"])

    def save(self, path: Path) -> None:
        """Write what `load` reads."""
        stored: dict[str, Any] = {
            "format": _FORMAT,
            "prefix": self.prefix,
            "special": dict(self.special),
            "rewrites": {chr(code): replacement for code, replacement in sorted(self.rewrites.items())},
            "pieces": list(self.pieces),
            "scores": [round(float(score), 4) for score in self.scores],
        }
        path.write_text(json.dumps(stored, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")

    def segment(self, text: str) -> list[str]:
        """The pieces of `text`, unknown characters as they are."""
        return [piece for piece, _ in self._best(text)]

    def ids(self, text: str, at_most: int) -> NDArray[np.int64]:
        """Ids of the prefixed text between the sentence marks; a longer text is cut to `at_most` ids in all."""
        inner = [identifier for _, identifier in self._best(self.prefix + text)][: at_most - 2]
        return np.asarray([self.special["bos"], *inner, self.special["eos"]], dtype=np.int64)

    def _best(self, text: str) -> list[tuple[str, int]]:
        """Viterbi: the segmentation whose scores add up to the most. An unknown character costs 10 more than the rarest piece."""
        rewritten = text.translate(self.rewrites)
        while "  " in rewritten:
            rewritten = rewritten.replace("  ", " ")
        line = (rewritten if rewritten.startswith(" ") else " " + rewritten).replace(" ", SPACE)
        known, longest, unknown_score = self._known, self._longest, self._unknown_score  # type: ignore[attr-defined]
        best = [0.0] + [float("-inf")] * len(line)
        step: list[tuple[int, int]] = [(0, 0)] * (len(line) + 1)
        for start in range(len(line)):
            so_far = best[start]
            for end in range(start + 1, min(start + longest, len(line)) + 1):
                found = known.get(line[start:end])
                if found is not None and so_far + found[1] > best[end]:
                    best[end] = so_far + found[1]
                    step[end] = (start, found[0])
            if so_far + unknown_score > best[start + 1]:
                best[start + 1] = so_far + unknown_score
                step[start + 1] = (start, self.special["unk"])
        result = []
        end = len(line)
        while end:
            start, identifier = step[end]
            result.append((line[start:end], identifier))
            end = start
        return result[::-1]
