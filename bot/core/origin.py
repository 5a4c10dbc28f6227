"""Who acts in this unit of work, and from where: set where a request, a turn or a job begins, read where deeds are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

ActorKind = Literal["customer", "visitor", "bot", "agent", "supervisor", "admin", "system", "operator"]
ACTOR_KINDS: tuple[str, ...] = get_args(ActorKind)


@dataclass(frozen=True)
class Actor:
    """``identifier``: a customer id, a visitor's conversation id, an agent id, a job's name, or ``bot``."""

    kind: ActorKind
    identifier: str


@dataclass(frozen=True)
class Origin:
    """``channel``: rest, web, desk, …, worker; ``address``: the caller's IP address as the balancer in front reports it."""

    channel: str = "process"
    address: str | None = None
    request_id: str | None = None
    conversation_id: str | None = None
    actor: Actor = Actor("system", "system")


_NOWHERE = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def origin() -> Origin:
    return _origin.get()


def refine_origin(**known: Any) -> None:
    """What became known of the present unit of work (fields of ``Origin``); it lasts as long as the task's context."""
    _origin.set(replace(_origin.get(), **known))


@contextmanager
def coming_from(place: Origin) -> Iterator[None]:
    """``place`` is the origin of everything inside, also in threads that are given the context."""
    token = _origin.set(place)
    try:
        yield
    finally:
        _origin.reset(token)
