"""Browsers that are signed in: begin, recognise, renew, end. And when a reader's visits began and ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import case, delete, func, or_, select, update

from paperround.accounts.tables import Reader, ReaderSession
from paperround.database import Database, ReadSession, WriteSession
from paperround.tokens import fingerprint, new_token

LONGEST: Final = timedelta(days=180)  # then one signs in again, however often one looks
UNUSED: Final = timedelta(days=30)
RENEWED_EVERY: Final = timedelta(days=1)
UNDER_WAY: Final = timedelta(minutes=5)  # a token just replaced is still good for requests sent with it
NOTED_EVERY: Final = timedelta(minutes=1)
QUIET: Final = timedelta(minutes=30)  # ends a visit
MOST: Final = 50  # of one reader; the least recently used gives way
LONGEST_AGENT: Final = 200


class Visit(NamedTuple):
    reader: Reader
    session: ReaderSession


async def begin(session: WriteSession, reader_id: int, *, agent: str, now: datetime) -> str:
    """Sign a browser in; its token. `agent`: the browser's own words."""
    token = new_token()
    row = ReaderSession(
        reader_id=reader_id,
        token_hash=fingerprint(token),
        renewed_at=now,
        agent=agent[:LONGEST_AGENT],
        created_at=now,
        seen_at=now,
        expires_at=now + LONGEST,
    )
    session.add(row)
    await session.flush()
    kept = (
        select(ReaderSession.id)
        .where(ReaderSession.reader_id == reader_id)
        .order_by(ReaderSession.seen_at.desc(), ReaderSession.id.desc())
        .limit(MOST)
    )
    await session.execute(
        delete(ReaderSession).where(ReaderSession.reader_id == reader_id, ReaderSession.id.not_in(kept))
    )
    return token


async def visit(database: Database, token: str, *, now: datetime) -> Visit | None:
    """Whose browser this is; None when nobody's. Notes at most once a minute that they were here."""
    async with database.reading() as session:
        found = await _find(session, token, now)
    if found is None or now - found.session.seen_at < NOTED_EVERY:
        return found
    async with database.writing() as session:
        await _note(session, found, now)
        return await _find(session, token, now)


async def _find(session: ReadSession, token: str, now: datetime) -> Visit | None:
    mine = fingerprint(token)
    query = (
        select(Reader, ReaderSession)
        .join(ReaderSession, ReaderSession.reader_id == Reader.id)
        .where(
            or_(
                ReaderSession.token_hash == mine,
                (ReaderSession.earlier_hash == mine) & (ReaderSession.renewed_at > now - UNDER_WAY),
            ),
            ReaderSession.expires_at > now,
            ReaderSession.seen_at > now - UNUSED,
        )
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else Visit(row[0], row[1])


async def _note(session: WriteSession, visit: Visit, now: datetime) -> None:
    await session.execute(
        update(ReaderSession).where(ReaderSession.id == visit.session.id).values(seen_at=now)
    )
    await noted(session, visit.reader.id, now=now)


async def noted(session: WriteSession, reader_id: int, *, now: datetime) -> None:
    """A reader is here. After half an hour of quiet this begins a visit, and the one before has ended."""
    ended = case((Reader.seen_at < now - QUIET, Reader.seen_at), else_=Reader.visited_at)
    await session.execute(
        update(Reader)
        .where(Reader.id == reader_id)
        .values(visited_at=ended, seen_at=func.greatest(Reader.seen_at, now))
    )


async def renew(session: WriteSession, row: ReaderSession, *, now: datetime) -> str | None:
    """A new token in place of one that is a day old, so that a stolen one is of use for a day. None: not yet,
    or another request was first."""
    if now - row.renewed_at < RENEWED_EVERY:
        return None
    token = new_token()
    renewed = await session.scalar(
        update(ReaderSession)
        .where(ReaderSession.id == row.id, ReaderSession.token_hash == row.token_hash)
        .values(token_hash=fingerprint(token), earlier_hash=ReaderSession.token_hash, renewed_at=now)
        .returning(ReaderSession.id)
    )
    return token if renewed else None


async def of_reader(session: ReadSession, reader_id: int, *, now: datetime) -> Sequence[ReaderSession]:
    """Those that are signed in, last used first; at most `MOST`."""
    query = (
        select(ReaderSession)
        .where(
            ReaderSession.reader_id == reader_id,
            ReaderSession.expires_at > now,
            ReaderSession.seen_at > now - UNUSED,
        )
        .order_by(ReaderSession.seen_at.desc(), ReaderSession.id.desc())
        .limit(MOST)
    )
    return (await session.scalars(query)).all()


async def end(session: WriteSession, reader_id: int, session_id: int) -> None:
    """Sign one of a reader's browsers out; another reader's stays."""
    await session.execute(
        delete(ReaderSession).where(ReaderSession.id == session_id, ReaderSession.reader_id == reader_id)
    )


async def end_all(session: WriteSession, reader_id: int) -> None:
    await session.execute(delete(ReaderSession).where(ReaderSession.reader_id == reader_id))


async def forget_ended(session: WriteSession, *, now: datetime) -> None:
    await session.execute(
        delete(ReaderSession).where(
            or_(ReaderSession.expires_at <= now, ReaderSession.seen_at <= now - UNUSED)
        )
    )
