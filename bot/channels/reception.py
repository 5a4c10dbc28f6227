"""Keeps what a platform gave us, in one transaction: messages, receipts, and what the connector wants to remember with them."""

from __future__ import annotations

import asyncio

from sqlalchemy.orm import Session

from bot.channels.connector import Received
from bot.conversations.gateway import Gateway
from bot.conversations.inbox.service import INBOX, Inbox
from bot.conversations.outbox.service import DeliveryService
from bot.core.clock import Clock
from bot.core.database import Database


def keep(session: Session, clock: Clock, channel: str, received: Received) -> int:
    """How many messages were new. Raises ``CallbackReplayed``. Never commits."""
    new = Inbox(session, clock).store(channel, received.messages, nonce=received.nonce)
    deliveries = DeliveryService(session, clock)
    for receipt in received.receipts:
        if receipt.state == "failed":
            deliveries.refused_later(channel, receipt.platform_id, receipt.failure)
        else:
            deliveries.reached(channel, receipt.platform_id, receipt.state)
    if received.also is not None:
        received.also(session)
    return new


class Reception:
    """The ``Sink`` of one channel's listener. Made in the loop of the web process, used from the listener's thread."""

    def __init__(self, channel: str, database: Database, clock: Clock, gateway: Gateway) -> None:
        self._channel = channel
        self._database = database
        self._clock = clock
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()

    def store(self, received: Received) -> int:
        """How many messages were new. Raises ``CallbackReplayed`` and what the database raises; then nothing is kept."""
        with self._database.transaction() as session:
            new = keep(session, self._clock, self._channel, received)
        if new:
            self._loop.call_soon_threadsafe(self._gateway.wakeups.notify, INBOX)
        return new
