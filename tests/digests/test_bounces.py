"""What follows for a subscription from mail that comes back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from digests.conftest import Post
from paperround.database import Database
from paperround.digests import bounces
from paperround.digests.tables import Bounce, Delivery, Subscription, SubscriptionState

from .conftest import papers
from support.factories import utc
from support.returned_mail import build_complaint, build_report
from support.sender_child import LINKS
from support.subscriptions import TARGET, make_links, subscribed

NOW = utc("2026-03-02 09:00")


async def state(database: Database) -> SubscriptionState:
    async with database.read_session() as session:
        return (await session.scalars(select(Subscription.state))).one()


async def taken(post: Any, body: bytes) -> None:
    async with post.database.write_session() as session:
        assert await bounces.process_report(session, bounces.parse_report(body, LINKS), now=NOW)


async def sent_days(post: Any, days: int) -> list[int]:
    """The deliveries of so many days, all sent well."""
    await subscribed(post.database, "ada", now="2026-03-01 12:00")
    async with post.database.write_session() as session:
        await session.execute(update(Subscription).values(nonce=TARGET.nonce))
    for day in range(2, 2 + days):
        await papers(post.database, f"2026-03-{day:02}", day)
        await post.send(f"2026-03-{day:02} 07:00")
    return [one.id for one in await post.deliveries()]


async def test_a_hard_bounce_stops_the_subscription_at_once(post: Post) -> None:
    (delivery,) = await sent_days(post, 1)
    await taken(post, build_report(delivery))
    assert await state(post.database) is SubscriptionState.bounced
    async with post.database.read_session() as session:
        assert (await session.get(Delivery, delivery)).bounce is Bounce.hard


async def test_soft_bounces_stop_it_after_five_in_a_row(post: Post) -> None:
    deliveries = await sent_days(post, 6)
    for delivery in [*deliveries[:3], *deliveries[4:]]:
        await taken(post, build_report(delivery, status="5.2.2"))
    assert await state(post.database) is SubscriptionState.active
    await taken(post, build_report(deliveries[3], status="4.2.2"))
    assert await state(post.database) is SubscriptionState.bounced


async def test_a_rejection_of_the_content_never_stops_it(post: Post) -> None:
    for delivery in await sent_days(post, 6):
        await taken(post, build_report(delivery, status="5.7.1"))
    assert await state(post.database) is SubscriptionState.active


async def test_a_complaint_and_a_wish_by_mail_unsubscribe(post: Post) -> None:
    (delivery,) = await sent_days(post, 1)
    await taken(post, build_complaint(make_links(delivery).message_id))
    assert await state(post.database) is SubscriptionState.unsubscribed
    await taken(post, build_complaint(make_links(delivery).message_id))


async def test_a_report_about_what_had_the_deliverys_number_before_changes_nothing(post: Post) -> None:
    """After a restored backup, numbers are given out again."""
    (delivery,) = await sent_days(post, 1)
    async with post.database.write_session() as session:
        await session.execute(update(Subscription).values(nonce="ffffffffff"))
    for body in (build_report(delivery), build_complaint(make_links(delivery).message_id)):
        async with post.database.write_session() as session:
            assert not await bounces.process_report(session, bounces.parse_report(body, LINKS), now=NOW)
    assert await state(post.database) is SubscriptionState.active


async def test_a_report_of_a_delivery_that_is_gone_changes_nothing(database: Database) -> None:
    async with database.write_session() as session:
        assert not await bounces.process_report(session, bounces.parse_report(build_report(), LINKS), now=NOW)
