"""A PostgreSQL and a Redis of a test's own, to be killed or given much work: the machine's servers are used by others."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.live import free_ports

POSTGRES_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def missing() -> str | None:
    """Why these servers cannot be started here; ``None`` when they can."""
    if shutil.which("redis-server") is None:
        return "redis-server is not installed"
    return missing_postgres()


def missing_postgres() -> str | None:
    if shutil.which("initdb") is None and not POSTGRES_PROGRAMS:
        return "PostgreSQL's programs are not installed"
    return None


class OwnPostgres:
    """A cluster in a folder of its own: pytest's are closed to the user ``postgres``, as whom it runs when we are root."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self._folder = Path(tempfile.mkdtemp(prefix="suixing-postgres-"))
        self._data = self._folder / "data"
        found = shutil.which("initdb")
        self._programs = POSTGRES_PROGRAMS[0] if POSTGRES_PROGRAMS else Path(str(found)).parent
        self._data.mkdir()
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (self._folder, self._data):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", str(self._data))
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Waits until it accepts connections."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", str(self._data / "log"), "-o", options, "start")

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice and end."""
        pid = int((self._data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(pid, signal.SIGKILL)
        time.sleep(1)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop", check=False)
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        user = "postgres" if os.getuid() == 0 else None
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=user,
            check=check,
            stdout=subprocess.DEVNULL,
            cwd=self._data,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            timeout=90,
        )


class OwnRedis:
    def __init__(self, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    stop = kill
