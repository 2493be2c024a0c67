"""The letter that answers when somebody gave an address: to confirm it, or to change what runs already."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select

from paperround.database import Database, WriteSession
from paperround.digests.links import Links
from paperround.digests.tables import State, Subscription
from paperround.mail import Deferred, Mailer, Refused, Uncertain, Unreachable, compose
from paperround.mail.message import address_of
from paperround.mail.templates import rendered

logger = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 200
MOST_ATTEMPTS: Final = 6
TEMPLATES: Final = {State.pending: "confirm", State.active: "already", State.paused: "already"}


async def send_due(database: Database, mail: Mailer, links: Links, site_name: str, *, now: datetime) -> None:
    """Send every letter that is due. What the server doesn't take now is tried again with growing pauses."""
    async with database.reading() as session:
        due = select(Subscription.id).where(Subscription.letter_due_at <= now)
        ids = (await session.scalars(due.order_by(Subscription.letter_due_at).limit(MOST_AT_ONCE))).all()
    for subscription_id in ids:
        try:
            async with database.writing() as session:
                await _send(session, mail, links, site_name, subscription_id, now)
        except Unreachable as error:
            logger.warning("letters wait for the mail server", error=str(error))
            return


async def _send(
    session: WriteSession, mail: Mailer, links: Links, site_name: str, subscription_id: int, now: datetime
) -> None:
    """In one transaction, which holds the row: one that certainly didn't go out stays due.

    Raises `Unreachable`.
    """
    due = select(Subscription).where(Subscription.id == subscription_id, Subscription.letter_due_at <= now)
    found = await session.scalar(due.with_for_update(skip_locked=True))
    if found is None:  # another worker has it
        return
    found.letter_due_at = None
    try:
        await _mail(mail, links, site_name, found, now)
    except Deferred as error:
        found.letter_attempts += 1
        if found.letter_attempts < MOST_ATTEMPTS:
            found.letter_due_at = now + timedelta(minutes=2**found.letter_attempts)
        logger.info("a letter waits", subscription=found.id, error=str(error))
    except (Refused, Uncertain) as error:
        logger.warning("a letter was not sent", subscription=found.id, error=str(error))


async def _mail(mail: Mailer, links: Links, site_name: str, found: Subscription, now: datetime) -> None:
    template = TEMPLATES.get(found.state)
    if template is None:
        return
    link = links.confirm(found.id) if found.state is State.pending else links.preferences(found.id)
    parts = rendered(template, site_name=site_name, link=link, site=links.site)
    message = compose(
        sender=links.sender,
        recipient=found.email,
        subject=parts.subject,
        text=parts.text,
        html=parts.html,
        now=now,
    )
    await mail.send(message, sender=address_of(links.sender), recipient=found.email)
