"""Expired links, sessions and counts are deleted, and no others."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from paperround import queue
from paperround.accounts import sign_in
from paperround.accounts.tables import Reader, ReaderSession, SignInLink
from paperround.database import Database
from paperround.rate_limits import RateLimit, RateLimitCount, is_allowed
from paperround.settings import Settings

from support.factories import utc
from support.jobs import run_waiting_jobs
from support.people import ADA, BEN, add_person

NOW = utc("2026-03-10 12:00")
HOUR = timedelta(hours=1)


async def test_expired_links_ended_sessions_and_old_counts_are_deleted(database: Database) -> None:
    for email, then in [(ADA, NOW - timedelta(days=40)), (BEN, NOW - timedelta(minutes=5))]:
        await add_person(database, email, now=then)
        await is_allowed(database, RateLimit(email, 1, HOUR), now=then)
        async with database.write_session() as session:
            await sign_in.request_link(session, email, now=then)

    await sign_in.delete_expired(database, now=NOW)

    async with database.read_session() as session:
        assert list(await session.scalars(select(SignInLink.email))) == [BEN]
        assert list(await session.scalars(select(RateLimitCount.key))) == [BEN]
        emails_with_session = select(Reader.email).join(ReaderSession, ReaderSession.reader_id == Reader.id)
        assert list(await session.scalars(emails_with_session)) == [BEN]
        assert len(list(await session.scalars(select(Reader.id)))) == 2, "an account is not over"


async def test_the_job_deletes_expired_links(database: Database, settings: Settings) -> None:
    async with database.write_session() as session:
        await sign_in.request_link(session, ADA, now=NOW)
        await queue.defer(session, "tidy_accounts")
    await run_waiting_jobs(database, settings)

    async with database.read_session() as session:
        assert list(await session.scalars(select(SignInLink.email))) == []
