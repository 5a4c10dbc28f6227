"""Notes, canned answers, corrections, ratings, search, the board and dead letters, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.conversations.models import HandoffRequest
from bot.conversations.rasa import BotMessage
from bot.conversations.repository import ConversationRepository
from bot.desk.canned import shipped
from bot.desk.corrections import CorrectionService
from bot.notifications.models import NotificationRow
from bot.notifications.service import Notifications
from tests.gateway import Stack, bearer


async def served(stack: Stack, text: str = "转人工", agent_id: str = "A2001") -> tuple[str, str, str]:
    """A visitor with a human: (sender, token, conversation)."""
    sender, token = await stack.visitor()
    await stack.say(text, sender=sender, token=token)
    conversation = stack.conversation(sender=sender).id
    stack.request_human(conversation)
    await desk(stack, "POST", f"/conversations/{conversation}/claim", agent_id)
    return sender, token, conversation


async def desk(stack: Stack, method: str, path: str, agent_id: str = "A2001", **options: Any) -> httpx.Response:
    return await stack.client.request(method, f"/desk/api{path}", headers=stack.agent(agent_id), **options)


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_notes_are_for_colleagues_only(stack: Stack) -> None:
    sender, token, conversation = await served(stack)
    written = await desk(stack, "POST", f"/conversations/{conversation}/notes", json={"text": "已核对扣款记录 <b>"})
    assert written.status_code == 201
    notes = (await desk(stack, "GET", f"/conversations/{conversation}/notes", "S2101")).json()["notes"]
    assert [(note["agent_id"], note["text"]) for note in notes] == [("A2001", "已核对扣款记录 <b>")]
    assert refusal(await desk(stack, "GET", f"/conversations/{conversation}/notes", "A2002")) == (404, "conversation_not_found")
    assert "核对" not in str(await stack.read(sender, token))


async def test_canned_answers_are_filled_and_say_what_is_missing(stack: Stack) -> None:
    token = stack.customer_token("C1002")
    await stack.say("转人工", token=token)
    conversation = stack.conversation(customer_id="C1002").id
    stack.request_human(conversation)
    path = f"/canned-answers?conversation_id={conversation}"
    answers = {item["title"]: item for item in (await desk(stack, "GET", path)).json()["answers"]}
    assert answers["打招呼"]["text"].startswith("李婷您好，我是客服")
    assert answers["打招呼"]["missing"] == []
    assert answers["案件进度"]["missing"] == ["case_no", "decide_by"]
    assert "{case_no}" in answers["案件进度"]["text"]


async def test_supervisors_add_and_remove_canned_answers(stack: Stack) -> None:
    body = {"title": "节日问候", "text": "{customer_name}您好，节日快乐。"}
    assert refusal(await desk(stack, "POST", "/canned-answers", "A2001", json=body)) == (403, "role_not_allowed")
    added = (await desk(stack, "POST", "/canned-answers", "S2101", json=body)).json()
    assert refusal(await desk(stack, "POST", "/canned-answers", "S2102", json=body)) == (409, "title_taken")
    taken = {"title": shipped()[0].title, "text": "x"}
    assert refusal(await desk(stack, "POST", "/canned-answers", "S2102", json=taken)) == (409, "title_taken")
    titles = [item["title"] for item in (await desk(stack, "GET", "/canned-answers")).json()["answers"]]
    assert len(titles) == len(shipped()) + 1
    assert (await desk(stack, "DELETE", f"/canned-answers/{added['number']}", "S2101")).status_code == 204
    assert refusal(await desk(stack, "DELETE", f"/canned-answers/{added['number']}", "S2101")) == (404, "canned_answer_not_found")


async def test_what_the_bot_misunderstood_becomes_training_data_after_a_second_look(stack: Stack) -> None:
    async def wrong(*_: object) -> list[BotMessage]:
        return [BotMessage(text="…", custom={"type": "answer", "intent": "ask_bill"})]

    stack.rasa.answer = wrong
    _, _, conversation = await served(stack, "我电话13900001002，要提前\t还")
    path = f"/conversations/{conversation}/messages/1/misunderstood"
    marked = (await desk(stack, "POST", path, json={"intent": "ask_early_repayment"})).json()
    assert (marked["understood_as"], marked["state"], marked["marked_by"]) == ("ask_bill", "marked", "A2001")
    assert "13900001002" not in marked["text"]
    assert (await desk(stack, "POST", path, json={"intent": "ask_early_repayment"})).json() == marked
    assert refusal(await desk(stack, "POST", path, json={"intent": "settle_all"})) == (409, "already_marked")
    assert refusal(await desk(stack, "POST", path, json={"intent": "no_such"})) == (400, "unknown_intent")
    answer = f"/conversations/{conversation}/messages/2/misunderstood"
    assert refusal(await desk(stack, "POST", answer, json={"intent": "settle_all"})) == (404, "message_not_found")

    review = f"/misunderstandings/{marked['number']}/review"
    assert refusal(await desk(stack, "POST", review, "A2001", json={"accept": True})) == (403, "role_not_allowed")
    accepted = (await desk(stack, "POST", review, "S2101", json={"accept": True, "intent": "settle_all"})).json()
    assert (accepted["state"], accepted["intent"], accepted["reviewed_by"]) == ("accepted", "settle_all", "S2101")
    assert (await desk(stack, "POST", review, "S2101", json={"accept": True})).json() == accepted
    assert refusal(await desk(stack, "POST", review, "S2102", json={"accept": False})) == (409, "already_reviewed")
    with stack.database.transaction() as session:
        (stored,) = CorrectionService(session, stack.clock).all_in("accepted")
    assert (stored.number, stored.intent) == (marked["number"], "settle_all")
    assert "13900001002" not in stored.text


async def test_who_marked_a_message_cannot_review_it(stack: Stack) -> None:
    _, _, conversation = await served(stack)
    path = f"/conversations/{conversation}/messages/1/misunderstood"
    marked = (await desk(stack, "POST", path, "S2101", json={"intent": "settle_all"})).json()
    review = f"/misunderstandings/{marked['number']}/review"
    assert refusal(await desk(stack, "POST", review, "S2101", json={"accept": True})) == (409, "second_person_needed")
    listed = (await desk(stack, "GET", "/misunderstandings", "S2102")).json()["corrections"]
    assert [each["number"] for each in listed] == [marked["number"]]


async def test_the_desk_sees_how_far_the_borrower_came_and_what_it_has_not_read_itself(stack: Stack) -> None:
    sender, token, conversation = await served(stack)

    async def reached() -> tuple[int, int]:
        await stack.runtime.gateway.receipts.flush()
        found = (await desk(stack, "GET", f"/conversations/{conversation}")).json()
        return found["delivered_seq"], found["read_seq"]

    async def acknowledge(delivered: int, read: int) -> None:
        body = {"sender": sender, "delivered": delivered, "read": read}
        assert (await stack.client.post("/chat/ack", json=body, headers=bearer(token))).status_code == 204

    async def unread() -> int:
        (mine,) = (await desk(stack, "GET", "/queue")).json()["mine"]
        assert mine["conversation_id"] == conversation
        count: int = mine["unread"]
        return count

    assert await reached() == (0, 0)
    first = (await desk(stack, "POST", f"/conversations/{conversation}/reply", json={"text": "您好"})).json()["seq"]
    second = (await desk(stack, "POST", f"/conversations/{conversation}/reply", json={"text": "我来看看"})).json()["seq"]
    await acknowledge(second, first)
    assert await reached() == (second, first)
    await acknowledge(first, first)
    assert await reached() == (second, first), "never back"
    await acknowledge(second, second)
    assert await reached() == (second, second)

    assert await unread() == 1, "what brought the borrower here"
    await stack.say("在吗", sender=sender, token=token)
    await stack.say("还在吗", sender=sender, token=token)
    assert await unread() == 3
    read = f"/conversations/{conversation}/read"
    last = (await desk(stack, "GET", f"/conversations/{conversation}")).json()["last_seq"]
    await desk(stack, "POST", read, "A2002", json={"seq": last})
    assert await unread() == 3, "another agent has not read it for the owner"
    await desk(stack, "POST", read, json={"seq": last - 1})
    assert await unread() == 1
    await desk(stack, "POST", read, json={"seq": last})
    await desk(stack, "POST", read, json={"seq": 1})
    assert await unread() == 0, "never back"


async def test_the_desk_hides_cards_but_not_the_numbers_of_receipts_and_cases(stack: Stack) -> None:
    card, receipt, case_no = "6222021234567890123", "R-20260822-04938171", "C-20260822-0001"
    _, _, conversation = await served(stack, f"我的卡{card}，回单{receipt}，案件{case_no}")
    seen = (await desk(stack, "GET", f"/conversations/{conversation}")).json()["messages"][0]["text"]
    assert seen == f"我的卡6222********0123，回单{receipt}，案件{case_no}"
    mine = (await desk(stack, "GET", "/queue")).json()["mine"]
    assert [each["last_text"] for each in mine] == [seen]


async def test_a_borrower_rates_the_help_of_a_human_once(stack: Stack) -> None:
    sender, token, conversation = await served(stack)

    async def rate(**body: Any) -> httpx.Response:
        return await stack.client.post("/chat/rating", json={"sender": sender, **body}, headers=bearer(token))

    assert refusal(await rate(handoff_id=1, score=5)) == (404, "nothing_to_rate"), "still being served"
    await desk(stack, "POST", f"/conversations/{conversation}/give-back")
    cards = [message.get("custom") for message in (await stack.read(sender, token))["messages"]]
    asked = next(card for card in cards if card and card["type"] == "rating")
    assert (await rate(handoff_id=asked["handoff_id"], score=4, comment="快")).status_code == 204
    assert (await rate(handoff_id=asked["handoff_id"], score=4, comment="快")).status_code == 204
    assert refusal(await rate(handoff_id=asked["handoff_id"], score=1)) == (409, "already_rated")
    assert refusal(await rate(handoff_id=999, score=1)) == (404, "nothing_to_rate")
    assert (await rate(handoff_id=asked["handoff_id"], score=6)).status_code == 422
    board = (await desk(stack, "GET", "/board", "S2101")).json()
    assert {each["agent_id"]: each["score_tenths"] for each in board["agents"]}["A2001"] == 40
    (comment,) = board["comments"]
    assert (comment["conversation_id"], comment["name"], comment["score"], comment["comment"]) == (conversation, "小林", 4, "快")


async def test_nobody_rates_the_help_that_another_got(stack: Stack) -> None:
    _sender, _token, conversation = await served(stack)
    await desk(stack, "POST", f"/conversations/{conversation}/give-back")
    other, other_token = await stack.visitor()
    await stack.say("一", sender=other, token=other_token)
    body = {"sender": other, "handoff_id": 1, "score": 1}
    assert refusal(await stack.client.post("/chat/rating", json=body, headers=bearer(other_token))) == (404, "nothing_to_rate")


async def test_search_shows_only_what_the_agent_may_see(stack: Stack) -> None:
    _, _, mine = await served(stack, "退款怎么还没到")
    token = stack.customer_token("C1001")
    await stack.say("退款退款%_\\", token=token)
    found = (await desk(stack, "GET", "/search?q=退款")).json()
    assert [item["conversation_id"] for item in found["messages"]] == [mine]
    everything = (await desk(stack, "GET", "/search?q=退款", "S2101")).json()
    assert len(everything["messages"]) == 2
    literal = (await desk(stack, "GET", "/search", "S2101", params={"q": "%_\\"})).json()
    assert len(literal["messages"]) == 1, "wildcards are words like any other"
    by_phone = (await desk(stack, "GET", "/search?q=13900001001", "S2101")).json()
    assert [item["customer_id"] for item in by_phone["conversations"]] == ["C1001"]
    assert (await desk(stack, "GET", "/search?q=1390000", "S2101")).json()["conversations"] == []


async def test_search_finds_the_agents_own_conversation_however_often_others_say_the_same(stack: Stack) -> None:
    _, _, mine = await served(stack, "退款怎么还没到")
    token = stack.customer_token("C1001")
    await stack.say("退款", token=token)
    with stack.database.transaction() as session:
        rows = [{"direction": "in", "author": "borrower", "text": f"退款{n}", "state": "answered"} for n in range(300)]
        book = ConversationRepository(session)
        book.append_all(stack.conversation(customer_id="C1001").id, stack.clock.now(), rows)
        for n in range(60):
            book.create("rest", f"u-{n}", "C1002", stack.clock.now() + timedelta(minutes=n))
        old = book.create("rest", "seen", "C1002", stack.clock.now() - timedelta(days=9))
        old.owner, old.agent_id, seen = "agent", "A2001", old.id
    found = (await desk(stack, "GET", "/search?q=退款")).json()
    assert [item["conversation_id"] for item in found["messages"]] == [mine]
    of_customer = (await desk(stack, "GET", "/search?q=C1002")).json()
    assert [item["conversation_id"] for item in of_customer["conversations"]] == [seen]


async def test_search_finds_exactly_what_the_agent_can_open(stack: Stack) -> None:
    await served(stack, "退款一")
    await served(stack, "退款二", agent_id="A2002")
    for number, text in enumerate(("退款三", "退款四", "退款五")):
        await stack.say(text, sender=f"u-{number}")
    stack.request_human(stack.conversation("u-0").id)
    with stack.database.transaction() as session:  # asked for at night: the bot keeps it, and every agent sees it
        offline = HandoffRequest(
            conversation_id=stack.conversation("u-1").id, reason="asked", priority=0, state="queued", offline=True
        )
        offline.requested_at = stack.clock.now()
        session.add(offline)
    for agent_id in ("A2001", "A2002", "S2101"):
        found = (await desk(stack, "GET", "/search?q=退款", agent_id)).json()["messages"]
        texts = {item["text"] for item in found}
        everybodys = (await desk(stack, "GET", "/search?q=退款", "S2101")).json()["messages"]
        paths = {item["text"]: f"/conversations/{item['conversation_id']}" for item in everybodys}
        can_open = {text for text, path in paths.items() if (await desk(stack, "GET", path, agent_id)).status_code == 200}
        assert texts == can_open, agent_id
    assert len(texts) == 5


async def test_the_board_counts_what_happened(stack: Stack) -> None:
    _sender, _token, conversation = await served(stack, "一")
    await stack.say("二", sender="u-2")
    await desk(stack, "POST", f"/conversations/{conversation}/reply", json={"text": "在的"})
    await stack.say("三", sender="u-3")
    stack.request_human(stack.conversation("u-3").id)
    stack.clock.advance(seconds=90)
    assert refusal(await desk(stack, "GET", "/board", "A2001")) == (403, "role_not_allowed")
    board = (await desk(stack, "GET", "/board", "S2101")).json()
    assert board["waiting"] == {"count": 1, "longest_seconds": 90, "median_seconds": 90}
    assert {each["agent_id"]: (each["load"], each["served_today"]) for each in board["agents"]}["A2001"] == (1, 1)
    assert board["today"][-1] == {"hour": 10, "messages": 3, "handoffs": 2}
    assert board["understanding"]["answered_by_bot"] == 3
    assert board["understanding"]["answered_by_people"] == 1
    assert board["understanding"]["bot_share_percent"] == 75
    assert board["deadlines"] == {"open": 0, "soon": 0, "overdue": 0}


async def test_dead_letters_are_listed_and_tried_again(stack: Stack) -> None:
    with stack.database.transaction() as session:
        Notifications(session, stack.clock).tell("no_text", {}, key="k", customer_id="C1001")
        row = session.query(NotificationRow).one()
        row.state, row.failure, row.attempts = "failed", "sms_failed", 8
    letters = (await desk(stack, "GET", "/dead-letters", "S2101")).json()["letters"]
    assert [(each["key"], each["failure"], each["attempts"]) for each in letters] == [("k", "sms_failed", 8)]
    assert refusal(await desk(stack, "POST", "/dead-letters/1/retry", "A2001")) == (403, "role_not_allowed")
    assert (await desk(stack, "POST", f"/dead-letters/{letters[0]['number']}/retry", "S2101")).status_code == 204
    assert (await desk(stack, "GET", "/dead-letters", "S2101")).json()["letters"] == []
    assert refusal(await desk(stack, "POST", "/dead-letters/99/retry", "S2101")) == (404, "dead_letter_not_found")


@pytest.mark.parametrize("path", ["/board", "/misunderstandings", "/dead-letters", "/search?q=x", "/intents", "/colleagues"])
async def test_nobody_reads_the_desk_without_logging_in(stack: Stack, path: str) -> None:
    assert refusal(await stack.client.get(f"/desk/api{path}")) == (401, "token_required")
    customer = bearer(stack.customer_token())
    assert refusal(await stack.client.get(f"/desk/api{path}", headers=customer)) == (401, "token_invalid")
