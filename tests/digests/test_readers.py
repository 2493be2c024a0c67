"""Subscriptions of people with an account: they meet at signing in, move with the address, and go."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from paperround.accounts import readers, sign_in
from paperround.database import Database
from paperround.digests import claims, scheduler, subscriptions
from paperround.digests.delivery_log import open_delivery_log
from paperround.digests.selection import Selection
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Delivery, Subscription, SubscriptionState

from .conftest import papers
from support.factories import HALF_LIFE, utc
from support.subscriptions import subscribed

BEFORE, MONDAY = "2026-03-01 12:00", "2026-03-02 07:00"
ADA, NEW = "ada@example.org", "ada@example.net"


async def reader(database: Database, email: str = ADA) -> int:
    async with database.write_session() as session:
        return await sign_in.get_or_create_reader(session, email, now=utc(BEFORE))


async def all_of(database: Database) -> dict[str, Subscription]:
    async with database.read_session() as session:
        return {one.email: one for one in await session.scalars(select(Subscription))}


async def test_signing_in_makes_what_was_subscribed_to_before_ones_own(database: Database) -> None:
    await subscribed(database, "ada", now=BEFORE)
    await subscribed(database, "ben", now=BEFORE)
    who = await reader(database)
    async with database.write_session() as session:
        await subscriptions.adopt_subscriptions(session, who, ADA)

    assert {email: one.reader_id for email, one in (await all_of(database)).items()} == {
        ADA: who,
        "ben@example.org": None,
    }


async def test_what_nobody_confirmed_becomes_nobodys(database: Database) -> None:
    async with database.write_session() as session:
        await subscriptions.request(session, ADA, SubscriptionPreferences(), now=utc(BEFORE))
    who = await reader(database)
    async with database.write_session() as session:
        await subscriptions.adopt_subscriptions(session, who, ADA)
    assert (await all_of(database))[ADA].reader_id is None


async def test_a_changed_address_takes_the_subscription_along(database: Database) -> None:
    number = await subscribed(database, "ada", now=BEFORE, hour=9)
    who = await reader(database)
    async with database.write_session() as session:
        await subscriptions.move_to_address(session, who, ADA, NEW)
    (found,) = (await all_of(database)).values()
    assert (found.id, found.email, found.reader_id, found.hour) == (number, NEW, who, 9)


@pytest.mark.parametrize(("ended", "stays"), [(False, 9), (True, 5)])
async def test_of_two_subscriptions_the_old_addresss_stays_if_it_runs(
    database: Database, ended: bool, stays: int
) -> None:
    old = await subscribed(database, "ada", now=BEFORE, hour=9)
    async with database.write_session() as session:
        if ended:
            await subscriptions.unsubscribe(session, old, now=utc(BEFORE))
        await subscriptions.request(session, NEW, SubscriptionPreferences(hour=5), now=utc(BEFORE))
        new = (await session.execute(select(Subscription.id).where(Subscription.email == NEW))).scalar_one()
        await subscriptions.confirm(session, new, now=utc(BEFORE))
    who = await reader(database)
    async with database.write_session() as session:
        await subscriptions.move_to_address(session, who, ADA, NEW)

    found = (await all_of(database))[NEW]
    assert (found.hour, found.reader_id, found.state) == (stays, who, SubscriptionState.active)


async def test_who_deletes_the_account_is_subscribed_no_more_even_as_nobodys_reader(
    database: Database,
) -> None:
    await subscribed(database, "ada", now=BEFORE)
    await subscribed(database, "ben", now=BEFORE)
    who = await reader(database)
    async with database.write_session() as session:
        await subscriptions.delete_all_of_reader(session, who, ADA)
    assert list(await all_of(database)) == ["ben@example.org"]


async def test_a_digest_in_hand_is_dropped_when_its_reader_deletes_the_account(database: Database) -> None:
    number = await subscribed(database, "ada", now=BEFORE)
    await papers(database, "2026-03-01", 1)
    who = await reader(database)
    await scheduler.plan_deliveries(database, now=utc(MONDAY))
    async with database.write_session() as session:
        sender = await claims.register_sender(session)
        picked = await claims.lock_due(session, sender, limit=10, now=utc(MONDAY))
        await claims.claim(session, sender, {one.id: Selection(["2603.00001"], {}) for one in picked})
    assert [one.subscription_id for one in picked] == [number]

    async with database.write_session() as session:
        await readers.delete_reader(session, who, half_life=HALF_LIFE)  # it is theirs since it was planned

    async with open_delivery_log(database.url, sender) as marks:
        assert not await (await marks.request_start(picked[0].id))
    async with database.read_session() as session:
        assert (await session.scalars(select(Delivery))).all() == []
