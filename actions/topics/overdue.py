"""Overdue days and what follows: the fee, disputes, the credit bureau, collection."""

from __future__ import annotations

from actions.lexicon import dialogue_words
from actions.story import tell_further
from actions.turn import Turn
from actions.wording import attempt_line, day, lines, word, yuan
from bot.cases.service import DisputeOutcome
from bot.loans.port import Bill, CreditInquiry, Instalment


def oldest_overdue(turn: Turn) -> Bill | None:
    return next((bill for bill in turn.loans.bills(turn.customer_id) if bill.overdue_days), None)


def held_instalment(turn: Turn, bill: Bill) -> Instalment | None:
    """The instalment of ``bill`` while a dispute holds it; nothing may be threatened then."""
    contract = turn.loans.contract(turn.customer_id, bill.contract_no)
    found = next(item for item in contract.instalments if item.number == bill.instalment)
    return found if found.accrual_held else None


def overdue_consequence(turn: Turn) -> None:
    bill = oldest_overdue(turn)
    if bill:
        facts = {
            "contract_no": bill.contract_no,
            "instalment": str(bill.instalment),
            "due_on": day(bill.due_on),
            "overdue_days": str(bill.overdue_days),
        }
        held = held_instalment(turn, bill)
        if held:
            turn.answer("held", **facts, waived=yuan(held.waived_penalty), penalty=yuan(held.penalty_due))
        else:
            turn.answer("overdue", **facts, penalty=yuan(bill.penalty))
        return
    owed = turn.loans.outstanding(turn.customer_id)
    if owed.next_due_on:
        turn.answer("not_overdue", next_due_on=day(owed.next_due_on))
    else:
        turn.answer()


def dispute(turn: Turn) -> None:
    """Product §3: open with what was found, hold the harm, open the case, grant what may be granted."""
    bill = oldest_overdue(turn)
    if bill is None:
        turn.answer("not_overdue")
        return
    outcome = turn.cases.open_dispute(
        **turn.origin,
        story=turn.story,
        contract_no=bill.contract_no,
        instalment=bill.instalment,
        key=turn.key("dispute"),
        issues=turn.heard.issues,
    )
    tell_outcome(turn, bill, outcome)
    turn.card(outcome.evidence.card(turn.texts))
    turn.card(outcome.case.card())
    if outcome.remedy:
        turn.card(outcome.remedy.card())
    tell_further(turn, outcome.case.case_no, bill)


def tell_outcome(turn: Turn, bill: Bill, outcome: DisputeOutcome) -> None:
    attempts = turn.loans.debit_attempts(turn.customer_id, bill.contract_no, bill.instalment)
    evidence, case, remedy = outcome.evidence, outcome.case, outcome.remedy
    facts = {
        "contract_no": bill.contract_no,
        "instalment": str(bill.instalment),
        "due_on": day(bill.due_on),
        "attempt_lines": lines(attempt_line(turn, item) for item in attempts),
        "penalty": yuan(evidence.penalty),
        "case_no": case.case_no,
        "decide_by": day(case.decide_by),
    }
    if outcome.kind == "borrower":
        turn.answer("borrower", **facts, overdue_days=str(len(evidence.days)))
    elif outcome.kind == "mixed":
        system_days = sum(1 for item in evidence.days if item.cause == "system")
        turn.answer(
            "mixed",
            **facts,
            system_days=str(system_days),
            borrower_days=str(len(evidence.days) - system_days),
            system_amount=yuan(evidence.system_caused),
            borrower_amount=yuan(evidence.borrower_caused),
        )
    elif remedy and remedy.receipt_no:
        turn.answer("system_granted", **facts, receipt_no=remedy.receipt_no)
    else:
        turn.answer("system_proposed", **facts)


def credit_inquiry(turn: Turn) -> None:
    authorisations = turn.loans.credit_authorisations(turn.customer_id)
    inquiries = turn.loans.credit_inquiries(turn.customer_id)
    turn.answer()
    if not authorisations and not inquiries:
        turn.answer("none")
        return
    given = [
        word(
            turn,
            "line_authorisation_revoked" if item.revoked_at else "line_authorisation_active",
            given_on=day(item.given_at.date()),
            party=item.funding_party,
            revoked_on=day(item.revoked_at.date()) if item.revoked_at else "",
        )
        for item in authorisations
    ]
    made = [inquiry_line(turn, item) for item in inquiries]
    turn.answer("records", authorisation_lines=lines(given), inquiry_lines=lines(made or [word(turn, "line_no_inquiry")]))


def inquiry_line(turn: Turn, item: CreditInquiry) -> str:
    purpose = word(turn, f"purpose_{item.purpose}", "purpose_other")
    return word(turn, "line_inquiry", made_on=day(item.made_at.date()), party=item.funding_party, purpose=purpose)


def credit_report_impact(turn: Turn) -> None:
    bill = oldest_overdue(turn)
    if bill and held_instalment(turn, bill):
        turn.answer("held", contract_no=bill.contract_no, instalment=str(bill.instalment))
    elif bill:
        turn.answer("overdue", overdue_days=str(bill.overdue_days), contract_no=bill.contract_no)
    else:
        turn.answer()


def complain_collection(turn: Turn) -> None:
    """A statement of what happened is a complaint and gets its case at once; a question gets the rules."""
    if turn.heard.is_payload or dialogue_words().question.search(turn.heard.text):
        turn.answer()
        return
    opened = turn.cases.open_complaint(
        **turn.origin,
        story=turn.story,
        callback_phone=None,
        key=turn.key("complain_collection"),
        issues=turn.heard.issues,
    )
    turn.answer("opened", case_no=opened.case.case_no, decide_by=day(opened.case.decide_by))
    turn.card(opened.case.card())
    tell_further(turn, opened.case.case_no)


HANDLERS = {
    "ask_overdue_consequence": overdue_consequence,
    "dispute_overdue_fee": dispute,
    "ask_credit_inquiry": credit_inquiry,
    "ask_credit_report_impact": credit_report_impact,
    "complain_collection": complain_collection,
}
