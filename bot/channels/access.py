"""Who is on the line: a customer, a visitor, or nobody we know."""

from __future__ import annotations

from bot.conversations.errors import SenderMismatch
from bot.conversations.runtime import Runtime
from bot.conversations.service import MINTED_SENDER
from bot.core.errors import Unauthenticated
from bot.identity.errors import TokenRequired
from bot.identity.tokens import Principal


def customer_of(runtime: Runtime, token: str | None, sender: str) -> str:
    """The customer id behind a message, empty for the anonymous.

    Raises ``TokenInvalid``, ``TokenExpired``, ``SenderMismatch``, and ``TokenRequired`` when the sender is one that we
    gave to a visitor.
    """
    if token is None:
        if MINTED_SENDER.fullmatch(sender):
            raise TokenRequired("this sender needs its token")
        return ""
    return _customer(runtime.tokens.read(token, kinds=("customer", "visitor")), sender)


def reader_of(runtime: Runtime, token: str | None, sender: str) -> str:
    """Like ``customer_of``, but a token is always needed: without one nobody reads a history."""
    if token is None:
        raise TokenRequired("reading needs a token")
    return customer_of(runtime, token, sender)


def proves_visitor(runtime: Runtime, token: str | None, sender: str) -> bool:
    """Whether ``token`` is a valid visitor token of ``sender``. A bad one only costs the continuation of the old dialogue."""
    if token is None:
        return False
    try:
        return runtime.tokens.read(token, kinds=("visitor",)).subject == sender
    except Unauthenticated:
        return False


def _customer(principal: Principal, sender: str) -> str:
    if principal.kind == "customer":
        return principal.subject
    if principal.subject != sender:
        raise SenderMismatch("the visitor token is bound to another sender")
    return ""
