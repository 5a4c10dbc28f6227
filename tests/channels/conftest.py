import pytest

from bot.channels import push
from bot.conversations.inbox import processor
from tests.gateway import gateway_file, gateway_settings, process_logging, stack

__all__ = ["gateway_file", "gateway_settings", "process_logging", "stack"]


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be tried again is due by a clock that tests move: they need not wait a real second for each look."""
    monkeypatch.setattr(push, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(processor, "LOOK_SECONDS", 0.1)
