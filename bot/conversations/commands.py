"""What a borrower's raw text is allowed to mean before Rasa sees it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import yaml

from bot.core.settings import ROOT

_PAYLOAD = re.compile(r"/(?P<intent>[a-z_]+)(?P<entities>\{.*\})?", re.DOTALL)
_INTERNAL = frozenset({"restart", "session_start", "back"})
"""Intents that steer Rasa itself: they would wipe or rewind the dialogue."""

PLATFORM_WORDS = ROOT / "data" / "catalogue" / "platform_words.yml"
_EDGES = "。.!！~～ "
"""What may stand around a word that the gateway itself understands."""


@cache
def gateway_words(path: Path = ROOT / "data" / "lexicon" / "gateway_words.yml") -> dict[str, frozenset[str]]:
    """The few messages that are understood without Rasa, by purpose."""
    return {purpose: frozenset(words) for purpose, words in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


def clean(text: str) -> str:
    """Without NUL characters (PostgreSQL refuses them) and surrounding blanks."""
    return text.replace("\x00", "").strip()


def payload_intent(text: str) -> str | None:
    """The intent of a button's payload (``/intent`` or ``/intent{json}``), or ``None`` when ``text`` is not one."""
    match = _PAYLOAD.fullmatch(text)
    if match is None or match["intent"] in _INTERNAL:
        return None
    if match["entities"] is not None:
        try:
            json.loads(match["entities"])
        except (ValueError, RecursionError):
            return None
    return match["intent"]


def for_rasa(text: str) -> str:
    """``text`` if it is an ordinary sentence or a button's payload; else without the slashes that Rasa would obey."""
    if not text.startswith("/") or payload_intent(text) is not None:
        return text
    # ``strip`` once more: Rasa strips as well, and "/ /restart" must not come out as a command
    return text.lstrip("/ \t\r\n\u3000").strip() or "？"


def wants_human(text: str) -> bool:
    """The short list that the gateway understands itself when Rasa does not answer."""
    return payload_intent(text) == "request_human" or text.strip(_EDGES) in gateway_words()["human"]


def leaves_queue(text: str) -> bool:
    """Whether a borrower who waits for a human says, in exactly these words, that they no longer want to."""
    return text.strip(_EDGES) in gateway_words()["leave_queue"]


def says(purpose: str, text: str) -> bool:
    """Whether the whole message is one of the words for ``purpose`` in data/catalogue/platform_words.yml."""
    return text.strip(_EDGES) in gateway_words(PLATFORM_WORDS)[purpose]
