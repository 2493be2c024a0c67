"""Matches a topic as it is now, for its page and for its feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from fastapi import Request

from paperround.database import ReadSession
from paperround.papers import editions
from paperround.search.query_vectors import QueryVector
from paperround.topics import corpus, queries, ratings
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import Band
from paperround.topics.model.batch import MAX_FOLLOWED_PAPERS
from paperround.topics.model.match import Match
from paperround.topics.tables import Topic
from paperround.web.dependencies import TooMany, query_encoder_of
from paperround.web.security.costs import CostlyWorkRefused, begin_costly_request

MAX_MATCHES: Final = 100  # that are shown of one topic


async def encode_texts(request: Request, texts: Mapping[int, str]) -> dict[int, QueryVector]:
    """Encode the topics' texts. Returns vectors by topic id, without those that cannot be computed now.

    Call it before a session is opened: it has one of its own, and encoding holds no connection. Every
    matching begins here, so it is counted here. Raises `TooMany`.
    """
    await begin_costly_request(request)
    encoder = query_encoder_of(request)
    given = {topic_id: text for topic_id, text in texts.items() if text}
    if not given:
        return {}
    async with request.app.state.database.read_session() as session:
        spelled = await corpus.spell_out(session, list(given.values()))
    vectors = {key: await encoder.encode(text) for key, text in zip(given, spelled, strict=True)}
    return {topic_id: vector for topic_id, vector in vectors.items() if vector}


async def encode_text(request: Request, text: str) -> QueryVector | None:
    """Encode one topic's text as `encode_texts` does. None without words, or if it can't be computed now."""
    return (await encode_texts(request, {0: text})).get(0)


async def match_days(
    session: ReadSession, topic: Topic, last_day: date, vector: QueryVector | None, *, days: int
) -> Sequence[Match]:
    """Match the papers of the last `days` days with the topic as it is now.

    A rating counts at once. A paused topic gets what it would match.
    """
    wanted = await queries.load_topic_queries(session, [topic.id])
    return await match_papers(
        session,
        wanted[topic.id],
        text_vector=vector,
        first=last_day - timedelta(days=days - 1),
        last=last_day,
        limit=min((topic.daily + MAX_FOLLOWED_PAPERS) * days, MAX_MATCHES),
        daily=topic.daily,
        min_band=Band(topic.min_band),
    )


@dataclass(frozen=True)
class RatingEffect:
    """What a rating does to a topic's matches of the latest day: `before` are their ids, best first.

    Where matching has to wait for others, a rating is kept without telling what it does.
    """

    day: date | None = None
    vector: QueryVector | None = None
    before: Sequence[str] = ()

    @classmethod
    async def watch(cls, request: Request, topic: Topic) -> RatingEffect:
        """Match the topic as it is before a rating."""
        try:
            vector = await encode_text(request, topic.words)
        except (TooMany, CostlyWorkRefused):
            return cls()
        async with request.app.state.database.read_session() as session:
            day = await editions.find_newest_day(session)
            if day is None:
                return cls()
            stored = (await queries.load_matches(session, [topic.id], day, day))[topic.id].get(day)
            if stored is None:
                stored = await match_days(session, topic, day, vector, days=1)
        return cls(day, vector, [match.paper_id for match in stored])

    async def count_moved(self, request: Request, topic: Topic) -> int:
        """Count the papers that are higher, or new, among the matches of the topic as it is now."""
        if self.day is None:
            return 0
        async with request.app.state.database.read_session() as session:
            after = await match_days(session, topic, self.day, self.vector, days=1)
        return ratings.count_risen(self.before, [match.paper_id for match in after])
