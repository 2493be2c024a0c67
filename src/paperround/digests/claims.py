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
from sqlalchemy import case, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database, WriteSession
from paperround.digests import bounces
from paperround.digests.selection import Contents, Order
from paperround.digests.tables import Bounce, Delivery, Progress, Sender, State, Subscription

logger = structlog.get_logger(__name__)

TOO_LATE: Final = "Nobody could send it in time."
WAITING: Final = (Progress.queued, Progress.deferred)

ORDER: Final = (
    Delivery.id, Delivery.subscription_id, Delivery.period, Delivery.since, Delivery.attempts,
    Delivery.papers, Delivery.reasons, Subscription.email, Subscription.reader_id, Subscription.cadence,
    Subscription.trending, Subscription.topics, Subscription.most, Subscription.when_empty,
)  # fmt: skip

# One statement for all: a row at a time took as long as sending them.
TAKE: Final = text("""
    UPDATE deliveries d
    SET state = 'sending', sender = :sender, started_at = NULL,
        papers = ARRAY(SELECT jsonb_array_elements_text(n.papers)), reasons = n.reasons
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n (id bigint, papers jsonb, reasons jsonb)
    WHERE d.id = n.id
""")


async def enter(session: WriteSession) -> int:
    """Begin as a sender; its number."""
    number = secrets.randbits(62)
    await session.execute(insert(Sender).values(id=number, seen_at=func.clock_timestamp()))
    return number


async def beat(session: WriteSession, sender: int) -> bool:
    """Still here. False: the database has crashed since `enter`, or others think this sender dead."""
    mine = update(Sender).where(Sender.id == sender).values(seen_at=func.clock_timestamp())
    return (await session.scalar(mine.returning(Sender.id))) is not None


async def leave(session: WriteSession, sender: int) -> None:
    """Give back what was claimed and never begun; not after a crash, when nobody knows what was."""
    mine = (Delivery.sender == sender, Delivery.state == Progress.sending, Delivery.started_at.is_(None))
    known = exists().where(Sender.id == sender)
    await session.execute(update(Delivery).where(*mine, known).values(state=Progress.queued))
    await session.execute(delete(Sender).where(Sender.id == sender))


async def pick(session: WriteSession, sender: int, *, limit: int, now: datetime) -> Sequence[Order] | None:
    """Some deliveries that are to be tried now, held by this transaction; None when there is none, or when
    the sender isn't known any more. What isn't wanted any more is dropped."""
    known = select(Sender.id).where(Sender.id == sender).with_for_update(read=True, key_share=True)
    if await session.scalar(known) is None:
        return None
    query = select(*ORDER, Subscription.state).join(Delivery.subscription)
    query = query.where(Delivery.state.in_(WAITING), Delivery.next_try_at <= now, Delivery.gives_up_at > now)
    query = query.order_by(Delivery.next_try_at, Delivery.id).limit(limit)
    found = (await session.execute(query.with_for_update(skip_locked=True, of=Delivery))).all()
    await drop(session, [row.id for row in found if row.state is not State.active])
    return [Order(*row[:-1]) for row in found if row.state is State.active] if found else None


async def drop(session: WriteSession, deliveries: Sequence[int]) -> None:
    """These aren't wanted, or have nothing in them: no delivery."""
    if deliveries:
        await session.execute(delete(Delivery).where(Delivery.id.in_(deliveries)))


async def take(session: WriteSession, sender: int, contents: Mapping[int, Contents]) -> None:
    """Claim what was picked for this sender alone, with what is in each."""
    rows = [
        {"id": key, "papers": one.papers, "reasons": one.reasons or None} for key, one in contents.items()
    ]
    await session.execute(TAKE, {"sender": sender, "rows": json.dumps(rows)})


async def take_back(database: Database, *, lease: timedelta, now: datetime) -> int:
    """What senders had that haven't been heard of for `lease`: back into the queue, or in doubt; how many
    are in doubt."""
    async with database.writing() as session:
        silent = delete(Sender).where(Sender.seen_at < func.clock_timestamp() - lease)
        dead = (await session.scalars(silent.returning(Sender.id))).all()
        lost = ~exists().where(Sender.id == Delivery.sender)
        in_doubt = or_(Delivery.started_at.is_not(None), Delivery.sender.not_in(dead))
        changed = await session.execute(
            update(Delivery)
            .where(Delivery.state == Progress.sending, lost)
            .values(
                state=case((in_doubt, Progress.uncertain), else_=Progress.queued),
                words=case((in_doubt, "Its sender died while it was being sent."), else_=Delivery.words),
                finished_at=case((in_doubt, now), else_=None),
                next_try_at=now,
            )
            .returning(Delivery.state)
            .execution_options(synchronize_session=False)
        )
        states = list(changed.scalars())
    uncertain = states.count(Progress.uncertain)
    if states:
        logger.warning(
            "took over from a sender that died", queued=len(states) - uncertain, uncertain=uncertain
        )
    return uncertain


async def give_up(session: WriteSession, *, now: datetime) -> None:
    """What is too late has failed; where a full mailbox was the reason, that is noted."""
    late = update(Delivery).where(Delivery.state.in_(WAITING), Delivery.gives_up_at <= now)
    late = late.values(state=Progress.failed, finished_at=now, words=func.coalesce(Delivery.words, TOO_LATE))
    for delivery in await session.scalars(late.returning(Delivery)):
        if bounces.verdict(delivery.words or "") is Bounce.soft:
            await bounces.note(session, delivery, Bounce.soft, delivery.words or "", now=now)
