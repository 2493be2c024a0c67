"""Relevance: how probable it is that a paper belongs to a query. It decides where results stop. Pure.

    ln(relevance / (1 − relevance)) = bias + cosine · cos + shared · s + whole · w

`cos` is the cosine of the query with the paper, `s` the share of the query's words, by how rare they are,
that the paper has, and `w` is 1 where it matches the whole query. Source: docs/relevance.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from paperround.search.features import Flags, Numbers

MIN_RELEVANCE: Final = 0.5  # what doesn't match by the letter has to be more likely relevant than not
MIN_RELEVANCE_BY_WORDS: Final = 0.3  # of a paper without a vector: its words alone never make one sure


class RelevanceConstants(NamedTuple):
    bias: float
    cosine: float
    shared: float
    whole: float


# Of all-MiniLM-L6-v2, from judged pairs and from questions about which there is nothing.
WITH_VECTORS: Final = RelevanceConstants(-6.14, 12.6, 2.26, 1.87)
WORDS_ALONE: Final = RelevanceConstants(-2.2, 0.0, 2.95, 0.59)  # of papers that have no vector


class MatchKind(StrEnum):
    """How a paper matches a query."""

    author = "author"  # one of its authors has this name
    words = "words"  # it has all of the words, in whatever form
    some_words = "some words"  # it has no vector, and some of the words
    meaning = "meaning"  # its vector is near


def estimate_relevance(cosines: Numbers, shared: Numbers, is_whole: Flags) -> Numbers:
    """Estimate the relevance of papers, 0 to 1. `cosines` are NaN where a paper has no vector."""
    has_vector = ~np.isnan(cosines)
    by_vector, by_words = (
        constants.bias
        + constants.cosine * np.nan_to_num(cosines, nan=0.0)
        + constants.shared * shared
        + constants.whole * is_whole
        for constants in (WITH_VECTORS, WORDS_ALONE)
    )
    relevance: Numbers = 1 / (1 + np.exp(-np.where(has_vector, by_vector, by_words)))
    return relevance


def is_relevant(relevance: Numbers, cosines: Numbers) -> Flags:
    """Tell which papers are relevant enough to be shown."""
    flags: Flags = relevance >= np.where(np.isnan(cosines), MIN_RELEVANCE_BY_WORDS, MIN_RELEVANCE)
    return flags
