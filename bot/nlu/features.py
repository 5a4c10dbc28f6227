"""Sparse features of a message: character n-grams over the whole text (across word borders) and Jieba words, weighted by TF-IDF.

Counting is done here and not by scikit-learn's vectorisers, so that training and serving run the same lines and the result can
be stored as JSON and arrays instead of a pickle.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bot.nlu import segmenter

_NUMBER = re.compile(r"\d+(?:\.\d+)?|\*")
_NOT_WORD = re.compile(r"[^\w]+")
_START, _END = "^", "$"
_BORDERS = _START + _END


def prepare(canonical: str) -> str:
    """Canonical text with numbers (masked ones too) as 0 and each run of punctuation as one space.

    Which amount or date it is says nothing about the intent, that there is one does.
    """
    return _NOT_WORD.sub(" ", _NUMBER.sub("0", canonical)).strip()


def character_ngrams(text: str, longest: int) -> Iterable[str]:
    """All runs of 1 to `longest` characters, the borders of the message counted as characters, but none of borders alone."""
    bordered = f"{_START}{text}{_END}"
    for size in range(1, longest + 1):
        for start in range(len(bordered) - size + 1):
            run = bordered[start : start + size]
            if run.strip(_BORDERS):
                yield run


def word_ngrams(text: str) -> Iterable[str]:
    """Jieba words and pairs of neighbouring words."""
    words = [word for word in segmenter.words(text) if not word.isspace()]
    yield from words
    for left, right in pairwise(words):
        yield f"{left}\t{right}"


Row = tuple[NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True)
class Block:
    """One kind of feature: its vocabulary (term → column within the block) and the inverse document frequency of each term."""

    vocabulary: dict[str, int]
    idf: NDArray[np.float32]

    @classmethod
    def fit(cls, documents: Sequence[Sequence[str]], at_least: int) -> Block:
        """Keep the terms that occur in at least `at_least` documents."""
        frequency = Counter(term for document in documents for term in set(document))
        kept = sorted(term for term, count in frequency.items() if count >= at_least)
        weights = [math.log((1 + len(documents)) / (1 + frequency[term])) + 1 for term in kept]
        return cls({term: column for column, term in enumerate(kept)}, np.asarray(weights, dtype=np.float32))

    def row(self, terms: Iterable[str]) -> Row:
        """Columns and weights (1 + log of the count, times IDF, length 1) of one message."""
        counts = Counter(column for term in terms if (column := self.vocabulary.get(term)) is not None)
        columns = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
        values = (1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))) * self.idf[columns]
        length = float(np.sqrt(np.square(values).sum()))
        return columns, (values / length if length else values).astype(np.float32)


@dataclass(frozen=True)
class Featuriser:
    """Character n-grams and words side by side."""

    characters: Block
    words: Block
    longest: int

    @classmethod
    def fit(cls, canonical_texts: Sequence[str], longest: int, at_least: int) -> Featuriser:
        """Collect the vocabulary of the training sentences."""
        texts = [prepare(text) for text in canonical_texts]
        return cls(
            characters=Block.fit([list(character_ngrams(text, longest)) for text in texts], at_least),
            words=Block.fit([list(word_ngrams(text)) for text in texts], at_least),
            longest=longest,
        )

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.characters.idf) + len(self.words.idf)

    def row(self, canonical: str) -> Row:
        """Columns and weights of one message."""
        text = prepare(canonical)
        character_columns, character_values = self.characters.row(character_ngrams(text, self.longest))
        word_columns, word_values = self.words.row(word_ngrams(text))
        columns = np.concatenate([character_columns, word_columns + len(self.characters.idf)])
        return columns.astype(np.int32), np.concatenate([character_values, word_values])

    def matrix(self, canonical_texts: Sequence[str]) -> csr_matrix:
        """One row for each text."""
        rows = [self.row(text) for text in canonical_texts]
        pointers = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns = np.concatenate([columns for columns, _ in rows])
        values = np.concatenate([values for _, values in rows])
        return csr_matrix((values, columns, pointers), shape=(len(rows), self.size))
