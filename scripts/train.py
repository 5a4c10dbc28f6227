"""Train the Rasa model when something that shapes it has changed.

    .venv-nlu/bin/python scripts/train.py            train unless models/ has the model of the present data
    .venv-nlu/bin/python scripts/train.py --check    print the path of that model; exit 1 when it is not there

The archive is named after a hash of everything it is made from: models/suixing-<12 hex digits>.tar.gz.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
INPUTS = (
    "config.yml",
    "domain.yml",
    "requirements/nlu.txt",
    "bot/nlu",
    "data/nlu",
    "data/rules",
    "data/stories",
    "data/lexicon",
    "data/local",
    "models/encoder/encoder.int8.onnx",
    "models/encoder/tokenizer.json",
)
DATA_FOLDERS = ("data/nlu", "data/rules", "data/stories", "data/local")
KEPT_OLD_ARCHIVES = 3
SECONDS_AT_MOST = 1800
# The rest of Rasa's output (warnings of its old dependencies, hundreds of progress bars) appears on failure only.
WORTH_SHOWING = re.compile(r"\b(?:INFO|ERROR)\s+(?:rasa\.engine|bot\.nlu)\S*\s+-\s+(?P<text>.*)")


def inputs(without: Collection[Path] = ()) -> Iterator[Path]:
    """All files the model depends on, in a fixed order; `without`: files taken as if they were not there."""
    for name in INPUTS:
        path = ROOT / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(
                file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts and file not in without
            )


def content_hash(without: Collection[Path] = ()) -> str:
    """12 hex digits over names and contents of `inputs`."""
    digest = hashlib.sha256()
    for path in inputs(without):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def current_model(without: Collection[Path] = ()) -> Path:
    """Where the model of the present data is or will be."""
    return MODELS / f"suixing-{content_hash(without)}.tar.gz"


def environment() -> dict[str, str]:
    """No telemetry, no GPU, no TensorFlow chatter, no progress bars."""
    return os.environ | {
        "RASA_TELEMETRY_ENABLED": "false",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TQDM_DISABLE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
    }


def data_paths(without: Collection[Path] = ()) -> list[str]:
    """What Rasa reads, relative to the root: whole folders, and the other files of a folder with a file left out."""
    found: list[str] = []
    for folder in (ROOT / name for name in DATA_FOLDERS):
        if any(folder in path.parents for path in without):
            files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file not in without)
            found += [str(file.relative_to(ROOT)) for file in files]
        elif folder.is_dir():
            found.append(str(folder.relative_to(ROOT)))
    return found


def train(target: Path, without: Collection[Path] = ()) -> None:
    """Run `rasa train`; the archive gets its name only when it is complete. Exits with Rasa's last lines when it fails."""
    started = time.monotonic()
    print(f"── model: training {target.name} (about a minute)", flush=True)
    with tempfile.TemporaryDirectory(prefix="training-", dir=MODELS) as scratch:
        command = [
            *(sys.executable, "-W", "ignore", "-m", "rasa", "train", "--domain", "domain.yml", "--config", "config.yml"),
            *("--data", *data_paths(without), "--out", scratch, "--fixed-model-name", "model"),
        ]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )
        lines = list(_shown(process))
        status = process.wait(timeout=SECONDS_AT_MOST)
        archive = Path(scratch) / "model.tar.gz"
        if status != 0 or not archive.is_file():
            sys.exit("".join(lines[-40:]) + f"\nrasa train failed with status {status}")
        archive.replace(target)
    print(f"── model: ready after {time.monotonic() - started:.0f} s", flush=True)


def _shown(process: subprocess.Popen[str]) -> Iterator[str]:
    """The lines of the process; the interesting ones are printed as they come."""
    for line in process.stdout or ():
        if match := WORTH_SHOWING.search(line):
            print(f"   {match.group('text')}", flush=True)
        yield line


def forget_old(current: Path) -> None:
    """Remove all but the newest few archives of other data."""
    others = sorted(MODELS.glob("suixing-*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [path for path in others if path != current][KEPT_OLD_ARCHIVES:]:
        path.unlink()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="only print the path of the present model; exit 1 when it is missing"
    )
    options = parser.parse_args()
    target = current_model()
    if options.check:
        print(target)
        sys.exit(0 if target.is_file() else 1)
    MODELS.mkdir(exist_ok=True)
    if target.is_file():
        target.touch()  # the newest is the one in use
        print(f"── model: {target.name} is up to date")
        return
    train(target)
    if current_model() != target:
        target.unlink()  # nobody knows which version of the data is in it
        sys.exit("the data changed during training: run it again")
    forget_old(target)


if __name__ == "__main__":
    main()
