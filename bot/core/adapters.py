"""Adapters that a setting names as ``module:function``: the bank, the senders of notices and of one-time codes."""

from __future__ import annotations

import importlib
from typing import Any

from bot.core.clock import Clock
from bot.core.settings import Settings


def make(path: str, settings: Settings, clock: Clock) -> Any:
    """What ``module:function`` makes of (settings, clock). Raises ``ValueError`` for another form, and what the import raises."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ValueError(f"{path!r} is not module:function")
    return getattr(importlib.import_module(module), name)(settings, clock)
