"""Pictures and files on every platform that has them: fetched over real HTTP, kept as evidence, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.channels import json_calls
from bot.channels.wecom import fetching
from bot.conversations.inbox.media import MEDIUM_TRIES
from bot.core.settings import Settings
from tests.attachments import files
from tests.channels.media_platforms import PLATFORMS, Platform, on
from tests.gateway import bearer, until
from tests.media import MISBEHAVIOURS


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(fetching, "PAUSES", (0.02,))
    monkeypatch.setattr(json_calls, "FILE_SECONDS", 0.2)


@pytest.fixture(params=PLATFORMS)
async def platform(request: pytest.FixtureRequest, gateway_settings: Settings, process_logging: None) -> AsyncIterator[Platform]:
    async with on(request.param, gateway_settings) as there:
        yield there


# ── where it goes
@pytest.mark.parametrize("kind", ["image", "file"])
async def test_the_only_open_case_gets_it(platform: Platform, kind: str) -> None:
    platform.bind()
    case_no = platform.open_case()
    await platform.send(files.photo() if kind == "image" else files.pdf(), kind=kind)
    (said,) = await platform.settled()
    assert said.startswith(f"{'图片' if kind == 'image' else '文件'}收到了，已放进{case_no}")
    (row,) = platform.attachments()
    assert (row.customer_id, row.media_type) == ("C1002", "image/jpeg" if kind == "image" else "application/pdf")
    assert [fact["id"] for fact in platform.facts(case_no)] == [row.attachment_id]
    assert platform.stack.rasa.asked == []
    token = bearer(platform.stack.customer_token("C1002"))
    listed = (await platform.stack.client.get(f"/chat/cases/{case_no}", headers=token)).json()["attachments"]
    assert [each["attachment_id"] for each in listed] == [row.attachment_id]
    read = await platform.stack.client.get(f"/chat/attachments/{row.attachment_id}", headers=token)
    assert read.status_code == 200
    assert b"CameraMaker" not in read.content


@pytest.mark.parametrize(
    ("bound", "cases", "begins"),
    [
        (False, 0, "图片收到了，存在这段对话里。要作为投诉或争议的凭证，请先回复“绑定手机”"),
        (True, 0, "图片收到了，存在这段对话里。我（自动客服）看不懂"),
        (True, 2, "图片收到了，存在这段对话里，还没有放进哪一件"),
    ],
)
async def test_without_one_case_it_stays_in_the_conversation(platform: Platform, bound: bool, cases: int, begins: str) -> None:
    if bound:
        platform.bind()
    numbers = [platform.open_case(second=bool(number)) for number in range(cases)]
    await platform.send(files.photo())
    (said,) = await platform.settled()
    assert said.startswith(begins)
    assert len(set(numbers)) == cases
    assert all(number in said.replace("\\", "") for number in numbers)  # DingTalk's cards are Markdown
    (row,) = platform.attachments()
    assert (row.case_id, row.customer_id) == (None, "C1002" if bound else None)
    assert row.conversation_id == platform.stack.conversation(platform.sender, "C1002" if bound else "").id


async def test_the_desk_sees_it_and_the_bot_is_silent_while_an_agent_has_the_conversation(platform: Platform) -> None:
    stack, agent = platform.stack, platform.stack.agent()
    await platform.words("在吗")
    await platform.settled()
    conversation_id = stack.conversation(platform.sender).id
    stack.request_human(conversation_id)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    before = list(await platform.settled(3))
    await platform.send(files.photo())
    await until(lambda: bool(platform.attachments()), 20)
    await platform.send(None)
    await until(lambda: len(platform.incoming()) == 3, 20)
    assert await platform.settled(3) == before
    (row,) = platform.attachments()
    assert [message.text for message in platform.incoming()] == ["在吗", None, "[图片]（没有收下）"]
    listed = (await stack.client.get(f"{base}/attachments", headers=agent)).json()
    assert [each["attachment_id"] for each in listed] == [row.attachment_id]
    assert (await stack.client.get(f"/desk/api/attachments/{row.attachment_id}", headers=agent)).status_code == 200
    assert (await stack.client.get(f"/desk/api/attachments/{row.attachment_id}", headers=stack.agent("A2002"))).status_code == 404
    shown = (await stack.client.get(base, headers=agent)).json()
    assert row.attachment_id in str(shown)


# ── once
async def test_fifty_deliveries_are_one_attachment_and_one_answer(platform: Platform) -> None:
    platform.bind()
    case_no = platform.open_case()
    message = await platform.send(files.photo(), times=25)
    await platform.settled()
    for _ in range(25):
        await platform.deliver(message)
    await platform.words("好了吗")
    said = await platform.settled(2)
    assert len(said) == 2
    assert len(platform.attachments()) == platform.files() == len(platform.facts(case_no)) == 1
    assert len(platform.shelf.asked) == 1


# ── a platform that misbehaves
@pytest.mark.parametrize("how", sorted(set(MISBEHAVIOURS) - {"error", "large", "endless"}))
async def test_what_passes_is_overcome(platform: Platform, how: str) -> None:
    platform.shelf.how.append(how)
    await platform.send(files.photo())
    assert (await platform.settled())[0].startswith("图片收到了")
    assert len(platform.attachments()) == platform.files() == 1
    assert len(platform.shelf.asked) == 2
    assert platform.shelf.strayed == [], "nobody is sent elsewhere by a redirect"


@pytest.mark.parametrize("how", MISBEHAVIOURS)
async def test_what_lasts_is_told_and_nothing_is_kept(platform: Platform, how: str) -> None:
    """In half a minute of the clock at most; what the borrower writes behind it is then answered."""
    platform.shelf.how.extend([how] * MEDIUM_TRIES)
    began = platform.stack.clock.now()
    await platform.send(files.photo())
    (said,) = await platform.settled()
    assert ("太大了" if how in ("large", "endless") else "没有传到我们这里") in said
    # that a file is refused at DingTalk's address may mean that the address is stale: another is asked for
    at_once = how in ("large", "endless") or (how == "error" and platform.name != "dingtalk")
    assert len(platform.shelf.asked) == (1 if at_once else MEDIUM_TRIES)
    assert platform.stack.clock.now() - began < timedelta(minutes=5)
    assert (platform.attachments(), platform.files()) == ([], 0)
    assert [message.text for message in platform.incoming()] == ["[图片]（没有收下）"]
    assert platform.shelf.strayed == []
    await platform.words("那算了")
    assert (await platform.settled(2))[1] == "听到：那算了"


async def test_a_file_that_the_platform_does_not_have_any_more_is_told_at_once(platform: Platform) -> None:
    await platform.send(None)
    (said,) = await platform.settled()
    assert said.startswith("您发的图片没有传到我们这里")
    assert len(platform.shelf.asked) == 1


async def test_the_media_type_is_not_believed(platform: Platform) -> None:
    platform.shelf.how.append("odd_type")
    await platform.send(files.photo())
    assert (await platform.settled())[0].startswith("图片收到了")
    (row,) = platform.attachments()
    assert row.media_type == "image/jpeg"
