"""What concerns a reader's account and their subscriptions at once: signing in, a new address, leaving, and
saving a digest's paper."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from sqlalchemy import select

from paperround import queue
from paperround.accounts import address_changes, api_keys, readers, sessions
from paperround.accounts import sign_in as accounts_sign_in
from paperround.accounts.sessions import SignedInVisit
from paperround.accounts.tables import Reader
from paperround.accounts.time_zones import list_time_zones
from paperround.database import ReadSession, WriteSession
from paperround.digests import subscriptions
from paperround.digests.tables import Subscription
from paperround.library import reading_list
from paperround.reads import answer


class NewSession(NamedTuple):
    """The session of a browser that has just been signed in.

    `next_page` is where its reader wanted to go, or empty.
    """

    token: str
    next_page: str
    reader_id: int


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
    known_zone = time_zone if time_zone in list_time_zones() else "UTC"
    reader_id = await accounts_sign_in.get_or_create_reader(
        session, link.email, now=now, time_zone=known_zone
    )
    await subscriptions.adopt_subscriptions(session, reader_id, link.email)
    if previous_visit is not None:
        await sessions.end_session(session, previous_visit.reader.id, previous_visit.session.id)
    session_token = await sessions.begin_session(session, reader_id, agent=agent, now=now)
    return NewSession(session_token, link.next, reader_id)


async def is_saved(session: ReadSession, subscription: Subscription, paper_id: str) -> bool:
    """Tell whether a paper is on the reading list of whom the digests go to."""
    reader_id = subscription.reader_id
    if reader_id is None:
        return False
    ask = partial(reading_list.ask_saved_ids, reader_id=reader_id, paper_ids=[paper_id])
    saved = await answer(session, ask)
    return paper_id in saved


async def save_paper(
    session: WriteSession, subscription: Subscription, paper_id: str, *, now: datetime
) -> None:
    """Save a paper to the reading list of whom the digests go to.

    They become a reader by it if they are none yet, since their address is confirmed. Raises `PaperNotSaved`.
    """
    if subscription.reader_id is None:
        subscription.reader_id = await accounts_sign_in.get_or_create_reader(
            session, subscription.email, now=now, time_zone=subscription.time_zone
        )
    await reading_list.save_paper(session, subscription.reader_id, paper_id, now=now)


async def change_address(
    session: WriteSession, visit: SignedInVisit, link_token: str, *, revokes_keys: bool, now: datetime
) -> None:
    """Use the link that was sent to a reader's new address. The subscription moves to that address too.

    Other browsers are signed out, and both addresses are told. Raises `LinkInvalid`, also for another
    reader's link, and `AddressTaken`.
    """
    reader_id, old = visit.reader.id, visit.reader.email
    link = await accounts_sign_in.use_link(session, link_token, now=now, reader_id=reader_id)
    if revokes_keys:
        await api_keys.revoke_all_keys(session, reader_id)
    await sessions.end_other_sessions(session, reader_id, visit.session.id)
    await _move(session, reader_id, old, link.email)
    await address_changes.announce_change(session, reader_id, old=old, new=link.email, now=now)
    await _send_notices(session)


async def undo_address_change(
    session: WriteSession, token: str, *, revokes_keys: bool, half_life: timedelta, now: datetime
) -> str:
    """Give an account its earlier address back, for whoever reads mail there. Returns that address.

    All browsers are signed out, and keys that were made since are revoked. An account that was opened with
    the earlier address since is deleted, since it is the same person's. Raises `UndoNotPossible`,
    `AddressChangedLately`.
    """
    notice = await address_changes.find_undoable(session, token, now=now)
    reader_id, old = notice.reader_id, notice.email
    lock = select(Reader.email).where(Reader.id == reader_id).with_for_update()
    present = (await session.execute(lock)).scalar_one()
    await session.refresh(notice)
    if notice.ended_at is not None:
        raise address_changes.UndoNotPossible
    await sessions.end_all_sessions(session, reader_id)
    await api_keys.revoke_all_keys(session, reader_id, made_since=None if revokes_keys else notice.made_at)
    await address_changes.end_undo_links(session, reader_id, now=now)
    other_id = await session.scalar(select(Reader.id).where(Reader.email == old, Reader.id != reader_id))
    if other_id is not None:
        await leave(session, other_id, half_life=half_life, now=now)
    if present != old:
        await _move(session, reader_id, present, old)
        await address_changes.announce_change(session, reader_id, old=present, new=old, is_undo=True, now=now)
        await _send_notices(session)
    return old


async def _move(session: WriteSession, reader_id: int, old: str, new: str) -> None:
    await readers.set_address(session, reader_id, new)
    await accounts_sign_in.delete_address_links(session, reader_id)
    await subscriptions.move_to_address(session, reader_id, old, new)


async def _send_notices(session: WriteSession) -> None:
    job = accounts_sign_in.SEND_LINKS_JOB
    await queue.defer(session, job, queueing_lock=job)


async def leave(session: WriteSession, reader_id: int, *, half_life: timedelta, now: datetime) -> None:
    """Delete a reader with all that is theirs. Their votes are taken back and their subscriptions end.

    Raises `AddressChangedLately`.
    """
    email = await session.scalar(select(Reader.email).where(Reader.id == reader_id).with_for_update())
    if email is None:
        return
    await address_changes.require_settled(session, reader_id, now=now)
    await subscriptions.delete_all_of_reader(session, reader_id, email)
    await readers.delete_reader(session, reader_id, half_life=half_life)
