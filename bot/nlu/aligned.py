"""A string that remembers where each of its characters came from, so that rewriting loses no place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True)
class AlignedText:
    """`text` after rewriting; `spans[i]` is the half-open range of the original message that character `i` stands for."""

    text: str
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, original: str) -> AlignedText:
        """The unchanged message."""
        return cls(original, tuple((i, i + 1) for i in range(len(original))))

    def original_span(self, start: int, end: int) -> Span:
        """The range of the original message behind the non-empty range [start, end) of this text."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"range [{start}, {end}) is empty or outside a text of {len(self.text)} characters")
        covered = self.spans[start:end]
        return covered[0][0], covered[-1][1]

    def map_characters(self, change: Callable[[str], str]) -> AlignedText:
        """Each character replaced by `change(character)`, which may be empty or longer than one character."""
        characters: list[str] = []
        spans: list[Span] = []
        for character, span in zip(self.text, self.spans, strict=True):
            for new in change(character):
                characters.append(new)
                spans.append(span)
        return AlignedText("".join(characters), tuple(spans))

    def sub(self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str]) -> AlignedText:
        """`re.sub` that keeps the places. A replacement as long as what it replaces stays aligned character by character."""
        pieces: list[str] = []
        spans: list[Span] = []
        last = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            new = replacement if isinstance(replacement, str) else replacement(match)
            pieces += [self.text[last:start], new]
            spans += self.spans[last:start]
            spans += self._spans_for(new, start, end)
            last = end
        if last == 0 and not pieces:
            return self
        pieces.append(self.text[last:])
        spans += self.spans[last:]
        return AlignedText("".join(pieces), tuple(spans))

    def _spans_for(self, new: str, start: int, end: int) -> list[Span]:
        if len(new) == end - start:
            return list(self.spans[start:end])
        if start == end:
            raise ValueError("a pattern that matches the empty string cannot be aligned")
        return [self.original_span(start, end)] * len(new)
