"""Who is on the line: a customer, a visitor, or nobody we know."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.conversations.errors import SenderMismatch
from bot.conversations.runtime import Runtime
from bot.conversations.service import MINTED_SENDER
from bot.core.errors import Unauthenticated
from bot.core.limits.rules import Per, Rule, Subject
from bot.identity.errors import TokenInvalid, TokenRequired
from bot.identity.tokens import Kind, Principal
from bot.loans.errors import CustomerNotFound


async def customer_of(runtime: Runtime, token: str | None, sender: str) -> str:
    """The customer id behind a message, empty for the anonymous.

    Raises ``TokenInvalid`` (also for a customer whom the loan books do not have), ``TokenExpired``, ``SenderMismatch``, and
    ``TokenRequired`` when the sender is one that we gave to a visitor.
    """
    if token is None:
        if MINTED_SENDER.fullmatch(sender):
            raise TokenRequired("this sender needs its token")
        return ""
    customer_id = _customer(_principal(runtime, token), sender)
    return await _known(runtime, customer_id) if customer_id else ""


async def reader_of(runtime: Runtime, token: str | None, sender: str) -> str:
    """Like ``customer_of``, but a token is always needed: without one nobody reads a history."""
    if token is None:
        raise TokenRequired("reading needs a token")
    return await customer_of(runtime, token, sender)


def visitor_of(runtime: Runtime, token: str | None) -> str | None:
    """The sender of a visitor's token; ``None`` for a bad one, which only costs the continuation of the old dialogue."""
    if token is None:
        return None
    try:
        return runtime.tokens.read(token, kinds=("visitor",)).subject
    except Unauthenticated:
        return None


def proves_visitor(runtime: Runtime, token: str | None, sender: str) -> bool:
    """Whether ``token`` is a valid visitor token of ``sender``."""
    return visitor_of(runtime, token) == sender


async def _exists(runtime: Runtime, customer_id: str) -> bool:
    """Asked once per process and customer: customers are not deleted. One who is missing may still be registered."""
    if customer_id in runtime.known_customers:
        return True

    def look(session: Session) -> bool:
        try:
            runtime.loans.open(session).customer(customer_id)
        except CustomerNotFound:
            return False
        return True

    if not await runtime.gateway.reading(look):
        return False
    runtime.known_customers.add(customer_id)
    return True


def _customer(principal: Principal, sender: str) -> str:
    if principal.kind == "customer":
        return principal.subject
    if principal.subject != sender:
        raise SenderMismatch("the visitor token is bound to another sender")
    return ""


async def customer_only(runtime: Runtime, token: str | None) -> str:
    """The customer of the token. Raises ``TokenRequired``, ``TokenInvalid`` (also for a visitor's), ``TokenExpired``."""
    if token is None:
        raise TokenRequired("customers only")
    return await _known(runtime, _principal(runtime, token, kinds=("customer",)).subject)


async def _known(runtime: Runtime, customer_id: str) -> str:
    if not await _exists(runtime, customer_id):
        raise TokenInvalid("the token names a customer that does not exist here; check the `sub` claim of the app that signed it")
    return customer_id


async def reader_without_sender(runtime: Runtime, token: str | None) -> tuple[str | None, str | None]:
    """The customer id, or the visitor's sender. Raises as ``customer_only``."""
    if token is None:
        raise TokenRequired("reading needs a token")
    principal = _principal(runtime, token)
    if principal.kind == "visitor":
        return None, principal.subject
    return await _known(runtime, principal.subject), None


async def count(runtime: Runtime, rule: Rule, customer_id: str, sender: str) -> None:
    """Counts for a customer (over all senders and devices), or else for the visitor ``sender``. Raises ``LimitReached``."""
    await runtime.limits.take(rule, Subject("customer", customer_id) if customer_id else Subject("visitor", sender))


def _principal(runtime: Runtime, token: str, kinds: tuple[Kind, ...] = ("customer", "visitor")) -> Principal:
    """Every request with a token passes here. Raises ``TokenInvalid``, ``TokenExpired``, ``LimitReached``."""
    principal = runtime.tokens.read(token, kinds=kinds)
    per: Per = "customer" if principal.kind == "customer" else "visitor"
    runtime.limits.take_here(runtime.limits.rules.requests, Subject(per, principal.subject))
    return principal
