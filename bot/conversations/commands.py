"""What a borrower's raw text is allowed to mean before Rasa sees it."""

from __future__ import annotations

import json
import re

_PAYLOAD = re.compile(r"/(?P<intent>[a-z_]+)(?P<entities>\{.*\})?", re.DOTALL)
_INTERNAL = frozenset({"restart", "session_start", "back"})
"""Intents that steer Rasa itself: they would wipe or rewind the dialogue."""

_HUMAN_PHRASES = frozenset(
    {"转人工", "人工", "人工客服", "转人工客服", "找人工", "我要人工", "真人", "真人客服", "要人工", "人工服务", "转接人工"}
)


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
    return payload_intent(text) == "request_human" or text.strip("。.!！~～ ") in _HUMAN_PHRASES
