"""What of a picture or file is not taken, and what may happen around it: limits, groups, pictures among words, links."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable

import pytest

from bot.channels import json_calls
from bot.channels.dingtalk.api import fit_for_download
from bot.channels.wecom import fetching
from bot.core.settings import Settings
from tests.attachments import files
from tests.channels.media_platforms import PLATFORMS, Platform, on
from tests.gateway import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(fetching, "PAUSES", (0.02,))


@pytest.fixture
async def wechat(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Platform]:
    async with on("wechat", gateway_settings) as there:
        yield there


@pytest.fixture
async def dingtalk(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Platform]:
    async with on("dingtalk", gateway_settings) as there:
        yield there


@pytest.fixture
async def feishu(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Platform]:
    async with on("feishu", gateway_settings) as there:
        yield there


# ── content
@pytest.mark.parametrize(
    ("kind", "make", "begins"),
    [
        ("file", lambda: files.HTML, "这种文件我们收不了"),
        ("file", lambda: b"PK\x03\x04 a document", "这种文件我们收不了"),
        ("image", lambda: b"GIF89a;", "这种图片我们收不了"),
        ("image", lambda: b"", "这个图片打不开"),
        ("image", lambda: files.photo()[:-30], "这个图片打不开"),
        ("file", files.pdf_with_script, "这个PDF带有密码、脚本"),
        ("file", files.pdf_with_password, "这个PDF带有密码、脚本"),
        ("image", lambda: files.png_bomb(60000, 60000), "这个图片太大了"),
    ],
)
async def test_what_uploads_are_refused_for_is_refused_in_words(
    wechat: Platform, kind: str, make: Callable[[], bytes], begins: str
) -> None:
    await wechat.send(make(), kind=kind)
    (said,) = await wechat.settled()
    assert said.startswith(begins)
    assert (wechat.attachments(), wechat.files()) == ([], 0)
    assert len(wechat.shelf.asked) == 1, "another try would bring the same"


async def test_a_megabyte_limit_is_named(gateway_settings: Settings, process_logging: None) -> None:
    settings = gateway_settings.model_copy(update={"attachment_max_bytes": 2 * 1024 * 1024})
    async with on("wechat", settings) as there:
        await there.send(b"\xff\xd8" + b"\x00" * 2 * 1024 * 1024)
        assert "最大2MB" in (await there.settled())[0]
        assert there.files() == 0


async def test_a_full_conversation_takes_no_more_and_fetches_nothing(gateway_settings: Settings, process_logging: None) -> None:
    async with on("wechat", gateway_settings.model_copy(update={"attachments_per_conversation": 1})) as there:
        await there.send(files.photo())
        await there.settled()
        await there.send(files.photo())
        assert "已经满了（最多1个）" in (await there.settled(2))[1]
        assert (len(there.attachments()), len(there.shelf.asked)) == (1, 1)


async def test_too_many_in_an_hour_are_refused_and_messages_go_on(gateway_settings: Settings, process_logging: None) -> None:
    async with on("wechat", gateway_settings.model_copy(update={"attachments_per_token_hour": 1})) as there:
        await there.send(files.photo())
        await there.settled()
        await there.send(files.photo())
        assert "请过60分钟再发" in (await there.settled(2))[1]
        await there.words("好吧")
        assert (await there.settled(3))[2] == "听到：好吧"
        assert (len(there.attachments()), len(there.shelf.asked)) == (1, 1)


async def test_an_outage_of_the_platform_counts_once_for_the_borrower(gateway_settings: Settings, process_logging: None) -> None:
    async with on("wechat", gateway_settings.model_copy(update={"attachments_per_token_hour": 1})) as there:
        there.shelf.how.extend(["unavailable", "unavailable"])
        await there.send(files.photo())
        assert (await there.settled())[0].startswith("图片收到了")
        assert (len(there.attachments()), len(there.shelf.asked)) == (1, 3)


# ── the way there
@pytest.mark.parametrize("name", PLATFORMS)
async def test_an_access_token_that_ended_is_renewed(name: str, gateway_settings: Settings, process_logging: None) -> None:
    async with on(name, gateway_settings) as there:
        await there.words("你好")
        await there.settled()
        there.end_token()
        await there.send(files.photo())
        assert (await there.settled(2))[1].startswith("图片收到了")
        assert len(there.attachments()) == 1


async def test_a_slow_platform_holds_up_neither_its_callbacks_nor_other_borrowers(
    gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two places is for pictures; the second picture waits outside."""
    monkeypatch.setattr(json_calls, "FILE_SECONDS", 8.0)
    async with on("wechat", gateway_settings.model_copy(update={"inbox_at_once": 2})) as there:
        there.shelf.how.extend(["slow", "slow"])
        began = time.monotonic()
        await there.send(files.photo())
        await until(lambda: len(there.shelf.asked) == 1, 5)
        fake = there.fake
        fake.opens("o-2", "message")
        there.shelf.files["img_other"] = files.photo()
        await there.deliver(fake.message(MsgType="image", MediaId="img_other", FromUserName="o-2"))
        fake.opens("o-3", "message")
        await there.deliver(fake.message(Content="在吗", FromUserName="o-3"))
        await until(lambda: fake.texts("o-3") == ["听到：在吗"], 5)
        assert time.monotonic() - began < 5
        assert there.shelf.asked == ["img_1"]
        there.shelf.how.clear()
        there.shelf.released.set()
        await there.settled()
        await until(lambda: bool(fake.texts("o-2")), 20)
        assert len(there.attachments()) == 2


