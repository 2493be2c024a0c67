"""Writes papers and their listings. Storing the same list twice changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.attributes import set_committed_value

from paperround.database import WriteSession
from paperround.papers import merge, readings, votes
from paperround.papers.arxiv_id import first_day_of_month
from paperround.papers.heat import VoteCount, heat
from paperround.papers.merge import SIGNAL_FIELDS
from paperround.papers.record import AnnouncementKind, FeedOrganization, FeedPaper
from paperround.papers.search_column import SearchableText, fill_search_column
from paperround.papers.tables import FRESH_LISTING, Author, Listing, Organization, Paper, RemovedPaper, Signal

CATALOGUE_LOCK: Final = (
    0x63617461  # the key of the advisory lock for writing to the catalogue: "cata" in ASCII
)
SAMPLE_FEED: Final = "sample"  # the feed of the bundled sample edition
INSERT_AUTHORS: Final = text("""
    INSERT INTO authors (paper_id, position, name, hidden, hub_id, account, status, status_changed_at)
    SELECT paper_id, position, name, hidden, hub_id, CAST(account AS jsonb), status, status_changed_at
    FROM unnest(
        CAST(:paper_id AS text[]), CAST(:position AS integer[]), CAST(:name AS text[]),
        CAST(:hidden AS boolean[]), CAST(:hub_id AS text[]), CAST(:account AS text[]),
        CAST(:status AS text[]), CAST(:status_changed_at AS timestamptz[])
    ) AS given (paper_id, position, name, hidden, hub_id, account, status, status_changed_at)
""")
AUTHOR_COLUMNS: Final = ("paper_id", "position", "name", "hidden", "hub_id", "status", "status_changed_at")


@dataclass(frozen=True)
class StoreResult:
    """The changes that storing a list made.

    `changed_texts` counts the papers that are new or have another text, and so need a vector. `listed_ids`
    are the papers that are now on the day's list.
    """

    new_papers: int
    changed_texts: int
    listed_ids: frozenset[str]


async def store_papers(
    session: WriteSession,
    papers: Iterable[FeedPaper],
    *,
    feed: str,
    day: date,
    seen_at: datetime,
    half_life: timedelta,
) -> StoreResult:
    """Store one reading of a feed's list in the catalogue.

    A reading that is older than the last one applied to a paper changes only its listing. That is why
    `seen_at` is updated even when nothing else changes. The list of a day only fills gaps of a paper that a
    later day's list has too: the lists disagree, and the result must not depend on which was read first.
    merge.py has the rules for two feeds. A paper that the operator removed is not stored.
    """
    await lock_catalogue(session)
    feed_papers = await _without_removed(session, {paper.id: paper for paper in papers})
    await _store_organizations(session, [p.organization for p in feed_papers.values() if p.organization])
    known = await _load_known_papers(session, feed_papers)
    new = [
        merge.build_paper(feed_paper, feed=feed, day=day, seen_at=seen_at)
        for paper_id, feed_paper in sorted(feed_papers.items())
        if paper_id not in known
    ]
    await readings.store_readings(new)
    await _add_papers(session, new, half_life=half_life)
    all_papers = known | {paper.id: paper for paper in new}
    old_texts = {paper_id: SearchableText.from_paper(paper) for paper_id, paper in known.items()}
    listed_later = await _find_listed_later(session, known, feed=feed, day=day)
    changes = {
        paper_id: merge.apply_record(
            paper, feed_papers[paper_id], feed=feed, seen_at=seen_at, listed_later=paper_id in listed_later
        )
        for paper_id, paper in known.items()
    }
    await readings.store_readings(known.values())
    changed = [known[paper_id] for paper_id, change in changes.items() if change.numbers]
    await session.flush()
    listed_ids = await _store_listings(session, feed_papers.values(), feed=feed, day=day, seen_at=seen_at)
    moved = await _update_listing_days(session, all_papers)
    papers_with_numbers = [paper for paper in new if paper.hub_seen_at is not None] + changed
    await _store_signals(session, papers_with_numbers)
    await _update_heats(session, {paper.id: paper for paper in [*changed, *moved]}, half_life=half_life)
    new_texts = {paper_id: SearchableText.from_paper(paper) for paper_id, paper in all_papers.items()}
    await fill_search_column(
        session,
        [(paper_id, texts) for paper_id, texts in new_texts.items() if texts != old_texts.get(paper_id)],
    )
    changed_texts = sum(
        (new_texts[paper_id].title, new_texts[paper_id].abstract) != (texts.title, texts.abstract)
        for paper_id, texts in old_texts.items()
    )
    return StoreResult(new_papers=len(new), changed_texts=len(new) + changed_texts, listed_ids=listed_ids)


async def lock_catalogue(session: WriteSession) -> None:
    """Wait for the lock of the catalogue. This transaction then holds it.

    Without it, two days that share papers could lock them in different orders and deadlock. Writing is fast.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CATALOGUE_LOCK})


