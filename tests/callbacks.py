"""Callbacks in the platforms' own documented form, before they are sealed or signed (tests/data/callbacks)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "data" / "callbacks"


@dataclass(frozen=True)
class Expected:
    """What becomes of one, as ``expectations.yml`` declares it. ``attached``: the name under which the platform has the file."""

    platform: str
    kind: str
    stored: str | None = None
    attached: str | None = None
    marked: bool = False
    ignored: bool = False
    answer: str | None = None

    def __post_init__(self) -> None:
        if [self.kept > 0, self.ignored].count(True) != 1:
            raise ValueError(f"{self}: it is kept or ignored")

    @property
    def kept(self) -> int:
        """How many messages the inbox holds afterwards: words and a picture among them are two."""
        return sum((self.stored is not None, self.attached is not None, self.marked))

    @property
    def said(self) -> list[str | None]:
        """The texts in the log; a file has none."""
        return [] if self.marked else [self.stored] * (self.stored is not None) + [None] * (self.attached is not None)

    @property
    def answers(self) -> list[str]:
        """A file from somebody whom we do not know is answered with ``media_unbound``."""
        own = [] if self.answer is None else [self.answer]
        return [*own, "media_unbound"] if self.attached is not None else own


@cache
def _declared() -> dict[str, dict[str, Any]]:
    declared: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "expectations.yml").read_text(encoding="utf-8"))
    return declared


def expectations() -> list[Expected]:
    """One for each file."""
    return [
        Expected(platform, kind, **expected)
        for platform, declared in _declared().items()
        for kind, expected in declared["kinds"].items()
    ]


def path_of(platform: str, kind: str) -> str:
    """In ``FOLDER``."""
    path: str = _declared()[platform]["file"].format(kind=kind)
    return path


def callback(platform: str, kind: str, **instead: str) -> bytes:
    """The file with another ``borrower``, moment (``at``), ``number`` or ``words`` wherever it names one."""
    stands_for = _declared()[platform]["stands_for"]
    return replaced(path_of(platform, kind), {stands_for[name]: value for name, value in instead.items()})


def replaced(path: str, instead: Mapping[str, str]) -> bytes:
    """The file of ``FOLDER`` with other texts in it."""
    text = (FOLDER / path).read_text(encoding="utf-8")
    for recorded, value in instead.items():
        text = text.replace(recorded, value)
    return text.encode()
