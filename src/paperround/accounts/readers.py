"""A reader's own name, time zone and address; and leaving."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from paperround.accounts.tables import Reader, SignInLink
from paperround.database import WriteSession
from paperround.papers import submitter_name, votes


class NoSuchTimeZone(ValueError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:60]!r} is not a time zone such as Europe/Berlin.")


class AddressTaken(ValueError):
    def __init__(self) -> None:
        super().__init__("Another account has this address. Sign in with it and delete that account first.")


@cache
def time_zones() -> tuple[str, ...]:
    """All that have a name; `localtime` and the like differ from host to host."""
    return tuple(sorted(available_timezones() - {"Factory", "localtime", "posixrules"}))


async def describe(session: WriteSession, reader_id: int, *, name: str, time_zone: str) -> None:
    """Raises `NoSuchTimeZone`."""
    if time_zone not in time_zones():
        raise NoSuchTimeZone(time_zone)
    await session.execute(update(Reader).where(Reader.id == reader_id).values(name=name, time_zone=time_zone))


async def change_address(session: WriteSession, reader_id: int, email: str) -> None:
    """`email` is normalised, and was proved to be theirs. Raises `AddressTaken`."""
    try:
        async with session.begin_nested():
            await session.execute(update(Reader).where(Reader.id == reader_id).values(email=email))
    except IntegrityError as error:
        raise AddressTaken from error


async def leave(session: WriteSession, reader_id: int, *, half_life: timedelta) -> None:
    """Delete a reader and everything of theirs: every table with a reader in it cascades.

    Papers that they submitted stay on their lists, without a name.
    """
    mine = select(Reader.email).where(Reader.id == reader_id).with_for_update()
    email = await session.scalar(mine)
    await votes.take_back_all(session, reader_id, half_life=half_life)
    await submitter_name.forget(session, reader_id)
    theirs = or_(SignInLink.email == email, SignInLink.reader_id == reader_id)
    await session.execute(delete(SignInLink).where(theirs))
    await session.execute(delete(Reader).where(Reader.id == reader_id))
