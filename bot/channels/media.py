"""Pictures and files that borrowers send on messaging platforms: fetched after the acknowledgement, then checked as uploads are.

One open case of a bound customer: it becomes a fact of that case. Else it stays in the conversation, as an upload without a case
number does, and the borrower is told what is missing. Row, event and answer are one transaction, which the log knows by the
platform's id: whatever dies in between, and however often the platform delivers, one message is one attachment.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from anyio import CapacityLimiter, to_thread
from sqlalchemy.orm import Session

from bot.attachments import errors
from bot.attachments.service import AttachmentService, AttachmentView, StoredFile
from bot.attachments.upload import keep
from bot.cases.errors import CaseOver
from bot.channels.connector import Connector, MediaSource, MediumUnavailable
from bot.conversations.gateway import Gateway
from bot.conversations.inbox.media import MediaBusy, MediumNotKept
from bot.conversations.inbox.port import Medium
from bot.conversations.models import Conversation
from bot.conversations.service import ConversationService
from bot.conversations.turns import Inbound, OwnAnswer, TurnService
from bot.core.clock import Clock
from bot.core.errors import CareError
from bot.core.limits.rules import LimitReached, Rules, Subject
from bot.core.limits.service import take_in
from bot.core.origin import refine_origin
from bot.core.settings import Settings
from bot.core.texts import Texts

REQUIRED_TEXTS = (
    "media_in_case",
    "media_in_conversation",
    "media_which_case",
    "media_unbound",
    "media_not_fetched",
    "media_too_large",
    "media_wrong_type",
    "media_unreadable",
    "media_unsafe",
    "media_too_many",
    "media_too_often",
    "media_image",
    "media_file",
    "media_not_kept_in_log",
)
"""Dialogue texts without which the application does not start."""
MEGABYTE = 1024 * 1024


class Media:
    """A ``MediaKeeper``. ``decoders``: how many pictures this process decodes at once."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        gateway: Gateway,
        texts: Texts,
        connectors: Mapping[str, Connector],
        decoders: CapacityLimiter,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._gateway = gateway
        self._texts = texts
        self._sources = {name: each for name, each in connectors.items() if isinstance(each, MediaSource)}
        self._decoders = decoders
        self._room = max(1, settings.inbox_at_once // 2)
        """So many at once: a platform that hands out its files slowly must not hold up the messages of others."""
        self._threads = CapacityLimiter(self._room)

    async def take(self, inbound: Inbound, medium: Medium, *, again: bool) -> None:
        """Raises ``MediumNotKept``, ``MediaBusy``."""
        if self._room <= 0:
            raise MediaBusy
        refine_origin(channel=inbound.channel, actor=inbound.actor)
        self._room -= 1
        try:
            await self._take(inbound, medium, again=again)
        except MediumUnavailable as error:
            key = "media_too_large" if error.why == "too_long" else "media_not_fetched"
            raise self._not_kept(medium, error.code, key, again=error.why == "away") from error
        except CaseOver as error:  # closed in this moment
            raise self._not_kept(medium, error.code, "media_not_fetched", again=True) from error
        except CareError as error:
            found = next((text for kind, text in _REFUSED if isinstance(error, kind)), None)
            if found is None:
                raise
            raise self._not_kept(medium, error.code, found, error.details) from error
        finally:
            self._room += 1

    async def _take(self, inbound: Inbound, medium: Medium, *, again: bool) -> None:
        if not await self._gateway.transaction(partial(self._begin, inbound=inbound, again=again)):
            return
        source = self._sources[inbound.channel]
        fetch = partial(source.fetch, medium, self._settings.attachment_max_bytes)
        data = await to_thread.run_sync(fetch, limiter=self._threads)
        if medium.kind == "image" and data.lstrip()[:1] in (b"<", b"{"):  # a page of the platform's, or of a proxy between
            raise MediumUnavailable("away", "not_a_picture")
        add = partial(self._add, inbound=inbound, medium=medium)
        conversation_id, last_seq = await keep(data, self._settings, self._gateway, self._decoders, add)
        self._gateway.grew(conversation_id, up_to=last_seq)

    # ── in transactions
    def _begin(self, session: Session, inbound: Inbound, *, again: bool) -> bool:
        """Whether it is to be fetched: it is not there, and there is room. Counted as uploads are, but not for each try: an
        outage of the platform is not the borrower's. Raises ``CareError``.
        """
        conversation = self._conversation(session, inbound)
        service = AttachmentService(session, self._clock, self._settings)
        if service.earlier(conversation, inbound.message_id) is not None:
            return False
        who = Subject("customer", inbound.customer_id)
        if not inbound.customer_id:
            who = Subject("visitor", f"{inbound.channel}:{inbound.sender}")
        if not again:
            take_in(session, self._settings, self._clock.now(), Rules.of(self._settings).attachments, who)
        cases = service.open_cases(conversation)
        service.room(conversation, service.borrowers_case(conversation, cases[0]) if len(cases) == 1 else None)
        return True

    def _add(self, session: Session, file: StoredFile, *, inbound: Inbound, medium: Medium) -> tuple[str, int]:
        """The conversation and the number of its last entry."""
        conversation = self._conversation(session, inbound)
        service = AttachmentService(session, self._clock, self._settings)
        if service.earlier(conversation, inbound.message_id) is None:
            cases = service.open_cases(conversation)
            case_no = cases[0] if len(cases) == 1 else None
            view = service.add_by_borrower(file, conversation, case_no, inbound.message_id)
            turns = TurnService(session, self._clock, self._settings, self._texts)
            turns.answer(conversation, inbound.message_id or "", self._received(conversation, view, cases, medium))
            session.refresh(conversation)
        return conversation.id, conversation.last_seq

    def _conversation(self, session: Session, inbound: Inbound) -> Conversation:
        conversations = ConversationService(session, self._clock)
        return conversations.open(inbound.channel, inbound.sender, inbound.customer_id, adopt_anonymous=inbound.adopt_anonymous)

    # ── what is said
    def _received(self, conversation: Conversation, view: AttachmentView, cases: list[str], medium: Medium) -> OwnAnswer:
        what = {"what": self._what(medium)}
        if view.case_no is not None:
            return OwnAnswer("media_in_case", {**what, "case_no": view.case_no})
        if not conversation.customer_id:
            return OwnAnswer("media_unbound", what)
        if cases:
            return OwnAnswer("media_which_case", {**what, "case_nos": "、".join(cases)})
        return OwnAnswer("media_in_conversation", what)

    def _not_kept(
        self, medium: Medium, code: str, key: str, details: Mapping[str, Any] = MappingProxyType({}), *, again: bool = False
    ) -> MediumNotKept:
        text, what = self._texts.dialogue[key], self._what(medium)
        values = {
            "what": what,
            "max": str(self._settings.attachment_max_bytes // MEGABYTE),
            "most": str(details.get("most")),
            "minutes": str(-(-details.get("retry_after", 0) // 60)),
        }
        said = OwnAnswer(key, {name: values[name] for name in text.placeholders})
        in_log = self._texts.dialogue["media_not_kept_in_log"].render(what=what)
        return MediumNotKept(code, said, in_log, again=again)

    def _what(self, medium: Medium) -> str:
        return self._texts.dialogue[f"media_{medium.kind}"].text


_REFUSED: tuple[tuple[type[CareError], str], ...] = (
    (errors.AttachmentTooLarge, "media_too_large"),
    (errors.PictureTooLarge, "media_too_large"),
    (errors.AttachmentType, "media_wrong_type"),
    (errors.AttachmentEmpty, "media_unreadable"),
    (errors.AttachmentUnreadable, "media_unreadable"),
    (errors.AttachmentUnsafe, "media_unsafe"),
    (errors.TooManyAttachments, "media_too_many"),
    (LimitReached, "media_too_often"),
)
