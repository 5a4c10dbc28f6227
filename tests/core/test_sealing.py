"""What lies in the database for a moment cannot be read there."""

from __future__ import annotations

import pytest

from bot.core.sealing import Sealer, Unsealable


def test_what_is_sealed_is_read_with_the_same_secret_only() -> None:
    sealed = Sealer("one secret").seal("验证码 123456")
    assert "123456" not in sealed
    assert Sealer("one secret").opened(sealed) == "验证码 123456"
    assert Sealer("one secret").seal("a") != Sealer("one secret").seal("a"), "nobody can compare two of them"
    for broken in (sealed[:-3], sealed[:20] + "A" + sealed[21:]):
        with pytest.raises(Unsealable):
            Sealer("one secret").opened(broken)
    with pytest.raises(Unsealable):
        Sealer("another secret").opened(sealed)
    assert Sealer("another secret", "one secret").opened(sealed) == "验证码 123456", "while the secret is being changed"


def test_what_was_stored_before_is_read_as_it_stands() -> None:
    assert Sealer("s").opened("你好") == "你好"
    assert Sealer("s").opened("") == ""
