"""Confirmed subscriptions for tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from paperround.database import Database
from paperround.digests import subscriptions
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Subscription

from support.factories import utc


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
