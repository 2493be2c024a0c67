"""Relevance: how probable it is that a paper belongs to a query. It decides where results stop. Pure.

    ln(relevance / (1 − relevance)) = bias + cosine · cos + shared · s + whole · w

`cos` is the cosine of the query with the paper, `s` the share of the query's words, by how rare they are,
that the paper has, and `w` is 1 where it matches the whole query. The constants belong to an embedding model,
since each has cosines of its own scale. Source: docs/relevance.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from paperround.arrays import np
from paperround.search.features import Flags, Numbers
from paperround.search.relevance_constants import SearchConstants

MIN_RELEVANCE: Final = 0.5  # what doesn't match by the letter has to be more likely relevant than not
MIN_RELEVANCE_BY_WORDS: Final = 0.3  # the same where no vector counts: words alone never make a paper sure


class MatchKind(StrEnum):
    """How a paper matches a query."""

    author = "author"  # one of its authors has this name
    words = "words"  # it has all of the words, in whatever form
    some_words = "some words"  # it has some of the words, and no vector that counts
    meaning = "meaning"  # its vector is near


class Relevance(NamedTuple):
    """How relevant papers are. `by_vectors` tells whether their vectors had a say."""

    estimates: Numbers  # 0 to 1
    by_vectors: Flags

    @property
    def is_enough(self) -> Flags:
        """Which papers are relevant enough to be shown."""
        flags: Flags = self.estimates >= np.where(self.by_vectors, MIN_RELEVANCE, MIN_RELEVANCE_BY_WORDS)
        return flags


def estimate_relevance(
    cosines: Numbers, shared: Numbers, is_whole: Flags, constants: SearchConstants
) -> Relevance:
    """Estimate the relevance of papers. `cosines` are NaN where a paper has no vector."""
    by_vectors = ~np.isnan(cosines) & (constants.with_vectors is not None)
    with_vectors, words_alone = (
        stage.bias
        + stage.cosine * np.nan_to_num(cosines, nan=0.0)
        + stage.shared * shared
        + stage.whole * is_whole
        for stage in (constants.with_vectors or constants.words_alone, constants.words_alone)
    )
    logits = np.where(by_vectors, with_vectors, words_alone)
    return Relevance(1 / (1 + np.exp(-np.clip(logits, -30, 30))), by_vectors)
