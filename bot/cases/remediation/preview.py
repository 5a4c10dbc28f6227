"""What an approver looks at: the list as CSV, and a chart. The words are in data/answers/remediation.yml."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from bot.cases.remediation.service import RemediationService
from bot.cases.remediation.views import ItemView
from bot.core.masking import mask_phone
from bot.core.money import Fen, format_yuan
from bot.core.texts import Text
from bot.loans.port import Customer

COLUMNS = (
    "customer_id", "name", "phone", "contract_no", "instalment", "due_on", "overdue_days", "system_days", "penalty_yuan",
    "system_caused_yuan", "given_before_yuan", "amount_yuan", "amount_fen", "status", "reason", "waived_yuan", "refunded_yuan",
    "receipts",
)  # fmt: skip
BOM = "\ufeff"
"""Excel takes a file for UTF-8 only with it."""
PAGE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Open = Callable[[], AbstractContextManager[RemediationService]]
"""A service in a transaction of its own: a list of a million rows is read in pages, not in one transaction."""
Words = Mapping[str, Text]


def csv_pages(open_service: Open, run_no: str, words: Words, *, everyone: bool = False) -> Iterator[str]:
    """The CSV in pieces; without ``everyone`` only those who get something. Raises ``RunNotFound`` before the first piece."""
    after = 0
    with open_service() as service:
        service.run(run_no)
    yield BOM + _lines([[words[f"remediation_csv_{column}"].text for column in COLUMNS]])
    while True:
        with open_service() as service:
            items = service.items(run_no, after=after, limit=PAGE, only_given=not everyone)
            people = service.books.people({item.customer_id for item in items})
        if not items:
            return
        yield _lines([_row(item, people[item.customer_id], words) for item in items])
        after = items[-1].item_id


def _row(item: ItemView, customer: Customer, words: Words) -> list[str]:
    money = [yuan(each) for each in (item.penalty, item.system_caused, item.given_before, item.amount)]
    return [
        item.customer_id, mask_name(customer.name), mask_phone(customer.phone), item.contract_no, str(item.instalment),
        item.due_on.isoformat() if item.due_on else "", str(item.overdue_days), str(item.system_days), *money, str(item.amount),
        words[f"remediation_status_{item.status}"].text,
        words[f"remediation_reason_{item.reason}"].text if item.reason else "",
        yuan(item.waived), yuan(item.refunded), " ".join(item.receipts),
    ]  # fmt: skip


def _lines(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([[_harmless(cell) for cell in row] for row in rows])
    return buffer.getvalue()


def _harmless(cell: str) -> str:
    """A cell that begins like a formula would be executed by the spreadsheet."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def yuan(amount: Fen) -> str:
    """1234 分 → ``12.34``: exact decimal text that a spreadsheet can add up."""
    return format_yuan(amount).replace("¥", "")


def mask_name(name: str) -> str:
    """``郭海`` → ``郭*``."""
    return name[:1] + "*" * max(1, len(name) - 1)
