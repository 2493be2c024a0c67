"""Reasons: why a paper matches.

They are parts of the sum that is its score, so none disagrees with it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, Self

import numpy as np

from paperround.topics.model.match import Reason, ReasonKind
from paperround.topics.model.scorer import Direction
from paperround.topics.model.sparse import Floats, Matrix, Row
from paperround.topics.model.statistics import Statistics

MAX_REASON_PHRASES: Final = 3  # of a match
MAX_CANDIDATE_PHRASES: Final = 8  # the heaviest; one that stands within another counts with it
MIN_REASON_WEIGHT: Final = 0.05  # standard deviations


def phrase_contributions(
    statistics: Statistics, directions: Sequence[Direction], direction_weights: Matrix, words: Row
) -> Matrix:
    """Compute what each phrase of a paper adds to its score for each topic.

    `direction_weights` has the directions' weights at the paper's columns, and the result has the same shape
    (topics, phrases of the paper). A topic's contributions less its offset are the words' part of the score.
    Where that counts by its logarithm, the contributions are scaled down in the same proportion.
    """
    common = np.array([direction.mean_weight for direction in directions], np.float32)
    contributions: Matrix = words.weights * (
        direction_weights - np.outer(common, statistics.mean_words[words.columns])
    )
    offset = np.array(
        [direction.word_offset if direction.log_compressed else np.inf for direction in directions],
        np.float32,
    )
    above = np.maximum(contributions.sum(axis=1) - offset, np.finfo(np.float32).tiny)
    contributions *= (np.log1p(above) / above)[:, None]
    return contributions


def heaviest_phrases(statistics: Statistics, words: Row, contributions: Matrix) -> list[Mapping[str, float]]:
    """Find for each topic the phrases that add most, with what they add."""
    count = min(MAX_CANDIDATE_PHRASES, contributions.shape[1])
    if not count:
        return [{} for _ in contributions]
    places = np.argpartition(-contributions, count - 1, axis=1)[:, :count]
    weights = np.take_along_axis(contributions, places, axis=1)
    phrases, columns = statistics.vocabulary.phrases, words.columns[places]
    return [
        {
            phrases[column]: weight
            for column, weight in zip(row, rest, strict=True)
            if weight >= MIN_REASON_WEIGHT
        }
        for row, rest in zip(columns.tolist(), weights.tolist(), strict=True)
    ]


def choose_phrase_reasons(weights: Mapping[str, float]) -> list[Reason]:
    """Choose the heaviest phrases. A phrase that stands within another counts with it."""
    chosen: dict[str, float] = {}
    for phrase in sorted(weights, key=len, reverse=True):
        for longer in chosen:
            if phrase in longer and f" {phrase} " in f" {longer} ":
                chosen[longer] += weights[phrase]
                break
        else:
            chosen[phrase] = weights[phrase]
    best = sorted(chosen.items(), key=itemgetter(1), reverse=True)[:MAX_REASON_PHRASES]
    return [Reason(ReasonKind.phrase, phrase, round(weight, 3)) for phrase, weight in best]


class LikedVectors(NamedTuple):
    """The liked papers that have a vector, with their vectors, shape (papers, dimensions)."""

    ids: Sequence[str]
    vectors: Matrix

    @classmethod
    def select(cls, liked: Iterable[str], vectors: Mapping[str, Floats]) -> Self:
        """Select those of the liked papers that have a vector."""
        ids = [paper_id for paper_id in liked if paper_id in vectors]
        return cls(ids, np.array([vectors[paper_id] for paper_id in ids], np.float32))


def find_nearest_liked(
    direction: Direction, liked: LikedVectors, paper_ids: Sequence[str], vectors: Matrix
) -> list[Reason | None]:
    """Find for each paper the liked one that adds most to the vectors' part of its score.

    No paper is a reason for itself. `vectors` are the papers', shape (dimensions, papers), with zeros for
    those that have none.
    """
    if direction.vector is None or not liked.ids:
        return [None] * len(paper_ids)
    cosines = liked.vectors @ vectors
    for paper_id in set(liked.ids).intersection(paper_ids):
        cosines[liked.ids.index(paper_id), paper_ids.index(paper_id)] = -1
    places = cosines.argmax(axis=0).tolist()
    weights = (direction.liked_paper_weight * cosines.max(axis=0)).tolist()
    return [
        Reason(ReasonKind.paper, liked.ids[place], round(weight, 3)) if weight >= MIN_REASON_WEIGHT else None
        for place, weight in zip(places, weights, strict=True)
    ]
