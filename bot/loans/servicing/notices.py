"""Notices to borrowers: which are due, the contact rules of dunning, and the log with the state of delivery.

A notice is committed as ``pending`` under a key before it is sent, so it is planned once however often the run repeats, and a
sender that honours the key delivers it once.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Literal, Protocol, get_args

from sqlalchemy import func, select

from bot.core.clock import SHANGHAI, chinese_date
from bot.core.money import format_yuan
from bot.core.texts import Text
from bot.loans.errors import ContactRefused, IdempotencyConflict, NoticeNotFound
from bot.loans.models import ContractRow, InstalmentRow, NoticeRow
from bot.loans.port import Delivery, InstalmentRef
from bot.loans.position import Position, positions
from bot.loans.servicing.overdue import OverdueService
from bot.loans.servicing.policy import Policy
from bot.loans.unit import Unit, check_choice, check_key

NoticeKind = Literal["due_reminder", "overdue", "debit_failed"]
NoticeChannel = Literal["sms", "push", "call"]
MAX_DUN_KEY_CHARS = 100


class NoticeSender(Protocol):
    """The way to the borrower's phone; a real adapter or ``SimulatedSender``."""

    def send(self, key: str, phone: str, text: str) -> Delivery:
        """Sends once per ``key``; ``pending`` when the result comes later. May raise ``ChannelTimeout``."""
        ...


