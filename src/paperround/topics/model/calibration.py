"""Calibration: constants of the fit from judged pairs of topic and paper. Pure numpy.

Logistic regression that starts from known constants and moves away from them only as far as the pairs say.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from paperround.regression import fit_logit
from paperround.topics.model.bands import BAND_FLOORS, Band
from paperround.topics.model.fit import build_fit
from paperround.topics.model.fit_constants import FitConstants, LogitConstants, Stages
from paperround.topics.model.fit_matrix import FitDirections, FitMatrix, compute_fits, compute_logits
from paperround.topics.model.scorer import PaperMatrix, TopicProfile
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews, Statistics

FIRST_FEATURES: Final = ("cosine", "said")
SECOND_FEATURES: Final = ("cosine", "said", "titled", "like")

Spreads = Mapping[str, float]

# How far a constant may lie from where it starts, as the standard deviation of a normal distribution. A model
# that nobody calibrated starts from words alone: what vectors say is free, whatever their cosines are like.
SPREADS: Final[Spreads] = {"bias": 1.0, "cosine": 2.0, "said": 0.75, "titled": 0.75, "like": 12.5}
SPREADS_OF_NEW_MODEL: Final[Spreads] = {
    "bias": 50.0, "cosine": 50.0, "said": 4.5, "titled": 4.5, "like": 75.0,
}  # fmt: skip
SPREAD_FACTOR_OF_PHRASES: Final = 50 / 3  # of `said` where it is the product of papers' phrases
LIKED_COUNTS: Final = (1, 3, 5)  # papers that stand for a topic where its words are taken away
FITS: Final = 2  # the grade of a paper that fits wholly
MIN_FIT_MEASURED: Final = 0.1  # from which on the calibration error counts a pair
# Papers of the sample that are taken as unrelated to what a few papers stand for, and to words that no vector
# speaks for. Some of them do fit; with 100 instead of 30, fits by papers were half of what was judged.
UNRELATED_TO_PAPERS: Final = 30
UNRELATED_TO_WORDS: Final = 100

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class JudgedPaper(NamedTuple):
    """A judged paper. `grade` is 0 (no), 1 (partly) or 2 (fits)."""

    title: str
    views: PaperViews
    grade: int


class JudgedTopic(NamedTuple):
    """A topic in words with the papers that were judged for it. `vector` is of its words."""

    text: str
    vector: Floats | None
    papers: Sequence[JudgedPaper]


class _Examples(NamedTuple):
    """A profile with papers that it is judged on."""

    profile: TopicProfile
    matrix: FitMatrix
    fits: Numbers  # shape (papers,): 1 where a paper fits at least partly


def calibrate(
    statistics: Statistics, topics: Sequence[JudgedTopic], start: FitConstants, *, is_new: bool = False
) -> FitConstants:
    """Fit the constants to judged topics.

    `is_new` tells that nobody has calibrated the model: `start` is then of words alone. Without vectors
    in the statistics only the constants of words alone change.
    """
    in_words = [_in_words(statistics, topic, topic.vector, topic.papers) for topic in topics]
    unrelated = _unrelated_papers(statistics, UNRELATED_TO_WORDS)
    without_vectors = [_in_words(statistics, topic, None, [*topic.papers, *unrelated]) for topic in topics]
    in_papers = [example for topic in topics for example in _in_papers(statistics, topic, with_vectors=True)]
    papers_alone = [
        example for topic in topics for example in _in_papers(statistics, topic, with_vectors=False)
    ]
    has_vectors = any(topic.vector is not None for topic in topics)
    of_vectors = SPREADS_OF_NEW_MODEL if is_new else SPREADS

    def fit(examples: Sequence[_Examples], stages: Stages, spreads: Spreads) -> Stages:
        return _calibrate_stages(statistics, examples, stages, spreads)

    return FitConstants(
        words=fit(in_words, start.words, of_vectors) if has_vectors else start.words,
        papers=fit(in_papers, start.papers, _of_phrases(of_vectors)) if has_vectors else start.papers,
        words_alone=fit(without_vectors, start.words_alone, SPREADS),
        papers_alone=fit(papers_alone, start.papers_alone, _of_phrases(SPREADS)),
    )


def _of_phrases(spreads: Spreads) -> Spreads:
    return {**spreads, "said": SPREAD_FACTOR_OF_PHRASES * spreads["said"]}


class Prediction(NamedTuple):
    """What the fits of judged pairs are, and their grades. Both have shape (pairs,)."""

    fits: Floats
    grades: np.ndarray[tuple[int], np.dtype[np.int64]]

    def share_at_least_partly(self, band: Band) -> tuple[int, float]:
        """Count the pairs in a band, and compute which share of them fits at least partly."""
        ceiling = min((floor for floor in BAND_FLOORS.values() if floor > BAND_FLOORS[band]), default=2.0)
        inside = (self.fits >= BAND_FLOORS[band]) & (self.fits < ceiling)
        return int(inside.sum()), float((self.grades[inside] > 0).mean()) if inside.any() else 0.0

    @property
    def calibration_error(self) -> float:
        """The mean distance of fits from the shares that they predict, by bands and what lies below them."""
        edges = [MIN_FIT_MEASURED, *sorted(BAND_FLOORS.values()), 2.0]
        counted = self.fits >= MIN_FIT_MEASURED
        apart = 0.0
        for low, high in itertools.pairwise(edges):
            inside = (self.fits >= low) & (self.fits < high)
            apart += abs(float(self.fits[inside].sum()) - float((self.grades[inside] > 0).sum()))
        return apart / max(int(counted.sum()), 1)


def predict(statistics: Statistics, topics: Sequence[JudgedTopic], constants: FitConstants) -> Prediction:
    """Compute the fits of judged pairs."""
    fits = [
        compute_fits(_build_fit(statistics, example, constants), example.matrix)[0]
        for example in (_in_words(statistics, topic, topic.vector, topic.papers) for topic in topics)
    ]
    grades = [paper.grade for topic in topics for paper in topic.papers]
    return Prediction(np.concatenate([*fits, np.empty(0, np.float32)]), np.array(grades, np.int64))


def _build_fit(statistics: Statistics, examples: _Examples, constants: FitConstants) -> FitDirections:
    fit = build_fit(statistics, examples.profile, constants)
    return FitDirections.of([fit], len(statistics.mean_vector))


def _build_matrix(statistics: Statistics, papers: Sequence[JudgedPaper]) -> FitMatrix:
    matrix = PaperMatrix.build(statistics, [paper.views for paper in papers])
    return FitMatrix.build(statistics, matrix, [paper.title for paper in papers])


def _in_words(
    statistics: Statistics, topic: JudgedTopic, vector: Floats | None, papers: Sequence[JudgedPaper]
) -> _Examples:
    profile = TopicProfile(statistics.view_of_words(topic.text, vector), own_text=topic.text)
    return _Examples(profile, _build_matrix(statistics, papers), _labels(papers))


def _labels(papers: Sequence[JudgedPaper]) -> Numbers:
    return np.array([float(paper.grade > 0) for paper in papers])


def _in_papers(statistics: Statistics, topic: JudgedTopic, *, with_vectors: bool) -> list[_Examples]:
    """Let papers that fit stand for the topic, the first one, three and five, and judge it on the others."""
    fitting = [place for place, paper in enumerate(topic.papers) if paper.grade == FITS]
    examples = []
    for count in LIKED_COUNTS:
        liked, rest = fitting[:count], [p for n, p in enumerate(topic.papers) if n not in fitting[:count]]
        if len(liked) < count or not rest:
            continue
        views = [topic.papers[place].views for place in liked]
        if not with_vectors:
            views = [view._replace(vector=None) for view in views]
        judged = [*rest, *_unrelated_papers(statistics, UNRELATED_TO_PAPERS)]
        profile = TopicProfile(liked=dict(zip(map(str, liked), views, strict=True)))
        examples.append(_Examples(profile, _build_matrix(statistics, judged), _labels(judged)))
    return examples


def _unrelated_papers(statistics: Statistics, wanted: int) -> list[JudgedPaper]:
    """Take some of the sample.

    What was judged lies near a topic's words in meaning; most papers that a topic meets don't, and without
    words, or without vectors, these are hard to tell.
    """
    count = min(wanted, len(statistics.sample_words))
    places = np.linspace(0, len(statistics.sample_words) - 1, count).astype(int).tolist()
    has_vectors = len(statistics.sample_vectors) > 0
    return [
        JudgedPaper(
            "",
            PaperViews(
                statistics.sample_words[place], statistics.sample_vectors[place] if has_vectors else None
            ),
            0,
        )
        for place in places
    ]


def _calibrate_stages(
    statistics: Statistics, examples: Sequence[_Examples], start: Stages, spreads: Spreads
) -> Stages:
    if not examples:
        return start
    labels = np.concatenate([example.fits for example in examples])
    first = _regress(
        _features(statistics, examples, start.first, FIRST_FEATURES),
        labels, start.first, FIRST_FEATURES, spreads,
    )  # fmt: skip
    second = _regress(
        _features(statistics, examples, first, SECOND_FEATURES),
        labels, start.second, SECOND_FEATURES, spreads,
    )  # fmt: skip
    return Stages(first, second)


def _features(
    statistics: Statistics, examples: Sequence[_Examples], first: LogitConstants, names: Sequence[str]
) -> Numbers:
    """Compute each feature of each judged pair, shape (pairs, features), by what serves readers."""
    columns = []
    for name in names:
        alone = FitConstants.of_stages(Stages(first, LogitConstants(**{**NOTHING, name: 1.0})))
        columns.append(
            np.concatenate(
                [
                    compute_logits(_build_fit(statistics, example, alone), example.matrix)[0]
                    for example in examples
                ]
            )
        )
    return np.stack(columns, axis=1).astype(float)


NOTHING: Final[Mapping[str, float]] = {"bias": 0.0, "cosine": 0.0, "said": 0.0, "titled": 0.0, "like": 0.0}


def _regress(
    features: Numbers,
    labels: Numbers,
    start: LogitConstants,
    names: Sequence[str],
    spreads: Spreads,
) -> LogitConstants:
    names = ("bias", *names)
    constants = fit_logit(
        features,
        labels,
        start=np.array([getattr(start, name) for name in names]),
        spreads=np.array([spreads[name] for name in names]),
    )
    return LogitConstants(**dict(zip(names, constants.round(3).tolist(), strict=True)))
