"""What a platform's connector hands to the inbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from bot.conversations.outbox.port import Opening

Kind = Literal["text", "choice", "media", "event"]
MAX_ID_CHARS = 128
MEDIA_TEXT = "media_not_read"


@dataclass(frozen=True)
class Medium:
    """A picture or file that a message names. ``reference``: what the platform wants to hear to hand it out, short texts."""

    kind: Literal["image", "file"]
    reference: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "reference": dict(self.reference)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Medium:
        return cls(kept["kind"], kept["reference"])


@dataclass(frozen=True)
class InboundMessage:
    """One message or event of a borrower.

    ``message_id``: the platform's own, the same when it is delivered again, unique in the channel. ``sender``: its name for the
    account, where answers go. ``text``: what was written; a choice's payload; a word for a picture or file ("[图片]"); an
    event's name, which is not kept. ``at``: when it was written, if the platform says so. ``opens``: which window of the quotas.
    ``reply_key``: the gateway answers with this text of data/answers and does not ask Rasa. ``medium``: is fetched and kept.
    """

    message_id: str
    sender: str
    kind: Kind
    text: str
    at: datetime | None = None
    opens: Opening | None = "message"
    reply_key: str | None = None
    medium: Medium | None = None

    def answered_by(self) -> str | None:
        """The text by which the gateway answers itself, if it does."""
        return self.reply_key or (MEDIA_TEXT if self.kind == "media" and self.medium is None else None)


@dataclass(frozen=True)
class Receipt:
    """How far a message of ours came, by the id that the platform gave it. ``failure``: why not, a short code of ours."""

    platform_id: str
    state: Literal["delivered", "read", "failed"]
    failure: str = "refused"


def words_and_media(first: InboundMessage, words: str, media: Sequence[Medium], picture: str) -> list[InboundMessage]:
    """One message of a platform as ours: its words, and one more for each picture among them.

    ``first``: of kind ``media``, as it is when it holds no words and one medium at most. ``picture``: the word for each picture.
    """
    if not words and len(media) <= 1:
        return [replace(first, medium=media[0] if media else None)]
    found = [replace(first, kind="text", text=words)] if words else []
    for number, medium in enumerate(media, 1):
        name = f"{first.message_id}#{number}"[-MAX_ID_CHARS:]
        found.append(replace(first, message_id=name, text=picture, medium=medium))
    return found
