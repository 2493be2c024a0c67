"""Channels that fail: which are stopped or paused, and the mail that tells their readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import func, lateral, select, true
from sqlalchemy.orm import contains_eager, joinedload

from paperround.accounts.tables import Reader
from paperround.database import Database, ReadSession, WriteSession
from paperround.digests import subscriptions
from paperround.digests.channel_tables import Channel
from paperround.digests.links import DigestLinks
from paperround.digests.subscriptions import RUNNING_STATES
from paperround.digests.tables import Delivery, DeliveryState, Subscription, SubscriptionState
from paperround.i18n.languages import choose_stored
from paperround.i18n.messages import mark_message
from paperround.mail import Mailer
from paperround.mail.transactional import TemplatedMessage, TransactionalMailer

logger = structlog.get_logger(__name__)

MAX_FAILED_PERIODS: Final = 5  # in a row
UNSENT_STATES: Final = (DeliveryState.failed, DeliveryState.uncertain)
DONE_STATES: Final = (*UNSENT_STATES, DeliveryState.sent)
NOTICE_RETRY_DELAY: Final = timedelta(minutes=10)


async def stop(session: WriteSession, channel_id: int, reason: str, *, now: datetime) -> None:
    """End the subscription of a channel that will never take anything again. Its reader is told by mail."""
    channel = await _lock(session, channel_id)
    if channel is not None and channel.subscription.state in RUNNING_STATES:
        await subscriptions.end(session, channel.subscription, SubscriptionState.bounced, now=now)
        _have_told(channel, reason, now=now)


async def pause_failing(session: WriteSession, *, now: datetime) -> int:
    """Pause the channels whose last five digests all failed; how many. Their readers are told by mail."""
    last = lateral(
        select(Delivery.state)
        .where(
            Delivery.subscription_id == Channel.id,
            Delivery.state.in_(DONE_STATES),
            Delivery.due_at > Subscription.changed_at,  # those before it was confirmed or resumed don't count
        )
        .order_by(Delivery.period.desc())
        .limit(MAX_FAILED_PERIODS)
    )
    unsent = func.count().filter(last.c.state.in_(UNSENT_STATES))
    failing = (
        select(Channel.id)
        .join(Channel.subscription)
        .join(last, true())
        .where(Subscription.state == SubscriptionState.active)
        .group_by(Channel.id)
        .having(unsent == MAX_FAILED_PERIODS)
    )
    paused = 0
    for channel_id in (await session.scalars(failing)).all():
        channel = await _lock(session, channel_id)
        if channel is not None and channel.subscription.state is SubscriptionState.active:
            response = await _load_last_response(session, channel_id)
            await subscriptions.pause(session, channel_id, until=None, now=now)
            _have_told(channel, response, now=now)
            paused += 1
    return paused


async def _lock(session: WriteSession, channel_id: int) -> Channel | None:
    query = select(Channel).join(Channel.subscription).where(Channel.id == channel_id)
    query = query.options(contains_eager(Channel.subscription)).execution_options(populate_existing=True)
    return await session.scalar(query.with_for_update(of=(Channel, Subscription)))


async def _load_last_response(session: ReadSession, channel_id: int) -> str:
    query = select(Delivery.smtp_response).where(
        Delivery.subscription_id == channel_id, Delivery.state.in_(UNSENT_STATES)
    )
    return await session.scalar(query.order_by(Delivery.period.desc()).limit(1)) or ""


def _have_told(channel: Channel, reason: str, *, now: datetime) -> None:
    channel.stopped_because = reason or mark_message("It did not answer.")
    channel.notice_due_at = now if channel.subscription.reader_id is not None else None
    logger.warning("a channel takes no digests and gets none for now", channel=channel.id, reason=reason)


async def send_due_notices(
    database: Database, mailer: Mailer, links: DigestLinks, site_name: str, *, now: datetime
) -> None:
    """Mail the readers whose channels were stopped. A deferred mail is tried again later."""
    transactional_mailer = TransactionalMailer(database, mailer, links.sender, site_name)
    await transactional_mailer.send_waiting(ChannelNotices(links.site), now=now)


@dataclass(frozen=True)
class ChannelNotices:
    """The source of the mails about channels that were stopped, for the transactional mailer."""

    site: str
    name: str = "notices of channels"

    async def list_waiting_ids(self, session: ReadSession, *, now: datetime, limit: int) -> Sequence[int]:
        query = select(Channel.id).where(Channel.notice_due_at <= now)
        return (await session.scalars(query.order_by(Channel.notice_due_at).limit(limit))).all()

    async def lock_row(self, session: WriteSession, row_id: int, *, now: datetime) -> Channel | None:
        query = select(Channel).where(Channel.id == row_id, Channel.notice_due_at <= now)
        query = query.options(joinedload(Channel.subscription))
        return await session.scalar(query.with_for_update(skip_locked=True, of=Channel))

    async def prepare_messages(self, session: WriteSession, row: Channel) -> Sequence[TemplatedMessage]:
        """Return no message where nothing is wrong any more, or nobody's it is."""
        row.notice_due_at = None
        reader = await session.get(Reader, row.subscription.reader_id or 0)
        if reader is None or not row.stopped_because:
            return []
        told = {
            "channel": row.name,
            "host": row.hint,
            "reason": row.stopped_because,
            "is_gone": row.subscription.state is SubscriptionState.bounced,
            "periods": MAX_FAILED_PERIODS,
            "link": f"{self.site}/channels/{row.id}",
            "site": self.site,
        }
        language = choose_stored(reader.interface_language, row.subscription.interface_language)
        return [TemplatedMessage("channel_stopped", reader.email, told, language)]

    def postpone(self, row: Channel, *, now: datetime) -> None:
        row.notice_due_at = now + NOTICE_RETRY_DELAY
