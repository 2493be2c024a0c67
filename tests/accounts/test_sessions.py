"""How long a browser stays signed in, when its token changes, and what counts as a visit."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from paperround.accounts import sessions, sign_in
from paperround.accounts.tables import Reader, ReaderSession
from paperround.database import Database

from support.factories import at
from support.people import ADA, CYN

NOW = at("2026-03-10 12:00")
DAY = timedelta(days=1)


async def begun(database: Database, email: str = ADA, *, now: datetime = NOW, agent: str = "Firefox") -> str:
    async with database.writing() as session:
        reader_id = await sign_in.reader_of(session, email, now=now)
        return await sessions.begin(session, reader_id, agent=agent, now=now)


async def renewed(database: Database, token: str, *, now: datetime) -> str | None:
    visit = await sessions.visit(database, token, now=now)
    assert visit is not None
    async with database.writing() as session:
        return await sessions.renew(session, visit.session, now=now)


async def known(database: Database, token: str, *, now: datetime) -> bool:
    return await sessions.visit(database, token, now=now) is not None


async def reader(database: Database) -> Reader:
    async with database.reading() as session:
        return (await session.scalars(select(Reader))).one()


# --- How long ---------------------------------------------------------------------------------------------


async def test_a_browser_that_is_used_stays_signed_in_and_an_unused_one_does_not(database):
    token = await begun(database)

    assert await known(database, token, now=NOW + 29 * DAY)
    assert await known(database, token, now=NOW + 58 * DAY)
    assert not await known(database, token, now=NOW + 89 * DAY)


async def test_after_half_a_year_one_signs_in_again_however_often_one_looked(database):
    token = await begun(database)
    for week in range(25):
        assert await known(database, token, now=NOW + week * 7 * DAY)

    assert await known(database, token, now=NOW + 180 * DAY - timedelta(seconds=1))
    assert not await known(database, token, now=NOW + 180 * DAY)


@pytest.mark.parametrize("token", ["", "x", "%", "\u2603", "a" * 10_000])
async def test_other_words_are_nobodys(database, token):
    await begun(database)
    assert not await known(database, token, now=NOW)


async def test_the_hash_that_is_kept_opens_nothing(database):
    await begun(database)
    async with database.reading() as session:
        kept = (await session.scalars(select(ReaderSession.token_hash))).one()

    assert not await known(database, kept, now=NOW)


async def test_a_reader_has_fifty_browsers_at_most_and_the_least_used_gives_way(database):
    tokens = [await begun(database, now=NOW + timedelta(minutes=n)) for n in range(sessions.MOST)]
    late = NOW + timedelta(hours=2)
    assert await known(database, tokens[0], now=late)
    others = await begun(database, CYN, now=late)
    await begun(database, now=late)

    assert await known(database, tokens[0], now=late)
    assert not await known(database, tokens[1], now=late)
    assert await known(database, others, now=late)


# --- The token --------------------------------------------------------------------------------------------


async def test_a_token_is_renewed_once_a_day(database):
    token = await begun(database)

    assert await renewed(database, token, now=NOW + DAY - timedelta(minutes=1)) is None
    fresh = await renewed(database, token, now=NOW + DAY)
    assert fresh is not None
    assert await renewed(database, fresh, now=NOW + DAY + timedelta(hours=1)) is None


async def test_the_token_before_serves_requests_under_way_and_no_longer(database):
    token = await begun(database)
    fresh = await renewed(database, token, now=NOW + DAY)

    assert await known(database, token, now=NOW + DAY + timedelta(minutes=4))
    assert not await known(database, token, now=NOW + DAY + timedelta(minutes=5))
    assert await known(database, fresh or "", now=NOW + DAY + timedelta(minutes=5))


async def test_of_requests_at_once_one_renews(database):
    token = await begun(database)
    fresh = await asyncio.gather(*(renewed(database, token, now=NOW + DAY) for _ in range(4)))

    assert len([one for one in fresh if one]) == 1


async def test_an_ended_session_has_no_earlier_token_either(database):
    token = await begun(database)
    await renewed(database, token, now=NOW + DAY)
    async with database.writing() as session:
        await sessions.end_all(session, (await session.scalars(select(Reader.id))).one())

    assert not await known(database, token, now=NOW + DAY)


# --- Ending -----------------------------------------------------------------------------------------------


async def test_signing_out_everywhere_ends_all_of_ones_own(database):
    mine = [await begun(database) for _ in range(3)]
    theirs = await begun(database, CYN)
    async with database.writing() as session:
        ada = (await session.scalars(select(Reader.id).where(Reader.email == ADA))).one()
        await sessions.end_all(session, ada)

    assert [await known(database, token, now=NOW) for token in [*mine, theirs]] == [False] * 3 + [True]


async def test_nobody_ends_anybody_elses(database):
    theirs = await begun(database, CYN)
    await begun(database)
    async with database.writing() as session:
        ada = (await session.scalars(select(Reader.id).where(Reader.email == ADA))).one()
        for session_id in await session.scalars(select(ReaderSession.id)):
            await sessions.end(session, ada, session_id)

    assert await known(database, theirs, now=NOW)


async def test_what_ended_is_forgotten_and_the_rest_is_kept(database):
    await begun(database, now=NOW - 31 * DAY)
    token = await begun(database, CYN)
    async with database.writing() as session:
        await sessions.forget_ended(session, now=NOW)
        assert len((await session.scalars(select(ReaderSession))).all()) == 1

    assert await known(database, token, now=NOW)


async def test_the_browsers_words_are_shortened(database):
    await begun(database, agent="x" * 10_000)
    async with database.reading() as session:
        assert len((await session.scalars(select(ReaderSession.agent))).one()) == 200


# --- Visits -----------------------------------------------------------------------------------------------


async def test_a_look_is_noted_at_most_once_a_minute(database):
    token = await begun(database)
    for seconds, noted in [(59, NOW), (60, NOW + timedelta(seconds=60)), (119, NOW + timedelta(seconds=60))]:
        await sessions.visit(database, token, now=NOW + timedelta(seconds=seconds))
        assert (await reader(database)).seen_at == noted


async def test_half_an_hour_of_quiet_ends_a_visit(database):
    token = await begun(database)
    last = NOW + timedelta(minutes=25)
    assert (await sessions.visit(database, token, now=last)).reader.visited_at == NOW
    assert (await sessions.visit(database, token, now=last + timedelta(minutes=29))).reader.visited_at == NOW

    back = last + timedelta(minutes=29, hours=9)
    visit = await sessions.visit(database, token, now=back)

    assert visit.reader.visited_at == last + timedelta(minutes=29), "where the visit before ended"
    assert visit.reader.seen_at == back


async def test_the_whole_visit_sees_the_same_end_of_the_one_before(database):
    token = await begun(database)
    back = NOW + timedelta(hours=9)
    seen = [
        (await sessions.visit(database, token, now=back + timedelta(minutes=n))).reader.visited_at
        for n in (0, 0, 1, 20, 45, 70)
    ]

    assert set(seen) == {NOW}


async def test_two_browsers_of_one_reader_make_one_visit(database):
    desk, phone = await begun(database), await begun(database)
    back = NOW + timedelta(hours=9)
    await sessions.visit(database, desk, now=back)
    visit = await sessions.visit(database, phone, now=back + timedelta(minutes=5))

    assert visit.reader.visited_at == NOW


async def test_signing_in_again_begins_a_visit(database):
    await begun(database)
    await begun(database, now=NOW + 3 * DAY)

    assert (await reader(database)).visited_at == NOW
    assert (await reader(database)).seen_at == NOW + 3 * DAY
