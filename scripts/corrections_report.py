"""What the desk's corrections change: ``make corrections-report [EVAL=file.tsv]``, after ``make corrections``.

Trains a model without data/local/corrections.yml and one with it (minutes each, unless models/ has it), asks both the same
labelled questions (tests/data/held_out.tsv unless another file is named) and prints what changes; all of it goes to
results/corrections-<name of the file>.json. The model with the corrections is the one that ``make train`` would make.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from evaluate import load_agent, parse_all, percent  # noqa: E402
from tqdm import tqdm  # noqa: E402
from train import MODELS, current_model, train  # noqa: E402

from bot.nlu.comparison import Change, Comparison, as_json, compare, shown  # noqa: E402
from bot.nlu.evaluation import Question, Result, read_questions  # noqa: E402

CORRECTIONS = ROOT / "data" / "local" / "corrections.yml"
HELD_OUT = ROOT / "tests" / "data" / "held_out.tsv"
WORTH = {1: "better", -1: "worse", 0: "other"}


def trained(without: tuple[Path, ...]) -> Path:
    """The model of the present data without these files; exits when the data changed meanwhile."""
    model: Path = current_model(without)
    if not model.is_file():
        MODELS.mkdir(exist_ok=True)
        train(model, without)
        if current_model(without) != model:
            model.unlink()
            sys.exit("the data changed during training: run it again")
    return model


def ask(name: str, model: Path, questions: list[Question]) -> list[Result]:
    """Everything in the questions' order, with a progress bar."""
    bar = tqdm(questions, desc=name, unit=" questions", file=sys.stderr, disable=False)
    return asyncio.run(parse_all(load_agent(model), bar))


def show(found: Comparison) -> None:
    """The tables on the terminal."""
    print(f"\n  {'':<28} before   after")
    for name, (before, after) in found.measures.items():
        print(f"  {name:<28}  {percent(before)}   {percent(after)} %")
    print(f"\n  newly right {found.gained}, newly wrong {found.lost}; by chance alone so uneven: {percent(found.chance)} %")
    print(f"\n  {'intent':<38} {'n':>4}  gained  lost")
    for intent in sorted(found.intents, key=lambda each: each.lost - each.gained):
        print(f"  {intent.intent:<38} {intent.questions:>4}  {intent.gained:>6}  {intent.lost:>4}")
    print(f"\n  {len(found.changes)} answers differ")
    for change in sorted(found.changes, key=lambda each: each.worth):
        print(f"  {line(change)}")


def line(change: Change) -> str:
    """worse   gold   before → after   text"""
    sides = (f"{decision} {'|'.join(sorted(names))}".strip() for decision, names in map(shown, (change.before, change.after)))
    return f"{WORTH[change.worth]:<7} {'|'.join(sorted(change.question.gold)):<36} {' → '.join(sides)}   {change.question.text}"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=HELD_OUT, help="TSV with the columns id, text, gold, also, kind")
    parser.add_argument("--corrections", type=Path, default=CORRECTIONS, help="a file in data/local")
    options = parser.parse_args()
    corrections = options.corrections.resolve()
    if not corrections.is_file():
        sys.exit(f"{corrections} is not there: make corrections")
    try:
        questions = read_questions(options.file)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    before, after = trained((corrections,)), trained(())
    found = compare(ask("without", before, questions), ask("with", after, questions))
    show(found)
    target = ROOT / "results" / f"corrections-{options.file.stem}.json"
    target.parent.mkdir(exist_ok=True)
    content = {"file": options.file.name, "before": before.name, "after": after.name, **as_json(found)}
    target.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"\n  written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
