"""``/desk/api/socket``: tells an open desk page that something has changed, and the server that its agent is there.

It carries no data: on ``{"type": "changed"}`` the page asks the ordinary endpoints, which know what this agent may see. A page
that connects (again) asks for everything once, so a broken socket loses nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket
from sqlalchemy.orm import Session
from starlette.websockets import WebSocketDisconnect

from bot.conversations.fanout import EVERYTHING
from bot.conversations.runtime import Runtime
from bot.core.errors import Unauthenticated
from bot.core.http import same_origin
from bot.desk.attendance import AttendanceService
from bot.desk.errors import PasswordChangeNeeded
from bot.desk.login import AgentIdentity
from bot.desk.sessions import COOKIE, DeskSessions

GATHER_SECONDS = 0.2
"""Changes of so long are told as one."""

router = APIRouter(prefix="/desk/api")


@router.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    """Only with the cookie, and only from our own page: a browser sends cookies for foreign pages too. 4401: log in again."""
    runtime: Runtime = websocket.app.state.runtime
    await websocket.accept()
    tasks = [asyncio.create_task(_tell(websocket, runtime)), asyncio.create_task(_until_gone(websocket))]
    try:
        if "origin" not in websocket.headers or not same_origin(websocket):
            await websocket.close(4403)
            return
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except Unauthenticated:
        await websocket.close(4401)
    except PasswordChangeNeeded:
        await websocket.close(4403)
    except WebSocketDisconnect:
        pass  # pages are closed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_gone(websocket: WebSocket) -> None:
    while True:
        await websocket.receive_text()  # a page says nothing; what it says all the same is not read


async def _tell(websocket: WebSocket, runtime: Runtime) -> None:
    gateway, look = runtime.gateway, runtime.settings.socket_look_seconds
    cookie = websocket.cookies.get(COOKIE, "")
    with gateway.wakeups.listen(EVERYTHING) as grown:
        while not gateway.closing:
            await gateway.transaction(lambda session: _be_there(session, runtime, cookie))
            await websocket.send_json({"type": "changed"})
            grown.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(look):
                    await grown.wait()
            await asyncio.sleep(GATHER_SECONDS)
    await websocket.close(1001)


def _be_there(session: Session, runtime: Runtime, cookie: str) -> AgentIdentity:
    """Raises ``SessionEnded``, ``PasswordChangeNeeded``."""
    agent, _ = DeskSessions(session, runtime.clock, runtime.settings).read(cookie)
    if agent.must_change_password:
        raise PasswordChangeNeeded("choose a password of your own first")
    AttendanceService(session, runtime.clock, runtime.texts).seen(agent.agent_id)
    return agent
