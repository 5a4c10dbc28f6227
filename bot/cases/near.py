"""Whose borrower should not wait: a case near its deadline, by the dated rule of data/catalogue/complaint_clock.yml."""

from __future__ import annotations

from dataclasses import dataclass

from bot.cases.book import CaseBook
from bot.cases.views import CaseView


@dataclass(frozen=True)
class NearDeadline:
    """``priority``: of the borrower in the agents' queue, because of ``case``."""

    case: CaseView
    priority: int


def nearest_deadline(book: CaseBook, customer_id: str) -> NearDeadline | None:
    """The pending case of the customer that is due first, if the rule of the day it was received lets its borrower go ahead."""
    today = book.clock.today()
    near = []
    for case in book.views(book.repository.of_customer(customer_id)):
        priority = book.policies.on(case.received_on).queue_priority((case.decide_by - today).days)
        if case.next_update_by is not None and priority > 0:
            near.append(NearDeadline(case, priority))
    return min(near, key=lambda each: (-each.priority, each.case.decide_by, each.case.case_no), default=None)
