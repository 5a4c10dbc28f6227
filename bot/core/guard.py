"""Keeps one broken item from stopping the others of a run: it is logged with its place, counted, and met again next round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)


class Guard:
    """``errors``: how many items broke since the last ``reset``."""

    def __init__(self) -> None:
        self.errors = 0

    def reset(self) -> None:
        self.errors = 0

    @contextmanager
    def item(self, step: str, item: object = None) -> Iterator[None]:
        """Around the work on one item. A kill is no ``Exception`` and passes through."""
        try:
            yield
        except Exception:
            log.exception("servicing_item_failed", step=step, item=str(item))
            self.errors += 1
