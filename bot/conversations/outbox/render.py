"""A message of the log as a platform can show it: cards in words, options as "回复 1", long texts in parts."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from typing import Any, Literal, cast

from bot.conversations.models import Message
from bot.conversations.outbox.port import Capabilities, OutgoingMessage
from bot.core.clock import chinese_date
from bot.core.texts import Text

REQUIRED_TEXTS = (
    "option_line",
    "login_by_binding",
    "card_handoff_queued",
    "card_handoff_assigned",
    "card_handoff_offline",
    "card_case",
)
"""Texts without which no platform is served."""

_CHOICE = re.compile(r"(?:回复|选择?|第)?\s*(\d{1,2})\s*(?:个|号|项)?[。.、)）!！]?")
_BREAKS = ("\n\n", "\n", "。", "；", "，")


def render(message: Message, can: Capabilities, texts: Mapping[str, Text]) -> tuple[OutgoingMessage, ...]:
    """The platform messages of one message, in order; none when there is nothing that this platform can show."""
    buttons, card = message.buttons or [], message.custom
    as_card = can.shows_card(card)
    words = message.text or (None if as_card else _words(card, texts))
    if card is not None and card.get("type") == "rating" and not as_card:
        return ()  # its text asks for stars to press
    if card is not None and card.get("type") == "login_required" and (words is not None or not as_card):
        words = "\n".join(filter(None, (words, texts["login_by_binding"].text)))
    as_buttons = can.shows_as_buttons(words or "", buttons)
    if words is not None and buttons and not as_buttons:
        lines = [
            texts["option_line"].render(number=str(number), title=button["title"])
            for number, button in enumerate(buttons, start=1)
        ]
        words = "\n".join([words, "", *lines])
    shown_card = card if as_card else None
    parts = split(words, can.max_chars, can.max_bytes) if words else ([""] if shown_card else [])
    last = len(parts) - 1
    return tuple(
        OutgoingMessage(
            id=f"{message.id}-{mark(message)}-{number}",
            author=cast(Literal["bot", "agent", "system"], message.author),
            at=message.created_at,
            text=part or None,
            buttons=tuple(buttons) if as_buttons and number == last else (),
            card=shown_card if number == last else None,
        )
        for number, part in enumerate(parts)
    )


def mark(message: Message) -> str:
    """Eight digits that tell this message from every other one with its number.

    A database that was restored, or a second one on the same account, gives numbers out again, and a platform that looks at ids
    would drop the new message as the old one come twice.
    """
    whose = f"{message.conversation_id} {message.created_at.astimezone(UTC).isoformat()}"
    return f"{int.from_bytes(hashlib.sha256(whose.encode()).digest()[:8]) % 10**8:08d}"


def split(text: str, limit: int, max_bytes: int | None = None) -> list[str]:
    """``text`` in parts of at most ``limit`` characters and ``max_bytes``, cut after a paragraph, line or sentence."""
    parts = []
    while (most := _fitting(text, limit, max_bytes)) < len(text):
        cuts = (text.rfind(mark, 0, most - len(mark) + 1) + len(mark) for mark in _BREAKS if mark in text[:most])
        cut = next((cut for cut in cuts if cut >= most // 2), most)
        parts.append(text[:cut].rstrip("\n"))
        text = text[cut:].lstrip("\n")
    return [*parts, text] if text else parts


def _fitting(text: str, limit: int, max_bytes: int | None) -> int:
    """How many characters of ``text`` one part may hold."""
    return limit if max_bytes is None else min(limit, len(text[:limit].encode()[:max_bytes].decode(errors="ignore")))


def chosen(text: str, buttons: Sequence[Mapping[str, str]]) -> str | None:
    """The payload of the option that ``1``, ``回复1`` or ``第2个`` names; ``None`` when it names none of them."""
    match = _CHOICE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    number = int(match[1]) if match else 0
    return buttons[number - 1]["payload"] if 1 <= number <= len(buttons) else None


def _words(card: Mapping[str, Any] | None, texts: Mapping[str, Text]) -> str | None:
    """What a card that came without words says; ``None`` for cards that only go beside a text."""
    if card is None:
        return None
    kind = card.get("type")
    if kind == "handoff":
        return texts[f"card_handoff_{card['state']}"].render(position=str(card.get("position") or ""))
    if kind == "case":
        return texts["card_case"].render(case_no=card["case_no"], decide_by=chinese_date(date.fromisoformat(card["decide_by"])))
    return None
