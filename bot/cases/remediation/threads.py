"""Open disputes about instalments that a run makes good: their own proposals fall, and their thread says what was given.

Never twice: a proposal that stayed could be approved later on top of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.cases.book import CaseBook
from bot.cases.models import CaseRow
from bot.cases.remediation.books import Place
from bot.cases.remedies import RemedyService
from bot.cases.thread import BOT
from bot.core.money import Fen
from bot.loans.bulk.giving import Given


class CaseThreads:
    """Locks the cases before the customers are locked, as every command on a case does."""

    def __init__(self, book: CaseBook, remedies: RemedyService) -> None:
        self.book = book
        self.remedies = remedies

    def lock(self, places: Sequence[Place]) -> dict[Place, CaseRow]:
        """The open disputes about these instalments."""
        subjects = {f"dispute:{place.contract_no}:{place.instalment}": place for place in places}
        cases = self.book.repository.by_subjects(subjects)
        return {subjects[str(case.open_subject)]: case for case in cases}

    def tell(self, case: CaseRow, run_no: str, waived: Fen, refunded: Fen, given: Given) -> None:
        """The case is remedied, unless an agent had proposed more: then the rest is for a person."""
        amount = waived + refunded
        asked = max((item.amount for item in self.remedies.of_case(case.case_no) if item.status == "proposed"), default=0)
        self.remedies.drop_proposals(case, BOT, run_no)
        receipts = [number for number in (given.waiver_receipt_no, given.refund_receipt_no) if number is not None]
        data = {"amount": amount, "receipts": receipts, "run_no": run_no}
        status = self.book.status(case)
        if asked > amount or status == "remedied":
            self.book.record(case, "note", BOT, audience="internal", data={**data, "proposed_before": asked})
            return
        if status != "decided":
            self.book.record(case, "decided", BOT, data={"automatic": True, "reason": "mass_remediation", "run_no": run_no})
        self.book.record(case, "remedied", BOT, data=data)
