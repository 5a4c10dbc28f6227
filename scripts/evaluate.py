"""Score the trained model on a labelled file: make eval EVAL=file.tsv

Prints the measures of docs/nlu.md and writes them to results/eval-<name of the file>.json, with two plots beside it:
-reliability.png (is 0.8 right four times in five?) and -coverage.png (how much is answered at which share of wrong answers).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from plots import plot_coverage, plot_reliability  # noqa: E402
from train import current_model, environment  # noqa: E402

os.environ.update(environment())
warnings.filterwarnings("ignore")  # deprecations inside Rasa 3.6's dependencies

from bot.nlu.evaluation import Outcome, Question, Result, read_questions, report  # noqa: E402

if TYPE_CHECKING:
    from rasa.core.agent import Agent

CONFUSIONS_SHOWN = 25
DIRECT_WRONG_GOAL = 0.05
"""Of the in-scope questions, answered directly and wrongly: the share that is worth a line in the plot."""


def load_agent(model: Path) -> Agent:
    """The trained model, as the server loads it."""
    from rasa.core.agent import Agent  # noqa: PLC0415 - 10 s; not to be waited for when the file is bad
    from rasa.utils.log_utils import configure_structlog  # noqa: PLC0415

    configure_structlog(logging.WARNING)
    return Agent.load(str(model))


async def parse_all(agent: Agent, questions: Iterable[Question]) -> list[Result]:
    """Each question through the whole NLU pipeline, after one to warm up."""
    await agent.parse_message("你好，我想在15号还500元")
    results = []
    for question in questions:
        started = time.perf_counter()
        parsed = await agent.parse_message(question.text)
        results.append((question, outcome(parsed, time.perf_counter() - started)))
    return results


def outcome(parsed: dict[str, Any], seconds: float) -> Outcome:
    """From Rasa's parse result. A message without words (emoji) has no ranking and counts as rejected."""
    ranking = parsed.get("intent_ranking") or [{"name": "nlu_fallback", "confidence": 0.0}]
    return Outcome(
        ranking=tuple(item["name"] for item in ranking),
        confidence=ranking[0]["confidence"],
        decision=parsed.get("decision", "reject"),
        options=tuple(parsed.get("options", ())),
        seconds=seconds,
    )


def percent(value: float | None) -> str:
    """For the table."""
    return "    –" if value is None else f"{100 * value:5.1f}"


def show(name: str, found: dict[str, Any]) -> None:
    """The tables on the terminal."""
    print(f"\n{name}: {found['rows']} rows\n\n  in-scope questions     n   top-1  top-3  top-1 or also")
    for kind, row in found["accuracy"].items():
        print(
            f"  {kind:<18} {row['questions']:>5}   {percent(row['top1'])}  {percent(row['top3'])}  {percent(row['top1_or_also'])}"
        )
    print(f"  macro-F1 (≥ 5 questions)  {percent(found['macro_f1'])}\n")
    for key, value in found["decisions"].items():
        print(f"  {key:<28} {percent(value)} %")
    print(f"  expected calibration error   {percent(found['calibration']['expected_error'])} %")
    print(f"  parse of one message         p50 {found['latency']['p50_ms']:.1f} ms, p95 {found['latency']['p95_ms']:.1f} ms\n")
    print(f"  {'intent':<38} {'n':>4}  precision recall   F1")
    for intent, row in sorted(found["per_intent"].items(), key=lambda item: -item[1]["questions"]):
        print(
            f"  {intent:<38} {row['questions']:>4}  {percent(row['precision'])}   {percent(row['recall'])}  {percent(row['f1'])}"
        )
    print(f"\n  {'gold':<44} {'predicted':<38} n")
    for row in found["confusions"][:CONFUSIONS_SHOWN]:
        print(f"  {row['gold']:<44} {row['predicted']:<38} {row['count']}")


def show_errors(results: list[Result]) -> None:
    """gold, predicted, confidence, decision, text; in-scope questions only."""
    print()
    for question, found in results:
        if question.in_scope and found.ranking[0] not in question.gold:
            gold = "|".join(sorted(question.gold))
            print(f"  {gold:<36} {found.ranking[0]:<36} {found.confidence:.2f} {found.decision:<6} {question.text}")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="TSV with the columns id, text, gold, also, kind, source")
    parser.add_argument("--model", type=Path, help="another archive than that of the present data")
    parser.add_argument("--errors", action="store_true", help="print each question whose best intent is wrong")
    options = parser.parse_args()
    try:
        questions = read_questions(options.file)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    model = options.model or current_model()
    if not model.is_file():
        sys.exit(f"{model} is not there: make train")
    results = asyncio.run(parse_all(load_agent(model), questions))
    found = {"file": options.file.name, "model": model.name, **report(results)}
    show(f"{options.file.name} with {model.name}", found)
    if options.errors:
        show_errors(results)
    target = ROOT / "results" / f"eval-{options.file.stem}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")
    reliability, coverage = (target.with_name(f"{target.stem}-{name}.png") for name in ("reliability", "coverage"))
    plot_reliability(found["calibration"], reliability)
    plot_coverage(found["coverage"], DIRECT_WRONG_GOAL, coverage)
    print("\n  written to " + ", ".join(str(path.relative_to(ROOT)) for path in (target, reliability, coverage)))


if __name__ == "__main__":
    main()
