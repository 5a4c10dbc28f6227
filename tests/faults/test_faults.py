"""Everything is killed while people talk: nothing acknowledged is lost, nothing is answered twice, money moves once."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.cases.models import CaseRow, RemedyRow
from bot.conversations.models import Message
from bot.core.database import Database
from bot.loans.audit import audit
from tests.faults.agents import DeskAgent
from tests.faults.borrowers import Borrower, borrowers
from tests.faults.checks import WRONG, check_conversation, check_replies
from tests.faults.servers import OwnPostgres, OwnRedis, missing
from tests.live import LiveApp, start_stack

pytestmark = pytest.mark.processes

CONVERSATIONS = 200
MESSAGES = 5
PAUSE_SECONDS = 20.0
"""Between two messages of a borrower: the talk goes on while everything is killed in turn."""
RESTART_SECONDS = 60.0
"""The supervisor pauses up to 30 s before it starts again what dies often."""


@dataclass
class Victims:
    """What can be killed. The supervisor of ``make run`` starts its processes again; the servers are started again by us."""

    app: LiveApp
    postgres: OwnPostgres
    redis: OwnRedis
    dead: set[int] = field(default_factory=set)

    async def kill(self, name: str) -> None:
        if name in {"postgres", "redis"}:
            server: OwnPostgres | OwnRedis = self.postgres if name == "postgres" else self.redis
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(server.start)
        else:
            await self._kill_running(name)

    async def _kill_running(self, name: str) -> None:
        """A part killed last and, in the next round, first may not be back yet; one that starts while the database is
        down ends by itself and is started again: the kill waits for a process that runs."""
        async with asyncio.timeout(RESTART_SECONDS):
            while (pid := self.app.pid(name)) in self.dead or not _kill_group(pid):
                await asyncio.sleep(0.2)
            self.dead.add(pid)

    def deaths(self) -> Counter[str]:
        """How often each process ended, by the supervisor's own lines."""
        lines = self.app.log.read_text(encoding="utf-8")
        return Counter(re.findall(r"^(\w+)\s*\| ended with code", lines, re.MULTILINE))


def _kill_group(pid: int) -> bool:
    """False when there is no such group any more."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def victims(tmp_path: Path) -> Iterator[Victims]:
    reason = missing()
    if reason is not None:
        assert os.environ.get("REQUIRE_SERVICES") != "1", reason
        pytest.skip(reason)
    postgres, redis = OwnPostgres(), OwnRedis(tmp_path)
    stack = start_stack(tmp_path, DATABASE_URL=postgres.url, REDIS_URL=redis.url, WORKER_SECONDS="2")
    try:
        yield Victims(next(stack), postgres, redis)
    finally:
        stack.close()
        redis.stop()
        postgres.stop()


async def havoc(kill: Callable[[str], Awaitable[None]], rng: random.Random) -> Counter[str]:
    """Each part twice, in another order each time, a few seconds apart."""
    killed: Counter[str] = Counter()
    for _ in range(2):
        parts = ["app", "actions", "rasa", "worker", "postgres", "redis"]
        rng.shuffle(parts)
        for part in parts:
            await asyncio.sleep(rng.uniform(2, 5))
            await kill(part)
            killed[part] += 1
    return killed


async def talk_through_havoc(
    people: list[Borrower], agents: list[DeskAgent], victims: Victims, rng: random.Random
) -> Counter[str]:
    limits = httpx.Limits(max_connections=CONVERSATIONS, max_keepalive_connections=50)
    talked = asyncio.Event()
    async with asyncio.timeout(400), asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.work(victims.app.url, talked))
        async with httpx.AsyncClient(base_url=victims.app.url, timeout=30, limits=limits) as client, asyncio.TaskGroup() as talks:
            chaos = talks.create_task(havoc(victims.kill, random.Random(rng.random())))  # noqa: S311  (an order of its own)
            for person in people:
                talks.create_task(person.talk(client, PAUSE_SECONDS, rng))
        talked.set()
    return chaos.result()


def settle(database: Database) -> None:
    """The worker apologises for what was interrupted once its turn has run out."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.transaction() as session:
            interrupted = session.scalar(select(func.count()).where(Message.direction == "in", Message.state == "processing"))
        if not interrupted:
            return
        time.sleep(1)


def test_a_thousand_messages_survive_the_death_of_every_part(victims: Victims, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(20261128)  # noqa: S311
    people = borrowers(CONVERSATIONS, MESSAGES, rng)
    agents = [DeskAgent("A2001", claims=True), DeskAgent("A2002", claims=False)]
    killed = asyncio.run(talk_through_havoc(people, agents, victims, rng))
    database = Database(victims.postgres.url)
    settle(database)
    with database.transaction() as session:
        counts = {person.sender: check_conversation(session, person) for person in people}
        replies = check_replies(session, agents)
        check_money(session)
    database.dispose()
    total = sum(counts.values(), Counter[str]()) + replies
    deaths = victims.deaths()
    by_itself = sum(deaths.values()) - len(victims.dead)
    parts = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    line = (
        f"\nfaults: {sum(killed.values())} kills ({parts}), {by_itself} ends at a start without database; "
        f"{total['messages']} messages of {len(people)} conversations in "
        f"{sum(person.tries for person in people)} requests; {total['answered']} answered, {total['apologised']} answered with "
        f"an apology, {total['human']} with a human; {total['owned by agent']} conversations with an agent and "
        f"{total['owned by queue']} waiting for one in the end, {total['replies']} words of agents; "
        f"{total['lost']} lost, {total['twice']} twice, {total['out of order']} out of order, "
        f"{total['told otherwise']} told otherwise than the log says, {total['beside a human']} said by the bot beside a human\n"
    )
    with capsys.disabled():
        sys.stdout.write(line)
    wrong = {sender: each for sender, each in counts.items() if any(each[name] for name in WRONG)}
    assert not wrong, wrong
    assert not any(replies[name] for name in WRONG), replies
    assert all(deaths[name] >= killed[name] for name in ("app", "actions", "rasa", "worker")), deaths
    assert total["messages"] == CONVERSATIONS * MESSAGES
    assert set(killed.values()) == {2}
    assert total["answered"] > total["messages"] // 10, "the talk must not have been over before the parts were back"
    assert total["owned by agent"] >= 2, "agents must have had conversations"
    assert total["human"] > 0, "somebody must have written to an agent"
    assert all(agent.said for agent in agents), "one took borrowers, the other one was assigned some"


def check_money(session: Session) -> None:
    """However often 郭海's dispute was told and interrupted: one case, ¥1.92 once, and exact books."""
    cases = session.scalars(select(CaseRow).where(CaseRow.customer_id == "C1001", CaseRow.kind == "dispute")).all()
    assert len(cases) == 1
    remedies = session.scalars(select(RemedyRow).where(RemedyRow.case_id == cases[0].id)).all()
    assert [(remedy.status, remedy.amount) for remedy in remedies] == [("granted", 192)]
    assert [problem for checked in audit(session) for problem in checked.wrong] == []
