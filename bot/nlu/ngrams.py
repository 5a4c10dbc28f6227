"""The linear intent model over n-grams: training, calibrated probabilities, storage without pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from bot.nlu.features import Block, Featuriser
from bot.nlu.wording import held_out_rows

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]
ENOUGH_TO_CALIBRATE = 100
"""Held-out sentences without which a sharpness would be a guess."""
_FORMAT = 1


class Scorer(Protocol):
    """Anything that knows the intents: the n-gram model here, a sentence encoder when its files are there (docs/nlu.md)."""

    @property
    def intents(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""

    def log_probabilities(self, canonical: str) -> Scores:
        """Natural log of the probability of each of `intents`."""


@dataclass(frozen=True)
class Settings:
    """What was chosen by measurement; docs/nlu.md has the table."""

    longest: int = 3
    at_least: int = 2
    cost: float = 0.5
    folds: int = 3
    prudence: float = 0.8
    """Held-out own sentences were written by the same people as the rest, real questions were not, so the model is surer of
    itself than it should be. This factor on the sharpness makes up for it: the one number read off the evaluation data."""


def log_softmax(scores: Scores) -> Scores:
    """Along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def fit_sharpness(scores: Scores, gold: NDArray[np.int64]) -> float:
    """The factor on held-out scores that makes softmax probabilities most likely (1 / temperature)."""

    def loss(log_factor: float) -> float:
        chosen = log_softmax(scores * np.exp(log_factor))[np.arange(len(gold)), gold]
        return -float(chosen.mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 4), method="bounded").x))


@dataclass(frozen=True)
class NgramModel:
    """scores = features · weights + bias, probabilities = softmax(sharpness × scores)."""

    intents: tuple[str, ...]
    featuriser: Featuriser
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    sharpness: float

    @classmethod
    def train(cls, texts: Sequence[str], intents: Sequence[str], settings: Settings) -> NgramModel:
        """Fit on canonical texts; the sharpness is fitted on cross-validated scores of the same sentences.

        Raises ValueError when there are fewer than two intents or an intent has fewer sentences than there are folds.
        """
        return cls.train_with_held_out(texts, intents, settings)[0]

    @classmethod
    def train_with_held_out(cls, texts: Sequence[str], intents: Sequence[str], settings: Settings) -> tuple[NgramModel, Scores]:
        """As `train`, and log probabilities of the sentences of `splits` by a model that has not seen them (others: NaN)."""
        names = tuple(sorted(set(intents)))
        gold = np.asarray([names.index(intent) for intent in intents], dtype=np.int64)
        counts = np.bincount(gold, minlength=len(names))
        if len(names) < 2 or counts.min() < settings.folds:
            raise ValueError(f"need two intents and {settings.folds} sentences for each; fewest: {names[int(counts.argmin())]}")
        featuriser = Featuriser.fit(texts, settings.longest, settings.at_least)
        matrix = featuriser.matrix(texts)
        held_out = np.full((len(texts), len(names)), np.nan)
        for seen, unseen in splits(texts, gold, settings.folds):
            weights, bias = fit_linear(matrix[seen], gold[seen], len(names), settings)
            held_out[unseen] = matrix[unseen] @ weights + bias
        scored = ~np.isnan(held_out[:, 0])
        sharpness = settings.prudence * fit_sharpness(held_out[scored], gold[scored])
        weights, bias = fit_linear(matrix, gold, len(names), settings)
        return cls(names, featuriser, weights, bias, sharpness), log_softmax(held_out * sharpness)

    def scores(self, canonical: str) -> Scores:
        """The raw score of each intent: all alike for a message of which nothing is known (a smiley, 。。。, gibberish)."""
        columns, values = self.featuriser.row(canonical)
        if not len(columns):
            return np.zeros(len(self.intents))
        return np.asarray(values @ self.weights[columns] + self.bias, dtype=np.float64)

    def log_probabilities(self, canonical: str) -> Scores:
        """Calibrated; see `Scorer`."""
        return log_softmax(self.scores(canonical) * self.sharpness)

    def save(self, folder: Path) -> None:
        """Write model.json and weights.npz."""
        description = {
            "format": _FORMAT,
            "intents": self.intents,
            "sharpness": self.sharpness,
            "longest": self.featuriser.longest,
            "characters": list(self.featuriser.characters.vocabulary),
            "words": list(self.featuriser.words.vocabulary),
        }
        (folder / "model.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(
            folder / "weights.npz",
            weights=self.weights.astype(np.float16),
            bias=self.bias,
            characters=self.featuriser.characters.idf,
            words=self.featuriser.words.idf,
        )

    @classmethod
    def load(cls, folder: Path) -> NgramModel:
        """Read what `save` wrote. Raises ValueError for another format, FileNotFoundError when there is none."""
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if description["format"] != _FORMAT:
            raise ValueError(f"n-gram model format {description['format']}, expected {_FORMAT}: train again")
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            featuriser = Featuriser(
                characters=Block({term: i for i, term in enumerate(description["characters"])}, arrays["characters"]),
                words=Block({term: i for i, term in enumerate(description["words"])}, arrays["words"]),
                longest=description["longest"],
            )
            weights, bias = arrays["weights"].astype(np.float32), arrays["bias"]
        return cls(tuple(description["intents"]), featuriser, weights, bias, description["sharpness"])


def splits(texts: Sequence[str], gold: Labels, folds: int) -> Iterator[tuple[Labels, Labels]]:
    """(seen, unseen) rows to calibrate on: the tenth that the encoder's fine-tuning leaves out too, or, when that is too little
    to calibrate on, a stratified `folds`-fold cross-validation over everything.
    """
    kept_out = held_out_rows(texts, gold)
    if kept_out.sum() >= ENOUGH_TO_CALIBRATE:
        yield np.flatnonzero(~kept_out), np.flatnonzero(kept_out)
        return
    yield from StratifiedKFold(folds, shuffle=True, random_state=0).split(np.zeros(len(texts)), gold)


def fit_linear(
    matrix: csr_matrix, gold: Labels, classes: int, settings: Settings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (features × classes) and bias of one linear separator for each intent against the rest."""
    machine = LinearSVC(C=settings.cost, random_state=0, max_iter=3000).fit(matrix, gold)
    weights, bias = machine.coef_.T, machine.intercept_
    if classes == 2:  # scikit-learn gives one separator for two classes
        weights, bias = np.hstack([-weights, weights]), np.hstack([-bias, bias])
    return weights.astype(np.float32), bias.astype(np.float32)
