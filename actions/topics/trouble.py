"""A debit or repayment that went wrong: what the records say, and whether to pay again (never twice)."""

from __future__ import annotations

from datetime import timedelta

from actions import cards
from actions.appeal import decision_words, tell_ways_on
from actions.turn import Turn
from actions.wording import attempt_line, day, lines, moment, payment_line, word, yuan
from bot.cases.errors import NoDoubleDebit
from bot.cases.stuck import StuckPayments
from bot.loans.port import DebitAttempt, DoubleDebit, Payment

RECENT = timedelta(days=30)
OWN_STUCK = frozenset({"report_repayment_failed", "report_repayment_not_posted"})
"""Ways to ask where an own repayment is."""
PAYING = OWN_STUCK | {"report_auto_debit_failed", "ask_repayment_method", "ask_early_repayment", "settle_all"}
"""Whoever may mean one of these must not pay twice."""


def recent_payments(turn: Turn, *statuses: str) -> list[Payment]:
    since = turn.clock.now() - RECENT
    return [item for item in turn.loans.payments(turn.customer_id) if item.status in statuses and item.created_at >= since]


def hanging_payments(turn: Turn) -> list[Payment]:
    return recent_payments(turn, "created", "processing")


def hanging(turn: Turn, processing: list[Payment]) -> tuple[str, dict[str, str]]:
    """Which of the two texts about hanging payments (``…`` or ``…_case``), and its values. What it promises is recorded here."""
    promise = StuckPayments(turn.session, turn.clock, turn.loans).promise(**turn.origin, payments=processing)
    values = {"count": str(len(processing)), "payment_lines": lines(payment_line(turn, item) for item in processing)}
    if promise is not None and promise.case is not None:
        return "_case", {**values, "case_no": promise.case.case_no, "decide_by": day(promise.case.decide_by)}
    return "", {**values, "review_on": day(promise.look_again_at.date() if promise else turn.today)}


def note_told(turn: Turn, payments: list[Payment]) -> None:
    """The borrower reads here how these ended: the loan books must know (product §3 b)."""
    for item in payments:
        if item.resolved_at is not None and item.informed_at is None:
            turn.loans.mark_informed(item.payment_no, key=turn.key(f"informed:{item.payment_no}"))


def pay_once(turn: Turn) -> bool:
    """While own repayments hang, the first thing to say is: do not pay again (product §2). False when none hangs."""
    processing = hanging_payments(turn)
    if not processing:
        return False
    variant, values = hanging(turn, processing)
    turn.say(f"pay_once{variant}", card=cards.payment_status(processing), **values)
    return True


def surely_stuck(turn: Turn) -> str | None:
    """The likeliest meaning, when it is "where is my repayment" and the records show one that hangs; else ``None``."""
    likeliest = next(iter(turn.heard.options), "")
    return likeliest if likeliest in OWN_STUCK and turn.identified and hanging_payments(turn) else None


def warn_of_paying_twice(turn: Turn) -> None:
    """Before asking what was meant, when one of the meanings would be to pay while own repayments hang."""
    if turn.identified and PAYING.intersection(turn.heard.options):
        pay_once(turn)


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
    late = [item for item in recent_payments(turn, "settled") if posted_late(item)]
    if processing:
        variant, values = hanging(turn, processing)
        turn.answer(f"processing{variant}", **values)
        turn.card(cards.payment_status(processing))
    elif failed:
        turn.answer("failed", payment_lines=lines(payment_line(turn, item) for item in failed))
        turn.card(cards.payment_status(failed))
        note_told(turn, failed)
    elif late:
        settled_late(turn, late)
    else:
        turn.answer("none")


