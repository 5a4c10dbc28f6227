"""``action_answer``: finds what answers an intent. ``action_ask_meaning``: what to do when there is none.

An identified borrower is answered by the handler of the topic module, from their own data; everybody else, and every intent
without a handler, gets the general answer of ``data/answers``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rasa_sdk import Tracker

from actions.appeal import offer_appeal
from actions.base import CareAction, Events
from actions.early_repayment import preview
from actions.follow_up import inherit_topic, remember_topic
from actions.forms import FORM_OF, is_bare_answer
from actions.guard import asks_about_somebody_else, login_first, own_contract
from actions.lexicon import dialogue_words
from actions.meaning import SMALLTALK, ask_meaning, needs_no_choice, quoted
from actions.story import hear_story, tell_contact
from actions.topics import account, cost, credit, overdue, product, repayment, safety, service, smalltalk, trouble
from actions.topics.service import hand_over, misunderstood_again
from actions.turn import Turn
from bot.conversations.danger import PRIORITY_DISTRESS

Handler = Callable[[Turn], None]

PERSONAL: dict[str, Handler] = {
    **product.HANDLERS,
    **credit.HANDLERS,
    **cost.HANDLERS,
    **repayment.HANDLERS,
    **trouble.HANDLERS,
    **overdue.HANDLERS,
    **account.HANDLERS,
    **safety.HANDLERS,
    **service.HANDLERS,
}
"""Answers from the borrower's own data; need an identified borrower."""

FOR_ALL: dict[str, Handler] = {
    "verify_official_contact": safety.official_contact,
    **service.FOR_ALL,
    **smalltalk.HANDLERS,
}
"""Answers that need no identity but more than a text."""

NEEDS_LOGIN = frozenset(
    {
        "ask_outstanding",
        "ask_bill",
        "settle_all",
        "ask_credit_limit",
        "report_repayment_failed",
        "report_repayment_not_posted",
        "report_auto_debit_failed",
        "report_wrong_charge",
        "report_application_failed",
        "ask_credit_inquiry",
        "dispute_overdue_fee",
        "ask_application_status",
    }
)
"""Questions that are about one's own account as a rule: the general answer comes with the card that asks to log in."""

TELL_OF_OTHERS = frozenset({"report_fraud", "complain_collection"})
"""Tellings in which other people come up; they are answered without anybody's account data."""

NUMBERS = ("1", "2", "3")
MEANINGFUL = re.compile(r"\w")


class AnswerAction(CareAction):
    """The answer of every intent that is no task of its own."""

    action_name = "action_answer"

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        if offer_appeal(turn):
            return []
        hear_story(turn)
        heard = turn.heard.intent
        if not continue_last(turn) and not follow_up(turn):
            answer(turn, heard)
            if heard not in SMALLTALK:
                remember_topic(turn, heard)
        if turn.heard.intent not in ("deny", "report_unresolved"):
            turn.remember("misunderstandings", 0)
        return []


def answer(turn: Turn, intent: str) -> None:
    """Answers ``intent`` for whoever is asking; ``turn.heard.intent`` may be another one (an accepted offer)."""
    if intent in PERSONAL and intent not in TELL_OF_OTHERS and asks_about_somebody_else(turn):
        turn.say("third_party")
    elif intent in FOR_ALL:
        FOR_ALL[intent](turn)
    elif intent not in PERSONAL:
        turn.answer(intent=intent)
    elif not turn.identified:
        answer_anonymous(turn, intent)
    elif (contract_no := turn.heard.first("contract_no")) is None or own_contract(turn, contract_no):
        PERSONAL[intent](turn)


def follow_up(turn: Turn) -> bool:
    """Whether the message went on from the last topic ("那利息呢", "另外一笔呢")."""
    intent = inherit_topic(turn)
    if intent is None:
        return False
    if intent not in FORM_OF:
        remember_topic(turn, intent)
    carry_out(turn, intent)
    return True


