"""How well papers match a topic: two views, each one direction, nothing to train. Pure, numpy alone.

In each view a topic is the mean of what it likes, its own words among them with a weight that fades as
ratings come, less the catalogue's mean, less a share of the mean of what it dislikes. The two scores are
standardised over the catalogue and added. All of that is one direction a view and one constant:

    score = words · direction.words − common · (words · mean) + vector · direction.vector − offset
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from paperround.topics.sparse import EMPTY, Columns, Floats, Matrix, Row, Rows, weighted_sum
from paperround.topics.statistics import Statistics, View

TEXT: Final = 1.0  # papers that the reader's own words count as
DISLIKED: Final = 0.3  # share of the mean of what is disliked that is taken off
MEANING: Final = 0.75  # what a standard deviation of the vectors' score counts beside one of the words'
LITERAL: Final = 0.3  # the same for words alone, where the catalogue has them as a phrase
UNSAID: Final = 1.0  # the same where it hasn't
HOLDERS: Final = 5  # so many papers with the whole phrase make it literal
WEIGHTS: Final = 512  # the heaviest phrases of a direction that are kept

RARITIES: Final = (0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)  # share that scores as high
STRENGTHS: Final = -100 / 3 * np.log10(np.array(RARITIES))
NOT_POOR: Final = 0.1  # a match is among this share of the catalogue
LEAST: Final = 1.0  # and this many standard deviations above its middle


@dataclass(frozen=True)
class Taste:
    """A topic as views. `text`: its own words; `literal`: enough papers hold them as one phrase."""

    text: View | None = None
    literal: bool = False
    likes: Mapping[str, View] = field(default_factory=dict)
    dislikes: Sequence[View] = ()


@dataclass(frozen=True)
class Direction:
    """A topic under one version of the statistics: a few hundred numbers."""

    words: Row
    common: float
    vector: Floats | None  # None: words alone
    offset: float
    liking: float  # what a liked paper's cosine to a paper adds to its score
    steps: Floats  # scores at RARITIES

    @property
    def bar(self) -> float:
        """The lowest score that is no poor match."""
        return max(float(np.interp(-NOT_POOR, -np.array(RARITIES), self.steps)), LEAST)

    def strengths(self, scores: Floats) -> Floats:
        """0 to 100, as `Match` says."""
        rising = np.maximum.accumulate(self.steps + np.arange(len(self.steps)) * 1e-6)
        strengths: Floats = np.interp(scores, rising, STRENGTHS, left=0.0).astype(np.float32)
        return strengths


def literal(statistics: Statistics, text: str) -> bool:
    return statistics.vocabulary.holders_of(text) >= HOLDERS


def direct(statistics: Statistics, taste: Taste) -> Direction | None:
    """None when neither view knows anything of what is liked."""
    words, meant = _words(taste), _vector(taste)
    if not len(words.columns) and meant is None:
        return None
    raw = statistics.sample_words.times(words) - statistics.common
    middle, spread = _measured(raw) if len(words.columns) else (0.0, np.inf)
    total = (raw - middle) / spread
    offset, vector, liking = middle / spread, None, 0.0
    if meant:
        vector, share = meant
        cosines = statistics.sample_vectors @ vector
        centre, width = _measured(cosines)
        meaning = _meaning(taste) / width
        total = total + (cosines - centre) * meaning
        vector, offset, liking = vector * meaning, offset + centre * meaning, share * meaning
    return Direction(
        Row(words.columns, (words.weights / spread).astype(np.float32)),
        1 / spread,
        vector,
        offset,
        liking,
        np.quantile(total, 1 - np.array(RARITIES)).astype(np.float32),
    )


def liked(taste: Taste) -> list[tuple[float, View]]:
    """The reader's own words and each liked paper, with what they count."""
    own = [(TEXT, taste.text)] if taste.text else []
    return own + [(1.0, view) for view in taste.likes.values()]


def _words(taste: Taste) -> Row:
    parts = [(weight, view.words) for weight, view in liked(taste)]
    if not any(len(row.columns) for _, row in parts):
        return EMPTY
    whole = sum(weight for weight, _ in parts)
    disliked = [(-DISLIKED / len(taste.dislikes), view.words) for view in taste.dislikes]
    return _heaviest(weighted_sum([*((weight / whole, row) for weight, row in parts), *disliked]))


def _heaviest(row: Row) -> Row:
    if len(row.columns) <= WEIGHTS:
        return row
    kept = np.sort(np.argpartition(-np.abs(row.weights), WEIGHTS)[:WEIGHTS])
    return Row(row.columns[kept], row.weights[kept])


def _vector(taste: Taste) -> tuple[Floats, float] | None:
    """The direction, and how much of it one liked paper is."""
    known = [(weight, view.vector) for weight, view in liked(taste) if view.vector is not None]
    if not known:
        return None
    whole = sum(weight for weight, _ in known)
    vector = np.sum([weight / whole * row for weight, row in known], axis=0)
    disliked = [view.vector for view in taste.dislikes if view.vector is not None]
    if disliked:
        vector = vector - DISLIKED * np.mean(disliked, axis=0)
    return vector.astype(np.float32), 1 / whole


def _meaning(taste: Taste) -> float:
    if taste.likes or taste.text is None:
        return MEANING
    return LITERAL if taste.literal else UNSAID


def _measured(scores: Floats) -> tuple[float, float]:
    """Middle and spread; where nothing differs, nothing counts."""
    spread = float(scores.std())
    return float(scores.mean()), spread if spread > 1e-9 else np.inf


@dataclass(frozen=True)
class Shelf:
    """Papers side by side, ready to be scored: n of them, over the columns that any of them has."""

    rows: Rows
    columns: Columns
    words: Matrix  # shape (columns, n)
    common: Floats  # shape (n,): products with the mean row
    mean: Floats  # shape (columns,): the mean row
    vectors: Matrix  # shape (dimensions, n)

    @classmethod
    def of(cls, statistics: Statistics, papers: Sequence[View]) -> Self:
        """A paper without a vector gets zeros: as near to everything as the catalogue's middle."""
        rows = Rows.of([paper.words for paper in papers])
        columns = np.unique(rows.columns)
        none = np.zeros(len(statistics.mean_vector), np.float32)
        vectors = [none if paper.vector is None else paper.vector for paper in papers]
        return cls(
            rows,
            columns,
            np.ascontiguousarray(rows.dense(columns).T),
            rows.dot(statistics.mean_words),
            statistics.mean_words[columns],
            np.ascontiguousarray(np.array(vectors, np.float32).reshape(len(papers), len(none)).T),
        )


def scores(directions: Sequence[Direction], shelf: Shelf) -> Matrix:
    """Every paper's score for every topic, shape (directions, papers): one product a view."""
    told = Rows.of([direction.words for direction in directions]).dense(shelf.columns)
    common = np.array([direction.common for direction in directions], np.float32)
    offsets = np.array([direction.offset for direction in directions], np.float32)
    none = np.zeros(len(shelf.vectors), np.float32)
    vectors = np.array([none if one.vector is None else one.vector for one in directions], np.float32)
    found: Matrix = told @ shelf.words + vectors.reshape(len(directions), -1) @ shelf.vectors
    found -= np.outer(common, shelf.common)
    found -= offsets[:, None]
    return found
