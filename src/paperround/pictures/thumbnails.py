"""Fetches the pictures that feeds name, once each, and keeps small ones of them in the database.

What is due stands in the tables: a paper whose `thumbnail_url` was not dealt with, in `thumbnail_source`. The
newest come first. When the quota is full, a new paper's picture takes the place of the oldest one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import httpx
import structlog
from sqlalchemy import Select, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import bounded_child
from paperround.database import Database, ReadSession, WriteSession, utc_now
from paperround.feeds.http import (
    USER_AGENT,
    FeedError,
    FeedUnreachable,
    RequestLimits,
    fetch,
    open_feed_client,
)
from paperround.papers.tables import Paper
from paperround.pictures.tables import Thumbnail
from paperround.settings import Settings
from paperround.throttle import Throttle

logger = structlog.get_logger(__name__)

SHRINKER: Final = "paperround.pictures.shrinker"
MAX_SHRINK_TIME: Final = 30.0  # seconds
MAX_SIZE: Final = 128 * 2**10  # bytes of one thumbnail, in both formats
LIMITS: Final = RequestLimits(read_timeout=10, total_timeout=30, max_bytes=12 * 2**20, max_attempts=1)
FETCHES_A_RUN: Final = 200
MAX_UNREACHABLE: Final = 10  # without one that could be had between them; the network may be down
LEASE: Final = timedelta(minutes=10)  # after which an attempt whose worker died is made again
FIRST_RETRY_DELAY: Final = timedelta(minutes=10)  # six times as long after each further attempt
MAX_ATTEMPTS: Final = 4  # within two days
FORGET_BATCH_SIZE: Final = 1_000

IS_DUE: Final = Paper.thumbnail_source.is_distinct_from(Paper.thumbnail_url)


@dataclass(frozen=True)
class Attempt:
    """One attempt to get a paper's picture; `number` is 1 for the first."""

    paper_id: str
    url: str
    number: int


@dataclass(frozen=True)
class SmallPicture:
    """A thumbnail in two formats. Its name is made of its content."""

    webp: bytes
    jpeg: bytes

    @property
    def name(self) -> str:
        return hashlib.sha256(self.webp + self.jpeg).hexdigest()[:16]

    @property
    def size(self) -> int:
        return len(self.webp) + len(self.jpeg)


