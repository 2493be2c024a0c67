"""The preview of a digest: what an address would get now. Nothing is sent or noted."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.digests import calendar
from paperround.digests.batches import build_digest
from paperround.digests.editions import DigestEditions
from paperround.digests.items import DigestItemCache
from paperround.digests.links import DigestLinks
from paperround.digests.renderer import DigestRenderer
from paperround.digests.selection import (
    PendingDelivery,
    find_topic_days,
    load_histories,
    select_papers,
)
from paperround.digests.subscriptions import schedule_of
from paperround.digests.tables import Cadence, Subscription, WhenEmpty
from paperround.digests.topic_matches import match_changed_topics
from paperround.topics.edition_matches import match_edition


class DigestPreview(NamedTuple):
    """A digest as a message and as a page. `papers` is how many it has."""

    message: bytes
    page: str
    papers: int
    has_subscription: bool


async def render_preview(
    database: Database, links: DigestLinks, site_name: str, email: str, *, now: datetime
) -> DigestPreview:
    """Render the digest that an address would get now. Without a subscription it is that of a new one."""
    async with database.read_session() as session:
        subscription = await session.scalar(select(Subscription).where(Subscription.email == email))
        reader = await session.scalar(select(Reader).where(Reader.email == email))
        pending = _plan(subscription or _new_subscription(email), reader, now.date())
        histories = await load_histories(session, [pending])
        topic_days = find_topic_days([pending], histories)
    for (first, last), readers in topic_days.items():
        await match_changed_topics(
            database, lambda day: match_edition(database, day, None), set(readers.values()), first, last
        )
    async with database.read_session() as session:
        selection = (await select_papers(session, [pending], histories, DigestEditions()))[pending.id]
        items = await DigestItemCache().get(session, selection.shown_papers, pending.language)
    renderer = DigestRenderer(links, site_name)
    digest = build_digest(pending, selection, items)
    return DigestPreview(
        message=renderer.render_message(digest, now=now).body,
        page=renderer.render_page(digest).html,
        papers=len(digest.papers),
        has_subscription=subscription is not None,
    )


def _plan(subscription: Subscription, reader: Reader | None, day: date) -> PendingDelivery:
    chosen = reader.interface_language if reader else None
    return PendingDelivery(
        id=0,
        subscription_id=subscription.id,
        period=day,
        since=calendar.find_first_day(schedule_of(subscription), day),
        attempts=0,
        papers=None,
        reasons=None,
        overview=None,
        nonce=subscription.nonce,
        address_nonce=subscription.address_nonce,
        email=subscription.email,
        reader_id=subscription.reader_id,
        cadence=subscription.cadence,
        trending=subscription.trending,
        topics=subscription.topics,
        max_papers=subscription.max_papers,
        when_empty=subscription.when_empty,
        min_band=subscription.min_band,
        language=reader.language if reader else None,
        interface_language=chosen or subscription.interface_language,
    )


def _new_subscription(email: str) -> Subscription:
    return Subscription(
        id=0,
        nonce="",
        address_nonce="",
        email=email,
        cadence=Cadence.daily,
        weekday=0,
        hour=7,
        time_zone="UTC",
        trending=True,
        topics=False,
        max_papers=10,
        when_empty=WhenEmpty.note,
    )
