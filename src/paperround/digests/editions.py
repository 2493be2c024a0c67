"""What the lists of a digest's days have: their best papers, how many there are, and the most voted one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select

from paperround.database import ReadSession
from paperround.digests.tables import Cadence
from paperround.papers.catalogue import SAMPLE_FEED
from paperround.papers.highlights import Highlight, list_most_discussed, list_released_code
from paperround.papers.tables import FRESH_LISTING, Listing, Paper
from paperround.papers.vote_gains import list_most_voted

MAX_TRENDING_CANDIDATES: Final = 150  # of a day or a few; the best are considered
MAX_LONG_CANDIDATES: Final = 400  # the same, of a week or month, of which a reader may have had the best
MAX_LISTED_PAPERS: Final = 20_000  # of a digest's days: a month of several arXiv categories
# What is hot at the hour of sending is no measure of these.
LONG_CADENCES: Final = frozenset({Cadence.weekly, Cadence.monthly})


@dataclass(frozen=True)
class DigestEdition:
    """The lists of a digest's days.

    `best` are papers of all its days, the best first. What the digest says of the lists is about `listed`:
    the papers of the latest day with a list, which is `day`, or of all days where `day` is None. Of a week or
    month `discussed` has the papers with the most new comments, `code` those whose code became known.
    """

    best: Sequence[str] = ()
    listed: frozenset[str] = frozenset()
    most_voted: str | None = None
    day: date | None = None
    discussed: Sequence[Highlight] = ()
    code: Sequence[Highlight] = ()


@dataclass
class DigestEditions:
    """The lists of digests, looked up once for a sender's run."""

    _known: dict[tuple[bool, date, date], DigestEdition] = field(default_factory=dict)

    async def load(self, session: ReadSession, cadence: Cadence, first: date, last: date) -> DigestEdition:
        """Load the lists of these days, both included. A weekly or monthly digest has the most voted papers
        of its days, others have what is hot now."""
        key = (cadence in LONG_CADENCES, first, last)
        if key not in self._known:
            load = _load_long if cadence in LONG_CADENCES else _load_daily
            self._known[key] = await load(session, first, last)
        return self._known[key]


async def _load_long(session: ReadSession, first: date, last: date) -> DigestEdition:
    listed = await _list_papers(session, first, last)
    gains = await list_most_voted(session, first, last, limit=MAX_LONG_CANDIDATES, listed_since=first)
    of_feeds = frozenset(listed)
    voted = [gain.paper_id for gain in gains if gain.paper_id in of_feeds]
    best = list(dict.fromkeys([*voted, *listed]))[:MAX_LONG_CANDIDATES]
    return DigestEdition(
        best,
        of_feeds,
        voted[0] if voted else None,
        discussed=await list_most_discussed(session, first, last),
        code=await list_released_code(session, first, last),
    )


async def _load_daily(session: ReadSession, first: date, last: date) -> DigestEdition:
    order = func.coalesce(Paper.heat, Paper.heat).desc()  # see papers.editions.list_papers
    hottest = _select_papers(first, last).order_by(order, Paper.id).limit(MAX_TRENDING_CANDIDATES)
    best = (await session.scalars(hottest)).all()
    latest = select(func.max(Listing.day)).where(*_list_conditions(first, last))
    day = await session.scalar(latest)
    if day is None:
        return DigestEdition(best)
    listed = await _list_papers(session, day, day)
    return DigestEdition(best, frozenset(listed), listed[0] if listed else None, day)


async def _list_papers(session: ReadSession, first: date, last: date) -> Sequence[str]:
    """List the papers of these days, the most voted first."""
    votes = func.coalesce(Paper.votes, 0).desc()  # no index fits, so that those of the days are sorted
    query = _select_papers(first, last).order_by(votes, Paper.id)
    return (await session.scalars(query.limit(MAX_LISTED_PAPERS))).all()


def _select_papers(first: date, last: date) -> Select[str]:
    listed = select(Listing.paper_id).where(*_list_conditions(first, last))
    return select(Paper.id).where(Paper.id.in_(listed), ~Paper.withdrawn)


def _list_conditions(first: date, last: date) -> list[ColumnElement[bool]]:
    return [Listing.day >= first, Listing.day <= last, FRESH_LISTING, Listing.feed != SAMPLE_FEED]
