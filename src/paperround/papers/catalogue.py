"""Writes papers and their listings. Storing the same list twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Text, any_, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.bulk_rows import write_rows
from paperround.database import WriteSession
from paperround.papers import merge, readings, votes
from paperround.papers.arxiv_id import first_day_of_month
from paperround.papers.heat import VoteCount, heat
from paperround.papers.merge import SIGNAL_FIELDS
from paperround.papers.paper_values import SELECTED, PaperValues, load_values
from paperround.papers.paper_writer import insert_papers, update_papers
from paperround.papers.record import FRESH_KINDS, FeedOrganization, FeedPaper
from paperround.papers.tables import FRESH_LISTING, Listing, Paper, RemovedPaper
from paperround.papers.upserts import (
    LISTING_FIELDS,
    UPSERT_LISTINGS,
    UPSERT_ORGANIZATIONS,
    UPSERT_SIGNALS,
)

CATALOGUE_LOCK: Final = (
    0x63617461  # the key of the advisory lock for writing to the catalogue: "cata" in ASCII
)
SAMPLE_FEED: Final = "sample"  # the feed of the bundled sample edition
IDS: Final = any_(bindparam("ids", type_=ARRAY(Text)))


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
    before = {paper_id: copy(paper) for paper_id, paper in known.items()}
    new = [
        _build_paper(feed_paper, feed=feed, day=day, seen_at=seen_at, half_life=half_life)
        for paper_id, feed_paper in sorted(feed_papers.items())
        if paper_id not in known
    ]
    listed_later = await _find_listed_later(session, list(known), feed=feed, day=day)
    changes = {
        paper_id: merge.apply_record(
            paper, feed_papers[paper_id], feed=feed, seen_at=seen_at, listed_later=paper_id in listed_later
        )
        for paper_id, paper in known.items()
    }
    changed = [known[paper_id] for paper_id, change in changes.items() if change.numbers]
    await readings.set_readings([*new, *known.values()])
    await insert_papers(session, new)
    listed_ids = await _store_listings(session, feed_papers.values(), feed=feed, day=day, seen_at=seen_at)
    await _store_signals(session, [paper for paper in new if paper.hub_seen_at is not None] + changed)
    moved = await _update_listing_days(session, known)
    await _update_heats(session, {paper.id: paper for paper in [*changed, *moved]}, half_life=half_life)
    reworded = await update_papers(session, before, known)
    return StoreResult(new_papers=len(new), changed_texts=len(new) + reworded, listed_ids=listed_ids)


async def lock_catalogue(session: WriteSession) -> None:
    """Wait for the lock of the catalogue. This transaction then holds it.

    Without it, two days that share papers could lock them in different orders and deadlock. Writing is fast.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CATALOGUE_LOCK})


def _build_paper(
    record: FeedPaper, *, feed: str, day: date, seen_at: datetime, half_life: timedelta
) -> PaperValues:
    """Build a new paper with its first heat. It has no other listing and no votes of readers yet."""
    paper = merge.build_paper(record, feed=feed, day=day, seen_at=seen_at)
    if record.listing.kind not in (None, *FRESH_KINDS):
        merge.set_listing_day(paper, first_day_of_month(paper.id))
    first = [VoteCount(seen_at, paper.upvotes)]
    paper.heat = heat(first, listed_on=paper.listed_on, half_life=half_life)
    return paper


async def _without_removed(
    session: WriteSession, feed_papers: Mapping[str, FeedPaper]
) -> dict[str, FeedPaper]:
    query = select(RemovedPaper.paper_id).where(RemovedPaper.paper_id == IDS)
    removed_ids = set(await session.scalars(query, {"ids": list(feed_papers)}))
    return {paper_id: paper for paper_id, paper in feed_papers.items() if paper_id not in removed_ids}


async def _store_organizations(session: WriteSession, organizations: Iterable[FeedOrganization]) -> None:
    by_name = sorted({o.name: o for o in organizations}.items())
    await write_rows(
        session, UPSERT_ORGANIZATIONS, [organization.model_dump() for _, organization in by_name]
    )


async def _load_known_papers(session: WriteSession, ids: Iterable[str]) -> dict[str, PaperValues]:
    query = SELECTED.where(Paper.id == IDS).order_by(Paper.id).with_for_update(key_share=True)
    return await load_values(session, query, {"ids": list(ids)})


async def _find_listed_later(session: WriteSession, ids: Sequence[str], *, feed: str, day: date) -> set[str]:
    if not ids:
        return set()
    query = select(Listing.paper_id).where(Listing.paper_id == IDS, Listing.feed == feed, Listing.day > day)
    return set(await session.scalars(query, {"ids": ids}))


async def _store_signals(session: WriteSession, papers: Iterable[PaperValues]) -> None:
    """Add a signal for each paper whose numbers changed."""
    rows = [
        {"paper_id": p.id, "at": p.hub_seen_at} | {name: getattr(p, name) for name in SIGNAL_FIELDS}
        for p in papers
    ]
    await write_rows(session, UPSERT_SIGNALS, rows)


async def _update_heats(
    session: WriteSession, papers: Mapping[str, PaperValues], *, half_life: timedelta
) -> None:
    """Recompute each paper's heat from all its votes."""
    if not papers:
        return
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
        | {name: getattr(listing, name) for name in LISTING_FIELDS}
        for paper_id, listing in listings.items()
        if paper_id not in elsewhere
    ]
    await write_rows(session, UPSERT_LISTINGS, rows)
    return frozenset(listings) - elsewhere


async def _find_listed_elsewhere(
    session: WriteSession, ids: Sequence[str], *, feed: str, day: date
) -> frozenset[str]:
    """Find the papers that the feed announced on another day."""
    if not ids:
        return frozenset()
    query = select(Listing.paper_id).where(Listing.paper_id == IDS, Listing.feed == feed, Listing.day != day)
    return frozenset(await session.scalars(query.where(FRESH_LISTING), {"ids": ids}))


async def _update_listing_days(session: WriteSession, papers: Mapping[str, PaperValues]) -> list[PaperValues]:
    """Set each paper's day to that of its earliest listing. Returns the papers whose day has changed.

    Replacements do not count. A paper without any other listing gets the first day of the month of its id.
    """
    if not papers:
        return []
    first = func.min(Listing.day).label("first")
    query = select(Listing.paper_id, first).where(Listing.paper_id == IDS, FRESH_LISTING)
    rows = await session.execute(query.group_by(Listing.paper_id), {"ids": list(papers)})
    days: dict[str, date] = {row.paper_id: row.first for row in rows}
    moved = []
    for paper_id, paper in papers.items():
        day = days.get(paper_id) or first_day_of_month(paper_id)
        if day != paper.listed_on:
            merge.set_listing_day(paper, day)
            moved.append(paper)
    return moved


async def remove_sample(session: WriteSession) -> None:
    """Delete the sample edition, which the first real edition replaces.

    Waits for the lock of the catalogue.
    """
    await lock_catalogue(session)
    samples = select(Listing.paper_id).where(Listing.feed == SAMPLE_FEED)
    await session.execute(delete(Paper).where(Paper.id.in_(samples)))
