"""Scheduled repayment (product §1, fact 4): choose a day, confirm, prove it is you; or cancel while nothing was taken."""

from __future__ import annotations

from datetime import date
from typing import Any

from actions import cards
from actions.forms import NoValue, SubmitTask, TaskForm, looks_like_answer
from actions.guard import asks_about_somebody_else, login_first, own_contract
from actions.lexicon import dialogue_words
from actions.schedule_facts import (
    INTENT,
    find_scheduled,
    fits,
    last_day_named,
    parse_day,
    say_bad_date,
    say_refused,
    say_scheduled,
    say_taken,
    windows,
)
from actions.turn import Turn
from actions.wording import day, yuan
from bot.loans.errors import NotCancellable, NotSchedulable
from bot.loans.port import ScheduleWindow


def asks_how(turn: Turn) -> bool:
    """ "预约还款怎么用" wants an explanation first; "帮我预约25号" wants it done."""
    words, heard = dialogue_words(), turn.heard
    if heard.is_payload or heard.first("date") is not None or words.command.search(heard.text):
        return False
    return bool(words.how_to.search(heard.text))


class ScheduleForm(TaskForm):
    action_name = "validate_schedule_form"
    form = "schedule_form"
    intent = INTENT
    slot_names = ("schedule_contract", "schedule_date", "schedule_confirm", "schedule_step_up")

    # ── opening message
    def begin(self, turn: Turn) -> None:
        contract_no = turn.heard.first("contract_no")
        if asks_about_somebody_else(turn):
            turn.say("third_party")
            self._done(turn)
        elif not turn.identified:
            login_first(turn, INTENT)
            self._done(turn)
        elif contract_no and not own_contract(turn, contract_no):
            self._done(turn)
        elif turn.heard.first("schedule_mode") == "cancel" or dialogue_words().cancel_schedule.search(turn.heard.text):
            self._begin_cancel(turn)
        else:
            if asks_how(turn):
                turn.answer(intent=INTENT)
                self._offer(turn)
                self._done(turn)
                return
            self._begin_create(turn, contract_no)

    @staticmethod
    def _offer(turn: Turn) -> None:
        """After the explanation: what it means for this borrower, and the next step."""
        found = windows(turn)
        window = next((item for item in found if item.eligible), None)
        if window is None:
            say_refused(turn, found)
            return
        turn.answer(
            "ready",
            intent=INTENT,
            contract_no=window.contract_no,
            instalment=str(window.instalment),
            amount=yuan(window.amount),
            due_on=day(window.due_on or turn.today),
        )
        turn.offer(INTENT)

    def stops(self, turn: Turn) -> bool:
        """While a schedule is being cancelled, 取消 means yes and 不取消 means stop."""
        if (turn.slot("task") or {}).get("mode") != "cancel":
            return super().stops(turn)
        words = dialogue_words()
        if words.keep_schedule.search(turn.heard.text):
            return True
        return not words.cancel_schedule.search(turn.heard.text) and super().stops(turn)

    def _done(self, turn: Turn) -> None:
        turn.remember("task", {"form": self.form, "done": True})

    def _begin_cancel(self, turn: Turn) -> None:
        repayments = turn.loans.scheduled_repayments(turn.customer_id)
        waiting = next((item for item in repayments if item.status == "scheduled"), None)
        if waiting:
            task = {"form": self.form, "mode": "cancel", "scheduled_no": waiting.scheduled_no}
            turn.remember("task", task)
            turn.remember("schedule_contract", waiting.contract_no)
            return
        taken = next((item for item in repayments if item.status == "taken"), None)
        if taken:
            say_taken(turn, taken)
        else:
            turn.answer("nothing_to_cancel", intent=INTENT)
        self._done(turn)

    def _begin_create(self, turn: Turn, contract_no: object) -> None:
        found = [item for item in windows(turn) if contract_no in (None, item.contract_no)]
        eligible = [item for item in found if item.eligible]
        if not eligible:
            say_refused(turn, found)
            self._done(turn)
            return
        task: dict[str, Any] = {"form": self.form, "mode": "create", "choices": [item.contract_no for item in eligible]}
        turn.remember("task", task)
        ordinal = turn.heard.first("ordinal")
        window = eligible[0] if len(eligible) == 1 else self._by_ordinal(eligible, ordinal)
        if window is None:
            return
        turn.remember("schedule_contract", window.contract_no)
        wanted = last_day_named(turn)
        if wanted is None:
            return
        if fits(window, parse_day(wanted)):
            turn.remember("schedule_date", str(wanted)[:10])
        else:
            say_bad_date(turn, window)
            turn.remember("task", {**task, "quiet_turn": turn.number})

    @staticmethod
    def _by_ordinal(eligible: list[ScheduleWindow], ordinal: Any) -> ScheduleWindow | None:
        if isinstance(ordinal, int) and 1 <= ordinal <= len(eligible):
            return eligible[ordinal - 1]
        return None

    # ── answers
    def required(self, turn: Turn) -> list[str]:
        if (turn.slot("task") or {}).get("mode") == "cancel":
            return ["schedule_confirm"]
        needed = ["schedule_contract", "schedule_date", "schedule_confirm"]
        return needed if turn.conversation.level == "stepped_up" else [*needed, "schedule_step_up"]

    def hear(self, turn: Turn, slot: str) -> Any:
        if slot == "schedule_contract":
            return self._hear_contract(turn)
        cancelling = (turn.slot("task") or {}).get("mode") == "cancel"
        if not cancelling and turn.heard.first("date") and looks_like_answer(turn, INTENT):
            return self._hear_date(turn, slot)
        if slot == "schedule_step_up":
            return self._hear_step_up(turn)
        agrees = turn.heard.intent == "affirm" or (cancelling and dialogue_words().cancel_schedule.search(turn.heard.text))
        return True if slot == "schedule_confirm" and agrees else NoValue.NOT_AN_ANSWER

    def _hear_contract(self, turn: Turn) -> Any:
        choices = (turn.slot("task") or {}).get("choices") or []
        ordinal, contract_no = turn.heard.first("ordinal"), turn.heard.first("contract_no")
        if contract_no in choices:
            return contract_no
        of_product = [item for item in choices if item.startswith(f"{turn.heard.first('product')}-")]
        if len(of_product) == 1:
            return of_product[0]
        if isinstance(ordinal, int) and 1 <= ordinal <= len(choices):
            return choices[ordinal - 1]
        if contract_no or ordinal is not None:
            turn.say("bad_contract")
            return NoValue.UNUSABLE
        return NoValue.NOT_AN_ANSWER

    def _hear_date(self, turn: Turn, slot: str) -> Any:
        """A day, first given or corrected; a corrected one is confirmed anew."""
        window = turn.loans.schedule_window(turn.customer_id, turn.slot("schedule_contract"))
        chosen = parse_day(last_day_named(turn))
        if chosen is None or not fits(window, chosen):
            say_bad_date(turn, window)
            return NoValue.UNUSABLE
        if slot == "schedule_date":
            return chosen.isoformat()
        turn.remember("schedule_date", chosen.isoformat())
        turn.remember("schedule_confirm", None)
        return None

    def _hear_step_up(self, turn: Turn) -> Any:
        if turn.conversation.level == "stepped_up":
            return True
        if turn.heard.intent == "affirm" or dialogue_words().resend_code.search(turn.heard.text):
            return None  # asked again, which sends a code when the last one cannot be used any more
        return NoValue.NOT_AN_ANSWER


