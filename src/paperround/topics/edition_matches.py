"""Matching a day's edition with all topics of all readers: block by block, by as many workers as there are.

A topic is due while its row for the day is missing, or is of the topic, the version or the papers as they
were before. So a late paper, a rating or a new version makes it due again, and matching twice changes
nothing. A block is held by an advisory lock: a worker that dies lets go of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

import structlog
from sqlalchemy import ColumnElement, and_, delete, or_, select, text

from paperround.database import Database, ReadSession, WriteSession
from paperround.papers.tables import FRESH_LISTING, Listing
from paperround.topics.corpus import Version, current
from paperround.topics.matcher import liked_of
from paperround.topics.model.batch import Asking, matched
from paperround.topics.model.match import Match, Wanted
from paperround.topics.model.reasons import Likes
from paperround.topics.model.rules import Rules
from paperround.topics.model.scorer import Shelf
from paperround.topics.model.sparse import Floats
from paperround.topics.paper_features import Candidate, listed, vectors_of
from paperround.topics.profiles import DueTopic, Kept, TextEncoder, kept
from paperround.topics.queries import wanted_of
from paperround.topics.tables import Topic, TopicDay, TopicDirection

logger = structlog.get_logger(__name__)

BLOCK: Final = 1000  # topics in one transaction
DAYS: Final = 7  # the latest editions that are matched
MOST_VECTORS: Final = 20_000  # of liked papers that are kept from block to block; 30 MB
KEPT_DAYS: Final = timedelta(days=60)

KEEP: Final = text("""
    INSERT INTO topic_days (topic_id, day, measured_id, changed_at, papers_hash, matches)
    SELECT topic, :day, :measured, changed, hash, matches
    FROM unnest(CAST(:topics AS int[]), CAST(:changed AS timestamptz[]), CAST(:hashes AS text[]))
        WITH ORDINALITY AS given (topic, changed, hash, place)
    JOIN jsonb_array_elements(CAST(:matches AS jsonb)) WITH ORDINALITY AS found (matches, place) USING (place)
    ON CONFLICT (topic_id, day) DO UPDATE SET measured_id = excluded.measured_id,
        changed_at = excluded.changed_at, papers_hash = excluded.papers_hash, matches = excluded.matches
""")


class Edition(NamedTuple):
    """A day's papers under one version, ready to be matched."""

    day: date
    version: Version
    papers: Sequence[Candidate]
    shelf: Shelf
    papers_hash: str
    vectors: dict[str, Floats]  # of liked papers, as blocks met them: topics share many


async def match_latest(database: Database, encoder: TextEncoder | None) -> int:
    """Match the latest editions, the newest first, and forget what is old; how many topics were matched."""
    async with database.reading() as session:
        newest = select(Listing.day).where(FRESH_LISTING).distinct().order_by(Listing.day.desc())
        latest = (await session.scalars(newest.limit(DAYS))).all()
    done = sum([await match_edition(database, day, encoder) for day in latest])
    if latest:
        async with database.writing() as session:
            await session.execute(delete(TopicDay).where(TopicDay.day < latest[0] - KEPT_DAYS))
    return done


async def match_edition(database: Database, day: date, encoder: TextEncoder | None) -> int:
    """Match every active topic that is due with the day as it is now; how many were.

    Nothing before the catalogue was measured. What another worker has in hand is left to it.
    """
    async with database.reading() as session:
        edition = await _edition(session, day)
        if edition is None:
            return 0
        blocks = await _due_blocks(session, edition)
    done = 0
    for block in blocks:
        async with database.writing() as session:
            done += await _match_block(session, edition, block, encoder)
    if done:
        logger.info("matched topics", day=str(day), topics=done)
    return done


async def _edition(session: ReadSession, day: date) -> Edition | None:
    active = select(Topic.id).where(~Topic.paused).exists()
    if not await session.scalar(select(active)):
        return None
    version = await current(session)
    papers = await listed(session, version, day, day) if version.id else ()
    if not papers:
        return None
    shelf = await asyncio.to_thread(Shelf.of, version.statistics, [paper.view for paper in papers])
    return Edition(day, version, papers, shelf, _hash(papers), {})


def _hash(papers: Sequence[Candidate]) -> str:
    """Of all that matching reads of them."""
    told = hashlib.md5(usedforsecurity=False)
    for paper in papers:
        vector = paper.view.vector
        told.update(repr(paper.reading).encode())
        told.update(b"" if vector is None else vector.tobytes())
    return told.hexdigest()


