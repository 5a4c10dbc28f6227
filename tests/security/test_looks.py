"""What agents see of cases leaves an entry, with the commit or not at all, and what they were refused leaves none (issue 8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from bot.audit.models import AuditEntryRow
from bot.cases.service import CaseService
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.loans.service import SqlLoanBackend
from tests.attachments import files
from tests.gateway import FakeRasa, Stack, bearer, running

LOOKS = ("case.viewed", "case.number_revealed", "attachment.viewed", "remediation.viewed", "remediation.downloaded")
PHONE = "13900009999"


@dataclass(frozen=True)
class World:
    """A case of somebody anonymous that A2001 owns, and a file of a conversation that waits for nobody."""

    stack: Stack
    case_no: str
    file: str

    @property
    def case(self) -> str:
        return f"/desk/api/cases/{self.case_no}"

    async def status(self, path: str, headers: dict[str, str]) -> int:
        return (await self.stack.client.get(path, headers=headers)).status_code

    def looks(self) -> list[AuditEntryRow]:
        with self.stack.database.transaction() as session:
            return list(session.scalars(select(AuditEntryRow).where(AuditEntryRow.action.in_(LOOKS))))


@pytest.fixture
async def world(gateway_settings: Settings, process_logging: None) -> AsyncIterator[World]:
    async with running(gateway_settings, FixedClock(), FakeRasa()) as stack:
        with stack.database.transaction() as session:
            cases = CaseService(session, stack.clock, SqlLoanBackend(session, stack.clock))
            case_no = cases.open_complaint(
                customer_id=None,
                conversation_id="v",
                channel="rest",
                story="我叫张三，你们打我家人电话骚扰",
                callback_phone=PHONE,
                key="k",
            ).case.case_no
        await stack.client.post(
            f"/desk/api/cases/{case_no}/assign", json={"owner": "A2001"}, headers={**stack.agent("A2001"), "Idempotency-Key": "a"}
        )
        owner = stack.customer_token("C1001")
        await stack.say("我的欠款", sender="u-1", token=owner)
        sent = await stack.client.post(
            "/chat/attachments", params={"sender": "u-1"}, content=files.image(), headers=bearer(owner)
        )
        yield World(stack, case_no, sent.json()["attachment_id"])


async def test_what_was_refused_leaves_no_entry(world: World) -> None:
    stack = world.stack
    agent, other, customer = stack.agent("A2001"), stack.agent("A2002"), bearer(stack.customer_token("C1001"))
    for path, headers, status in (
        (world.case, {}, 401),
        (world.case, customer, 401),
        (f"{world.case}?reveal=true", agent, 400),
        (f"{world.case}?reveal=true&reason=回拨", other, 403),
        ("/desk/api/cases/C-20990101-0001", agent, 404),
        ("/desk/api/cases/C-20990101-0001?reveal=true&reason=回拨", agent, 404),
        (f"/desk/api/attachments/{world.file}", other, 404),
        (f"/desk/api/attachments/{'0' * 32}", agent, 404),
        ("/desk/api/remediation/runs/MR-20990101-01/preview.csv", stack.agent("S2101"), 404),
        ("/desk/api/remediation/runs/MR-20990101-01/items", stack.agent("S2101"), 404),
        ("/desk/api/remediation/runs/MR-20990101-01/preview.csv", agent, 403),
    ):
        assert await world.status(path, headers) == status, path
    assert world.looks() == []


async def test_what_was_shown_leaves_who_what_why_and_neither_number_nor_story(world: World) -> None:
    agent = world.stack.agent("A2001")
    response = await world.stack.client.get(f"{world.case}?reveal=true&reason=回拨{PHONE}", headers=agent)
    assert response.json()["callback_phone"] == f"+86{PHONE}"
    found = {row.action: row for row in world.looks()}
    assert set(found) == {"case.viewed", "case.number_revealed"}
    revealed = found["case.number_revealed"]
    assert (revealed.actor_id, revealed.case_no, revealed.channel) == ("A2001", world.case_no, "desk")
    assert revealed.reason == "回拨139****9999"
    assert revealed.request_id == response.headers["X-Request-ID"]
    kept = str([(row.reason, row.details) for row in found.values()])
    assert PHONE not in kept
    assert "张三" not in kept


async def test_a_file_of_a_conversation_is_told_with_its_customer(world: World) -> None:
    assert await world.status(f"/desk/api/attachments/{world.file}", world.stack.agent("S2101")) == 200
    (look,) = world.looks()
    assert (look.action, look.actor_id, look.customer_id, look.case_no) == ("attachment.viewed", "S2101", "C1001", None)
    assert look.conversation_id == world.stack.conversation("u-1", "C1001").id
    assert look.details == {"attachment": world.file}


async def test_nothing_is_shown_when_the_entry_cannot_be_kept(world: World) -> None:
    """The look and its entry are one transaction: without a trail there is no look."""
    keys = world.stack.database.session_info.pop("audit.keys")
    try:
        for path in (f"{world.case}?reveal=true&reason=回拨", f"/desk/api/attachments/{world.file}"):
            response = await world.stack.client.get(path, headers=world.stack.agent("S2101" if "attach" in path else "A2001"))
            assert response.status_code == 500
            assert PHONE not in response.text
    finally:
        world.stack.database.session_info["audit.keys"] = keys
    assert world.looks() == []
