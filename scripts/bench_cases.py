"""Disputes at size: make bench-cases [CONTRACTS=100000]. Makes databases of its own and drops them afterwards.

``TEST_POSTGRES_URL`` names the PostgreSQL server (default: 127.0.0.1, user postgres). Figures go to results/bench-cases.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from scripts.bench_evidence import evidence  # noqa: E402


def main() -> None:
    """Entry point. Each part is a module of its own; a part that is named alone runs alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=100_000, help="the largest book")
    parser.add_argument("--times", type=int, default=500, help="calls measured of each kind")
    parser.add_argument("--engines", nargs="+", default=["postgresql", "sqlite"], choices=["postgresql", "sqlite"])
    options = parser.parse_args()
    sizes = [size for size in (1_000,) if size < options.contracts] + [options.contracts]
    results: dict[str, Any] = {}
    print("── evidence for one overdue instalment")
    results["evidence"] = evidence(sizes, options.times, options.engines)
    target = ROOT / "results" / "bench-cases.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(f"  written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
