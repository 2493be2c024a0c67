"""Reading the catalogue: the list of a day, week or month, what is trending, one paper. All bounded."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, any_, bindparam, distinct, exists, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased, joinedload, selectinload, undefer
from sqlalchemy.sql.base import ExecutableOption

from paperround.database import ReadSession
from paperround.papers.merge import READERS
from paperround.papers.period import Span
from paperround.papers.tables import FRESH_LISTING, Author, Listing, Organization, Paper, Signal


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
    """Which papers: those on any list of `feeds` from `first` to `last`. None, or no feed: no bound."""

    first: date | None = None
    last: date | None = None
    feeds: tuple[str, ...] = ()
    submitter: str | None = None
    category: str | None = None
    organization: str | None = None

    @classmethod
    def of(cls, span: Span, category: str | None = None) -> Choice:
        return cls(first=span.first, last=span.last, category=category)

    @property
    def listings(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.first is not None:
            conditions.append(Listing.day >= self.first)
        if self.last is not None:
            conditions.append(Listing.day <= self.last)
        if self.feeds:
            conditions.append(Listing.feed.in_(self.feeds))
        if self.submitter is not None:
            conditions.append(Listing.submitter_name == self.submitter)
        return [*conditions, FRESH_LISTING] if conditions else []

    @property
    def short(self) -> bool:
        """Of a week at most: few enough papers to find them by their lists and sort them."""
        return self.first is not None and self.last is not None and (self.last - self.first).days < 7

    @property
    def papers(self) -> list[ColumnElement[bool]]:
        """What is asked of a paper itself."""
        conditions: list[ColumnElement[bool]] = []
        if self.category:
            conditions.append(Paper.categories.contains([self.category]))
        if self.organization is not None:
            conditions.append(Paper.organization_name == self.organization)
        return conditions


KEYS: dict[Sort, Any] = {
    Sort.trending: Paper.heat,
    Sort.published: Paper.published_at,
    Sort.upvotes: Paper.votes,
}


# What comes with papers. Authors are many, up to thousands a paper: as objects they cost as much as all else
# of a list, so only who tells of their accounts, the hub's API, loads them.
WITH_NAMES: Final = (undefer(Paper.author_names), joinedload(Paper.organization))
WITH_AUTHORS: Final = (selectinload(Paper.authors), joinedload(Paper.organization))
Loading = tuple[ExecutableOption, ...]  # one of the two


async def papers(
    session: ReadSession, choice: Choice, *, sort: Sort, limit: int, after: Place | None = None
) -> Slice:
    """Each paper once, however many lists it stands on, highest key first, then by id."""
    key = KEYS[sort]
    # No index has this order: PostgreSQL might walk down the whole catalogue to meet one day's papers.
    order = func.coalesce(key, key) if choice.short else key
    query = select(Paper).options(*WITH_NAMES).where(*choice.papers)
    query = query.order_by(order.desc(), Paper.id).limit(limit + 1)
    if choice.listings:
        query = query.where(Paper.id.in_(select(Listing.paper_id).where(*choice.listings)))
    if after is not None:
        query = query.where(key <= after.key, or_(key < after.key, Paper.id > after.paper_id))
    found = (await session.scalars(query)).all()
    shown = found[:limit]
    more = Place(getattr(shown[-1], key.key), shown[-1].id) if len(found) > limit else None
    return Slice(shown, more)


def listed_by(feeds: Sequence[str]) -> Select[str]:
    """Ids of the papers on any list of these feeds."""
    return select(Listing.paper_id).where(Listing.feed.in_(feeds), FRESH_LISTING)


async def newest_day(session: ReadSession) -> date | None:
    """The day of the latest edition."""
    return await session.scalar(select(func.max(Listing.day)).where(FRESH_LISTING))


async def neighbours(session: ReadSession, span: Span) -> tuple[date | None, date | None]:
    """The nearest days with papers before and after an edition: empty days are skipped."""
    before = select(func.max(Listing.day)).where(Listing.day < span.first, FRESH_LISTING).scalar_subquery()
    after = select(func.min(Listing.day)).where(Listing.day > span.last, FRESH_LISTING).scalar_subquery()
    row = (await session.execute(select(before, after))).one()
    return row[0], row[1]


@dataclass(frozen=True)
class Totals:
    papers: int
    authors: int  # by name, hidden ones left out


async def totals(session: ReadSession, span: Span, category: str | None = None) -> Totals:
    """How many papers an edition (or one category of it) has, by how many people."""
    choice = Choice.of(span, category)
    listed = select(Listing.paper_id).where(*choice.listings).distinct()
    if choice.papers:
        listed = listed.join(Paper, Paper.id == Listing.paper_id).where(*choice.papers)
    counted = select(func.count(distinct(Author.name))).where(Author.paper_id.in_(listed), ~Author.hidden)
    count = select(func.count()).select_from(listed.subquery())
    row = (await session.execute(select(count.scalar_subquery(), counted.scalar_subquery()))).one()
    return Totals(papers=row[0], authors=row[1])


async def organization(session: ReadSession, name: str) -> Organization | None:
    return await session.get(Organization, name)


@dataclass(frozen=True)
class OrganizationTotals:
    papers: int
    votes: int
    first: datetime | None  # when its earliest paper appeared


async def organization_totals(session: ReadSession, name: str) -> OrganizationTotals:
    """How many papers an organization has, how many votes they drew, and since when."""
    counted = select(func.count(), func.coalesce(func.sum(Paper.votes), 0), func.min(Paper.published_at))
    row = (await session.execute(counted.where(Paper.organization_name == name))).one()
    return OrganizationTotals(papers=row[0], votes=row[1], first=row[2])


async def paper(session: ReadSession, paper_id: str, *, load: Loading = WITH_NAMES) -> Paper | None:
    query = select(Paper).options(*load).where(Paper.id == paper_id)
    return (await session.scalars(query)).one_or_none()


async def papers_of(
    session: ReadSession, ids: Iterable[str], *, load: Loading = WITH_NAMES
) -> dict[str, Paper]:
    """Papers by id; those that aren't there are left out."""
    found = await session.scalars(_by_ids(load), {"ids": list(ids)})
    return {paper.id: paper for paper in found}


