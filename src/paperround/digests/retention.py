"""What is kept of deliveries, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, update

from paperround.database import Database
from paperround.digests.tables import Delivery, Progress, State, Subscription

KEPT: Final = timedelta(days=90)
UNCONFIRMED: Final = timedelta(days=30)
FINAL: Final = (Progress.failed, Progress.uncertain)


async def tidy(database: Database, *, now: datetime) -> None:
    """After 90 days only the papers of what was sent are kept, so that none comes twice. An address that
    nobody confirmed is forgotten after 30."""
    async with database.writing() as session:
        old = Delivery.due_at < now - KEPT
        await session.execute(delete(Delivery).where(old, Delivery.state.in_(FINAL)))
        thin = update(Delivery).where(old, Delivery.state == Progress.sent, Delivery.words.is_not(None))
        await session.execute(thin.values(words=None, code=None, reasons=None, sender=None))
        forgotten = delete(Subscription).where(
            Subscription.state == State.pending, Subscription.asked_at < now - UNCONFIRMED
        )
        await session.execute(forgotten)
