"""Many topics against some papers at once: which match each, and why. Pure; a page asks for one topic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from paperround.topics.model import scorer
from paperround.topics.model.match import Kind, Match, Reason
from paperround.topics.model.reasons import Likes, heaviest, nearest, parts, told_phrases
from paperround.topics.model.rules import Rules
from paperround.topics.model.scorer import Direction, Scored, Shelf
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import Statistics
from paperround.topics.paper_features import Candidate

CELLS: Final = 16_000_000  # of a block's matrix over the papers' phrases; 64 MB
MOST_FOLLOWED: Final = 20  # papers of followed authors in a day


class Asking(NamedTuple):
    """A topic, ready to be matched."""

    direction: Direction
    rules: Rules
    daily: int
    likes: Likes


def matched(
    statistics: Statistics, papers: Sequence[Candidate], shelf: Shelf, topics: Sequence[Asking]
) -> list[list[Match]]:
    """Each topic's matches, best first, at most `daily` a day and what followed authors wrote.

    `shelf` holds the views of `papers`.
    """
    size = max(1, CELLS // max(1, len(shelf.columns)))
    blocks = (topics[start : start + size] for start in range(0, len(topics), size))
    return [found for block in blocks for found in _matched(statistics, papers, shelf, block)]


def _matched(
    statistics: Statistics, papers: Sequence[Candidate], shelf: Shelf, topics: Sequence[Asking]
) -> Iterator[list[Match]]:
    block = scorer.scored([topic.direction for topic in topics], shelf)
    chosen = [picked(topic, scores, papers) for topic, scores in zip(topics, block.scores, strict=True)]
    phrases = _phrases(statistics, shelf, topics, block, chosen)
    for place, (topic, taken) in enumerate(zip(topics, chosen, strict=True)):
        scores = block.scores[place, taken]
        ids = [papers[paper].reading.id for paper in taken]
        liked = nearest(topic.direction, topic.likes, ids, shelf.vectors[:, taken])
        why = (
            _why(topic.rules.followed(papers[paper].reading), phrases[place, paper], like)
            for paper, like in zip(taken, liked, strict=True)
        )
        strengths = topic.direction.strengths(scores).round().astype(int).tolist()
        yield list(map(Match, ids, scores.tolist(), strengths, why))


def picked(topic: Asking, scores: Floats, papers: Sequence[Candidate]) -> list[int]:
    """Places of the papers that match, best first."""
    followed = _followed(topic.rules, papers)
    above = np.flatnonzero(scores >= topic.direction.bar(topic.daily))
    taken: dict[date, int] = defaultdict(int)
    places = followed[:]
    for place in above[np.argsort(-scores[above], kind="stable")].tolist():
        paper = papers[place]
        if taken[paper.day] < topic.daily and place not in followed and topic.rules.admit(paper.reading):
            taken[paper.day] += 1
            places.append(place)
    return sorted(places, key=lambda place: -scores[place]) if followed else places


def _followed(rules: Rules, papers: Sequence[Candidate]) -> list[int]:
    if not rules.authors:
        return []
    taken: dict[date, int] = defaultdict(int)
    places = []
    for place, paper in enumerate(papers):
        if rules.followed(paper.reading) and not rules.refuse(paper.reading):
            taken[paper.day] += 1
            if taken[paper.day] <= MOST_FOLLOWED:
                places.append(place)
    return places


def _phrases(
    statistics: Statistics,
    shelf: Shelf,
    topics: Sequence[Asking],
    block: Scored,
    chosen: Sequence[Sequence[int]],
) -> Mapping[tuple[int, int], Mapping[str, float]]:
    """Paper by paper, for all topics that it matches at once: one by one it would take most of the time."""
    takers: dict[int, list[int]] = defaultdict(list)
    for topic, taken in enumerate(chosen):
        for paper in taken:
            takers[paper].append(topic)
    found = {}
    for paper, places in takers.items():
        words, columns = shelf.rows[paper], shelf.places[paper]
        told = block.told[np.ix_(np.array(places), columns)]
        added = parts(statistics, [topics[place].direction for place in places], told, words)
        for place, weights in zip(places, heaviest(statistics, words, added), strict=True):
            found[place, paper] = weights
    return found


def _why(authors: Sequence[str], phrases: Mapping[str, float], liked: Reason | None) -> tuple[Reason, ...]:
    """Heaviest first; authors, who weigh nothing, before all."""
    told = told_phrases(phrases)
    if liked:
        told.append(liked)
        told.sort(key=lambda reason: -reason.weight)
    return (*(Reason(Kind.author, name, 0.0) for name in authors), *told)
