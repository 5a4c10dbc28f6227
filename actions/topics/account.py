"""Cards, phone number, certificates and contracts of the account."""

from __future__ import annotations

from actions.turn import Turn
from actions.wording import contract_line, lines, yuan
from bot.core.masking import mask_phone


def bank_card(turn: Turn) -> None:
    turn.answer("bound", card_tail=turn.loans.customer(turn.customer_id).card_tail)


def phone_number(turn: Turn) -> None:
    turn.answer("current", phone_masked=mask_phone(turn.loans.customer(turn.customer_id).phone))


def settlement_certificate(turn: Turn) -> None:
    contracts = turn.loans.contracts(turn.customer_id, include_settled=True)
    settled = [contract_line(turn, item) for item in contracts if item.settled_on]
    if settled:
        turn.answer("settled", contract_lines=lines(settled))
    elif contracts:
        turn.answer("open", contract_lines=lines(contract_line(turn, item) for item in contracts))
    else:
        turn.answer("nothing")


def contract(turn: Turn) -> None:
    contracts = turn.loans.contracts(turn.customer_id, include_settled=True)
    if contracts:
        turn.answer("contracts", contract_lines=lines(contract_line(turn, item) for item in contracts))
    else:
        turn.answer("nothing")


def close_account(turn: Turn) -> None:
    owed = turn.loans.outstanding(turn.customer_id)
    if owed.payoff_total:
        turn.answer("owes", total=yuan(owed.payoff_total))
    else:
        turn.answer("clear")


HANDLERS = {
    "manage_bank_card": bank_card,
    "change_phone_number": phone_number,
    "request_settlement_certificate": settlement_certificate,
    "request_contract": contract,
    "close_account": close_account,
}
