"""What an operator's own labelled questions would add: make worth EVAL=file.tsv

k-fold cross-validation: every question is asked of a model trained on our own sentences alone, and of one that has also seen the
questions of the other folds. The encoder stays as it is; n-grams and the encoder's head are trained. Nothing is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.nlu import encoder, normaliser  # noqa: E402
from bot.nlu.encoder import Encoder, Vectors, remembered_vectors  # noqa: E402
from bot.nlu.ensemble import STEPS, EnsembleSettings, Head, fit_head, mix  # noqa: E402
from bot.nlu.evaluation import UNCLEAR, Question, read_questions, share  # noqa: E402
from bot.nlu.features import Featuriser  # noqa: E402
from bot.nlu.ngrams import NgramModel, Scores, Settings, fit_linear  # noqa: E402
from bot.nlu.training_sentences import read  # noqa: E402

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Material:
    """Canonical texts with what each scorer needs of them; `gold` is −1 where there is no label to learn from."""

    texts: Sequence[str]
    gold: Labels
    vectors: Vectors | None

    def take(self, rows: Sequence[int]) -> Material:
        """Some of it."""
        vectors = None if self.vectors is None else self.vectors[list(rows)]
        return Material([self.texts[i] for i in rows], self.gold[list(rows)], vectors)

    def plus(self, other: Material) -> Material:
        """Both, one after the other."""
        vectors = None if self.vectors is None or other.vectors is None else np.vstack([self.vectors, other.vectors])
        return Material([*self.texts, *other.texts], np.concatenate([self.gold, other.gold]), vectors)


def scores(trained_on: Material, asked: Material, names: tuple[str, ...], sharpness: float) -> Scores:
    """Log probabilities (up to a constant) of each intent for each question asked."""
    settings = Settings()
    featuriser = Featuriser.fit(trained_on.texts, settings.longest, settings.at_least)
    weights, bias = fit_linear(featuriser.matrix(trained_on.texts), trained_on.gold, len(names), settings)
    model = NgramModel(names, featuriser, weights, bias, sharpness)
    alone = np.stack([model.log_probabilities(text) for text in asked.texts])
    if trained_on.vectors is None or asked.vectors is None:
        return alone
    chosen = EnsembleSettings()
    found = fit_head(LogisticRegression(C=chosen.head_cost, max_iter=STEPS), trained_on.vectors, trained_on.gold)
    head = Head(found.weights, found.bias).log_probabilities(asked.vectors)
    return mix(alone, head, chosen.encoder_weight)


def line(name: str, questions: Sequence[Question], ranked: Sequence[Sequence[str]]) -> str:
    """top-1 and top-3 of the in-scope questions."""
    pairs = [(question, best) for question, best in zip(questions, ranked, strict=True) if question.in_scope]
    top1 = share(best[0] in question.gold for question, best in pairs) or 0.0
    top3 = share(bool(question.gold & set(best[:3])) for question, best in pairs) or 0.0
    return f"  {name:<44} {100 * top1:5.1f}  {100 * top3:5.1f}"


def material(texts: Sequence[str], gold: Sequence[int], found: Encoder | None) -> Material:
    """Canonical texts and, with an encoder, their vectors."""
    vectors = remembered_vectors(found, texts) if found else None
    return Material(texts, np.asarray(gold, dtype=np.int64), vectors)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="TSV with the columns id, text, gold, also, kind, source")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    try:
        questions = read_questions(options.file)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    normal, found = normaliser.shared(), encoder.available(threads=2)
    own_texts, own_intents = read(ROOT / "data" / "nlu")
    names = tuple(sorted(set(own_intents)))
    own = material(own_texts, [names.index(intent) for intent in own_intents], found)
    labels = [min(question.gold - {UNCLEAR}, default=None) for question in questions]
    asked_texts = [normal.canonical(normal.surface(question.text)).text for question in questions]
    asked = material(asked_texts, [names.index(label) if label in names else -1 for label in labels], found)
    print(
        f"{len(own_texts)} own sentences, {len(questions)} questions, {options.folds} folds\n\n{'':<46} top-1  top-3", flush=True
    )
    sharpness = NgramModel.train(own.texts, [names[i] for i in own.gold], Settings()).sharpness

    def ranked(found_scores: Scores) -> list[list[str]]:
        return [[names[i] for i in np.argsort(-row)[:3]] for row in found_scores]

    print(line("own sentences", questions, ranked(scores(own, asked, names, sharpness))), flush=True)
    result = np.zeros((len(questions), len(names)))
    for seen, unseen in KFold(options.folds, shuffle=True, random_state=0).split(asked_texts):
        others = asked.take([i for i in seen if asked.gold[i] >= 0])
        result[unseen] = scores(own.plus(others), asked.take(list(unseen)), names, sharpness)
    print(line("own sentences and the other folds' questions", questions, ranked(result)))


if __name__ == "__main__":
    main()
