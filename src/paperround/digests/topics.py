"""What a digest takes from its reader's topics: the matches that a worker stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from sqlalchemy import Integer, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.digests.items import shortened
from paperround.text import unicode_math
from paperround.topics import following, stored
from paperround.topics.tables import Topic
from paperround.topics.wanted import Kind, Match

MOST_REASONS: Final = 3
LONGEST_REASON: Final = 60


class TopicMatch(NamedTuple):
    paper_id: str
    topic_id: int
    name: str  # of the topic
    why: tuple[str, ...]  # the phrases, papers and authors that weighed most, heaviest first


async def matches_of(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> Mapping[int, Sequence[TopicMatch]]:
    """By reader: what matches their topics of the papers listed on these days, topic by topic, best first."""
    of_readers = Topic.reader_id == any_(literal(list(readers), ARRAY(Integer)))
    query = select(Topic.id, Topic.reader_id, Topic.name).where(of_readers, ~Topic.paused)
    topics = (await session.execute(query.order_by(Topic.position, Topic.id))).all()
    days = await stored.matches_of(session, [topic.id for topic in topics], first, last)
    found = {topic.id: list(_best(days.get(topic.id, {}).values())) for topic in topics}
    titles = await following.titles(session, set(_papers_in(found.values())))
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
            yield from (reason.text for reason in match.reasons[:MOST_REASONS] if reason.kind is Kind.paper)


def _told(match: Match, titles: Mapping[str, str]) -> Iterator[str]:
    """Reasons in words."""
    for reason in match.reasons[:MOST_REASONS]:
        match reason.kind:
            case Kind.phrase:
                yield reason.text
            case Kind.author:
                yield f"by {reason.text}"
            case Kind.paper if reason.text in titles:
                yield _like(titles[reason.text])


@lru_cache(maxsize=5000)
def _like(title: str) -> str:
    return f"like “{shortened(unicode_math(title), LONGEST_REASON)}”"
