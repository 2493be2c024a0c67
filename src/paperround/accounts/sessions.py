"""The sessions of signed-in browsers, and when their readers' visits begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Text, bindparam, case, delete, func, or_, select, update

from paperround.accounts.tables import Reader, ReaderSession
from paperround.database import Database, ReadSession, UtcDateTime, WriteSession
from paperround.reads import Read, first_of, read_rows
from paperround.tokens import generate_token, hash_token

SESSION_LIFETIME: Final = timedelta(days=180)  # however often it is used
FRESH_SIGN_IN_AGE: Final = timedelta(minutes=15)  # proves that the address is still theirs
MAX_IDLE_TIME: Final = timedelta(days=30)
RENEWAL_INTERVAL: Final = timedelta(days=1)
EARLIER_TOKEN_LIFETIME: Final = timedelta(minutes=5)  # requests may be under way with a replaced token
SEEN_INTERVAL: Final = timedelta(minutes=1)
VISIT_TIMEOUT: Final = timedelta(minutes=30)  # of quiet, after which a visit has ended
MAX_SESSIONS: Final = 50  # of one reader; then the least recently used one ends
MAX_AGENT_LENGTH: Final = 200


class SignedInVisit(NamedTuple):
    """Whose browser a request comes from, and in which session."""

    reader: Reader
    session: ReaderSession


async def begin_session(session: WriteSession, reader_id: int, *, agent: str, now: datetime) -> str:
    """Sign a browser in and return the session's token. `agent` is its User-Agent header."""
    token = generate_token()
    row = ReaderSession(
        reader_id=reader_id,
        token_hash=hash_token(token),
        renewed_at=now,
        agent=agent[:MAX_AGENT_LENGTH],
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION_LIFETIME,
    )
    session.add(row)
    await session.flush()
    most_recent_ids = (
        select(ReaderSession.id)
        .where(ReaderSession.reader_id == reader_id)
        .order_by(ReaderSession.seen_at.desc(), ReaderSession.id.desc())
        .limit(MAX_SESSIONS)
    )
    await session.execute(
        delete(ReaderSession).where(
            ReaderSession.reader_id == reader_id, ReaderSession.id.not_in(most_recent_ids)
        )
    )
    return token


async def load_visit(database: Database, token: str, *, now: datetime) -> SignedInVisit | None:
    """Find the reader and the session of a token, or None.

    Records the visit at most once a minute.
    """
    async with database.read_session() as session:
        visit = await _find_visit(session, token, now)
    if visit is None or now - visit.session.seen_at < SEEN_INTERVAL:
        return visit
    async with database.write_session() as session:
        await _mark_seen(session, visit, now)
        return await _find_visit(session, token, now)


READER_COLUMNS: Final = Reader.__table__.columns
SESSION_COLUMNS: Final = ReaderSession.__table__.columns


def _make_visit(*values: Any) -> SignedInVisit:
    """Make a visit of the columns of both tables. Its objects belong to no session of the database."""
    split = len(READER_COLUMNS)
    reader = Reader(**dict(zip(READER_COLUMNS.keys(), values[:split], strict=True)))
    session = ReaderSession(**dict(zip(SESSION_COLUMNS.keys(), values[split:], strict=True)))
    return SignedInVisit(reader, session)


TOKEN_HASH: Final = bindparam("token_hash", type_=Text)
# Every request of a signed-in browser asks this.
VISIT: Final = Read(
    select(*READER_COLUMNS, *(column.label(f"session_{name}") for name, column in SESSION_COLUMNS.items()))
    .join(ReaderSession, ReaderSession.reader_id == Reader.id)
    .where(
        or_(
            ReaderSession.token_hash == TOKEN_HASH,
            (ReaderSession.earlier_hash == TOKEN_HASH)
            & (ReaderSession.renewed_at > bindparam("renewed_after", type_=UtcDateTime)),
        ),
        ReaderSession.expires_at > bindparam("now", type_=UtcDateTime),
        ReaderSession.seen_at > bindparam("seen_after", type_=UtcDateTime),
    ),
    _make_visit,
)


