"""Matching many topics with some papers at once: which papers match each topic, and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple, TypeAlias

from paperround.arrays import np
from paperround.topics.model.bands import BAND_FLOORS, Band
from paperround.topics.model.fit_codec import PackedFits
from paperround.topics.model.fit_matrix import FitMatrix, compute_fits, rank_papers
from paperround.topics.model.match import CLOSE_IN_MEANING, Match, Reason, ReasonKind
from paperround.topics.model.reasons import (
    Cosines,
    choose_phrase_reasons,
    find_nearest_liked,
    weigh_phrases,
)
from paperround.topics.model.rules import PaperPhrases, TopicRules
from paperround.topics.model.scorer import Directions, PaperMatrix, score_papers
from paperround.topics.model.sparse import Flags, Floats, Matrix, Places, Rows
from paperround.topics.model.statistics import PaperViews, Statistics

MAX_FOLLOWED_PAPERS: Final = 20  # papers of followed authors in a day
RISING_FLOORS: Final = sorted(BAND_FLOORS.values())

Cells: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.bool_]]"


class CandidatePaper(NamedTuple):
    """A paper that topics are matched with.

    `day` is the day of its earliest listing among the days that are matched.
    """

    day: date
    phrases: PaperPhrases
    views: PaperViews


class BatchTopic(NamedTuple):
    """What a reader asks of a topic. `min_band` is the lowest band that they want to see."""

    rules: TopicRules
    daily: int
    min_band: Band
    liked: Sequence[str]  # ids


class TopicBatch(NamedTuple):
    """Topics that are ready to be matched, with the arrays of all of them in the same order."""

    topics: Sequence[BatchTopic]
    directions: Directions
    reasons: Rows  # the phrases that may be told
    cosines: Cosines  # of all liked papers


class Promising(NamedTuple):
    """Topics that a paper fits, or that ask for more than fits.

    `fits` has the shape (these topics, papers), and `reasons` are the phrases that may be told of them.
    """

    places: Places
    fits: Matrix
    reasons: Rows


def find_promising(
    packed: PackedFits, floors: Floats, is_wanted: Flags, papers: FitMatrix, dimensions: int
) -> Promising:
    """Find the topics that may have a match: a paper fits them, or they are wanted anyway.

    `floors` are of the lowest bands that the topics show. Vectors have so many `dimensions`.
    """
    fits = compute_fits(packed.decode(dimensions), papers)
    places = np.flatnonzero(find_fitting(fits, floors).any(axis=1) | is_wanted)
    return Promising(places, fits[places], packed.decode_reasons(places))


def match_topics(
    statistics: Statistics,
    papers: Sequence[CandidatePaper],
    matrix: FitMatrix,
    batch: TopicBatch,
    fits: Matrix,
) -> list[list[Match]]:
    """Find each topic's matches, best first: at most `daily` a day, and papers of followed authors.

    `matrix` holds the views of `papers`, and `fits` their fits, shape (topics, papers).
    """
    scores = score_papers(batch.directions, matrix.papers)
    ranks = rank_papers(batch.directions.log_compressed, scores, fits)
    owners, places = choose_pairs(batch.topics, papers, fits, ranks)
    of_pairs = zip(
        owners.tolist(),
        places.tolist(),
        ranks[owners, places].tolist(),
        batch.directions.compute_strengths(owners, scores[owners, places]).round().astype(int).tolist(),
        fits[owners, places].tolist(),
        weigh_phrases(statistics, batch.reasons, matrix.papers, owners, places),
        strict=True,
    )
    weights = batch.directions.liked_paper_weights.tolist()
    matches: list[list[Match]] = [[] for _ in batch.topics]
    for owner, place, rank, strength, fit, phrases in of_pairs:
        topic, paper = batch.topics[owner], papers[place].phrases
        liked = find_nearest_liked(weights[owner], topic.liked, batch.cosines, paper.id, place)
        reasons = _build_reasons(topic.rules.find_followed_authors(paper), phrases, liked)
        match = Match(paper.id, rank, strength, reasons, fit)
        if _is_believable(match):
            matches[owner].append(match)
    return matches


def build_matrix(statistics: Statistics, papers: Sequence[CandidatePaper]) -> FitMatrix:
    """Build the matrix of papers that topics are matched with."""
    views = PaperMatrix.build(statistics, [paper.views for paper in papers])
    return FitMatrix.build(statistics, views, [paper.phrases.title for paper in papers])


def find_fitting(fits: Matrix, floors: Floats) -> Cells:
    """Tell which papers fit well enough to be shown, shape (topics, papers), before any rule.

    `floors` are of the lowest bands that the topics show.
    """
    fitting: Cells = fits >= floors[:, None]
    return fitting


def choose_pairs(
    topics: Sequence[BatchTopic], papers: Sequence[CandidatePaper], fits: Matrix, ranks: Matrix
) -> tuple[Places, Places]:
    """Choose the papers that match: pairs of places, topic by topic, the best band and rank first."""
    floors = np.array([BAND_FLOORS[topic.min_band] for topic in topics], np.float32)
    candidates = find_fitting(fits, floors)
    followed = [_choose_followed(topic.rules, papers) for topic in topics]
    for of_topic, of_followed in zip(candidates, followed, strict=True):
        if of_followed:
            of_topic[of_followed] = True
    owners, places = np.nonzero(candidates)
    bands = np.searchsorted(np.array(RISING_FLOORS, np.float32), fits[owners, places], "right")
    order = np.lexsort((-ranks[owners, places], -bands, owners))
    chosen: list[int] = []
    taken: dict[tuple[int, date], int] = defaultdict(int)
    for pair, owner, place in zip(
        order.tolist(), owners[order].tolist(), places[order].tolist(), strict=True
    ):
        topic, paper = topics[owner], papers[place]
        if place in followed[owner]:
            chosen.append(pair)
        elif taken[owner, paper.day] < topic.daily and topic.rules.admits(paper.phrases):
            taken[owner, paper.day] += 1
            chosen.append(pair)
    return owners[chosen], places[chosen]


def _choose_followed(rules: TopicRules, papers: Sequence[CandidatePaper]) -> list[int]:
    if not rules.authors:
        return []
    taken: dict[date, int] = defaultdict(int)
    places = []
    for place, paper in enumerate(papers):
        if rules.find_followed_authors(paper.phrases) and not rules.refuses(paper.phrases):
            taken[paper.day] += 1
            if taken[paper.day] <= MAX_FOLLOWED_PAPERS:
                places.append(place)
    return places


def _is_believable(match: Match) -> bool:
    """Tell whether a reader would believe it. A possible match needs a reason that can be told."""
    return match.reasons != (CLOSE_IN_MEANING,) or match.band is not Band.possible


def _build_reasons(
    authors: Sequence[str], phrases: Mapping[str, float], liked: Reason | None
) -> tuple[Reason, ...]:
    """List the reasons: authors, then phrases, then a liked paper. There is always one."""
    reasons = [
        *(Reason(ReasonKind.author, name, 0.0) for name in authors),
        *choose_phrase_reasons(phrases),
        *([liked] if liked else []),
    ]
    return tuple(reasons) or (CLOSE_IN_MEANING,)
