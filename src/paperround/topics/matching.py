"""The papers of some days that match a topic, with nothing stored: for previews, pages and the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
from sqlalchemy import select

from paperround.database import ReadSession
from paperround.embeddings.tables import EmbeddingModel
from paperround.topics import scorer
from paperround.topics.candidates import Candidate, listed, views_of
from paperround.topics.measuring import Version, current
from paperround.topics.reasons import reasons
from paperround.topics.rules import Rules
from paperround.topics.scorer import Direction, Shelf, Taste
from paperround.topics.sparse import Floats
from paperround.topics.statistics import Statistics, View
from paperround.topics.wanted import Kind, Match, Reason, TextVector, Wanted

MOST_LIKED: Final = 200  # papers that make a direction: the latest ratings, then examples
MOST_FOLLOWED: Final = 20  # papers of followed authors in a day


async def matches(
    session: ReadSession,
    wanted: Wanted,
    *,
    text_vector: TextVector | None,
    first: date,
    last: date,
    limit: int,
    daily: int,
) -> Sequence[Match]:
    """At most `limit` papers of these days' editions, best first; at most `daily` a day, followed authors'
    aside, and none that matches poorly.

    `text_vector` is of `wanted.text`; without it the reader's own words count by the letter.
    """
    version = await current(session)
    papers = await listed(session, version, first, last)
    taste = await taste_of(session, version, wanted, text_vector)
    found = chosen(version.statistics, taste, Rules.of(wanted), papers, daily=daily)
    return sorted(found, key=lambda match: (-match.score, match.paper_id))[:limit]


async def taste_of(
    session: ReadSession, version: Version, wanted: Wanted, text_vector: TextVector | None
) -> Taste:
    liked = list(dict.fromkeys([*wanted.more[::-1], *wanted.examples]))[:MOST_LIKED]
    disliked = wanted.less[-MOST_LIKED:]
    views = await views_of(session, version, {*liked, *disliked})
    numbers = text_vector.numbers if text_vector and await _is_ours(session, version, text_vector) else None
    return taste(version.statistics, wanted.text, numbers, liked, disliked, views)


async def _is_ours(session: ReadSession, version: Version, vector: TextVector) -> bool:
    model = select(EmbeddingModel.name).where(EmbeddingModel.id == version.statistics.model_id)
    return await session.scalar(model) == vector.model


def taste(
    statistics: Statistics,
    text: str,
    text_vector: Floats | None,
    liked: Iterable[str],
    disliked: Iterable[str],
    views: Mapping[str, View],
) -> Taste:
    """Papers that aren't in `views` are gone from the catalogue, and count for nothing."""
    return Taste(
        statistics.asked(text, text_vector) if text.strip() else None,
        scorer.literal(statistics, text),
        {key: views[key] for key in liked if key in views},
        [views[key] for key in disliked if key in views],
    )


def chosen(
    statistics: Statistics, taste: Taste, rules: Rules, papers: Sequence[Candidate], *, daily: int
) -> list[Match]:
    """The matches of each day, in the order of `papers`."""
    direction = scorer.direct(statistics, taste)
    shelf = Shelf.of(statistics, [paper.view for paper in papers])
    scores = scorer.scores([direction], shelf)[0] if direction else np.zeros(len(papers), np.float32)
    kept = set(picked(direction, scores, rules, papers, daily=daily))
    strengths = direction.strengths(scores) if direction else scores
    return [
        Match(
            paper.reading.id,
            float(scores[place]),
            round(float(strengths[place])),
            why(statistics, direction, taste.likes, rules, paper),
        )
        for place, paper in enumerate(papers)
        if place in kept
    ]


def picked(
    direction: Direction | None, scores: Floats, rules: Rules, papers: Sequence[Candidate], *, daily: int
) -> list[int]:
    """Places of the papers that match: the `daily` best of each day that are no poor matches, and what
    followed authors wrote."""
    taken: dict[date, int] = {}
    followed: dict[date, int] = {}
    places = []
    bar = direction.bar(daily) if direction else np.inf
    for place in np.argsort(-scores, kind="stable").tolist():
        paper = papers[place]
        day = paper.day
        if rules.authors and rules.followed(paper.reading) and not rules.refuse(paper.reading):
            if followed.get(day, 0) < MOST_FOLLOWED:
                followed[day] = followed.get(day, 0) + 1
                places.append(place)
        elif scores[place] >= bar and taken.get(day, 0) < daily and rules.admit(paper.reading):
            taken[day] = taken.get(day, 0) + 1
            places.append(place)
    return places


def why(
    statistics: Statistics,
    direction: Direction | None,
    likes: Mapping[str, View],
    rules: Rules,
    paper: Candidate,
) -> tuple[Reason, ...]:
    """Heaviest first; authors, who weigh nothing, before all."""
    names = [Reason(Kind.author, name, 0.0) for name in rules.followed(paper.reading)]
    told = reasons(statistics, direction, likes, paper.reading.id, paper.view) if direction else ()
    return (*names, *told)
