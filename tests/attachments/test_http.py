"""Files over HTTP: who may send and read them, and what is left behind when an upload does not end well."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from bot.attachments.cleanup import FOLDERS_A_ROUND, StrayFiles
from bot.attachments.models import AttachmentRow
from bot.attachments.storage import FOLDERS, STRAY_SECONDS, Storage
from bot.cases.handling import CaseHandling
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.desk.worker import DeskWorker
from bot.loans.service import SqlLoanBackend
from bot.notifications.models import NotificationRow
from tests.attachments import files
from tests.gateway import Stack, bearer

STORY = "催收员每天早上六点给我妈妈打电话，还骂人"


async def send(stack: Stack, data: bytes, token: str | None, *, sender: str = "u-1", **query: Any) -> httpx.Response:
    return await stack.client.post("/chat/attachments", params={"sender": sender, **query}, content=data, headers=bearer(token))


async def fetch(stack: Stack, attachment_id: str, headers: dict[str, str], prefix: str = "/chat") -> httpx.Response:
    return await stack.client.get(f"{prefix}/attachments/{attachment_id}", headers=headers)


def stored(stack: Stack) -> list[Path]:
    return [path for path in stack.settings.attachments_dir.rglob("*") if path.is_file()]


def rows(stack: Stack) -> int:
    with stack.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(AttachmentRow)) or 0


def open_case(stack: Stack, customer_id: str | None = "C1002", conversation: str = "elsewhere") -> str:
    with stack.database.transaction() as session:
        cases = CaseService(session, stack.clock, SqlLoanBackend(session, stack.clock))
        opened = cases.open_complaint(
            customer_id=customer_id,
            conversation_id=conversation,
            channel="wechat",
            story=STORY,
            callback_phone=None if customer_id else "13900001002",
            key=f"{customer_id}:{conversation}",
        )
        return opened.case.case_no


async def test_a_customer_sends_a_picture_and_reads_it_again(stack: Stack) -> None:
    token = stack.customer_token()
    response = await send(stack, files.photo(), token)
    assert response.status_code == 201, response.text
    sent = response.json()
    assert (sent["media_type"], sent["uploaded_by"], sent["case_no"]) == ("image/jpeg", "borrower", None)
    page = await stack.read("u-1", token)
    assert page["messages"][0]["custom"]["attachment_id"] == sent["attachment_id"]
    assert page["messages"][0]["author"] == "borrower"
    back = await fetch(stack, sent["attachment_id"], bearer(token))
    assert (back.status_code, len(back.content)) == (200, sent["size"])
    assert b"CameraMaker" not in back.content
    assert (
        dict(back.headers).items()
        >= {
            "content-type": "image/jpeg",
            "content-disposition": f'inline; filename="{sent["attachment_id"]}.jpg"',
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "cache-control": "private, no-store",
        }.items()
    )


async def test_a_pdf_is_saved_and_never_shown_inside_our_site(stack: Stack) -> None:
    token = stack.customer_token()
    document = files.pdf()
    sent = (await send(stack, document, token)).json()
    back = await fetch(stack, sent["attachment_id"], bearer(token))
    assert back.headers["content-disposition"].startswith("attachment; ")
    assert back.content == document


async def test_a_visitor_sends_and_reads_and_goes_on_after_logging_in(stack: Stack) -> None:
    sender, visitor = await stack.visitor()
    sent = (await send(stack, files.image(), visitor, sender=sender)).json()
    assert (await fetch(stack, sent["attachment_id"], bearer(visitor))).status_code == 200
    token = stack.customer_token()
    assert (await fetch(stack, sent["attachment_id"], bearer(token))).status_code == 404
    await stack.say("你好", sender=sender, token=token, visitor_token=visitor)
    assert (await fetch(stack, sent["attachment_id"], bearer(token))).status_code == 200
    assert (await fetch(stack, sent["attachment_id"], bearer(visitor))).status_code == 404


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "attachment_empty"),
        (files.HTML, 400, "attachment_type_not_allowed"),
        (files.SVG, 400, "attachment_type_not_allowed"),
        (files.photo()[:-30], 400, "attachment_unreadable"),
        (files.pdf() + files.archive(), 400, "attachment_unsafe"),
        (files.png_bomb(60000, 60000), 400, "picture_too_large"),
    ],
)
async def test_a_refused_file_leaves_nothing(stack: Stack, data: bytes, status: int, code: str) -> None:
    response = await send(stack, data, stack.customer_token())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert stored(stack) == []
    assert rows(stack) == 0


async def test_one_byte_too_many_is_413_whether_or_not_it_is_declared(stack: Stack) -> None:
    token, most = stack.customer_token(), stack.settings.attachment_max_bytes

    async def pieces() -> Any:
        for _ in range(most // 65536 + 1):
            yield b"\x00" * 65536

    declared = await send(stack, b"\x00" * (most + 1), token)
    response = await stack.client.post("/chat/attachments", params={"sender": "u-1"}, content=pieces(), headers=bearer(token))
    for refused in (declared, response):
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "payload_too_large")
    small = await stack.client.post("/webhooks/rest/webhook", content=b" " * 70000, headers=bearer(token))
    assert small.status_code == 413, "other routes keep their limit"


async def test_nobody_sends_without_a_token(stack: Stack) -> None:
    sender, visitor = await stack.visitor()
    for token, who, code in (
        (None, "u-1", "token_required"),
        (None, sender, "token_required"),
        ("x.y.z", "u-1", "token_invalid"),
        (visitor, "u-1", "sender_mismatch"),
    ):
        response = await send(stack, files.image(), token, sender=who)
        assert response.json()["error"]["code"] == code
    assert stored(stack) == []


async def test_a_foreign_file_is_as_unknown_as_one_that_is_not_there(stack: Stack) -> None:
    sent = (await send(stack, files.image(), stack.customer_token("C1002"))).json()
    _, visitor = await stack.visitor()
    answers = []
    for token in (stack.customer_token("C1001"), visitor):
        for attachment_id in (sent["attachment_id"], "0" * 32, "x", "0" * 500):
            response = await fetch(stack, attachment_id, bearer(token))
            answers.append((response.status_code, response.json()))
    assert {status for status, _ in answers} == {404}
    assert all(body == answers[0][1] for _, body in answers)


@pytest.mark.parametrize("attachment_id", ["..%2f..%2fsecret.key", "%2e%2e", "a%00b", "...", "ab/../../secret.key"])
async def test_no_name_becomes_a_path(stack: Stack, attachment_id: str) -> None:
    for prefix, headers in (("/chat", bearer(stack.customer_token())), ("/desk/api", stack.agent())):
        assert (await fetch(stack, attachment_id, headers, prefix)).status_code == 404
    with pytest.raises(ValueError, match="not an attachment id"):
        Storage(stack.settings.attachments_dir).path("../" + "0" * 29)


async def test_a_conversation_takes_only_so_many(stack: Stack) -> None:
    token = stack.customer_token()
    most = stack.settings.attachments_per_conversation
    for number in range(most):
        assert (await send(stack, files.image(size=(1, number + 1)), token)).status_code == 201
    response = await send(stack, files.image(), token)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "too_many_attachments")
    assert len(stored(stack)) == rows(stack) == most


async def test_a_retry_gives_the_first_answer(stack: Stack) -> None:
    token = stack.customer_token()
    first = await send(stack, files.image(), token, message_id="m-1")
    assert (await send(stack, files.image(), token, message_id="m-1")).json() == first.json()
    assert len(stored(stack)) == rows(stack) == 1
    await stack.say("你好", token=token, message_id="m-2")
    response = await send(stack, files.image(), token, message_id="m-2")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "message_id_reused")


async def test_a_file_for_a_case_is_a_fact_of_it_also_from_another_channel(stack: Stack) -> None:
    case_no = open_case(stack)
    with stack.database.transaction() as session:
        handling = CaseHandling(session, stack.clock, SqlLoanBackend(session, stack.clock))
        handling.ask_borrower(case_no, Actor("agent", "A2001"), "有截图吗？")
    stack.clock.advance(days=1)
    token = stack.customer_token()
    sent = (await send(stack, files.image(), token, case_no=case_no)).json()
    assert sent["case_no"] == case_no
    shown = (await stack.client.get(f"/chat/cases/{case_no}", headers=bearer(token))).json()
    assert (shown["case"]["status"], shown["case"]["decide_by"]) == ("investigating", "2026-09-06")
    assert shown["events"][-1]["data"]["attachment"]["id"] == sent["attachment_id"]
    assert [item["attachment_id"] for item in shown["attachments"]] == [sent["attachment_id"]]


async def test_a_case_takes_only_fifty_files_whoever_sends_them_and_from_wherever(stack: Stack) -> None:
    """A conversation takes fewer, so a borrower fills a case from several; an agent's files count too."""
    case_no, token, most = open_case(stack), stack.customer_token(), stack.settings.attachments_per_case
    assert most == 50

    async def from_desk() -> httpx.Response:
        url, query = f"/desk/api/cases/{case_no}/attachments", {"audience": "internal"}
        return await stack.client.post(url, params=query, content=files.pdf(), headers=stack.agent())

    for number in range(most - 1):
        sender = f"u-{number // 10}"
        response = await send(stack, files.image(size=(1, number + 1)), token, sender=sender, case_no=case_no)
        assert response.status_code == 201, response.text
    assert (await from_desk()).status_code == 201
    refused = {"code": "too_many_attachments", "message": "no more files here", "details": {"most": most}}
    for response in (await send(stack, files.image(), token, sender="u-9", case_no=case_no), await from_desk()):
        assert (response.status_code, response.json()["error"]) == (409, refused)
    assert len(stored(stack)) == rows(stack) == most, "what was refused leaves nothing"


