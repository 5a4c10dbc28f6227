"""Texts that lie in the database for a moment and must not be read there: what a borrower wrote before its turn may be a one-time
code. Sealed with a key derived from the app's secret (Fernet: AES-128-CBC and HMAC-SHA256; HKDF).
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

from bot.core.settings import Settings

KEY = "sealing"
"""Where sessions have their ``Sealer`` (``Session.info``)."""
_SEALED = "sealed:"


class Unsealable(RuntimeError):
    """It was sealed with another secret, or changed since."""


class Sealer:
    """Seals with the first secret; opens what any of them has sealed."""

    def __init__(self, *secrets: str) -> None:
        self._fernet = MultiFernet([Fernet(_derived(secret)) for secret in secrets])

    @classmethod
    def of(cls, settings: Settings) -> Sealer:
        """``SECRET_KEY``, and those before it (``AUDIT_ACCEPTED_KEYS``). Raises ``RuntimeError`` when there is none."""
        return cls(settings.signing_key(), *(key.get_secret_value() for key in settings.audit_accepted_keys))

    def seal(self, text: str) -> str:
        return _SEALED + self._fernet.encrypt(text.encode()).decode()

    def opened(self, stored: str) -> str:
        """Raises ``Unsealable``. What was stored before anything was sealed is read as it stands."""
        if not stored.startswith(_SEALED):
            return stored
        try:
            return self._fernet.decrypt(stored.removeprefix(_SEALED).encode()).decode()
        except InvalidToken:
            raise Unsealable("sealed with another secret") from None


def _derived(secret: str) -> bytes:
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"suixing sealing, version 1")
    return base64.urlsafe_b64encode(key.derive(secret.encode()))


def sealer(session: Session) -> Sealer:
    """Of the session's database. Raises ``KeyError`` where nobody gave it one (``bot.audit.service.audited``)."""
    found: Sealer = session.info[KEY]
    return found