class NoticeService:
    """Plans and logs notices over one unit of work."""

    def __init__(self, unit: Unit, policy: Policy) -> None:
        self.unit = unit
        self.policy = policy
        self.overdue = OverdueService(unit, policy.bureau_after_days)

    def candidates(self) -> list[InstalmentRef]:
        """Unsettled instalments that are due soon or overdue."""
        horizon = self.unit.clock.today() + timedelta(days=max(self.policy.reminder_days_before, default=0))
        rows = self.unit.repository.unsettled_due_by(horizon)
        return [InstalmentRef(row.contract_no, row.number) for row in rows]

    def plan(self, ref: InstalmentRef) -> NoticeRow | None:
        """The notice that is due for the instalment now, logged as ``pending``; ``None`` when none is, or it was planned before.

        Dunning that the contact rules or a hold forbid is left out; it is tried again later the same day.
        """
        contract, row = self._locked(ref)
        now = self.unit.clock.now()
        if now.time() < self.policy.notices_from or self.policy.contact.quiet(now):
            return None
        kind = self._due_kind(contract, row)
        if kind is None or self.overdue.settled(row):
            return None
        key = f"{kind}:{ref.contract_no}:{ref.instalment}:{now:%Y%m%d}"
        if self._planned(key):
            return None
        if not self._allowed(ref, kind, row):
            return None
        return self._log(contract, ref, kind, "sms", key)

    def _allowed(self, ref: InstalmentRef, kind: NoticeKind, row: InstalmentRow) -> bool:
        """By the contact rules. A reminder ahead saves the borrower money and needs none; on the due date the limit counts."""
        if kind == "due_reminder":
            return True
        reason = self.refusal(ref, "debtor")
        if reason == "not_overdue" and row.due_on == self.unit.clock.today():
            return not self._limit_reached(ref)
        return reason is None

    def _due_kind(self, contract: ContractRow, row: InstalmentRow) -> NoticeKind | None:
        days = (self.unit.clock.today() - row.due_on).days
        if -days in self.policy.reminder_days_before:
            return None if self._being_taken(row.contract_no, row.number) else "due_reminder"
        # One message about an overdue instalment a day: the word about the failed debit stands in the place of dunning.
        if self._debit_failed_today(contract, row, days):
            return "debit_failed"
        return "overdue" if days in self.policy.dunning_days_after else None

    def _being_taken(self, contract_no: str, instalment: int) -> bool:
        """Whether a scheduled repayment has taken the money or is on its way to the bank: there is nothing to remind of."""
        schedule = self.unit.repository.live_schedule(contract_no, instalment)
        return schedule is not None and schedule.payment_no is not None

    def _debit_failed_today(self, contract: ContractRow, row: InstalmentRow, days: int) -> bool:
        """Whether the last try of today has failed; earlier ones may still be made good."""
        debit, now = self.policy.debit, self.unit.clock.now()
        if debit.slot(days, now.time()) != debit.slot(days, time.max):
            return False
        attempts = self.unit.repository.debit_attempts(contract.customer_id, row.contract_no, row.number)
        return bool(attempts) and attempts[-1].side != "none" and attempts[-1].attempted_at.date() == now.date()

    def dun(self, ref: InstalmentRef, channel: NoticeChannel, recipient: str, *, key: str) -> NoticeRow:
        """A dunning contact by a person or a system, logged as ``pending`` before it is made. The same ``key``: the same contact.

        ``recipient``: ``debtor``, or the code of whom else the caller has in mind. Raises ``ContactRefused`` with
        ``details.reason``: ``quiet_hours``, ``daily_limit``, ``not_the_debtor``, ``on_hold``, ``not_overdue``;
        ``ContractNotFound``, ``InstalmentNotFound``, ``InvalidChoice``, ``IdempotencyConflict``.
        """
        check_key(key, MAX_DUN_KEY_CHARS)
        contract, _ = self._locked(ref)
        if recipient not in self.policy.contact.recipients:  # before the key: it may name a contact with the debtor
            raise ContactRefused(f"no dunning of {ref.contract_no} #{ref.instalment}: not_the_debtor", reason="not_the_debtor")
        key = f"dun:{key}"
        known = self.unit.repository.notice(key)
        if known is not None:
            if (known.contract_no, known.instalment, known.channel) != (ref.contract_no, ref.instalment, channel):
                raise IdempotencyConflict(f"key {key!r} was used for another contact")
            return known
        check_choice("channel", channel, get_args(NoticeChannel))
        reason = self.refusal(ref, recipient)
        if reason is not None:
            raise ContactRefused(f"no dunning of {ref.contract_no} #{ref.instalment}: {reason}", reason=reason)
        return self._log(contract, ref, "overdue", channel, key)

    def refusal(self, ref: InstalmentRef, recipient: str) -> str | None:
        """Why a dunning contact may not be made now; ``None`` when it may."""
        rules, now = self.policy.contact, self.unit.clock.now()
        if recipient not in rules.recipients:
            return "not_the_debtor"
        if rules.quiet(now):
            return "quiet_hours"
        if self.overdue.held(ref):
            return "on_hold"
        row = self.unit.repository.instalment(ref.contract_no, ref.instalment)
        if row is None or row.due_on >= now.date() or self.overdue.settled(row):
            return "not_overdue"
        return "daily_limit" if self._limit_reached(ref) else None

    def _limit_reached(self, ref: InstalmentRef) -> bool:
        return self._contacts_today(self.unit.any_contract(ref.contract_no).customer_id) >= self.policy.contact.max_per_day

    def _contacts_today(self, customer_id: str) -> int:
        """Dunning and words about failed debits that the borrower got today, over all contracts and channels, whether or not
        they arrived."""
        midnight = datetime.combine(self.unit.clock.today(), time(0), SHANGHAI)
        query = select(func.count()).where(
            NoticeRow.customer_id == customer_id, NoticeRow.kind != "due_reminder", NoticeRow.sent_at >= midnight
        )
        return int(self.unit.session.scalar(query) or 0)

    def _log(
        self, contract: ContractRow, ref: InstalmentRef, kind: NoticeKind, channel: NoticeChannel, key: str
    ) -> NoticeRow:  # fmt: skip
        row = NoticeRow(
            customer_id=contract.customer_id,
            contract_no=ref.contract_no,
            instalment=ref.instalment,
            kind=kind,
            channel=channel,
            sent_at=self.unit.clock.now(),
            delivery="pending",
            notice_key=key,
        )
        self.unit.session.add(row)
        self.unit.session.flush()
        return row

    def note_delivery(self, key: str, delivery: Delivery) -> None:
        """What the sender reports of a planned notice; a final state stays. Raises ``NoticeNotFound``, ``InvalidChoice``."""
        row = self._notice(key)
        check_choice("delivery", delivery, get_args(Delivery))
        if row.delivery == "pending" and delivery != "pending":
            row.delivery = delivery
            row.delivered_at = self.unit.clock.now() if delivery == "delivered" else None
            self.unit.session.flush()

    def to_send(self) -> list[str]:
        """Keys of today's planned SMS without a result; yesterday's are out of date and are not sent any more."""
        midnight = datetime.combine(self.unit.clock.today(), time(0), SHANGHAI)
        row = NoticeRow
        query = select(row.notice_key).where(
            row.delivery == "pending", row.channel == "sms", row.notice_key.is_not(None), row.sent_at >= midnight
        )
        return [key for key in self.unit.session.scalars(query.order_by(row.id)) if key is not None]

    def compose(self, key: str, texts: dict[str, Text]) -> tuple[str, str] | None:
        """Phone and text of a planned notice; ``None`` when it must not be sent: paid, put on hold or taken as scheduled
        since, or not a reminder and come to be sent in the quiet hours only.
        """
        row = self._notice(key)
        ref = InstalmentRef(row.contract_no, row.instalment)
        position = self._position(ref)
        if row.kind == "due_reminder":
            forbidden = self._being_taken(row.contract_no, row.instalment)
        else:
            forbidden = self.overdue.held(ref) or self.policy.contact.quiet(self.unit.clock.now())
        if position.settled or forbidden:
            return None
        customer = self.unit.customer(row.customer_id)
        schedule = self.unit.repository.live_schedule(row.contract_no, row.instalment)
        values = {
            "take_on": chinese_date(schedule.execute_on) if schedule else "",
            "tail": row.contract_no[-4:],
            "amount": format_yuan(position.total_at_due),
            "due_on": chinese_date(position.due_on),
            "days": str(max(0, (self.unit.clock.today() - position.due_on).days)),
        }
        return customer.phone, texts[self._text_name(row)].render(**values)

    def _text_name(self, row: NoticeRow) -> str:
        """The text that is true of this borrower: who takes the money on which day, or whose side a debit failed on."""
        repository, name = self.unit.repository, f"notice_{row.kind}"
        if row.kind == "debit_failed":
            attempts = repository.debit_attempts(row.customer_id, row.contract_no, row.instalment)
            return f"{name}_system" if attempts and attempts[-1].side == "system" else name
        if row.kind == "due_reminder":
            if repository.live_schedule(row.contract_no, row.instalment) is not None:
                return f"{name}_scheduled"
            if all(mandate.revoked_at is not None for mandate in repository.mandates(row.customer_id)):
                return f"{name}_no_mandate"
        return name

    def _position(self, ref: InstalmentRef) -> Position:
        book = self.unit.repository.books([self.unit.any_contract(ref.contract_no)])[0]
        return positions(book, self.unit.clock.today())[ref.instalment - 1]

    def _notice(self, key: str) -> NoticeRow:
        row = self.unit.repository.notice(key)
        if row is None:
            raise NoticeNotFound(f"no notice {key}")
        return row

    def _planned(self, key: str) -> bool:
        return self.unit.repository.notice(key) is not None

    def _locked(self, ref: InstalmentRef) -> tuple[ContractRow, InstalmentRow]:
        contract = self.unit.any_contract(ref.contract_no)
        self.unit.lock(contract.customer_id)
        return contract, self.unit.instalment(ref.contract_no, ref.instalment)
