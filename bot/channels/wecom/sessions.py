"""WeCom's session of an account and who owns our conversation: each side learns of the other.

WeCom lets an interface speak in the states 0 and 1 only; in 2 (pool) and 3 (colleague) people answer in WeCom's client, and 4
waits for the borrower to write (document/path/94669, 94677). So bot and desk speak in 1, and a conversation that WeCom has in 2
or 3 belongs to ``PLATFORM_AGENT``: the bot is silent.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from bot.channels.connector import Kit
from bot.channels.errcode_api import ApiBusy, ApiError, ApiUnauthorised
from bot.channels.json_calls import ApiUnanswered
from bot.channels.state import SharedState, leased
from bot.channels.wecom.api import Account, KfApi
from bot.channels.wecom.content import content
from bot.channels.wecom.messages import FROM_COLLEAGUE, KfMessage
from bot.conversations.commands import leaves_queue
from bot.conversations.inbox.port import InboundMessage
from bot.conversations.inbox.service import Inbox
from bot.conversations.outbox.port import OutgoingMessage
from bot.conversations.platform_people import PlatformPeople
from bot.conversations.repository import ConversationRepository
from bot.core.sealing import sealer
from bot.core.texts import Text

NEW, ASSISTANT, POOL, COLLEAGUE, ENDED = range(5)
SESSION = timedelta(hours=48)
"""WeCom ends a session by itself after so long without a message."""
WELCOME_CODE = END_CODE = timedelta(seconds=20)
"""So long the code of an event opens one message (document/path/95122)."""
LEFT = "handoff_left"
"""What the gateway says to who does not want to wait any longer."""
AGAIN_SECONDS = 60.0
"""After WeCom refused to take a conversation over."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SessionTexts:
    """What the log or the borrower is told when people take a conversation over, give it back, or somebody enters."""

    taken: Text
    given_back: Text
    welcome: Text