async def fetch_due(
    database: Database, settings: Settings, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Fetch pictures that are due, until none is, a host asks for a pause or nothing can be had.

    Returns how many it tried.
    """
    quota, tried, unreachable = settings.thumbnail_megabytes * 2**20, 0, 0
    async with open_feed_client(settings.huggingface_url, headers={"User-Agent": USER_AGENT}) as client:
        while tried < FETCHES_A_RUN and unreachable < MAX_UNREACHABLE:
            attempt = await claim(database, quota, now=clock())
            if attempt is None:
                break
            tried += 1
            try:
                picture = await _make(client, database, settings, attempt.url)
            except FeedUnreachable as error:
                await _note_failure(database, attempt, str(error), error.retry_at, now=clock())
                unreachable += 1
                if error.retry_at:
                    break
            except (FeedError, bounded_child.ChildFailed) as error:
                await _note_failure(database, attempt, str(error), None, now=clock())
            except bounded_child.InputRefused as error:
                await _settle(database, attempt, None, str(error))
            else:
                await _settle(database, attempt, picture, None)
                await _keep_within(database, quota)
                unreachable = 0
    return tried


async def claim(database: Database, quota: int, *, now: datetime) -> Attempt | None:
    """Claim the newest paper whose picture is due, in one statement. Another worker's claim is respected."""
    async with database.write_session() as session:
        newer_than = await _find_oldest_day(session, quota)
        due = (
            select(Paper.id, Paper.thumbnail_url, literal(1), literal(now + LEASE), literal(0))
            .outerjoin(Thumbnail, Thumbnail.paper_id == Paper.id)
            .where(Paper.thumbnail_url.is_not(None), IS_DUE)
            .where(or_(Thumbnail.next_try_at.is_(None), Thumbnail.next_try_at <= now, _IS_OF_ANOTHER_URL))
            .order_by(Paper.listed_on.desc(), Paper.id)
            .limit(1)
            .with_for_update(of=Paper, key_share=True, read=True, skip_locked=True)
        )
        if newer_than is not None:
            due = due.where(Paper.listed_on > newer_than)
        claim = insert(Thumbnail).from_select(
            ["paper_id", "source_url", "attempts", "next_try_at", "size"], due
        )
        is_same = Thumbnail.source_url == claim.excluded.source_url
        claimed = await session.execute(
            claim.on_conflict_do_update(
                index_elements=["paper_id"],
                set_={
                    "source_url": claim.excluded.source_url,
                    "attempts": case((is_same, Thumbnail.attempts + 1), else_=1),
                    "next_try_at": claim.excluded.next_try_at,
                },
                where=or_(Thumbnail.next_try_at.is_(None), Thumbnail.next_try_at <= now, ~is_same),
            ).returning(Thumbnail.paper_id, Thumbnail.source_url, Thumbnail.attempts)
        )
        row = claimed.one_or_none()
        return Attempt(*row) if row else None


_IS_OF_ANOTHER_URL: Final = Thumbnail.source_url != Paper.thumbnail_url


async def _find_oldest_day(session: ReadSession, quota: int) -> date | None:
    """Find the listing day of the oldest thumbnail if no more of them fit in; None while there is room."""
    if await _measure(session) <= quota - MAX_SIZE:
        return None
    kept = select(func.min(Paper.listed_on)).join(Thumbnail, Thumbnail.paper_id == Paper.id)
    return await session.scalar(kept.where(Thumbnail.size > 0))


async def _measure(session: ReadSession) -> int:
    return int(await session.scalar(select(func.coalesce(func.sum(Thumbnail.size), 0))) or 0)


async def _make(client: httpx.AsyncClient, database: Database, settings: Settings, url: str) -> SmallPicture:
    """Fetch a picture and make a small one of it. Raises `FeedError`, `InputRefused` and `ChildFailed`."""
    try:
        host = httpx.URL(url).host
    except httpx.InvalidURL as error:
        raise bounded_child.InputRefused("Its address is not usable.") from error
    throttle = Throttle(database, host, settings.feed_rate)
    content = await fetch(client, url, {}, throttle, LIMITS, parse=_take_bytes)
    shrunk = await bounded_child.run(SHRINKER, content, seconds=MAX_SHRINK_TIME, max_output=MAX_SIZE)
    return split(shrunk)


async def _take_bytes(body: bytes, _kind: str) -> bytes:
    return body


def split(shrunk: bytes) -> SmallPicture:
    """Split what the child gave. Raises `ChildFailed` for what is no WebP and JPEG: it may be broken into."""
    length = struct.unpack(">I", shrunk[:4])[0] if len(shrunk) > 4 else 0
    webp, jpeg = shrunk[4 : 4 + length], shrunk[4 + length :]
    if webp[8:12] != b"WEBP" or jpeg[:3] != b"\xff\xd8\xff":
        raise bounded_child.ChildFailed("it gave no thumbnail")
    return SmallPicture(webp, jpeg)


async def _note_failure(
    database: Database, attempt: Attempt, reason: str, retry_at: datetime | None, *, now: datetime
) -> None:
    """Note why an attempt failed, and when the next one is. After the last one the paper has no picture."""
    logger.info("no thumbnail", paper=attempt.paper_id, reason=reason, attempt=attempt.number)
    if attempt.number >= MAX_ATTEMPTS:
        await _settle(database, attempt, None, reason)
        return
    next_try_at = max(now + FIRST_RETRY_DELAY * 6 ** (attempt.number - 1), retry_at or now)
    async with database.write_session() as session:
        await session.execute(
            update(Thumbnail)
            .where(Thumbnail.paper_id == attempt.paper_id, Thumbnail.source_url == attempt.url)
            .values(next_try_at=next_try_at, error=reason)
        )


async def _settle(
    database: Database, attempt: Attempt, picture: SmallPicture | None, reason: str | None
) -> None:
    """Store what came of an attempt, unless the paper has gone or names another picture by now."""
    async with database.write_session() as session:
        paper = (
            update(Paper)
            .where(Paper.id == attempt.paper_id, Paper.thumbnail_url == attempt.url)
            .values(thumbnail=picture.name if picture else None, thumbnail_source=attempt.url)
            .returning(Paper.id)
        )
        if await session.scalar(paper) is None:
            return
        await session.execute(
            update(Thumbnail)
            .where(Thumbnail.paper_id == attempt.paper_id)
            .values(
                next_try_at=None,
                error=reason,
                name=picture.name if picture else None,
                webp=picture.webp if picture else None,
                jpeg=picture.jpeg if picture else None,
                size=picture.size if picture else 0,
            )
        )


async def _keep_within(database: Database, quota: int) -> None:
    """Delete the oldest thumbnails that are too much. They are not fetched again."""
    async with database.write_session() as session:
        if await _measure(session) <= quota:
            return
        running = func.sum(Thumbnail.size).over(order_by=(Paper.listed_on.desc(), Paper.id))
        kept = select(Thumbnail.paper_id, running.label("running")).join(Paper).subquery()
        await _delete(session, select(kept.c.paper_id).where(kept.c.running > quota))


async def forget_all(database: Database) -> int:
    """Delete every thumbnail, batch by batch, so that all are due again. Returns how many there were."""
    forgotten = 0
    while True:
        async with database.write_session() as session:
            batch = select(Thumbnail.paper_id).order_by(Thumbnail.paper_id).limit(FORGET_BATCH_SIZE)
            deleted = await _delete(session, batch, is_due_again=True)
        forgotten += deleted
        if deleted < FORGET_BATCH_SIZE:
            return forgotten


async def _delete(session: WriteSession, chosen: Select[str], *, is_due_again: bool = False) -> int:
    ids = (await session.scalars(chosen)).all()
    if ids:
        values = {"thumbnail": None, "thumbnail_source": None} if is_due_again else {"thumbnail": None}
        await session.execute(update(Paper).where(Paper.id.in_(ids)).values(values))
        await session.execute(delete(Thumbnail).where(Thumbnail.paper_id.in_(ids)))
    return len(ids)


async def load_picture(session: ReadSession, name: str, *, as_webp: bool) -> bytes | None:
    """Load a thumbnail by its name, while a paper shows it."""
    column = Thumbnail.webp if as_webp else Thumbnail.jpeg
    shown = exists().where(Paper.id == Thumbnail.paper_id, Paper.thumbnail == name)
    return await session.scalar(select(column).where(Thumbnail.name == name, shown).limit(1))