async def test_a_file_for_a_foreign_or_closed_case_is_refused_before_it_is_read(stack: Stack) -> None:
    case_no = open_case(stack)
    foreign = await send(stack, files.image(), stack.customer_token("C1001"), case_no=case_no)
    unknown = await send(stack, files.image(), stack.customer_token("C1001"), case_no="C-20260822-9999")
    assert foreign.status_code == 404
    assert foreign.json() == unknown.json()
    with stack.database.transaction() as session:
        loans = SqlLoanBackend(session, stack.clock)
        CaseService(session, stack.clock, loans).withdraw(customer_id="C1002", case_no=case_no, key="w")
    over = await send(stack, files.image(), stack.customer_token(), case_no=case_no)
    assert (over.status_code, over.json()["error"]["code"]) == (409, "case_over")
    assert stored(stack) == []


async def test_a_visitor_adds_to_the_anonymous_case_of_this_conversation_only(stack: Stack) -> None:
    sender, visitor = await stack.visitor()
    await send(stack, files.image(), visitor, sender=sender)
    mine = open_case(stack, None, stack.conversation(sender).id)
    other = open_case(stack, None, "another")
    assert (await send(stack, files.image(), visitor, sender=sender, case_no=mine)).status_code == 201
    assert (await send(stack, files.image(), visitor, sender=sender, case_no=other)).status_code == 404


