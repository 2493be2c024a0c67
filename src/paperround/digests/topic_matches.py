"""What a digest takes from its reader's topics: stored matches, and those of topics just changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

import structlog
from sqlalchemy import ColumnElement, Integer, Row, any_, exists, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import Database, ReadSession
from paperround.digests.items import shorten
from paperround.papers.tables import FRESH_LISTING, Listing
from paperround.summaries.shown_explanations import Explanation, load_explanations
from paperround.text.titles import shorten_title
from paperround.topics import queries, reader_topics
from paperround.topics.model.match import Match, ReasonKind
from paperround.topics.tables import MATCHES_ARE_CURRENT, MeasuredCatalogue, Topic, TopicDay

logger = structlog.get_logger(__name__)

MatchDay = Callable[[date], Awaitable[int]]  # matches a day with the topics that are due, and counts them
MAX_MATCHING_ATTEMPTS: Final = 10
MATCHING_RETRY_INTERVAL: Final = 0.5  # seconds
MAX_REASONS: Final = 3
# How phrases begin that are no words of a topic. `wording.py` says them in the reader's language.
BY_AUTHOR: Final = "by "
SIMILAR: Final = "similar to “"
CLOSE: Final = "close in meaning"
MAX_REASON_LENGTH: Final = 60


class TopicMatch(NamedTuple):
    """A match of a reader's topic.

    `why` has what weighed most: phrases, papers and authors, heaviest first. `explanation` is by a model.
    """

    paper_id: str
    topic_id: int
    name: str  # of the topic
    band: str | None
    why: tuple[str, ...]
    explanation: Explanation | None = None


async def match_changed_topics(
    database: Database, match_day: MatchDay, readers: Collection[int], first: date, last: date
) -> bool:
    """Match these readers' topics with days for which no matches of their present state are stored.

    No session is open while a day is matched. Topics that another worker is just matching are waited for, a
    little. Returns False where some topics could not be matched; digests then go out without them.
    """
    for _ in range(MAX_MATCHING_ATTEMPTS):
        async with database.read_session() as session:
            days = {day for day, _ in await _load_unmatched(session, readers, first, last)}
        if not days:
            return True
        matched = [await match_day(day) for day in sorted(days)]
        if not any(matched):
            await asyncio.sleep(MATCHING_RETRY_INTERVAL)
    logger.warning("digests go out without topics that could not be matched", days=len(days))
    return False


async def find_unmatched_readers(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> frozenset[int]:
    """Find those of these readers who have a topic that is not matched with all of these days."""
    return frozenset(reader for _, reader in await _load_unmatched(session, readers, first, last))


async def _load_unmatched(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> Sequence[Row[date, int]]:
    """Load the days with a list, and the readers, for whom some topic as it is now was not matched."""
    days = select(Listing.day).where(Listing.day.between(first, last), FRESH_LISTING).distinct().subquery()
    is_matched = exists().where(MATCHES_ARE_CURRENT, TopicDay.day == days.c.day)
    has_statistics = exists(select(MeasuredCatalogue.id))
    query = select(days.c.day, Topic.reader_id).join(Topic, true()).distinct()
    return (
        await session.execute(query.where(_of_readers(readers), ~Topic.paused, ~is_matched, has_statistics))
    ).all()


def _of_readers(readers: Collection[int]) -> ColumnElement[bool]:
    """One value for all ids: writing hundreds into a statement takes longer than finding them."""
    return Topic.reader_id == any_(literal(list(readers), ARRAY(Integer)))


async def load_topic_matches(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> Mapping[int, Sequence[TopicMatch]]:
    """Load what matches readers' topics among the papers listed on these days, by reader.

    Matches come topic by topic, the best first.
    """
    query = select(Topic.id, Topic.reader_id, Topic.name).where(_of_readers(readers), ~Topic.paused)
    topics = (await session.execute(query.order_by(Topic.position, Topic.id))).all()
    days = await queries.load_matches(session, [topic.id for topic in topics], first, last)
    best = {topic.id: _order_matches(days.get(topic.id, {}).values()) for topic in topics}
    titles = await reader_topics.load_titles(session, set(_list_liked_papers(best.values())))
    found = {match.paper_id for matches in best.values() for match in matches}
    explained = await load_explanations(session, readers, found)
    matches_of_readers: dict[int, list[TopicMatch]] = {}
    for topic in topics:
        matches_of_readers.setdefault(topic.reader_id, []).extend(
            TopicMatch(
                match.paper_id,
                topic.id,
                topic.name,
                match.band,
                tuple(_write_reasons(match, titles)),
                explained.get((topic.id, match.paper_id)),
            )
            for match in best[topic.id]
        )
    return matches_of_readers


def _order_matches(days: Iterable[Sequence[Match]]) -> Sequence[Match]:
    return sorted((match for day in days for match in day), key=lambda match: match.order)


def _list_liked_papers(matches_of_topics: Iterable[Sequence[Match]]) -> Iterator[str]:
    """Yield the liked papers that are reasons."""
    for matches in matches_of_topics:
        for match in matches:
            yield from (
                reason.text for reason in match.reasons[:MAX_REASONS] if reason.kind is ReasonKind.paper
            )


def _write_reasons(match: Match, titles: Mapping[str, str]) -> Iterator[str]:
    for reason in match.reasons[:MAX_REASONS]:
        match reason.kind:
            case ReasonKind.phrase:
                yield reason.text
            case ReasonKind.author:
                yield BY_AUTHOR + reason.text
            case ReasonKind.paper if reason.text in titles:
                yield _write_liked_paper(titles[reason.text])
            case ReasonKind.meaning:
                yield CLOSE


@lru_cache(maxsize=5000)
def _write_liked_paper(title: str) -> str:
    return f"{SIMILAR}{shorten(shorten_title(title), MAX_REASON_LENGTH)}”"
