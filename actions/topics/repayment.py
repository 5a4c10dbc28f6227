"""What is owed, when, and how to pay it back early."""

from __future__ import annotations

from actions import cards
from actions.topics.trouble import pay_once
from actions.turn import Turn
from actions.wording import (
    bill_line,
    day,
    due_line,
    lines,
    moment,
    overdue_line,
    plan_line,
    quote_line,
    word,
    yuan,
)
from bot.core.money import Fen
from bot.loans.port import PayoffQuote


def chosen_contracts(turn: Turn) -> list[str]:
    """The open contracts that the message names by number or product ("快贷那笔"); empty when it names none."""
    numbers = {str(number) for number in turn.heard.all("contract_no")}
    products = set(turn.heard.all("product"))
    if not numbers and not products:
        return []
    contracts = turn.loans.contracts(turn.customer_id)
    return [item.contract_no for item in contracts if item.contract_no in numbers or (not numbers and item.product in products)]


def nothing_owed(turn: Turn, intent: str) -> None:
    """The general answer all the same: it is what was asked."""
    turn.answer(intent=intent)
    turn.answer("nothing", intent=intent)


def repayment_method(turn: Turn) -> None:
    if pay_once(turn):
        turn.answer()
        return
    owed = turn.loans.outstanding(turn.customer_id)
    if owed.next_due_on is None or owed.overdue_amount:
        turn.answer()
    else:
        turn.answer("owes", next_due_on=day(owed.next_due_on), next_due_amount=yuan(owed.next_due_amount))


def repayment_date(turn: Turn) -> None:
    bills = turn.loans.bills(turn.customer_id)
    overdue = [bill for bill in bills if bill.overdue_days]
    if not bills:
        turn.answer("nothing")
    elif overdue:
        turn.answer("overdue", overdue_lines=lines(overdue_line(turn, bill) for bill in overdue))
    elif len(bills) > 1:
        turn.answer("several", due_lines=lines(due_line(turn, bill) for bill in bills))
    else:
        turn.answer(
            "next_due",
            next_due_on=day(bills[0].due_on),
            next_due_amount=yuan(bills[0].amount),
            contract_no=bills[0].contract_no,
            days_left=str((bills[0].due_on - turn.today).days),
        )


def change_repayment_date(turn: Turn) -> None:
    bills = turn.loans.bills(turn.customer_id)
    if bills:
        turn.answer("has_dates", due_lines=lines(due_line(turn, bill) for bill in bills))
    else:
        turn.answer()


def outstanding(turn: Turn) -> None:
    owed = turn.loans.outstanding(turn.customer_id)
    if not owed.payoff_total:
        turn.answer("nothing")
        return
    chosen = chosen_contracts(turn)
    quote = turn.loans.payoff_quote(turn.customer_id, contract_nos=chosen or None)
    contract_lines = lines(quote_line(turn, line) for line in quote.contracts)
    if chosen:
        turn.answer("selected", contract_lines=contract_lines, valid_until=until(quote))
    elif owed.overdue_amount:
        turn.answer(
            "overdue",
            total=yuan(owed.payoff_total),
            overdue_amount=yuan(owed.overdue_amount),
            overdue_days=str(owed.overdue_days),
            penalty=yuan(owed.penalty),
            contract_lines=contract_lines,
        )
    else:
        turn.answer(
            "owes",
            total=yuan(owed.payoff_total),
            next_due_on=day(owed.next_due_on or turn.today),
            next_due_amount=yuan(owed.next_due_amount if owed.next_due_on else owed.due_now),
            contract_lines=contract_lines,
        )
    turn.card(cards.payoff_quote(quote))


def bill(turn: Turn) -> None:
    chosen = chosen_contracts(turn)
    bills = [item for item in turn.loans.bills(turn.customer_id) if not chosen or item.contract_no in chosen]
    if bills:
        turn.answer(
            "bills", bill_lines=lines(bill_line(turn, item) for item in bills), total=yuan(sum(item.amount for item in bills))
        )
    else:
        turn.answer("nothing")


def settle_all(turn: Turn) -> None:
    if not turn.loans.contracts(turn.customer_id):
        nothing_owed(turn, "settle_all")
        return
    chosen = chosen_contracts(turn)
    if chosen:
        early_contracts(turn, chosen)
        return
    quote = turn.loans.payoff_quote(turn.customer_id)
    turn.answer(
        "quote",
        total=yuan(quote.total),
        contract_lines=lines(quote_line(turn, line) for line in quote.contracts),
        valid_until=until(quote),
    )
    turn.card(cards.payoff_quote(quote))
    pay_once(turn)


def auto_debit(turn: Turn) -> None:
    mandate = turn.loans.mandate(turn.customer_id)
    owed = turn.loans.outstanding(turn.customer_id)
    if mandate is None:
        turn.answer("no_mandate")
    elif owed.next_due_on is None:
        turn.answer()
    else:
        turn.answer(
            "active",
            card_tail=mandate.card_tail,
            next_due_on=day(owed.next_due_on),
            next_due_amount=yuan(owed.next_due_amount),
        )


def installment(turn: Turn) -> None:
    plans = [(item, item.current) for item in turn.loans.contracts(turn.customer_id) if item.periods > 1]
    plan_lines = [plan_line(turn, contract, current) for contract, current in plans if current]
    if plan_lines:
        turn.answer("contracts", contract_lines=lines(plan_lines))
    else:
        turn.answer()


# ── early repayment: an overview, one contract, or a trial by amount


def early_overview(turn: Turn) -> None:
    quote = turn.loans.payoff_quote(turn.customer_id)
    turn.answer(
        "can_prepay",
        intent="ask_early_repayment",
        total=yuan(quote.total),
        contract_lines=lines(quote_line(turn, line) for line in quote.contracts),
    )
    turn.card(cards.payoff_quote(quote))


def early_contracts(turn: Turn, numbers: list[str]) -> None:
    """What settles the named contracts. Raises ``ContractNotFound``, ``ContractSettled``."""
    quote = turn.loans.payoff_quote(turn.customer_id, contract_nos=numbers)
    turn.answer(
        "one_contract",
        intent="ask_early_repayment",
        contract_no="、".join(numbers),
        total=yuan(quote.total),
        valid_until=until(quote),
    )
    turn.card(cards.payoff_quote(quote))


def early_preview(turn: Turn, amount: Fen) -> None:
    """``amount`` in 分. Raises ``InvalidAmount``."""
    preview = turn.loans.repayment_preview(turn.customer_id, amount)
    turn.answer(
        "preview",
        intent="ask_early_repayment",
        amount=yuan(amount),
        allocation_lines=lines(
            word(
                turn,
                "line_allocation",
                contract_no=line.contract_no,
                instalment=str(line.instalment),
                component=word(turn, f"component_{line.component}"),
                amount=yuan(line.amount),
            )
            for line in preview.allocation
        ),
        left_over_text=word(turn, "left_over" if preview.left_over else "left_over_none", amount=yuan(preview.left_over)),
    )
    turn.card(cards.repayment_preview(preview))


def until(quote: PayoffQuote) -> str:
    return moment(quote.valid_until)


HANDLERS = {
    "ask_repayment_method": repayment_method,
    "ask_repayment_date": repayment_date,
    "change_repayment_date": change_repayment_date,
    "ask_outstanding": outstanding,
    "ask_bill": bill,
    "settle_all": settle_all,
    "ask_auto_debit": auto_debit,
    "ask_installment": installment,
}
