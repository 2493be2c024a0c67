"""Matching a day's edition with all topics of all readers, batch by batch, by any number of workers.

A topic is due while its row for the day is missing, or belongs to an earlier state of the topic, the
statistics or the papers. So a late paper, a rating or a new version makes it due again, and matching twice
changes nothing. A batch is held by an advisory lock, which a worker that dies releases.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import structlog
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, update

from paperround.database import Database, ReadSession, WriteSession
from paperround.papers.tables import FRESH_LISTING, Listing
from paperround.topics.corpus import StatisticsVersion, load_current_version
from paperround.topics.matcher import list_liked
from paperround.topics.model.bands import Band
from paperround.topics.model.batch import BatchTopic, CandidatePaper, build_matrix, match_topics
from paperround.topics.model.fit_constants import FitConstants
from paperround.topics.model.fit_matrix import FitMatrix
from paperround.topics.model.match import Match, TopicQuery
from paperround.topics.model.reasons import LikedVectors
from paperround.topics.model.rules import TopicRules
from paperround.topics.model.sparse import Floats
from paperround.topics.paper_features import load_candidates, load_vectors
from paperround.topics.profiles import DueTopic, StoredModel, TextEncoder, update_models
from paperround.topics.queries import encode_matches, load_topic_queries
from paperround.topics.tables import Topic, TopicDay, TopicDirection

logger = structlog.get_logger(__name__)

BATCH_SIZE: Final = 1000  # topics in one transaction
MATCHED_EDITIONS: Final = 7  # the latest editions that are matched
MAX_PAST_TOPICS: Final = 5_000  # that are matched with past weeks in one run
MAX_CACHED_VECTORS: Final = 20_000  # of liked papers, from batch to batch; 30 MB
MATCH_RETENTION: Final = timedelta(days=60)

STORE_MATCHES: Final = text("""
    INSERT INTO topic_days (topic_id, day, measured_id, changed_at, papers_hash, matches, fits, fits_hash)
    SELECT topic, :day, :measured, changed, hash, matches -> 0,
        ARRAY(SELECT CAST(fit AS real) FROM jsonb_array_elements_text(matches -> 1) AS fit), hash
    FROM unnest(CAST(:topics AS int[]), CAST(:changed AS timestamptz[]), CAST(:hashes AS text[]))
        WITH ORDINALITY AS given (topic, changed, hash, place)
    JOIN jsonb_array_elements(CAST(:matches AS jsonb)) WITH ORDINALITY AS found (matches, place) USING (place)
    ON CONFLICT (topic_id, day) DO UPDATE SET measured_id = excluded.measured_id,
        changed_at = excluded.changed_at, papers_hash = excluded.papers_hash, matches = excluded.matches,
        fits = excluded.fits, fits_hash = excluded.fits_hash
""")


class EditionPapers(NamedTuple):
    """A day's papers under one version of the statistics, ready to be matched."""

    day: date
    version: StatisticsVersion
    papers: Sequence[CandidatePaper]
    matrix: FitMatrix
    papers_hash: str
    vectors: dict[str, Floats]  # of liked papers that batches have loaded: topics share many
    is_past: bool = False  # matched once with each topic, and not again when the topic changes


async def match_latest(database: Database, encoder: TextEncoder | None) -> int:
    """Match the latest editions, the newest first, and delete old matches.

    Returns how many topics were matched.
    """
    async with database.read_session() as session:
        newest = select(Listing.day).where(FRESH_LISTING).distinct().order_by(Listing.day.desc())
        latest = (await session.scalars(newest.limit(MATCHED_EDITIONS))).all()
    matched = sum([await match_edition(database, day, encoder) for day in latest])
    if latest:
        async with database.write_session() as session:
            await session.execute(delete(TopicDay).where(TopicDay.day < latest[0] - MATCH_RETENTION))
    return matched


async def match_edition(database: Database, day: date, encoder: TextEncoder | None) -> int:
    """Match every active topic that is due with the day as it is now. Returns how many were matched.

    Nothing is matched before the catalogue was measured. Batches that another worker holds are left to it.
    """
    async with database.read_session() as session:
        edition = await _load_edition(session, day)
    return await _match_batches(database, edition, encoder) if edition else 0


