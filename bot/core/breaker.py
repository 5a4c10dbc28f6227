"""A circuit breaker: after repeated failures of a partner, callers are refused at once instead of waiting for it.

closed ──(``failures`` in a row)──▶ open ──(``open_seconds``)──▶ half-open: one probe ──ok──▶ closed
                                     ▲                                   └──fails──┐
                                     └───────────────────────────────────────────┘

Kept libraries were looked at: pybreaker 1.4 holds its lock for as long as the guarded call lasts, so calls of several threads
would wait for each other; the others are asynchronous only or unmaintained.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]


class BreakerOpen(Exception):
    """The call was not made. ``retry_after``: seconds until a probe may be tried."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"the circuit is open for {retry_after:.1f} s more")
        self.retry_after = retry_after


class CircuitBreaker:
    """Safe for many threads; never holds its lock during a call. Each ``admit`` is followed by one of the three results."""

    def __init__(self, *, failures: int = 5, open_seconds: float = 10.0, now: Callable[[], float] = time.monotonic) -> None:
        if failures < 1 or open_seconds <= 0:
            raise ValueError("a breaker needs at least one failure and a time to stay open")
        self._limit = failures
        self._open_seconds = open_seconds
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False
        self._generation = 0

    @property
    def state(self) -> BreakerState:
        with self._lock:
            return self._state()

    def _state(self) -> BreakerState:
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._now() - self._opened_at >= self._open_seconds else "open"

    def admit(self) -> int:
        """A ticket for one call, to be handed back with its result. Raises ``BreakerOpen``."""
        with self._lock:
            if self._opened_at is None:
                return self._generation
            left = self._open_seconds - (self._now() - self._opened_at)
            if left > 0 or self._probing:
                raise BreakerOpen(max(left, 0.0))
            self._probing = True
            return self._generation

    def succeeded(self, ticket: int) -> None:
        """The partner answered; refusals for business reasons are answers too."""
        with self._lock:
            if ticket != self._generation:
                return  # the call began before the circuit opened: it says nothing about the partner's present state
            if self._opened_at is not None:
                self._generation += 1
            self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self, ticket: int) -> None:
        """The partner did not answer, or only to say that it cannot."""
        with self._lock:
            if ticket != self._generation:
                return
            self._failures += 1
            if self._probing or self._failures >= self._limit:
                self._opened_at, self._probing = self._now(), False
                self._generation += 1

    def abandoned(self, ticket: int) -> None:
        """The call ended for a reason of our own: nothing was learnt, and a probe may be tried again."""
        with self._lock:
            if ticket == self._generation:
                self._probing = False