async def test_an_agents_file_reaches_the_borrower_only_when_it_is_meant_to(stack: Stack) -> None:
    case_no, token = open_case(stack), bearer(stack.customer_token())
    made = {}
    for audience in ("internal", "borrower"):
        response = await stack.client.post(
            f"/desk/api/cases/{case_no}/attachments",
            params={"audience": audience},
            content=files.pdf(),
            headers=stack.agent(),
        )
        assert response.status_code == 201, response.text
        made[audience] = response.json()["attachment_id"]
    with stack.database.transaction() as session:
        told = [row.text_key for row in session.scalars(select(NotificationRow)) if row.case_no == case_no]
    assert told == ["case_file_added"]  # not an empty word of the agent
    without = await stack.client.post(f"/desk/api/cases/{case_no}/attachments", content=files.pdf(), headers=stack.agent())
    assert without.status_code == 422
    assert [(await fetch(stack, made[name], token)).status_code for name in ("internal", "borrower")] == [404, 200]
    shown = (await stack.client.get(f"/chat/cases/{case_no}", headers=token)).json()
    assert [item["attachment_id"] for item in shown["attachments"]] == [made["borrower"]]
    for attachment_id in made.values():
        assert (await fetch(stack, attachment_id, stack.agent("A2002"), "/desk/api")).status_code == 200


