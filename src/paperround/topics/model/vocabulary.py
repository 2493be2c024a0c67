"""The vocabulary: the catalogue's phrases with how rare they are, and texts as tf-idf rows over them.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self, TypeAlias

from paperround.arrays import np
from paperround.topics.model.phrases import MAX_PHRASE_WORDS, list_phrases, split_content_words
from paperround.topics.model.sparse import Columns, Floats, Row, empty_row

MAX_PHRASES: Final = 60_000
MIN_DOCUMENT_FREQUENCY: Final = 3  # papers that must have a phrase
MAX_DOCUMENT_SHARE: Final = 0.3  # of all papers; a phrase that more of them have says nothing
BITS_PER_WORD: Final = 21  # in a phrase's key

Keys: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"


@dataclass(frozen=True)
class Vocabulary:
    """Phrases, with how many of the counted `papers` have each."""

    papers: int
    phrases: tuple[str, ...]
    document_frequencies: Columns

    @classmethod
    def count(cls, texts: Iterable[str]) -> Self:
        """Count the phrases of a catalogue's texts.

        It takes about 8 bytes of memory for each of their words.
        """
        numbers: dict[str, int] = {}
        keys = [_phrase_keys(text, numbers) for text in texts]
        distinct, frequencies = np.unique(np.concatenate([*keys, np.empty(0, np.int64)]), return_counts=True)
        minimum = min(MIN_DOCUMENT_FREQUENCY, 1 + len(keys) // 50)
        kept = (frequencies >= minimum) & (frequencies <= max(MAX_DOCUMENT_SHARE * len(keys), minimum))
        distinct, frequencies = distinct[kept], frequencies[kept]
        commonest = np.sort(np.argsort(-frequencies, kind="stable")[:MAX_PHRASES])
        words = list(numbers)
        phrases = tuple(_spell_phrase(int(key), words) for key in distinct[commonest])
        return cls(len(keys), phrases, frequencies[commonest].astype(np.int32))

    @cached_property
    def columns(self) -> dict[str, int]:
        return {phrase: place for place, phrase in enumerate(self.phrases)}

    @cached_property
    def idf(self) -> Floats:
        rarity: Floats = (np.log((1 + self.papers) / (1 + self.document_frequencies)) + 1).astype(np.float32)
        return rarity

    def tf_idf_row(self, text: str) -> Row:
        """Build the text's row: (1 + ln tf) · idf, normalised to length 1.

        It is empty where no phrase is known.
        """
        places = self.columns
        counts = Counter(place for phrase in list_phrases(text) if (place := places.get(phrase)) is not None)
        if not counts:
            return empty_row()
        columns = np.array(sorted(counts), np.int32)
        counts_of_columns = np.array([counts[column] for column in columns.tolist()], np.float32)
        weights = (1 + np.log(counts_of_columns)) * self.idf[columns]
        return Row(columns, (weights / np.linalg.norm(weights)).astype(np.float32))

    def find_columns(self, folded: str) -> list[int]:
        """Find the places of a folded phrase, of one and of many."""
        return [self.columns[form] for form in (folded, f"{folded}s", f"{folded}es") if form in self.columns]

    def document_frequency(self, text: str) -> int:
        """Count the papers that have the whole text as one phrase. A phrase that is not known gives 0."""
        place = self.columns.get(" ".join(split_content_words(text)))
        return 0 if place is None else int(self.document_frequencies[place])


def _phrase_keys(text: str, numbers: dict[str, int]) -> Keys:
    """Create a key for each distinct phrase from the numbers of its words. New words get the next numbers."""
    word_numbers = [numbers.setdefault(word, len(numbers)) + 1 for word in split_content_words(text)]
    words = np.array(word_numbers, np.int64)
    words = words[words < 1 << BITS_PER_WORD]
    ahead = np.concatenate([words, np.zeros(MAX_PHRASE_WORDS, np.int64)])
    keys, runs = np.zeros_like(words), []
    for step in range(MAX_PHRASE_WORDS):
        after = ahead[step : step + len(words)]
        keys = keys | (after << (BITS_PER_WORD * (MAX_PHRASE_WORDS - 1 - step)))
        runs.append(keys[after > 0])
    return np.unique(np.concatenate(runs))


def _spell_phrase(key: int, words: Sequence[str]) -> str:
    numbers = [
        (key >> (BITS_PER_WORD * (MAX_PHRASE_WORDS - 1 - step))) & ((1 << BITS_PER_WORD) - 1)
        for step in range(MAX_PHRASE_WORDS)
    ]
    return " ".join(words[number - 1] for number in numbers if number)
