"""What nobody may learn: anything about an account that is not their own."""

from __future__ import annotations

import re

from actions.lexicon import dialogue_words
from actions.turn import Turn
from bot.loans.errors import ContractNotFound

CUSTOMER_NUMBER = re.compile(r"(?<![A-Za-z0-9])[Cc]\d{4}(?![\d-])")


def asks_about_somebody_else(turn: Turn) -> bool:
    """ "我老公还欠多少", "李婷欠了多少" and "客户C1001欠多少" ask for somebody else's data; "我老公能帮我还吗" does not.

    A name is somebody else's unless it is the borrower's own; whether it belongs to a customer is never looked up.
    """
    text = turn.heard.text
    names = set(dialogue_words().people_asked_about(text))
    if names and (not turn.identified or names != {turn.loans.customer(turn.customer_id).name}):
        return True
    if dialogue_words().third_party.search(text):
        return True
    return any(number.upper() != turn.conversation.customer_id for number in CUSTOMER_NUMBER.findall(text))


def own_contract(turn: Turn, contract_no: object, *, open_only: bool = False) -> bool:
    """Whether the contract is the borrower's. If not, says the same as for one that does not exist, and returns False."""
    try:
        contract = turn.loans.contract(turn.customer_id, str(contract_no))
    except ContractNotFound:
        turn.say("not_your_contract")
        return False
    if open_only and contract.settled_on is not None:
        turn.answer("nothing", intent="settle_all")
        return False
    return True


def login_first(turn: Turn, intent: str, variant: str | None = None) -> None:
    """The general answer (or ``variant``), and the card that lets the host app log the borrower in."""
    turn.answer(variant, intent=intent)
    turn.card({"type": "login_required"})
