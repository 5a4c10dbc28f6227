"""The sentence encoder under models/encoder: a message → 384 numbers, by onnxruntime on one core (docs/nlu.md, Encoder).

The encoder itself is built by `make encoder` and stays as it is; which intents there are is learnt by `bot.nlu.ensemble`, a
linear layer over its vectors that every `rasa train` fits anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bot.nlu import lexicon
from bot.nlu.unigram import UnigramTokeniser
from bot.nlu.wording import wording

Vectors = NDArray[np.float32]

MODEL_FILE, TOKENISER_FILE, CARD_FILE = "encoder.int8.onnx", "tokenizer.json", "card.json"
LONGEST = 64
"""Ids of one message at most (about 90 characters); the rest of a long story does not change what it is about."""

_BATCH = 32
_REMEMBERED = 60_000


def folder() -> Path:
    """models/encoder of this checkout, or the folder that SUIXING_ENCODER names."""
    return Path(os.environ.get("SUIXING_ENCODER", str(lexicon.ROOT / "models" / "encoder")))


def cache_folder() -> Path:
    """Where vectors of sentences are kept between trainings."""
    return lexicon.ROOT / ".cache" / "encoder"


def checksum(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """What stands for the encoder in the fingerprint of a component: its checksum, or that there is none."""
    file = folder() / MODEL_FILE
    return checksum(file) if file.is_file() else "no encoder"


class Encoder:
    """One session. Vectors have length 1."""

    def __init__(self, place: Path, threads: int = 1) -> None:
        """Raises FileNotFoundError when a file is missing, ValueError when the model is not the one its card describes."""
        file = place / MODEL_FILE
        self.tokeniser = UnigramTokeniser.load(place / TOKENISER_FILE)
        self.checksum = checksum(file)
        described = json.loads((place / CARD_FILE).read_text(encoding="utf-8"))["sha256"][MODEL_FILE]
        if described != self.checksum:
            raise ValueError(f"{file} has SHA-256 {self.checksum}, its card says {described}: restore it or run make encoder")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads must not take others' cores
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def vector(self, canonical: str) -> Vectors:
        """Of one message."""
        return np.asarray(self._run(self.tokeniser.ids(wording(canonical), LONGEST)[None])[0])

    def vectors(self, canonical_texts: Sequence[str]) -> Vectors:
        """Of many, one row each; texts of the same length go through together."""
        rows = [self.tokeniser.ids(wording(text), LONGEST) for text in canonical_texts]
        result = np.zeros((len(rows), 0), dtype=np.float32)
        by_length: dict[int, list[int]] = {}
        for i, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(i)
        for members in by_length.values():
            for start in range(0, len(members), _BATCH):
                part = members[start : start + _BATCH]
                found = self._run(np.stack([rows[i] for i in part]))
                if not result.shape[1]:
                    result = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
                result[part] = found
        return result

    def _run(self, ids: NDArray[np.int64]) -> Vectors:
        return np.asarray(self._session.run(["vector"], {"ids": ids})[0], dtype=np.float32)


def available(threads: int = 1) -> Encoder | None:
    """The encoder, or None when its files are not there: then the n-grams work alone."""
    place = folder()
    return Encoder(place, threads) if (place / MODEL_FILE).is_file() else None


def remembered_vectors(encoder: Encoder, canonical_texts: Sequence[str]) -> Vectors:
    """`vectors`, with those of earlier trainings read from the cache."""
    file = cache_folder() / f"{encoder.checksum[:16]}.npz"
    keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in canonical_texts]
    known: dict[str, Vectors] = {}
    if file.is_file():
        with np.load(file, allow_pickle=False) as stored:
            known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    new = {key: text for key, text in zip(keys, canonical_texts, strict=True) if key not in known}
    if new:
        known.update(zip(new, encoder.vectors(list(new.values())), strict=True))
        used = sorted(known if len(known) <= _REMEMBERED else set(keys))
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(f".{os.getpid()}.npz")
        np.savez(scratch, keys=np.asarray(used), vectors=np.stack([known[key] for key in used]))
        scratch.replace(file)
    return np.stack([known[key] for key in keys])