async def test_agents_read_files_of_conversations_that_they_may_see(stack: Stack) -> None:
    sent = (await send(stack, files.image(), stack.customer_token())).json()
    conversation_id = stack.conversation(customer_id="C1002").id
    listing = f"/desk/api/conversations/{conversation_id}/attachments"
    assert (await fetch(stack, sent["attachment_id"], stack.agent(), "/desk/api")).status_code == 404
    assert (await stack.client.get(listing, headers=stack.agent())).status_code == 404
    assert (await fetch(stack, sent["attachment_id"], stack.agent("S2101"), "/desk/api")).status_code == 200
    stack.request_human(conversation_id)
    assert (await fetch(stack, sent["attachment_id"], stack.agent(), "/desk/api")).status_code == 200
    listed = (await stack.client.get(listing, headers=stack.agent())).json()
    assert [item["attachment_id"] for item in listed] == [sent["attachment_id"]]


async def test_a_file_waits_for_the_agent_like_any_message(stack: Stack) -> None:
    token = stack.customer_token()
    await stack.say("转人工", token=token)
    conversation_id = stack.conversation(customer_id="C1002").id
    stack.request_human(conversation_id)
    path = f"/desk/api/conversations/{conversation_id}"
    await stack.client.post(f"{path}/claim", headers=stack.agent())
    await stack.client.post(f"{path}/reply", json={"text": "请发截图"}, headers=stack.agent())
    stack.clock.advance(seconds=1)
    assert (await send(stack, files.image(), token)).status_code == 201
    stack.clock.advance(minutes=5)
    assert DeskWorker(stack.database, stack.clock, stack.settings, stack.runtime.texts).round()["taken_back"] == 1


class Killed(BaseException):
    """The process ends here."""


async def test_a_kill_between_file_and_row_leaves_a_stray_that_is_removed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    token = stack.customer_token()
    kept = (await send(stack, files.image(), token)).json()

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("bot.attachments.service.AttachmentRepository.add", die)
        with pytest.raises(BaseException):  # noqa: B017, PT011 the client sees its own kind of a broken connection
            await send(stack, files.image(), token)
    assert (rows(stack), len(stored(stack))) == (1, 2)
    job = StrayFiles(stack.database, stack.settings.attachments_dir)

    def sweep() -> int:
        return sum(job.round()["removed"] for _ in range(FOLDERS // FOLDERS_A_ROUND))

    assert sweep() == 0, "an upload may still be under way"
    old = time.time() - STRAY_SECONDS - 60
    for path in stored(stack):
        os.utime(path, (old, old))
    half = stack.settings.attachments_dir / "aa" / ("a" * 32 + ".part")
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    os.utime(half, (old, old))
    assert sweep() == 2
    assert [path.name for path in stored(stack)] == [kept["attachment_id"]]
    assert (await fetch(stack, kept["attachment_id"], bearer(token))).status_code == 200


async def test_a_file_that_somebody_changed_or_took_is_not_served(stack: Stack) -> None:
    token = stack.customer_token()
    sent = (await send(stack, files.image(), token)).json()
    path = Storage(stack.settings.attachments_dir).path(sent["attachment_id"])
    path.write_bytes(files.HTML)
    for _ in range(2):
        response = await fetch(stack, sent["attachment_id"], bearer(token))
        assert (response.status_code, response.json()["error"]["code"]) == (500, "attachment_lost")
        path.unlink(missing_ok=True)


async def test_an_agents_token_is_no_borrowers_and_the_other_way_round(stack: Stack) -> None:
    sent = (await send(stack, files.image(), stack.customer_token())).json()
    assert (await fetch(stack, sent["attachment_id"], stack.agent("A2001"))).status_code == 401
    assert (await fetch(stack, sent["attachment_id"], bearer(stack.customer_token()), "/desk/api")).status_code == 401
