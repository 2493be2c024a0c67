"""What a reader follows: list, add and remove. Every function asks whose it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Integer, any_, bindparam, delete, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.follows.keys import build_key
from paperround.follows.tables import Follow, FollowKind
from paperround.i18n.formats import format_number
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers.organizations import find_organization
from paperround.papers.venues import has_venue
from paperround.reads import Asked, Read, RoundTrip, answer

MAX_FOLLOWS: Final = 200  # of one reader
MAX_NAME_LENGTH: Final = 300  # characters; some collaborations have long names


class FollowRefused(PaperroundError):
    """There is nothing by that name, or the reader follows as much as a reader may."""

    title = mark_message("Not followed")
    status = 400


FOLLOW_COLUMNS: Final = Follow.__table__.columns


def _make_follow(**columns: Any) -> Follow:
    return Follow(**{**columns, "kind": FollowKind(columns["kind"])})


FOLLOWS: Final = Read(
    select(*FOLLOW_COLUMNS)
    .where(Follow.reader_id == bindparam("reader_id", type_=Integer))
    .order_by(Follow.kind, func.lower(Follow.name), Follow.id)
    .limit(MAX_FOLLOWS),
    lambda *values: _make_follow(**dict(zip(FOLLOW_COLUMNS.keys(), values, strict=True))),
)


def ask_follows(trip: RoundTrip, reader_id: int) -> Asked[list[Follow]]:
    """Ask what a reader follows, by kind and name. The objects belong to no session."""
    return trip.ask(FOLLOWS, {"reader_id": reader_id}, list)


async def list_follows(session: ReadSession, reader_id: int) -> Sequence[Follow]:
    """List what a reader follows as `ask_follows` does."""
    return await answer(session, partial(ask_follows, reader_id=reader_id))


async def list_follows_of_readers(
    session: ReadSession, reader_ids: Collection[int]
) -> Mapping[int, Sequence[Follow]]:
    """List what each of these readers follows, by reader. Who follows nothing is left out."""
    ids = literal(list(reader_ids), ARRAY(Integer))
    query = (
        select(Follow).where(Follow.reader_id == any_(ids)).order_by(Follow.reader_id, Follow.kind, Follow.id)
    )
    found: dict[int, list[Follow]] = {}
    for follow in await session.scalars(query):
        found.setdefault(follow.reader_id, []).append(follow)
    return found


async def add_follow(
    session: WriteSession, reader_id: int, kind: FollowKind, name: str, *, now: datetime
) -> Follow:
    """Follow an author, organization, venue or keyword. Following it again changes nothing.

    Raises `FollowRefused`.
    """
    name = " ".join(name.split())
    key = build_key(kind, name)
    if not key:
        raise FollowRefused(
            _("“%(value)s” can’t be followed: it has neither letters nor digits.", value=name[:60])
        )
    if len(name) > MAX_NAME_LENGTH:
        raise FollowRefused(
            _(
                "A name has at most %(max_name_length)s characters; this one has %(number)s.",
                max_name_length=MAX_NAME_LENGTH,
                number=format_number(len(name)),
            )
        )
    if kind is FollowKind.organization:
        organization = await find_organization(session, key)
        if organization is None:
            raise FollowRefused(_("There is no organization “%(value)s” here.", value=name[:60]))
        name = organization.full_name
    if kind is FollowKind.venue and not await has_venue(session, key):
        raise FollowRefused(_("No paper here tells that it appeared at “%(value)s”.", value=name[:60]))
    # The lock keeps two concurrent requests of a reader from exceeding the limit.
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update(key_share=True))
    this = Follow.reader_id == reader_id, Follow.kind == kind, Follow.key == key
    known = await session.scalar(select(Follow).where(*this))
    if known is not None:
        return known
    count = await session.scalar(select(func.count()).where(Follow.reader_id == reader_id))
    if (count or 0) >= MAX_FOLLOWS:
        raise FollowRefused(
            _("You follow %(max_follows)s already. Unfollow something first.", max_follows=MAX_FOLLOWS)
        )
    values = {"reader_id": reader_id, "kind": kind, "key": key, "name": name, "followed_at": now}
    return (await session.scalars(insert(Follow).values(values).returning(Follow))).one()


async def remove_follow(session: WriteSession, reader_id: int, kind: FollowKind, name: str) -> None:
    """Unfollow by name. Does nothing where the reader does not follow it."""
    key = build_key(kind, name)
    await session.execute(
        delete(Follow).where(Follow.reader_id == reader_id, Follow.kind == kind, Follow.key == key)
    )


async def remove_follow_by_id(session: WriteSession, reader_id: int, follow_id: int) -> bool:
    """Unfollow by number. Returns whether it was the reader's."""
    own = delete(Follow).where(Follow.reader_id == reader_id, Follow.id == follow_id)
    return await session.scalar(own.returning(Follow.id)) is not None
