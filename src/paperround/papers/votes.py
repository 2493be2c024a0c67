"""Readers' votes, and heat computed from the votes of the feed and of readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Integer, Text, any_, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from paperround.database import WriteSession
from paperround.papers.heat import VoteCount, heat
from paperround.papers.tables import Paper, Signal, Upvote
from paperround.reads import Asked, Read, RoundTrip

# Locks the reader before the papers, in the same order as the code that deletes a reader.
LOCK_READER: Final = text("SELECT id FROM readers WHERE id = :reader FOR KEY SHARE")


async def add_upvote(
    session: WriteSession, reader_id: int, paper_id: str, *, now: datetime, half_life: timedelta
) -> bool:
    """Add the reader's vote for a paper. Returns whether it was added.

    Returns False when the vote already stood, the paper is unknown or the reader has just left.
    """
    if not await session.scalar(LOCK_READER, {"reader": reader_id}) or not await _lock(session, [paper_id]):
        return False
    vote = insert(Upvote).values(paper_id=paper_id, reader_id=reader_id, at=now)
    new_id = await session.scalar(vote.on_conflict_do_nothing().returning(Upvote.paper_id))
    if new_id is not None:
        await _recount(session, [paper_id], half_life=half_life)
    return new_id is not None


async def remove_upvote(
    session: WriteSession, reader_id: int, paper_id: str, *, half_life: timedelta
) -> bool:
    """Remove the reader's vote for a paper, also from its heat. Returns whether there was one."""
    await _lock(session, [paper_id])
    vote = delete(Upvote).where(Upvote.paper_id == paper_id, Upvote.reader_id == reader_id)
    removed_id = await session.scalar(vote.returning(Upvote.paper_id))
    if removed_id is not None:
        await _recount(session, [paper_id], half_life=half_life)
    return removed_id is not None


async def remove_all_upvotes(session: WriteSession, reader_id: int, *, half_life: timedelta) -> None:
    """Remove all votes of a reader who leaves. The caller holds the lock of the reader's row."""
    ids = list(await session.scalars(select(Upvote.paper_id).where(Upvote.reader_id == reader_id)))
    await _lock(session, ids)
    await session.execute(delete(Upvote).where(Upvote.reader_id == reader_id))
    await _recount(session, ids, half_life=half_life)


UPVOTED: Final = Read(
    select(Upvote.paper_id).where(
        Upvote.reader_id == bindparam("reader_id", type_=Integer),
        Upvote.paper_id == any_(bindparam("ids", type_=ARRAY(Text))),
    ),
    str,
)


def ask_upvoted_ids(trip: RoundTrip, reader_id: int, paper_ids: Sequence[str]) -> Asked[frozenset[str]]:
    """Ask which of these papers the reader has voted for."""
    return trip.ask(UPVOTED, {"reader_id": reader_id, "ids": list(paper_ids)}, frozenset)


async def compute_heats(
    session: WriteSession, listed_on: Mapping[str, date], *, half_life: timedelta
) -> dict[str, float]:
    """Compute the heat of papers. `listed_on` maps paper ids to the day of their first listing.

    The caller holds the locks of the papers' rows.
    """
    feed_votes = await _load_feed_votes(session, list(listed_on))
    local_votes = await _load_local_votes(session, list(listed_on))
    return {
        paper_id: heat(feed_votes[paper_id], local_votes[paper_id], listed_on=day, half_life=half_life)
        for paper_id, day in listed_on.items()
    }


async def _load_feed_votes(session: WriteSession, ids: Sequence[str]) -> dict[str, list[VoteCount]]:
    """Load the totals of each paper's upvotes on the feed, in order of time."""
    query = select(Signal.paper_id, Signal.at, Signal.upvotes).where(Signal.paper_id.in_(ids))
    votes_by_paper: dict[str, list[VoteCount]] = {paper_id: [] for paper_id in ids}
    for row in await session.execute(query.order_by(Signal.paper_id, Signal.at)):
        votes_by_paper[row.paper_id].append(VoteCount(at=row.at, number=row.upvotes))
    return votes_by_paper


async def _load_local_votes(session: WriteSession, ids: Sequence[str]) -> dict[str, list[VoteCount]]:
    query = select(Upvote.paper_id, Upvote.at).where(Upvote.paper_id.in_(ids))
    votes_by_paper: dict[str, list[VoteCount]] = {paper_id: [] for paper_id in ids}
    for row in await session.execute(query):
        votes_by_paper[row.paper_id].append(VoteCount(at=row.at, number=1))
    return votes_by_paper


async def _lock(session: WriteSession, ids: Sequence[str]) -> int:
    """Lock papers in the order that all code uses. Returns how many exist."""
    rows = select(Paper.id).where(Paper.id.in_(ids)).order_by(Paper.id)
    return len((await session.scalars(rows.with_for_update(key_share=True))).all())


async def _recount(session: WriteSession, ids: Sequence[str], *, half_life: timedelta) -> None:
    days = await session.execute(select(Paper.id, Paper.listed_on).where(Paper.id.in_(ids)))
    heats = await compute_heats(session, dict(days.all()), half_life=half_life)
    local_votes = await _load_local_votes(session, list(heats))
    rows = [
        {"id": paper_id, "local_upvotes": len(local_votes[paper_id]), "heat": new_heat}
        for paper_id, new_heat in heats.items()
    ]
    if rows:
        await session.execute(update(Paper), rows)
