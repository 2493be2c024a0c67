"""Signing in, changing the address and leaving: the account and its subscriptions change together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from paperround import tokens
from paperround.accounts import sign_in
from paperround.accounts.sessions import load_visit
from paperround.accounts.sign_in import LinkInvalid
from paperround.accounts.tables import Reader, ReaderSession, SignInLink
from paperround.database import Database
from paperround.digests import subscriber_accounts
from paperround.digests.tables import Subscription
from paperround.papers import votes
from paperround.papers.tables import Paper
from paperround.tokens import hash_token

from support.factories import HALF_LIFE, feed_record, store_listing, utc
from support.people import ADA, BEN, add_person
from support.subscriptions import subscribed

NOW = utc("2026-03-10 12:00")
PAPER = "2603.00001"
NEW_ADDRESS = "ada@example.net"


async def create_link(database: Database, email: str = ADA, **options: Any) -> str:
    """Request a link, and return its token as if it had been mailed."""
    token = tokens.generate_token()
    async with database.write_session() as session:
        await sign_in.request_link(session, email, now=NOW, **options)
        unsent_links = update(SignInLink).where(SignInLink.token_hash.is_(None))
        await session.execute(unsent_links.values(token_hash=hash_token(token)))
    return token


async def load_all(database: Database, table: type[Any]) -> list[Any]:
    async with database.read_session() as session:
        return list(await session.scalars(select(table).order_by(table.id)))


async def sign_in_with(database: Database, token: str, **options: Any) -> subscriber_accounts.NewSession:
    arguments: dict[str, Any] = {"agent": "Firefox", "time_zone": "", "previous_visit": None} | options
    async with database.write_session() as session:
        return await subscriber_accounts.sign_in(session, token, now=NOW, **arguments)


async def change_address(database: Database, session_token: str, link_token: str) -> None:
    visit = await load_visit(database, session_token, now=NOW)
    assert visit is not None
    async with database.write_session() as session:
        await subscriber_accounts.change_address(session, visit, link_token, revokes_keys=False, now=NOW)


async def test_signing_in_creates_the_reader_and_adopts_the_subscription(database: Database) -> None:
    await subscribed(database, "ada", now="2026-03-01 12:00")
    new_session = await sign_in_with(
        database, await create_link(database, next_page="/saved"), time_zone="Europe/Berlin"
    )

    (reader,) = await load_all(database, Reader)
    assert (reader.email, reader.time_zone) == (ADA, "Europe/Berlin")
    assert [one.reader_id for one in await load_all(database, Subscription)] == [reader.id]
    assert new_session.next_page == "/saved"
    visit = await load_visit(database, new_session.token, now=NOW)
    assert visit is not None
    assert (visit.reader.id, visit.session.agent) == (reader.id, "Firefox")


async def test_a_new_reader_with_an_unknown_time_zone_gets_utc(database: Database) -> None:
    await sign_in_with(database, await create_link(database), time_zone="Nowhere/Atlantis")
    assert [reader.time_zone for reader in await load_all(database, Reader)] == ["UTC"]


async def test_signing_in_ends_only_the_previous_session_of_the_browser(database: Database) -> None:
    first = await sign_in_with(database, await create_link(database))
    second = await sign_in_with(database, await create_link(database))
    previous_visit = await load_visit(database, first.token, now=NOW)
    third = await sign_in_with(database, await create_link(database), previous_visit=previous_visit)

    visits = [await load_visit(database, one.token, now=NOW) for one in (first, second, third)]
    assert [visit is not None for visit in visits] == [False, True, True]


async def test_a_link_signs_in_once(database: Database) -> None:
    token = await create_link(database)
    await sign_in_with(database, token)
    with pytest.raises(LinkInvalid):
        await sign_in_with(database, token)
    assert len(await load_all(database, ReaderSession)) == 1


async def test_a_changed_address_moves_the_subscription(database: Database) -> None:
    await subscribed(database, "ada", now="2026-03-01 12:00")
    new_session = await sign_in_with(database, await create_link(database))
    (reader,) = await load_all(database, Reader)
    token = await create_link(database, NEW_ADDRESS, reader_id=reader.id)
    await change_address(database, new_session.token, token)

    assert [one.email for one in await load_all(database, Reader)] == [NEW_ADDRESS]
    assert [(one.email, one.reader_id) for one in await load_all(database, Subscription)] == [
        (NEW_ADDRESS, reader.id)
    ]


async def test_a_link_of_another_reader_changes_no_address(database: Database) -> None:
    ada = await add_person(database, ADA, now=NOW)
    await add_person(database, BEN, now=NOW)
    token = await create_link(database, NEW_ADDRESS, reader_id=ada.id)
    new_session = await sign_in_with(database, await create_link(database, BEN))
    with pytest.raises(LinkInvalid):
        await change_address(database, new_session.token, token)

    assert [reader.email for reader in await load_all(database, Reader)] == [ADA, BEN]


async def vote(database: Database, reader_id: int) -> None:
    async with database.write_session() as session:
        await votes.add_upvote(session, reader_id, PAPER, now=NOW + timedelta(hours=1), half_life=HALF_LIFE)


async def test_deleting_an_account_takes_votes_back_and_ends_subscriptions(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(PAPER))
    (before,) = await load_all(database, Paper)
    await subscribed(database, "ada", now="2026-03-01 12:00")
    await subscribed(database, "ben", now="2026-03-01 12:00")
    ada, ben = await add_person(database, ADA, now=NOW), await add_person(database, BEN, now=NOW)
    await vote(database, ada.id)
    async with database.write_session() as session:
        await subscriber_accounts.leave(session, ada.id, half_life=HALF_LIFE, now=NOW)

    assert [reader.id for reader in await load_all(database, Reader)] == [ben.id]
    assert [one.email for one in await load_all(database, Subscription)] == [BEN]
    (after,) = await load_all(database, Paper)
    assert (after.local_upvotes, after.heat) == (before.local_upvotes, before.heat) == (0, before.heat)


async def test_deleting_an_account_that_is_gone_changes_nothing(database: Database) -> None:
    await subscribed(database, "ada", now="2026-03-01 12:00")
    async with database.write_session() as session:
        await subscriber_accounts.leave(session, 77, half_life=HALF_LIFE, now=NOW)
    assert len(await load_all(database, Subscription)) == 1
