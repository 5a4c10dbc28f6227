"""Agents at the desk while everything is killed: they are there, take who waits, and write until each word is acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.core.settings import Settings
from tests.faults.insisting import insist

WORDS = 3
"""What an agent writes to each borrower."""
LOOK_SECONDS = 2.0


@dataclass
class DeskAgent:
    """``taken``: whom they had. ``said``: (conversation, message id, text) that the server has acknowledged.

    ``claims``: they take who waits themselves; others wait for the worker to assign somebody.
    """

    agent_id: str
    claims: bool
    taken: set[str] = field(default_factory=set)
    said: list[tuple[str, str, str]] = field(default_factory=list)

    async def work(self, url: str, stop: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            login = {"agent_id": self.agent_id, "password": Settings().demo_agent_password}
            opened = (await insist(client, "POST", "/desk/api/login", json=login)).json()
            client.headers["X-CSRF-Token"] = opened["csrf_token"]
            while not stop.is_set():
                await self._look(client)
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, client: httpx.AsyncClient) -> None:
        await insist(client, "POST", "/desk/api/presence", json={"presence": "online"})
        desk: dict[str, Any] = (await insist(client, "GET", "/desk/api/queue")).json()
        for item in desk["mine"]:
            await self._write(client, item["conversation_id"])
        if self.claims and desk["waiting"]:
            # 409: somebody was faster, or the desk is full
            path = f"/desk/api/conversations/{desk['waiting'][0]['conversation_id']}/claim"
            await insist(client, "POST", path, final=frozenset({200, 409}))

    async def _write(self, client: httpx.AsyncClient, conversation_id: str) -> None:
        self.taken.add(conversation_id)
        written = sum(1 for number, _, _ in self.said if number == conversation_id)
        if written == WORDS:
            return
        message_id, text = f"{self.agent_id}-{written}", f"我是{self.agent_id}，正在查，第{written + 1}句"
        body = {"text": text, "message_id": message_id}
        path = f"/desk/api/conversations/{conversation_id}/reply"
        if (await insist(client, "POST", path, json=body, final=frozenset({201, 403}))).status_code == 201:
            self.said.append((conversation_id, message_id, text))  # 403: it has been taken back meanwhile
