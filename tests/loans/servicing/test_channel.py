"""Payments through the channel: delays, timeouts, repeated and overtaking reports, late settlements and returns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.loans.errors import PaymentInProgress
from bot.loans.models import LedgerTransactionRow
from bot.loans.port import Payment
from bot.loans.servicing.channel import ChannelEvent, ChannelResult
from bot.loans.simulated_bank import Behaviour, SimulatedBank
from tests.loans.conftest import CUSTOMER
from tests.loans.servicing.conftest import Servicing


def pay(servicing: Servicing, amount: int = 10000, key: str = "k1") -> str:
    return servicing.ask(lambda world: world.loans.create_payment(CUSTOMER, amount, key=key).payment_no)


def payment(servicing: Servicing, number: str) -> Payment:
    return servicing.ask(lambda world: world.loans.payment(CUSTOMER, number))


def owed(servicing: Servicing) -> int:
    return servicing.ask(lambda world: world.loans.outstanding(CUSTOMER).payoff_total)


def stored(servicing: Servicing, number: str) -> str:
    with servicing.world() as world:
        row = world.unit.repository.payment(number)
        assert row is not None
        return row.status


def test_an_order_goes_from_created_over_processing_to_settled(servicing: Servicing) -> None:
    servicing.bank.default = Behaviour(after=timedelta(minutes=3))
    number = pay(servicing)
    assert stored(servicing, number) == "created"
    assert payment(servicing, number).status == "processing"  # what the borrower sees: it is under way
    assert servicing.driver().send_created() == 1
    assert stored(servicing, number) == "processing"
    servicing.driver().poll()
    assert stored(servicing, number) == "processing"
    servicing.clock.advance(minutes=3)
    servicing.driver().poll()
    assert (payment(servicing, number).status, owed(servicing)) == ("settled", 50000)
    assert servicing.driver().send_created() == servicing.driver().poll() == 0
    servicing.check()


@pytest.mark.parametrize(
    "behaviour", [Behaviour(lost_orders=2), Behaviour(lost_replies=2), Behaviour(lost_orders=1, lost_replies=1)]
)
def test_after_a_timeout_the_bank_is_asked_and_takes_the_money_once(servicing: Servicing, behaviour: Behaviour) -> None:
    number = pay(servicing)
    servicing.bank.by_order[number] = behaviour
    servicing.driver().send_created()
    assert stored(servicing, number) == "processing"
    for _ in range(3):
        servicing.driver().poll()
    assert payment(servicing, number).status == "settled"
    assert servicing.bank.taken == 10000
    assert owed(servicing) == 50000
    servicing.check()


def test_while_one_is_under_way_another_for_the_same_instalment_is_refused_with_its_number(servicing: Servicing) -> None:
    number = pay(servicing)
    servicing.bank.by_order[number] = Behaviour(after=timedelta(days=3))
    for _ in range(2):
        with pytest.raises(PaymentInProgress) as refused:
            pay(servicing, 5000, key="k2")
        assert refused.value.details["payment_nos"] == [number]
        servicing.driver().send_created()


def test_a_refusal_of_the_bank_frees_the_instalment(servicing: Servicing) -> None:
    number = pay(servicing)
    servicing.bank.by_order[number] = Behaviour(code="INSUFFICIENT_FUNDS")
    servicing.driver().send_created()
    assert (payment(servicing, number).status, payment(servicing, number).side) == ("failed", "borrower")
    assert owed(servicing) == 60000
    pay(servicing, key="k2")


def test_repeated_callbacks_change_nothing(servicing: Servicing) -> None:
    number = pay(servicing)
    servicing.bank.by_order[number] = Behaviour(callbacks=3)
    servicing.driver().send_created()
    events = servicing.bank.callbacks()
    assert len(events) == 3
    assert servicing.driver().receive(events * 2) == ["repeated"] * 6
    assert owed(servicing) == 50000
    servicing.check()


def test_a_callback_for_an_order_that_is_not_ours_is_kept_and_moves_nothing(servicing: Servicing) -> None:
    event = ChannelEvent("E-1", ChannelResult("P-404", "settled", "SUCCESS"))
    assert servicing.driver().receive([event, event]) == ["unknown_order", "repeated"]
    assert owed(servicing) == 60000


def test_a_settlement_after_many_days_counts_from_the_day_of_the_payment(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=31)
    number = pay(servicing)
    servicing.bank.by_order[number] = Behaviour(after=timedelta(days=20))
    servicing.driver().send_created()
    servicing.at(days=51)
    servicing.driver().poll()
    first = servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0])
    assert (first.status, first.penalty) == ("settled", 0)
    servicing.check()


def test_a_returned_payment_is_undone_by_reversals_and_the_days_between_are_free(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=31)
    number = pay(servicing)
    servicing.bank.by_order[number] = Behaviour(returned_after=timedelta(days=4))
    servicing.driver().send_created()
    assert owed(servicing) == 50000
    servicing.at(days=35)
    servicing.driver().receive(servicing.bank.callbacks())
    servicing.driver().receive(servicing.bank.callbacks())
    back = payment(servicing, number)
    assert (back.status, back.advice, back.parts, back.left_over) == ("returned", "returned_pay_again", (), 0)
    with servicing.world() as world:
        first = world.loans.contract(CUSTOMER, contract_no).instalments[0]
        assert (first.status, first.paid_principal, first.penalty_due) == ("overdue", 0, 0)
        head = LedgerTransactionRow
        query = select(head.kind, head.note).where(head.payment_no == number).order_by(head.id)
        written = [(kind, note) for kind, note in world.session.execute(query)]
        assert [kind for kind, _ in written] == ["receipt", "allocation", "reversal", "reversal"]
        assert {note for _, note in written} == {None, "returned: BANK_RETURNED"}
        assert world.unit.ledger.balance("unapplied") == 0
        assert world.unit.ledger.balance("bank") == -60000
    servicing.at(days=37)
    penalty = servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0].penalty_due)
    assert penalty == 10  # 10000 × 0.0005 × 2 days after the return
    pay(servicing, 10010, key="k2")
    servicing.driver().send_created()
    assert owed(servicing) == 50000
    servicing.check()


def test_a_settled_contract_opens_again_when_the_payment_comes_back(servicing: Servicing, contract_no: str) -> None:
    number = pay(servicing, 60000)
    servicing.driver().send_created()
    assert servicing.ask(lambda world: world.loans.contracts(CUSTOMER)) == ()
    assert servicing.driver().apply(ChannelResult(number, "returned", "BANK_RETURNED")) == "applied"
    contract = servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no))
    assert (contract.status, contract.settled_on, contract.outstanding_principal) == ("open", None, 60000)
    servicing.check()


def test_what_was_too_much_is_not_refunded_when_the_payment_comes_back(servicing: Servicing, contract_no: str) -> None:
    first, second = pay(servicing), None
    servicing.driver().apply(ChannelResult(first, "failed", "SYS_ERROR"))
    second = pay(servicing, key="k2")
    servicing.driver().apply(ChannelResult(second, "settled", "SUCCESS"))
    # The first one was executed after all: nothing needs it any more.
    assert servicing.driver().apply(ChannelResult(first, "settled", "SUCCESS")) == "applied"
    assert servicing.driver().apply(ChannelResult(first, "settled", "SUCCESS")) == "repeated"
    (refund,) = servicing.ask(lambda world: world.loans.refunds(CUSTOMER))
    assert (refund.amount, refund.payment_no) == (10000, f"{first}-L")
    assert payment(servicing, first).status == "failed"
    servicing.check()
    servicing.driver().apply(ChannelResult(first, "returned", "BANK_RETURNED"))
    assert servicing.ask(lambda world: world.loans.refunds(CUSTOMER)) == ()
    assert owed(servicing) == 50000
    servicing.check()
    assert servicing.driver().pay_refunds() == 0


def test_a_refund_already_paid_stays_as_a_claim_when_the_payment_comes_back(servicing: Servicing) -> None:
    first = pay(servicing)
    servicing.driver().apply(ChannelResult(first, "failed", "SYS_ERROR"))
    servicing.driver().apply(ChannelResult(pay(servicing, key="k2"), "settled", "SUCCESS"))
    servicing.driver().apply(ChannelResult(first, "settled", "SUCCESS"))
    assert servicing.driver().pay_refunds() == 1
    assert servicing.driver().pay_refunds() == 0
    assert list(servicing.bank.paid_out.values()) == [10000]
    servicing.driver().apply(ChannelResult(first, "returned", "BANK_RETURNED"))
    assert servicing.ask(lambda world: world.unit.ledger.balance("unapplied")) == 10000
    servicing.check()


def test_penalty_that_was_refunded_is_not_taken_back_twice(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=51)
    number = pay(servicing, 10100)  # 100 of penalty
    servicing.driver().send_created()
    with servicing.world() as world:
        world.loans.refund_penalty(contract_no, 1, 100, reason="system_caused", key="r")
    servicing.driver().apply(ChannelResult(number, "returned", "BANK_RETURNED"))
    first = servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0])
    assert (first.paid_penalty, first.waived_penalty, first.penalty_due, first.paid_principal) == (0, 100, 0, 0)
    servicing.check()


def test_the_bank_calling_a_settled_payment_failed_is_a_contradiction_for_a_person(servicing: Servicing) -> None:
    number = pay(servicing)
    servicing.driver().apply(ChannelResult(number, "settled", "SUCCESS"))
    assert servicing.driver().apply(ChannelResult(number, "failed", "SYS_ERROR")) == "contradiction"
    assert payment(servicing, number).status == "settled"


def test_an_old_order_without_an_answer_is_asked_about_more_seldom(servicing: Servicing) -> None:
    number = pay(servicing)
    servicing.bank.by_order[number] = Behaviour(after=timedelta(days=9))
    servicing.driver().send_created()
    assert [servicing.driver().poll() for _ in range(2)] == [1, 1]
    servicing.clock.advance(minutes=11)
    assert [servicing.driver().poll() for _ in range(2)] == [1, 0]
    servicing.clock.advance(minutes=10)
    assert servicing.driver().poll() == 1
    servicing.clock.advance(days=2)
    assert [servicing.driver().poll() for _ in range(2)] == [1, 0]
    servicing.clock.advance(minutes=59)
    assert servicing.driver().poll() == 0


@pytest.mark.parametrize("moment", ["the answer was lost", "the call is still going on"])
def test_a_refund_the_bank_executed_stays_in_the_books_when_the_payment_comes_back(servicing: Servicing, moment: str) -> None:
    class ReturningBank(SimulatedBank):
        def pay_out(self, refund_no: str, customer_id: str, amount: int) -> None:
            super().pay_out(refund_no, customer_id, amount)
            servicing.driver().apply(ChannelResult(first, "returned", "BANK_RETURNED"))

    first = pay(servicing)
    servicing.driver().apply(ChannelResult(first, "failed", "SYS_ERROR"))
    servicing.driver().apply(ChannelResult(pay(servicing, key="k2"), "settled", "SUCCESS"))
    servicing.driver().apply(ChannelResult(first, "settled", "SUCCESS"))
    if moment == "the answer was lost":
        servicing.bank.payouts = Behaviour(lost_replies=1)
        assert servicing.driver().pay_refunds() == 0
        servicing.driver().apply(ChannelResult(first, "returned", "BANK_RETURNED"))
    else:
        servicing.bank = ReturningBank(clock=servicing.clock)
    assert servicing.driver().pay_refunds() == 1
    assert servicing.driver().pay_refunds() == 0
    assert list(servicing.bank.paid_out.values()) == [10000]
    with servicing.world() as world:
        assert world.unit.ledger.balance("unapplied") == 10000  # the claim
        assert world.unit.ledger.balance("bank") == -60000 + 10000 - 10000
        (refund,) = world.loans.refunds(CUSTOMER)
        assert refund.status == "paid"
    servicing.check()


def test_a_refund_cancelled_by_hand_while_the_bank_pays_it_is_booked_all_the_same(servicing: Servicing) -> None:
    first = pay(servicing)
    servicing.driver().apply(ChannelResult(first, "failed", "SYS_ERROR"))
    servicing.driver().apply(ChannelResult(pay(servicing, key="k2"), "settled", "SUCCESS"))
    servicing.driver().apply(ChannelResult(first, "settled", "SUCCESS"))
    with servicing.world() as world:
        (row,) = world.unit.repository.pending_refunds()
        servicing.bank.pay_out(row.refund_no, CUSTOMER, row.amount)
        world.payments.give_back(f"{first}-L", "BANK_RETURNED")
        assert row.cancelled_at is not None
        world.payments.posting.pay_refund(row)
        world.payments.posting.pay_refund(row)
        assert world.unit.ledger.balance("unapplied") == 10000
        assert [refund.status for refund in world.loans.refunds(CUSTOMER)] == ["paid"]
    servicing.check()


def test_refunds_that_get_no_answer_do_not_keep_others_waiting(servicing: Servicing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.loans.servicing.driver.BATCH", 2)
    with servicing.world() as world:
        for turn in range(3):
            number = world.payments.record(CUSTOMER, 100 + turn, [], kind="own", number=f"P-{turn}").payment_no
            world.payments.settle(number)  # meant for nothing: all of it goes back
            servicing.clock.advance(minutes=1)
    servicing.bank.payouts = Behaviour(lost_orders=1)
    assert servicing.driver().pay_refunds() == 0
    servicing.bank.payouts = Behaviour()
    servicing.clock.advance(minutes=1)
    assert servicing.driver().pay_refunds() == 2
    assert 102 in servicing.bank.paid_out.values()


def test_orders_that_are_asked_about_seldom_keep_a_new_payment_waiting_in_no_round(
    servicing: Servicing, contract_no: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.loans.servicing.driver.BATCH", 2)
    servicing.bank.default = Behaviour(after=timedelta(days=9))
    old = []
    for turn in range(3):
        with servicing.world() as world:
            other = world.draw("FQ", 60000, "0", 6)
            old.append(world.loans.create_payment(CUSTOMER, 100, key=f"old {turn}", contract_nos=[other]).payment_no)
        servicing.driver().send_created()
    servicing.clock.advance(days=2)
    assert [servicing.driver().poll() for _ in range(3)] == [2, 1, 0]
    servicing.bank.default = Behaviour(after=timedelta(minutes=1))
    with servicing.world() as world:
        number = world.loans.create_payment(CUSTOMER, 100, key="new", contract_nos=[contract_no]).payment_no
    servicing.driver().send_created()
    servicing.clock.advance(minutes=1)
    assert servicing.driver().poll() == 1
    assert payment(servicing, number).status == "settled"
