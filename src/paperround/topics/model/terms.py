"""Terms: the single words of a vocabulary, whether one or many are meant, and what share of a text's a paper
says. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Self

import numpy as np

from paperround.topics.model.phrases import split_content_words
from paperround.topics.model.sparse import EMPTY, Columns, Floats, Row
from paperround.topics.model.vocabulary import MAX_PHRASES, Vocabulary

COMMON_WORD_WEIGHT: Final = 0.7  # of a word that is in so many papers that the vocabulary leaves it out
COMMON_WORD_GRANTED: Final = 0.5  # the share of it that every paper is taken to say
MIN_PLURAL_LENGTH: Final = 4  # letters; shorter words, such as "gas", stay as they are
PLURALS_IN_ES: Final = ("sses", "xes", "ches", "shes", "zes")


@lru_cache(maxsize=100_000)
def fold_plural(word: str) -> str:
    """Bring an English plural to its singular, or to something that both have in common."""
    if len(word) < MIN_PLURAL_LENGTH or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > MIN_PLURAL_LENGTH:
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(PLURALS_IN_ES) else word[:-1]


def fold_phrase(text: str) -> str:
    """Fold a text's content words, joined by single spaces."""
    return " ".join(map(fold_plural, split_content_words(text)))


class SaidShare(NamedTuple):
    """How much of a text a paper says: `granted`, and the weights of those terms that it has.

    Altogether they come to 1 at most; terms that no paper has are missing.
    """

    terms: Row
    granted: float


@dataclass(frozen=True)
class Terms:
    """The terms of a vocabulary by number."""

    numbers: dict[str, int]
    of_columns: Columns  # shape (phrases,): the term of a phrase of one word, −1 for longer ones
    weights: Floats  # shape (terms,): ln of how rare each is
    common_words: frozenset[str]  # words in so many papers that the vocabulary leaves them out

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> Self:
        """Number a vocabulary's terms. A term is as rare as its more frequent form."""
        numbers: dict[str, int] = {}
        of_columns = np.full(len(vocabulary.phrases), -1, np.int32)
        for column, phrase in enumerate(vocabulary.phrases):
            if " " not in phrase:
                of_columns[column] = numbers.setdefault(fold_plural(phrase), len(numbers))
        weights = np.full(len(numbers), np.inf, np.float32)
        single = np.flatnonzero(of_columns >= 0)
        np.minimum.at(weights, of_columns[single], vocabulary.idf[single] - 1)
        return cls(numbers, of_columns, weights, _find_common_words(vocabulary) - numbers.keys())

    def of_row(self, row: Row) -> Columns:
        """List the terms of a paper by its row, ascending."""
        terms = self.of_columns[row.columns]
        said: Columns = np.unique(terms[terms >= 0])
        return said

    def share_of(self, text: str) -> SaidShare:
        """Weigh the terms of a text by how rare they are. A word that no paper has counts as the rarest."""
        rarest = float(self.weights.max()) if len(self.weights) else 1.0
        weights: dict[int, float] = defaultdict(float)
        total = granted = 0.0
        for word in dict.fromkeys(map(fold_plural, split_content_words(text))):
            number = self.numbers.get(word)
            if number is not None:
                weights[number] = float(self.weights[number])
                total += weights[number]
            elif word in self.common_words:
                total += COMMON_WORD_WEIGHT
                granted += COMMON_WORD_WEIGHT * COMMON_WORD_GRANTED
            else:
                total += rarest
        if total <= 0:
            return SaidShare(EMPTY, 0.0)
        terms = np.array(sorted(weights), np.int32)
        shares = np.array([weights[term] / total for term in terms.tolist()], np.float32)
        return SaidShare(Row(terms, shares), granted / total)


def _find_common_words(vocabulary: Vocabulary) -> frozenset[str]:
    """Find the words of longer phrases.

    One that isn't a phrase itself is in too many papers. Where the vocabulary is full, the rarest phrases
    tell nothing: the word alone may be as rare, and have been left out for that.
    """
    frequencies = vocabulary.document_frequencies
    rarest = int(frequencies.min()) if len(frequencies) >= MAX_PHRASES else 0
    telling = [vocabulary.phrases[column] for column in np.flatnonzero(frequencies > rarest).tolist()]
    return frozenset(fold_plural(word) for phrase in telling if " " in phrase for word in phrase.split())
