"""How deliveries stand: planned = sent + deferred + failed + uncertain + still due, always."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update

from paperround.database import ReadSession, WriteSession
from paperround.digests.tables import Delivery, Progress, State, Subscription

A_DAY: Final = timedelta(days=1)
A_MINUTE: Final = timedelta(minutes=1)
STILL_DUE: Final = (Progress.queued, Progress.sending)


@dataclass(frozen=True)
class Ledger:
    """Deliveries by what became of them; `sent_lately` in the last minute."""

    counts: Mapping[Progress, int]
    sent_lately: int
    bounced: int

    @property
    def planned(self) -> int:
        return sum(self.counts.values())

    @property
    def due(self) -> int:
        return sum(self.counts[state] for state in STILL_DUE)


async def ledger(session: ReadSession, *, now: datetime, over: timedelta | None = A_DAY) -> Ledger:
    """Of the deliveries that were due in the last `over`; None: of all that are kept."""
    counted = select(Delivery.state, func.count()).group_by(Delivery.state)
    bounced = select(func.count()).where(Delivery.bounce.is_not(None))
    if over is not None:
        counted = counted.where(Delivery.due_at > now - over)
        bounced = bounced.where(Delivery.due_at > now - over)
    counts = dict.fromkeys(Progress, 0) | dict((await session.execute(counted)).all())
    lately = select(func.count()).where(
        Delivery.finished_at > now - A_MINUTE, Delivery.finished_at <= now, Delivery.state == Progress.sent
    )
    return Ledger(counts, await session.scalar(lately) or 0, await session.scalar(bounced) or 0)


async def subscriptions(session: ReadSession) -> Mapping[State, int]:
    """How many there are in each state."""
    query = select(Subscription.state, func.count()).group_by(Subscription.state)
    return dict.fromkeys(State, 0) | dict((await session.execute(query)).all())


async def resend(
    session: WriteSession, *, now: datetime, delivery_id: int | None = None, grace: timedelta = A_DAY
) -> int:
    """Queue uncertain deliveries again, all or one, for a day from now; how many. Their readers may get a
    message twice: only a person decides that."""
    again = update(Delivery).where(Delivery.state == Progress.uncertain)
    if delivery_id is not None:
        again = again.where(Delivery.id == delivery_id)
    again = again.where(
        Delivery.subscription_id.in_(select(Subscription.id).where(Subscription.state == State.active))
    )
    queued = again.values(
        state=Progress.queued, sender=None, started_at=None, next_try_at=now, gives_up_at=now + grace
    )
    return len((await session.scalars(queued.returning(Delivery.id))).all())
