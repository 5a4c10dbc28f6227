"""The dictionaries under data/lexicon, and a fingerprint of what shapes the model besides config and sentences."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """data/lexicon of this checkout, or the folder that SUIXING_LEXICON names."""
    return Path(os.environ.get("SUIXING_LEXICON", str(ROOT / "data" / "lexicon")))


def read(name: str) -> Any:
    """One YAML file of the lexicon. Raises FileNotFoundError or yaml.YAMLError: no bot starts without its dictionaries."""
    with (folder() / name).open(encoding="utf-8") as file:
        return yaml.safe_load(file)


def user_dictionary() -> Path:
    """Jieba's user dictionary: one `word frequency tag` a line."""
    return folder() / "jieba" / "userdict.txt"


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Hash over the lexicon and the code of bot/nlu.

    Rasa restores a component from its cache when class source and config are unchanged; helpers and dictionaries are neither,
    so every component of ours adds this value to its own fingerprint.
    """
    digest = hashlib.sha256()
    for base, pattern in ((folder(), "**/*"), (Path(__file__).parent, "*.py")):
        for path in sorted(path for path in base.glob(pattern) if path.is_file()):
            digest.update(path.relative_to(base).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
