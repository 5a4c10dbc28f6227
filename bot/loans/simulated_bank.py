"""A bank for the demo and for tests: it answers as scripted, else it pays. It implements the real port."""

from __future__ import annotations

from datetime import datetime

from bot.loans.codes import SUCCESS
from bot.loans.debits import DebitRequest


class SimulatedBank:
    """Answers debits by script: (contract number, instalment, moment) → result code; everything else succeeds."""

    def __init__(self, script: dict[tuple[str, int, datetime], str] | None = None) -> None:
        self.script = script or {}
        self.asked: list[DebitRequest] = []

    def debit(self, request: DebitRequest) -> str:
        self.asked.append(request)
        return self.script.get((request.contract_no, request.instalment, request.at), SUCCESS)
