"""Links that prove whose an address is: to sign in, or to change one's address. Only a link's hash is kept.

No answer tells whether an address is known, because a reader is created when a link is used, not before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import queue, rate_limits
from paperround.accounts import sessions
from paperround.accounts.address_changes import UNDO_PERIOD
from paperround.accounts.tables import AddressNotice, Reader, SignInLink
from paperround.database import Database, ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.languages import get_language
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.tokens import hash_token

LINK_LIFETIME: Final = timedelta(minutes=15)
SEND_LINKS_JOB: Final = "send_sign_in_links"


class LinkInvalid(PaperroundError):
    """The link was used, is too old, or never existed."""

    title = mark_message("This link has expired")
    status = 410

    def __init__(self) -> None:
        super().__init__(_("This link has been used, or is more than 15 minutes old. Ask for a new one."))


async def request_link(
    session: WriteSession, email: str, *, now: datetime, next_page: str = "", reader_id: int | None = None
) -> None:
    """Have a link sent to `email`, which is normalised.

    The link signs in and leads to `next_page`. With `reader_id`, it makes `email` that reader's address. Its
    mail is in the language in use.
    """
    link = SignInLink(
        email=email,
        next=next_page,
        reader_id=reader_id,
        asked_at=now,
        expires_at=now + LINK_LIFETIME,
        interface_language=get_language(),
    )
    session.add(link)
    await session.flush()
    await queue.defer(session, SEND_LINKS_JOB, queueing_lock=SEND_LINKS_JOB)


async def find_link(
    session: ReadSession, token: str, *, now: datetime, reader_id: int | None = None
) -> SignInLink:
    """Find a link that can still be used, without using it. Raises `LinkInvalid`."""
    link = await session.scalar(
        select(SignInLink).where(
            SignInLink.token_hash == hash_token(token),
            SignInLink.reader_id == reader_id if reader_id else SignInLink.reader_id.is_(None),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > now,
        )
    )
    if link is None:
        raise LinkInvalid
    return link


async def use_link(
    session: WriteSession, token: str, *, now: datetime, reader_id: int | None = None
) -> SignInLink:
    """Use a link. If two requests use it at once, one succeeds. Raises `LinkInvalid`."""
    link = await find_link(session, token, now=now, reader_id=reader_id)
    used_id = await session.scalar(
        update(SignInLink)
        .where(SignInLink.id == link.id, SignInLink.used_at.is_(None))
        .values(used_at=now)
        .returning(SignInLink.id)
    )
    if used_id is None:
        raise LinkInvalid
    return link


async def delete_address_links(session: WriteSession, reader_id: int) -> None:
    """Delete the links that could change a reader's address."""
    await session.execute(delete(SignInLink).where(SignInLink.reader_id == reader_id))


async def get_or_create_reader(
    session: WriteSession, email: str, *, now: datetime, time_zone: str = "UTC"
) -> int:
    """Return the id of the reader with this address. Create the reader if there is none."""
    new_reader = insert(Reader).values(
        email=email, time_zone=time_zone, created_at=now, seen_at=now, visited_at=now
    )
    await session.execute(new_reader.on_conflict_do_nothing(index_elements=["email"]))
    reader_id = (await session.execute(select(Reader.id).where(Reader.email == email))).scalar_one()
    await sessions.record_visit(session, reader_id, now=now)
    return reader_id


async def delete_expired(database: Database, *, now: datetime) -> None:
    """Delete expired links and notices, ended sessions, and the counts of rate limits that have passed."""
    async with database.write_session() as session:
        await session.execute(delete(SignInLink).where(SignInLink.expires_at <= now))
        is_settled = AddressNotice.made_at <= now - UNDO_PERIOD
        await session.execute(delete(AddressNotice).where(is_settled))
        await sessions.delete_ended(session, now=now)
        await rate_limits.delete_expired_counts(session, now=now)
