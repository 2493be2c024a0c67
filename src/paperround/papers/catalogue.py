"""Writing papers and their listings. Storing the same list twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import selectinload

from paperround.database import WriteSession
from paperround.papers.heat import Votes, heat, listing_time
from paperround.papers.record import FeedAuthor, FeedOrganization, FeedPaper
from paperround.papers.tables import Author, Listing, Organization, Paper, Signal

WRITERS: Final = 0x63617461  # the advisory lock of whoever writes to the catalogue: "cata"
SAMPLE: Final = "sample"  # the feed of the bundled sample edition

# What a feed may tell of a paper itself. Title and abstract are what its vector is made of.
FACTS: Final = (
    "title", "abstract", "published_at", "upvotes", "comments", "discussion_id", "author_participates",
    "thumbnail_url", "media_urls", "ai_summary", "ai_summary_model", "ai_keywords", "project_url",
    "github_url", "github_stars", "github_added_by",
)  # fmt: skip
NUMBERS: Final = ("upvotes", "comments", "github_stars")


@dataclass(frozen=True)
class Stored:
    """What a list changed. `reworded`: papers that are new or have another text, and so need a vector."""

    new: int
    reworded: int


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
    `seen_at` moves even when nothing else does. Where a later day has the paper again, the list of an earlier
    one only fills what that left open: recorded lists disagree, and so it doesn't matter which is read first.
    """
    found = {paper.id: paper for paper in papers}
    await one_writer_at_a_time(session)
    await _store_organizations(session, [p.organization for p in found.values() if p.organization])
    known = await _known(session, found)
    new = [_new_paper(p, day, seen_at) for key, p in sorted(found.items()) if key not in known]
    session.add_all(new)
    everyone = known | {paper.id: paper for paper in new}
    before = {key: (paper.title, paper.abstract) for key, paper in known.items()}
    later = await _on_later_lists(session, known, feed=feed, day=day)
    changes = {key: _apply(paper, found[key], day, seen_at, key in later) for key, paper in known.items()}
    moved = [known[key] for key, change in changes.items() if change.numbers]
    shifted = [known[key] for key, change in changes.items() if change.first_day and not change.numbers]
    await session.flush()
    await _store_signals(session, [*new, *moved])
    await _reheat(session, [*new, *moved, *shifted], half_life=half_life)
    await _store_listings(session, found.values(), feed=feed, day=day, seen_at=seen_at)
    reworded = sum((everyone[key].title, everyone[key].abstract) != words for key, words in before.items())
    return Stored(new=len(new), reworded=len(new) + reworded)


async def one_writer_at_a_time(session: WriteSession) -> None:
    """Two days that share papers would lock them in different order. Writing is short."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS})


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


def _new_paper(found: FeedPaper, day: date, seen_at: datetime) -> Paper:
    paper = Paper(
        id=found.id,
        abstract="",
        published_at=listing_time(day),
        upvotes=0,
        listed_on=day,
        seen_at=seen_at,
        heat=0.0,
        authors=[],
    )
    _take_over(paper, found)
    return paper


class _Change(NamedTuple):
    numbers: bool
    first_day: bool


def _apply(paper: Paper, found: FeedPaper, day: date, seen_at: datetime, listed_later: bool) -> _Change:
    """Bring a known paper up to date."""
    numbers, first_day = [getattr(paper, name) for name in NUMBERS], paper.listed_on
    paper.listed_on = min(paper.listed_on, day)
    if listed_later:
        _take_over(paper, found, only_gaps=True)
    elif seen_at >= paper.seen_at:
        _take_over(paper, found)
        paper.seen_at = seen_at
    now = [getattr(paper, name) for name in NUMBERS]
    return _Change(numbers=now != numbers, first_day=paper.listed_on != first_day)


def _take_over(paper: Paper, found: FeedPaper, *, only_gaps: bool = False) -> None:
    """What the feed told replaces what was known (or only fills its gaps); what it didn't tell stays."""
    for name in FACTS:
        known, value = getattr(paper, name), getattr(found, name)
        value = list(value) if isinstance(value, tuple) else value
        if value is not None and value != known and not (only_gaps and known not in (None, "")):
            setattr(paper, name, value)
    if found.organization and not (only_gaps and paper.organization_name):
        paper.organization_name = found.organization.name
    if found.authors and not (only_gaps and paper.authors):
        _take_over_authors(paper, found.authors)


def _take_over_authors(paper: Paper, found: Sequence[FeedAuthor]) -> None:
    """Place by place, so that one changed status among hundreds of authors writes one row."""
    for position, author in enumerate(found):
        if position == len(paper.authors):
            paper.authors.append(Author(paper_id=paper.id, position=position))
        for name, value in author:
            value = dict(value) if isinstance(value, Mapping) else value
            if value != getattr(paper.authors[position], name):
                setattr(paper.authors[position], name, value)
    del paper.authors[len(found) :]


async def _store_signals(session: WriteSession, papers: Sequence[Paper]) -> None:
    """A row for each paper whose numbers moved."""
    rows = [
        {"paper_id": p.id, "at": p.seen_at} | {name: getattr(p, name) for name in NUMBERS} for p in papers
    ]
    if not rows:
        return
    new = postgresql.insert(Signal)
    told = {name: getattr(new.excluded, name) for name in NUMBERS}
    upsert = new.on_conflict_do_update(index_elements=["paper_id", "at"], set_=told)
    await session.execute(upsert, rows)


async def _reheat(session: WriteSession, papers: Sequence[Paper], *, half_life: timedelta) -> None:
    """Each paper's heat, from all its signals."""
    histories = await vote_histories(session, [paper.id for paper in papers])
    for paper in papers:
        paper.heat = heat(histories[paper.id], listed_on=paper.listed_on, half_life=half_life)


async def vote_histories(session: WriteSession, ids: Sequence[str]) -> dict[str, list[Votes]]:
    """Each paper's upvotes as they were read, in order of time."""
    query = select(Signal.paper_id, Signal.at, Signal.upvotes).where(Signal.paper_id.in_(ids))
    histories: dict[str, list[Votes]] = {key: [] for key in ids}
    for key, at, upvotes in await session.execute(query.order_by(Signal.paper_id, Signal.at)):
        histories[key].append(Votes(at, upvotes))
    return histories


async def _store_listings(
    session: WriteSession, papers: Iterable[FeedPaper], *, feed: str, day: date, seen_at: datetime
) -> None:
    """A paper that left the list later stays listed: readers have seen it there."""
    rows = [
        {
            "day": day,
            "feed": feed,
            "paper_id": paper.id,
            "first_seen_at": seen_at,
            **paper.listing.model_dump(),
        }
        for paper in papers
    ]
    if not rows:
        return
    new = postgresql.insert(Listing)
    names = ("submitted_at", "submitter", "submitter_organization")
    told = {name: func.coalesce(getattr(new.excluded, name), getattr(Listing, name)) for name in names}
    upsert = new.on_conflict_do_update(
        index_elements=["day", "feed", "paper_id"], set_=told, where=_differs(Listing, told)
    )
    await session.execute(upsert, rows)


async def remove_sample(session: WriteSession) -> None:
    """The sample edition gives way to the first real one, even to one that comes at the same moment."""
    await one_writer_at_a_time(session)
    samples = select(Listing.paper_id).where(Listing.feed == SAMPLE)
    await session.execute(delete(Paper).where(Paper.id.in_(samples)))
