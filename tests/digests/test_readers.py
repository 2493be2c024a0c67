"""Subscriptions of people with an account: they meet at signing in, move with the address, and go."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from paperround.accounts import readers, sign_in
from paperround.database import Database
from paperround.digests import claims, delivery, scheduler, subscriptions
from paperround.digests.selection import Contents
from paperround.digests.subscriptions import Wishes
from paperround.digests.tables import Delivery, State, Subscription

from .conftest import papers, subscribed
from support.factories import HALF_LIFE, at

BEFORE, MONDAY = "2026-03-01 12:00", "2026-03-02 07:00"
ADA, NEW = "ada@example.org", "ada@example.net"


async def reader(database: Database, email: str = ADA) -> int:
    async with database.writing() as session:
        return await sign_in.reader_of(session, email, now=at(BEFORE))


async def all_of(database: Database) -> dict[str, Subscription]:
    async with database.reading() as session:
        return {one.email: one for one in await session.scalars(select(Subscription))}


async def test_signing_in_makes_what_was_subscribed_to_before_ones_own(database):
    await subscribed(database, "ada", now=BEFORE)
    await subscribed(database, "ben", now=BEFORE)
    who = await reader(database)
    async with database.writing() as session:
        await subscriptions.meet(session, who, ADA)

    assert {email: one.reader_id for email, one in (await all_of(database)).items()} == {
        ADA: who,
        "ben@example.org": None,
    }


async def test_what_nobody_confirmed_becomes_nobodys(database):
    async with database.writing() as session:
        await subscriptions.ask(session, ADA, Wishes(), now=at(BEFORE))
    who = await reader(database)
    async with database.writing() as session:
        await subscriptions.meet(session, who, ADA)
    assert (await all_of(database))[ADA].reader_id is None


async def test_a_changed_address_takes_the_subscription_along(database):
    number = await subscribed(database, "ada", now=BEFORE, hour=9)
    who = await reader(database)
    async with database.writing() as session:
        await subscriptions.move(session, who, ADA, NEW)
    (found,) = (await all_of(database)).values()
    assert (found.id, found.email, found.reader_id, found.hour) == (number, NEW, who, 9)


@pytest.mark.parametrize(("ended", "stays"), [(False, 9), (True, 5)])
async def test_of_two_subscriptions_the_old_addresss_stays_if_it_runs(database, ended, stays):
    old = await subscribed(database, "ada", now=BEFORE, hour=9)
    async with database.writing() as session:
        if ended:
            await subscriptions.unsubscribe(session, old, now=at(BEFORE))
        await subscriptions.ask(session, NEW, Wishes(hour=5), now=at(BEFORE))
        new = (await session.execute(select(Subscription.id).where(Subscription.email == NEW))).scalar_one()
        await subscriptions.confirm(session, new, now=at(BEFORE))
    who = await reader(database)
    async with database.writing() as session:
        await subscriptions.move(session, who, ADA, NEW)

    found = (await all_of(database))[NEW]
    assert (found.hour, found.reader_id, found.state) == (stays, who, State.active)


async def test_who_deletes_the_account_is_subscribed_no_more_even_as_nobodys_reader(database):
    await subscribed(database, "ada", now=BEFORE)
    await subscribed(database, "ben", now=BEFORE)
    who = await reader(database)
    async with database.writing() as session:
        await subscriptions.leave(session, who, ADA)
    assert list(await all_of(database)) == ["ben@example.org"]


async def test_a_digest_in_hand_is_dropped_when_its_reader_deletes_the_account(database):
    number = await subscribed(database, "ada", now=BEFORE)
    await papers(database, "2026-03-01", 1)
    who = await reader(database)
    await scheduler.plan(database, now=at(MONDAY))
    async with database.writing() as session:
        sender = await claims.enter(session)
        picked = await claims.pick(session, sender, limit=10, now=at(MONDAY))
        await claims.take(session, sender, {one.id: Contents(["2603.00001"], {}) for one in picked})
    assert [one.subscription_id for one in picked] == [number]

    async with database.writing() as session:
        await readers.leave(session, who, half_life=HALF_LIFE)  # it is theirs since it was planned

    async with delivery.marking(database.url, sender) as marks:
        assert not await (await marks.start(picked[0].id))
    async with database.reading() as session:
        assert (await session.scalars(select(Delivery))).all() == []
