"""Matching many topics with some papers at once: which papers match each topic, and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from paperround.topics.model import scorer
from paperround.topics.model.bands import BAND_FLOORS, Band, find_band, rank_band
from paperround.topics.model.fit_matrix import FitMatrix, compute_fits, rank_papers
from paperround.topics.model.match import CLOSE_IN_MEANING, Match, Reason, ReasonKind
from paperround.topics.model.reasons import (
    LikedVectors,
    choose_phrase_reasons,
    find_nearest_liked,
    weigh_phrases,
)
from paperround.topics.model.rules import PaperPhrases, TopicRules
from paperround.topics.model.scorer import PaperMatrix
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews, Statistics
from paperround.topics.model.topic_model import TopicModel

MAX_CELLS: Final = 16_000_000  # of a batch's matrix over the papers' phrases; 64 MB
MAX_FOLLOWED_PAPERS: Final = 20  # papers of followed authors in a day


class CandidatePaper(NamedTuple):
    """A paper that topics are matched with.

    `day` is the day of its earliest listing among the days that are matched.
    """

    day: date
    phrases: PaperPhrases
    views: PaperViews


class BatchTopic(NamedTuple):
    """A topic that is ready to be matched. `min_band` is the lowest band that its reader wants to see."""

    model: TopicModel
    rules: TopicRules
    daily: int
    min_band: Band
    liked: LikedVectors


def match_topics(
    statistics: Statistics,
    papers: Sequence[CandidatePaper],
    matrix: FitMatrix,
    topics: Sequence[BatchTopic],
) -> list[list[Match]]:
    """Find each topic's matches, best first: at most `daily` a day, and papers of followed authors.

    `matrix` holds the views of `papers`.
    """
    size = max(1, MAX_CELLS // max(1, len(matrix.papers.columns)))
    blocks = (topics[start : start + size] for start in range(0, len(topics), size))
    return [matches for block in blocks for matches in _match_block(statistics, papers, matrix, block)]


def build_matrix(statistics: Statistics, papers: Sequence[CandidatePaper]) -> FitMatrix:
    """Build the matrix of papers that topics are matched with."""
    views = PaperMatrix.build(statistics, [paper.views for paper in papers])
    return FitMatrix.build(statistics, views, [paper.phrases.title for paper in papers])


def _match_block(
    statistics: Statistics,
    papers: Sequence[CandidatePaper],
    matrix: FitMatrix,
    topics: Sequence[BatchTopic],
) -> Iterator[list[Match]]:
    scores = scorer.score_papers([topic.model.direction for topic in topics], matrix.papers).scores
    fits = compute_fits([topic.model.fit for topic in topics], matrix)
    ranks = rank_papers([topic.model.direction for topic in topics], scores, fits)
    chosen = [
        choose_papers(topic, *of_topic, papers)
        for topic, of_topic in zip(topics, zip(fits, ranks, strict=True), strict=True)
    ]
    phrases = iter(weigh_phrases(statistics, [topic.model.fit for topic in topics], matrix.papers, chosen))
    for place, (topic, taken) in enumerate(zip(topics, chosen, strict=True)):
        ids = [papers[paper].phrases.id for paper in taken]
        liked = find_nearest_liked(topic.model.direction, topic.liked, ids, matrix.papers.vectors[:, taken])
        why = [
            _build_reasons(topic.rules.find_followed_authors(papers[paper].phrases), next(phrases), like)
            for paper, like in zip(taken, liked, strict=True)
        ]
        strengths = topic.model.direction.compute_strengths(scores[place, taken]).round().astype(int).tolist()
        matches = map(Match, ids, ranks[place, taken].tolist(), strengths, why, fits[place, taken].tolist())
        yield [match for match in matches if _is_believable(match)]


def choose_papers(
    topic: BatchTopic, fits: Floats, ranks: Floats, papers: Sequence[CandidatePaper]
) -> list[int]:
    """Choose the papers that match, the best band and rank first, by their places among `papers`."""
    followed = _choose_followed(topic.rules, papers)
    fitting = np.flatnonzero(fits >= BAND_FLOORS[topic.min_band]).tolist()
    if not fitting and not followed:
        return []
    candidates = [*fitting, *followed]
    bands = map(rank_band, map(find_band, fits[candidates].tolist()))
    order = dict(zip(candidates, zip(bands, (-ranks[candidates]).tolist(), strict=True), strict=True))
    taken: dict[date, int] = defaultdict(int)
    places = followed[:]
    for place in sorted(fitting, key=order.__getitem__):
        paper = papers[place]
        if taken[paper.day] < topic.daily and place not in followed and topic.rules.admits(paper.phrases):
            taken[paper.day] += 1
            places.append(place)
    return sorted(places, key=order.__getitem__) if followed else places


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
    return match.band is not Band.possible or match.reasons != (CLOSE_IN_MEANING,)


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
