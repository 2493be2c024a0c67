"""Claims: which sender sends which deliveries, and what becomes of them when a sender dies.

A claim waits for the disk; the delivery log (delivery_log.py) does not. So after a sender's death exactly the
messages that it had in flight are in doubt. After a crash of the database parts of the log may be lost, and
what stands in the sender's ledger (start_ledger.py) is in doubt. Such a crash empties the table `senders`,
which is how it is noticed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Select, Update, all_, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from paperround.accounts.tables import Reader
from paperround.database import Database, WriteSession
from paperround.digests import bounces
from paperround.digests.bounce_rules import classify_status
from paperround.digests.channel_tables import Channel
from paperround.digests.delivery_states import (
    DeliveryEvent,
    build_delete,
    build_update,
    get_sources,
    get_target,
)
from paperround.digests.selection import PendingDelivery, Selection
from paperround.digests.tables import (
    MAIL_LANGUAGE,
    Bounce,
    Delivery,
    Sender,
    SenderProgress,
    Subscription,
    SubscriptionState,
)

logger = structlog.get_logger(__name__)

EXPIRED_RESPONSE: Final = "It could not be sent in time."
MAY_HAVE_BEEN_SENT: Final = (
    "It may have been sent: its sender or the database died after it was begun, before its outcome was kept."
)
NOT_BEGUN: Final = "It had not begun when its sender or the database died, and will be sent again."

# Named as the fields of PendingDelivery.
PENDING_COLUMNS: Final = (
    Delivery.id,
    Delivery.subscription_id,
    Delivery.period,
    Delivery.since,
    Delivery.attempts,
    Delivery.papers,
    Delivery.reasons,
    Delivery.overview,
    Subscription.nonce,
    Subscription.address_nonce,
    Subscription.email,
    Subscription.reader_id,
    Subscription.cadence.label("cadence"),
    Subscription.trending,
    Subscription.topics,
    Subscription.max_papers.label("max_papers"),
    Subscription.when_empty,
    Subscription.min_band,
    Channel.secrets.label("channel_secrets"),
    Reader.language,
    MAIL_LANGUAGE.label("interface_language"),
)

# One statement for all rows: one at a time they took as long as sending them.
CLAIM: Final = text("""
    UPDATE deliveries d
    SET state = :target, sender = :sender, started_at = NULL,
        papers = ARRAY(SELECT jsonb_array_elements_text(n.papers)), reasons = n.reasons,
        overview = n.overview
    FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS n (id bigint, papers jsonb, reasons jsonb, overview jsonb)
    WHERE d.id = n.id AND d.state = ANY(:sources)
