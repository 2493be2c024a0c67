"""Loads how the votes of papers changed recently. Two queries serve all papers of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from paperround.database import ReadSession, UtcDateTime
from paperround.papers.heat import VoteCount, listing_time
from paperround.papers.tables import Paper, Signal, Upvote

DAY: Final = timedelta(days=1)
WINDOW: Final = timedelta(days=7)
STEP: Final = timedelta(hours=3)  # a day is a whole number of steps

# Both queries are built once, since building them took as long as running them.
IDS: Final = bindparam("ids", type_=ARRAY(Text))
SINCE: Final = bindparam("since", type_=UtcDateTime())
NOW: Final = bindparam("now", type_=UtcDateTime())


def _steps() -> Select[str, datetime, int, datetime, int]:
    """Select the first and the last signal of each step of the window, earliest step first.

    Signals from before the window count as its first step, so that a paper has at most WINDOW / STEP rows.
    """
    step = func.date_bin(STEP, func.greatest(Signal.at, SINCE), SINCE)
    firsts = func.array_agg(aggregate_order_by(Signal.upvotes, Signal.at))
    lasts = func.array_agg(aggregate_order_by(Signal.upvotes, Signal.at.desc()))
    return (
        select(
            Signal.paper_id,
            func.min(Signal.at).label("first_at"),
            firsts[1].label("first_upvotes"),
            func.max(Signal.at).label("last_at"),
            lasts[1].label("last_upvotes"),
        )
        .where(Signal.paper_id == any_(IDS), Signal.at <= NOW)
        .group_by(Signal.paper_id, step)
        .order_by(Signal.paper_id, step)
    )


STEPS: Final = _steps()
# The number of readers here who voted for each paper.
READERS_VOTES: Final = (
    select(Upvote.paper_id, func.count().label("votes"))
    .where(Upvote.paper_id == any_(IDS), Upvote.at >= SINCE, Upvote.at <= NOW)
    .group_by(Upvote.paper_id)
)


@dataclass(frozen=True)
class VoteHistory:
    """How the votes of a paper changed recently.

    `steps` has the feed's votes over the window: the last number of each step in which it changed, then the
    number at the end of the window. Signals from before the window count at its start. `today` counts the
    votes of the last 24 hours, including those of readers here.
    """

    first_seen_at: datetime
    steps: Sequence[VoteCount]
    today: int


async def load_vote_histories(
    session: ReadSession, papers: Sequence[Paper], *, now: datetime
) -> dict[str, VoteHistory]:
    """Load the vote history of each paper, by id. A paper without any signal has none."""
    rows: dict[str, list[tuple[VoteCount, VoteCount]]] = {}
    parameters = {"ids": [paper.id for paper in papers], "now": now}
    steps = await session.execute(STEPS, parameters | {"since": now - WINDOW})
    for step in steps:
        first = VoteCount(step.first_at, step.first_upvotes)
        rows.setdefault(step.paper_id, []).append((first, VoteCount(step.last_at, step.last_upvotes)))
    reader_votes = await session.execute(READERS_VOTES, parameters | {"since": now - DAY})
    local_votes: dict[str, int] = {row.paper_id: row.votes for row in reader_votes}
    return {
        paper.id: _build_history(paper, rows[paper.id], local_votes.get(paper.id, 0), now)
        for paper in papers
        if paper.id in rows
    }


def _build_history(
    paper: Paper, steps: Sequence[tuple[VoteCount, VoteCount]], local_votes: int, now: datetime
) -> VoteHistory:
    first, _ = steps[0]
    votes = [last for _, last in steps]
    earlier_numbers = [vote.number for vote in votes if vote.at < now - DAY]
    votes_before = earlier_numbers[-1] if earlier_numbers else _count_initial_votes(paper, first, now - DAY)
    return VoteHistory(
        first_seen_at=first.at,
        steps=[
            *(VoteCount(max(at, now - WINDOW), number) for at, number in votes),
            VoteCount(now, votes[-1].number),
        ],
        today=max(0, votes[-1].number - votes_before) + local_votes,
    )


def _count_initial_votes(paper: Paper, first: VoteCount, since: datetime) -> int:
    """Count the votes of the first signal if the paper was listed before `since`, else none.

    They count at the time of the listing, as they do in the paper's heat.
    """
    return first.number if listing_time(paper.listed_on) < since else 0
