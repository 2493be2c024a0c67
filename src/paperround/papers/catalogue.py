"""Writing papers and their listings. Storing the same list twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import selectinload

from paperround.database import WriteSession
from paperround.papers import authorship, merge, votes
from paperround.papers.arxiv_id import first_of_month
from paperround.papers.merge import NUMBERS
from paperround.papers.record import FeedOrganization, FeedPaper, Kind
from paperround.papers.search_column import Searched, index_words
from paperround.papers.tables import FRESH_LISTING, Listing, Organization, Paper, RemovedPaper, Signal

WRITERS: Final = 0x63617461  # the advisory lock of whoever writes to the catalogue: "cata"
SAMPLE: Final = "sample"  # the feed of the bundled sample edition


@dataclass(frozen=True)
class Stored:
    """What a list changed. `reworded`: papers that are new or have another text, and so need a vector;
    `listed`: those that stand on the day's list now."""

    new: int
    reworded: int
    listed: frozenset[str]


async def store(
    session: WriteSession,
    papers: Iterable[FeedPaper],
    *,
    feed: str,
    day: date,
    seen_at: datetime,
    half_life: timedelta,
) -> Stored:
    """Put one reading of a feed's list into the catalogue.

    A reading older than the last one applied to a paper changes nothing of it but its listing; that is why
    `seen_at` moves even when nothing else does. The list of an earlier day only fills what a later day's,
    which has the paper again, left open: recorded lists disagree, and so it doesn't matter which was read
    first. What one feed's word counts beside the other's, merging.py says. What the operator removed stays
    away.
    """
    await one_writer_at_a_time(session)
    found = await _not_removed(session, {paper.id: paper for paper in papers})
    await _store_organizations(session, [p.organization for p in found.values() if p.organization])
    known = await _known(session, found)
    new = [
        merge.new_paper(told, feed=feed, day=day, seen_at=seen_at)
        for key, told in sorted(found.items())
        if key not in known
    ]
    await authorship.add_new(session, new, half_life=half_life)
    everyone = known | {paper.id: paper for paper in new}
    before = {key: Searched.of(paper) for key, paper in known.items()}
    later = await _on_later_lists(session, known, feed=feed, day=day)
    changes = {
        key: merge.apply(paper, found[key], feed=feed, seen_at=seen_at, listed_later=key in later)
        for key, paper in known.items()
    }
    moved = [known[key] for key, change in changes.items() if change.numbers]
    await session.flush()
    listed = await _store_listings(session, found.values(), feed=feed, day=day, seen_at=seen_at)
    shifted = await _settle_days(session, everyone)
    counted = [paper for paper in new if paper.hub_seen_at is not None] + moved
    await _store_signals(session, counted)
    await _reheat(session, {paper.id: paper for paper in [*moved, *shifted]}, half_life=half_life)
    now = {key: Searched.of(paper) for key, paper in everyone.items()}
    await index_words(session, [(key, texts) for key, texts in now.items() if texts != before.get(key)])
    reworded = sum(now[key][:2] != texts[:2] for key, texts in before.items())
    return Stored(new=len(new), reworded=len(new) + reworded, listed=listed)


