"""What is over is forgotten; what still counts is kept."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from paperround import queue
from paperround.accounts import retention, sign_in
from paperround.accounts.tables import Reader, ReaderSession, SignInLink
from paperround.rate_limits import Attempts, Limit, allowed

from support.factories import at
from support.jobs import work_off
from support.people import ADA, BEN, person

NOW = at("2026-03-10 12:00")
HOUR = timedelta(hours=1)


async def test_expired_links_ended_sessions_and_old_counts_go(database):
    for email, when in [(ADA, NOW - timedelta(days=40)), (BEN, NOW - timedelta(minutes=5))]:
        await person(database, email, now=when)
        await allowed(database, Limit(email, 1, HOUR), now=when)
        async with database.writing() as session:
            await sign_in.ask(session, email, now=when)

    await retention.tidy(database, now=NOW)

    async with database.reading() as session:
        assert list(await session.scalars(select(SignInLink.email))) == [BEN]
        assert list(await session.scalars(select(Attempts.key))) == [BEN]
        kept = select(Reader.email).join(ReaderSession, ReaderSession.reader_id == Reader.id)
        assert list(await session.scalars(kept)) == [BEN]
        assert len(list(await session.scalars(select(Reader.id)))) == 2, "an account is not over"


async def test_the_task_tidies(database, settings):
    async with database.writing() as session:
        await sign_in.ask(session, ADA, now=NOW)
        await queue.defer(session, "tidy_accounts")
    await work_off(database, settings)

    async with database.reading() as session:
        assert list(await session.scalars(select(SignInLink.email))) == []
