"""Which platforms are connected: those that the settings name (``CHANNELS__<NAME>__<OPTION>``)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, HttpUrl, ValidationError, field_validator

import bot.channels
from bot.channels.connector import Connector, Kit
from bot.core.settings import Settings


class ChannelMisconfigured(RuntimeError):
    """A connected channel lacks an option, or has one that it does not know; the message names it, never its value."""


LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def must_be_private(url: HttpUrl, option: str) -> None:
    """Raises ``ValueError`` unless nobody on the way can read what goes there."""
    if url.scheme != "https" and url.host not in LOOPBACK:
        raise ValueError(f"{option} must be https: it carries what borrowers read")


class Options(BaseModel):
    """Base of a connector's options: what is missing, empty or unknown keeps the process from starting."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _not_empty(cls, given: object) -> object:
        """An empty line of ``.env`` is no secret."""
        if isinstance(given, str) and not given.strip():
            raise ValueError("must not be empty")
        return given


def known_channels() -> list[str]:
    """The folders of ``bot/channels`` with a connector."""
    return sorted(module.name for module in pkgutil.iter_modules(bot.channels.__path__) if module.ispkg)


def connectors(settings: Settings, kit: Kit) -> dict[str, Connector]:
    """By name. Raises ``ChannelMisconfigured``."""
    found: dict[str, Connector] = {}
    for name, given in settings.channels.items():
        if name not in known_channels():
            raise ChannelMisconfigured(f"CHANNELS__{name.upper()}: there is no such channel; known are {known_channels()}")
        options: Mapping[str, str] = {option: secret.get_secret_value() for option, secret in given.items()}
        try:
            found[name] = importlib.import_module(f"bot.channels.{name}.connector").make(options, kit)
        except ValidationError as error:
            problems = [
                f"CHANNELS__{name.upper()}__{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}"
                for item in error.errors(include_input=False)
            ]
            raise ChannelMisconfigured("; ".join(problems)) from None
    return found
