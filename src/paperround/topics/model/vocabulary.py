"""The catalogue's phrases with how rare they are, and texts as rows of tf-idf over them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from paperround.topics.model.phrases import LONGEST, phrases_of, words_of
from paperround.topics.model.sparse import EMPTY, Columns, Floats, Row

MOST_PHRASES: Final = 60_000
FEWEST_HOLDERS: Final = 3  # papers that a phrase must stand in
LARGEST_SHARE: Final = 0.3  # of the papers: what more of them have, tells nothing
BITS: Final = 21  # of a word's number in a phrase's key

Keys = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Vocabulary:
    """`phrases` with how many of the counted `papers` hold each."""

    papers: int
    phrases: tuple[str, ...]
    holders: Columns

    @classmethod
    def counted(cls, texts: Iterable[str]) -> Self:
        """From a catalogue's texts. About 8 bytes a word of them are held meanwhile."""
        numbers: dict[str, int] = {}
        keys = [_keys_of(text, numbers) for text in texts]
        distinct, holders = np.unique(np.concatenate([*keys, np.empty(0, np.int64)]), return_counts=True)
        fewest = min(FEWEST_HOLDERS, 1 + len(keys) // 50)
        kept = (holders >= fewest) & (holders <= max(LARGEST_SHARE * len(keys), fewest))
        distinct, holders = distinct[kept], holders[kept]
        most = np.sort(np.argsort(-holders, kind="stable")[:MOST_PHRASES])
        spelled = list(numbers)
        phrases = tuple(_spelled(int(key), spelled) for key in distinct[most])
        return cls(len(keys), phrases, holders[most].astype(np.int32))

    @cached_property
    def places(self) -> dict[str, int]:
        return {phrase: place for place, phrase in enumerate(self.phrases)}

    @cached_property
    def idf(self) -> Floats:
        rarity: Floats = (np.log((1 + self.papers) / (1 + self.holders)) + 1).astype(np.float32)
        return rarity

    def row(self, text: str) -> Row:
        """Sublinear tf times idf, of length 1; empty when the text has none of our phrases."""
        places = self.places
        counts = Counter(place for phrase in phrases_of(text) if (place := places.get(phrase)) is not None)
        if not counts:
            return EMPTY
        columns = np.array(sorted(counts), np.int32)
        often = np.array([counts[column] for column in columns.tolist()], np.float32)
        weights = (1 + np.log(often)) * self.idf[columns]
        return Row(columns, (weights / np.linalg.norm(weights)).astype(np.float32))

    def holders_of(self, text: str) -> int:
        """How many counted papers hold the whole text as one phrase; 0 if it is none of ours."""
        place = self.places.get(" ".join(words_of(text)))
        return 0 if place is None else int(self.holders[place])


def _keys_of(text: str, numbers: dict[str, int]) -> Keys:
    """A key for each different phrase: the numbers of its words, 21 bits each. New words are numbered."""
    known = [numbers.setdefault(word, len(numbers)) + 1 for word in words_of(text)]
    words = np.array(known, np.int64)
    words = words[words < 1 << BITS]
    ahead = np.concatenate([words, np.zeros(LONGEST, np.int64)])
    keys, runs = np.zeros_like(words), []
    for step in range(LONGEST):
        after = ahead[step : step + len(words)]
        keys = keys | (after << (BITS * (LONGEST - 1 - step)))
        runs.append(keys[after > 0])
    return np.unique(np.concatenate(runs))


def _spelled(key: int, words: Sequence[str]) -> str:
    numbers = [(key >> (BITS * (LONGEST - 1 - step))) & ((1 << BITS) - 1) for step in range(LONGEST)]
    return " ".join(words[number - 1] for number in numbers if number)
