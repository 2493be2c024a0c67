"""Matching a day's edition with all topics of all readers, batch by batch, by any number of workers.

A topic is due while its row for the day is missing, or belongs to an earlier state of the topic, the
statistics or the papers. So a late paper, a rating or a new version makes it due again, and matching twice
changes nothing. A batch is held by an advisory lock, which a worker that dies releases.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple, ParamSpec, TypeVar

import structlog
from sqlalchemy import delete, func, select, update

from paperround.arrays import np
from paperround.database import Database, ReadSession, WriteSession
from paperround.papers.tables import FRESH_LISTING, Listing
from paperround.reads import round_trip
from paperround.topics.corpus import StatisticsVersion, load_current_version
from paperround.topics.match_rows import MatchedDay
from paperround.topics.match_store import (
    DueTopics,
    ask_packed_directions,
    list_due_batches,
    lock_due_topics,
    store_matches,
)
from paperround.topics.matcher import list_liked
from paperround.topics.model.bands import BAND_FLOORS, Band
from paperround.topics.model.batch import (
    BatchTopic,
    CandidatePaper,
    TopicBatch,
    build_matrix,
    find_promising,
    match_topics,
)
from paperround.topics.model.codec import decode_directions
from paperround.topics.model.fit_codec import PackedFits
from paperround.topics.model.fit_constants import FitConstants
from paperround.topics.model.fit_matrix import FitMatrix
from paperround.topics.model.match import Match, TopicQuery
from paperround.topics.model.reasons import Cosines, compute_cosines
from paperround.topics.model.rules import TopicRules
from paperround.topics.model.sparse import Places, Rows
from paperround.topics.paper_features import load_candidates, load_vectors
from paperround.topics.profiles import TextEncoder, update_models
from paperround.topics.queries import ask_topic_queries
from paperround.topics.tables import Topic, TopicDay

P = ParamSpec("P")
Result = TypeVar("Result")

logger = structlog.get_logger(__name__)

BATCH_SIZE: Final = 1000  # topics in one transaction
LANES: Final = 3  # batches at once: PostgreSQL works on some while we compute another
MATCHED_EDITIONS: Final = 7  # the latest editions that are matched
MAX_PAST_TOPICS: Final = 5_000  # that are matched with past weeks in one run
MAX_CELLS: Final = 400_000  # topics times papers that are matched at once
MAX_CACHED_COSINES: Final = 8_000_000  # of liked papers with the day's, from batch to batch; 32 MB
MATCH_RETENTION: Final = timedelta(days=60)
NOTHING_ASKED: Final = TopicQuery()
BANDS: Final = tuple(Band)
FLOORS: Final = tuple(BAND_FLOORS[band] for band in BANDS)
# Days with papers.
NEWEST_DAYS: Final = select(Listing.day).where(FRESH_LISTING).distinct().order_by(Listing.day.desc())


class EditionPapers(NamedTuple):
    """A day's papers under one version of the statistics, ready to be matched."""

    matched: MatchedDay
    version: StatisticsVersion
    papers: Sequence[CandidatePaper]
    matrix: FitMatrix
    cosines: dict[str, Sequence[float]]  # of liked papers that batches have met: topics share many
    turn: asyncio.Lock  # to compute: what is in between takes some megabytes

    async def compute(self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Compute something of one batch in a thread, while other batches wait for PostgreSQL."""
        async with self.turn:
            return await asyncio.to_thread(function, *args, **kwargs)


async def match_latest(database: Database, encoder: TextEncoder | None) -> int:
    """Match the latest editions, the newest first, and delete old matches.

    Returns how many topics were matched.
    """
    async with database.read_session() as session:
        latest = (await session.scalars(NEWEST_DAYS.limit(MATCHED_EDITIONS))).all()
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
            edition = await _load_edition(session, day, is_past=True)
        if edition:
            await _match_batches(database, edition, encoder)
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
    latest = (await session.scalars(NEWEST_DAYS.limit(MATCHED_EDITIONS))).all()
    if not latest:
        return []
    kept = NEWEST_DAYS.where(Listing.day < latest[-1], Listing.day >= latest[0] - MATCH_RETENTION)
    return (await session.scalars(kept)).all()


async def _match_batches(database: Database, edition: EditionPapers, encoder: TextEncoder | None) -> int:
    async with database.read_session() as session:
        batches = await list_due_batches(session, edition.matched, BATCH_SIZE)
    waiting = deque(batches)

    async def match_waiting() -> int:
        done = 0
        try:
            while waiting:
                batch = waiting.popleft()
                async with database.write_session() as session:
                    done += await _match_batch(session, edition, batch, encoder)
        finally:
            waiting.clear()  # after a failure, the other lanes end with their batches
        return done

    outcomes = await asyncio.gather(*(match_waiting() for _ in range(LANES)), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    done = sum(outcome for outcome in outcomes if not isinstance(outcome, BaseException))
    if done:
        logger.info("matched topics", day=str(edition.matched.day), topics=done)
    return done


async def _load_edition(session: ReadSession, day: date, *, is_past: bool = False) -> EditionPapers | None:
    active = select(Topic.id).where(~Topic.paused).exists()
    if not await session.scalar(select(active)):
        return None
    version = await load_current_version(session)
    papers = await load_candidates(session, version, day, day) if version.id else ()
    if not papers:
        return None
    matrix = await asyncio.to_thread(build_matrix, version.statistics, papers)
    matched = MatchedDay(day, version.id, _hash_papers(papers, version.constants), is_past)
    return EditionPapers(matched, version, papers, matrix, {}, asyncio.Lock())


def _hash_papers(papers: Sequence[CandidatePaper], constants: FitConstants) -> str:
    """Hash everything that matching reads of the papers, and what makes a paper fit."""
    digest = hashlib.md5(str(constants.digest).encode(), usedforsecurity=False)
    for paper in papers:
        vector = paper.views.vector
        digest.update(repr(paper.phrases).encode())
        digest.update(b"" if vector is None else vector.tobytes())
    return digest.hexdigest()


async def _match_batch(
    session: WriteSession, edition: EditionPapers, batch: int, encoder: TextEncoder | None
) -> int:
    topics = await lock_due_topics(session, edition.matched, edition.version, batch, BATCH_SIZE)
    if not len(topics):
        return 0
    fits = await update_models(session, edition.version, topics, encoder)
    matches: dict[int, Sequence[Match]] = {}
    size = max(1, MAX_CELLS // len(edition.papers))
    for start in range(0, len(topics), size):
        matches |= await _match_block(session, edition, topics, fits.packed, slice(start, start + size))
    await store_matches(session, edition.matched, topics, fits.incomplete, matches)
    return len(topics)


async def _match_block(
    session: WriteSession, edition: EditionPapers, topics: DueTopics, packed_fits: PackedFits, block: slice
) -> dict[int, Sequence[Match]]:
    """Match a block of topics: first the fits of all, then the rest for those alone that a paper fits or may
    be by somebody they follow. Returns the matches of those that have any, by place.
    """
    found = await edition.compute(
        find_promising,
        packed_fits[block],
        np.array(FLOORS, np.float32)[topics.min_bands[block]],
        topics.has_authors[block],
        edition.matrix,
        len(edition.version.statistics.mean_vector),
    )
    if not len(found.places):
        return {}
    places = found.places + block.start
    batch = await _load_batch(session, edition, topics, places, found.reasons)
    matches = await edition.compute(
        match_topics, edition.version.statistics, edition.papers, edition.matrix, batch, found.fits
    )
    return {place: of_topic for place, of_topic in zip(places.tolist(), matches, strict=True) if of_topic}


async def _load_batch(
    session: WriteSession, edition: EditionPapers, topics: DueTopics, places: Places, reasons: Rows
) -> TopicBatch:
    """Load what matching needs of the topics at some places, beside their fits."""
    statistics, ids = edition.version.statistics, topics.ids[places].tolist()
    # Loaded after the topics: a rating made now is in it, or changes `changed_at` and makes the topic due
    # again.
    async with round_trip(session) as trip:
        queries, packed = ask_topic_queries(trip, ids), ask_packed_directions(trip, ids)
    asked = [queries.result.get(topic_id, NOTHING_ASKED) for topic_id in ids]
    liked = [list_liked(query) for query in asked]
    cosines = await _load_cosines(session, edition, {key for keys in liked for key in keys})
    numbers = topics.daily[places].tolist(), topics.min_bands[places].tolist()
    return TopicBatch(
        [
            BatchTopic(TopicRules.from_query(query), daily, BANDS[band], keys)
            for query, daily, band, keys in zip(asked, *numbers, liked, strict=True)
        ],
        decode_directions(
            [packed.result.get(topic_id, b"") for topic_id in ids], len(statistics.mean_vector)
        ),
        reasons,
        cosines,
    )


async def _load_cosines(session: WriteSession, edition: EditionPapers, keys: set[str]) -> Cosines:
    """Load the cosines of papers with the day's. Those that batches have met are kept."""
    found = {key: edition.cosines[key] for key in keys & edition.cosines.keys()}
    vectors = await load_vectors(session, edition.version, keys - found.keys())
    new = compute_cosines(vectors, edition.matrix.papers)
    if (len(edition.cosines) + len(new)) * len(edition.papers) > MAX_CACHED_COSINES:
        edition.cosines.clear()
    edition.cosines.update(new)
    return found | new
