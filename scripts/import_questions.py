"""An operator's own labelled questions become training sentences: make import FILE=questions.tsv

The file is tab-separated with a head line that names the columns `text` and `intent` (or `gold`; of `a|b` the first counts).
Other columns are ignored, rows labelled `unclear` too. Every row passes the checks that our own sentences pass; when one fails,
nothing is written and each failure is named with its line. What passes goes to data/local/<name of the file>.yml, which git
ignores and `make train` picks up. Numbers of cards, phones, identity cards and codes are masked on the way.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.core.masking import mask  # noqa: E402
from bot.nlu.evaluation import UNCLEAR, read_questions  # noqa: E402

LOCAL = ROOT / "data" / "local"
LONGEST = 300
"""Characters. A longer message is a story: it teaches no intent."""
_ENTITY_MARKS = str.maketrans("[](){}|", "【】（）｛｝／")
"""Rasa reads [..](..) as an entity and {..} as its name; the normaliser brings full-width marks back."""
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass
class Report:
    """What was read. `sentences` maps an intent to its sentences; `problems` stop the import, `left_out` do not."""

    sentences: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of sentences."""
        return sum(map(len, self.sentences.values()))


def bare(text: str) -> str:
    """What makes two sentences the same: letters and digits only."""
    return _NOT_WORD.sub("", text).lower()


def read_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """(line, text, label). Raises ValueError when the columns are missing, UnicodeDecodeError when it is not UTF-8."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = reader.fieldnames or []
        label = next((name for name in ("intent", "gold") if name in names), None)
        if "text" not in names or label is None:
            raise ValueError(f"{path}: the head line must name the columns text and intent (tab-separated); found {list(names)}")
        for line, row in enumerate(reader, start=2):
            yield line, (row["text"] or "").strip(), (row[label] or "").strip()


def check(rows: Iterator[tuple[int, str, str]], known: set[str], held_out: set[str], *, each: str = "line") -> Report:
    """Sentences, problems and what is left out. `held_out`: bare questions that measure and must not train.

    `each`: what the number of a row counts.
    """
    report = Report()
    seen: dict[str, tuple[int, str]] = {}
    for line, text, label in rows:
        intent = label.split("|")[0]
        key = bare(text)
        if intent == UNCLEAR:
            report.left_out.append(f"{each} {line}: labelled {UNCLEAR}")
        elif intent not in known:
            report.problems.append(f"{each} {line}: unknown intent {intent!r}; data/catalogue/intents.yml lists them")
        elif not key:
            report.problems.append(f"{each} {line}: no word in {text!r}")
        elif len(text) > LONGEST:
            report.problems.append(f"{each} {line}: {len(text)} characters, at most {LONGEST}")
        elif key in held_out:
            report.left_out.append(f"{each} {line}: {text!r} measures the model (tests/data)")
        elif key in seen and seen[key][1] != intent:
            report.problems.append(
                f"{each} {line}: {text!r} is {intent} here and {seen[key][1]} in {each} {seen[key][0]}; choose one"
            )
        elif key in seen:
            report.left_out.append(f"{each} {line}: the same as {each} {seen[key][0]}")
        else:
            seen[key] = (line, intent)
            report.sentences.setdefault(intent, []).append(mask(text).translate(_ENTITY_MARKS))
    return report


def write(report: Report, target: Path) -> None:
    """Rasa's format, sorted by intent."""
    blocks = [
        {"intent": intent, "examples": "".join(f"- {' '.join(sentence.split())}\n" for sentence in sentences)}
        for intent, sentences in sorted(report.sentences.items())
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True, sort_keys=False, width=1000)
    target.write_text(text, encoding="utf-8")


def questions(folder: Path) -> set[str]:
    """The bare questions that measure the model: questions.yml and held_out.tsv."""
    blocks = yaml.safe_load((folder / "questions.yml").read_text(encoding="utf-8"))["nlu"]
    few = {bare(line.removeprefix("- ")) for block in blocks for line in block["examples"].splitlines()}
    return few | {bare(question.text) for question in read_questions(folder / "held_out.tsv")}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="TSV with the columns text and intent")
    parser.add_argument("--into", type=Path, default=LOCAL, help="folder of the result")
    options = parser.parse_args()
    catalogue = yaml.safe_load((ROOT / "data" / "catalogue" / "intents.yml").read_text(encoding="utf-8"))["intents"]
    try:
        report = check(read_rows(options.file), {item["name"] for item in catalogue}, questions(ROOT / "tests" / "data"))
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for line in report.left_out:
        print(f"left out: {line}")
    if report.problems:
        sys.exit("\n".join([*report.problems, f"{len(report.problems)} problems, nothing was imported"]))
    if not report.count:
        sys.exit("no sentences in it, nothing was imported")
    target = options.into / f"{options.file.stem}.yml"
    write(report, target)
    print(f"{report.count} sentences of {len(report.sentences)} intents in {target}; make train learns them")


if __name__ == "__main__":
    main()
