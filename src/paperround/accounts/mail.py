"""The mail with a link in it. The token is made here, so that it stands nowhere but in the mail."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select

from paperround.accounts.sign_in import GOOD_FOR
from paperround.accounts.tables import Reader, SignInLink
from paperround.database import Database
from paperround.mail import Deferred, Mailer, Refused, Uncertain, Unreachable, compose
from paperround.mail.message import address_of
from paperround.mail.templates import rendered
from paperround.settings import Settings
from paperround.tokens import fingerprint, new_token

logger = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 200


async def send_due(database: Database, mail: Mailer, settings: Settings, *, now: datetime) -> None:
    """Send every link that was asked for. What the server doesn't take now is tried at the next look."""
    for link_id in await _unsent(database, now):
        try:
            await _send(database, mail, settings, link_id, now)
        except Unreachable as error:
            logger.warning("sign-in links wait for the mail server", error=str(error))
            return
        except Deferred as error:
            logger.info("a sign-in link waits", link=link_id, error=str(error))


async def _unsent(database: Database, now: datetime) -> list[int]:
    query = (
        select(SignInLink.id)
        .where(SignInLink.token_hash.is_(None), SignInLink.expires_at > now)
        .order_by(SignInLink.asked_at)
        .limit(MOST_AT_ONCE)
    )
    async with database.reading() as session:
        return list(await session.scalars(query))


async def _send(database: Database, mail: Mailer, settings: Settings, link_id: int, now: datetime) -> None:
    """In one transaction, which holds the row: a link that certainly didn't go out is as before.

    One that may have gone out keeps its token. Raises `Unreachable`, `Deferred`.
    """
    query = select(SignInLink).where(SignInLink.id == link_id, SignInLink.token_hash.is_(None))
    async with database.writing() as session:
        link = await session.scalar(query.with_for_update(skip_locked=True))
        if link is None:  # another worker has it
            return
        if link.reader_id:
            present = select(Reader.email).where(Reader.id == link.reader_id)
            await _warn(mail, settings, link, (await session.execute(present)).scalar_one(), now)
        token = new_token()
        link.token_hash = fingerprint(token)
        await session.flush()
        try:
            await _mail(mail, settings, link, token, now)
        except (Refused, Uncertain) as error:
            logger.warning("a sign-in link was not sent", link=link_id, error=str(error))


async def _mail(mail: Mailer, settings: Settings, link: SignInLink, token: str, now: datetime) -> None:
    name, path = ("new_address", "settings/address") if link.reader_id else ("sign_in", "sign-in")
    minutes = int(GOOD_FOR.total_seconds()) // 60
    address = f"{settings.address}/{path}/{token}"
    await _letter(mail, settings, name, link.email, now, link=address, minutes=minutes)


async def _warn(mail: Mailer, settings: Settings, link: SignInLink, present: str, now: datetime) -> None:
    """To the present address, before anything goes to the new one: who took over a browser of a reader's must
    not be able to take the account without a word."""
    to_settings = f"{settings.address}/settings"
    with suppress(Refused, Uncertain):
        await _letter(mail, settings, "address_asked", present, now, link=to_settings, new=link.email)


async def _letter(
    mail: Mailer, settings: Settings, name: str, recipient: str, now: datetime, **shown: object
) -> None:
    parts = rendered(name, site_name=settings.site_name, **shown)
    message = compose(
        sender=settings.mail_from,
        recipient=recipient,
        subject=parts.subject,
        text=parts.text,
        html=parts.html,
        now=now,
    )
    await mail.send(message, sender=address_of(settings.mail_from), recipient=recipient)
