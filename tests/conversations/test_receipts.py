"""What clients say they have is written together, never goes back, and is kept while the database does not answer."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from bot.conversations.receipts import Batch, Receipts
from tests.gateway import until

REACHED = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 9)), max_size=8)


class Table:
    """Where batches go; ``broken``: so many writes fail first."""

    def __init__(self, broken: int = 0) -> None:
        self.broken = broken
        self.written: list[Batch] = []

    async def write(self, batch: Batch) -> None:
        if self.broken:
            self.broken -= 1
            raise OperationalError("UPDATE", {}, Exception("locked"))
        self.written.append(batch)


async def test_what_comes_within_a_moment_is_one_write() -> None:
    table = Table()
    receipts = Receipts(table.write)
    running = asyncio.create_task(receipts.run())
    receipts.sent([1, 2])
    receipts.reached("a", delivered=3, read=1)
    receipts.sent([2, 5])
    receipts.reached("a", delivered=2, read=2)
    receipts.reached("b", delivered=1, read=0)
    await until(lambda: bool(table.written))
    assert table.written == [Batch({1, 2, 5}, {"a": (3, 2), "b": (1, 0)})]
    receipts.sent([6])
    await until(lambda: len(table.written) == 2)
    assert table.written[1] == Batch({6})
    running.cancel()


async def test_what_could_not_be_written_is_written_later_with_what_came_meanwhile() -> None:
    table = Table(broken=1)
    receipts = Receipts(table.write)
    receipts.sent([1])
    with pytest.raises(OperationalError):
        await receipts.flush()
    receipts.sent([2])
    running = asyncio.create_task(receipts.run())
    await until(lambda: bool(table.written))
    assert table.written == [Batch({1, 2})]
    running.cancel()


async def test_a_write_that_fails_does_not_end_the_writing() -> None:
    table = Table(broken=2)
    receipts = Receipts(table.write)
    running = asyncio.create_task(receipts.run())
    receipts.reached("a", delivered=1, read=0)
    await until(lambda: bool(table.written))
    assert table.written == [Batch(set(), {"a": (1, 0)})]
    running.cancel()


async def test_nothing_is_written_when_nothing_came() -> None:
    table = Table()
    receipts = Receipts(table.write)
    receipts.sent([])
    await receipts.flush()
    assert table.written == []


@given(REACHED, REACHED)
def test_batches_joined_in_any_order_say_the_furthest_of_each(
    one: list[tuple[str, int, int]], other: list[tuple[str, int, int]]
) -> None:
    def batch(*parts: list[tuple[str, int, int]]) -> Batch:
        made = Batch()
        for part in parts:
            for conversation_id, delivered, read in part:
                made.reach(conversation_id, delivered, read)
        return made

    first, second = batch(one), batch(other)
    first.add(batch(other))
    second.add(batch(one))
    assert first == second == batch(one, other)
    for conversation_id, delivered, read in [*one, *other]:
        assert first.reached[conversation_id] >= (delivered, 0)
        assert first.reached[conversation_id][1] >= read
