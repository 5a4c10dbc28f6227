"""How a message is worded for the encoder, and which sentences its fine-tuning never sees."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"\d+(?:\.\d+)?|\*")
_HELD_OUT_OF = 10


def wording(canonical: str) -> str:
    """Canonical text with each number, masked or not, as 0: which one it is says nothing about the intent."""
    return _NUMBER.sub("0", canonical).strip()


def held_out(text: str) -> bool:
    """Whether fine-tuning leaves this wording out (one in ten), so that calibration has sentences the encoder never saw.

    Decided by the wording alone: it holds for sentences written later too, and no list has to be kept.
    """
    return hashlib.sha256(text.encode()).digest()[0] % _HELD_OUT_OF == 0


def held_out_rows(canonical_texts: Sequence[str], gold: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which sentences to calibrate on: those `held_out`, but none of an intent that would have no other sentence left."""
    result = np.asarray([held_out(wording(text)) for text in canonical_texts])
    left = set(gold[~result].tolist())
    return np.asarray(result & np.asarray([label in left for label in gold.tolist()]))
