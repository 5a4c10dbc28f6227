"""What borrowing costs: interest, fees, and what an early repayment saves. Shown with the borrower's own contracts."""

from __future__ import annotations

from actions import cards
from actions.topics.repayment import chosen_contracts
from actions.turn import Turn
from actions.wording import lines, quote_line, rate_line, word, yuan


def interest(turn: Turn) -> None:
    chosen = chosen_contracts(turn)
    contracts = [item for item in turn.loans.contracts(turn.customer_id) if not chosen or item.contract_no in chosen]
    if not contracts or turn.heard.first("amount") is not None:
        turn.answer()  # "借5000利息多少" is about a loan that does not exist yet
        return
    accrued = {line.contract_no: line.interest for line in turn.loans.payoff_quote(turn.customer_id).contracts}
    turn.answer("contracts", contract_lines=lines(rate_line(turn, item, accrued.get(item.contract_no, 0)) for item in contracts))


def fees(turn: Turn) -> None:
    contracts = turn.loans.contracts(turn.customer_id)
    if not contracts:
        turn.answer()
        return
    turn.answer(
        "contracts",
        contract_lines=lines(
            word(
                turn,
                "line_contract_fee" if item.instalments[0].fee else "line_contract_no_fee",
                contract_no=item.contract_no,
                product=item.product_name,
                fee=yuan(item.instalments[0].fee),
            )
            for item in contracts
        ),
    )


def early_repayment_fee(turn: Turn) -> None:
    if not turn.loans.contracts(turn.customer_id):
        turn.answer()
        return
    quote = turn.loans.payoff_quote(turn.customer_id, contract_nos=chosen_contracts(turn) or None)
    turn.answer("contracts", contract_lines=lines(quote_line(turn, item) for item in quote.contracts), total=yuan(quote.total))
    turn.card(cards.payoff_quote(quote))


HANDLERS = {"ask_interest": interest, "ask_fees": fees, "ask_early_repayment_fee": early_repayment_fee}
