"""Overdue handling per instalment: the daily record of penalty, and the flags for dunning and the credit bureau.

A flag is the latest row of its append-only history: ``on`` (dunned; reported as overdue), ``held`` (a dispute is open),
``off`` (settled), ``corrected`` (the report was wrong and was taken back; it stays so).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import func, insert, select

from bot.loans.errors import NotReported
from bot.loans.models import InstalmentRow
from bot.loans.port import Flag, FlagState, InstalmentRef
from bot.loans.position import positions
from bot.loans.servicing.models import OverdueFlagRow, PenaltyAccrualRow
from bot.loans.unit import Unit, check_text

FLAGS: tuple[Flag, ...] = ("dunning", "bureau_report")
MAX_REASON_CHARS = 32


class OverdueService:
    """Over one unit of work. ``bureau_after_days``: overdue for so many days before the bureau is told."""

    def __init__(self, unit: Unit, bureau_after_days: int) -> None:
        self.unit = unit
        self.bureau_after_days = bureau_after_days

    def candidates(self) -> list[InstalmentRef]:
        """Instalments whose flags may have to change: overdue ones, and those with a flag that is on or held."""
        today = self.unit.clock.today()
        found = {
            InstalmentRef(row.contract_no, row.number)
            for row in self.unit.repository.unsettled_due_by(today)
            if row.due_on < today
        }
        row = OverdueFlagRow
        latest = select(func.max(row.id)).group_by(row.contract_no, row.instalment, row.flag)
        query = select(row).where(row.id.in_(latest), row.state.in_(("on", "held")))
        found |= {InstalmentRef(each.contract_no, each.instalment) for each in self.unit.session.scalars(query)}
        return sorted(found, key=lambda ref: (ref.contract_no, ref.instalment))

    def refresh(self, ref: InstalmentRef) -> bool:
        """Brings both flags in line with the books; whether one changed. Raises ``InstalmentNotFound``."""
        self.unit.lock(self.unit.any_contract(ref.contract_no).customer_id)
        row = self.unit.instalment(ref.contract_no, ref.instalment)
        changed, held, days = False, self.held(ref), (self.unit.clock.today() - row.due_on).days
        settled = self.settled(row)
        for flag in FLAGS:
            state = self.state(ref, flag)
            wanted, reason = self._wanted(flag, state, days, held=held, settled=settled)
            if wanted is not None and wanted != state:
                self._append(ref, flag, wanted, reason)
                changed = True
        return changed

    def _wanted(
        self, flag: Flag, state: FlagState | None, days: int, *, held: bool, settled: bool
    ) -> tuple[FlagState | None, str]:  # fmt: skip
        after = 1 if flag == "dunning" else self.bureau_after_days
        if state == "corrected":
            return None, ""
        if settled or days < 1:
            return ("off" if state in {"on", "held"} else None), "settled"
        if held:
            return "held", "accrual_held"
        if days >= after:
            return "on", "overdue"
        # A hold that ended before the bureau was due to be told: nothing was reported.
        return ("off" if state == "held" else None), "hold_released"

    def correct(self, ref: InstalmentRef, reason: str) -> OverdueFlagRow:
        """Takes a report to the credit bureau back (product §3). Repeating it changes nothing.

        Raises ``NotReported`` when the bureau was never told, ``ContractNotFound``, ``InstalmentNotFound``, ``InvalidText``.
        """
        self.unit.lock(self.unit.any_contract(ref.contract_no).customer_id)
        self.unit.instalment(ref.contract_no, ref.instalment)
        check_text("reason", reason, MAX_REASON_CHARS)
        history = [row for row in self.history(ref) if row.flag == "bureau_report"]
        if history and history[-1].state == "corrected":
            return history[-1]
        if not any(row.state == "on" for row in history):
            raise NotReported(f"{ref.contract_no} #{ref.instalment} was never reported")
        return self._append(ref, "bureau_report", "corrected", reason)

    def history(self, ref: InstalmentRef) -> Sequence[OverdueFlagRow]:
        """Every change of both flags, oldest first."""
        return self.unit.repository.overdue_flags(ref.contract_no, ref.instalment)

    def state(self, ref: InstalmentRef, flag: Flag) -> FlagState | None:
        """The flag now; ``None`` when it was never set."""
        states = [row.state for row in self.history(ref) if row.flag == flag]
        return cast(FlagState, states[-1]) if states else None  # the check constraint admits no other

    def settled(self, row: InstalmentRow) -> bool:
        """Whether nothing is owed on the instalment, or ever was: 60 分 in 24 parts are twenty of 3 and four of nothing.

        Nothing was posted to such a one, so that ``settled_on`` may still be empty. Raises ``ContractNotFound``.
        """
        if row.settled_on is not None or row.paid_principal < row.principal:
            return row.settled_on is not None
        book = self.unit.repository.books([self.unit.any_contract(row.contract_no)])[0]
        return positions(book, self.unit.clock.today())[row.number - 1].settled

    def held(self, ref: InstalmentRef) -> bool:
        """Whether a dispute holds accrual, and with it dunning and reporting, of the instalment."""
        return any(row.released_on is None for row in self.unit.repository.holds(ref.contract_no, ref.instalment))

    def accrue(self, contract_nos: Sequence[str]) -> int:
        """Records today's penalty of every overdue instalment of the contracts, once a day; returns how many were new.

        Raises ``ContractNotFound``.
        """
        unit, today = self.unit, self.unit.clock.today()
        contracts = [unit.any_contract(number) for number in contract_nos]
        row = PenaltyAccrualRow
        known_query = select(row.contract_no, row.instalment).where(row.accrued_on == today, row.contract_no.in_(contract_nos))
        known = {(contract_no, number) for contract_no, number in unit.session.execute(known_query)}
        values = [
            {
                "contract_no": book.contract_no,
                "instalment": position.number,
                "accrued_on": today,
                "accrued": position.penalty,
                "held": any(hold.instalment == position.number and hold.released_on is None for hold in book.holds),
            }
            for book in unit.repository.books(contracts)
            for position in positions(book, today)
            if position.due_on < today and not position.settled and (book.contract_no, position.number) not in known
        ]
        if values:
            unit.session.execute(insert(PenaltyAccrualRow), values)
        return len(values)

    def _append(self, ref: InstalmentRef, flag: Flag, state: FlagState, reason: str) -> OverdueFlagRow:
        row = OverdueFlagRow(
            contract_no=ref.contract_no,
            instalment=ref.instalment,
            flag=flag,
            state=state,
            reason=reason,
            at=self.unit.clock.now(),
        )
        self.unit.session.add(row)
        self.unit.session.flush()
        return row