async def match_past(database: Database, encoder: TextEncoder | None, *, now: datetime) -> int:
    """Match topics with the editions of past weeks, once for each topic. Returns how many topics are done.

    So a new topic has a history at once. What is stored of a day before stays as it was then.
    """
    async with database.read_session() as session:
        wanted = select(Topic.id).where(Topic.history_matched_at.is_(None), ~Topic.paused)
        topics = (await session.scalars(wanted.order_by(Topic.id).limit(MAX_PAST_TOPICS))).all()
        days = await _list_past_days(session) if topics else ()
    matched: list[date] = []
    for day in days:
        async with database.read_session() as session:
            edition = await _load_edition(session, day)
        if edition:
            await _match_batches(database, edition._replace(is_past=True), encoder)
            matched.append(day)
    if len(matched) < len(days) or not topics:
        return 0  # the catalogue has not been measured
    stored = select(func.count()).where(TopicDay.topic_id == Topic.id, TopicDay.day.in_(days))
    done = update(Topic).where(Topic.id.in_(topics), stored.scalar_subquery() >= len(days))
    async with database.write_session() as session:
        ids = await session.scalars(done.values(history_matched_at=now).returning(Topic.id))
        return len(ids.all())


async def _list_past_days(session: ReadSession) -> Sequence[date]:
    """List the days with papers whose matches are kept and that are no more among the latest."""
    days = select(Listing.day).where(FRESH_LISTING).distinct().order_by(Listing.day.desc())
    latest = (await session.scalars(days.limit(MATCHED_EDITIONS))).all()
    if not latest:
        return []
    kept = days.where(Listing.day < latest[-1], Listing.day >= latest[0] - MATCH_RETENTION)
    return (await session.scalars(kept)).all()


async def _match_batches(database: Database, edition: EditionPapers, encoder: TextEncoder | None) -> int:
    async with database.read_session() as session:
        batches = await _list_due_batches(session, edition)
    done = 0
    for batch in batches:
        async with database.write_session() as session:
            done += await _match_batch(session, edition, batch, encoder)
    if done:
        logger.info("matched topics", day=str(edition.day), topics=done)
    return done


async def _load_edition(session: ReadSession, day: date) -> EditionPapers | None:
    active = select(Topic.id).where(~Topic.paused).exists()
    if not await session.scalar(select(active)):
        return None
    version = await load_current_version(session)
    papers = await load_candidates(session, version, day, day) if version.id else ()
    if not papers:
        return None
    matrix = await asyncio.to_thread(build_matrix, version.statistics, papers)
    return EditionPapers(day, version, papers, matrix, _hash_papers(papers, version.constants), {})


def _hash_papers(papers: Sequence[CandidatePaper], constants: FitConstants) -> str:
    """Hash everything that matching reads of the papers, and what makes a paper fit."""
    digest = hashlib.md5(str(constants.digest).encode(), usedforsecurity=False)
    for paper in papers:
        vector = paper.views.vector
        digest.update(repr(paper.phrases).encode())
        digest.update(b"" if vector is None else vector.tobytes())
    return digest.hexdigest()


def _due_condition(edition: EditionPapers) -> ColumnElement[bool]:
    if edition.is_past:
        return and_(~Topic.paused, Topic.history_matched_at.is_(None), TopicDay.topic_id.is_(None))
    return and_(
        ~Topic.paused,
        or_(
            TopicDay.topic_id.is_(None),
            TopicDay.changed_at != Topic.changed_at,
            TopicDay.measured_id != edition.version.id,
            TopicDay.papers_hash != edition.papers_hash,
        ),
    )


