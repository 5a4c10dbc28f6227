"""A network line between a browser and the app that can be cut (everything on it breaks, and nothing new gets through), or lose
its connections without a word, as a NAT or a proxy does that has forgotten them: both ends believe that they stand.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")
CHUNK = 65_536


class Cable:
    """Listens on a port of its own and passes bytes on to ``port``; ``url`` is what the browser opens."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_cut = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._lost: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self.url = ""

    @contextmanager
    def laid(self) -> Iterator[Cable]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self.url = self._run(self._listen()).result(30)
        try:
            yield self
        finally:
            self._run(self._end()).result(30)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(30)
            self._loop.close()

    def cut(self) -> None:
        self._run(self._switch(is_cut=True)).result(30)

    def mend(self) -> None:
        self._run(self._switch(is_cut=False)).result(30)

    def lose(self) -> None:
        """From now on what is sent over the connections of now is swallowed, both ways; new ones get through."""
        self._run(self._forget()).result(30)

    def _run(self, work: Coroutine[None, None, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _switch(self, *, is_cut: bool) -> None:
        self._is_cut = is_cut
        if is_cut:
            for end in self._ends:
                end.transport.abort()

    async def _forget(self) -> None:
        self._lost |= self._ends

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        ends = {writer, far_writer}
        self._ends |= ends
        try:
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            self._ends -= ends
            self._lost -= ends
            for end in ends:
                end.transport.abort()

    async def _end(self) -> None:
        await self._switch(is_cut=True)
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if writer not in self._lost:
                    writer.write(data)
                    await writer.drain()
        if writer in self._lost:
            return  # that this end has gone is not heard there either
        if not writer.is_closing() and writer.can_write_eof():
            with suppress(OSError):
                writer.write_eof()