def repayment_not_posted(turn: Turn) -> None:
    processing = hanging_payments(turn)
    taken = next((item for item in turn.loans.scheduled_repayments(turn.customer_id) if item.status == "taken"), None)
    settled = recent_payments(turn, "settled")
    if processing:
        variant, values = hanging(turn, processing)
        turn.answer(f"processing{variant}", **values)
        turn.card(cards.payment_status(processing))
    elif taken:
        turn.answer("scheduled_gap", amount=yuan(taken.amount), execute_on=day(taken.execute_on), posts_on=day(taken.posts_on))
    elif late := [item for item in settled if posted_late(item)]:
        settled_late(turn, late)
    elif settled:
        turn.answer("settled", payment_lines=lines(payment_line(turn, item) for item in settled))
        turn.card(cards.payment_status(settled))
        note_told(turn, settled)
    else:
        turn.answer("none")


def posted_late(payment: Payment) -> bool:
    """Whether the borrower's own repayment came through on a later day than it was made."""
    return payment.kind == "own" and payment.resolved_at is not None and payment.resolved_at.date() > payment.created_at.date()


def settled_late(turn: Turn, late: list[Payment]) -> None:
    listed = lines(late_line(turn, item) for item in late)
    turn.answer("settled_late", intent="report_repayment_not_posted", payment_lines=listed)
    turn.card(cards.payment_status(late))


def late_line(turn: Turn, payment: Payment) -> str:
    return word(
        turn,
        "line_payment_late",
        at=moment(payment.created_at),
        amount=yuan(payment.amount),
        payment_no=payment.payment_no,
        posted_on=day((payment.resolved_at or payment.created_at).date()),
    )


def wrong_charge(turn: Turn) -> None:
    """A double debit that the records show opens a case, or is back already; otherwise recent charges are laid open."""
    since = turn.clock.now() - RECENT
    doubles = [
        item for item in turn.loans.double_debits(turn.customer_id) if item.refund_no is None or item.taken_at[-1] >= since
    ]
    double = next((item for item in doubles if item.refund_no is None), next(iter(doubles), None))
    if double is not None:
        try:
            double_debit(turn, double)
        except NoDoubleDebit:
            surplus_went_back(turn, double)
        return
    charges = recent_payments(turn, "settled")
    if charges:
        turn.answer("none", charge_lines=lines(charge_line(turn, item) for item in charges))
        turn.card(cards.payment_status(charges))
    else:
        turn.answer("no_charges")


def surplus_went_back(turn: Turn, double: DoubleDebit) -> None:
    """It was refunded and no case about it is open."""
    refund = next(item for item in turn.loans.refunds(turn.customer_id) if item.refund_no == double.refund_no)
    charges = [turn.loans.payment(turn.customer_id, number) for number in double.payment_nos]
    turn.answer(
        "double_debit_back",
        amount=yuan(double.surplus),
        charge_lines=lines(charge_line(turn, item) for item in charges),
        back_on=day(refund.created_at.date()),
        state=word(turn, f"refund_{refund.status}"),
    )
    turn.card(cards.payment_status(charges))


def double_debit(turn: Turn, double: DoubleDebit) -> None:
    """Raises ``NoDoubleDebit`` when the surplus is back and no case about it is open."""
    outcome = turn.cases.open_wrong_charge(
        **turn.origin,
        story=turn.story,
        key=turn.key("wrong_charge"),
        contract_no=double.contract_no,
        instalment=double.instalment,
        issues=turn.heard.issues,
    )
    case = outcome.case
    decision = turn.cases.decision(turn.customer_id, case.case_no)
    charges = [turn.loans.payment(turn.customer_id, number) for number in double.payment_nos]
    facts = {
        "amount": yuan(double.surplus),
        "charge_lines": lines(charge_line(turn, item) for item in charges),
        "case_no": outcome.case.case_no,
    }
    if outcome.remedy and outcome.remedy.receipt_no:
        turn.answer("double_debit_refunded", **facts, receipt_no=outcome.remedy.receipt_no)
    elif decision is not None:
        turn.answer("decided_before", **facts, decided_on=day(decision.decided_on), **decision_words(decision))
        tell_ways_on(turn, case)
    else:
        turn.answer("double_debit", **facts, decide_by=day(case.decide_by))
        if outcome.telling in ("new_facts", "reopened"):
            turn.say(f"dispute_{outcome.telling}", case_no=case.case_no, decide_by=day(case.decide_by))
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
