"""Order and wake-ups inside one process."""

from __future__ import annotations

import asyncio

import pytest

from bot.conversations.locks import KeyedLocks, Wakeups


async def test_holders_of_one_key_take_turns_in_order() -> None:
    locks = KeyedLocks()
    order: list[str] = []

    async def work(name: str) -> None:
        async with locks.hold("k"):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(work("a"), work("b"))
    assert order == ["a in", "a out", "b in", "b out"]


async def test_locks_nobody_uses_take_no_memory() -> None:
    locks = KeyedLocks()
    for number in range(100):
        async with locks.hold(number):
            assert len(locks) == 1
    assert len(locks) == 0


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    locks = KeyedLocks()
    async with locks.hold("k"):
        waiter = asyncio.create_task(locks.hold("k").__aenter__())
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    assert len(locks) == 0
    async with asyncio.timeout(1), locks.hold("k"):
        pass


async def test_everyone_listening_to_a_conversation_is_woken_and_nobody_else() -> None:
    wakeups = Wakeups()
    with wakeups.listen("a") as first, wakeups.listen("a") as second, wakeups.listen("b") as other:
        wakeups.notify("a")
        assert (first.is_set(), second.is_set(), other.is_set()) == (True, True, False)
    assert len(wakeups) == 0
