"""How well papers match a topic: two views, each one direction, nothing to train. Pure, numpy alone.

In each view a topic is the mean of the papers that it likes beside the reader's own words, both brought to
the same spread over the catalogue and the words with a weight that fades as ratings come, less the
catalogue's mean, less a share of the mean of what it dislikes. The two scores are standardised over the
catalogue and added. All of that is one direction a view and three constants:

    score = words · direction.words − common · (words · mean) − offset + vector · direction.vector − centre

Where the reader's words are no phrase of the catalogue's, what exceeds the middle of the words' part counts
by its logarithm: a rare word that they happened to use would outvote what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np

from paperround.topics.model.sparse import EMPTY, Columns, Floats, Matrix, Row, Rows, weighted_sum
from paperround.topics.model.statistics import Statistics, View

TEXT: Final = 2.0  # papers that the reader's own words count as
TEXT_LITERAL: Final = 8.0  # the same where the catalogue has them as a phrase
DISLIKED: Final = 0.1  # share of the mean of what is disliked that is taken off
MEANING: Final = 1.0  # what a standard deviation of the vectors' score counts beside one of the words'
MEANING_LITERAL: Final = 0.3  # the same where the catalogue has the reader's words as a phrase
HOLDERS: Final = 5  # so many papers with the whole phrase make it literal
WEIGHTS: Final = 512  # the heaviest phrases of a direction that are kept

RARITIES: Final = (0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)  # share that scores as high
FALLING: Final = -np.array(RARITIES)
STRENGTHS: Final = -100 / 3 * np.log10(np.array(RARITIES))
NOT_POOR: Final = 0.01  # a match is among this share of the catalogue for each paper that is wanted a day,
RAREST, COMMONEST = 0.03, 0.15  # within these bounds,
LEAST: Final = 1.0  # and this many standard deviations above the middle
ROUNDING: Final = 0.005  # between the sample, kept at half precision, and a day's papers


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
    centre: float
    bent: bool  # whether the words' part counts by its logarithm
    liking: float  # what a liked paper's cosine to a paper adds to its score
    steps: Floats  # scores at RARITIES, rising

    def bar(self, daily: int) -> float:
        """The lowest score that is no poor match to someone for whom `daily` papers a day are enough."""
        share = min(max(NOT_POOR * daily, RAREST), COMMONEST)
        return max(float(np.interp(-share, FALLING, self.steps)), LEAST) - ROUNDING

    def strengths(self, scores: Floats) -> Floats:
        """0 to 100, as `Match` says."""
        strengths: Floats = np.interp(scores, self.steps, STRENGTHS, left=0.0).astype(np.float32)
        return strengths


def literal(statistics: Statistics, text: str) -> bool:
    return statistics.vocabulary.holders_of(text) >= HOLDERS


# Of a topic whose likes neither view knows anything of: no score reaches its bar.
NOWHERE: Final = Direction(EMPTY, 0.0, None, 0.0, 0.0, False, 0.0, np.full(len(RARITIES), np.inf, np.float32))


def direct(statistics: Statistics, taste: Taste) -> Direction:
    """The topic's direction under this version."""
    words, meant = _words(statistics, taste), _vector(statistics, taste)
    if not len(words.columns) and meant is None:
        return NOWHERE
    raw = statistics.sample_words.times(words) - statistics.common
    middle, spread = _measured(raw) if len(words.columns) else (0.0, np.inf)
    bent = not taste.literal and taste.text is not None and len(taste.text.words.columns) > 0
    total = bend((raw - middle) / spread) if bent else (raw - middle) / spread
    vector, centre, liking = None, 0.0, 0.0
    if meant:
        vector, share = meant
        cosines = statistics.sample_vectors @ vector
        usual, width = _measured(cosines)
        meaning = (MEANING_LITERAL if taste.literal else MEANING) / width
        total = total + (cosines - usual) * meaning
        vector, centre, liking = vector * meaning, usual * meaning, share * meaning
    return Direction(
        Row(words.columns, (words.weights / spread).astype(np.float32)),
        1 / spread,
        vector,
        middle / spread,
        centre,
        bent,
        liking,
        np.quantile(total, 1 - np.array(RARITIES), method="lower").astype(np.float32),
    )


