"""The preview's chart as SVG: totals, how many get how much, how many fell due on which day.

SVG because text is then drawn by whoever looks, with their own Chinese font; nothing is needed on the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape

from bot.cases.remediation.views import RunView, Totals
from bot.core.money import Fen, format_yuan
from bot.core.texts import Text

WIDTH, HEIGHT = 960, 620
EDGES: tuple[Fen, ...] = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
"""Upper ends of the bars of amounts (分); what is more stands in the last bar."""
MAX_BARS = 31
FONTS = "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','WenQuanYi Micro Hei',sans-serif"
INK, BAR, QUIET = "#1f2933", "#2f6fdb", "#7b8794"

Bar = tuple[str, int]
"""Label and count."""


def chart(run: RunView, totals: Totals, words: Mapping[str, Text]) -> str:
    """A complete SVG document."""
    title = words["remediation_chart_title"].render(run_no=run.run_no, incident_no=run.incident_no, as_of=run.as_of.isoformat())
    summary = words["remediation_chart_summary"].render(
        people=f"{totals.people:,}",
        items=f"{totals.items:,}",
        amount=format_yuan(totals.amount),
        system_caused=format_yuan(totals.system_caused),
        given_before=format_yuan(totals.given_before),
        skipped=f"{sum(totals.skipped.values()):,}",
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="{FONTS}">',
        f"<title>{escape(title)}</title><desc>{escape(summary)}</desc>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(40, 44, title, size=20, weight="bold"),
        _text(40, 72, summary, size=17, fill=QUIET),
        *_bars(words["remediation_chart_amounts"].text, amount_bars(totals.amounts), top=110),
        *_bars(words["remediation_chart_due_days"].text, day_bars(totals.due_days), top=370),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def amount_bars(amounts: Mapping[Fen, int]) -> list[Bar]:
    """How many items get how much; from the first to the last bar that has any."""
    counts = [0] * (len(EDGES) + 1)
    for amount, count in amounts.items():
        counts[sum(amount > edge for edge in EDGES)] += count
    labels = [f"≤{format_yuan(edge)}" for edge in EDGES] + [f">{format_yuan(EDGES[-1])}"]
    filled = [place for place, count in enumerate(counts) if count]
    if not filled:
        return []
    return list(zip(labels, counts, strict=True))[filled[0] : filled[-1] + 1]


def day_bars(days: Mapping[date, int]) -> list[Bar]:
    """How many fell due on each day; days are joined when there are more than fit."""
    if not days:
        return []
    first, last = min(days), max(days)
    step = ((last - first).days + MAX_BARS) // MAX_BARS
    bars = []
    start = first
    while start <= last:
        end = start + timedelta(days=step)
        bars.append((f"{start:%m-%d}", sum(count for day, count in days.items() if start <= day < end)))
        start = end
    return bars


def _bars(title: str, bars: Sequence[Bar], *, top: int) -> list[str]:
    left, width, height = 60, WIDTH - 100, 160
    base = top + 30 + height
    parts = [
        _text(40, top, title, size=18, weight="bold"),
        f'<line x1="{left}" y1="{base}" x2="{left + width}" y2="{base}" stroke="{QUIET}"/>',
    ]
    most = max((count for _, count in bars), default=0)
    slot = width // max(1, len(bars))
    for place, (label, count) in enumerate(bars):
        tall = max(1, height * count // most) if count else 0
        x, middle = left + place * slot, left + place * slot + slot // 2
        thick = max(2, min(60, slot * 3 // 4))
        parts.append(f'<rect x="{middle - thick // 2}" y="{base - tall}" width="{thick}" height="{tall}" fill="{BAR}"/>')
        if count and (len(bars) <= 16 or count == most):
            parts.append(_text(middle, base - tall - 5, f"{count:,}", size=15, anchor="middle"))
        if len(bars) <= 16 or place % 3 == 0:
            parts.append(_text(middle if slot > 20 else x, base + 18, label, size=15, anchor="middle", fill=QUIET))
    return parts


def _text(x: int, y: int, text: str, *, size: int, weight: str = "normal", anchor: str = "start", fill: str = INK) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'
