"""Which papers gained the most votes in a span of days. One query, with a few index lookups a paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, case, func, select
from sqlalchemy.orm import InstrumentedAttribute

from paperround.database import ReadSession
from paperround.papers.heat import listing_time
from paperround.papers.tables import FRESH_LISTING, Listing, Paper, Signal, Upvote

# Feeds are read again for two weeks after a day, so what gained votes in a span was listed at most so long
# before it. Twice as long leaves room for days that were read late.
MAX_LISTING_AGE: Final = timedelta(days=28)
Numbers = InstrumentedAttribute[int] | InstrumentedAttribute[int | None]  # of a signal


class VoteGain(NamedTuple):
    """A paper and the votes that it gained in a span of days, those of readers here included."""

    paper_id: str
    votes: int


async def list_most_voted(
    session: ReadSession,
    first: date,
    last: date,
    *,
    limit: int,
    offset: int = 0,
    listed_since: date | None = None,
) -> Sequence[VoteGain]:
    """List the papers with the most votes from the day `first` to the day `last`, both included.

    Days are in UTC. As in a paper's heat, the votes of its first reading count at the time of its listing.
    Papers are those listed from `listed_since` on, by default a few weeks before `first`. Withdrawn papers,
    and papers that gained nothing, are left out. Ties are ordered by all votes, then by id.
    """
    since = listed_since or first - min(MAX_LISTING_AGE, first - date.min)
    gains = _select_gains(first, last, since).subquery()
    query = select(gains.c.id, gains.c.gained).where(gains.c.gained > 0)
    query = query.order_by(gains.c.gained.desc(), gains.c.votes.desc(), gains.c.id)
    return [VoteGain(*row) for row in await session.execute(query.limit(limit).offset(offset))]


def _select_gains(first: date, last: date, listed_since: date) -> Select[str, int, int]:
    start, end = listing_time(first), listing_time(last + timedelta(days=1))
    listed = select(Listing.paper_id).where(Listing.day.between(listed_since, last), FRESH_LISTING)
    day_after = last + timedelta(days=1)
    from_feed = func.greatest(
        count_before(Signal.upvotes, day_after) - count_before(Signal.upvotes, first), 0
    )
    from_readers = (
        select(func.count())
        .where(Upvote.paper_id == Paper.id, Upvote.at >= start, Upvote.at < end)
        .scalar_subquery()
    )
    gained: ColumnElement[int] = from_feed + from_readers
    query = select(Paper.id, gained.label("gained"), Paper.votes.label("votes"))
    return query.where(Paper.id.in_(listed), ~Paper.withdrawn)


def count_before(numbers: Numbers, day: date) -> ColumnElement[int]:
    """Build what the feed had counted for a paper before the day began: its votes or its comments."""
    first_count = _select_count(numbers, Signal.at.asc())
    last_count = _select_count(numbers, Signal.at.desc(), Signal.at < listing_time(day))
    return func.coalesce(last_count, case((Paper.listed_on < day, first_count), else_=0), 0)


def _select_count(
    numbers: Numbers, order: ColumnElement[datetime], *conditions: ColumnElement[bool]
) -> ScalarSelect[int | None]:
    counts = select(numbers).where(Signal.paper_id == Paper.id, *conditions)
    return counts.order_by(order).limit(1).scalar_subquery()
