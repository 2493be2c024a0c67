"""Who sends what: claims that survive anything, and what becomes of those whose sender is gone.

A claim waits for the disk; the marks of a message's start and outcome (marks.py) don't. So after a sender's
death exactly what it had in flight is in doubt, and after a crash of the database everything that it had
claimed: some of its marks may be lost then. Such a crash empties `senders`, which is how it is known.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Update, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database, WriteSession
from paperround.digests import bounces
from paperround.digests.delivery_states import (
    DeliveryEvent,
    build_delete,
    build_update,
    get_sources,
    get_target,
)
from paperround.digests.selection import PendingDelivery, Selection
from paperround.digests.tables import Bounce, Delivery, Sender, Subscription, SubscriptionState

logger = structlog.get_logger(__name__)

EXPIRED_RESPONSE: Final = "Nobody could send it in time."
SENDER_DIED_RESPONSE: Final = "Its sender died while it was being sent."

PENDING_COLUMNS: Final = (
    Delivery.id, Delivery.subscription_id, Delivery.period, Delivery.since, Delivery.attempts,
    Delivery.papers, Delivery.reasons, Subscription.email, Subscription.reader_id, Subscription.cadence,
    Subscription.trending, Subscription.topics, Subscription.max_papers, Subscription.when_empty,
)  # fmt: skip

# One statement for all: a row at a time took as long as sending them.
CLAIM: Final = text("""
    UPDATE deliveries d
    SET state = :target, sender = :sender, started_at = NULL,
        papers = ARRAY(SELECT jsonb_array_elements_text(n.papers)), reasons = n.reasons
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n (id bigint, papers jsonb, reasons jsonb)
    WHERE d.id = n.id AND d.state = ANY(:sources)
""")


async def register_sender(session: WriteSession) -> int:
    """Begin as a sender; its number."""
    number = secrets.randbits(62)
    await session.execute(insert(Sender).values(id=number, seen_at=func.clock_timestamp()))
    return number


async def heartbeat(session: WriteSession, sender: int) -> bool:
    """Still here. False: the database has crashed since `enter`, or others think this sender dead."""
    mine = update(Sender).where(Sender.id == sender).values(seen_at=func.clock_timestamp())
    return (await session.scalar(mine.returning(Sender.id))) is not None


async def unregister_sender(session: WriteSession, sender: int) -> None:
    """Give back what was claimed and never begun; not after a crash, when nobody knows what was."""
    known = exists().where(Sender.id == sender)
    returned = build_update(DeliveryEvent.returned).where(
        Delivery.sender == sender, Delivery.started_at.is_(None), known
    )
    await session.execute(returned)
    await session.execute(delete(Sender).where(Sender.id == sender))


async def lock_due(
    session: WriteSession, sender: int, *, limit: int, now: datetime
) -> Sequence[PendingDelivery] | None:
    """Some deliveries that are to be tried now, held by this transaction; None when there is none, or when
    the sender isn't known any more. What isn't wanted any more is dropped."""
    known = select(Sender.id).where(Sender.id == sender).with_for_update(read=True, key_share=True)
    if await session.scalar(known) is None:
        return None
    query = select(*PENDING_COLUMNS, Subscription.state).join(Delivery.subscription)
    query = query.where(
        Delivery.state.in_(get_sources(DeliveryEvent.claimed)),
        Delivery.next_try_at <= now,
        Delivery.gives_up_at > now,
    )
    query = query.order_by(Delivery.next_try_at, Delivery.id).limit(limit)
    found = (await session.execute(query.with_for_update(skip_locked=True, of=Delivery))).all()
    await drop_unwanted(session, [row.id for row in found if row.state is not SubscriptionState.active])
    return (
        [PendingDelivery(*row[:-1]) for row in found if row.state is SubscriptionState.active]
        if found
        else None
    )


async def drop_unwanted(session: WriteSession, deliveries: Sequence[int]) -> None:
    """These aren't wanted, or have nothing in them: no delivery."""
    if deliveries:
        await session.execute(build_delete(DeliveryEvent.dropped).where(Delivery.id.in_(deliveries)))


async def claim(session: WriteSession, sender: int, contents: Mapping[int, Selection]) -> None:
    """Claim what was picked for this sender alone, with what is in each."""
    rows = [
        {"id": key, "papers": one.papers, "reasons": one.reasons or None} for key, one in contents.items()
    ]
    await session.execute(
        CLAIM,
        {
            "sender": sender,
            "rows": json.dumps(rows),
            "target": get_target(DeliveryEvent.claimed).value,
            "sources": [state.value for state in get_sources(DeliveryEvent.claimed)],
        },
    )


async def recover_abandoned(database: Database, *, lease: timedelta, now: datetime) -> int:
    """What senders had that haven't been heard of for `lease`: back into the queue, or in doubt; how many
    are in doubt."""
    async with database.write_session() as session:
        silent = delete(Sender).where(Sender.seen_at < func.clock_timestamp() - lease)
        dead = (await session.scalars(silent.returning(Sender.id))).all()
        abandoned = ~exists().where(Sender.id == Delivery.sender)
        in_doubt = or_(Delivery.started_at.is_not(None), Delivery.sender.not_in(dead))
        # In this order: what its sender starts between the two statements is then in doubt.
        returned = (
            build_update(DeliveryEvent.sender_died_before_start)
            .where(abandoned, ~in_doubt)
            .values(finished_at=None, next_try_at=now)
        )
        lost = (
            build_update(DeliveryEvent.sender_died_after_start)
            .where(abandoned, in_doubt)
            .values(smtp_response=SENDER_DIED_RESPONSE, finished_at=now, next_try_at=now)
        )
        queued = await _count_changed(session, returned)
        uncertain = await _count_changed(session, lost)
    if queued or uncertain:
        logger.warning("took over from a sender that died", queued=queued, uncertain=uncertain)
    return uncertain


async def _count_changed(session: WriteSession, statement: Update) -> int:
    changed = statement.returning(Delivery.id).execution_options(synchronize_session=False)
    return len((await session.scalars(changed)).all())


async def expire_overdue(session: WriteSession, *, now: datetime) -> None:
    """What is too late has failed; where a full mailbox was the reason, that is noted."""
    late = build_update(DeliveryEvent.expired).where(Delivery.gives_up_at <= now)
    late = late.values(
        finished_at=now,
        smtp_response=func.coalesce(Delivery.smtp_response, EXPIRED_RESPONSE),
    )
    for delivery in await session.scalars(late.returning(Delivery)):
        if bounces.classify_status(delivery.smtp_response or "") is Bounce.soft:
            await bounces.record_bounce(session, delivery, Bounce.soft, delivery.smtp_response or "", now=now)
