"""How votes moved of late: two queries for all papers of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from paperround.database import ReadSession, Utc
from paperround.papers.heat import Votes, listing_time
from paperround.papers.tables import Paper, Signal, Upvote

DAY: Final = timedelta(days=1)
WINDOW: Final = timedelta(days=7)
STEP: Final = timedelta(hours=3)  # of the window; a whole number of them makes a day

# Both queries are built once: it took as long as all else of them.
IDS: Final = bindparam("ids", type_=ARRAY(Text))
SINCE: Final = bindparam("since", type_=Utc())
NOW: Final = bindparam("now", type_=Utc())


def _steps() -> Select[str, datetime, int, datetime, int]:
    """The first and the last signal of each step since the window's start, earliest step first. What came
    before it counts as the first step, so that a paper gives at most WINDOW / STEP rows."""
    step = func.date_bin(STEP, func.greatest(Signal.at, SINCE), SINCE)
    firsts = func.array_agg(aggregate_order_by(Signal.upvotes, Signal.at))
    lasts = func.array_agg(aggregate_order_by(Signal.upvotes, Signal.at.desc()))
    return (
        select(Signal.paper_id, func.min(Signal.at), firsts[1], func.max(Signal.at), lasts[1])
        .where(Signal.paper_id == any_(IDS), Signal.at <= NOW)
        .group_by(Signal.paper_id, step)
        .order_by(Signal.paper_id, step)
    )


STEPS: Final = _steps()
# How many readers here voted for each paper.
READERS_VOTES: Final = (
    select(Upvote.paper_id, func.count())
    .where(Upvote.paper_id == any_(IDS), Upvote.at >= SINCE, Upvote.at <= NOW)
    .group_by(Upvote.paper_id)
)


@dataclass(frozen=True)
class Movement:
    """`steps`: the feed's votes over the window, last seen in each step in which they changed, and now. What
    came before the window stands at its start. `today`: how many came in the last 24 hours, readers' own too.
    """

    first_seen_at: datetime
    steps: Sequence[Votes]
    today: int


async def movements(session: ReadSession, papers: Sequence[Paper], *, now: datetime) -> dict[str, Movement]:
    """Of each paper, by id; a paper of which no number was ever seen has none."""
    rows: dict[str, list[tuple[Votes, Votes]]] = {}
    given = {"ids": [paper.id for paper in papers], "now": now}
    steps = await session.execute(STEPS, given | {"since": now - WINDOW})
    for paper_id, first_at, first, last_at, last in steps:
        rows.setdefault(paper_id, []).append((Votes(first_at, first), Votes(last_at, last)))
    own = {row[0]: row[1] for row in await session.execute(READERS_VOTES, given | {"since": now - DAY})}
    return {
        paper.id: _movement(paper, rows[paper.id], own.get(paper.id, 0), now)
        for paper in papers
        if paper.id in rows
    }


def _movement(paper: Paper, steps: Sequence[tuple[Votes, Votes]], own: int, now: datetime) -> Movement:
    first, _ = steps[0]
    votes = [last for _, last in steps]
    before = [vote.number for vote in votes if vote.at < now - DAY]
    votes_before = before[-1] if before else _at_first(paper, first, now - DAY)
    return Movement(
        first_seen_at=first.at,
        steps=[*(Votes(max(at, now - WINDOW), number) for at, number in votes), Votes(now, votes[-1].number)],
        today=max(0, votes[-1].number - votes_before) + own,
    )


def _at_first(paper: Paper, first: Votes, since: datetime) -> int:
    """Votes that were there when the paper was first seen count at its listing, as they do in its heat."""
    return first.number if listing_time(paper.listed_on) < since else 0
