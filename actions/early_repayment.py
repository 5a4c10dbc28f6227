"""The early-repayment form: a quote for one contract, or how an amount would be used. Nothing is paid here."""

from __future__ import annotations

from typing import Any

from actions.forms import AskSlot, NoValue, SubmitTask, TaskForm, looks_like_answer
from actions.guard import asks_about_somebody_else, login_first, own_contract
from actions.topics.repayment import chosen_contracts, early_contracts, early_overview, early_preview, nothing_owed
from actions.topics.trouble import pay_once
from actions.turn import Turn
from bot.core.money import Fen

INTENT = "ask_early_repayment"
MOST = 10**11
"""¥1,000,000,000.00: above this a number is a typing slip, not an amount."""


def usable_amount(value: Any) -> Fen | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST else None


def preview(turn: Turn, amount: Any) -> bool:
    """Shows how ``amount`` (分) would be used; says why not and returns False when it cannot be an amount."""
    fen = usable_amount(amount)
    if fen is None:
        turn.say("bad_amount")
        return False
    early_preview(turn, fen)
    return True


class EarlyRepaymentForm(TaskForm):
    action_name = "validate_early_repayment_form"
    form = "early_repayment_form"
    intent = INTENT
    slot_names = ("early_amount",)

    def begin(self, turn: Turn) -> None:
        amount, contract_no = turn.heard.first("amount"), turn.heard.first("contract_no")
        by_amount = turn.heard.first("repay_mode") == "amount"
        if asks_about_somebody_else(turn):
            turn.say("third_party")
            turn.remember("task", {"form": self.form, "done": True})
            return
        if not turn.identified:
            login_first(turn, INTENT)
        elif not turn.loans.contracts(turn.customer_id):
            nothing_owed(turn, INTENT)
        elif contract_no and not own_contract(turn, contract_no, open_only=True):
            turn.remember("task", {"form": self.form, "done": True})
            return
        elif by_amount and amount is None:
            return
        else:
            pay_once(turn)
            self._answer(turn, amount)
        # An amount typed next still belongs here ("不对，是5000"): see actions/answer.py.
        turn.remember("task", {"form": self.form, "done": True, "follow_up": turn.identified})

    @staticmethod
    def _answer(turn: Turn, amount: Any) -> None:
        chosen = chosen_contracts(turn)
        if amount is not None:
            preview(turn, amount)
        elif chosen:
            early_contracts(turn, chosen)
        else:
            early_overview(turn)

    def required(self, turn: Turn) -> list[str]:
        return ["early_amount"]

    def hear(self, turn: Turn, slot: str) -> Any:
        amount = turn.heard.first("amount")
        if amount is None or not looks_like_answer(turn, INTENT):
            return NoValue.NOT_AN_ANSWER
        if usable_amount(amount) is None:
            turn.say("bad_amount")
            return NoValue.UNUSABLE
        return amount


class AskEarlyAmount(AskSlot):
    action_name = "action_ask_early_amount"

    def ask(self, turn: Turn) -> None:
        turn.say("ask_amount")


class SubmitEarlyRepayment(SubmitTask):
    action_name = "action_submit_early_repayment"
    task_form = EarlyRepaymentForm

    def submit(self, turn: Turn) -> None:
        preview(turn, turn.slot("early_amount"))
        turn.remember("task", {"form": self.task_form.form, "done": True, "follow_up": True})
