"""Figures of the rounds: one table for the terminal, everything for ``results/``."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from scripts.chat_load.rounds import Spoken
from scripts.chat_load.stack import Target, Usage


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """In the unit of ``values``."""
    cuts = quantiles(values, n=100, method="inclusive")
    return {"p50": round(median(values), 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}


def latency(rounds: Sequence[dict[Target, Spoken]], target: Target) -> dict[str, Any]:
    """All turns of all rounds; and, against Rasa alone, the same turn's difference and the difference of each round's p50."""
    spoken = [each[target] for each in rounds]
    figures: dict[str, Any] = percentiles([value for one in spoken for value in one.millis.values()])
    turns = sum(one.count for one in spoken)
    figures["turns"] = turns
    figures["failures"] = [failure for one in spoken for failure in one.failures]
    figures["cpu_ms_per_turn"] = {
        part: round(sum(one.cpu_seconds[part] for one in spoken) / turns * 1000, 1) for part in spoken[0].cpu_seconds
    }
    wall = sum(one.seconds for one in spoken)
    figures["cpu_share"] = {part: round(sum(one.cpu_seconds[part] for one in spoken) / wall, 3) for part in spoken[0].cpu_seconds}
    if target != "rasa":
        by_round = [median(one[target].millis.values()) - median(one["rasa"].millis.values()) for one in rounds]
        pairs = [
            value - one["rasa"].millis[turn]
            for one in rounds
            for turn, value in one[target].millis.items()
            if turn in one["rasa"].millis
        ]
        figures["over_rasa_by_round"] = [round(value, 1) for value in by_round]
        figures["over_rasa_p50"] = round(median(by_round), 1)
        figures["over_rasa_same_turn"] = round(median(pairs), 1)
        own = [one.own_millis for one in spoken if one.own_millis is not None]
        figures["own_ms_mean"] = round(median(own), 2) if own else None
        kinds = sorted({turn.rsplit("/", 1)[1] for one in spoken for turn in one.millis})
        figures["p50_by_kind"] = {kind: [_of_kind(rounds, name, kind) for name in ("rasa", target)] for kind in kinds}
    return figures


def _of_kind(rounds: Sequence[dict[Target, Spoken]], target: Any, kind: str) -> float:
    return round(median(value for one in rounds for turn, value in one[target].millis.items() if turn.endswith(f"/{kind}")), 1)


def saturation(rounds: Sequence[dict[Target, Spoken]], target: Target) -> dict[str, Any]:
    spoken = [each[target] for each in rounds]
    seconds = sum(one.seconds for one in spoken)
    return {
        "messages_per_second": round(sum(one.count for one in spoken) / seconds, 1),
        "cpu_share": {part: round(sum(one.cpu_seconds[part] for one in spoken) / seconds, 2) for part in spoken[0].cpu_seconds},
        "failures": [failure for one in spoken for failure in one.failures],
    }


def table(figures: dict[str, Any]) -> str:
    """Markdown, which reads well on a terminal too."""
    targets = list(figures["latency"])
    rows = [
        ["", *(("Rasa alone" if name == "rasa" else name) for name in targets)],
        ["---" for _ in range(len(targets) + 1)],
    ]

    def row(title: str, *path: str, section: str = "latency") -> None:
        cells = []
        for name in targets:
            value: Any = figures[section][name]
            for key in path:
                value = value.get(key) if value is not None else None
            cells.append("–" if value is None else str(value))
        rows.append([title, *cells])

    row("turns", "turns")
    for name in ("p50", "p95", "p99"):
        row(f"bot turn, {name} ms", name)
    row("over Rasa: difference of p50, median of rounds, ms", "over_rasa_p50")
    row("over Rasa: same turn, median, ms", "over_rasa_same_turn")
    row("own time a turn as the app measures it, mean, ms", "own_ms_mean")
    for part in figures["latency"]["rasa"]["cpu_ms_per_turn"]:
        row(f"CPU of {part}, ms a turn", "cpu_ms_per_turn", part)
    if figures["saturation"]:
        row("messages a second, closed loop", "messages_per_second", section="saturation")
        for part in figures["saturation"]["rasa"]["cpu_share"]:
            row(f"cores used by {part} then", "cpu_share", part, section="saturation")
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    lines += ["", "| memory, MiB RSS | at start | with the widgets | at the end |", "|---|---|---|---|"]
    for part in figures["memory"]["start"]:
        lines.append(f"| {part} | {' | '.join(str(figures['memory'][when][part]) for when in ('start', 'connected', 'end'))} |")
    return "\n".join(lines)


def memory(usage: Usage) -> dict[str, int]:
    return {part: round(value) for part, value in usage.rss.items()}
