"""What a digest takes from its reader's topics: the matches that a worker stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

import structlog
from sqlalchemy import ColumnElement, Integer, Select, any_, exists, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.digests.items import shorten
from paperround.papers.tables import FRESH_LISTING, Listing
from paperround.text.markup import render_unicode
from paperround.topics import queries, reader_topics
from paperround.topics.model.match import Match, ReasonKind
from paperround.topics.tables import MeasuredCatalogue, Topic, TopicDay

logger = structlog.get_logger(__name__)

MatchDay = Callable[[date], Awaitable[int]]  # matches a day with the topics that are due; how many were
MAX_MATCHING_ATTEMPTS: Final = 10
MATCHING_RETRY_INTERVAL: Final = 0.5  # seconds
MAX_REASONS: Final = 3
MAX_REASON_LENGTH: Final = 60


class TopicMatch(NamedTuple):
    paper_id: str
    topic_id: int
    name: str  # of the topic
    why: tuple[str, ...]  # the phrases, papers and authors that weighed most, heaviest first


async def match_changed_topics(
    session: ReadSession, match: MatchDay, readers: Collection[int], first: date, last: date
) -> None:
    """Have days matched for topics that changed since, or were made: a digest isn't without them.

    What another worker is just matching is waited for, a little.
    """
    for _ in range(MAX_MATCHING_ATTEMPTS):
        days = (await session.scalars(_unmatched(readers, first, last))).all()
        if not days:
            return
        matched = [await match(day) for day in days]
        if not any(matched):
            await asyncio.sleep(MATCHING_RETRY_INTERVAL)
    logger.warning("digests go out without topics that could not be matched", days=len(days))


def _unmatched(readers: Collection[int], first: date, last: date) -> Select[date]:
    """Days with a list that some topic of these readers wasn't matched with, as it is now."""
    days = select(Listing.day).where(Listing.day.between(first, last), FRESH_LISTING).distinct().subquery()
    fresh = exists().where(
        TopicDay.topic_id == Topic.id, TopicDay.day == days.c.day, TopicDay.changed_at == Topic.changed_at
    )
    theirs = (_of(readers), ~Topic.paused, ~fresh, exists(select(MeasuredCatalogue.id)))
    return select(days.c.day).join(Topic, true()).where(*theirs).distinct().order_by(days.c.day)


def _of(readers: Collection[int]) -> ColumnElement[bool]:
    """As one value: hundreds take longer to write than to find."""
    return Topic.reader_id == any_(literal(list(readers), ARRAY(Integer)))


async def load_topic_matches(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> Mapping[int, Sequence[TopicMatch]]:
    """By reader: what matches their topics of the papers listed on these days, topic by topic, best first."""
    query = select(Topic.id, Topic.reader_id, Topic.name).where(_of(readers), ~Topic.paused)
    topics = (await session.execute(query.order_by(Topic.position, Topic.id))).all()
    days = await queries.load_matches(session, [topic.id for topic in topics], first, last)
    found = {topic.id: list(_best(days.get(topic.id, {}).values())) for topic in topics}
    titles = await reader_topics.load_titles(session, set(_papers_in(found.values())))
    matches: dict[int, list[TopicMatch]] = {}
    for topic in topics:
        theirs = matches.setdefault(topic.reader_id, [])
        theirs += [
            TopicMatch(match.paper_id, topic.id, topic.name, tuple(_told(match, titles)))
            for match in found[topic.id]
        ]
    return matches


def _best(days: Iterable[Sequence[Match]]) -> Sequence[Match]:
    return sorted((match for day in days for match in day), key=lambda match: (-match.score, match.paper_id))


def _papers_in(found: Iterable[Sequence[Match]]) -> Iterator[str]:
    for matches in found:
        for match in matches:
            yield from (
                reason.text for reason in match.reasons[:MAX_REASONS] if reason.kind is ReasonKind.paper
            )


def _told(match: Match, titles: Mapping[str, str]) -> Iterator[str]:
    """Reasons in words."""
    for reason in match.reasons[:MAX_REASONS]:
        match reason.kind:
            case ReasonKind.phrase:
                yield reason.text
            case ReasonKind.author:
                yield f"by {reason.text}"
            case ReasonKind.paper if reason.text in titles:
                yield _like(titles[reason.text])


@lru_cache(maxsize=5000)
def _like(title: str) -> str:
    return f"like “{shorten(render_unicode(title), MAX_REASON_LENGTH)}”"