class Sessions:
    """``servicers``: our agents' WeCom accounts (``userid``) by agent id. Without ``hand_over`` people answer at our desk."""

    def __init__(
        self, kit: Kit, channel: str, api: KfApi, texts: SessionTexts, *, hand_over: bool, servicers: Mapping[str, str]
    ) -> None:
        self._kit = kit
        self._channel = channel
        self._api = api
        self._texts = texts
        self._hands_over = hand_over
        self._servicers = servicers
        self._not_before: dict[str, float] = {}

    # ── before and after a message of ours
    def ready(self, account: Account) -> int:
        """The state in which the account is now; a new session becomes the assistant's. Raises what ``KfApi`` raises."""
        if self._reading(lambda session: self._shared(session).get(f"state:{account.address}")) is not None:
            return ASSISTANT
        state = self._api.state(account)
        if state == NEW:
            self._api.change_state(account, ASSISTANT)
            state = ASSISTANT
        if state == ASSISTANT:
            ends = self._kit.clock.now() + SESSION
            self._writing(lambda session: self._shared(session).put(f"state:{account.address}", str(ASSISTANT), ends))
        return state

    def forget(self, account: Account) -> None:
        """What we knew of the state was wrong."""
        self._writing(lambda session: self._shared(session).put(f"state:{account.address}", None))

    def found_with_people(self, account: Account) -> None:
        """WeCom has the session in the pool or with a colleague: the conversation is theirs."""
        self._writing(lambda session: self._take(session, account))

    def end_code(self, account: Account) -> str | None:
        """The code with which one message may follow the session's end; nobody gets it a second time."""
        key = f"code:{account.address}"

        def take(session: Session) -> str | None:
            shared = self._shared(session)
            code = shared.lock(key)
            shared.put(key, None)
            return code

        known = self._reading(lambda session: self._shared(session).get(key))
        return None if known is None else self._writing(take)

    # ── what WeCom tells
    def keep(self, session: Session, open_kfid: str, events: Iterable[KfMessage]) -> None:
        """Notes what is new of ``events``; ``work_off`` does it, one after the other."""
        inbox, shared, seal = Inbox(session, self._kit.clock), self._shared(session), sealer(session)
        key = f"todo:{open_kfid}"
        new = []
        for each in events:
            account = each.account
            if account is None:
                log.info("wecom_event", type=None if each.event is None else each.event.event_type, account=open_kfid)
            elif inbox.store(self._channel, [InboundMessage(each.msgid, account.address, "event", "", each.at, None)]):
                new.append(each.model_dump(mode="json", exclude_none=True))
        if new:
            waiting = json.loads(seal.opened(shared.lock(key) or "[]"))
            shared.put(key, seal.seal(json.dumps([*waiting, *new])))

    def withdraw(self, session: Session, message_ids: Iterable[str]) -> None:
        """The borrower took them back: what has not had its turn is not answered."""
        for each in message_ids:
            in_time = Inbox(session, self._kit.clock).withdraw(self._channel, each)
            log.info("wecom_message_withdrawn", in_time=in_time)

    def work_off(self, open_kfid: str) -> None:
        """Any number of replicas at once: each event is taken off the list in the transaction that obeys it."""
        key = f"todo:{open_kfid}"
        heard_of: dict[Account, None] = {}
        while self._reading(lambda session: self._shared(session).get(key)) is not None:
            event = self._writing(lambda session: self._next(session, key))
            if event is not None:
                self._greet(event)
                if event.account is not None:
                    heard_of[event.account] = None
        for account in heard_of:
            self._confirm(account)

    def _confirm(self, account: Account) -> None:
        """What was told may be long past (we were away), and the session over since without a word."""
        if not self._with_people(account):
            return
        try:
            state = self._api.state(account)
        except (ApiError, ApiUnanswered) as error:  # the borrower's next message asks again
            log.warning("wecom_state_unknown", reason=str(error), account=account.open_kfid)
            return
        if state not in (POOL, COLLEAGUE):
            self._writing(partial(self._back, account, deliver=state in (NEW, ASSISTANT)))

    def _next(self, session: Session, key: str) -> KfMessage | None:
        shared, seal = self._shared(session), sealer(session)
        waiting = json.loads(seal.opened(shared.lock(key) or "[]"))
        shared.put(key, seal.seal(json.dumps(waiting[1:])) if waiting[1:] else None)
        if not waiting:
            return None
        event = KfMessage.model_validate(waiting[0])
        account = event.account
        if account is not None:
            self._obey(session, account, event)
        return event

    def _obey(self, session: Session, account: Account, message: KfMessage) -> None:
        event = message.event
        if event is None:
            if message.origin == FROM_COLLEAGUE:
                self._take(session, account)
                self._people(session).said(account.address, message.words, message.msgid)
        elif event.event_type == "session_status_change":
            if event.change_type == 3:
                self._ended(session, account, message, event.msg_code)
            else:
                self._take(session, account)
        else:
            log.info("wecom_event", type=event.event_type, account=account.open_kfid)

    def _take(self, session: Session, account: Account) -> None:
        self._shared(session).put(f"state:{account.address}", None)
        self._people(session).take(account.address, self._texts.taken)

    def _ended(self, session: Session, account: Account, message: KfMessage, code: str | None) -> None:
        shared, until = self._shared(session), message.at + END_CODE
        told = code is not None and until > self._kit.clock.now()
        shared.put(f"state:{account.address}", None)
        if self._people(session).give_back(account.address, self._texts.given_back, deliver=told) and told:
            shared.put(f"code:{account.address}", code, until)

    def _greet(self, message: KfMessage) -> None:
        """Whoever enters and has not been greeted within 48 hours; WeCom gives a code for that."""
        event, account, now = message.event, message.account, self._kit.clock.now()
        if event is None or account is None or not event.welcome_code or message.at + WELCOME_CODE <= now:
            return
        text = self._texts.welcome
        buttons = tuple(button.as_dict() for button in text.buttons)
        try:
            said = content(OutgoingMessage(message.msgid, "bot", now, text.render(), buttons))
            self._api.send_msg_on_event(event.welcome_code, uuid.uuid4().hex, said)
        except (ApiError, ApiUnanswered) as error:  # too late, or greeted by the console's own text: nothing is owed
            log.warning("wecom_welcome_refused", reason=str(error), account=account.open_kfid)
            return
        self._writing(lambda session: self._people(session).shown(account.address, text, f"welcome-{message.msgid}"[:128]))

    # ── sessions that end without a word, or are left
    def look_after(self, messages: Sequence[tuple[Account, InboundMessage]]) -> list[InboundMessage]:
        """Before messages are stored: who is not with WeCom's people any more comes back to the bot.

        WeCom tells of ends by colleagues only. Who does not want to wait in the pool any longer leaves it, and is told so. Raises
        what ``KfApi`` raises, except for a refusal.
        """
        return [
            message if not self._with_people(account) else self._looked_after(account, message) for account, message in messages
        ]

    def _with_people(self, account: Account) -> bool:
        return self._reading(lambda session: self._people(session).has(account.address))

    def _looked_after(self, account: Account, message: InboundMessage) -> InboundMessage:
        try:
            state = self._api.state(account)
            if state == POOL and message.kind == "text" and leaves_queue(message.text):
                code = self._api.change_state(account, ENDED)
                self._writing(partial(self._left, account, code))
                return replace(message, reply_key=LEFT)
        except (ApiBusy, ApiUnauthorised):
            raise
        except ApiError as error:
            log.warning("wecom_state_unknown", code=error.code, account=account.open_kfid)
            return message
        if state not in (POOL, COLLEAGUE):
            self._writing(partial(self._back, account, deliver=True))  # they have written, so the session is new
        return message

    def _left(self, account: Account, code: str | None, session: Session) -> None:
        """The gateway answers them itself, and the code of the end takes the answer out."""
        self._people(session).give_back(account.address, None, deliver=False)
        self._shared(session).put(f"code:{account.address}", code, self._kit.clock.now() + END_CODE)

    def _back(self, account: Account, session: Session, *, deliver: bool) -> None:
        self._people(session).give_back(account.address, self._texts.given_back, deliver=deliver)

    # ── to WeCom's people
    def hand_over(self) -> None:
        """Conversations in which a human is asked for, once all said before has gone out: to the pool, or to the claimer."""
        if not self._hands_over:
            return
        agents = self._servicers.keys()
        found = self._reading(lambda session: ConversationRepository(session).to_hand_over(self._channel, agents))
        for address, agent_id in found:
            if time.monotonic() < self._not_before.get(address, 0):
                continue
            with leased(self._kit.database, self._kit.clock, self._channel, f"hand:{address}", timedelta(seconds=30)) as ours:
                if ours and not self._handed(Account.of(address), None if agent_id is None else self._servicers[agent_id]):
                    self._not_before[address] = time.monotonic() + AGAIN_SECONDS

    def _handed(self, account: Account, servicer: str | None) -> bool:
        try:
            state = self._api.state(account)
            if state == ENDED:
                return False  # nobody can take it before the borrower writes
            if state in (NEW, ASSISTANT) or (state == POOL and servicer is not None):
                self._change(account, state, servicer)
        except (ApiError, ApiUnanswered) as error:
            log.warning("wecom_not_handed_over", reason=str(error), account=account.open_kfid)
            return False
        self.found_with_people(account)
        return True

    def _change(self, account: Account, state: int, servicer: str | None) -> None:
        """Who does not receive at the moment cannot be given a session: then anybody may take it from the pool."""
        if servicer is None:
            self._api.change_state(account, POOL)
            return
        try:
            self._api.change_state(account, COLLEAGUE, servicer)
        except (ApiBusy, ApiUnauthorised):
            raise
        except ApiError as error:
            log.warning("wecom_servicer_refused", code=error.code, account=account.open_kfid)
            if state != POOL:
                self._api.change_state(account, POOL)

    # ── parts
    def _shared(self, session: Session) -> SharedState:
        return SharedState(session, self._kit.clock, self._channel)

    def _people(self, session: Session) -> PlatformPeople:
        return PlatformPeople(session, self._kit.clock, self._channel)

    def _reading(self, work: Callable[[Session], T]) -> T:
        with self._kit.database.reading() as session:
            return work(session)

    def _writing(self, work: Callable[[Session], T]) -> T:
        with self._kit.database.transaction() as session:
            return work(session)