class SubmitSchedule(SubmitTask):
    action_name = "action_submit_schedule"
    task_form = ScheduleForm

    def submit(self, turn: Turn) -> None:
        task = turn.slot("task") or {}
        if task.get("mode") == "cancel":
            self._cancel(turn, task["scheduled_no"])
        else:
            self._create(turn, turn.slot("schedule_contract"), date.fromisoformat(turn.slot("schedule_date")))

    def _create(self, turn: Turn, contract_no: str, execute_on: date) -> None:
        if turn.conversation.level != "stepped_up":
            turn.say("step_up_expired")
            return
        try:
            made = turn.loans.schedule_repayment(turn.customer_id, contract_no, execute_on, key=turn.key("schedule"))
        except NotSchedulable:
            # The state changed between the question and the answer, for example the instalment was paid meanwhile.
            say_refused(turn, [turn.loans.schedule_window(turn.customer_id, contract_no)])
            return
        say_scheduled(turn, "created", made)
        turn.card(cards.scheduled(made, "created"))

    def _cancel(self, turn: Turn, scheduled_no: str) -> None:
        try:
            cancelled = turn.loans.cancel_scheduled_repayment(turn.customer_id, scheduled_no, key=turn.key("cancel"))
        except NotCancellable:
            say_taken(turn, find_scheduled(turn, scheduled_no))
            return
        turn.answer("cancelled", intent=INTENT, contract_no=cancelled.contract_no, instalment=str(cancelled.instalment))
        turn.card(cards.scheduled(cancelled, "cancelled"))
