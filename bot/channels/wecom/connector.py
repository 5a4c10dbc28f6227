"""WeCom's customer service, 微信客服 (docs/channels/wecom.md): it calls back, we fetch page by page and answer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, HttpUrl, field_validator, model_validator

from bot.channels.connector import Callback, Connector, Kit, Received, Reply, Sink
from bot.channels.errcode_api import ApiBusy, ApiError, ApiUnauthorised
from bot.channels.json_calls import ApiUnanswered, unsent
from bot.channels.registry import Options, must_be_private
from bot.channels.wechat_crypto import AES_KEY, CallbackCrypto, encrypted_in, fields
from bot.channels.wecom.api import Account, KfApi
from bot.channels.wecom.content import CAPABILITIES, content
from bot.channels.wecom.fetching import MAX_PAGE, Fetching
from bot.channels.wecom.messages import is_identifier
from bot.channels.wecom.sessions import ASSISTANT, ENDED, Sessions, SessionTexts
from bot.conversations.inbox.port import Medium
from bot.conversations.outbox.port import OutgoingMessage, SendResult
from bot.core.texts import Texts

NAME = "wecom"
URL = "https://qyapi.weixin.qq.com"
ACKNOWLEDGED = Reply(b"success", "text/plain")
EVENT = "kf_msg_or_event"
WRONG_STATE = 95018
KNOWN_ID = 95033
"""WeCom has taken a message with this ``msgid`` before."""
_QUOTA = frozenset({95001, 95002, 95013})
WITH_PEOPLE_AGAIN = timedelta(minutes=10)
BUSY_AGAIN = timedelta(minutes=1)


class WeComOptions(Options):
    """``CHANNELS__WECOM__…``. ``people``: where colleagues answer; ``servicers``: who is whom there, ``A2001=zhangsan``."""

    corp_id: str = Field(pattern=r"^[A-Za-z0-9_-]{6,64}$")
    secret: str = Field(min_length=16)
    token: str = Field(min_length=8, max_length=32)
    encoding_aes_key: str = Field(pattern=AES_KEY)
    previous_token: str | None = Field(default=None, min_length=8, max_length=32)
    previous_encoding_aes_key: str | None = Field(default=None, pattern=AES_KEY)
    people: Literal["desk", "wecom"] = "desk"
    servicers: dict[str, str] = {}
    page_size: int = Field(default=MAX_PAGE, ge=1, le=MAX_PAGE)
    api_url: HttpUrl = HttpUrl(URL)

    @field_validator("servicers", mode="before")
    @classmethod
    def _pairs(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        pairs = [each.partition("=") for each in given.split(",")]
        if not all(agent.strip() and userid.strip() for agent, _, userid in pairs):
            raise ValueError("must be agent=userid, separated by commas")
        return {agent.strip(): userid.strip() for agent, _, userid in pairs}

    @model_validator(mode="after")
    def _sound(self) -> WeComOptions:
        must_be_private(self.api_url, "API_URL")
        if self.servicers and self.people != "wecom":
            raise ValueError("SERVICERS needs PEOPLE=wecom: else colleagues answer at our desk")
        return self


def make(options: Mapping[str, str], kit: Kit) -> Connector:
    """Raises ``ValidationError`` for options that will not do."""
    return WeComConnector(WeComOptions.model_validate(dict(options)), kit)


class WeComConnector:
    """A ``Connector`` and a ``Listener``."""

    name = NAME
    max_bytes = 16_384
    description = None
    capabilities = CAPABILITIES

    def __init__(self, options: WeComOptions, kit: Kit) -> None:
        said = Texts.load(kit.settings.data_dir / "answers").dialogue
        texts = SessionTexts(said["platform_took_over"], said["handoff_given_back"], said["platform_welcome"])
        tokens = [token for token in (options.token, options.previous_token) if token]
        keys = [key for key in (options.encoding_aes_key, options.previous_encoding_aes_key) if key]
        self._crypto = CallbackCrypto(tokens, keys, options.corp_id, kit.clock)
        self._api = KfApi(kit, NAME, str(options.api_url), options.corp_id, options.secret)
        self._sessions = Sessions(kit, NAME, self._api, texts, hand_over=options.people == "wecom", servicers=options.servicers)
        self._fetching = Fetching(kit, NAME, self._api, self._sessions, options.page_size)

    # ── in
    def verify(self, callback: Callback) -> None:
        """Raises ``CallbackUnauthenticated``, ``CallbackStale``."""
        self._opened(callback)

    def parse(self, callback: Callback) -> Received:
        """The console's check, or word that there is something to fetch for one of our accounts. Raises ``MalformedXml``."""
        plain = self._opened(callback)
        if callback.method == "GET":
            return Received(reply=Reply(plain, "text/plain"))
        told = fields(plain)
        open_kfid = told.get("OpenKfId", "")
        if told.get("Event") != EVENT or not is_identifier(open_kfid):
            return Received(reply=ACKNOWLEDGED)
        note = self._fetching.want(open_kfid, told.get("Token", ""))
        return Received(reply=ACKNOWLEDGED, nonce=callback.query["msg_signature"], also=note)

    def _opened(self, callback: Callback) -> bytes:
        sealed = callback.query.get("echostr", "") if callback.method == "GET" else encrypted_in(callback.body)
        return self._crypto.opened(callback.query, sealed)

    def listen(self, sink: Sink, stopping: threading.Event) -> None:
        self._fetching.listen(sink, stopping)

    # ── out
    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        """Up to five calls, each bounded: the state, its change, the message, and both again when they had changed meanwhile."""
        account = Account.of(address)
        try:
            return self._send(account, message)
        except ApiUnauthorised as error:
            return SendResult("reauthorise", error=f"wecom_{error.code}")
        except ApiBusy as error:
            return SendResult("later", error=f"wecom_{error.code}", retry_after=BUSY_AGAIN)
        except ApiUnanswered as error:
            return unsent(error)

    def _send(self, account: Account, message: OutgoingMessage) -> SendResult:
        for _ in range(2):
            try:
                state = self._sessions.ready(account)
            except (ApiBusy, ApiUnauthorised):
                raise
            except ApiError as error:  # it says nothing about the message
                return SendResult("later", error=f"wecom_state_{error.code}")
            if state != ASSISTANT:
                return self._elsewhere(account, message, state)
            try:
                self._api.send_msg(account, message.id, content(message))
                return SendResult("taken", platform_id=message.id)
            except (ApiBusy, ApiUnauthorised):
                raise
            except ApiError as error:
                if error.code != WRONG_STATE:
                    return self._refused(message, error.code)
                self._sessions.forget(account)
        return SendResult("later", error=f"wecom_{WRONG_STATE}")

    def _refused(self, message: OutgoingMessage, code: int) -> SendResult:
        if code == KNOWN_ID:
            return SendResult("taken", platform_id=message.id)
        return SendResult("quota" if code in _QUOTA else "never", error=f"wecom_{code}")

    def _elsewhere(self, account: Account, message: OutgoingMessage, state: int) -> SendResult:
        """After the end one message may follow within seconds; the others wait until the borrower writes.

        With people in WeCom what the bot wanted to answer has been overtaken; what others have to say waits until they are done.
        """
        if state == ENDED:
            code = self._sessions.end_code(account)
            if code is None:
                return SendResult("quota", error="session_ended")
            try:
                self._api.send_msg_on_event(code, message.id, content(message))
            except (ApiBusy, ApiUnauthorised):
                raise
            except ApiError as error:
                return SendResult("quota", error=f"wecom_{error.code}")
            return SendResult("taken", platform_id=message.id)
        self._sessions.found_with_people(account)
        if message.author == "bot":
            return SendResult("never", error="with_people")
        return SendResult("quota", error="with_people", retry_after=WITH_PEOPLE_AGAIN)

    def fetch(self, medium: Medium, max_bytes: int) -> bytes:
        """Raises ``MediumUnavailable``."""
        return self._api.medium(medium.reference["media_id"], max_bytes)

    def close(self) -> None:
        self._api.close()
