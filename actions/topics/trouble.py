"""A debit or repayment that went wrong: what the records say, and whether to pay again (never twice)."""

from __future__ import annotations

from datetime import timedelta

from actions import cards
from actions.turn import Turn
from actions.wording import attempt_line, day, lines, moment, payment_line, word, yuan
from bot.loans.port import DebitAttempt, DoubleDebit, Payment

RECENT = timedelta(days=30)
REVIEW_AFTER = timedelta(days=1)
"""A payment that hangs is looked at again the next day."""


def recent_payments(turn: Turn, *statuses: str) -> list[Payment]:
    since = turn.clock.now() - RECENT
    return [item for item in turn.loans.payments(turn.customer_id) if item.status in statuses and item.created_at >= since]


def hanging_payments(turn: Turn) -> list[Payment]:
    return recent_payments(turn, "created", "processing")


def pay_once(turn: Turn) -> bool:
    """While own repayments hang, the first thing to say is: do not pay again (product §2). False when none hangs."""
    processing = hanging_payments(turn)
    if not processing:
        return False
    turn.say(
        "pay_once",
        card=cards.payment_status(processing),
        count=str(len(processing)),
        payment_lines=lines(payment_line(turn, item) for item in processing),
        review_on=day(turn.today + REVIEW_AFTER),
    )
    return True


def auto_debit_failed(turn: Turn) -> None:
    """The failed attempts for the oldest unpaid instalment that has any."""
    for bill in turn.loans.bills(turn.customer_id):
        attempts = turn.loans.debit_attempts(turn.customer_id, bill.contract_no, bill.instalment)
        failed = [item for item in attempts if item.side != "none"]
        if failed:
            turn.answer(
                failure_kind(failed),
                contract_no=bill.contract_no,
                instalment=str(bill.instalment),
                due_on=day(bill.due_on),
                attempt_lines=lines(attempt_line(turn, item) for item in attempts),
            )
            pay_once(turn)
            return
    owed = turn.loans.outstanding(turn.customer_id)
    if owed.next_due_on:
        turn.answer("no_failure", next_due_on=day(owed.next_due_on))
    else:
        turn.answer("nothing")


def failure_kind(failed: list[DebitAttempt]) -> str:
    sides = {item.side for item in failed}
    if sides == {"system"}:
        return "system_failed"
    return "borrower_failed" if sides == {"borrower"} else "mixed_failed"


def repayment_failed(turn: Turn) -> None:
    processing = hanging_payments(turn)
    failed = recent_payments(turn, "failed", "returned")
    if processing:
        turn.answer(
            "processing",
            count=str(len(processing)),
            payment_lines=lines(payment_line(turn, item) for item in processing),
            review_on=day(turn.today + REVIEW_AFTER),
        )
        turn.card(cards.payment_status(processing))
    elif failed:
        turn.answer("failed", payment_lines=lines(payment_line(turn, item) for item in failed))
        turn.card(cards.payment_status(failed))
    else:
        turn.answer("none")


def repayment_not_posted(turn: Turn) -> None:
    processing = hanging_payments(turn)
    taken = next((item for item in turn.loans.scheduled_repayments(turn.customer_id) if item.status == "taken"), None)
    settled = recent_payments(turn, "settled")
    if processing:
        turn.answer("processing", payment_lines=lines(payment_line(turn, item) for item in processing))
        turn.card(cards.payment_status(processing))
    elif taken:
        turn.answer("scheduled_gap", amount=yuan(taken.amount), execute_on=day(taken.execute_on), posts_on=day(taken.posts_on))
    elif settled:
        turn.answer("settled", payment_lines=lines(payment_line(turn, item) for item in settled))
        turn.card(cards.payment_status(settled))
    else:
        turn.answer("none")


def wrong_charge(turn: Turn) -> None:
    """A double debit that the records show opens a case at once; otherwise the recent charges are laid open."""
    doubles = [item for item in turn.loans.double_debits(turn.customer_id) if item.refund_no is None]
    if doubles:
        double_debit(turn, doubles[0])
        return
    charges = recent_payments(turn, "settled")
    if charges:
        turn.answer("none", charge_lines=lines(charge_line(turn, item) for item in charges))
        turn.card(cards.payment_status(charges))
    else:
        turn.answer("no_charges")


def double_debit(turn: Turn, double: DoubleDebit) -> None:
    outcome = turn.cases.open_wrong_charge(
        **turn.origin,
        story=turn.story,
        key=turn.key("wrong_charge"),
        issues=turn.heard.issues,
    )
    charges = [turn.loans.payment(turn.customer_id, number) for number in double.payment_nos]
    turn.answer(
        "double_debit",
        amount=yuan(double.surplus),
        charge_lines=lines(charge_line(turn, item) for item in charges),
        case_no=outcome.case.case_no,
    )
    turn.card(cards.payment_status(charges))
    turn.card(outcome.case.card())
    if outcome.remedy:
        turn.card(outcome.remedy.card())


def charge_line(turn: Turn, payment: Payment) -> str:
    return word(turn, "line_charge", at=moment(payment.created_at), amount=yuan(payment.amount), payment_no=payment.payment_no)


def refund(turn: Turn) -> None:
    refunds = turn.loans.refunds(turn.customer_id)
    if not refunds:
        turn.answer()
        return
    turn.answer(
        "refunds",
        refund_lines=lines(
            word(
                turn,
                "line_refund",
                at=day(item.created_at.date()),
                amount=yuan(item.amount),
                state=word(turn, f"refund_{item.status}"),
            )
            for item in refunds
        ),
    )


HANDLERS = {
    "report_auto_debit_failed": auto_debit_failed,
    "report_repayment_failed": repayment_failed,
    "report_repayment_not_posted": repayment_not_posted,
    "report_wrong_charge": wrong_charge,
    "ask_refund": refund,
}
