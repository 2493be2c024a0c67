"""Reasons: why a paper matches.

They are parts of the sum that is its fit, so none disagrees with it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, Self

import numpy as np

from paperround.topics.model.fit import FitDirection
from paperround.topics.model.match import Reason, ReasonKind
from paperround.topics.model.reason_phrases import MAX_REASON_CANDIDATES
from paperround.topics.model.scorer import Direction, PaperMatrix
from paperround.topics.model.sparse import Floats, Matrix
from paperround.topics.model.statistics import Statistics

MAX_REASON_PHRASES: Final = 3  # of a match
MAX_CANDIDATE_PHRASES: Final = 8  # the heaviest; one that stands within another counts with it
MIN_REASON_WEIGHT: Final = 0.3  # logits, times how rare the phrase is
MAX_ENDING: Final = 3  # letters by which forms of one word differ: robot, robots, robotics
MIN_STEM: Final = 4  # letters that they share
MIN_LIKED_COSINE: Final = 0.3  # from which on a liked paper is told as similar, both centred


def weigh_phrases(
    statistics: Statistics,
    topics: Sequence[FitDirection],
    papers: PaperMatrix,
    chosen: Sequence[Sequence[int]],
) -> list[Mapping[str, float]]:
    """Weigh the phrases that each topic shares with each of its chosen papers, pair by pair.

    All pairs are handled at once: one by one it would take most of the time.
    """
    owners = [topic for topic, places in enumerate(chosen) for _ in places]
    places = np.array([place for of_topic in chosen for place in of_topic], np.intp)
    if not owners:
        return []
    columns = np.zeros((len(topics), MAX_REASON_CANDIDATES), np.int32)
    weights = np.zeros((len(topics), MAX_REASON_CANDIDATES), np.float32)
    for topic, direction in enumerate(topics):
        count = len(direction.reasons.columns)
        columns[topic, :count], weights[topic, :count] = direction.reasons.columns, direction.reasons.weights
    rows = np.searchsorted(papers.columns, columns).clip(0, max(len(papers.columns) - 1, 0))
    weights[papers.columns[rows] != columns] = 0
    parts = weights[owners] * papers.words[rows[owners], places[:, None]]
    best = np.argsort(-parts, axis=1)[:, :MAX_CANDIDATE_PHRASES]
    spelled = statistics.vocabulary.phrases
    return [
        {
            spelled[column]: weight
            for column, weight in zip(of_pair, heaviest, strict=True)
            if weight >= MIN_REASON_WEIGHT
        }
        for of_pair, heaviest in zip(
            np.take_along_axis(columns[owners], best, 1).tolist(),
            np.take_along_axis(parts, best, 1).tolist(),
            strict=True,
        )
    ]


def choose_phrase_reasons(weights: Mapping[str, float]) -> list[Reason]:
    """Choose the heaviest phrases, each telling something new.

    A phrase that stands within another counts with it. One is left out where less than half of it is new:
    `language action vla` beside `vision language action`, or `frames` beside `frame`.
    """
    chosen: dict[str, float] = {}
    for phrase in sorted(weights, key=len, reverse=True):
        for longer in chosen:
            if phrase in longer and f" {phrase} " in f" {longer} ":
                chosen[longer] += weights[phrase]
                break
        else:
            chosen[phrase] = weights[phrase]
    told: list[str] = []
    reasons: list[Reason] = []
    for phrase, weight in sorted(chosen.items(), key=itemgetter(1), reverse=True):
        words = phrase.split()
        new = [word for word in words if not any(_is_same_word(word, other) for other in told)]
        if 2 * len(new) >= len(words) and len(reasons) < MAX_REASON_PHRASES:
            told += new
            reasons.append(Reason(ReasonKind.phrase, phrase, round(weight, 3)))
    return reasons


def _is_same_word(word: str, other: str) -> bool:
    """Tell whether one is the other with an ending."""
    shorter, longer = sorted((word, other), key=len)
    has_stem = len(shorter) >= MIN_STEM and len(longer) - len(shorter) <= MAX_ENDING
    return word == other or (has_stem and longer.startswith(shorter))


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
    if direction.liked_paper_weight <= 0:
        return [None] * len(paper_ids)
    cosines = liked.vectors @ vectors
    for paper_id in set(liked.ids).intersection(paper_ids):
        cosines[liked.ids.index(paper_id), paper_ids.index(paper_id)] = -1
    nearest = cosines.max(axis=0)
    return [
        Reason(ReasonKind.paper, liked.ids[place], round(direction.liked_paper_weight * cosine, 3))
        if cosine >= MIN_LIKED_COSINE
        else None
        for place, cosine in zip(cosines.argmax(axis=0).tolist(), nearest.tolist(), strict=True)
    ]
