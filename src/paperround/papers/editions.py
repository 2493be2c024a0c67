"""Reads editions, trending papers and single papers from the catalogue. Every query is bounded."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    all_,
    any_,
    bindparam,
    distinct,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased, joinedload, selectinload, undefer
from sqlalchemy.sql.base import ExecutableOption

from paperround.database import ReadSession
from paperround.papers.authors import select_ids_of_author
from paperround.papers.merge import READERS_FEED
from paperround.papers.period import EditionPeriod
from paperround.papers.tables import FRESH_LISTING, Author, Listing, Organization, Paper, Signal


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

    papers: Sequence[Paper]
    next_position: ListPosition | None


@dataclass(frozen=True)
class EditionQuery:
    """The conditions of a query for papers on the lists of `feeds` from the day `first` to the day `last`.

    A field that is None or empty adds no condition.
    """

    first: date | None = None
    last: date | None = None
    feeds: tuple[str, ...] = ()
    submitter: str | None = None
    category: str | None = None
    organization: str | None = None
    author: str | None = None
    chosen_ids: tuple[str, ...] | None = None  # the only papers, where given
    excluded_ids: tuple[str, ...] = ()

    @classmethod
    def for_period(cls, period: EditionPeriod, category: str | None = None) -> EditionQuery:
        """Build the query for the papers of an edition, or of one category of it."""
        return cls(first=period.first, last=period.last, category=category)

    def among(self, paper_ids: Sequence[str]) -> EditionQuery:
        """Build the same query for some papers alone."""
        return replace(self, chosen_ids=tuple(paper_ids))

    def without(self, paper_ids: Sequence[str]) -> EditionQuery:
        """Build the same query without some papers."""
        return replace(self, excluded_ids=tuple(paper_ids))

    @property
    def listing_conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on a listing. They are empty if any paper will do, even one without a listing."""
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
    def is_short(self) -> bool:
        """Whether it spans at most a week, so that its papers are few enough to be sorted."""
        return self.first is not None and self.last is not None and (self.last - self.first).days < 7

    @property
    def paper_conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on the paper itself."""
        conditions: list[ColumnElement[bool]] = []
        if self.category:
            conditions.append(Paper.categories.contains([self.category]))
        if self.organization is not None:
            conditions.append(Paper.organization_name == self.organization)
        if self.author is not None:
            conditions.append(Paper.id.in_(select_ids_of_author(self.author)))
        if self.chosen_ids is not None:
            conditions.append(Paper.id == any_(literal([*self.chosen_ids], ARRAY(Text))))
        if self.excluded_ids:
            conditions.append(Paper.id != all_(literal([*self.excluded_ids], ARRAY(Text))))
        return conditions


SORT_KEYS: dict[Sort, Any] = {
    Sort.trending: Paper.heat,
    Sort.published: Paper.published_at,
    Sort.upvotes: Paper.votes,
}


# What is loaded with papers. A paper may have thousands of authors, and as objects they cost as much as the
# rest of a list. Only the hub's API, which shows their accounts, loads them.
WITH_NAMES: Final = (undefer(Paper.author_names), joinedload(Paper.organization))
WITH_AUTHORS: Final = (selectinload(Paper.authors), joinedload(Paper.organization))
LoaderOptions = tuple[ExecutableOption, ...]  # WITH_NAMES or WITH_AUTHORS


async def list_papers(
    session: ReadSession,
    criteria: EditionQuery,
    *,
    sort: Sort,
    limit: int,
    after: ListPosition | None = None,
    load: LoaderOptions = WITH_NAMES,
) -> PaperPage:
    """List papers by sort key, highest first, then by id. A paper on several lists appears once."""
    key = SORT_KEYS[sort]
    # No index fits coalesce(). With one, PostgreSQL might scan the whole catalogue for the papers of a day.
    order = func.coalesce(key, key) if criteria.is_short else key
    query = select(Paper).options(*load).where(*criteria.paper_conditions)
    query = query.order_by(order.desc(), Paper.id).limit(limit + 1)
    if sort is Sort.trending:
        query = query.where(~Paper.withdrawn)
    if criteria.listing_conditions:
        query = query.where(Paper.id.in_(select(Listing.paper_id).where(*criteria.listing_conditions)))
    if after is not None:
        query = query.where(key <= after.key, or_(key < after.key, Paper.id > after.paper_id))
    rows = (await session.scalars(query)).all()
    page = rows[:limit]
    next_position = ListPosition(getattr(page[-1], key.key), page[-1].id) if len(rows) > limit else None
    return PaperPage(page, next_position)


def select_listed_ids(feeds: Sequence[str]) -> Select[str]:
    """Select the ids of the papers on any list of these feeds."""
    return select(Listing.paper_id).where(Listing.feed.in_(feeds), FRESH_LISTING)


async def find_newest_day(session: ReadSession) -> date | None:
    """Find the day of the latest edition."""
    return await session.scalar(select(func.max(Listing.day)).where(FRESH_LISTING))


async def find_neighbour_days(session: ReadSession, period: EditionPeriod) -> tuple[date | None, date | None]:
    """Find the nearest days with papers before and after an edition. Empty days are skipped."""
    before = select(func.max(Listing.day)).where(Listing.day < period.first, FRESH_LISTING).scalar_subquery()
    after = select(func.min(Listing.day)).where(Listing.day > period.last, FRESH_LISTING).scalar_subquery()
    row = (await session.execute(select(before.label("before"), after.label("after")))).one()
    return row.before, row.after


@dataclass(frozen=True)
class EditionTotals:
    """The number of papers of an edition and of their authors."""

    papers: int
    authors: int  # different names, without hidden authors


async def count_edition(
    session: ReadSession, period: EditionPeriod, category: str | None = None
) -> EditionTotals:
    """Count the papers of an edition, or of one category of it, and their authors."""
    criteria = EditionQuery.for_period(period, category)
    listed = select(Listing.paper_id).where(*criteria.listing_conditions).distinct()
    if criteria.paper_conditions:
        listed = listed.join(Paper, Paper.id == Listing.paper_id).where(*criteria.paper_conditions)
    authors = select(func.count(distinct(Author.name))).where(Author.paper_id.in_(listed), ~Author.hidden)
    papers = select(func.count()).select_from(listed.subquery())
    row = (
        await session.execute(
            select(papers.scalar_subquery().label("papers"), authors.scalar_subquery().label("authors"))
        )
    ).one()
    return EditionTotals(papers=row.papers, authors=row.authors)


async def count_since(session: ReadSession, criteria: EditionQuery, moment: datetime) -> int:
    """Count the papers that came on these lists after a moment."""
    query = select(func.count(distinct(Listing.paper_id))).where(
        *criteria.listing_conditions, Listing.first_seen_at > moment
    )
    if criteria.paper_conditions:
        query = query.join(Paper, Paper.id == Listing.paper_id).where(*criteria.paper_conditions)
    return await session.scalar(query) or 0


async def count_days(
    session: ReadSession, period: EditionPeriod, category: str | None = None
) -> dict[date, int]:
    """Count the papers on each day's lists, or those of one category. Days without any are left out."""
    criteria = EditionQuery.for_period(period, category)
    query = select(Listing.day, func.count(distinct(Listing.paper_id))).where(*criteria.listing_conditions)
    if criteria.paper_conditions:
        query = query.join(Paper, Paper.id == Listing.paper_id).where(*criteria.paper_conditions)
    return dict((await session.execute(query.group_by(Listing.day))).all())


