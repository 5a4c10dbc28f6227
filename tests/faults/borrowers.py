"""Two hundred borrowers who write through the public HTTP contract, and write again until each message is acknowledged."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.insisting import insist

DISPUTE = "系统扣款失败害我逾期，凭什么收我利息"
TALK = ("你好", "怎么提前还款", "我还欠多少", "提前还款要手续费吗", "一直显示还款中怎么办", "什么时候扣款", "可以分几期", "谢谢")
HUMAN = "转人工"


@dataclass
class Borrower:
    """One conversation. ``answers``: what came back for each message, in the order in which they were written."""

    number: int
    customer_id: str | None
    messages: list[str]
    token: str | None = None
    answers: list[list[dict[str, Any]]] = field(default_factory=list)
    tries: int = 0

    @property
    def sender(self) -> str:
        return f"borrower-{self.number}"

    async def talk(self, client: httpx.AsyncClient, pause: float, rng: random.Random) -> None:
        await asyncio.sleep(rng.uniform(0, pause))
        if self.customer_id is not None:
            self.token = (await self._insist(client, "/demo/login", {"customer_id": self.customer_id})).json()["token"]
        for number, text in enumerate(self.messages):
            body = {"sender": self.sender, "message": text, "metadata": {"message_id": f"m-{number}"}}
            self.answers.append((await self._insist(client, "/webhooks/rest/webhook", body)).json())
            await asyncio.sleep(rng.uniform(0.5, 1.5) * pause)

    async def _insist(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return await insist(client, "POST", path, json=body, headers=headers, tried=self._count)

    def _count(self) -> None:
        self.tries += 1


def borrowers(count: int, messages: int, rng: random.Random) -> list[Borrower]:
    """Every fourth is 郭海, whose dispute moves money; every fourth another customer; the rest are anonymous. Every fifth wants a
    human, in their second message.
    """
    found = []
    for number in range(count):
        customer_id = {0: "C1001", 1: "C1002"}.get(number % 4)
        said = [rng.choice(TALK) for _ in range(messages)]
        if customer_id == "C1001":
            said[rng.randrange(messages)] = DISPUTE
        if number % 5 == 0:
            said[1] = HUMAN
        found.append(Borrower(number, customer_id, said))
    return found
