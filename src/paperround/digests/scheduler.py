"""Which digests are due: a delivery for each, once a subscription and day, and the moment of the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import Database, WriteSession
from paperround.digests.calendar import (
    CATCH_UP_WINDOWS,
    expires_at,
    find_first_day,
    find_latest_due,
    find_next_day_due,
    find_next_due,
)
from paperround.digests.delivery_states import INITIAL_STATE
from paperround.digests.subscriptions import TransitionNotAllowed, schedule_of
from paperround.digests.tables import Cadence, Delivery, Subscription, SubscriptionState

logger = structlog.get_logger(__name__)

PLANNING_BATCH_SIZE: Final = 1000
SEND_DIGESTS_JOB: Final = "send_digests"  # the task
SEND_CHANNELS_JOB: Final = "send_channels"

# Whoever was paused until now is active again. One statement for all: thousands are due at seven.
NEXT: Final = text("""
    UPDATE subscriptions s
    SET next_due_at = n.moment, state = 'active',
        changed_at = CASE s.state WHEN 'active' THEN s.changed_at ELSE :now END
    FROM unnest(CAST(:ids AS integer[]), CAST(:moments AS timestamptz[])) AS n (id, moment)
    WHERE s.id = n.id
""")


async def plan_deliveries(database: Database, *, now: datetime) -> int:
    """Make a delivery for every digest that is due; how many. What is too late by hours is let go."""
    planned = 0
    while True:
        async with database.write_session() as session:
            due = await _due(session, now=now)
            planned += await _plan(session, due, now=now)
        if len(due) < PLANNING_BATCH_SIZE:
            return planned


async def plan_now(session: WriteSession, subscription: Subscription, *, now: datetime) -> bool:
    """Make today's delivery for a locked subscription, whose reader doesn't want to wait until it is due.

    It takes the place of the one that is due today, so that nothing comes twice. Returns False when today's
    was made already. Raises `TransitionNotAllowed`.
    """
    if subscription.state is not SubscriptionState.active:
        raise TransitionNotAllowed("Digests are not active, so none can be sent now.")
    rhythm = schedule_of(subscription)
    period = now.astimezone(ZoneInfo(subscription.time_zone)).date()
    gives_up_at = min(now + CATCH_UP_WINDOWS[Cadence.daily], find_next_day_due(rhythm, after=now))
    row = _build_delivery(subscription, period, due_at=now, gives_up_at=gives_up_at, now=now)
    return await _make_deliveries(session, [subscription], [row]) == 1


async def _due(session: WriteSession, *, now: datetime) -> Sequence[Subscription]:
    """Some subscriptions that are due, held by this transaction."""
    query = select(Subscription).where(
        Subscription.next_due_at <= now,
        Subscription.state.in_((SubscriptionState.active, SubscriptionState.paused)),
    )
    query = query.order_by(Subscription.next_due_at, Subscription.id).limit(PLANNING_BATCH_SIZE)
    return (await session.scalars(query.with_for_update(skip_locked=True))).all()


async def _plan(session: WriteSession, due: Sequence[Subscription], *, now: datetime) -> int:
    new = [row for one in due if (row := _delivery(one, now=now))]
    next_ones = [find_next_due(schedule_of(one), after=now)[1] for one in due]
    await session.execute(NEXT, {"ids": [one.id for one in due], "moments": next_ones, "now": now})
    if not new:
        return 0
    return await _make_deliveries(session, due, new)


async def _make_deliveries(
    session: WriteSession, subscriptions: Sequence[Subscription], rows: Sequence[dict[str, Any]]
) -> int:
    """Store deliveries of these subscriptions and have them sent. Returns how many were not there yet."""
    await _meet_readers(session, subscriptions)
    made = await session.execute(insert(Delivery).on_conflict_do_nothing().returning(Delivery.id), rows)
    for by_channel, job in ((False, SEND_DIGESTS_JOB), (True, SEND_CHANNELS_JOB)):
        if any(subscription.by_channel is by_channel for subscription in subscriptions):
            await queue.defer(session, job, queueing_lock=job)
    return len(made.all())


def _delivery(subscription: Subscription, *, now: datetime) -> dict[str, Any] | None:
    rhythm, due_at = schedule_of(subscription), subscription.next_due_at
    assert due_at is not None  # noqa: S101 (that it is due is how it was found)
    found = find_latest_due(rhythm, due_at=due_at, now=now)
    if found is None:
        logger.warning("let a digest go that nobody could send in time", subscription=subscription.id)
        return None
    period, moment = found
    return _build_delivery(
        subscription, period, due_at=moment, gives_up_at=expires_at(rhythm, moment), now=now
    )


def _build_delivery(
    subscription: Subscription, period: date, *, due_at: datetime, gives_up_at: datetime, now: datetime
) -> dict[str, Any]:
    return {
        "subscription_id": subscription.id,
        "period": period,
        "since": find_first_day(schedule_of(subscription), period),
        "state": INITIAL_STATE,
        "due_at": due_at,
        "next_try_at": now,
        "gives_up_at": gives_up_at,
        "attempts": 0,
    }


async def _meet_readers(session: WriteSession, due: Sequence[Subscription]) -> None:
    """Whoever signed in with an address since it was confirmed is its reader from now on."""
    by_mail = [one.id for one in due if not one.by_channel]
    theirs = (Subscription.id.in_(by_mail), Subscription.reader_id.is_(None))
    same = update(Subscription).where(*theirs, Reader.email == Subscription.email)
    await session.execute(same.values(reader_id=Reader.id).execution_options(synchronize_session=False))
