"""Whose conversation it is: the key, the visitor who logs in, and what the action server is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.conversations.errors import ConversationNotFound
from bot.conversations.service import ConversationContext, ConversationService
from tests.gateway import Stack


async def test_the_same_sender_with_and_without_tokens_is_different_conversations(stack: Stack) -> None:
    await stack.say("一")
    await stack.say("二", token=stack.customer_token("C1001"))
    await stack.say("三", token=stack.customer_token("C1002"))
    ids = {stack.conversation(customer_id=customer).id for customer in ("", "C1001", "C1002")}
    assert len(ids) == 3
    assert [sender for sender, _, _ in stack.rasa.asked] == [
        stack.conversation(customer_id=customer).id for customer in ("", "C1001", "C1002")
    ]


async def test_after_login_a_visitors_conversation_becomes_the_customers(stack: Stack) -> None:
    sender, visitor_token = await stack.visitor()
    token = stack.customer_token()
    await stack.say("怎么提前还款", sender=sender, token=visitor_token)
    before = stack.conversation(sender)
    await stack.say("全部还清要多少", sender=sender, token=token, visitor_token=visitor_token)
    after = stack.conversation(sender, "C1002")
    assert after.id == before.id
    page = await stack.read(sender, token)
    assert page["messages"][0]["text"] == "怎么提前还款"
    # and the visitor's token, which others may have seen, opens nothing of the customer's
    assert (await stack.read(sender, visitor_token))["messages"] == []


@pytest.mark.parametrize("proof", ["none", "rubbish", "of another visitor", "expired", "a customer token"])
async def test_without_proof_the_old_conversation_is_not_taken_over(stack: Stack, proof: str) -> None:
    sender, visitor_token = await stack.visitor()
    await stack.say("我的手机号是多少", sender=sender, token=visitor_token)
    anonymous = stack.conversation(sender)
    proofs = {
        "none": None,
        "rubbish": "x.y.z",
        "of another visitor": (await stack.visitor())[1],
        "expired": stack.runtime.tokens.issue("visitor", sender, lifetime=timedelta(seconds=-1)),
        "a customer token": stack.customer_token("C1001"),
    }
    given = proofs[proof]
    metadata = {} if given is None else {"visitor_token": given}
    await stack.say("查欠款", sender=sender, token=stack.customer_token(), **metadata)
    assert stack.conversation(sender, "C1002").id != anonymous.id
    assert stack.conversation(sender).id == anonymous.id


async def test_a_customers_existing_conversation_is_not_replaced_by_a_visitors(stack: Stack) -> None:
    sender, visitor_token = await stack.visitor()
    await stack.say("一", sender=sender, token=stack.customer_token())
    mine = stack.conversation(sender, "C1002").id
    await stack.say("二", sender=sender, token=visitor_token)
    await stack.say("三", sender=sender, token=stack.customer_token(), visitor_token=visitor_token)
    assert stack.conversation(sender, "C1002").id == mine
    assert stack.conversation(sender).id != mine


async def test_the_action_server_is_told_who_it_is_by_the_database(stack: Stack) -> None:
    await stack.say("一")
    await stack.say("二", token=stack.customer_token())
    with stack.database.transaction() as session:
        service = ConversationService(session, stack.clock)
        anonymous, customer = stack.conversation().id, stack.conversation(customer_id="C1002").id
        assert service.context(anonymous) == ConversationContext(anonymous, "rest", None, "anonymous", "bot")
        assert service.context(customer) == ConversationContext(customer, "rest", "C1002", "identified", "bot")
        with pytest.raises(ConversationNotFound):
            service.context("made-up")
