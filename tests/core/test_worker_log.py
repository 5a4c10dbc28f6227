"""What the worker writes to its log holds no credential of a platform: those stand in the addresses of the calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.conversations.inbox.port import InboundMessage
from bot.conversations.inbox.service import Inbox
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.settings import ROOT
from tests import wecom
from tests.secret import SECRET

CORP_SECRET = "kf-secret-0123456789-abcdefghij"


def test_no_secret_and_no_access_token_stands_in_the_log(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wecom, "SECRET", CORP_SECRET)
    clock = SystemClock(None)
    with wecom.serving(clock) as platform:
        platform.write("你好")
        with database.transaction() as session:
            Inbox(session, clock).store("wecom", [InboundMessage("msg_1", wecom.ADDRESS, "event", "", None, "message")])
            conversation = ConversationService(session, clock).open("wecom", wecom.ADDRESS, "")
            ConversationRepository(session).append(
                conversation.id, clock.now(), direction="out", author="bot", text="您好", state="queued"
            )
        env = {
            **os.environ,
            "DEMO": "1",
            "DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
            "SECRET_KEY": SECRET,
            "VAR_DIR": str(tmp_path / "var"),
            **{f"CHANNELS__WECOM__{name.upper()}": value for name, value in wecom.options(platform.url).items()},
        }
        command = [sys.executable, "-m", "bot.worker", "--once"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        called = {path for path, _ in platform.calls}
        assert {"gettoken", "kf/service_state/get"} <= called, "it called with both credentials"
        for secret in (CORP_SECRET, *platform.tokens):
            assert secret not in done.stdout + done.stderr
    assert "HTTP Request" not in done.stdout + done.stderr
