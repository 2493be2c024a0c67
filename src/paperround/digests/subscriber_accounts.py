"""What concerns a reader's account and their subscriptions at once: signing in, a new address, leaving."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select

from paperround.accounts import readers, sessions
from paperround.accounts import sign_in as accounts_sign_in
from paperround.accounts.sessions import SignedInVisit
from paperround.accounts.tables import Reader
from paperround.database import WriteSession
from paperround.digests import subscriptions


class NewSession(NamedTuple):
    """The session of a browser that has just been signed in.

    `next_page` is where its reader wanted to go, or empty.
    """

    token: str
    next_page: str


async def sign_in(
    session: WriteSession,
    link_token: str,
    *,
    agent: str,
    time_zone: str,
    previous_visit: SignedInVisit | None,
    now: datetime,
) -> NewSession:
    """Use a sign-in link: create the account if there is none, and begin a session.

    The reader takes over what was subscribed to with the address. The session that the browser had before
    ends. A new account gets `time_zone` if that is one. Raises `LinkInvalid`.
    """
    link = await accounts_sign_in.use_link(session, link_token, now=now)
    known_zone = time_zone if time_zone in readers.list_time_zones() else "UTC"
    reader_id = await accounts_sign_in.get_or_create_reader(
        session, link.email, now=now, time_zone=known_zone
    )
    await subscriptions.adopt_subscriptions(session, reader_id, link.email)
    if previous_visit is not None:
        await sessions.end_session(session, previous_visit.reader.id, previous_visit.session.id)
    session_token = await sessions.begin_session(session, reader_id, agent=agent, now=now)
    return NewSession(session_token, link.next)


async def change_address(session: WriteSession, reader: Reader, link_token: str, *, now: datetime) -> None:
    """Use the link that was sent to a reader's new address. The subscription moves to that address too.

    Raises `LinkInvalid`, also for another reader's link, and `AddressTaken`.
    """
    old_address = reader.email
    link = await accounts_sign_in.use_link(session, link_token, now=now, reader_id=reader.id)
    await readers.set_address(session, reader.id, link.email)
    await subscriptions.move_to_address(session, reader.id, old_address, link.email)


async def leave(session: WriteSession, reader_id: int, *, half_life: timedelta) -> None:
    """Delete a reader with all that is theirs. Their votes are taken back and their subscriptions end."""
    email = await session.scalar(select(Reader.email).where(Reader.id == reader_id))
    if email is None:
        return
    await subscriptions.delete_all_of_reader(session, reader_id, email)
    await readers.delete_reader(session, reader_id, half_life=half_life)
