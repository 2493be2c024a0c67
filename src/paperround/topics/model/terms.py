"""Terms: the single words of a vocabulary, whether one or many are meant, and what share of a text's a paper
says. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self, TypeAlias

from paperround.arrays import np
from paperround.topics.model.abbreviations import NONE, Abbreviations
from paperround.topics.model.phrases import MAX_PHRASE_WORDS, split_content_words
from paperround.topics.model.plurals import fold_plural
from paperround.topics.model.sparse import Columns, Floats, Row, empty_row
from paperround.topics.model.vocabulary import MAX_PHRASES, Vocabulary

Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"

COMMON_WORD_WEIGHT: Final = 0.7  # of a word that is in so many papers that the vocabulary leaves it out
COMMON_WORD_GRANTED: Final = 0.5  # the share of it that every paper is taken to say


class ImpliedTerms(NamedTuple):
    """Terms that a paper says in other words, where it has all of the `others` (columns) too."""

    others: frozenset[int]
    terms: Columns


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
    implied: Mapping[int, Sequence[ImpliedTerms]]  # by the first column that tells of them

    @classmethod
    def of(cls, vocabulary: Vocabulary, abbreviations: Abbreviations = NONE) -> Self:
        """Number a vocabulary's terms. A term is as rare as its more frequent form."""
        numbers: dict[str, int] = {}
        of_columns = np.full(len(vocabulary.phrases), -1, np.int32)
        for column, phrase in enumerate(vocabulary.phrases):
            if " " not in phrase:
                of_columns[column] = numbers.setdefault(fold_plural(phrase), len(numbers))
        weights = np.full(len(numbers), np.inf, np.float32)
        single = np.flatnonzero(of_columns >= 0)
        np.minimum.at(weights, of_columns[single], vocabulary.idf[single] - 1)
        common = _find_common_words(vocabulary) - numbers.keys()
        return cls(numbers, of_columns, weights, common, _list_implied(vocabulary, numbers, abbreviations))

    def of_row(self, row: Row) -> Columns:
        """List the terms of a paper by its row, ascending.

        With them come those that its abbreviations stand for, and the abbreviations of what it spells out.
        """
        terms = self.of_columns[row.columns]
        held = row.columns[self._is_telling[row.columns]].tolist()
        present = frozenset(row.columns.tolist()) if held else frozenset()
        implied = [rule.terms for column in held for rule in self.implied[column] if rule.others <= present]
        said: Columns = np.unique(np.concatenate([terms[terms >= 0], *implied])).astype(np.int32)
        return said

    @cached_property
    def _is_telling(self) -> Flags:
        flags = np.zeros(len(self.of_columns), np.bool_)
        flags[np.array(list(self.implied), np.intp)] = True
        return flags

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
            return SaidShare(empty_row(), 0.0)
        terms = np.array(sorted(weights), np.int32)
        shares = np.array([weights[term] / total for term in terms.tolist()], np.float32)
        return SaidShare(Row(terms, shares), granted / total)


def _list_implied(
    vocabulary: Vocabulary, numbers: Mapping[str, int], abbreviations: Abbreviations
) -> Mapping[int, Sequence[ImpliedTerms]]:
    """List what abbreviations say of the words that they stand for, and these of the abbreviations."""
    implied: dict[int, list[ImpliedTerms]] = defaultdict(list)
    for short, phrase in abbreviations.phrases.items():
        words = phrase.split()
        spelled_out = np.array([numbers[word] for word in words if word in numbers], np.int32)
        for column in vocabulary.find_columns(short):
            implied[column].append(ImpliedTerms(frozenset(), spelled_out))
        if short in numbers:
            runs = words[:MAX_PHRASE_WORDS], words[-MAX_PHRASE_WORDS:]
            firsts, lasts = (vocabulary.find_columns(" ".join(run)) for run in runs)
            for first in firsts:
                for others in [frozenset[int]()] if runs[0] == runs[1] else [frozenset([n]) for n in lasts]:
                    implied[first].append(ImpliedTerms(others, np.array([numbers[short]], np.int32)))
    return implied


def _find_common_words(vocabulary: Vocabulary) -> frozenset[str]:
    """Find the words of longer phrases.

    One that isn't a phrase itself is in too many papers. Where the vocabulary is full, the rarest phrases
    tell nothing: the word alone may be as rare, and have been left out for that.
    """
    frequencies = vocabulary.document_frequencies
    rarest = int(frequencies.min()) if len(frequencies) >= MAX_PHRASES else 0
    telling = [vocabulary.phrases[column] for column in np.flatnonzero(frequencies > rarest).tolist()]
    return frozenset(fold_plural(word) for phrase in telling if " " in phrase for word in phrase.split())
