"""A picture from a messaging platform: who may not see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.settings import Settings
from tests.attachments import files
from tests.channels.media_platforms import Platform, on
from tests.gateway import bearer
from tests.security.requests import UNKNOWN


@pytest.fixture
async def platform(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Platform]:
    async with on("dingtalk", gateway_settings) as there:
        yield there


async def read(platform: Platform, attachment_id: str, headers: dict[str, str], prefix: str = "/chat") -> tuple[int, bytes]:
    response = await platform.stack.client.get(f"{prefix}/attachments/{attachment_id}", headers=headers)
    return response.status_code, response.content


async def test_a_picture_of_a_bound_customer_is_nobody_elses(platform: Platform) -> None:
    platform.bind("C1002")
    platform.open_case("C1001")
    case_no = platform.open_case("C1002")
    await platform.send(files.photo())
    await platform.settled()
    (row,) = platform.attachments()
    assert platform.facts(case_no) == [{"id": row.attachment_id, "media_type": "image/jpeg", "size": row.size}]
    client, other = platform.stack.client, bearer(platform.stack.customer_token("C1001"))
    nothing = await read(platform, UNKNOWN["attachment_id"], other)
    assert nothing[0] == 404
    assert await read(platform, row.attachment_id, other) == nothing
    assert (await client.get(f"/chat/cases/{case_no}", headers=other)).status_code == 404
    assert (await client.get(f"/chat/attachments/{row.attachment_id}")).status_code == 401
    assert (await read(platform, row.attachment_id, bearer(platform.stack.customer_token("C1002"))))[0] == 200


async def test_a_case_of_somebody_else_never_gets_the_picture(platform: Platform) -> None:
    case_no = platform.open_case("C1001")
    await platform.send(files.photo())
    await platform.settled()
    platform.bind("C1002")
    await platform.send(files.photo())
    await platform.settled(2)
    assert platform.facts(case_no) == []
    assert [row.case_id for row in platform.attachments()] == [None, None]


async def test_a_visitor_of_the_widget_who_is_called_like_the_account_sees_nothing(platform: Platform) -> None:
    """An account's name is not ours to give: a company may choose one that looks like a sender of the widget."""
    await platform.send(files.photo())
    await platform.settled()
    (row,) = platform.attachments()
    visitor = bearer(platform.stack.runtime.tokens.issue("visitor", platform.sender, lifetime=timedelta(hours=1)))
    nothing = await read(platform, UNKNOWN["attachment_id"], visitor)
    assert nothing[0] == 404
    assert await read(platform, row.attachment_id, visitor) == nothing


async def test_an_agent_who_may_not_see_the_conversation_may_not_see_the_picture(platform: Platform) -> None:
    stack = platform.stack
    await platform.send(files.photo())
    await platform.settled()
    (row,) = platform.attachments()
    conversation_id = stack.conversation(platform.sender).id
    stack.request_human(conversation_id)
    claimed = await stack.client.post(f"/desk/api/conversations/{conversation_id}/claim", headers=stack.agent())
    assert claimed.status_code == 200
    assert (await read(platform, row.attachment_id, stack.agent(), "/desk/api"))[0] == 200
    other = stack.agent("A2002")
    assert await read(platform, row.attachment_id, other, "/desk/api") == await read(
        platform, UNKNOWN["attachment_id"], other, "/desk/api"
    )
