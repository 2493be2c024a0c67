"""How long a browser stays signed in, when its token changes, and when a visit begins and ends."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from paperround.accounts import sessions, sign_in
from paperround.accounts.tables import Reader, ReaderSession
from paperround.database import Database

from support.factories import utc
from support.people import ADA, CYN

NOW = utc("2026-03-10 12:00")
DAY = timedelta(days=1)


async def begin_session(
    database: Database, email: str = ADA, *, now: datetime = NOW, agent: str = "Firefox"
) -> str:
    async with database.write_session() as session:
        reader_id = await sign_in.get_or_create_reader(session, email, now=now)
        return await sessions.begin_session(session, reader_id, agent=agent, now=now)


async def renew(database: Database, token: str, *, now: datetime) -> str | None:
    visit = await sessions.load_visit(database, token, now=now)
    assert visit is not None
    async with database.write_session() as session:
        return await sessions.renew_token(session, visit.session, now=now)


async def is_signed_in(database: Database, token: str, *, now: datetime) -> bool:
    return await sessions.load_visit(database, token, now=now) is not None


async def reader(database: Database) -> Reader:
    async with database.read_session() as session:
        return (await session.scalars(select(Reader))).one()


# --- How long ---------------------------------------------------------------------------------------------


async def test_a_browser_that_is_used_stays_signed_in_and_an_unused_one_does_not(database: Database) -> None:
    token = await begin_session(database)

    assert await is_signed_in(database, token, now=NOW + 29 * DAY)
    assert await is_signed_in(database, token, now=NOW + 58 * DAY)
    assert not await is_signed_in(database, token, now=NOW + 89 * DAY)


async def test_a_session_ends_after_half_a_year_however_often_it_is_used(database: Database) -> None:
    token = await begin_session(database)
    for week in range(25):
        assert await is_signed_in(database, token, now=NOW + week * 7 * DAY)

    assert await is_signed_in(database, token, now=NOW + 180 * DAY - timedelta(seconds=1))
    assert not await is_signed_in(database, token, now=NOW + 180 * DAY)


@pytest.mark.parametrize("token", ["", "x", "%", "\u2603", "a" * 10_000])
async def test_no_other_text_is_a_token(database: Database, token: str) -> None:
    await begin_session(database)
    assert not await is_signed_in(database, token, now=NOW)


async def test_the_stored_hash_is_no_token(database: Database) -> None:
    await begin_session(database)
    async with database.read_session() as session:
        token_hash = (await session.scalars(select(ReaderSession.token_hash))).one()

    assert not await is_signed_in(database, token_hash, now=NOW)


async def test_a_reader_has_at_most_fifty_sessions_and_the_least_recently_used_ends(
    database: Database,
) -> None:
    tokens = [
        await begin_session(database, now=NOW + timedelta(minutes=n)) for n in range(sessions.MAX_SESSIONS)
    ]
    late = NOW + timedelta(hours=2)
    assert await is_signed_in(database, tokens[0], now=late)
    other_token = await begin_session(database, CYN, now=late)
    await begin_session(database, now=late)

    assert await is_signed_in(database, tokens[0], now=late)
    assert not await is_signed_in(database, tokens[1], now=late)
    assert await is_signed_in(database, other_token, now=late)


# --- The token --------------------------------------------------------------------------------------------


async def test_a_token_is_renewed_once_a_day(database: Database) -> None:
    token = await begin_session(database)

    assert await renew(database, token, now=NOW + DAY - timedelta(minutes=1)) is None
    new_token = await renew(database, token, now=NOW + DAY)
    assert new_token is not None
    assert await renew(database, new_token, now=NOW + DAY + timedelta(hours=1)) is None


async def test_a_replaced_token_is_good_for_five_minutes(database: Database) -> None:
    token = await begin_session(database)
    new_token = await renew(database, token, now=NOW + DAY)

    assert await is_signed_in(database, token, now=NOW + DAY + timedelta(minutes=4))
    assert not await is_signed_in(database, token, now=NOW + DAY + timedelta(minutes=5))
    assert await is_signed_in(database, new_token or "", now=NOW + DAY + timedelta(minutes=5))


async def test_one_of_several_simultaneous_requests_renews_the_token(database: Database) -> None:
    token = await begin_session(database)
    new_tokens = await asyncio.gather(*(renew(database, token, now=NOW + DAY) for _ in range(4)))

    assert len([token for token in new_tokens if token]) == 1


async def test_an_ended_session_has_no_earlier_token_either(database: Database) -> None:
    token = await begin_session(database)
    await renew(database, token, now=NOW + DAY)
    async with database.write_session() as session:
        await sessions.end_all_sessions(session, (await session.scalars(select(Reader.id))).one())

    assert not await is_signed_in(database, token, now=NOW + DAY)


# --- Ending -----------------------------------------------------------------------------------------------


async def test_signing_out_everywhere_ends_all_own_sessions_and_no_others(database: Database) -> None:
    own_tokens = [await begin_session(database) for _ in range(3)]
    other_token = await begin_session(database, CYN)
    async with database.write_session() as session:
        ada = (await session.scalars(select(Reader.id).where(Reader.email == ADA))).one()
        await sessions.end_all_sessions(session, ada)

    assert [await is_signed_in(database, token, now=NOW) for token in [*own_tokens, other_token]] == [
        False
    ] * 3 + [True]


async def test_nobody_can_end_the_session_of_another_reader(database: Database) -> None:
    other_token = await begin_session(database, CYN)
    await begin_session(database)
    async with database.write_session() as session:
        ada = (await session.scalars(select(Reader.id).where(Reader.email == ADA))).one()
        for session_id in await session.scalars(select(ReaderSession.id)):
            await sessions.end_session(session, ada, session_id)

    assert await is_signed_in(database, other_token, now=NOW)


async def test_ended_sessions_are_deleted_and_the_others_kept(database: Database) -> None:
    await begin_session(database, now=NOW - 31 * DAY)
    token = await begin_session(database, CYN)
    async with database.write_session() as session:
        await sessions.delete_ended(session, now=NOW)
        assert len((await session.scalars(select(ReaderSession))).all()) == 1

    assert await is_signed_in(database, token, now=NOW)


async def test_a_long_user_agent_is_shortened(database: Database) -> None:
    await begin_session(database, agent="x" * 10_000)
    async with database.read_session() as session:
        assert len((await session.scalars(select(ReaderSession.agent))).one()) == 200


# --- Visits -----------------------------------------------------------------------------------------------


async def test_a_visit_is_recorded_at_most_once_a_minute(database: Database) -> None:
    token = await begin_session(database)
    for seconds, noted in [(59, NOW), (60, NOW + timedelta(seconds=60)), (119, NOW + timedelta(seconds=60))]:
        await sessions.load_visit(database, token, now=NOW + timedelta(seconds=seconds))
        assert (await reader(database)).seen_at == noted


async def test_half_an_hour_of_quiet_ends_a_visit(database: Database) -> None:
    token = await begin_session(database)
    last = NOW + timedelta(minutes=25)
    assert (await sessions.load_visit(database, token, now=last)).reader.visited_at == NOW
    assert (
        await sessions.load_visit(database, token, now=last + timedelta(minutes=29))
    ).reader.visited_at == NOW

    back = last + timedelta(minutes=29, hours=9)
    visit = await sessions.load_visit(database, token, now=back)

    assert visit.reader.visited_at == last + timedelta(minutes=29), "where the visit before ended"
    assert visit.reader.seen_at == back


async def test_the_whole_visit_sees_the_same_end_of_the_one_before(database: Database) -> None:
    token = await begin_session(database)
    back = NOW + timedelta(hours=9)
    seen = [
        (await sessions.load_visit(database, token, now=back + timedelta(minutes=n))).reader.visited_at
        for n in (0, 0, 1, 20, 45, 70)
    ]

    assert set(seen) == {NOW}


async def test_two_browsers_of_one_reader_make_one_visit(database: Database) -> None:
    laptop, phone = await begin_session(database), await begin_session(database)
    back = NOW + timedelta(hours=9)
    await sessions.load_visit(database, laptop, now=back)
    visit = await sessions.load_visit(database, phone, now=back + timedelta(minutes=5))

    assert visit.reader.visited_at == NOW


async def test_signing_in_again_begins_a_visit(database: Database) -> None:
    await begin_session(database)
    await begin_session(database, now=NOW + 3 * DAY)

    assert (await reader(database)).visited_at == NOW
    assert (await reader(database)).seen_at == NOW + 3 * DAY
