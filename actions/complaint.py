"""Complaint intake: the story in the borrower's own words, and a number to call back when we do not know them."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers

from actions.appeal import offer_appeal
from actions.forms import AskSlot, NoValue, SubmitTask, TaskForm
from actions.guard import login_first
from actions.lexicon import dialogue_words
from actions.turn import Turn
from actions.wording import day
from bot.cases.service import CaseView, OpenedCase

INTENT = "file_complaint"
OVER = frozenset({"closed", "withdrawn", "remedied", "decided"})
FEWEST_TOLD = 4
FEWEST_DIGITS = 5
STORY_FROM = 16
"""An opening message of this many characters already tells what happened ("我要投诉" alone does not)."""


class ComplaintForm(TaskForm):
    """``task.mode`` is ``open`` (a new complaint) or ``add`` (facts for the case ``task.case_no``)."""

    action_name = "validate_complaint_form"
    form = "complaint_form"
    intent = INTENT
    slot_names = ("complaint_story", "complaint_phone")

    def begin(self, turn: Turn) -> None:
        words, text = dialogue_words(), turn.heard.text
        if words.withdraw_complaint.search(text):
            self._ask_to_withdraw(turn)
            return
        if offer_appeal(turn):
            turn.remember("task", {"form": self.form, "done": True})
            return
        adds = turn.identified and words.add_to_complaint.search(text)
        case = open_complaint_of(turn) if adds else None
        if case is not None:
            turn.remember("task", {"form": self.form, "mode": "add", "case_no": case.case_no})
        told = len(words.complaint_opener.sub("", words.add_to_complaint.sub("", text)))
        if not turn.heard.is_payload and (told >= STORY_FROM // 2 if case else len(text) >= STORY_FROM <= told * 2):
            turn.remember("complaint_story", text)
        phone = valid_phone(turn.heard.first("phone"))
        if phone:
            turn.remember("complaint_phone", phone)

    def _ask_to_withdraw(self, turn: Turn) -> None:
        case = open_complaint_of(turn) if turn.identified else None
        if not turn.identified:
            login_first(turn, "ask_complaint_progress", "anonymous")
        elif case is None:
            turn.answer("none", intent="ask_complaint_progress")
        else:
            turn.say("confirm_withdraw", case_no=case.case_no)
            turn.remember("pending_offer", {"intent": "withdraw_complaint", "case_no": case.case_no, "turn": turn.number})
        turn.remember("task", {"form": self.form, "done": True})

    def stops(self, turn: Turn) -> bool:
        return bool(dialogue_words().withdraw_complaint.search(turn.heard.text)) or super().stops(turn)

    def required(self, turn: Turn) -> list[str]:
        return ["complaint_story"] if turn.identified else ["complaint_story", "complaint_phone"]

    def hear(self, turn: Turn, slot: str) -> Any:
        return self._hear_story(turn) if slot == "complaint_story" else self._hear_phone(turn)

    @staticmethod
    def _hear_story(turn: Turn) -> Any:
        """Any telling is a story; a question that we understand is an interruption, a bare number or 快点 no story yet."""
        heard, words = turn.heard, dialogue_words()
        asks = heard.intent.startswith("ask_") and words.how_to.search(heard.text)
        if heard.is_payload or asks or heard.intent in {"request_human", "greet", "affirm"}:
            return NoValue.NOT_AN_ANSWER
        phone = valid_phone(heard.first("phone"))
        told = len(words.complaint_opener.sub("", heard.text)) - (len(phone) if phone else 0)
        if phone:
            turn.remember("complaint_phone", phone)
        if told < FEWEST_TOLD:
            turn.answer("ask_story", intent=INTENT)
            return NoValue.UNUSABLE
        return heard.text

    @staticmethod
    def _hear_phone(turn: Turn) -> Any:
        given = turn.heard.first("phone")
        digits = re.sub(r"\D", "", turn.heard.text)
        if given is None and dialogue_words().refuses_phone.search(turn.heard.text):
            turn.say("complaint_without_phone")
            turn.offer("request_human")
            turn.remember("task", {"form": "complaint_form", "cancelled": True, "silent": True})
            return NoValue.UNUSABLE
        if given is None and len(digits) < FEWEST_DIGITS:
            return NoValue.NOT_AN_ANSWER
        phone = valid_phone(given or digits)
        if phone is None:
            turn.answer("bad_phone", intent=INTENT)
            return NoValue.UNUSABLE
        return phone


def open_complaint_of(turn: Turn) -> CaseView | None:
    """The case that was named, or the newest one that is still open."""
    cases = turn.cases.cases_of(turn.customer_id)
    named = turn.heard.first("case_no")
    still_open = [case for case in cases if case.status not in OVER and named in (None, case.case_no)]
    return next(iter(still_open), None)


def valid_phone(value: Any) -> str | None:
    """A Chinese number as 11 digits (mobile) or with area code; ``None`` when it cannot be one."""
    if not value:
        return None
    try:
        number = phonenumbers.parse(str(value), "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return re.sub(r"\D", "", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


class AskStory(AskSlot):
    action_name = "action_ask_complaint_story"

    def ask(self, turn: Turn) -> None:
        turn.answer("ask_story", intent=INTENT)


class AskPhone(AskSlot):
    action_name = "action_ask_complaint_phone"

    def ask(self, turn: Turn) -> None:
        turn.answer("ask_phone", intent=INTENT)


class SubmitComplaint(SubmitTask):
    action_name = "action_submit_complaint"
    task_form = ComplaintForm

    def submit(self, turn: Turn) -> None:
        task = turn.slot("task") or {}
        opened = self._add(turn, task["case_no"]) if task.get("mode") == "add" else self._open(turn)
        case = opened.case
        turn.answer("merged" if opened.merged else "opened", intent=INTENT, case_no=case.case_no, decide_by=day(case.decide_by))
        turn.card(case.card())

    @staticmethod
    def _open(turn: Turn) -> OpenedCase:
        return turn.cases.open_complaint(
            **turn.origin,
            story=turn.slot("complaint_story"),
            callback_phone=turn.slot("complaint_phone"),
            key=turn.key("complaint"),
            issues=turn.heard.issues,
        )

    @staticmethod
    def _add(turn: Turn, case_no: str) -> OpenedCase:
        added = turn.cases.add_facts(
            **turn.origin,
            case_no=case_no,
            text=turn.slot("complaint_story"),
            key=turn.key("add_facts"),
        )
        return OpenedCase(added.case, merged=True)
