"""Who is on the line: a customer, a visitor, or nobody we know."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.conversations.errors import SenderMismatch
from bot.conversations.runtime import Runtime
from bot.conversations.service import MINTED_SENDER
from bot.core.errors import Unauthenticated
from bot.identity.errors import TokenInvalid, TokenRequired
from bot.identity.tokens import Principal
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
    customer_id = _customer(runtime.tokens.read(token, kinds=("customer", "visitor")), sender)
    if customer_id and not await _exists(runtime, customer_id):
        raise TokenInvalid("the token names a customer that does not exist here; check the `sub` claim of the app that signed it")
    return customer_id


async def reader_of(runtime: Runtime, token: str | None, sender: str) -> str:
    """Like ``customer_of``, but a token is always needed: without one nobody reads a history."""
    if token is None:
        raise TokenRequired("reading needs a token")
    return await customer_of(runtime, token, sender)


def proves_visitor(runtime: Runtime, token: str | None, sender: str) -> bool:
    """Whether ``token`` is a valid visitor token of ``sender``. A bad one only costs the continuation of the old dialogue."""
    if token is None:
        return False
    try:
        return runtime.tokens.read(token, kinds=("visitor",)).subject == sender
    except Unauthenticated:
        return False


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

    if not await runtime.gateway.transaction(look):
        return False
    runtime.known_customers.add(customer_id)
    return True


def _customer(principal: Principal, sender: str) -> str:
    if principal.kind == "customer":
        return principal.subject
    if principal.subject != sender:
        raise SenderMismatch("the visitor token is bound to another sender")
    return ""
