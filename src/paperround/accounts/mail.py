"""The mail with a sign-in link. Its token is made when it is sent and stands nowhere but in the mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from paperround.accounts.address_changes import AddressNoticeMail
from paperround.accounts.sign_in import LINK_LIFETIME
from paperround.accounts.tables import Reader, SignInLink
from paperround.database import Database, ReadSession, WriteSession
from paperround.i18n.languages import choose_stored
from paperround.mail import Mailer
from paperround.mail.transactional import TemplatedMessage, TransactionalMailer
from paperround.settings import Settings
from paperround.tokens import generate_token, hash_token


async def send_due_links(database: Database, mailer: Mailer, settings: Settings, *, now: datetime) -> None:
    """Send every requested link, and every notice about a changed address, that has not been sent."""
    transactional_mailer = TransactionalMailer(database, mailer, settings.mail_from, settings.site_name)
    await transactional_mailer.send_waiting(SignInLinkMail(settings.address), now=now)
    await transactional_mailer.send_waiting(AddressNoticeMail(settings.address), now=now)


@dataclass(frozen=True)
class SignInLinkMail:
    """The source of the messages for requested links, for the transactional mailer."""

    site_url: str
    name: str = "sign-in links"

    async def list_waiting_ids(self, session: ReadSession, *, now: datetime, limit: int) -> Sequence[int]:
        query = select(SignInLink.id).where(SignInLink.token_hash.is_(None), SignInLink.expires_at > now)
        return (await session.scalars(query.order_by(SignInLink.asked_at).limit(limit))).all()

    async def lock_row(self, session: WriteSession, row_id: int, *, now: datetime) -> SignInLink | None:
        query = select(SignInLink).where(
            SignInLink.id == row_id, SignInLink.token_hash.is_(None), SignInLink.expires_at > now
        )
        return await session.scalar(query.with_for_update(skip_locked=True))

    async def prepare_messages(self, session: WriteSession, row: SignInLink) -> Sequence[TemplatedMessage]:
        token = generate_token()
        row.token_hash = hash_token(token)
        minutes = int(LINK_LIFETIME.total_seconds()) // 60
        language = choose_stored(row.interface_language)
        if row.reader_id is None:
            link = f"{self.site_url}/sign-in/{token}"
            return [TemplatedMessage("sign_in", row.email, {"link": link, "minutes": minutes}, language)]
        link = f"{self.site_url}/settings/address/{token}"
        return [
            await self._build_warning(session, row.reader_id, row.email),
            TemplatedMessage("new_address", row.email, {"link": link, "minutes": minutes}, language),
        ]

    async def _build_warning(
        self, session: WriteSession, reader_id: int, new_address: str
    ) -> TemplatedMessage:
        """Build the warning for the present address, which goes out before the link to the new one.

        Somebody who took over a reader's browser must not be able to take the account without a word.
        """
        query = select(Reader.email, Reader.interface_language).where(Reader.id == reader_id)
        present_address, language = (await session.execute(query)).one()
        told = {"link": f"{self.site_url}/settings", "new": new_address}
        return TemplatedMessage("address_asked", present_address, told, choose_stored(language))

    def postpone(self, row: SignInLink, *, now: datetime) -> None:
        """A deferred link simply stays due: it expires after a quarter of an hour, which ends the retries."""
