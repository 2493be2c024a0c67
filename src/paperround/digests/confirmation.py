"""The letter that answers when somebody gave an address: it asks to confirm, or tells how to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from paperround.database import Database, ReadSession, WriteSession
from paperround.digests.links import DigestLinks
from paperround.digests.tables import Subscription, SubscriptionState
from paperround.i18n.languages import choose_stored
from paperround.mail import Mailer
from paperround.mail.transactional import TemplatedMessage, TransactionalMailer

MAX_CONFIRMATION_ATTEMPTS: Final = 6
TEMPLATES: Final = {
    SubscriptionState.pending: "confirm",
    SubscriptionState.active: "already",
    SubscriptionState.paused: "already",
}


async def send_due_confirmations(
    database: Database, mailer: Mailer, links: DigestLinks, site_name: str, *, now: datetime
) -> None:
    """Send every letter that is due. A deferred one is tried again after growing pauses."""
    transactional_mailer = TransactionalMailer(database, mailer, links.sender, site_name)
    await transactional_mailer.send_waiting(ConfirmationMail(links), now=now)


@dataclass(frozen=True)
class ConfirmationMail:
    """The source of the letters to new and running subscriptions, for the transactional mailer."""

    links: DigestLinks
    name: str = "confirmations"

    async def list_waiting_ids(self, session: ReadSession, *, now: datetime, limit: int) -> Sequence[int]:
        query = select(Subscription.id).where(Subscription.letter_due_at <= now)
        return (await session.scalars(query.order_by(Subscription.letter_due_at).limit(limit))).all()

    async def lock_row(self, session: WriteSession, row_id: int, *, now: datetime) -> Subscription | None:
        query = select(Subscription).where(Subscription.id == row_id, Subscription.letter_due_at <= now)
        return await session.scalar(query.with_for_update(skip_locked=True))

    async def prepare_messages(
        self,
        session: WriteSession,  # noqa: ARG002 (the row says all)
        row: Subscription,
    ) -> Sequence[TemplatedMessage]:
        """Return no message for a subscription that has ended."""
        row.letter_due_at = None
        template = TEMPLATES.get(row.state)
        if template is None:
            return []
        is_pending = row.state is SubscriptionState.pending
        target = row.link_target
        link = self.links.confirm(target) if is_pending else self.links.preferences(target)
        told = {"link": link, "site": self.links.site}
        return [TemplatedMessage(template, row.email, told, choose_stored(row.interface_language))]

    def postpone(self, row: Subscription, *, now: datetime) -> None:
        """Try again after 2, 4, 8, 16 and 32 minutes, then give up."""
        row.letter_attempts += 1
        if row.letter_attempts < MAX_CONFIRMATION_ATTEMPTS:
            row.letter_due_at = now + timedelta(minutes=2**row.letter_attempts)
        else:
            row.letter_due_at = None
