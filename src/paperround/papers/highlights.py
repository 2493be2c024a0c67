"""What stood out in a span of days besides votes: discussions and code. A few index lookups a paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Date, Select, case, cast, func, select

from paperround.database import ReadSession
from paperround.papers.catalogue import SAMPLE_FEED
from paperround.papers.tables import FRESH_LISTING, Listing, Paper, Signal
from paperround.papers.vote_gains import MAX_LISTING_AGE, count_before

MAX_HIGHLIGHTS: Final = 5  # of a kind
MIN_COMMENTS: Final = 2  # one alone is no discussion


class Highlight(NamedTuple):
    """A paper and the number that it stands out by: comments gained, or the stars of its code."""

    paper_id: str
    number: int


async def list_most_discussed(session: ReadSession, first: date, last: date) -> Sequence[Highlight]:
    """List the papers with the most new comments from the day `first` to the day `last`, both included.

    Days are in UTC. As with votes, the comments of a paper's first reading count at the time of its listing.
    """
    gained = count_before(Signal.comments, last + timedelta(days=1)) - count_before(Signal.comments, first)
    query = _select_listed(first, last).add_columns(gained.label("gained"))
    gains = query.where(Paper.comments > 0).subquery()
    ranked = select(gains.c.id, gains.c.gained).where(gains.c.gained >= MIN_COMMENTS)
    ranked = ranked.order_by(gains.c.gained.desc(), gains.c.votes.desc(), gains.c.id)
    return [Highlight(*row) for row in await session.execute(ranked.limit(MAX_HIGHLIGHTS))]


async def list_released_code(session: ReadSession, first: date, last: date) -> Sequence[Highlight]:
    """List the papers whose code became known on these days, both included, the most starred first.

    Code that a paper had at its first reading is as old as its listing.
    """
    of_paper = Signal.paper_id == Paper.id
    first_signal = select(func.min(Signal.at)).where(of_paper).scalar_subquery()
    with_stars = Signal.github_stars.is_not(None)
    first_stars = select(func.min(Signal.at)).where(of_paper, with_stars).scalar_subquery()
    came_later = first_stars > first_signal
    known_on = case((came_later, cast(func.timezone("UTC", first_stars), Date)), else_=Paper.listed_on)
    stars = func.coalesce(Paper.github_stars, 0)
    query = _select_listed(first, last).add_columns(stars.label("stars"))
    query = query.where(Paper.github_url.is_not(None), known_on.between(first, last))
    ranked = query.order_by(stars.desc(), Paper.votes.desc(), Paper.id).limit(MAX_HIGHLIGHTS)
    return [Highlight(row.id, row.stars) for row in await session.execute(ranked)]


def _select_listed(first: date, last: date) -> Select[str, int]:
    """Select the papers, withdrawn ones left out, that lists had lately enough to be still read again."""
    listed = select(Listing.paper_id).where(
        Listing.day.between(first - MAX_LISTING_AGE, last), FRESH_LISTING, Listing.feed != SAMPLE_FEED
    )
    query = select(Paper.id, Paper.votes.label("votes"))
    return query.where(Paper.id.in_(listed), ~Paper.withdrawn)
