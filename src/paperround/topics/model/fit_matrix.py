"""The fits of many topics with some papers at once, and the order that follows from them. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from paperround.arrays import np
from paperround.topics.model.expansion import Signatures, sign_row
from paperround.topics.model.fit import FitDirection, sigmoid
from paperround.topics.model.plurals import fold_phrase
from paperround.topics.model.scorer import PaperMatrix, stack_vectors
from paperround.topics.model.sparse import Flags, Floats, Matrix, Places, Row, Rows
from paperround.topics.model.statistics import Statistics

SCORE_WEIGHT_BESIDE_FIT: Final = 0.3  # of a score, beside the logit of the fit, in the order of papers


@dataclass(frozen=True)
class FitDirections:
    """What the fits of n topics need, side by side as arrays. `FitDirection` says what each of them is."""

    biases: Floats  # shape (n,), as are all others that aren't rows and have no shape of their own
    vectors: Matrix  # shape (n, dimensions), zeros where words alone count
    is_centred: Flags
    terms: Rows
    phrases: Sequence[str]
    titled: Floats
    words: Rows
    part_owners: Places  # shape (own parts,): the topic of each
    part_signatures: Signatures  # shape (own parts,)
    parts: Floats  # shape (own parts,)
    ceilings: Floats

    @classmethod
    def of(cls, directions: Sequence[FitDirection], dimensions: int) -> Self:
        counts = [len(each.own_parts.parts) for each in directions]
        return cls(
            biases=np.array([each.bias for each in directions], np.float32),
            vectors=stack_vectors([each.vector for each in directions], dimensions),
            is_centred=np.array([each.is_centred for each in directions], np.bool_),
            terms=Rows.of([each.terms for each in directions]),
            phrases=[each.phrase for each in directions],
            titled=np.array([each.titled for each in directions], np.float32),
            words=Rows.of([each.words for each in directions]),
            part_owners=np.repeat(np.arange(len(directions)), counts),
            part_signatures=np.concatenate([each.own_parts.signatures for each in directions]),
            parts=np.concatenate([each.own_parts.parts for each in directions]),
            ceilings=np.array([each.ceiling for each in directions], np.float32),
        )


@dataclass(frozen=True)
class FitMatrix:
    """What fits need of n papers, beside their views."""

    papers: PaperMatrix
    lengths: Floats  # shape (n,): of their vectors, centred, before they were brought to length 1
    terms: Rows  # with a weight of 1
    titles: Sequence[str]  # folded, with abbreviations and without, with spaces around
    signatures: Signatures  # shape (n,)

    @classmethod
    def build(cls, statistics: Statistics, papers: PaperMatrix, titles: Sequence[str]) -> Self:
        """Build it for the papers of a matrix, with their titles in the same order."""
        rows = [papers.rows[place] for place in range(len(papers.rows))]
        terms = [statistics.terms.of_row(row) for row in rows]
        return cls(
            papers,
            statistics.original_lengths(papers.vectors.T),
            Rows.of([Row(of_paper, np.ones(len(of_paper), np.float32)) for of_paper in terms]),
            [f" {' | '.join(statistics.abbreviations.list_forms(fold_phrase(title)))} " for title in titles],
            np.array([sign_row(row) for row in rows], np.uint32),
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


def compute_fits(topics: FitDirections, papers: FitMatrix) -> Matrix:
    """Compute the fit of every paper with every topic, from 0 to 1, shape (topics, papers)."""
    fits: Matrix = np.minimum(sigmoid(compute_logits(topics, papers)), topics.ceilings[:, None])
    return fits


def compute_logits(topics: FitDirections, papers: FitMatrix) -> Matrix:
    """Compute the logits of the fits, without ceilings."""
    logits: Matrix = topics.vectors @ papers.papers.vectors
    logits[~topics.is_centred] *= papers.lengths
    logits += topics.biases[:, None]
    logits += papers.papers.words.product(topics.words)
    logits += papers.terms.product(topics.terms)
    for topic, phrase in enumerate(topics.phrases):
        if phrase and (places := papers.find_titled(phrase)):
            logits[topic, places] += topics.titled[topic]
    _subtract_own_parts(logits, topics, papers.signatures)
    return logits


def _subtract_own_parts(logits: Matrix, topics: FitDirections, signatures: Signatures) -> None:
    """Take what a paper says of itself out of its logits. Of papers with the same phrases, the last one's."""
    known, last = np.unique(signatures[::-1], return_index=True)
    if not len(known):
        return
    found = np.searchsorted(known, topics.part_signatures).clip(0, len(known) - 1)
    own = np.flatnonzero(known[found] == topics.part_signatures)
    places = len(signatures) - 1 - last[found[own]]
    np.subtract.at(logits, (topics.part_owners[own], places), topics.parts[own])


def rank_papers(by_fit: Flags, scores: Matrix, fits: Matrix) -> Matrix:
    """Compute what papers are ordered by within each topic, shape (topics, papers).

    Where the catalogue has the reader's words as a phrase, or papers stand for them, that is the score. Else
    words and meaning may differ, and the fit decides: `by_fit` (shape (topics,)) is `log_compressed`.
    """
    ranks = scores.copy()
    chances = np.clip(fits[by_fit], 1e-6, 1 - 1e-6)
    ranks[by_fit] = np.log(chances / (1 - chances)) + SCORE_WEIGHT_BESIDE_FIT * scores[by_fit]
    return ranks
