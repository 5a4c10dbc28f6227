"""The keys of the chains. They come from the settings, never from the database: access to that alone cannot forge an entry."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Self

from bot.core.settings import Settings


class Keyring:
    """Seals with the first key, verifies with all of them.

    Each key is named by a fingerprint that says nothing about it, and kept with what it sealed. So ``SECRET_KEY`` can be
    replaced: the old one goes to ``AUDIT_ACCEPTED_KEYS``.
    """

    def __init__(self, current: str, accepted: Sequence[str] = ()) -> None:
        keys = [hmac.digest(secret.encode(), b"suixing audit trail, version 1", "sha256") for secret in (current, *accepted)]
        self._keys = {hmac.new(key, b"fingerprint", "sha256").hexdigest()[:16]: key for key in reversed(keys)}
        self.current = hmac.new(keys[0], b"fingerprint", "sha256").hexdigest()[:16]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """``SECRET_KEY``; a loan server that runs by itself has none and takes ``LOAN_BACKEND_SECRET``.

        Raises ``RuntimeError`` without either: we refuse to start on a guessable key.
        """
        shared = settings.loan_backend_secret
        alone = settings.secret_key is None and not settings.demo and shared is not None
        current = shared.get_secret_value() if alone and shared is not None else settings.signing_key()
        return cls(current, [key.get_secret_value() for key in settings.audit_accepted_keys])

    def knows(self, key_id: str) -> bool:
        return key_id in self._keys

    def seal(self, message: bytes, key_id: str | None = None) -> str:
        """HMAC-SHA256 as 64 hexadecimal digits. Raises ``KeyError`` for a key that is not on the ring."""
        return hmac.new(self._keys[key_id or self.current], message, "sha256").hexdigest()
