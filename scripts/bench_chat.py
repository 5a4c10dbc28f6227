"""The bot under load, and what the gateway costs: make bench-chat.

Starts a stack of its own (``scripts/serve.py``, SQLite). 500 widgets hold ``/chat/socket``; some of them talk: FAQs, own data,
options, a dispute, early repayment, a human. In each round everybody says the same words with the same pauses to Rasa's REST
channel directly and through the app (in changing order), so the difference is the gateway's. Then the same in a closed loop
without pauses: messages a second.

The users are Locust's (https://locust.io, as a library: its web page knows one target, and rounds its milliseconds), the sockets
websocket-client's. Locust patches the standard library for gevent, so nothing of ``bot`` is imported here.

``--earlier DIR``: a checkout of another version, whose app runs beside ours on the same database, Rasa and action server (with
as many widgets of its own): before and after in one run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import locust  # noqa: F401 first: it patches the standard library

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from scripts.chat_load import report  # noqa: E402
from scripts.chat_load.rounds import Load, Spoken, open_widgets  # noqa: E402
from scripts.chat_load.stack import Target, Usage, running_stack  # noqa: E402
from scripts.chat_load.widgets import Widget  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="load test of the chat")
    parser.add_argument("--widgets", type=int, default=500, help="connected sockets, to each app")
    parser.add_argument("--talkers", type=int, default=40, help="how many of them talk")
    parser.add_argument("--think", type=float, default=12.0, help="seconds between two messages of one person")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=8, help="of the closed loop; 0 leaves it out")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each closed loop")
    parser.add_argument("--earlier", type=Path, help="checkout of a version to compare with")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    logging.getLogger("locust").setLevel(logging.ERROR)  # it warns that all start at once
    targets: list[Target] = ["rasa", "app"] if asked.earlier is None else ["rasa", "app", "earlier app"]
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="bench-chat-") as folder, running_stack(Path(folder), asked.earlier) as stack:
        memory = {"start": report.memory(Usage.of(stack.pids))}
        load = Load(stack, targets, widgets=asked.widgets, talkers=asked.talkers)
        memory["connected"] = report.memory(Usage.of(stack.pids))
        print(f"{open_widgets()} widgets connected, {len(load.people)} people talk", flush=True)
        for target in targets:  # warm-up
            load.phase(target, 0, think=asked.think / 4)
        rounds: list[dict[Target, Spoken]] = []
        for number in range(1, asked.rounds + 1):
            order = targets if number % 2 else targets[::-1]
            rounds.append({target: load.phase(target, number, think=asked.think) for target in order})
            loads.append(os.getloadavg()[0])
        connected, apologies = open_widgets(), {target: load.apologies(target) for target in targets}
        closed: list[dict[Target, Spoken]] = []
        for number in range(2 if asked.clients else 0):
            order = targets if number % 2 else targets[::-1]
            closed.append(
                {target: load.phase(target, 0, think=0.0, people=asked.clients, seconds=asked.seconds) for target in order}
            )
            loads.append(os.getloadavg()[0])
        memory["end"] = report.memory(Usage.of(stack.pids))
        load.close()
    figures: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked": {key: str(value) if isinstance(value, Path) else value for key, value in vars(asked).items()},
        "load_average": [round(value, 1) for value in loads],
        "widgets_connected_at_the_end": connected,
        "socket_frames": Widget.frames,
        "apologies_before_the_closed_loop": apologies,
        "latency": {target: report.latency(rounds, target) for target in targets},
        "saturation": {target: report.saturation(closed, target) for target in targets} if closed else {},
        "memory": memory,
    }
    print(report.table(figures))
    print(
        f"widgets still connected: {connected}; frames pushed: {Widget.frames}; load average {min(loads):.1f} to {max(loads):.1f}"
    )
    print(f"turns in which Rasa did not answer in time: {apologies}")
    failures = sum(len(part["failures"]) for name in ("latency", "saturation") for part in figures[name].values())
    path = ROOT / "results" / f"chat-{figures['at'].replace(':', '')}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"{path.relative_to(ROOT)}")
    if failures or connected < len(load.widgets):
        sys.exit(f"{failures} turns failed, {len(load.widgets) - connected} sockets broke: see the file")


if __name__ == "__main__":
    main()
