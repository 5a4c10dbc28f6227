"""The payment-channel port: what we ask of the bank and what it may answer. A real adapter implements ``PaymentChannel``.

ChannelTimeout (503)  the bank did not answer in time: the order may or may not have reached it, so only ``query`` can tell
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.core.errors import CareError
from bot.core.money import Fen
from bot.loans.port import InstalmentRef, PaymentKind

ChannelState = Literal["processing", "settled", "failed", "returned", "unknown"]
"""``unknown``: the bank never received the order; sending it again under the same number is safe."""


class ChannelTimeout(CareError):
    """No answer in time; nothing is known about the order."""

    code = "channel_timeout"
    status = 503


@dataclass(frozen=True)
class PaymentOrder:
    """Money (分) to be taken from the borrower's card. The bank executes an ``order_no`` once, however often it is sent."""

    order_no: str
    kind: PaymentKind
    customer_id: str
    amount: Fen
    targets: tuple[InstalmentRef, ...]
    at: datetime


@dataclass(frozen=True)
class ChannelResult:
    """Where an order stands at the bank. ``code``: why it failed or came back (``codes.py``)."""

    order_no: str
    state: ChannelState
    code: str | None = None


@dataclass(frozen=True)
class ChannelEvent:
    """A callback. The bank repeats it, under the same ``event_id``, until it is acknowledged."""

    event_id: str
    result: ChannelResult


class PaymentChannel(Protocol):
    """The bank's side; a real adapter or ``SimulatedBank``. Every method may raise ``ChannelTimeout``."""

    def submit(self, order: PaymentOrder) -> ChannelResult:
        """Sends the order; an order number sent before is not executed again, its standing is returned."""
        ...

    def query(self, order_no: str) -> ChannelResult:
        """Where the order stands; ``unknown`` when the bank never received it."""
        ...

    def pay_out(self, refund_no: str, customer_id: str, amount: Fen) -> None:
        """Sends money (分) back to the borrower's card, once per ``refund_no``."""
        ...