async def find_organization(session: ReadSession, name: str) -> Organization | None:
    """Find an organization by its name on the hub."""
    return await session.get(Organization, name)


@dataclass(frozen=True)
class OrganizationTotals:
    """The number of papers of an organization and of their votes."""

    papers: int
    votes: int
    first: datetime | None  # the publication date of its earliest paper


async def count_organization(session: ReadSession, name: str) -> OrganizationTotals:
    """Count the papers of an organization and their votes, and find when the first one appeared."""
    query = select(
        func.count().label("papers"),
        func.coalesce(func.sum(Paper.votes), 0).label("votes"),
        func.min(Paper.published_at).label("first"),
    )
    row = (await session.execute(query.where(Paper.organization_name == name))).one()
    return OrganizationTotals(papers=row.papers, votes=row.votes, first=row.first)


async def find_paper(
    session: ReadSession, paper_id: str, *, load: LoaderOptions = WITH_NAMES
) -> Paper | None:
    query = select(Paper).options(*load).where(Paper.id == paper_id)
    return (await session.scalars(query)).one_or_none()


async def load_papers(
    session: ReadSession, ids: Iterable[str], *, load: LoaderOptions = WITH_NAMES
) -> dict[str, Paper]:
    """Load papers by id. Unknown ids are left out."""
    rows = await session.scalars(_by_ids(load), {"ids": list(ids)})
    return {paper.id: paper for paper in rows}


