"""A bank for the demo and for tests: it answers as scripted, else it pays. It implements the real port.

A script may delay, lose what we send or what it answers, repeat its callbacks, settle late, and send money back afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.clock import Clock
from bot.core.money import Fen
from bot.loans.codes import SUCCESS
from bot.loans.servicing.channel import ChannelEvent, ChannelResult, ChannelTimeout, PaymentOrder


@dataclass(frozen=True)
class Behaviour:
    """What happens to one order. ``code`` other than ``SUCCESS`` makes it fail.

    ``after``: how long it stays ``processing``. ``lost_orders``: so many sendings never arrive; ``lost_replies``: so many arrive,
    but the answer does not; both are timeouts to us. ``callbacks``: how often each report is sent. ``returned_after``: how long
    after its settlement the money goes back, with ``return_code``. Of a refund only the two ``lost_…`` count.
    """

    code: str = SUCCESS
    after: timedelta = timedelta(0)
    lost_orders: int = 0
    lost_replies: int = 0
    callbacks: int = 1
    returned_after: timedelta | None = None
    return_code: str = "BANK_RETURNED"


@dataclass
class _Held:
    order: PaymentOrder
    behaviour: Behaviour
    received_at: datetime


class SimulatedBank:
    """Keeps the orders it received; time passes by ``clock``, or, without one, stands at the latest order.

    ``script``: (contract number, instalment, moment) → result code or behaviour; ``by_order``: order number → behaviour;
    everything else gets ``default``. ``payouts``: the behaviour about every refund.
    """

    def __init__(
        self,
        script: dict[tuple[str, int, datetime], str | Behaviour] | None = None,
        *,
        clock: Clock | None = None,
        default: Behaviour | None = None,
    ) -> None:
        self.script = script or {}
        self.by_order: dict[str, Behaviour] = {}
        self.default = default or Behaviour()
        self.payouts = Behaviour()
        self.asked: list[PaymentOrder] = []
        self.paid_out: dict[str, Fen] = {}
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._lost_orders: dict[str, int] = {}
        self._lost_replies: dict[str, int] = {}

    def submit(self, order: PaymentOrder) -> ChannelResult:
        self.asked.append(order)
        behaviour = self._behaviour(order)
        if _count(self._lost_orders, order.order_no) <= behaviour.lost_orders:
            raise ChannelTimeout(f"{order.order_no}: no answer")
        self._held.setdefault(order.order_no, _Held(order, behaviour, order.at))
        if _count(self._lost_replies, order.order_no) <= behaviour.lost_replies:
            raise ChannelTimeout(f"{order.order_no}: no answer")
        return self.query(order.order_no)

    def query(self, order_no: str) -> ChannelResult:
        held = self._held.get(order_no)
        if held is None:
            return ChannelResult(order_no, "unknown")
        reports = self._reports(held)
        return reports[-1] if reports else ChannelResult(order_no, "processing")

    def pay_out(self, refund_no: str, customer_id: str, amount: Fen) -> None:
        if _count(self._lost_orders, refund_no) <= self.payouts.lost_orders:
            raise ChannelTimeout(f"{refund_no}: no answer")
        if self.paid_out.setdefault(refund_no, amount) != amount:
            raise ValueError(f"{refund_no} for {customer_id} was paid out with another amount")
        if _count(self._lost_replies, refund_no) <= self.payouts.lost_replies:
            raise ChannelTimeout(f"{refund_no}: no answer")

    def callbacks(self) -> list[ChannelEvent]:
        """Every report made so far, each as often as scripted, oldest order first; asking again repeats them all."""
        return [
            ChannelEvent(f"{held.order.order_no}:{report.state}", report)
            for held in self._held.values()
            for report in self._reports(held)
            for _ in range(held.behaviour.callbacks)
        ]

    @property
    def taken(self) -> Fen:
        """分 that left borrowers' cards and did not go back with a return."""
        states = [(held.order.amount, self.query(number).state) for number, held in self._held.items()]
        return sum(amount for amount, state in states if state == "settled")

    def _behaviour(self, order: PaymentOrder) -> Behaviour:
        if order.order_no in self.by_order:
            return self.by_order[order.order_no]
        for ref in order.targets:
            found = self.script.get((ref.contract_no, ref.instalment, order.at))
            if found is not None:
                return found if isinstance(found, Behaviour) else Behaviour(code=found)
        return self.default

    def _reports(self, held: _Held) -> list[ChannelResult]:
        number, behaviour = held.order.order_no, held.behaviour
        age = (self._clock.now() if self._clock else held.received_at) - held.received_at
        if age < behaviour.after:
            return []
        if behaviour.code != SUCCESS:
            return [ChannelResult(number, "failed", behaviour.code)]
        reports = [ChannelResult(number, "settled", SUCCESS)]
        if behaviour.returned_after is not None and age >= behaviour.after + behaviour.returned_after:
            reports.append(ChannelResult(number, "returned", behaviour.return_code))
        return reports


def _count(counter: dict[str, int], order_no: str) -> int:
    counter[order_no] = counter.get(order_no, 0) + 1
    return counter[order_no]
