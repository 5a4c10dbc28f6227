"""Our messages as Feishu shows them: words, or a card (卡片 JSON 2.0) with what was found and with buttons that come back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from bot.conversations.outbox.port import OutgoingMessage
from bot.core.clock import chinese_date
from bot.core.money import format_yuan
from bot.core.texts import Text

CARD_TITLE = "platform_card_title"
CARD_KINDS = frozenset({"payoff_quote", "evidence", "case", "remedy", "options"})
_PARTS = ("principal", "interest", "fee", "penalty")


def content(message: OutgoingMessage, texts: Mapping[str, Text]) -> tuple[str, str]:
    """``msg_type`` and ``content``."""
    lines = list(_lines(message.card, texts)) if message.card is not None else []
    if not lines and not message.buttons:
        return "text", json.dumps({"text": message.text or ""}, ensure_ascii=False)
    elements = [_plain(message.text)] if message.text else []
    if lines:
        elements += [{"tag": "hr"}] if elements else []
        elements += [_plain(line) for line in lines]
    elements += [_button(button) for button in message.buttons]
    card = {
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": texts[CARD_TITLE].text}},
        "body": {"elements": elements},
    }
    return "interactive", json.dumps(card, ensure_ascii=False)


def _plain(words: str) -> dict[str, Any]:
    """Not Markdown: nobody slips a link into a card."""
    return {"tag": "div", "text": {"tag": "plain_text", "content": words}}


def _button(button: Mapping[str, str]) -> dict[str, Any]:
    return {
        "tag": "button",
        "text": {"tag": "plain_text", "content": button["title"]},
        "width": "fill",
        "behaviors": [{"type": "callback", "value": {"payload": button["payload"]}}],
    }


def _lines(card: Mapping[str, Any], texts: Mapping[str, Text]) -> Iterator[str]:
    """What a card says besides the words above it."""
    kind = card["type"]
    if kind == "payoff_quote":
        yield from _quote(card, texts)
    elif kind == "evidence":
        for entry in card["timeline"]:
            yield texts["card_timeline"].render(at=_moment(entry["at"]), text=entry["text"])
    elif kind == "case" and card.get("decide_by"):
        day = chinese_date(date.fromisoformat(card["decide_by"]))
        yield texts["card_case"].render(case_no=card["case_no"], decide_by=day)
    elif kind == "remedy" and card.get("receipt_no"):
        yield texts["card_remedy"].render(amount=format_yuan(card["amount"]), receipt_no=card["receipt_no"])


def _quote(card: Mapping[str, Any], texts: Mapping[str, Text]) -> Iterator[str]:
    for line in card["contracts"]:
        parts = [
            texts[f"card_quote_{part}"].render(amount=format_yuan(line[part]))
            for part in _PARTS
            if line[part] or part == "principal"
        ]
        total = format_yuan(line["total"])
        yield texts["card_quote_contract"].render(contract_no=line["contract_no"], total=total, parts="，".join(parts))
    yield texts["card_quote_total"].render(total=format_yuan(card["total"]))


def _moment(at: str) -> str:
    moment = datetime.fromisoformat(at)
    return f"{chinese_date(moment.date())} {moment:%H:%M}"
