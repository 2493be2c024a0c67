"""What is kept of deliveries, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, update

from paperround.database import Database
from paperround.digests.delivery_states import DeliveryEvent, build_delete
from paperround.digests.tables import Delivery, DeliveryState, Subscription, SubscriptionState

DELIVERY_RETENTION: Final = timedelta(days=90)
UNCONFIRMED_RETENTION: Final = timedelta(days=30)


async def delete_expired(database: Database, *, now: datetime) -> None:
    """After 90 days only the papers of what was sent are kept, so that none comes twice. An address that
    nobody confirmed is forgotten after 30."""
    async with database.write_session() as session:
        old = Delivery.due_at < now - DELIVERY_RETENTION
        await session.execute(build_delete(DeliveryEvent.deleted_when_old).where(old))
        thin = update(Delivery).where(
            old, Delivery.state == DeliveryState.sent, Delivery.smtp_response.is_not(None)
        )
        await session.execute(thin.values(smtp_response=None, code=None, reasons=None, sender=None))
        forgotten = delete(Subscription).where(
            Subscription.state == SubscriptionState.pending,
            Subscription.asked_at < now - UNCONFIRMED_RETENTION,
        )
        await session.execute(forgotten)
