"""Overdue days and what follows: the fee, disputes, the credit bureau, collection."""

from __future__ import annotations

from actions.appeal import decision_words, tell_ways_on, ways_line
from actions.disputed import Choice, Disputed, choose_disputed
from actions.guard import own_contract
from actions.lexicon import dialogue_words
from actions.story import tell_further
from actions.turn import Turn
from actions.wording import attempt_line, day, lines, word, yuan
from bot.cases.evidence import Evidence
from bot.cases.service import CaseView, DecisionView, DisputeOutcome, RemedyView
from bot.loans.port import Bill, CreditInquiry, Instalment

HANGING = frozenset({"report_repayment_failed", "report_repayment_not_posted"})
"""Matters of a story on which actions/story.py says itself not to pay again."""


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
    choice = choose_disputed(turn)
    disputed = choice.chosen
    if disputed is None:
        nothing_to_dispute(turn, choice)
        return
    outcome = turn.cases.open_dispute(
        **turn.origin,
        story=turn.story,
        contract_no=disputed.contract_no,
        instalment=disputed.instalment,
        key=turn.key("dispute"),
        issues=turn.heard.issues,
    )
    tell_outcome(turn, disputed, outcome)
    if choice.others:
        turn.say("dispute_others", other_lines=lines(_disputed_line(turn, item) for item in choice.others))
    turn.card(outcome.evidence.card(turn.texts))
    turn.card(outcome.case.card())
    if outcome.remedy:
        turn.card(outcome.remedy.card())
    tell_further(turn, outcome.case.case_no, disputed)


def nothing_to_dispute(turn: Turn, choice: Choice) -> None:
    """Of the contracts that were named, or of all. One that is not theirs is answered as one that does not exist."""
    if not choice.empty:
        turn.answer("not_overdue")
    elif all(own_contract(turn, number) for number in choice.empty):
        turn.answer("not_overdue_there", contract_no="、".join(choice.empty))


def _disputed_line(turn: Turn, item: Disputed) -> str:
    return word(turn, "line_disputed", contract_no=item.contract_no, instalment=str(item.instalment), due_on=day(item.due_on))


def tell_outcome(turn: Turn, disputed: Disputed, outcome: DisputeOutcome) -> None:
    """What was found, day by day; what is held; number and dates; what is given back, or the ways to appeal."""
    evidence, case, remedy = outcome.evidence, outcome.case, outcome.remedy
    system_days = sum(1 for item in evidence.days if item.cause == "system")
    policy = turn.cases.book.policies.on(case.received_on)
    facts = {
        "contract_no": disputed.contract_no,
        "instalment": str(disputed.instalment),
        "due_on": day(disputed.due_on),
        "overdue_days": str(len(evidence.days)),
        "record_lines": lines(_records(turn, evidence)),
        "day_lines": lines(evidence.explanation(turn.texts)),
        "penalty": yuan(evidence.penalty),
        "case_no": case.case_no,
        "received_on": day(case.received_on),
        "decide_by": day(case.decide_by),
    }
    given = remedy is not None and remedy.receipt_no is not None
    decision = turn.cases.decision(turn.customer_id, case.case_no) if outcome.repeated else None
    correction = {"correction_days": str(policy.credit_correction_days)}
    if decision is not None:
        tell_decision(turn, case, decision, **facts)
    elif outcome.kind == "borrower":
        turn.answer("borrower", **facts, ways=ways_line(turn, policy.ways_on))
    elif outcome.kind == "mixed":
        turn.answer(
            "mixed_granted" if given else "mixed",
            **facts,
            system_days=str(system_days),
            borrower_days=str(len(evidence.days) - system_days),
            system_amount=yuan(evidence.system_caused),
            borrower_amount=yuan(evidence.borrower_caused),
            receipt_no="、".join(remedy.receipts) if remedy else "",
        )
    elif remedy and given:
        turn.answer("system_granted", **facts, **correction, given=_given(turn, remedy), receipt_no="、".join(remedy.receipts))
    else:
        turn.answer("system_proposed", **facts, **correction)
    if outcome.telling in ("new_facts", "reopened"):
        turn.say(f"dispute_{outcome.telling}", case_no=case.case_no, decide_by=day(case.decide_by))
    hanging = any(item.resolved_at is None for item in evidence.facts.payments)
    if hanging and not HANGING.intersection(turn.heard.issues):
        turn.say("dispute_do_not_pay_again")


def tell_decision(turn: Turn, case: CaseView, decision: DecisionView, **facts: str) -> None:
    """Told again after the decision: what it was, and how to go on from it. Nothing is promised any more."""
    values = {**facts, "case_no": case.case_no, "decided_on": day(decision.decided_on)}
    if decision.receipts:
        turn.answer("given_before", **values, given_amount=yuan(decision.given), receipt_no="、".join(decision.receipts))
    else:
        turn.answer("decided_before", **values, **decision_words(decision))
    if case.disputed_amount is None or decision.given < case.disputed_amount:
        tell_ways_on(turn, case)


def _records(turn: Turn, evidence: Evidence) -> list[str]:
    """The debits of the instalment one by one, or that there was none."""
    attempts = turn.loans.debit_attempts(turn.customer_id, evidence.contract_no, evidence.instalment)
    if attempts:
        return [attempt_line(turn, item) for item in attempts]
    return [entry.text(turn.texts) for entry in evidence.timeline() if entry.key in ("debit_none", "mandate_none")]


def _given(turn: Turn, remedy: RemedyView) -> str:
    """What was done with the amount: waived, refunded, or both."""
    parts = (("waived", remedy.waived), ("refunded", remedy.refunded))
    return "，".join(word(turn, f"penalty_{name}", amount=yuan(amount)) for name, amount in parts if amount)


def credit_inquiry(turn: Turn) -> None:
    authorisations = turn.loans.credit_authorisations(turn.customer_id)
    inquiries = turn.loans.credit_inquiries(turn.customer_id)
    turn.answer("general")
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
        issues=turn.heard.issues or ("complain_collection",),
    )
    turn.answer("merged" if opened.merged else "opened", case_no=opened.case.case_no, decide_by=day(opened.case.decide_by))
    turn.card(opened.case.card())
    tell_further(turn, opened.case.case_no)


HANDLERS = {
    "ask_overdue_consequence": overdue_consequence,
    "dispute_overdue_fee": dispute,
    "ask_credit_inquiry": credit_inquiry,
    "ask_credit_report_impact": credit_report_impact,
    "complain_collection": complain_collection,
}
