"""Settings: the signing key is never guessable."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.core.settings import Settings


def test_outside_the_demo_a_missing_key_stops_the_start(tmp_path: Path) -> None:
    settings = Settings(demo=False, secret_key=None, var_dir=tmp_path)
    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        settings.signing_key()


def test_the_demo_makes_a_key_once_and_keeps_it_private(tmp_path: Path) -> None:
    settings = Settings(demo=True, secret_key=None, var_dir=tmp_path / "var")
    key = settings.signing_key()
    assert len(key) == 64
    assert settings.signing_key() == key
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o077 == 0


def test_a_given_key_is_used(tmp_path: Path) -> None:
    assert Settings(secret_key=SecretStr("k" * 40), var_dir=tmp_path).signing_key() == "k" * 40


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("https://app.example", ["https://app.example"]),
        ("https://app.example/, https://m.app.example:8443 ,", ["https://app.example", "https://m.app.example:8443"]),
        ('["https://app.example", "https://m.app.example"]', ["https://app.example", "https://m.app.example"]),
        ("", []),
    ],
)
def test_origins_come_separated_by_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, given: str, origins: list[str]) -> None:
    monkeypatch.setenv("CORS_ORIGINS", given)
    assert Settings().cors_origins == origins


@pytest.mark.parametrize("given", ["[1]", "[broken", '["https://app.example", null]'])
def test_origins_that_make_no_sense_stop_the_start(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", given)
    with pytest.raises(ValueError, match="cors_origins"):
        Settings()