async def _find_visit(session: ReadSession, token: str, now: datetime) -> SignedInVisit | None:
    rows = await read_rows(
        session,
        VISIT,
        token_hash=hash_token(token),
        renewed_after=now - EARLIER_TOKEN_LIFETIME,
        now=now,
        seen_after=now - MAX_IDLE_TIME,
    )
    return first_of(rows)


async def _mark_seen(session: WriteSession, visit: SignedInVisit, now: datetime) -> None:
    await session.execute(
        update(ReaderSession).where(ReaderSession.id == visit.session.id).values(seen_at=now)
    )
    await record_visit(session, visit.reader.id, now=now)


async def record_visit(session: WriteSession, reader_id: int, *, now: datetime) -> None:
    """Record that a reader is here. After half an hour of quiet a new visit begins.

    `visited_at` is then the time at which the visit before ended.
    """
    previous_visit_end = case((Reader.seen_at < now - VISIT_TIMEOUT, Reader.seen_at), else_=Reader.visited_at)
    await session.execute(
        update(Reader)
        .where(Reader.id == reader_id)
        .values(visited_at=previous_visit_end, seen_at=func.greatest(Reader.seen_at, now))
    )


async def renew_token(session: WriteSession, row: ReaderSession, *, now: datetime) -> str | None:
    """Replace a token that is a day old, so that a stolen one is of use for a day at most.

    Returns the new token, or None if it is too early or another request was first.
    """
    if now - row.renewed_at < RENEWAL_INTERVAL:
        return None
    token = generate_token()
    renewed_id = await session.scalar(
        update(ReaderSession)
        .where(ReaderSession.id == row.id, ReaderSession.token_hash == row.token_hash)
        .values(token_hash=hash_token(token), earlier_hash=ReaderSession.token_hash, renewed_at=now)
        .returning(ReaderSession.id)
    )
    return token if renewed_id else None


async def list_sessions(session: ReadSession, reader_id: int, *, now: datetime) -> Sequence[ReaderSession]:
    """List a reader's sessions that have not ended, the last used one first."""
    query = (
        select(ReaderSession)
        .where(
            ReaderSession.reader_id == reader_id,
            ReaderSession.expires_at > now,
            ReaderSession.seen_at > now - MAX_IDLE_TIME,
        )
        .order_by(ReaderSession.seen_at.desc(), ReaderSession.id.desc())
        .limit(MAX_SESSIONS)
    )
    return (await session.scalars(query)).all()


async def end_session(session: WriteSession, reader_id: int, session_id: int) -> None:
    """Sign one of a reader's browsers out. Does nothing to the session of another reader."""
    await session.execute(
        delete(ReaderSession).where(ReaderSession.id == session_id, ReaderSession.reader_id == reader_id)
    )


def is_fresh(row: ReaderSession, *, now: datetime) -> bool:
    """Tell whether a browser was signed in just now, and not only found signed in."""
    return now - row.created_at < FRESH_SIGN_IN_AGE


async def end_other_sessions(session: WriteSession, reader_id: int, session_id: int) -> None:
    """Sign all of a reader's browsers out but one."""
    await session.execute(
        delete(ReaderSession).where(ReaderSession.reader_id == reader_id, ReaderSession.id != session_id)
    )


async def end_all_sessions(session: WriteSession, reader_id: int) -> None:
    """Sign all of a reader's browsers out."""
    await session.execute(delete(ReaderSession).where(ReaderSession.reader_id == reader_id))


async def delete_ended(session: WriteSession, *, now: datetime) -> None:
    """Delete the sessions that have expired or have not been used for long."""
    await session.execute(
        delete(ReaderSession).where(
            or_(ReaderSession.expires_at <= now, ReaderSession.seen_at <= now - MAX_IDLE_TIME)
        )
    )
