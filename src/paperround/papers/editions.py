"""Reading the catalogue: the list of a day, week or month, what is trending, one paper. All bounded."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, distinct, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from paperround.database import ReadSession
from paperround.papers.span import Span
from paperround.papers.tables import Author, Listing, Paper, Signal


class Sort(enum.StrEnum):
    """Every order ends with the id, so that it is total."""

    trending = "trending"
    published = "published"
    upvotes = "upvotes"


class Place(NamedTuple):
    """A paper's place in an order; a list goes on after it."""

    key: float | int | datetime
    paper_id: str


@dataclass(frozen=True)
class Slice:
    """Part of a list; `more` is where it goes on, None at its end."""

    papers: Sequence[Paper]
    more: Place | None


@dataclass(frozen=True)
class Choice:
    """Which papers: those on any list of `feed` from `first` to `last`. None: no bound."""

    first: date | None = None
    last: date | None = None
    feed: str | None = None
    submitter: str | None = None

    @classmethod
    def of(cls, span: Span) -> Choice:
        return cls(first=span.first, last=span.last)

    @property
    def listings(self) -> list[ColumnElement[bool]]:
        conditions = []
        if self.first is not None:
            conditions.append(Listing.day >= self.first)
        if self.last is not None:
            conditions.append(Listing.day <= self.last)
        if self.feed is not None:
            conditions.append(Listing.feed == self.feed)
        if self.submitter is not None:
            conditions.append(Listing.submitter_name == self.submitter)
        return conditions


KEYS: dict[Sort, Any] = {
    Sort.trending: Paper.heat,
    Sort.published: Paper.published_at,
    Sort.upvotes: Paper.upvotes,
}


def with_authors(query: Select[Paper]) -> Select[Paper]:
    """Authors are many (up to thousands a paper): only who shows them loads them."""
    return query.options(selectinload(Paper.authors), joinedload(Paper.organization))


async def papers(
    session: ReadSession, choice: Choice, *, sort: Sort, limit: int, after: Place | None = None
) -> Slice:
    """Each paper once, however many lists it stands on, highest key first, then by id."""
    key = KEYS[sort]
    query = with_authors(select(Paper)).order_by(key.desc(), Paper.id).limit(limit + 1)
    if choice.listings:
        query = query.where(Paper.id.in_(select(Listing.paper_id).where(*choice.listings)))
    if after is not None:
        query = query.where(key <= after.key, or_(key < after.key, Paper.id > after.paper_id))
    found = (await session.scalars(query)).all()
    shown = found[:limit]
    more = Place(getattr(shown[-1], key.key), shown[-1].id) if len(found) > limit else None
    return Slice(shown, more)


async def newest_day(session: ReadSession) -> date | None:
    """The day of the latest edition."""
    return await session.scalar(select(func.max(Listing.day)))


async def neighbours(session: ReadSession, span: Span) -> tuple[date | None, date | None]:
    """The nearest days with papers before and after an edition: empty days are skipped."""
    before = select(func.max(Listing.day)).where(Listing.day < span.first).scalar_subquery()
    after = select(func.min(Listing.day)).where(Listing.day > span.last).scalar_subquery()
    row = (await session.execute(select(before, after))).one()
    return row[0], row[1]


@dataclass(frozen=True)
class Totals:
    papers: int
    authors: int  # by name, hidden ones left out


async def totals(session: ReadSession, span: Span) -> Totals:
    """How many papers an edition has, by how many people."""
    listed = select(Listing.paper_id).where(*Choice.of(span).listings).distinct()
    counted = select(func.count(distinct(Author.name))).where(
        Author.paper_id.in_(listed), Author.hidden.is_(False)
    )
    count = select(func.count()).select_from(listed.subquery())
    row = (await session.execute(select(count.scalar_subquery(), counted.scalar_subquery()))).one()
    return Totals(papers=row[0], authors=row[1])


async def paper(session: ReadSession, paper_id: str) -> Paper | None:
    return (await session.scalars(with_authors(select(Paper)).where(Paper.id == paper_id))).one_or_none()


async def listings(session: ReadSession, paper_ids: Sequence[str]) -> dict[str, list[Listing]]:
    """Where each paper was listed, earliest first."""
    query = select(Listing).where(Listing.paper_id.in_(paper_ids))
    found: dict[str, list[Listing]] = {paper_id: [] for paper_id in paper_ids}
    for listing in await session.scalars(query.order_by(Listing.day, Listing.feed)):
        found[listing.paper_id].append(listing)
    return found


async def signals(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[Signal]:
    """The latest changes in a paper's numbers, in order of time."""
    newest = select(Signal).where(Signal.paper_id == paper_id).order_by(Signal.at.desc()).limit(limit)
    return list(reversed((await session.scalars(newest)).all()))


LISTED_ORDERS: dict[Sort | None, tuple[Any, ...]] = {
    None: (Listing.day.desc(), Paper.upvotes.desc(), Paper.id),
    Sort.published: (Paper.published_at.desc(), Paper.id, Listing.day.desc()),
    Sort.trending: (Paper.heat.desc(), Paper.id, Listing.day.desc()),
}


async def listed(
    session: ReadSession, choice: Choice, *, sort: Sort | None, limit: int, offset: int
) -> Sequence[tuple[Listing, Paper]]:
    """Listings in the hub's own order: from the newest day back, a day's by votes; or as `sort` says."""
    query = (
        select(Listing, Paper)
        .join(Paper, Paper.id == Listing.paper_id)
        .where(*choice.listings)
        .order_by(*LISTED_ORDERS[sort])
        .options(selectinload(Paper.authors), joinedload(Paper.organization))
    )
    rows = await session.execute(query.limit(limit).offset(offset))
    return [(listing, paper) for listing, paper in rows]
