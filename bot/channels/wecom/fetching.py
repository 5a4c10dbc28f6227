"""Fetches messages page by page: the callback only says that there are some.

What is to be fetched, and how far we are, stands in the database (``want:``, ``cursor:`` and the service account), so any
replica goes on where one has died. The messages of a page and the cursor behind it are stored in one transaction; a page that
comes again changes nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from bot.channels.connector import Kit, Received, Sink
from bot.channels.errcode_api import ApiBusy, ApiError, ApiUnauthorised
from bot.channels.json_calls import ApiUnanswered
from bot.channels.state import SharedState, leased
from bot.channels.wecom.api import KfApi
from bot.channels.wecom.messages import Page, read_page
from bot.channels.wecom.sessions import Sessions

LOOK_SECONDS = 0.5
LEASE = timedelta(seconds=30)
"""For one page; who is slower loses it to another, and finds the cursor moved."""
TOKEN_LASTS = timedelta(minutes=10)
SWEEP = timedelta(minutes=10)
"""After which we look without having been called: a callback may be lost, and WeCom allows few such looks."""
KEPT_BY_WECOM = timedelta(days=3)
FIRST_LOOKBACK = timedelta(hours=1)
"""A new installation gets the messages of three days, which others have answered; it answers no older ones than this."""
PAUSES = (2.0, 5.0, 15.0, 60.0)
"""Seconds before the next look at an account whose messages WeCom did not give."""
MAX_PAGE = 1000
INVALID_TOKEN = 95007

log = structlog.get_logger(__name__)


class CursorMoved(RuntimeError):
    """Another replica has stored this page."""


class Fetching:
    """``limit``: messages of one page."""

    def __init__(self, kit: Kit, channel: str, api: KfApi, sessions: Sessions, limit: int = MAX_PAGE) -> None:
        self._kit = kit
        self._channel = channel
        self._api = api
        self._sessions = sessions
        self._limit = limit
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def want(self, open_kfid: str, token: str) -> Callable[[Session], None]:
        """Notes that there is something to fetch. ``token`` makes it cheap for ten minutes."""
        until = self._kit.clock.now() + TOKEN_LASTS

        def note(session: Session) -> None:
            self._shared(session).put(f"want:{open_kfid}", json.dumps({"token": token, "until": until.isoformat()}))

        return note

    def listen(self, sink: Sink, stopping: threading.Event) -> None:
        while not stopping.wait(LOOK_SECONDS):
            for open_kfid in self._due():
                self._fetch(open_kfid, sink, stopping)
            for open_kfid in self._keys("todo:"):
                self._sessions.work_off(open_kfid)
            self._sessions.hand_over()

    # ── which accounts
    def _due(self) -> list[str]:
        now = time.monotonic()
        found = [each for each in self._keys("want:") if now >= self._not_before.get(each, 0)]
        with self._kit.database.reading() as session:
            shared = self._shared(session)
            for each in self._keys("cursor:"):
                if each not in found and shared.get(f"swept:{each}") is None and now >= self._not_before.get(each, 0):
                    found.append(each)
        return found

    def _keys(self, prefix: str) -> list[str]:
        with self._kit.database.reading() as session:
            return [key.removeprefix(prefix) for key in self._shared(session).keys(prefix)]

    # ── pages
    def _fetch(self, open_kfid: str, sink: Sink, stopping: threading.Event) -> None:
        """All pages. What WeCom does not give now is wanted still."""
        try:
            more = self._page(open_kfid, sink, may_begin_again=True)
            while more and not stopping.is_set():
                more = self._page(open_kfid, sink, may_begin_again=False)
        except CursorMoved:
            return
        except (ApiError, ApiUnanswered) as error:
            failures = self._failures.get(open_kfid, 0)
            self._failures[open_kfid] = failures + 1
            self._not_before[open_kfid] = time.monotonic() + PAUSES[min(failures, len(PAUSES) - 1)]
            log.warning("wecom_not_fetched", account=open_kfid, reason=str(error), failures=failures + 1)
            return
        self._failures.pop(open_kfid, None)

    def _page(self, open_kfid: str, sink: Sink, *, may_begin_again: bool) -> bool:
        """Whether there are more, and we are the ones to fetch them."""
        with leased(self._kit.database, self._kit.clock, self._channel, f"fetch:{open_kfid}", LEASE) as ours:
            if not ours:
                return False
            with self._kit.database.reading() as session:
                shared = self._shared(session)
                want, cursor = shared.get(f"want:{open_kfid}"), shared.get(f"cursor:{open_kfid}")
                since = shared.get(f"since:{open_kfid}")
            page = self._ask(open_kfid, cursor or "", self._token(want), may_begin_again)
            if cursor is None:
                since = (self._kit.clock.now() - FIRST_LOOKBACK).isoformat()
            if since is not None:
                page = self._recent(open_kfid, page, datetime.fromisoformat(since))
            # Events first, so that the bot does not answer what a colleague has taken; they are known again should we die here.
            if page.events:
                sink.store(Received(also=partial(self._sessions.keep, open_kfid=open_kfid, events=page.events)))
                self._sessions.work_off(open_kfid)
            messages = self._sessions.look_after(page.messages)
            sink.store(Received(messages, page.receipts, also=self._moves(open_kfid, page, cursor, want, since)))
            return page.more

    def _moves(
        self, open_kfid: str, page: Page, cursor: str | None, want: str | None, since: str | None
    ) -> Callable[[Session], None]:
        """What is stored with the messages of a page. Raises ``CursorMoved``."""

        def move(session: Session) -> None:
            shared = self._shared(session)
            if shared.lock(f"cursor:{open_kfid}") != cursor:
                raise CursorMoved
            shared.put(f"cursor:{open_kfid}", page.next_cursor)
            if cursor is None:
                shared.put(f"since:{open_kfid}", since, self._kit.clock.now() + KEPT_BY_WECOM)
            self._sessions.withdraw(session, page.withdrawn)
            if not page.more:
                shared.put(f"swept:{open_kfid}", "1", self._kit.clock.now() + SWEEP)
                if want is not None and shared.lock(f"want:{open_kfid}") == want:
                    shared.put(f"want:{open_kfid}", None)

        return move

    def _ask(self, open_kfid: str, cursor: str, token: str | None, may_begin_again: bool) -> Page:
        """An unknown token is left out. A cursor that WeCom does not know (any more) is given up: the messages of three days come
        again, and those that we have change nothing.
        """
        try:
            return self._read(open_kfid, cursor, token)
        except (ApiBusy, ApiUnauthorised):
            raise
        except ApiError as error:
            log.warning("wecom_page_refused", account=open_kfid, code=error.code)
            if error.code == INVALID_TOKEN and token is not None:
                return self._read(open_kfid, cursor, None)
            if not cursor or not may_begin_again:
                raise
        return self._read(open_kfid, "", token)

    def _read(self, open_kfid: str, cursor: str, token: str | None) -> Page:
        try:
            return read_page(open_kfid, self._api.sync_msg(open_kfid, cursor, token, self._limit), cursor)
        except ValueError as error:
            raise ApiUnanswered(str(error)) from None

    def _recent(self, open_kfid: str, page: Page, oldest: datetime) -> Page:
        recent = [(account, message) for account, message in page.messages if message.at is None or message.at >= oldest]
        if len(recent) < len(page.messages):
            log.warning("wecom_old_messages_left_out", account=open_kfid, count=len(page.messages) - len(recent))
        return replace(page, messages=recent, events=[each for each in page.events if each.at >= oldest])

    def _token(self, want: str | None) -> str | None:
        if want is None:
            return None
        noted = json.loads(want)
        token: str = noted["token"]
        return token if datetime.fromisoformat(noted["until"]) > self._kit.clock.now() else None

    def _shared(self, session: Session) -> SharedState:
        return SharedState(session, self._kit.clock, self._channel)
