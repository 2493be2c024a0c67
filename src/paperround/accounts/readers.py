"""Changing a reader's name, time zone and address, and deleting a reader."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from paperround.accounts.tables import Reader, SignInLink
from paperround.accounts.time_zones import find_time_zone
from paperround.database import WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers import submitter_name, votes


class AddressTaken(PaperroundError):
    """Another reader has this address."""

    title = mark_message("That address is taken")
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("Another account has this address. Sign in with it and delete that account first.")
        )


async def update_profile(
    session: WriteSession,
    reader_id: int,
    *,
    name: str,
    time_zone: str,
    language: str | None = None,
    interface_language: str | None = None,
) -> None:
    """Set a reader's name, time zone, which may be given by a city, and languages.

    `language` is that of papers' texts, `interface_language` that of pages and mail.
    Raises `TimeZoneUnknown`.
    """
    values = {
        "name": name,
        "time_zone": find_time_zone(time_zone),
        "language": language,
        "interface_language": interface_language,
    }
    await session.execute(update(Reader).where(Reader.id == reader_id).values(values))


async def mark_all_seen(session: WriteSession, reader_id: int, *, now: datetime) -> None:
    """Note that nothing which is here by now is new to a reader."""
    await session.execute(update(Reader).where(Reader.id == reader_id).values(visited_at=now))


async def set_address(session: WriteSession, reader_id: int, email: str) -> None:
    """Set a reader's address, which is normalised and was proved to be theirs. Raises `AddressTaken`."""
    try:
        async with session.begin_nested():
            await session.execute(update(Reader).where(Reader.id == reader_id).values(email=email))
    except IntegrityError as error:
        raise AddressTaken from error


async def delete_reader(session: WriteSession, reader_id: int, *, half_life: timedelta) -> None:
    """Delete a reader with everything of theirs: every table that points to readers cascades.

    Their votes are taken back. Papers that they submitted stay listed, without their name. Whoever has an
    address may have subscriptions too, so call `subscriber_accounts.leave` to delete an account.
    """
    locked_reader = select(Reader.email).where(Reader.id == reader_id).with_for_update()
    email = await session.scalar(locked_reader)
    await votes.remove_all_upvotes(session, reader_id, half_life=half_life)
    await submitter_name.forget_submitter(session, reader_id)
    is_theirs = or_(SignInLink.email == email, SignInLink.reader_id == reader_id)
    await session.execute(delete(SignInLink).where(is_theirs))
    await session.execute(delete(Reader).where(Reader.id == reader_id))