async def _add_papers(session: WriteSession, papers: Sequence[Paper], *, half_life: timedelta) -> None:
    """Insert papers that the catalogue doesn't have, each with its authors and its first heat."""
    authors_by_paper = {paper.id: list(paper.authors) for paper in papers}
    for paper in papers:
        first = [VoteCount(paper.seen_at, paper.upvotes)]
        paper.heat = heat(first, listed_on=paper.listed_on, half_life=half_life)
        paper.authors = []
    session.add_all(papers)
    await session.flush()
    await _insert_authors(session, [author for authors in authors_by_paper.values() for author in authors])
    for paper in papers:
        set_committed_value(paper, "authors", authors_by_paper[paper.id])


async def _insert_authors(session: WriteSession, authors: Sequence[Author]) -> None:
    """Insert all authors with one statement.

    A paper may have thousands, which SQLAlchemy would insert singly.
    """
    if authors:
        values = {name: [getattr(author, name) for author in authors] for name in AUTHOR_COLUMNS}
        accounts = [json.dumps(author.account) if author.account else None for author in authors]
        await session.execute(INSERT_AUTHORS, values | {"account": accounts})


async def _without_removed(
    session: WriteSession, feed_papers: Mapping[str, FeedPaper]
) -> dict[str, FeedPaper]:
    query = select(RemovedPaper.paper_id).where(RemovedPaper.paper_id.in_(feed_papers))
    removed_ids = set(await session.scalars(query))
    return {paper_id: paper for paper_id, paper in feed_papers.items() if paper_id not in removed_ids}


async def _store_organizations(session: WriteSession, organizations: Iterable[FeedOrganization]) -> None:
    rows = [
        organization.model_dump() for _, organization in sorted({o.name: o for o in organizations}.items())
    ]
    if not rows:
        return
    statement = postgresql.insert(Organization)
    values = {
        "full_name": statement.excluded.full_name,
        "hub_id": func.coalesce(statement.excluded.hub_id, Organization.hub_id),
        "avatar_url": func.coalesce(statement.excluded.avatar_url, Organization.avatar_url),
    }
    upsert = statement.on_conflict_do_update(
        index_elements=["name"], set_=values, where=_differs(Organization, values)
    )
    await session.execute(upsert, rows)


