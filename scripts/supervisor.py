"""Runs a few processes in one terminal: prefixed lines, restart after a crash, orderly stop.

Honcho stops everything when one process dies; here the others go on (a borrower is still answered while Rasa restarts),
which is also what production does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.core.masking import mask_line

COLOURS = ("36", "33", "35", "32")
STOP_SECONDS = 8.0
STEADY_SECONDS = 20.0
"""A process that ran this long before it died is restarted at once; otherwise the pause doubles."""


@dataclass
class Command:
    """One process to keep running. ``quiet(line)`` hides lines of no interest."""

    name: str
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    quiet: Callable[[str], bool] = lambda _line: False


class Supervisor:
    """Starts the commands, prints their lines masked, restarts what dies, until ``stop``."""

    def __init__(self, commands: list[Command], cwd: Path) -> None:
        self._commands = commands
        self._cwd = cwd
        self._stopping = asyncio.Event()
        self._width = max(len(command.name) for command in commands)

    def say(self, name: str, line: str, colour: str = "0") -> None:
        prefix = f"{name.ljust(self._width)} | "
        if sys.stdout.isatty():
            prefix = f"\033[{colour}m{prefix}\033[0m"
        print(prefix + line, flush=True)

    async def run(self) -> None:
        """Returns when ``stop`` was called and every process has ended."""
        await asyncio.gather(*(self._keep(command, COLOURS[i % len(COLOURS)]) for i, command in enumerate(self._commands)))

    def stop(self) -> None:
        self._stopping.set()

    async def _keep(self, command: Command, colour: str) -> None:
        pause = 1.0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            code = await self._once(command, colour)
            if self._stopping.is_set():
                return
            pause = 1.0 if loop.time() - started > STEADY_SECONDS else min(pause * 2, 30.0)
            self.say(command.name, f"ended with code {code}; starting again in {pause:.0f} s", "31")
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue

    async def _once(self, command: Command, colour: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            cwd=self._cwd,
            env={**os.environ, **command.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us first; we stop the children in order
            limit=2**20,
        )
        self.say(command.name, f"started (pid {process.pid})", colour)
        reader = asyncio.create_task(self._print_lines(command, process, colour))
        stopper = asyncio.create_task(self._stopping.wait())
        waiter = asyncio.create_task(process.wait())
        await asyncio.wait({stopper, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if not waiter.done():
            await self._end(process, waiter)
        stopper.cancel()
        await reader
        return await waiter

    async def _end(self, process: asyncio.subprocess.Process, waiter: asyncio.Task[int]) -> None:
        """Asks the whole process group to stop, and insists after a while."""
        _signal_group(process.pid, signal.SIGTERM)
        done, _ = await asyncio.wait({waiter}, timeout=STOP_SECONDS)
        if not done:
            _signal_group(process.pid, signal.SIGKILL)

    async def _print_lines(self, command: Command, process: asyncio.subprocess.Process, colour: str) -> None:
        assert process.stdout is not None  # noqa: S101  (asked for with PIPE)
        while line := await process.stdout.readline():
            text = line.decode("utf-8", "replace").rstrip()
            if text and not command.quiet(text):
                self.say(command.name, mask_line(text), colour)  # Rasa logs what borrowers wrote; we do not


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # it ended on its own between the check and the signal
