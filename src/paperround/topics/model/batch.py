"""Matching many topics with some papers at once: which papers match each topic, and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from paperround.topics.model import scorer
from paperround.topics.model.match import Match, Reason, ReasonKind
from paperround.topics.model.reasons import (
    LikedVectors,
    choose_phrase_reasons,
    find_nearest_liked,
    heaviest_phrases,
    phrase_contributions,
)
from paperround.topics.model.rules import PaperPhrases, TopicRules
from paperround.topics.model.scorer import Direction, PaperMatrix, ScoreMatrix
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews, Statistics

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
    """A topic that is ready to be matched."""

    direction: Direction
    rules: TopicRules
    daily: int
    liked: LikedVectors


def match_topics(
    statistics: Statistics,
    papers: Sequence[CandidatePaper],
    matrix: PaperMatrix,
    topics: Sequence[BatchTopic],
) -> list[list[Match]]:
    """Find each topic's matches, best first: at most `daily` a day, and papers of followed authors.

    `matrix` holds the views of `papers`.
    """
    size = max(1, MAX_CELLS // max(1, len(matrix.columns)))
    blocks = (topics[start : start + size] for start in range(0, len(topics), size))
    return [matches for block in blocks for matches in _match_block(statistics, papers, matrix, block)]


def _match_block(
    statistics: Statistics,
    papers: Sequence[CandidatePaper],
    matrix: PaperMatrix,
    topics: Sequence[BatchTopic],
) -> Iterator[list[Match]]:
    block = scorer.score_papers([topic.direction for topic in topics], matrix)
    chosen = [
        choose_papers(topic, scores, papers) for topic, scores in zip(topics, block.scores, strict=True)
    ]
    phrases = _phrase_weights(statistics, matrix, topics, block, chosen)
    for place, (topic, taken) in enumerate(zip(topics, chosen, strict=True)):
        scores = block.scores[place, taken]
        ids = [papers[paper].phrases.id for paper in taken]
        liked = find_nearest_liked(topic.direction, topic.liked, ids, matrix.vectors[:, taken])
        why = (
            _build_reasons(
                topic.rules.find_followed_authors(papers[paper].phrases), phrases[place, paper], like
            )
            for paper, like in zip(taken, liked, strict=True)
        )
        strengths = topic.direction.compute_strengths(scores).round().astype(int).tolist()
        yield list(map(Match, ids, scores.tolist(), strengths, why))


def choose_papers(topic: BatchTopic, scores: Floats, papers: Sequence[CandidatePaper]) -> list[int]:
    """Choose the papers that match, best first, by their places among `papers`."""
    followed = _choose_followed(topic.rules, papers)
    above = np.flatnonzero(scores >= topic.direction.match_threshold(topic.daily))
    taken: dict[date, int] = defaultdict(int)
    places = followed[:]
    for place in above[np.argsort(-scores[above], kind="stable")].tolist():
        paper = papers[place]
        if taken[paper.day] < topic.daily and place not in followed and topic.rules.admits(paper.phrases):
            taken[paper.day] += 1
            places.append(place)
    return sorted(places, key=lambda place: -scores[place]) if followed else places


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


def _phrase_weights(
    statistics: Statistics,
    matrix: PaperMatrix,
    topics: Sequence[BatchTopic],
    block: ScoreMatrix,
    chosen: Sequence[Sequence[int]],
) -> Mapping[tuple[int, int], Mapping[str, float]]:
    """Compute the weights of phrases, by topic and paper.

    All topics that a paper matches are handled at once: one by one it would take most of the time.
    """
    takers: dict[int, list[int]] = defaultdict(list)
    for topic, taken in enumerate(chosen):
        for paper in taken:
            takers[paper].append(topic)
    phrase_weights = {}
    for paper, places in takers.items():
        words, columns = matrix.rows[paper], matrix.column_places[paper]
        weights_there = block.word_weights[np.ix_(np.array(places), columns)]
        contributions = phrase_contributions(
            statistics, [topics[place].direction for place in places], weights_there, words
        )
        for place, weights in zip(places, heaviest_phrases(statistics, words, contributions), strict=True):
            phrase_weights[place, paper] = weights
    return phrase_weights


def _build_reasons(
    authors: Sequence[str], phrases: Mapping[str, float], liked: Reason | None
) -> tuple[Reason, ...]:
    """Order the reasons by weight. Authors, who weigh nothing, come first."""
    reasons = choose_phrase_reasons(phrases)
    if liked:
        reasons.append(liked)
        reasons.sort(key=lambda reason: -reason.weight)
    return (*(Reason(ReasonKind.author, name, 0.0) for name in authors), *reasons)
