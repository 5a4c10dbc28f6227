"""The n-gram model and a linear head over the encoder's vectors, averaged (docs/nlu.md, section Encoder)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bot.nlu.encoder import Encoder, Vectors, remembered_vectors
from bot.nlu.ngrams import ENOUGH_TO_CALIBRATE, Labels, NgramModel, Scores, fit_sharpness, log_softmax
from bot.nlu.wording import held_out_rows

_SCALE = 8.0
_FORMAT = 1
STEPS, FURTHER_STEPS = 50, 20
"""Of the optimiser: from nothing, and from where the fit on nine tenths of the sentences ended (docs/nlu.md)."""


@dataclass(frozen=True)
class EnsembleSettings:
    """What was chosen by measurement; docs/nlu.md has the tables."""

    encoder_weight: float = 0.5
    head_cost: float = 0.3
    ensemble_prudence: float = 0.83
    """How much blunter than held-out sentences of the same writers suggest. Measured on our own sentences: a model of the earlier
    rounds, asked about the latest round, needs 0.83 of the sharpness that its own held-out sentences ask for (docs/nlu.md)."""


@dataclass(frozen=True)
class Head:
    """scores = sharpness × (vector · weights + bias)."""

    weights: Vectors
    bias: Vectors
    sharpness: float = 1.0

    def log_probabilities(self, vectors: Vectors) -> Scores:
        """Along the last axis, natural log."""
        return log_softmax(np.asarray(vectors @ self.weights + self.bias, dtype=np.float64) * self.sharpness)


@dataclass(frozen=True)
class Ensemble:
    """A scorer: weighted geometric mean of both, sharpened or blunted so that 0.8 means four in five."""

    ngrams: NgramModel
    encoder: Encoder
    head: Head
    encoder_weight: float
    sharpness: float

    @property
    def intents(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""
        return self.ngrams.intents

    def log_probabilities(self, canonical: str) -> Scores:
        """See `bot.nlu.ngrams.Scorer`. A message of which the n-grams know nothing has no favourite."""
        alone = self.ngrams.log_probabilities(canonical)
        if np.ptp(alone) == 0:
            return alone
        mixed = mix(alone, self.head.log_probabilities(self.encoder.vector(canonical)), self.encoder_weight)
        return log_softmax(mixed * self.sharpness)

    def save(self, folder: Path) -> None:
        """Write ensemble.json and head.npz beside the n-gram model; of the encoder only the checksum."""
        description = {
            "format": _FORMAT,
            "encoder": self.encoder.checksum,
            "encoder_weight": self.encoder_weight,
            "head_sharpness": self.head.sharpness,
            "sharpness": self.sharpness,
        }
        (folder / "ensemble.json").write_text(json.dumps(description), encoding="utf-8")
        np.savez_compressed(folder / "head.npz", weights=self.head.weights, bias=self.head.bias)

    @classmethod
    def load(cls, folder: Path, ngrams: NgramModel, encoder: Encoder) -> Ensemble:
        """Read what `save` wrote. Raises ValueError for another format or a head made for another encoder."""
        description = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
        if description["format"] != _FORMAT or description["encoder"] != encoder.checksum:
            raise ValueError("the model was trained with another encoder than the one in models/encoder: make train")
        with np.load(folder / "head.npz", allow_pickle=False) as arrays:
            head = Head(arrays["weights"], arrays["bias"], description["head_sharpness"])
        return cls(ngrams, encoder, head, description["encoder_weight"], description["sharpness"])


def was_saved(folder: Path) -> bool:
    """Whether `Ensemble.save` wrote into this folder."""
    return (folder / "ensemble.json").is_file()


def mix(ngrams: Scores, head: Scores, weight: float) -> Scores:
    """Weighted mean of log probabilities; not normalised."""
    return np.asarray((1 - weight) * ngrams + weight * head)


def train(
    ngrams: NgramModel, unseen: Scores, texts: Sequence[str], intents: Sequence[str], encoder: Encoder, settings: EnsembleSettings
) -> Ensemble:
    """Fit the head on all sentences. `unseen` are log probabilities that `NgramModel.train_with_held_out` gives.

    What is calibrated is calibrated on the tenth of the sentences that the encoder's fine-tuning left out, with a head that has
    not seen them either. With too few of them everything stays as sharp as it came.
    """
    vectors = remembered_vectors(encoder, texts)
    gold = np.asarray([ngrams.intents.index(intent) for intent in intents], dtype=np.int64)
    kept_out = held_out_rows(texts, gold)
    regression = LogisticRegression(C=settings.head_cost, max_iter=STEPS, warm_start=True)
    head_sharpness = sharpness = 1.0
    if kept_out.sum() >= ENOUGH_TO_CALIBRATE:
        partial = fit_head(regression, vectors[~kept_out], gold[~kept_out])
        asked, answers = vectors[kept_out], gold[kept_out]
        head_sharpness = fit_sharpness(np.asarray(asked @ partial.weights + partial.bias, dtype=np.float64), answers)
        found = Head(partial.weights, partial.bias, head_sharpness).log_probabilities(asked)
        sharpness = fit_sharpness(mix(unseen[kept_out], found, settings.encoder_weight), answers) * settings.ensemble_prudence
        regression.max_iter = FURTHER_STEPS
    whole = fit_head(regression, vectors, gold)
    return Ensemble(ngrams, encoder, Head(whole.weights, whole.bias, head_sharpness), settings.encoder_weight, sharpness)


def fit_head(regression: LogisticRegression, vectors: Vectors, gold: Labels) -> Head:
    """Goes on from where the last fit of the same regression ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 80 steps are as good as 200 (docs/nlu.md)
        regression.fit(vectors * _SCALE, gold)
    weights, bias = regression.coef_.T * _SCALE, regression.intercept_
    if weights.shape[1] == 1:  # scikit-learn gives one separator for two classes
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.hstack([-bias / 2, bias / 2])
    return Head(weights.astype(np.float32), bias.astype(np.float32))
