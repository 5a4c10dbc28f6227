"""``make run``: database, demo data and the processes; prints the address when a message can be answered."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.core.clock import SystemClock  # noqa: E402
from bot.core.database import Database  # noqa: E402
from bot.core.settings import Settings  # noqa: E402
from scripts.supervisor import Command, Supervisor  # noqa: E402

READY_SECONDS = 120
NOISE = (
    "DeprecationWarning",
    "SAWarning",
    "FutureWarning",
    "UserWarning",
    "warnings.warn",
    "pkg_resources",
    "declarative_base()",
)
DEMO_PEOPLE = "郭海 C1001, 李婷 C1002, 王强 C1003, 赵敏 C1004, 陈磊 C1005, 孙丽 C1006, 周凯 C1007, 吴静 C1008"


def commands(settings: Settings, model: Path) -> list[Command]:
    """Rasa (on loopback only, its HTTP API off), the action server, the app and the worker."""
    rasa = [
        *(str(ROOT / ".venv-nlu/bin/python"), "-W", "ignore", "-m", "rasa", "run", "--model", str(model)),
        *("--interface", "127.0.0.1", "--port", str(settings.rasa_port)),
        *("--endpoints", "endpoints.yml", "--credentials", "credentials.yml"),
    ]
    app = [
        *(sys.executable, "-m", "uvicorn", "bot.app:create_app_from_env", "--factory"),
        *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
        *("--host", settings.app_host, "--port", str(settings.app_port)),
    ]
    rasa_env = {
        "ACTIONS_WEBHOOK": f"{settings.actions_url}/webhook",
        "RASA_TRACKER_DB": str(settings.var_dir / "rasa.db"),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    found = [
        Command("rasa", rasa, rasa_env, quiet=lambda line: any(word in line for word in NOISE)),
        Command("actions", [sys.executable, "-W", "ignore", "-m", "actions"]),
        Command("app", app),
    ]
    if settings.demo or settings.notice_sender != Settings.model_fields["notice_sender"].default:
        # Outside the demo the worker refuses to pretend that it sends messages: name a real sender first.
        found.append(Command("worker", [sys.executable, "-W", "ignore", "-m", "bot.worker"]))
    return found


def prepare(settings: Settings) -> None:
    """Migrates the database; with ``DEMO=1`` fills an empty one with the demo people and agents."""
    from bot.audit.service import audited  # noqa: PLC0415
    from bot.desk.demo import seed_agents  # noqa: PLC0415
    from bot.loans.demo import seed_if_empty  # noqa: PLC0415
    from bot.migrations.run import upgrade  # noqa: PLC0415

    upgrade(settings.database_url)
    if not settings.demo:
        return
    settings.signing_key()
    database = audited(Database(settings.database_url), settings)
    clock = SystemClock(settings.business_date)
    if seed_if_empty(database, clock):
        print(f"── demo: people and contracts as of {clock.today()}", flush=True)
    with database.transaction() as session:
        seed_agents(session, settings)
    database.dispose()


def busy_ports(settings: Settings) -> list[int]:
    taken = []
    for port in (settings.app_port, settings.rasa_port, settings.actions_port):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                taken.append(port)
    return taken


def current_model() -> Path:
    """``RASA_MODEL``, or the archive trained from the data as they are now. Exits when there is none."""
    if chosen := os.environ.get("RASA_MODEL"):
        return Path(chosen)
    python = str(ROOT / ".venv-nlu/bin/python")
    found = subprocess.run([python, "scripts/train.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit("there is no model for the present data: make train")
    return ROOT / found.stdout.strip().splitlines()[-1]


async def wait_until_ready(settings: Settings, started: float) -> None:
    """Ready means: every part answers, and Rasa has answered one message (bot/conversations/rasa.py)."""
    base = f"http://127.0.0.1:{settings.app_port}"
    hinted = False
    async with httpx.AsyncClient(timeout=10) as client:
        while not await _answers(client, f"{base}/readyz"):
            if not hinted and time.monotonic() - started > READY_SECONDS:
                hinted = True
                print("── not ready after two minutes: a slow machine, or look at the lines above", flush=True)
            await asyncio.sleep(0.4)
    print_welcome(settings, time.monotonic() - started)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


def print_welcome(settings: Settings, seconds: float) -> None:
    url = f"http://{settings.app_host}:{settings.app_port}"
    docs = "docs" if settings.demo else "openapi.json"
    print(f"\n── 随星客服 is ready after {seconds:.0f} s\n   page      {url}/\n   API docs  {url}/{docs}")
    if settings.demo:
        print(
            f"   demo      log in on the page as {DEMO_PEOPLE}\n"
            f"   agents    A2001 … A2003, supervisors S2101, S2102, admin M2301; password {settings.demo_agent_password}"
        )
    print("   stop      Ctrl-C\n", flush=True)


async def serve(settings: Settings, started: float) -> None:
    supervisor = Supervisor(commands(settings, current_model()), ROOT)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    ready = asyncio.create_task(wait_until_ready(settings, started))
    await supervisor.run()
    ready.cancel()
    print("── stopped", flush=True)


def main() -> None:
    started = time.monotonic()
    settings = Settings()
    if taken := busy_ports(settings):
        sys.exit(f"port {', '.join(map(str, taken))} is taken; choose others with APP_PORT, RASA_PORT, ACTIONS_PORT")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    print("── database", flush=True)
    prepare(settings)
    asyncio.run(serve(settings, started))


if __name__ == "__main__":
    main()
