"""Links that prove whose an address is: to sign in, or to change one's address. Only a link's hash is kept.

No answer tells whether an address is known: a reader is made when a link is used, not when it is asked for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import queue
from paperround.accounts import sessions
from paperround.accounts.tables import Reader, SignInLink
from paperround.database import ReadSession, WriteSession
from paperround.tokens import fingerprint

GOOD_FOR: Final = timedelta(minutes=15)
SENDING: Final = "send_sign_in_links"  # the task


class LinkNotValid(ValueError):
    """Used, too old, or never given."""

    def __init__(self) -> None:
        super().__init__("This link has been used, or is more than 15 minutes old. Ask for a new one.")


async def ask(
    session: WriteSession, email: str, *, now: datetime, then: str = "", reader_id: int | None = None
) -> None:
    """Have a link sent to `email` (normalised): to sign in and go to the page `then`, or, with `reader_id`,
    to make it that reader's address."""
    link = SignInLink(email=email, next=then, reader_id=reader_id, asked_at=now, expires_at=now + GOOD_FOR)
    session.add(link)
    await session.flush()
    await queue.defer(session, SENDING, once=SENDING)


async def opened(
    session: ReadSession, token: str, *, now: datetime, reader_id: int | None = None
) -> SignInLink:
    """The link, for the page with the button. Changes nothing. Raises `LinkNotValid`."""
    link = await session.scalar(
        select(SignInLink).where(
            SignInLink.token_hash == fingerprint(token),
            SignInLink.reader_id == reader_id if reader_id else SignInLink.reader_id.is_(None),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > now,
        )
    )
    if link is None:
        raise LinkNotValid
    return link


async def use(
    session: WriteSession, token: str, *, now: datetime, reader_id: int | None = None
) -> SignInLink:
    """Take the link; of two at once one gets it. Raises `LinkNotValid`."""
    link = await opened(session, token, now=now, reader_id=reader_id)
    taken = await session.scalar(
        update(SignInLink)
        .where(SignInLink.id == link.id, SignInLink.used_at.is_(None))
        .values(used_at=now)
        .returning(SignInLink.id)
    )
    if taken is None:
        raise LinkNotValid
    return link


async def reader_of(session: WriteSession, email: str, *, now: datetime, time_zone: str = "UTC") -> int:
    """The reader with this address, new if need be; their id."""
    fresh = insert(Reader).values(
        email=email, time_zone=time_zone, created_at=now, seen_at=now, visited_at=now
    )
    await session.execute(fresh.on_conflict_do_nothing(index_elements=["email"]))
    reader_id = (await session.execute(select(Reader.id).where(Reader.email == email))).scalar_one()
    await sessions.noted(session, reader_id, now=now)
    return reader_id


async def forget_expired(session: WriteSession, *, now: datetime) -> None:
    await session.execute(delete(SignInLink).where(SignInLink.expires_at <= now))
