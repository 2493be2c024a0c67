"""How deliveries stand: planned = sent + deferred + failed + uncertain + still due, always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from paperround.database import ReadSession, WriteSession
from paperround.digests.delivery_states import DeliveryEvent, build_update
from paperround.digests.tables import Delivery, DeliveryState, Subscription, SubscriptionState
from paperround.papers.row_counts import load_kinds

ONE_DAY: Final = timedelta(days=1)
ONE_MINUTE: Final = timedelta(minutes=1)
DUE_STATES: Final = (DeliveryState.queued, DeliveryState.sending)


@dataclass(frozen=True)
class DeliveryTotals:
    """Deliveries by what became of them; `sent_last_minute` counts the last minute."""

    counts: Mapping[DeliveryState, int]
    sent_last_minute: int
    bounced: int

    @property
    def planned(self) -> int:
        return sum(self.counts.values())

    @property
    def due(self) -> int:
        return sum(self.counts[state] for state in DUE_STATES)


async def count_deliveries(
    session: ReadSession, *, now: datetime, window: timedelta | None = ONE_DAY
) -> DeliveryTotals:
    """Of the deliveries that were due in the last `over`; None: of all that are kept."""
    counted = select(Delivery.state, func.count()).group_by(Delivery.state)
    bounced = select(func.count()).where(Delivery.bounce.is_not(None))
    if window is not None:
        counted = counted.where(Delivery.due_at > now - window)
        bounced = bounced.where(Delivery.due_at > now - window)
    counts = dict.fromkeys(DeliveryState, 0) | dict((await session.execute(counted)).all())
    lately = select(func.count()).where(
        Delivery.finished_at > now - ONE_MINUTE,
        Delivery.finished_at <= now,
        Delivery.state == DeliveryState.sent,
    )
    return DeliveryTotals(counts, await session.scalar(lately) or 0, await session.scalar(bounced) or 0)


async def count_subscriptions(session: ReadSession) -> Mapping[SubscriptionState, int]:
    """How many there are in each state."""
    counts = await load_kinds(session, Subscription.__tablename__)
    return {state: counts.get(state, 0) for state in SubscriptionState}


async def list_uncertain(session: ReadSession, *, limit: int = 1000) -> Sequence[Delivery]:
    """List the deliveries of which nobody knows whether they arrived, those due last first."""
    query = select(Delivery).where(Delivery.state == DeliveryState.uncertain)
    return (await session.scalars(query.order_by(Delivery.due_at.desc()).limit(limit))).all()


async def resend(
    session: WriteSession, *, now: datetime, delivery_id: int | None = None, grace: timedelta = ONE_DAY
) -> int:
    """Queue uncertain deliveries again, all or one, for a day from now; how many. Their readers may get a
    message twice: only a person decides that."""
    again = build_update(DeliveryEvent.resent)
    if delivery_id is not None:
        again = again.where(Delivery.id == delivery_id)
    again = again.where(
        Delivery.subscription_id.in_(
            select(Subscription.id).where(Subscription.state == SubscriptionState.active)
        )
    )
    queued = again.values(sender=None, started_at=None, next_try_at=now, gives_up_at=now + grace)
    return len((await session.scalars(queued.returning(Delivery.id))).all())
