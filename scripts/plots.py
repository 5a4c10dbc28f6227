"""Pictures of a model's confidence, from the measures of bot/nlu/evaluation.py. English labels: no Chinese font is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

_SIZE = (5.2, 4.2)


def plot_reliability(calibration: dict[str, Any], target: Path) -> None:
    """Share of right answers in each tenth of confidence; on the diagonal confidence means what it says."""
    figure, (axis, counts) = pyplot.subplots(
        2, 1, figsize=(_SIZE[0], _SIZE[1] + 1), sharex=True, gridspec_kw={"height_ratios": [4, 1]}, constrained_layout=True
    )
    bins = calibration["bins"]
    confidence = [row["confidence"] for row in bins]
    axis.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--", label="perfect")
    axis.plot(confidence, [row["accuracy"] for row in bins], marker="o", label="model")
    axis.set(ylabel="share right", xlim=(0, 1), ylim=(0, 1), title=f"Reliability, ECE {calibration['expected_error']:.3f}")
    axis.legend()
    counts.bar(confidence, [row["count"] for row in bins], width=0.06)
    counts.set(xlabel="confidence of the best intent", ylabel="questions")
    figure.savefig(target, dpi=120)
    pyplot.close(figure)


def plot_coverage(curve: list[tuple[float, float, float]], goal: float, target: Path) -> None:
    """Share answered directly against share answered directly and wrongly, with a few thresholds named."""
    figure, axis = pyplot.subplots(figsize=_SIZE, constrained_layout=True)
    wrong = [100 * row[2] for row in curve]
    answered = [100 * (row[1] + row[2]) for row in curve]
    axis.plot(wrong, answered)
    for threshold in (0.9, 0.8, 0.7, 0.6, 0.5):
        place = max((i for i, row in enumerate(curve) if row[0] >= threshold), default=None)
        if place is not None:
            axis.plot(wrong[place], answered[place], marker="o", color="black", markersize=4)
            axis.annotate(f"{threshold:.1f}", (wrong[place], answered[place]), textcoords="offset points", xytext=(5, -10))
    axis.axvline(100 * goal, color="grey", linestyle="--", linewidth=1)
    axis.set(
        xlabel="answered directly and wrongly, % of in-scope questions",
        ylabel="answered directly, %",
        title="Coverage against wrong answers, by threshold",
    )
    figure.savefig(target, dpi=120)
    pyplot.close(figure)
