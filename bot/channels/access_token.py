"""A platform's access token: one replica fetches it, all use it until shortly before its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.channels.connector import Kit
from bot.channels.state import SharedState, leased

MARGIN = timedelta(minutes=5)
"""So long before its end a token is replaced: calls with it may still be under way."""
_FETCH_SECONDS = 15.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Granted:
    """A new token as the platform gave it."""

    token: str
    lasts: timedelta


class TokenUnavailable(RuntimeError):
    """No replica has got one in time; the message has no secret."""


class AccessTokens:
    """``fetch`` asks the platform (``_FETCH_SECONDS`` at most) and may raise whatever it likes: nothing is kept then."""

    def __init__(self, kit: Kit, channel: str, fetch: Callable[[], Granted], key: str = "access_token") -> None:
        self._database = kit.database
        self._clock = kit.clock
        self._channel = channel
        self._fetch = fetch
        self._key = key

    def token(self) -> str:
        """Raises ``TokenUnavailable``, and what ``fetch`` raises."""
        give_up = time.monotonic() + 2 * _FETCH_SECONDS
        while time.monotonic() < give_up:
            known = self._known()
            if known is not None:
                return known
            with leased(self._database, self._clock, self._channel, self._key, timedelta(seconds=_FETCH_SECONDS)) as ours:
                if ours:
                    return self._known() or self._new()
            time.sleep(_LOOK_SECONDS)
        raise TokenUnavailable(f"{self._channel}: no access token in time")

    def drop(self, token: str) -> None:
        """The platform refused ``token``. Another one that a replica has got since stays."""
        with self._database.transaction() as session:
            shared = SharedState(session, self._clock, self._channel)
            if shared.lock(self._key) == token:
                shared.put(self._key, None)

    def _known(self) -> str | None:
        with self._database.reading() as session:
            return SharedState(session, self._clock, self._channel).get(self._key)

    def _new(self) -> str:
        granted = self._fetch()
        with self._database.transaction() as session:
            ends = self._clock.now() + granted.lasts - min(MARGIN, granted.lasts / 2)
            SharedState(session, self._clock, self._channel).put(self._key, granted.token, ends)
        return granted.token
