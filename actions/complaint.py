"""Complaint intake: the story in the borrower's own words, and a number to call back when we do not know them."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers

from actions.forms import AskSlot, NoValue, SubmitTask, TaskForm
from actions.lexicon import dialogue_words
from actions.turn import Turn
from actions.wording import day
from bot.cases.service import CaseService

INTENT = "file_complaint"
STORY_FROM = 16
"""An opening message of this many characters already tells what happened ("我要投诉" alone does not)."""


class ComplaintForm(TaskForm):
    action_name = "validate_complaint_form"
    form = "complaint_form"
    intent = INTENT
    slot_names = ("complaint_story", "complaint_phone")

    def begin(self, turn: Turn) -> None:
        text = turn.heard.text
        if (
            not turn.heard.is_payload
            and len(dialogue_words().complaint_opener.sub("", text)) >= STORY_FROM // 2
            and len(text) >= STORY_FROM
        ):
            turn.remember("complaint_story", text)
        phone = valid_phone(turn.heard.first("phone"))
        if phone:
            turn.remember("complaint_phone", phone)

    def required(self, turn: Turn) -> list[str]:
        return ["complaint_story"] if turn.identified else ["complaint_story", "complaint_phone"]

    def hear(self, turn: Turn, slot: str) -> Any:
        return self._hear_story(turn) if slot == "complaint_story" else self._hear_phone(turn)

    @staticmethod
    def _hear_story(turn: Turn) -> Any:
        """Any telling is a story; only a short question that we understand well is an interruption."""
        heard = turn.heard
        asks = heard.intent.startswith("ask_") and len(heard.text) < 20
        if heard.is_payload or asks or heard.intent in {"request_human", "greet", "affirm"} or len(heard.text.strip()) < 4:
            return NoValue.NOT_AN_ANSWER
        return heard.text

    @staticmethod
    def _hear_phone(turn: Turn) -> Any:
        given = turn.heard.first("phone")
        digits = re.sub(r"\D", "", turn.heard.text)
        if given is None and len(digits) < 7:
            return NoValue.NOT_AN_ANSWER
        phone = valid_phone(given or digits)
        if phone is None:
            turn.answer("bad_phone", intent=INTENT)
            return NoValue.UNUSABLE
        return phone


def valid_phone(value: Any) -> str | None:
    """A Chinese number as 11 digits (mobile) or with area code; ``None`` when it cannot be one."""
    if not value:
        return None
    try:
        number = phonenumbers.parse(str(value), "CN")
    except phonenumbers.NumberParseException:
        return None
    return str(number.national_number) if phonenumbers.is_possible_number(number) else None


class AskStory(AskSlot):
    action_name = "action_ask_complaint_story"
    slot = "complaint_story"

    def ask(self, turn: Turn) -> None:
        turn.answer("ask_story", intent=INTENT)


class AskPhone(AskSlot):
    action_name = "action_ask_complaint_phone"
    slot = "complaint_phone"

    def ask(self, turn: Turn) -> None:
        turn.answer("ask_phone", intent=INTENT)


class SubmitComplaint(SubmitTask):
    action_name = "action_submit_complaint"
    form = "complaint_form"
    title_of = INTENT
    slot_names = ("complaint_story", "complaint_phone")

    def submit(self, turn: Turn) -> None:
        opened = CaseService(turn.session, turn.clock, turn.loans).open_complaint(
            customer_id=turn.conversation.customer_id,
            conversation_id=turn.conversation.conversation_id,
            channel=turn.conversation.channel,
            story=turn.slot("complaint_story"),
            callback_phone=turn.slot("complaint_phone"),
            key=turn.key("complaint"),
        )
        case = opened.case
        turn.answer("merged" if opened.merged else "opened", intent=INTENT, case_no=case.case_no, decide_by=day(case.decide_by))
        turn.card(case.card())
