"""The demo's doors, and that they do not exist outside the demo."""

from __future__ import annotations

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, Stack, running


async def test_one_logs_in_as_a_demo_customer(stack: Stack) -> None:
    response = await stack.client.post("/demo/login", json={"customer_id": "C1002"})
    token = response.json()["token"]
    assert stack.runtime.tokens.read(token).subject == "C1002"
    await stack.say("查欠款", token=token)
    assert stack.conversation(customer_id="C1002").customer_id == "C1002"


async def test_nobody_else_can_log_in(stack: Stack) -> None:
    response = await stack.client.post("/demo/login", json={"customer_id": "C9999"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "customer_not_found")
    for body in ({}, {"customer_id": 5}, {"customer_id": "C" * 65}):
        assert (await stack.client.post("/demo/login", json=body)).status_code == 422


async def test_the_last_code_sent_can_be_read(stack: Stack) -> None:
    response = await stack.client.get("/demo/otp", params={"customer_id": "C1002"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "no_code_sent")
    await stack.say("预约还款", token=stack.customer_token())
    stack.start_step_up(stack.conversation(customer_id="C1002").id)
    code = await stack.sent_code()
    assert len(code) == 6
    assert code.isdigit()


async def test_the_demo_customers_of_this_database_are_listed_with_their_story(stack: Stack) -> None:
    people = (await stack.client.get("/demo/customers")).json()
    assert [(person["customer_id"], person["name"]) for person in people] == [("C1001", "郭海"), ("C1002", "李婷")]
    assert "逾期12天" in people[0]["story"]


async def test_outside_the_demo_none_of_it_exists(gateway_settings: Settings) -> None:
    settings = gateway_settings.model_copy(update={"demo": False})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        assert (await stack.client.post("/demo/login", json={"customer_id": "C1002"})).status_code in {404, 405}
        for path in ("/demo/otp?customer_id=C1002", "/demo/customers"):
            assert (await stack.client.get(path)).status_code == 404
        assert "/demo/login" not in (await stack.client.get("/openapi.json")).json()["paths"]