# ── in the queue
async def test_who_waits_for_a_person_is_told_by_the_system(wechat: Platform) -> None:
    await wechat.words("转人工")
    await wechat.settled()
    conversation = wechat.stack.conversation("o-1")
    wechat.stack.request_human(conversation.id)
    await wechat.settled(2)
    await wechat.send(files.photo())
    assert (await wechat.settled(3))[2].startswith("图片收到了")
    last = wechat.stack.log(conversation.id)[-1]
    assert (last.author, last.reply_to) == ("system", wechat.incoming()[-1].seq)


# ── groups, and pictures among words
@pytest.mark.parametrize("name", ["feishu", "dingtalk"])
async def test_in_a_group_nothing_is_fetched(name: str, gateway_settings: Settings, process_logging: None) -> None:
    async with on(name, gateway_settings) as there:
        message = there.make("image", "img_1")
        if name == "feishu":
            message["event"]["message"]["chat_type"] = "group"
        else:
            message["conversationType"] = "2"
        there.shelf.files[there.place("img_1")] = files.photo()
        await there.deliver(message)
        await there.words("你好")
        assert await there.settled() == ["听到：你好"]
        assert (there.attachments(), there.shelf.asked) == ([], [])


async def test_pictures_among_the_words_of_dingtalk_are_kept_besides_them(dingtalk: Platform) -> None:
    parts = [{"text": "扣款截图"}, {"downloadCode": "img_a", "type": "picture"}, {"downloadCode": "img_b", "type": "picture"}]
    dingtalk.shelf.files |= {"img_a": files.photo(), "img_b": files.image()}
    message = dingtalk.fake.message() | {"msgtype": "richText", "content": {"richText": parts}}
    for _ in range(2):
        await dingtalk.deliver(message)
    said = await dingtalk.settled(3)
    assert said[0] == "听到：扣款截图"
    assert [row.media_type for row in dingtalk.attachments()] == ["image/jpeg", "image/png"]
    assert len(dingtalk.shelf.asked) == 2


async def test_pictures_within_a_post_of_feishu_are_kept_besides_its_words(feishu: Platform) -> None:
    post = {"title": "", "content": [[{"tag": "text", "text": "扣款截图"}, {"tag": "img", "image_key": "img_a"}]]}
    feishu.shelf.files["om_post/img_a"] = files.photo()
    await feishu.deliver(feishu.fake.message(message_type="post", content=json.dumps(post), message_id="om_post"))
    alone = {"title": "", "content": [[{"tag": "img", "image_key": "img_a"}]]}
    await feishu.deliver(feishu.fake.message(message_type="post", content=json.dumps(alone), message_id="om_post"))
    said = await feishu.settled(3)
    assert said[0] == "听到：扣款截图"
    assert len(feishu.attachments()) == 2


# ── where DingTalk says that a file lies
async def test_the_file_is_asked_for_without_any_credentials(dingtalk: Platform) -> None:
    await dingtalk.send(files.photo())
    await dingtalk.settled()
    (headers,) = dingtalk.shelf.headers
    assert not {"authorization", "cookie", "x-acs-dingtalk-access-token"} & set(headers)
    assert not any(token in str(headers) for token in dingtalk.fake.tokens)


async def test_an_address_that_is_not_safe_is_not_asked(dingtalk: Platform) -> None:
    dingtalk.fake.download_url = "http://files.dingtalk.test/img_1"
    await dingtalk.send(files.photo())
    assert "没有传到我们这里" in (await dingtalk.settled())[0]
    assert dingtalk.shelf.headers == []


@pytest.mark.parametrize(
    ("url", "fit"),
    [
        ("https://down.dingtalk.com/media/a?x=1", True),
        ("https://wukong-file.oss-cn-zhangjiakou.aliyuncs.com/a", True),
        ("http://down.dingtalk.com/media/a", False),
        ("https://127.0.0.1/a", False),
        ("https://localhost/a", False),
        ("https://[::1]/a", False),
        ("https://10.0.0.8/a", False),
        ("https://192.168.1.1/a", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("https://[fd00::1]/a", False),
        ("https://2130706433/a", False),
        ("https://intranet/a", False),
        ("https://user:secret@down.dingtalk.com/a", False),
        ("ftp://down.dingtalk.com/a", False),
        ("https://[a", False),
        ("", False),
    ],
)
def test_only_https_and_never_ourselves(url: str, fit: bool) -> None:
    assert fit_for_download(url, at_home=False) is fit
