"""Scheduled repayment: what the form asks, step by step."""

from __future__ import annotations

from datetime import date

from actions.forms import AskSlot
from actions.schedule_facts import (
    INTENT,
    find_scheduled,
)
from actions.turn import Turn
from actions.wording import day, word, yuan
from bot.core.errors import TooManyRequests
from bot.identity.step_up import StepUpService


class AskScheduleContract(AskSlot):
    action_name = "action_ask_schedule_contract"

    def ask(self, turn: Turn) -> None:
        choices = (turn.slot("task") or {}).get("choices") or []
        names = {item.contract_no: item.product_name for item in turn.loans.contracts(turn.customer_id)}
        choice_lines = "\n".join(
            word(
                turn,
                "line_choice",
                number=str(number),
                contract_no=window.contract_no,
                product=names[window.contract_no],
                instalment=str(window.instalment),
                amount=yuan(window.amount),
                due_on=day(window.due_on or turn.today),
            )
            for number, window in enumerate((turn.loans.schedule_window(turn.customer_id, item) for item in choices), start=1)
        )
        turn.answer("choose", intent=INTENT, choice_lines=choice_lines)
        turn.messages[-1]["buttons"] = [
            {"title": f"{names[item]} {item}", "payload": f'/{INTENT}{{"contract_no":"{item}"}}'} for item in choices
        ] + turn.messages[-1].get("buttons", [])


class AskScheduleDate(AskSlot):
    action_name = "action_ask_schedule_date"

    def ask(self, turn: Turn) -> None:
        window = turn.loans.schedule_window(turn.customer_id, turn.slot("schedule_contract"))
        turn.answer(
            "ask_date",
            intent=INTENT,
            first_day=day(window.first_day or turn.today),
            last_day=day(window.last_day or turn.today),
            amount=yuan(window.amount),
            contract_no=window.contract_no,
            instalment=str(window.instalment),
        )


class AskScheduleConfirm(AskSlot):
    action_name = "action_ask_schedule_confirm"

    def ask(self, turn: Turn) -> None:
        task = turn.slot("task") or {}
        if task.get("mode") == "cancel":
            waiting = find_scheduled(turn, task["scheduled_no"])
            turn.answer(
                "confirm_cancel",
                intent=INTENT,
                contract_no=waiting.contract_no,
                instalment=str(waiting.instalment),
                amount=yuan(waiting.amount),
                execute_on=day(waiting.execute_on),
            )
            return
        window = turn.loans.schedule_window(turn.customer_id, turn.slot("schedule_contract"))
        turn.answer(
            "confirm",
            intent=INTENT,
            contract_no=window.contract_no,
            instalment=str(window.instalment),
            amount=yuan(window.amount),
            execute_on=day(date.fromisoformat(turn.slot("schedule_date"))),
            posts_on=day(window.due_on or turn.today),
        )


class AskStepUp(AskSlot):
    """Sends a code before money moves. When the last one was sent a moment ago, it stays valid and none is sent."""

    action_name = "action_ask_schedule_step_up"

    def ask(self, turn: Turn) -> None:
        service = StepUpService(turn.session, turn.clock, turn.settings)
        customer = turn.loans.customer(turn.customer_id)
        try:
            service.start(turn.conversation.conversation_id, customer.customer_id, customer.phone)
        except TooManyRequests:
            if not service.pending(turn.conversation.conversation_id):
                turn.say("step_up_locked")
                return
        turn.say("step_up_required", card={"type": "step_up_required"})
