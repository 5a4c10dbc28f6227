"""Our pipeline beside Rasa's stock Chinese one, trained on the same sentences in the same run: make bench-nlu [EVAL=file.tsv]

Both learn the same `--per-intent` sentences of each intent (the stock pipeline needs minutes an epoch for all of them); a third
column shows ours on all sentences, as it is shipped. Prints training time and peak memory, start (process begun → first message
parsed), memory then, parse latency on one core, and top-1/top-3 on tests/data/held_out.tsv (or the file given). Starts and
latencies alternate and medians are shown: on a shared machine only the ratio means something. A quarter of an hour, nearly all
of it the stock pipeline's training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from train import environment  # noqa: E402

HELD_OUT = ROOT / "tests" / "data" / "held_out.tsv"
STOCK = """
recipe: default.v1
language: zh
assistant_id: stock
pipeline:
- name: JiebaTokenizer
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- name: CountVectorsFeaturizer
  analyzer: char_wb
  min_ngram: 1
  max_ngram: 4
- name: DIETClassifier
  epochs: {epochs}
  constrain_similarities: true
- name: EntitySynonymMapper
- name: FallbackClassifier
  threshold: 0.3
policies:
- name: RulePolicy
"""
"""What `rasa init` writes, with Jieba in the place of the tokenizer that splits at spaces."""
_PARSED_AT_MOST = 400


def some_sentences(per_intent: int, target: Path) -> int:
    """Writes that many sentences of each intent, drawn by their hash, in Rasa's form. Returns how many there are."""
    count = 0
    for path in sorted((ROOT / "data" / "nlu").rglob("*.yml")):
        blocks = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
        for block in blocks:
            lines = sorted(block["examples"].splitlines(), key=lambda line: hashlib.sha256(line.encode()).digest())[:per_intent]
            block["examples"] = "".join(f"{line}\n" for line in lines)
            count += len(lines)
        text = yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True, width=1000)
        (target / path.name).write_text(text, encoding="utf-8")
    return count


def train(config: Path, data: Path, out: Path) -> dict[str, float]:
    """`rasa train nlu`. Returns seconds and the peak memory of the processes, MiB. Raises CalledProcessError with its output."""
    command = [
        *(sys.executable, "-W", "ignore", "-m", "rasa", "train", "nlu", "--config", str(config), "--domain", "domain.yml"),
        *("--nlu", str(data), "--out", str(out.parent), "--fixed-model-name", out.name.removesuffix(".tar.gz")),
    ]
    before = time.monotonic()
    # `rasa train` restores unchanged components from .rasa/cache: both must train from nothing.
    with tempfile.TemporaryDirectory() as cache:
        wrapped = [sys.executable, "-c", _WITH_PEAK, *command]
        done = subprocess.run(
            wrapped, cwd=ROOT, env=environment() | {"RASA_CACHE_DIRECTORY": cache}, capture_output=True, text=True, check=True
        )
    return {"seconds": time.monotonic() - before, "peak_mib": int(done.stdout.strip().splitlines()[-1]) / 1024}


_WITH_PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def serve_once(model: Path, questions: Path) -> dict[str, Any]:
    """A fresh process on one core: start, memory, latencies, accuracy. See `_child`."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", str(model), "--questions", str(questions)]
    env = environment() | {"BENCH_STARTED": str(time.time()), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _child(model: Path, questions: Path) -> None:
    """Runs in the fresh process; prints one line of JSON."""
    import asyncio  # noqa: PLC0415 - what this process imports is part of what is measured
    import resource  # noqa: PLC0415

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from evaluate import load_agent, parse_all  # noqa: PLC0415

    from bot.nlu.evaluation import accuracy, latency, read_questions  # noqa: PLC0415

    agent = load_agent(model)
    asyncio.run(agent.parse_message("你好"))
    start = time.time() - float(os.environ["BENCH_STARTED"])
    asked = read_questions(questions)
    results = asyncio.run(parse_all(agent, asked))
    found = accuracy(results)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "start_s": start,
                "memory_mib": memory,
                **latency(results[:_PARSED_AT_MOST]),
                "top1": found["top1"],
                "top3": found["top3"],
            }
        )
    )


NAMES = ("ours", "stock", "whole")
ROWS = (
    ("training, s", "train", "seconds", 1),
    ("training, peak MiB", "train", "peak_mib", 1),
    ("start to first answer, s", "serve", "start_s", 1),
    ("memory of the process, MiB", "serve", "memory_mib", 1),
    ("parse p50, ms", "serve", "p50_ms", 1),
    ("parse p95, ms", "serve", "p95_ms", 1),
    ("top-1, %", "serve", "top1", 100),
    ("top-3, %", "serve", "top3", 100),
)


def show(results: dict[str, dict[str, Any]]) -> None:
    """The table, with ratios."""
    print(f"\n  {'':<28} {'ours':>10} {'stock':>10} {'stock/ours':>11} {'ours, all sentences':>20}")
    for label, part, key, factor in ROWS:
        ours, stock, whole = (factor * results[name][part][key] for name in NAMES)
        print(f"  {label:<28} {ours:>10.1f} {stock:>10.1f} {stock / ours:>11.2f} {whole:>20.1f}")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=Path, default=HELD_OUT)
    parser.add_argument("--per-intent", type=int, default=15, help="sentences of each intent for the comparison")
    parser.add_argument("--epochs", type=int, default=100, help="of the stock pipeline's DIETClassifier; Rasa's default is 300")
    parser.add_argument("--repeat", type=int, default=3, help="starts of each")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options.child, options.questions)
        return
    results: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stock, some = Path(folder) / "stock.yml", Path(folder) / "sentences"
        stock.write_text(STOCK.format(epochs=options.epochs), encoding="utf-8")
        some.mkdir()
        print(f"── bench: {some_sentences(options.per_intent, some)} sentences for both", flush=True)
        ours, everything = ROOT / "config.yml", ROOT / "data" / "nlu"
        models = {name: Path(folder) / f"{name}.tar.gz" for name in NAMES}
        for name, config, data in (("ours", ours, some), ("stock", stock, some), ("whole", ours, everything)):
            print(f"── bench: training {name}", flush=True)
            results[name]["train"] = train(config, data, models[name])
            print(f"   {results[name]['train']['seconds']:.0f} s", flush=True)
        served: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
        for turn in range(options.repeat):
            for name, model in models.items():
                print(f"── bench: start {turn + 1} of {name}", flush=True)
                served[name].append(serve_once(model, options.questions))
    for name, runs in served.items():
        results[name]["serve"] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    show(results)
    target = ROOT / "results" / "bench-nlu.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(f"\n  written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
