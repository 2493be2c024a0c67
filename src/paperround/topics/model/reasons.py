"""Why a paper matches: the parts that its score is the sum of, so that no reason disagrees with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, Self

import numpy as np

from paperround.topics.model.match import Kind, Reason
from paperround.topics.model.scorer import Direction
from paperround.topics.model.sparse import Floats, Matrix, Row
from paperround.topics.model.statistics import Statistics

PHRASES: Final = 3  # that are told of a match
LOOKED_AT: Final = 8  # of its heaviest phrases; one that stands within another counts with it
LIGHTEST: Final = 0.05  # standard deviations; less than this says nothing


def parts(statistics: Statistics, directions: Sequence[Direction], told: Matrix, words: Row) -> Matrix:
    """What each phrase of a paper adds to its score for each topic, shape (topics, phrases of the paper).

    `told` has the directions at the paper's columns. A topic's parts less its offset are the words' part of
    the score; where that counts by its logarithm, both are scaled down alike.
    """
    common = np.array([direction.common for direction in directions], np.float32)
    added: Matrix = words.weights * (told - np.outer(common, statistics.mean_words[words.columns]))
    offset = np.array(
        [direction.offset if direction.bent else np.inf for direction in directions], np.float32
    )
    above = np.maximum(added.sum(axis=1) - offset, np.finfo(np.float32).tiny)
    added *= (np.log1p(above) / above)[:, None]
    return added


def heaviest(statistics: Statistics, words: Row, added: Matrix) -> list[Mapping[str, float]]:
    """For each topic the phrases that add most, with what they add."""
    looked_at = min(LOOKED_AT, added.shape[1])
    if not looked_at:
        return [{} for _ in added]
    places = np.argpartition(-added, looked_at - 1, axis=1)[:, :looked_at]
    weights = np.take_along_axis(added, places, axis=1)
    phrases, columns = statistics.vocabulary.phrases, words.columns[places]
    return [
        {phrases[column]: weight for column, weight in zip(row, rest, strict=True) if weight >= LIGHTEST}
        for row, rest in zip(columns.tolist(), weights.tolist(), strict=True)
    ]


def told_phrases(weights: Mapping[str, float]) -> list[Reason]:
    """The heaviest, none within another: what stands within one counts with it."""
    chosen: dict[str, float] = {}
    for phrase in sorted(weights, key=len, reverse=True):
        for longer in chosen:
            if phrase in longer and f" {phrase} " in f" {longer} ":
                chosen[longer] += weights[phrase]
                break
        else:
            chosen[phrase] = weights[phrase]
    best = sorted(chosen.items(), key=itemgetter(1), reverse=True)[:PHRASES]
    return [Reason(Kind.phrase, phrase, round(weight, 3)) for phrase, weight in best]


class Likes(NamedTuple):
    """Liked papers that have a vector, and those, shape (papers, dimensions)."""

    ids: Sequence[str]
    vectors: Matrix

    @classmethod
    def of(cls, liked: Iterable[str], vectors: Mapping[str, Floats]) -> Self:
        ids = [key for key in liked if key in vectors]
        return cls(ids, np.array([vectors[key] for key in ids], np.float32))


def nearest(
    direction: Direction, likes: Likes, paper_ids: Sequence[str], vectors: Matrix
) -> list[Reason | None]:
    """For each paper the liked one that adds most to the vectors' part; none is a reason for itself.

    `vectors`: the papers', shape (dimensions, papers), zeros where there is none.
    """
    if direction.vector is None or not likes.ids:
        return [None] * len(paper_ids)
    cosines = likes.vectors @ vectors
    for key in set(likes.ids).intersection(paper_ids):
        cosines[likes.ids.index(key), paper_ids.index(key)] = -1
    places = cosines.argmax(axis=0).tolist()
    weights = (direction.liking * cosines.max(axis=0)).tolist()
    return [
        Reason(Kind.paper, likes.ids[place], round(weight, 3)) if weight >= LIGHTEST else None
        for place, weight in zip(places, weights, strict=True)
    ]
