"""Reads editions, trending papers and single papers from the catalogue. Every query is bounded."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Double,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from paperround.database import ReadSession, UtcDateTime
from paperround.papers.edition_query import EditionQuery, EditionShape
from paperround.papers.merge import READERS_FEED
from paperround.papers.period import EditionPeriod
from paperround.papers.rows import ListingRow, PaperRow, SignalRow, select_papers
from paperround.papers.tables import FRESH_LISTING, Listing, Paper, Signal
from paperround.papers.texts import add_texts
from paperround.reads import Asked, Read, RoundTrip, answer, first_of, only, read_rows


class Sort(enum.StrEnum):
    """The order of a list. The id breaks ties, so that the order is unique."""

    trending = "trending"
    published = "published"
    upvotes = "upvotes"


class ListPosition(NamedTuple):
    """The position of a paper in a list. The next page begins after it."""

    key: float | int | datetime
    paper_id: str


@dataclass(frozen=True)
class PaperPage:
    """A page of a list. `next_position` is where the next page begins, None after the last one."""

    papers: Sequence[PaperRow]
    next_position: ListPosition | None


@dataclass(frozen=True)
class BarePage:
    """A page of a list whose papers have no texts yet."""

    rows: Sequence[PaperRow]
    next_position: ListPosition | None

    async def complete(self, session: ReadSession) -> PaperPage:
        """Give the papers their texts."""
        return PaperPage(await add_texts(session, self.rows), self.next_position)


SORT_KEYS: dict[Sort, Any] = {
    Sort.trending: Paper.heat,
    Sort.published: Paper.published_at,
    Sort.upvotes: Paper.votes,
}
KEY_TYPES: Final[dict[Sort, Any]] = {
    Sort.trending: Double,
    Sort.published: UtcDateTime,
    Sort.upvotes: Integer,
}


@cache
def _list_statement(
    shape: EditionShape, sort: Sort, *, is_continued: bool, with_authors: bool
) -> Read[PaperRow]:
    key = SORT_KEYS[sort]
    # No index fits coalesce(). With one, PostgreSQL might scan the whole catalogue for the papers of a day.
    order = func.coalesce(key, key) if shape.is_short else key
    query = select_papers(with_authors=with_authors, with_texts=False).where(*shape.paper_conditions)
    query = query.order_by(order.desc(), Paper.id).limit(bindparam("limit", type_=Integer))
    if sort is Sort.trending:
        query = query.where(~Paper.withdrawn)
    if shape.listing_conditions:
        query = query.where(Paper.id.in_(select(Listing.paper_id).where(*shape.listing_conditions)))
    if is_continued:
        after = bindparam("after", type_=KEY_TYPES[sort])
        query = query.where(key <= after, or_(key < after, Paper.id > bindparam("after_id", type_=Text)))
    return Read(query, PaperRow)


def ask_papers(
    trip: RoundTrip,
    criteria: EditionQuery,
    *,
    sort: Sort,
    limit: int,
    after: ListPosition | None = None,
    with_authors: bool = False,
) -> Asked[BarePage]:
    """Ask for papers by sort key, highest first, then by id. A paper on several lists appears once."""
    statement = _list_statement(
        criteria.shape, sort, is_continued=after is not None, with_authors=with_authors
    )
    parameters = criteria.parameters | {"limit": limit + 1}
    if after is not None:
        parameters |= {"after": after.key, "after_id": after.paper_id}
    key = SORT_KEYS[sort].key

    def cut_page(rows: Sequence[PaperRow]) -> BarePage:
        page = rows[:limit]
        has_more = len(rows) > limit
        return BarePage(page, ListPosition(getattr(page[-1], key), page[-1].id) if has_more else None)

    return trip.ask(statement, parameters, cut_page)


async def list_papers(
    session: ReadSession,
    criteria: EditionQuery,
    *,
    sort: Sort,
    limit: int,
    after: ListPosition | None = None,
    with_authors: bool = False,
) -> PaperPage:
    """List papers as `ask_papers` does."""
    page = await answer(
        session,
        partial(
            ask_papers, criteria=criteria, sort=sort, limit=limit, after=after, with_authors=with_authors
        ),
    )
    return await page.complete(session)


def select_listed_ids(feeds: Sequence[str]) -> Select[str]:
    """Select the ids of the papers on any list of these feeds."""
    return select(Listing.paper_id).where(Listing.feed.in_(feeds), FRESH_LISTING)


NEWEST_DAY: Final[Read[date | None]] = Read(
    select(func.max(Listing.day)).where(FRESH_LISTING), lambda day: day
)


async def find_newest_day(session: ReadSession) -> date | None:
    """Find the day of the latest edition."""
    return only(await read_rows(session, NEWEST_DAY))


@cache
def _by_ids(*, with_authors: bool, with_texts: bool) -> Read[PaperRow]:
    query = select_papers(with_authors=with_authors, with_texts=with_texts)
    return Read(query.where(Paper.id == any_(bindparam("ids", type_=ARRAY(Text)))), PaperRow)


async def find_paper(session: ReadSession, paper_id: str, *, with_authors: bool = False) -> PaperRow | None:
    read = _by_ids(with_authors=with_authors, with_texts=True)
    return first_of(await read_rows(session, read, ids=[paper_id]))


async def load_papers(
    session: ReadSession, ids: Iterable[str], *, with_authors: bool = False
) -> dict[str, PaperRow]:
    """Load papers by id. Unknown ids are left out."""
    read = _by_ids(with_authors=with_authors, with_texts=False)
    papers = await add_texts(session, await read_rows(session, read, ids=list(ids)))
    return {paper.id: paper for paper in papers}


async def find_first_and_last_day(session: ReadSession) -> tuple[date, date] | None:
    """Find the days of the earliest and the latest edition."""
    days = select(func.min(Listing.day), func.max(Listing.day)).where(FRESH_LISTING)
    first, last = (await session.execute(days)).one()
    return (first, last) if first else None


async def list_paper_ids(session: ReadSession, period: EditionPeriod, *, limit: int) -> Sequence[str]:
    """List the ids of an edition's papers, in order."""
    criteria = EditionQuery.for_period(period)
    listed = select(Listing.paper_id).where(*criteria.shape.listing_conditions).distinct()
    query = listed.order_by(Listing.paper_id).limit(limit)
    return (await session.scalars(query, criteria.parameters)).all()


