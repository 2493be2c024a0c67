"""Confirmed subscriptions for tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from paperround.database import Database
from paperround.digests import subscriptions
from paperround.digests.links import DeliveryLinks
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import LinkTarget, Subscription

from support.factories import utc
from support.sender_child import LINKS

TARGET = LinkTarget(3, "0123456789", "9876543210")


def make_links(delivery_id: int, target: LinkTarget = TARGET) -> DeliveryLinks:
    """The links and marks of one message, as the senders of the tests sign them."""
    return LINKS.for_delivery(delivery_id, target)


async def subscribed(database: Database, name: str, *, now: str, **preferences: Any) -> int:
    """The id of a confirmed subscription of name@example.org."""
    async with database.write_session() as session:
        await subscriptions.request(
            session, f"{name}@example.org", SubscriptionPreferences(**preferences), now=utc(now)
        )
    async with database.write_session() as session:
        found = await session.scalar(
            select(Subscription.id).where(Subscription.email == f"{name}@example.org")
        )
        assert found is not None
        await subscriptions.confirm(session, found, now=utc(now))
    return found
