"""The fits of many topics with some papers at once, and the order that follows from them. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from paperround.topics.model.expansion import sign_row
from paperround.topics.model.fit import FitDirection, sigmoid
from paperround.topics.model.plurals import fold_phrase
from paperround.topics.model.scorer import Direction, PaperMatrix
from paperround.topics.model.sparse import Columns, Floats, Matrix, Rows
from paperround.topics.model.statistics import Statistics

SCORE_WEIGHT_BESIDE_FIT: Final = 0.3  # of a score, beside the logit of the fit, in the order of papers


@dataclass(frozen=True)
class FitMatrix:
    """What fits need of n papers, beside their views."""

    papers: PaperMatrix
    lengths: Floats  # shape (n,): of their vectors, centred, before they were brought to length 1
    term_places: Columns  # shape (terms,): the row of `said` of each term, the last one for terms of no paper
    said: Matrix  # shape (terms of any paper + 1, n): 1 where the paper has the term
    titles: Sequence[str]  # folded, with abbreviations and without, with spaces around
    places_by_signature: Mapping[int, int]

    @classmethod
    def build(cls, statistics: Statistics, papers: PaperMatrix, titles: Sequence[str]) -> Self:
        """Build it for the papers of a matrix, with their titles in the same order."""
        terms = [statistics.terms.of_row(papers.rows[place]) for place in range(len(papers.rows))]
        present = np.unique(np.concatenate([*terms, np.empty(0, np.int32)]))
        term_places = np.full(len(statistics.terms.weights), len(present), np.int32)
        term_places[present] = np.arange(len(present))
        said = np.zeros((len(present) + 1, len(terms)), np.float32)
        for place, of_paper in enumerate(terms):
            said[term_places[of_paper], place] = 1
        return cls(
            papers,
            statistics.original_lengths(papers.vectors.T),
            term_places,
            said,
            [f" {' | '.join(statistics.abbreviations.list_forms(fold_phrase(title)))} " for title in titles],
            {sign_row(papers.rows[place]): place for place in range(len(papers.rows))},
        )

    @cached_property
    def places_by_word(self) -> Mapping[str, Sequence[int]]:
        """The papers whose titles have a word, by the word."""
        places: dict[str, list[int]] = {}
        for place, title in enumerate(self.titles):
            for word in set(title.split()):
                places.setdefault(word, []).append(place)
        return places

    def find_titled(self, phrase: str) -> list[int]:
        """Find the papers whose title has this folded phrase."""
        first = phrase.partition(" ")[0]
        return [place for place in self.places_by_word.get(first, ()) if f" {phrase} " in self.titles[place]]


def compute_fits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    """Compute the fit of every paper with every topic, from 0 to 1, shape (topics, papers)."""
    ceilings = np.array([direction.ceiling for direction in directions], np.float32)
    fits: Matrix = np.minimum(sigmoid(compute_logits(directions, papers)), ceilings[:, None])
    return fits


def compute_logits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    """Compute the logits of the fits, without ceilings."""
    logits = _vector_logits(directions, papers)
    logits += np.array([direction.bias for direction in directions], np.float32)[:, None]
    logits += Rows.of([direction.words for direction in directions]).dense(papers.papers.columns) @ (
        papers.papers.words
    )
    logits += _said_logits(directions, papers)
    for topic, direction in enumerate(directions):
        if direction.phrase:
            logits[topic, papers.find_titled(direction.phrase)] += direction.titled
        for signature, part in zip(*map(np.ndarray.tolist, direction.own_parts), strict=True):
            place = papers.places_by_signature.get(signature)
            if place is not None:
                logits[topic, place] -= part
    return logits


def rank_papers(directions: Sequence[Direction], scores: Matrix, fits: Matrix) -> Matrix:
    """Compute what papers are ordered by within each topic, shape (topics, papers).

    Where the catalogue has the reader's words as a phrase, or papers stand for them, that is the score. Else
    words and meaning may differ, and the fit decides.
    """
    by_fit = np.array([direction.log_compressed for direction in directions], bool)
    ranks = scores.copy()
    chances = np.clip(fits[by_fit], 1e-6, 1 - 1e-6)
    ranks[by_fit] = np.log(chances / (1 - chances)) + SCORE_WEIGHT_BESIDE_FIT * scores[by_fit]
    return ranks


def _vector_logits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    none = np.zeros(len(papers.papers.vectors), np.float32)
    vectors = np.array(
        [none if direction.vector is None else direction.vector for direction in directions], np.float32
    )
    logits: Matrix = vectors.reshape(len(directions), -1) @ papers.papers.vectors
    raw = np.array([not direction.is_centred for direction in directions])
    logits[raw] *= papers.lengths
    return logits


def _said_logits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    """Sum the weights of those terms that each paper has. The last row of `said` is nobody's."""
    nobody = len(papers.said) - 1
    terms = [direction.terms for direction in directions]
    # A row of nobody's before each topic's own keeps topics without terms apart.
    places = [np.append(nobody, papers.term_places[row.columns]).astype(np.intp) for row in terms]
    weights = [np.append(np.float32(0), row.weights) for row in terms]
    sums = np.zeros((len(directions), papers.said.shape[1]), np.float32)
    if directions:
        starts = np.cumsum([0, *map(len, places)])[:-1]
        parts = papers.said[np.concatenate(places)] * np.concatenate(weights)[:, None]
        sums = np.add.reduceat(parts, starts, axis=0).astype(np.float32)
    return sums