def carry_out(turn: Turn, intent: str) -> None:
    """Does what ``intent`` asks for, whichever action is in charge of it."""
    turn.remember("misunderstandings", 0)
    if intent in FORM_OF:
        turn.follow_up = FORM_OF[intent]
    elif intent == "request_human":
        hand_over(turn, "asked")
    else:
        answer(turn, intent)


def tells(turn: Turn) -> bool:
    """A statement of what happened, not a question or a pressed button."""
    return not turn.heard.is_payload and not dialogue_words().how_to.search(turn.heard.text)


def answer_anonymous(turn: Turn, intent: str) -> None:
    if intent == "report_fraud" and tells(turn):
        safety.fraud_anonymous(turn)
    elif intent == "ask_complaint_progress":
        login_first(turn, intent, "anonymous")
    elif intent in NEEDS_LOGIN or turn.heard.is_payload or turn.heard.first("contract_no"):
        login_first(turn, intent)
        tell_contact(turn)
    else:
        turn.answer(intent=intent)
        tell_contact(turn)


def continue_last(turn: Turn) -> bool:
    """Whether the message belongs to what was said just before, whatever it would mean on its own."""
    task = turn.slots.get("task") or {}
    if not task or turn.active_form or turn.heard.is_payload:
        return False
    if task.get("follow_up") == "contact":
        turn.remember("task", None)
        return safety.check_contact(turn)
    if task.get("options"):
        return choose_option(turn, task["options"])
    return continue_trial(turn, task)


def continue_trial(turn: Turn, task: dict[str, Any]) -> bool:
    """ "不对，是5000" right after a trial by amount is another trial."""
    amount = turn.heard.first("amount")
    if not task.get("follow_up"):
        return False
    if amount is None or not turn.identified or not is_bare_answer(turn):
        turn.remember("task", None)
        return False
    return preview(turn, amount)


def choose_option(turn: Turn, options: list[str]) -> bool:
    """ "第二个", "1" or 是的 after the meanings were offered."""
    turn.remember("task", None)
    number = turn.heard.first("ordinal")
    if number is None and turn.heard.text.strip() in NUMBERS:
        number = NUMBERS.index(turn.heard.text.strip()) + 1
    if number is None and turn.heard.intent == "affirm":
        number = 1
    if not isinstance(number, int) or not 1 <= number <= len(options):
        return False
    intent = options[number - 1]
    turn.heard = replace(turn.heard, intent=intent)
    carry_out(turn, intent)
    return True


class AskMeaning(CareAction):
    """First time: the likeliest meanings as buttons. Second time in a row: a person (product §5)."""

    action_name = "action_ask_meaning"

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        if offer_appeal(turn) or continue_last(turn) or follow_up(turn):
            return []
        if not MEANINGFUL.search(turn.heard.text):
            turn.say("nothing_understood_emoji")
            return []
        if turn.heard.decision == "answer":
            turn.say("no_question_open", said=quoted(turn.heard.text))
            return []
        if means_somebody_else(turn):
            turn.say("third_party")
        elif meant := trouble.surely_stuck(turn) or needs_no_choice(turn):
            turn.heard = replace(turn.heard, intent=meant)
            remember_topic(turn, meant)
            carry_out(turn, meant)
        elif not misunderstood_again(turn):
            trouble.warn_of_paying_twice(turn)
            ask_meaning(turn)
        return []


def means_somebody_else(turn: Turn) -> bool:
    """Whichever of the meanings it is, it would be about an account that is not the borrower's: nothing to choose between."""
    options = set(turn.heard.options)
    return bool(options & PERSONAL.keys()) and not options & TELL_OF_OTHERS and asks_about_somebody_else(turn)


class RequestHuman(CareAction):
    """A person, at once and without asking why. Distress comes first in the queue and gets warm words (product §5)."""

    action_name = "action_request_human"

    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        turn.remember("misunderstandings", 0)
        if turn.heard.first("distress"):
            turn.say("hardship_priority")
            hand_over(turn, "distress", PRIORITY_DISTRESS)
        else:
            hand_over(turn, "asked")
        return []