@cache
def _by_ids(load: Loading) -> Select[Paper]:
    """Built once and with one array, for an IN's text is written anew at each call: a fourth of its time."""
    return select(Paper).options(*load).where(Paper.id == any_(bindparam("ids", type_=ARRAY(Text))))


async def first_and_last_day(session: ReadSession) -> tuple[date, date] | None:
    """The days of the earliest and the latest edition."""
    days = select(func.min(Listing.day), func.max(Listing.day)).where(FRESH_LISTING)
    first, last = (await session.execute(days)).one()
    return (first, last) if first else None


async def ids_in(session: ReadSession, span: Span, *, limit: int) -> Sequence[str]:
    """The papers of an edition, by id."""
    listed = select(Listing.paper_id).where(*Choice.of(span).listings).distinct()
    return (await session.scalars(listed.order_by(Listing.paper_id).limit(limit))).all()


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
    session: ReadSession,
    choice: Choice,
    *,
    sort: Sort | None,
    limit: int,
    offset: int,
    load: Loading = WITH_NAMES,
) -> Sequence[tuple[Listing, Paper]]:
    """Listings in the hub's own order: from the newest day back, a day's by votes; or as `sort` says.

    A reader's listing gives way to one by a feed on the same day.
    """
    twin = aliased(Listing)
    doubled = exists().where(twin.paper_id == Listing.paper_id, twin.day == Listing.day, twin.feed != READERS)
    query = (
        select(Listing, Paper)
        .join(Paper, Paper.id == Listing.paper_id)
        .where(*choice.listings, or_(Listing.feed != READERS, ~doubled))
        .order_by(*LISTED_ORDERS[sort])
        .options(*load)
    )
    rows = await session.execute(query.limit(limit).offset(offset))
    return [(listing, paper) for listing, paper in rows]