def bend(standardised: Matrix) -> Matrix:
    """Above the middle by the logarithm; smooth there."""
    bent: Matrix = np.where(standardised > 0, np.log1p(np.maximum(standardised, 0)), standardised)
    return bent


def _words(statistics: Statistics, taste: Taste) -> Row:
    own = taste.text.words if taste.text else EMPTY
    rows = [view.words for view in taste.likes.values()]
    liked = weighted_sum([(1 / len(rows), row) for row in rows])
    if not len(own.columns) and not len(liked.columns):
        return EMPTY
    share = float(len(own.columns) > 0)
    if share and len(liked.columns):
        scores = (statistics.sample_words.times(row) - statistics.common for row in (own, liked))
        share = _own_share(taste, len(rows), *scores)
    disliked = [(-DISLIKED / len(taste.dislikes), view.words) for view in taste.dislikes]
    return _heaviest(weighted_sum([(share, own), (1 - share, liked), *disliked]))


def _own_share(taste: Taste, liked: int, own_scores: Floats, liked_scores: Floats) -> float:
    """What the reader's own words count of 1, beside papers' mean: so many papers when both spread alike.

    A few words have few phrases and heavy ones, papers' mean has many light ones.
    """
    worth = TEXT_LITERAL if taste.literal else TEXT
    own, papers = worth / _measured(own_scores)[1], liked / _measured(liked_scores)[1]
    return own / (own + papers) if own else 0.0


def _heaviest(row: Row) -> Row:
    if len(row.columns) <= WEIGHTS:
        return row
    kept = np.sort(np.argpartition(-np.abs(row.weights), WEIGHTS)[:WEIGHTS])
    return Row(row.columns[kept], row.weights[kept])


def _vector(statistics: Statistics, taste: Taste) -> tuple[Floats, float] | None:
    """The direction, and how much of it one liked paper is."""
    own = taste.text.vector if taste.text else None
    known = [view.vector for view in taste.likes.values() if view.vector is not None]
    if own is None and not known:
        return None
    liked = np.mean(known, axis=0) if known else np.zeros_like(own)
    share = float(own is not None)
    if own is not None and known:
        share = _own_share(taste, len(known), *(statistics.sample_vectors @ one for one in (own, liked)))
    vector = (1 - share) * liked + (share * own if own is not None else 0)
    disliked = [view.vector for view in taste.dislikes if view.vector is not None]
    if disliked:
        vector = vector - DISLIKED * np.mean(disliked, axis=0)
    return vector.astype(np.float32), (1 - share) / max(len(known), 1)


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

    @cached_property
    def places(self) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
        """Where among `columns` each paper's own are."""
        return [np.searchsorted(self.columns, self.rows[place].columns) for place in range(len(self.rows))]

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


@dataclass(frozen=True)
class Scored:
    """Topics (rows) against papers (columns)."""

    told: Matrix  # shape (topics, shelf's columns): the words' directions there
    scores: Matrix  # shape (topics, papers)


def scored(directions: Sequence[Direction], shelf: Shelf) -> Scored:
    """Every paper's score for every topic: one product a view."""
    told = Rows.of([direction.words for direction in directions]).dense(shelf.columns)
    common, offsets, centres, bent = (
        np.array([getattr(direction, name) for direction in directions], np.float32)
        for name in ("common", "offset", "centre", "bent")
    )
    none = np.zeros(len(shelf.vectors), np.float32)
    vectors = np.array([none if one.vector is None else one.vector for one in directions], np.float32)
    found: Matrix = told @ shelf.words
    found -= np.outer(common, shelf.common)
    found -= offsets[:, None]
    found[bent > 0] = bend(found[bent > 0])
    found += vectors.reshape(len(directions), -1) @ shelf.vectors - centres[:, None]
    return Scored(told, found)