async def one_writer_at_a_time(session: WriteSession) -> None:
    """Two days that share papers would lock them in different order. Writing is short."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS})


async def _not_removed(session: WriteSession, found: Mapping[str, FeedPaper]) -> dict[str, FeedPaper]:
    removed = select(RemovedPaper.paper_id).where(RemovedPaper.paper_id.in_(found))
    away = set(await session.scalars(removed))
    return {key: paper for key, paper in found.items() if key not in away}


async def _store_organizations(session: WriteSession, found: Iterable[FeedOrganization]) -> None:
    rows = [organization.model_dump() for _, organization in sorted({o.name: o for o in found}.items())]
    if not rows:
        return
    new = postgresql.insert(Organization)
    told = {
        "full_name": new.excluded.full_name,
        "hub_id": func.coalesce(new.excluded.hub_id, Organization.hub_id),
        "avatar_url": func.coalesce(new.excluded.avatar_url, Organization.avatar_url),
    }
    upsert = new.on_conflict_do_update(index_elements=["name"], set_=told, where=_differs(Organization, told))
    await session.execute(upsert, rows)


def _differs(table: type[Any], told: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """Only a row that really changes is written again."""
    return or_(*(getattr(table, name).is_distinct_from(value) for name, value in told.items()))


async def _known(session: WriteSession, found: Mapping[str, FeedPaper]) -> dict[str, Paper]:
    query = select(Paper).where(Paper.id.in_(found)).order_by(Paper.id).with_for_update(key_share=True)
    rows = await session.scalars(query.options(selectinload(Paper.authors)))
    return {paper.id: paper for paper in rows}


async def _on_later_lists(session: WriteSession, ids: Iterable[str], *, feed: str, day: date) -> set[str]:
    query = select(Listing.paper_id).where(Listing.paper_id.in_(ids), Listing.feed == feed)
    return set(await session.scalars(query.where(Listing.day > day)))


async def _store_signals(session: WriteSession, papers: Sequence[Paper]) -> None:
    """A row for each paper whose numbers moved."""
    rows = [
        {"paper_id": p.id, "at": p.hub_seen_at} | {name: getattr(p, name) for name in NUMBERS} for p in papers
    ]
    if not rows:
        return
    new = postgresql.insert(Signal)
    told = {name: getattr(new.excluded, name) for name in NUMBERS}
    upsert = new.on_conflict_do_update(index_elements=["paper_id", "at"], set_=told)
    await session.execute(upsert, rows)


async def _reheat(session: WriteSession, papers: Mapping[str, Paper], *, half_life: timedelta) -> None:
    """Each paper's heat, from all its votes."""
    days = {key: paper.listed_on for key, paper in papers.items()}
    for key, warmth in (await votes.heats(session, days, half_life=half_life)).items():
        papers[key].heat = warmth


async def _store_listings(
    session: WriteSession, papers: Iterable[FeedPaper], *, feed: str, day: date, seen_at: datetime
) -> frozenset[str]:
    """Put papers on the day's list; which now stand there.

    A paper that left the list later stays listed: readers have seen it there.
    """
    told = {paper.id: paper.listing for paper in papers}
    elsewhere = await _listed_elsewhere(
        session, [k for k, v in told.items() if v.presumed], feed=feed, day=day
    )
    rows = [
        {"day": day, "feed": feed, "paper_id": key, "first_seen_at": seen_at}
        | listing.model_dump(exclude={"presumed"})
        for key, listing in told.items()
        if key not in elsewhere
    ]
    if rows:
        await session.execute(_listing_upsert(), rows)
    return frozenset(told) - elsewhere


def _listing_upsert() -> postgresql.Insert:
    """What wasn't told stays; of two kinds the stronger, for a paper is new though cross-listed as well."""
    new = postgresql.insert(Listing)
    names = ("submitted_at", "submitter", "submitter_organization")
    told: dict[str, ColumnElement[Any]] = {
        name: func.coalesce(getattr(new.excluded, name), getattr(Listing, name)) for name in names
    }
    told["kind"] = case(
        *((or_(new.excluded.kind == kind, Listing.kind == kind), kind.value) for kind in Kind)
    )
    return new.on_conflict_do_update(
        index_elements=["day", "feed", "paper_id"], set_=told, where=_differs(Listing, told)
    )


async def _listed_elsewhere(
    session: WriteSession, ids: Sequence[str], *, feed: str, day: date
) -> frozenset[str]:
    """Those that the feed announced on another day."""
    if not ids:
        return frozenset()
    query = select(Listing.paper_id).where(
        Listing.paper_id.in_(ids), Listing.feed == feed, Listing.day != day
    )
    return frozenset(await session.scalars(query.where(FRESH_LISTING)))


async def _settle_days(session: WriteSession, papers: Mapping[str, Paper]) -> list[Paper]:
    """Give each paper the day of its earliest listing; which have another one now.

    A replacement is no news: a paper that has nothing else is dated back to the month of its id.
    """
    first = func.min(Listing.day).label("first")
    query = select(Listing.paper_id, first).where(Listing.paper_id.in_(papers), FRESH_LISTING)
    rows = await session.execute(query.group_by(Listing.paper_id))
    days: dict[str, date] = {row.paper_id: row.first for row in rows}
    shifted = []
    for key, paper in papers.items():
        day = days.get(key) or first_of_month(key)
        if day != paper.listed_on:
            merge.listed(paper, day)
            shifted.append(paper)
    await session.flush()
    return shifted


async def remove_sample(session: WriteSession) -> None:
    """The sample edition gives way to the first real one, even to one that comes at the same moment."""
    await one_writer_at_a_time(session)
    samples = select(Listing.paper_id).where(Listing.feed == SAMPLE)
    await session.execute(delete(Paper).where(Paper.id.in_(samples)))
