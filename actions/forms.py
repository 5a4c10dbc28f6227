"""Forms: tasks that take several answers. They can be interrupted by a question, corrected and cancelled.

Rasa's contract (rasa/core/actions/forms.py): the ``validate_<form>`` action returns slots; when it returns nothing while a
slot is requested, the form steps aside and the rules of ``data/rules/forms.yml`` answer the interruption, then the form
asks again. ``requested_slot`` = None ends the form, after which ``action_submit_<task>`` runs.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction, SlotSet

from actions.base import CareAction, Events
from actions.lexicon import dialogue_words
from actions.meaning import ask_meaning
from actions.turn import Turn
from bot.identity.step_up import StepUpService

OFFER_MEANINGS_FROM = 5
"""A shorter message inside a form is a failed answer, not a question."""
FORM_OF = {
    "ask_early_repayment": "early_repayment_form",
    "schedule_repayment": "schedule_form",
    "file_complaint": "complaint_form",
}
"""Which form carries out which intent."""
ANSWER_INTENTS = frozenset({"affirm", "deny", "nlu_fallback", "report_unresolved"})


class NoValue(Enum):
    """What a message was when it gave no value for the slot asked for."""

    NOT_AN_ANSWER = "not an answer"  # the form steps aside
    UNUSABLE = "unusable"  # an answer, refused with a reason that has been said: the question stays open


def looks_like_answer(turn: Turn, form_intent: str) -> bool:
    """Whether the message answers the open question rather than asks another one.

    "5000吧" and "不对，是5000" are answers; "借5000利息多少" has an amount too, but asks something else.
    """
    heard = turn.heard
    if heard.is_payload or heard.intent in ANSWER_INTENTS or heard.intent == form_intent:
        return True
    return is_bare_answer(turn)


def is_bare_answer(turn: Turn) -> bool:
    """Whether next to nothing is left of the message once its entities and small words are taken out."""
    return len(dialogue_words().filler.sub("", turn.heard.rest())) <= 2


def wants_to_stop(turn: Turn) -> bool:
    if turn.heard.intent == "deny" and not turn.heard.entities:
        return True
    return bool(dialogue_words().cancel.match(turn.heard.text))


def is_running(form: str, tracker: Tracker) -> bool:
    """Whether the form was active before the latest message. Rasa marks it active already while it is being activated."""
    active, since_then = None, False
    for event in tracker.events:
        if event["event"] == "active_loop":
            active, since_then = event.get("name"), False
        elif event["event"] == "user":
            since_then = True
    return active == form and since_then


class TaskForm(CareAction):
    """``validate_<form>`` for one task. ``task`` remembers mode, misses and whether the borrower gave up."""

    form: ClassVar[str]
    intent: ClassVar[str]
    slot_names: ClassVar[tuple[str, ...]]
    """All slots of the form, in the order in which they are asked."""

    @abstractmethod
    def begin(self, turn: Turn) -> None:
        """Reads what the opening message already says; may answer outright."""

    @abstractmethod
    def required(self, turn: Turn) -> list[str]:
        """The slots that this borrower must fill, in order; empty when there is nothing to ask."""

    @abstractmethod
    def hear(self, turn: Turn, slot: str) -> Any:
        """The value of ``slot`` in this message, or a member of ``NoValue``. May also correct earlier slots."""

    def on_error(self) -> Events:
        return [SlotSet("task", {"form": self.form, "cancelled": True, "silent": True}), SlotSet("requested_slot", None)]

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        if not is_running(self.form, tracker):
            for name in self.slot_names:
                turn.remember(name, None)
            turn.remember("task", {"form": self.form})
            turn.remember("topic", {"intent": self.intent, "contracts": []})
            self.begin(turn)
            return [SlotSet("requested_slot", self._next(turn))]
        slot = turn.slots.get("requested_slot")
        if slot is None:
            return [SlotSet("requested_slot", self._next(turn))]
        if self.stops(turn):
            turn.remember("task", {**(turn.slot("task") or {}), "cancelled": True})
            return [SlotSet("requested_slot", None)]
        return self._fill(turn, slot)

    def stops(self, turn: Turn) -> bool:
        """Whether the message ends the task without carrying it out."""
        return wants_to_stop(turn)

    def _fill(self, turn: Turn, slot: str) -> Events:
        value = self.hear(turn, slot)
        if value is NoValue.NOT_AN_ANSWER:
            # Rasa steps aside because no slot of ours is set; when it comes back it needs to know which slot was asked for.
            turn.changes.clear()
            return [SlotSet("requested_slot", slot)]
        task = dict(turn.slot("task") or {})
        if value is NoValue.UNUSABLE:
            task["quiet_turn"] = turn.number
        else:
            turn.remember(slot, value)
            task["misses"] = 0
        turn.remember("task", task)
        if value is NoValue.UNUSABLE and not task.get("cancelled"):
            return [SlotSet("requested_slot", slot)]
        return [SlotSet("requested_slot", self._next(turn))]

    def _next(self, turn: Turn) -> str | None:
        task = turn.slot("task") or {}
        if task.get("cancelled") or task.get("done"):
            return None
        return next((name for name in self.required(turn) if turn.slot(name) is None), None)


class AskSlot(CareAction):
    """``action_ask_<slot>``: asks once, and keeps quiet when the form has just said why an answer did not fit."""

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        if (turn.slot("task") or {}).get("quiet_turn") != turn.number:
            self.ask(turn)
        return []

    @abstractmethod
    def ask(self, turn: Turn) -> None:
        """Adds the question to the turn."""


class SubmitTask(CareAction):
    """``action_submit_<task>``: does what the form collected, or says that it was cancelled; then forgets the answers."""

    task_form: ClassVar[type[TaskForm]]

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        task = turn.slot("task") or {}
        if task.get("cancelled"):
            if not task.get("silent"):
                turn.say("form_cancelled", task=turn.texts.answers[self.task_form.intent].title)
        elif not task.get("done"):
            self.submit(turn)
        for name in self.task_form.slot_names:
            turn.remember(name, None)
        if "task" not in turn.changes:
            turn.remember("task", task if task.get("follow_up") else None)
        return []

    @abstractmethod
    def submit(self, turn: Turn) -> None:
        """Carries out the task. Every slot that ``required`` named is filled."""


class ResumeForm(CareAction):
    """After an interruption: says which task goes on."""

    action_name = "action_resume_form"
    intents: ClassVar[dict[str, str]] = {form: intent for intent, form in FORM_OF.items()}

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        if turn.slots.get("requested_slot") == "schedule_step_up" and not code_can_come(turn):
            # Locked out or expired: asking for the code again at every message would only annoy.
            return [ActiveLoop(None), SlotSet("requested_slot", None), FollowupAction("action_listen")]
        intent = self.intents.get(turn.active_form or "")
        if intent:
            turn.say("form_interrupted_resume", task=turn.texts.answers[intent].title)
        return []


def code_can_come(turn: Turn) -> bool:
    """Whether the one-time code that was sent can still be entered."""
    return StepUpService(turn.session, turn.clock, turn.settings).pending(turn.conversation.conversation_id)


class FormNotUnderstood(CareAction):
    """A message inside a form that is neither an answer nor a question we are sure of.

    What it may have meant is offered beside the question; the second one in a row offers a person.
    """

    action_name = "action_form_not_understood"

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        task = dict(turn.slot("task") or {})
        task["misses"] = int(task.get("misses") or 0) + 1
        if task["misses"] >= 2:
            task["quiet_turn"] = turn.number
            turn.say("form_too_many_tries")
        elif turn.heard.intent == "nlu_fallback" and len(turn.heard.text) >= OFFER_MEANINGS_FROM:
            ask_meaning(turn)
        turn.remember("task", task)
        return []