LISTING_COLUMNS: Final = tuple(getattr(Listing, name) for name in ListingRow._fields)
LISTINGS: Final = Read(
    select(*LISTING_COLUMNS)
    .where(Listing.paper_id == any_(bindparam("ids", type_=ARRAY(Text))))
    .order_by(Listing.day, Listing.feed),
    ListingRow,
)


def ask_listings(trip: RoundTrip, paper_ids: Sequence[str]) -> Asked[dict[str, list[ListingRow]]]:
    """Ask for the listings of each paper, earliest first."""

    def group(rows: Sequence[ListingRow]) -> dict[str, list[ListingRow]]:
        listings: dict[str, list[ListingRow]] = {paper_id: [] for paper_id in paper_ids}
        for row in rows:
            listings[row.paper_id].append(row)
        return listings

    return trip.ask(LISTINGS, {"ids": list(paper_ids)}, group)


async def load_listings(session: ReadSession, paper_ids: Sequence[str]) -> dict[str, list[ListingRow]]:
    """Load the listings of each paper, earliest first."""
    return await answer(session, partial(ask_listings, paper_ids=paper_ids))


SIGNALS: Final = Read(
    select(*(getattr(Signal, name) for name in SignalRow._fields))
    .where(Signal.paper_id == bindparam("paper_id", type_=Text))
    .order_by(Signal.at.desc())
    .limit(bindparam("limit", type_=Integer)),
    SignalRow,
)


def ask_signals(trip: RoundTrip, paper_id: str, *, limit: int) -> Asked[Sequence[SignalRow]]:
    """Ask for the latest changes in a paper's numbers, in order of time."""
    return trip.ask(SIGNALS, {"paper_id": paper_id, "limit": limit}, lambda rows: rows[::-1])


async def list_signals(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[SignalRow]:
    """List the latest changes in a paper's numbers, in order of time."""
    return await answer(session, partial(ask_signals, paper_id=paper_id, limit=limit))


LISTING_ORDERS: Final[dict[Sort | None, tuple[Any, ...]]] = {
    None: (Listing.day.desc(), Paper.upvotes.desc(), Paper.id),
    Sort.published: (Paper.published_at.desc(), Paper.id, Listing.day.desc()),
    Sort.trending: (Paper.heat.desc(), Paper.id, Listing.day.desc()),
}


@cache
def _listed_statement(
    shape: EditionShape, sort: Sort | None, *, with_authors: bool
) -> Read[tuple[ListingRow, PaperRow]]:
    feed_listing = aliased(Listing)
    is_listed_by_feed = exists().where(
        feed_listing.paper_id == Listing.paper_id,
        feed_listing.day == Listing.day,
        feed_listing.feed != READERS_FEED,
    )
    query = (
        select_papers(with_authors=with_authors, with_texts=False)
        .join(Listing, Listing.paper_id == Paper.id)
        .where(*shape.listing_conditions, or_(Listing.feed != READERS_FEED, ~is_listed_by_feed))
        .order_by(*LISTING_ORDERS[sort])
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
        .add_columns(*LISTING_COLUMNS)
    )
    if sort is Sort.trending:
        query = query.where(~Paper.withdrawn)
    of_paper = len(PaperRow._fields)
    return Read(query, lambda *row: (ListingRow(*row[of_paper:]), PaperRow(*row[:of_paper])))


async def list_listed_papers(
    session: ReadSession,
    criteria: EditionQuery,
    *,
    sort: Sort | None,
    limit: int,
    offset: int,
    with_authors: bool = False,
) -> Sequence[tuple[ListingRow, PaperRow]]:
    """List listings with their papers, by default in the hub's order: newest day first, then votes.

    A reader's listing is left out if a feed lists the paper on the same day.
    """
    statement = _listed_statement(criteria.shape, sort, with_authors=with_authors)
    rows = await read_rows(session, statement, **criteria.parameters, limit=limit, offset=offset)
    papers = await add_texts(session, [paper for _, paper in rows])
    by_id = {paper.id: paper for paper in papers}
    return [(listing, by_id[paper.id]) for listing, paper in rows if paper.id in by_id]
