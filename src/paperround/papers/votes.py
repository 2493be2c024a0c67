"""Readers' own votes; and heat, from all votes that stand, the feed's and theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.papers.heat import Votes, heat
from paperround.papers.tables import Paper, Signal, Upvote

# A reader who leaves locks their own row, then those of the papers: in the same order here.
STILL_HERE: Final = text("SELECT id FROM readers WHERE id = :reader FOR KEY SHARE")


async def upvote(
    session: WriteSession, reader_id: int, paper_id: str, *, now: datetime, half_life: timedelta
) -> bool:
    """Count the reader's vote, once however often it is given; whether it is new.

    False too for a paper that isn't here, or a reader who has just left.
    """
    if not await session.scalar(STILL_HERE, {"reader": reader_id}) or not await _lock(session, [paper_id]):
        return False
    mine = insert(Upvote).values(paper_id=paper_id, reader_id=reader_id, at=now)
    given = await session.scalar(mine.on_conflict_do_nothing().returning(Upvote.paper_id))
    if given is not None:
        await _recount(session, [paper_id], half_life=half_life)
    return given is not None


async def take_back(session: WriteSession, reader_id: int, paper_id: str, *, half_life: timedelta) -> bool:
    """Everything is as if the vote had never been given; whether there was one."""
    await _lock(session, [paper_id])
    mine = delete(Upvote).where(Upvote.paper_id == paper_id, Upvote.reader_id == reader_id)
    taken = await session.scalar(mine.returning(Upvote.paper_id))
    if taken is not None:
        await _recount(session, [paper_id], half_life=half_life)
    return taken is not None


async def take_back_all(session: WriteSession, reader_id: int, *, half_life: timedelta) -> None:
    """For a reader who leaves. Their row must be locked, so that no vote comes meanwhile."""
    ids = list(await session.scalars(select(Upvote.paper_id).where(Upvote.reader_id == reader_id)))
    await _lock(session, ids)
    await session.execute(delete(Upvote).where(Upvote.reader_id == reader_id))
    await _recount(session, ids, half_life=half_life)


async def upvoted(session: ReadSession, reader_id: int, paper_ids: Sequence[str]) -> frozenset[str]:
    """For which of these papers the reader has voted."""
    query = select(Upvote.paper_id).where(Upvote.reader_id == reader_id, Upvote.paper_id.in_(paper_ids))
    return frozenset(await session.scalars(query))


async def heats(
    session: WriteSession, listed_on: Mapping[str, date], *, half_life: timedelta
) -> dict[str, float]:
    """The heat of each paper, given with the day it was first listed. Who calls holds their rows' locks."""
    feeds = await _readings(session, list(listed_on))
    local = await _local(session, list(listed_on))
    return {
        key: heat(feeds[key], local[key], listed_on=day, half_life=half_life)
        for key, day in listed_on.items()
    }


async def _readings(session: WriteSession, ids: Sequence[str]) -> dict[str, list[Votes]]:
    """Each paper's upvotes on the feed as they were read, in order of time."""
    query = select(Signal.paper_id, Signal.at, Signal.upvotes).where(Signal.paper_id.in_(ids))
    found: dict[str, list[Votes]] = {key: [] for key in ids}
    for key, at, upvotes in await session.execute(query.order_by(Signal.paper_id, Signal.at)):
        found[key].append(Votes(at, upvotes))
    return found


async def _local(session: WriteSession, ids: Sequence[str]) -> dict[str, list[Votes]]:
    query = select(Upvote.paper_id, Upvote.at).where(Upvote.paper_id.in_(ids))
    found: dict[str, list[Votes]] = {key: [] for key in ids}
    for key, at in await session.execute(query):
        found[key].append(Votes(at, 1))
    return found


async def _lock(session: WriteSession, ids: Sequence[str]) -> int:
    """In the order in which everybody locks papers; how many there are."""
    rows = select(Paper.id).where(Paper.id.in_(ids)).order_by(Paper.id)
    return len((await session.scalars(rows.with_for_update(key_share=True))).all())


async def _recount(session: WriteSession, ids: Sequence[str], *, half_life: timedelta) -> None:
    days = await session.execute(select(Paper.id, Paper.listed_on).where(Paper.id.in_(ids)))
    new = await heats(session, dict(days.all()), half_life=half_life)
    counts = {key: len(votes) for key, votes in (await _local(session, list(new))).items()}
    rows = [{"id": key, "local_upvotes": counts[key], "heat": warmth} for key, warmth in new.items()]
    if rows:
        await session.execute(update(Paper), rows)
