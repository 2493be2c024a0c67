"""The papers of some days that match a topic, with nothing stored: for previews, pages and the API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import select

from paperround.database import ReadSession
from paperround.embeddings.tables import EmbeddingModel
from paperround.topics.corpus import Version, current
from paperround.topics.model import scorer
from paperround.topics.model.batch import Asking, matched
from paperround.topics.model.match import Match, TextVector, Wanted
from paperround.topics.model.reasons import Likes
from paperround.topics.model.rules import Rules
from paperround.topics.model.scorer import Shelf, Taste
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import Statistics, View
from paperround.topics.paper_features import Candidate, listed, views_of

MOST_LIKED: Final = 200  # papers on either side that make a direction


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
    found = await asyncio.to_thread(_matched, version.statistics, taste, wanted, papers, daily)
    return sorted(found, key=lambda match: (-match.score, match.paper_id))[:limit]


def _matched(
    statistics: Statistics, taste: Taste, wanted: Wanted, papers: Sequence[Candidate], daily: int
) -> list[Match]:
    shelf = Shelf.of(statistics, [paper.view for paper in papers])
    return matched(statistics, papers, shelf, [asking(statistics, taste, Rules.of(wanted), daily)])[0]


def asking(statistics: Statistics, taste: Taste, rules: Rules, daily: int) -> Asking:
    vectors = {key: view.vector for key, view in taste.likes.items() if view.vector is not None}
    return Asking(scorer.direct(statistics, taste), rules, daily, Likes.of(vectors, vectors))


def liked_of(wanted: Wanted) -> list[str]:
    """The papers that make its direction: the latest ratings, then examples."""
    return list(dict.fromkeys([*wanted.more[::-1], *wanted.examples]))[:MOST_LIKED]


def disliked_of(wanted: Wanted) -> Sequence[str]:
    return wanted.less[-MOST_LIKED:]


async def taste_of(
    session: ReadSession, version: Version, wanted: Wanted, text_vector: TextVector | None
) -> Taste:
    liked, disliked = liked_of(wanted), disliked_of(wanted)
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
