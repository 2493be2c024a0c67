"""What is to be said of an edition besides its papers: how many there are, and which editions are near."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from sqlalchemy import Date, bindparam, distinct, func, select

from paperround.database import UtcDateTime
from paperround.papers.edition_query import EditionQuery, EditionShape
from paperround.papers.period import EditionPeriod
from paperround.papers.tables import FRESH_LISTING, Author, Listing, Paper
from paperround.reads import Asked, Read, RoundTrip, only


@dataclass(frozen=True)
class EditionFacts:
    """The number of papers of an edition and of their authors, and the nearest days with papers around it.

    Authors are different names, without hidden ones.
    """

    papers: int
    authors: int
    previous_day: date | None
    following_day: date | None


@cache
def _facts_statement(shape: EditionShape) -> Read[EditionFacts]:
    listed = select(Listing.paper_id).where(*shape.listing_conditions).distinct()
    if shape.paper_conditions:
        listed = listed.join(Paper, Paper.id == Listing.paper_id).where(*shape.paper_conditions)
    first, last = bindparam("first", type_=Date), bindparam("last", type_=Date)
    return Read(
        select(
            select(func.count()).select_from(listed.subquery()).scalar_subquery(),
            select(func.count(distinct(Author.name)))
            .where(Author.paper_id.in_(listed), ~Author.hidden)
            .scalar_subquery(),
            select(func.max(Listing.day)).where(Listing.day < first, FRESH_LISTING).scalar_subquery(),
            select(func.min(Listing.day)).where(Listing.day > last, FRESH_LISTING).scalar_subquery(),
        ),
        EditionFacts,
    )


def ask_edition(trip: RoundTrip, period: EditionPeriod, category: str | None = None) -> Asked[EditionFacts]:
    """Ask what is to be said of an edition, or of one category of it. Empty days around it are skipped."""
    criteria = EditionQuery.for_period(period, category)
    return trip.ask(_facts_statement(criteria.shape), criteria.parameters, only)


@cache
def _since_statement(shape: EditionShape) -> Read[int]:
    query = select(func.count(distinct(Listing.paper_id))).where(
        *shape.listing_conditions, Listing.first_seen_at > bindparam("since", type_=UtcDateTime)
    )
    if shape.paper_conditions:
        query = query.join(Paper, Paper.id == Listing.paper_id).where(*shape.paper_conditions)
    return Read(query, int)


def ask_count_since(trip: RoundTrip, criteria: EditionQuery, moment: datetime) -> Asked[int]:
    """Ask how many papers came on these lists after a moment."""
    return trip.ask(_since_statement(criteria.shape), {**criteria.parameters, "since": moment}, only)


@cache
def _days_statement(shape: EditionShape) -> Read[tuple[date, int]]:
    query = select(Listing.day, func.count(distinct(Listing.paper_id))).where(*shape.listing_conditions)
    if shape.paper_conditions:
        query = query.join(Paper, Paper.id == Listing.paper_id).where(*shape.paper_conditions)
    return Read(query.group_by(Listing.day), lambda day, papers: (day, papers))


def ask_days(trip: RoundTrip, first: date, last: date, category: str | None = None) -> Asked[dict[date, int]]:
    """Ask for the number of papers on each day's lists, or of one category. Days without any are left out."""
    criteria = EditionQuery(first=first, last=last, category=category)
    return trip.ask(_days_statement(criteria.shape), criteria.parameters, dict)
