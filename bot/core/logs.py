"""Structured logs, masked at one place: whatever a module logs, no phone, card, ID or token gets out in clear."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from bot.core.masking import mask


def _mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: mask(value) if isinstance(value, str) else value for key, value in event.items()}


class MaskingFormatter(structlog.stdlib.ProcessorFormatter):
    """Masks the finished line too, which covers tracebacks and libraries that log on their own."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


TALKATIVE = ("httpx", "httpcore")
"""Libraries that log the address of every call at INFO or below: WeChat and WeCom want secrets and access tokens in it."""


def configure_logging(*, json: bool = False, level: str = "INFO") -> None:
    """Routes structlog and the standard library to stderr through the masking formatter."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        # Before masking, and never with local variables: those hold what borrowers wrote.
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if not json:
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        MaskingFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