def _due(edition: Edition) -> ColumnElement[bool]:
    return and_(
        ~Topic.paused,
        or_(
            TopicDay.topic_id.is_(None),
            TopicDay.changed_at != Topic.changed_at,
            TopicDay.measured_id != edition.version.id,
            TopicDay.papers_hash != edition.papers_hash,
        ),
    )


async def _due_blocks(session: ReadSession, edition: Edition) -> Sequence[int]:
    block = (Topic.id // BLOCK).label("block")
    that_day = (TopicDay.topic_id == Topic.id) & (TopicDay.day == edition.day)
    query = select(block).select_from(Topic).outerjoin(TopicDay, that_day).where(_due(edition))
    return [int(number) for number in await session.scalars(query.distinct().order_by(block))]


async def _match_block(
    session: WriteSession, edition: Edition, block: int, encoder: TextEncoder | None
) -> int:
    key = {"day": edition.day.toordinal(), "block": block}
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:day, :block)"), key):
        return 0
    topics = await _due_topics(session, edition, block)
    if not topics:
        return 0
    # After the topics: who rates now is in here or changes `changed_at`, and the topic is due again.
    wanted = await wanted_of(session, [topic.id for topic in topics])
    topics = [topic for topic in topics if topic.id in wanted]
    directions = await kept(session, edition.version, topics, wanted, encoder)
    asked = await _askings(session, edition, topics, wanted, directions)
    found = await asyncio.to_thread(matched, edition.version.statistics, edition.papers, edition.shelf, asked)
    await _store(session, edition, topics, directions, found)
    return len(topics)


async def _due_topics(session: WriteSession, edition: Edition, block: int) -> list[DueTopic]:
    """Held so that none is deleted meanwhile; a change needn't wait for us."""
    first, last = block * BLOCK, (block + 1) * BLOCK - 1

    def of_topic(table: type[TopicDay | TopicDirection]) -> ColumnElement[bool]:
        """The bounds are said of each table: all its rows would be read for each block."""
        return (table.topic_id == Topic.id) & table.topic_id.between(first, last)

    query = select(
        Topic.id, Topic.changed_at, Topic.daily, Topic.words, TopicDirection.measured_id,
        TopicDirection.changed_at, TopicDirection.packed, TopicDirection.text_hash,
        TopicDirection.text_vector,
    )  # fmt: skip
    joined = query.outerjoin(TopicDirection, of_topic(TopicDirection)).outerjoin(
        TopicDay, of_topic(TopicDay) & (TopicDay.day == edition.day)
    )
    due = joined.where(_due(edition), Topic.id.between(first, last)).order_by(Topic.id)
    held = due.with_for_update(of=Topic, key_share=True, read=True, skip_locked=True)
    return [DueTopic(*row) for row in await session.execute(held)]


async def _askings(
    session: WriteSession,
    edition: Edition,
    topics: Sequence[DueTopic],
    wanted: Mapping[int, Wanted],
    directions: Mapping[int, Kept],
) -> list[Asking]:
    liked = {topic.id: liked_of(wanted[topic.id]) for topic in topics}
    keys = {key for keys in liked.values() for key in keys}
    known = {key: edition.vectors[key] for key in keys if key in edition.vectors}
    new = await vectors_of(session, edition.version, keys - known.keys())
    if len(edition.vectors) > MOST_VECTORS:
        edition.vectors.clear()
    edition.vectors.update(new)
    vectors = known | new
    return [
        Asking(
            directions[topic.id].direction,
            Rules.of(wanted[topic.id]),
            topic.daily,
            Likes.of(liked[topic.id], vectors),
        )
        for topic in topics
    ]


async def _store(
    session: WriteSession,
    edition: Edition,
    topics: Sequence[DueTopic],
    directions: Mapping[int, Kept],
    found: Sequence[Sequence[Match]],
) -> None:
    """A topic that still lacks its words' vector keeps no hash, and so stays due."""
    given = {
        "day": edition.day,
        "measured": edition.version.id,
        "topics": [topic.id for topic in topics],
        "changed": [topic.changed_at for topic in topics],
        "hashes": [edition.papers_hash if directions[topic.id].whole else "" for topic in topics],
        "matches": json.dumps(found),
    }
    await session.execute(KEEP, given)