async def _list_due_batches(session: ReadSession, edition: EditionPapers) -> Sequence[int]:
    batch = (Topic.id // BATCH_SIZE).label("batch")
    that_day = (TopicDay.topic_id == Topic.id) & (TopicDay.day == edition.day)
    query = select(batch).select_from(Topic).outerjoin(TopicDay, that_day).where(_due_condition(edition))
    return [int(number) for number in await session.scalars(query.distinct().order_by(batch))]


async def _match_batch(
    session: WriteSession, edition: EditionPapers, batch: int, encoder: TextEncoder | None
) -> int:
    key = {"day": edition.day.toordinal(), "batch": batch}
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:day, :batch)"), key):
        return 0
    topics = await _lock_due_topics(session, edition, batch)
    if not topics:
        return 0
    # Loaded after the topics: a rating made now is in it, or changes `changed_at` and makes the topic due
    # again.
    queries = await load_topic_queries(session, [topic.id for topic in topics])
    topics = [topic for topic in topics if topic.id in queries]
    models = await update_models(session, edition.version, topics, queries, encoder)
    batch_topics = await _build_batch_topics(session, edition, topics, queries, models)
    matches = await asyncio.to_thread(
        match_topics, edition.version.statistics, edition.papers, edition.matrix, batch_topics
    )
    await _store_matches(session, edition, topics, models, matches)
    return len(topics)


async def _lock_due_topics(session: WriteSession, edition: EditionPapers, batch: int) -> list[DueTopic]:
    """Lock the topics that are due, so that none is deleted meanwhile. Changes of them need not wait."""
    first, last = batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE - 1

    def of_topic(table: type[TopicDay | TopicDirection]) -> ColumnElement[bool]:
        """Join a table by topic. Without bounds of its own all its rows would be read for each batch."""
        return (table.topic_id == Topic.id) & table.topic_id.between(first, last)

    query = select(
        Topic.id,
        Topic.changed_at,
        Topic.daily,
        Topic.min_band,
        Topic.words,
        TopicDirection.measured_id,
        TopicDirection.changed_at.label("directed_at"),
        TopicDirection.packed,
        TopicDirection.text_hash,
        TopicDirection.text_vector,
    )
    joined = query.outerjoin(TopicDirection, of_topic(TopicDirection)).outerjoin(
        TopicDay, of_topic(TopicDay) & (TopicDay.day == edition.day)
    )
    due = joined.where(_due_condition(edition), Topic.id.between(first, last)).order_by(Topic.id)
    held = due.with_for_update(of=Topic, key_share=True, read=True, skip_locked=True)
    return [DueTopic(**row) for row in (await session.execute(held)).mappings()]


async def _build_batch_topics(
    session: WriteSession,
    edition: EditionPapers,
    topics: Sequence[DueTopic],
    queries: Mapping[int, TopicQuery],
    models: Mapping[int, StoredModel],
) -> list[BatchTopic]:
    liked = {topic.id: list_liked(queries[topic.id]) for topic in topics}
    keys = {key for keys in liked.values() for key in keys}
    known = {key: edition.vectors[key] for key in keys if key in edition.vectors}
    new = await load_vectors(session, edition.version, keys - known.keys())
    if len(edition.vectors) > MAX_CACHED_VECTORS:
        edition.vectors.clear()
    edition.vectors.update(new)
    vectors = known | new
    return [
        BatchTopic(
            models[topic.id].model,
            TopicRules.from_query(queries[topic.id]),
            topic.daily,
            Band(topic.min_band),
            LikedVectors.select(liked[topic.id], vectors),
        )
        for topic in topics
    ]


async def _store_matches(
    session: WriteSession,
    edition: EditionPapers,
    topics: Sequence[DueTopic],
    models: Mapping[int, StoredModel],
    matches: Sequence[Sequence[Match]],
) -> None:
    """Store the matches. A topic whose words' vector is missing gets no hash, and so stays due."""
    parameters = {
        "day": edition.day,
        "measured": edition.version.id,
        "topics": [topic.id for topic in topics],
        "changed": [topic.changed_at for topic in topics],
        "hashes": [edition.papers_hash if models[topic.id].is_complete else "" for topic in topics],
        "matches": json.dumps([encode_matches(of_topic) for of_topic in matches]),
    }
    await session.execute(STORE_MATCHES, parameters)