@cache
def _by_ids(load: LoaderOptions) -> Select[Paper]:
    """Build the query once, with one array: rendering an IN at each call took a quarter of the time."""
    return select(Paper).options(*load).where(Paper.id == any_(bindparam("ids", type_=ARRAY(Text))))


async def find_first_and_last_day(session: ReadSession) -> tuple[date, date] | None:
    """Find the days of the earliest and the latest edition."""
    days = select(func.min(Listing.day), func.max(Listing.day)).where(FRESH_LISTING)
    first, last = (await session.execute(days)).one()
    return (first, last) if first else None


async def list_paper_ids(session: ReadSession, period: EditionPeriod, *, limit: int) -> Sequence[str]:
    """List the ids of an edition's papers, in order."""
    listed = select(Listing.paper_id).where(*EditionQuery.for_period(period).listing_conditions).distinct()
    return (await session.scalars(listed.order_by(Listing.paper_id).limit(limit))).all()


async def load_listings(session: ReadSession, paper_ids: Sequence[str]) -> dict[str, list[Listing]]:
    """Load the listings of each paper, earliest first."""
    query = select(Listing).where(Listing.paper_id.in_(paper_ids))
    listings: dict[str, list[Listing]] = {paper_id: [] for paper_id in paper_ids}
    for listing in await session.scalars(query.order_by(Listing.day, Listing.feed)):
        listings[listing.paper_id].append(listing)
    return listings


async def list_signals(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[Signal]:
    """List the latest changes in a paper's numbers, in order of time."""
    newest = select(Signal).where(Signal.paper_id == paper_id).order_by(Signal.at.desc()).limit(limit)
    return list(reversed((await session.scalars(newest)).all()))


LISTING_ORDERS: dict[Sort | None, tuple[Any, ...]] = {
    None: (Listing.day.desc(), Paper.upvotes.desc(), Paper.id),
    Sort.published: (Paper.published_at.desc(), Paper.id, Listing.day.desc()),
    Sort.trending: (Paper.heat.desc(), Paper.id, Listing.day.desc()),
}


async def list_listed_papers(
    session: ReadSession,
    criteria: EditionQuery,
    *,
    sort: Sort | None,
    limit: int,
    offset: int,
    load: LoaderOptions = WITH_NAMES,
) -> Sequence[tuple[Listing, Paper]]:
    """List listings with their papers, by default in the hub's order: newest day first, then votes.

    A reader's listing is left out if a feed lists the paper on the same day.
    """
    feed_listing = aliased(Listing)
    is_listed_by_feed = exists().where(
        feed_listing.paper_id == Listing.paper_id,
        feed_listing.day == Listing.day,
        feed_listing.feed != READERS_FEED,
    )
    query = (
        select(Listing, Paper)
        .join(Paper, Paper.id == Listing.paper_id)
        .where(*criteria.listing_conditions, or_(Listing.feed != READERS_FEED, ~is_listed_by_feed))
        .order_by(*LISTING_ORDERS[sort])
        .options(*load)
    )
    if sort is Sort.trending:
        query = query.where(~Paper.withdrawn)
    rows = await session.execute(query.limit(limit).offset(offset))
    return [(listing, paper) for listing, paper in rows]