""")


async def register_sender(session: WriteSession) -> int:
    """Register a new sender. Returns its number."""
    number = secrets.randbits(62)
    await session.execute(insert(Sender).values(id=number, seen_at=func.clock_timestamp()))
    await session.execute(insert(SenderProgress).values(sender=number, may_have_begun=[]))
    return number


async def heartbeat(session: WriteSession, sender: int) -> bool:
    """Note that the sender is alive.

    Returns False when the database has crashed since it registered, or when others took it for dead.
    """
    statement = update(Sender).where(Sender.id == sender).values(seen_at=func.clock_timestamp())
    return (await session.scalar(statement.returning(Sender.id))) is not None


async def unregister_sender(session: WriteSession, sender: int) -> None:
    """Give back what was claimed and never begun.

    After a crash of the database nothing is given back here: `recover_abandoned` tells what was begun.
    """
    is_registered = exists().where(Sender.id == sender)
    returned = build_update(DeliveryEvent.returned).where(
        Delivery.sender == sender, Delivery.started_at.is_(None), is_registered
    )
    await session.execute(returned)
    await session.execute(delete(SenderProgress).where(SenderProgress.sender == sender, is_registered))
    await session.execute(delete(Sender).where(Sender.id == sender))


async def lock_due(
    session: WriteSession, sender: int, *, by_channel: bool = False, limit: int, now: datetime
) -> Sequence[PendingDelivery] | None:
    """Lock some deliveries that are to be tried now, by mail or by channels, for this transaction's time.

    Returns None when there is none, or when the sender is no longer registered. Deliveries of subscriptions
    that are no longer active are dropped.
    """
    registered = select(Sender.id).where(Sender.id == sender).with_for_update(read=True, key_share=True)
    if await session.scalar(registered) is None:
        return None
    query = _select_due(limit, now).add_columns(Subscription.state)
    query = query.where(Subscription.by_channel.is_(by_channel))
    rows = (await session.execute(query.with_for_update(skip_locked=True, of=Delivery))).mappings().all()
    await drop_unwanted(session, [row["id"] for row in rows if row["state"] is not SubscriptionState.active])
    if not rows:
        return None
    return [
        PendingDelivery(**{name: row[name] for name in PendingDelivery._fields})
        for row in rows
        if row["state"] is SubscriptionState.active
    ]


def _select_due(limit: int, now: datetime) -> Select[*tuple[Any, ...]]:
    query = select(*PENDING_COLUMNS).join(Delivery.subscription)
    query = query.outerjoin(Channel, Channel.id == Subscription.id)
    query = query.outerjoin(Reader, Reader.id == Subscription.reader_id)
    query = query.where(
        Delivery.state.in_(get_sources(DeliveryEvent.claimed)),
        Delivery.next_try_at <= now,
        Delivery.gives_up_at > now,
    )
    return query.order_by(Delivery.next_try_at, Delivery.id).limit(limit)


async def drop_unwanted(session: WriteSession, deliveries: Sequence[int]) -> None:
    """Drop deliveries that are no longer wanted, or that have nothing in them."""
    if deliveries:
        await session.execute(build_delete(DeliveryEvent.dropped).where(Delivery.id.in_(deliveries)))


async def claim(session: WriteSession, sender: int, selections: Mapping[int, Selection]) -> None:
    """Claim locked deliveries for this sender alone, with the papers that were selected for each."""
    rows = [
        {
            "id": delivery_id,
            "papers": selection.papers,
            "reasons": selection.reasons or None,
            "overview": selection.overview and selection.overview._asdict(),
        }
        for delivery_id, selection in selections.items()
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
    """Take over what senders had claimed that were not heard of for `lease`.

    What they had not begun goes back into the queue; the rest may have been sent, and is in doubt. Returns
    how many are in doubt.
    """
    async with database.write_session() as session:
        silent = delete(Sender).where(Sender.seen_at < func.clock_timestamp() - lease)
        dead = (await session.scalars(silent.returning(Sender.id))).all()
        abandoned = ~exists().where(Sender.id == Delivery.sender)
        is_known_unbegun = exists().where(
            SenderProgress.sender == Delivery.sender, Delivery.id != all_(SenderProgress.may_have_begun)
        )
        in_doubt = or_(
            Delivery.started_at.is_not(None), and_(Delivery.sender.not_in(dead), ~is_known_unbegun)
        )
        # In this order: what its sender starts between the two statements is then in doubt.
        returned = (
            build_update(DeliveryEvent.sender_died_before_start)
            .where(abandoned, ~in_doubt)
            .values(smtp_response=NOT_BEGUN, finished_at=None, next_try_at=now)
        )
        lost = (
            build_update(DeliveryEvent.sender_died_after_start)
            .where(abandoned, in_doubt)
            .values(smtp_response=MAY_HAVE_BEEN_SENT, finished_at=now, next_try_at=now)
        )
        queued = await _count_changed(session, returned)
        uncertain = await _count_changed(session, lost)
        is_gone = ~exists().where(Sender.id == SenderProgress.sender)
        await session.execute(delete(SenderProgress).where(is_gone))
    if queued or uncertain:
        logger.warning("took over from a sender that died", not_begun=queued, may_have_been_sent=uncertain)
    return uncertain


async def _count_changed(session: WriteSession, statement: Update) -> int:
    changed = statement.returning(Delivery.id).execution_options(synchronize_session=False)
    return len((await session.scalars(changed)).all())


async def expire_overdue(session: WriteSession, *, now: datetime) -> None:
    """Give up deliveries that are too late.

    Where a full mailbox was the reason, that is noted as a bounce.
    """
    late = build_update(DeliveryEvent.expired).where(Delivery.gives_up_at <= now)
    late = late.values(
        finished_at=now,
        smtp_response=func.coalesce(Delivery.smtp_response, EXPIRED_RESPONSE),
    )
    for delivery in await session.scalars(late.returning(Delivery)):
        if classify_status(delivery.smtp_response or "") is Bounce.soft:
            await bounces.record_bounce(session, delivery, Bounce.soft, delivery.smtp_response or "", now=now)