def _differs(table: type[Any], values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """The condition that a row would change. An unchanged row is not written again."""
    return or_(*(getattr(table, name).is_distinct_from(value) for name, value in values.items()))


async def _load_known_papers(session: WriteSession, feed_papers: Mapping[str, FeedPaper]) -> dict[str, Paper]:
    query = select(Paper).where(Paper.id.in_(feed_papers)).order_by(Paper.id).with_for_update(key_share=True)
    rows = await session.scalars(query.options(selectinload(Paper.authors)))
    return {paper.id: paper for paper in rows}


async def _find_listed_later(session: WriteSession, ids: Iterable[str], *, feed: str, day: date) -> set[str]:
    query = select(Listing.paper_id).where(Listing.paper_id.in_(ids), Listing.feed == feed)
    return set(await session.scalars(query.where(Listing.day > day)))


async def _store_signals(session: WriteSession, papers: Sequence[Paper]) -> None:
    """Add a signal for each paper whose numbers changed."""
    rows = [
        {"paper_id": p.id, "at": p.hub_seen_at} | {name: getattr(p, name) for name in SIGNAL_FIELDS}
        for p in papers
    ]
    if not rows:
        return
    statement = postgresql.insert(Signal)
    values = {name: getattr(statement.excluded, name) for name in SIGNAL_FIELDS}
    upsert = statement.on_conflict_do_update(index_elements=["paper_id", "at"], set_=values)
    await session.execute(upsert, rows)


async def _update_heats(session: WriteSession, papers: Mapping[str, Paper], *, half_life: timedelta) -> None:
    """Recompute each paper's heat from all its votes."""
    days = {paper_id: paper.listed_on for paper_id, paper in papers.items()}
    heats = await votes.compute_heats(session, days, half_life=half_life)
    for paper_id, new_heat in heats.items():
        papers[paper_id].heat = new_heat


async def _store_listings(
    session: WriteSession, papers: Iterable[FeedPaper], *, feed: str, day: date, seen_at: datetime
) -> frozenset[str]:
    """Put papers on the day's list. Returns the ids of those that are on it.

    A paper that left the feed's list stays listed, since readers have seen it there.
    """
    listings = {paper.id: paper.listing for paper in papers}
    presumed_ids = [paper_id for paper_id, listing in listings.items() if listing.presumed]
    elsewhere = await _find_listed_elsewhere(session, presumed_ids, feed=feed, day=day)
    rows = [
        {"day": day, "feed": feed, "paper_id": paper_id, "first_seen_at": seen_at}
        | listing.model_dump(exclude={"presumed", "announced_at"})
        for paper_id, listing in listings.items()
        if paper_id not in elsewhere
    ]
    if rows:
        await session.execute(_listing_upsert(), rows)
    return frozenset(listings) - elsewhere


def _listing_upsert() -> postgresql.Insert:
    """Build the upsert of listings. Unknown values change nothing, and of two kinds the stronger is kept."""
    statement = postgresql.insert(Listing)
    names = ("submitted_at", "submitter", "submitter_organization")
    values: dict[str, ColumnElement[Any]] = {
        name: func.coalesce(getattr(statement.excluded, name), getattr(Listing, name)) for name in names
    }
    values["kind"] = case(
        *(
            (or_(statement.excluded.kind == kind, Listing.kind == kind), kind.value)
            for kind in AnnouncementKind
        )
    )
    return statement.on_conflict_do_update(
        index_elements=["day", "feed", "paper_id"], set_=values, where=_differs(Listing, values)
    )


async def _find_listed_elsewhere(
    session: WriteSession, ids: Sequence[str], *, feed: str, day: date
) -> frozenset[str]:
    """Find the papers that the feed announced on another day."""
    if not ids:
        return frozenset()
    query = select(Listing.paper_id).where(
        Listing.paper_id.in_(ids), Listing.feed == feed, Listing.day != day
    )
    return frozenset(await session.scalars(query.where(FRESH_LISTING)))


async def _update_listing_days(session: WriteSession, papers: Mapping[str, Paper]) -> list[Paper]:
    """Set each paper's day to that of its earliest listing. Returns the papers whose day has changed.

    Replacements do not count. A paper without any other listing gets the first day of the month of its id.
    """
    first = func.min(Listing.day).label("first")
    query = select(Listing.paper_id, first).where(Listing.paper_id.in_(papers), FRESH_LISTING)
    rows = await session.execute(query.group_by(Listing.paper_id))
    days: dict[str, date] = {row.paper_id: row.first for row in rows}
    moved = []
    for paper_id, paper in papers.items():
        day = days.get(paper_id) or first_day_of_month(paper_id)
        if day != paper.listed_on:
            merge.set_listing_day(paper, day)
            moved.append(paper)
    await session.flush()
    return moved


async def remove_sample(session: WriteSession) -> None:
    """Delete the sample edition, which the first real edition replaces.

    Waits for the lock of the catalogue.
    """
    await lock_catalogue(session)
    samples = select(Listing.paper_id).where(Listing.feed == SAMPLE_FEED)
    await session.execute(delete(Paper).where(Paper.id.in_(samples)))
