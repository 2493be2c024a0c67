"""Loads how the votes of papers changed recently. One query serves all papers of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Text, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from paperround.database import UtcDateTime
from paperround.papers.heat import VoteCount, listing_time
from paperround.papers.rows import PaperRow
from paperround.papers.tables import Signal, Upvote
from paperround.reads import Asked, Read, RoundTrip

DAY: Final = timedelta(days=1)
WINDOW: Final = timedelta(days=7)
STEP: Final = timedelta(hours=3)  # a day is a whole number of steps

# The query is built once, since building it took as long as running it.
IDS: Final = bindparam("ids", type_=ARRAY(Text))
SINCE: Final = bindparam("since", type_=UtcDateTime())
NOW: Final = bindparam("now", type_=UtcDateTime())


DAY_BEFORE: Final = bindparam("day_before", type_=UtcDateTime())


def _steps() -> Select[*tuple[Any, ...]]:
    """Select the first and the last signal of each step of the window, earliest step first.

    Signals from before the window count as its first step, so that a paper has at most WINDOW / STEP rows.
    Each row also has the number of readers here who voted for the paper in the last day.
    """
    step = func.date_bin(STEP, func.greatest(Signal.at, SINCE), SINCE)
    firsts = func.array_agg(aggregate_order_by(Signal.upvotes, Signal.at))
    lasts = func.array_agg(aggregate_order_by(Signal.upvotes, Signal.at.desc()))
    readers = (
        select(Upvote.paper_id, func.count().label("number"))
        .where(Upvote.paper_id == any_(IDS), Upvote.at >= DAY_BEFORE, Upvote.at <= NOW)
        .group_by(Upvote.paper_id)
        .subquery()
    )
    return (
        select(
            Signal.paper_id,
            func.min(Signal.at).label("first_at"),
            firsts[1].label("first_upvotes"),
            func.max(Signal.at).label("last_at"),
            lasts[1].label("last_upvotes"),
            func.coalesce(readers.c.number, 0).label("readers_votes"),
        )
        .outerjoin(readers, readers.c.paper_id == Signal.paper_id)
        .where(Signal.paper_id == any_(IDS), Signal.at <= NOW)
        .group_by(Signal.paper_id, step, readers.c.number)
        .order_by(Signal.paper_id, step)
    )


class VoteStep(NamedTuple):
    """The first and the last signal of a paper within a step of the window, and readers' votes of a day."""

    paper_id: str
    first_at: datetime
    first_votes: int
    last_at: datetime
    last_votes: int
    readers_votes: int


STEPS: Final = Read(_steps(), VoteStep)


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


def ask_vote_histories(
    trip: RoundTrip, papers: Sequence[PaperRow], *, now: datetime
) -> Asked[dict[str, VoteHistory]]:
    """Ask for the vote history of each paper, by id. A paper without any signal has none."""
    parameters = {
        "ids": [paper.id for paper in papers],
        "now": now,
        "since": now - WINDOW,
        "day_before": now - DAY,
    }

    def build(rows: Sequence[VoteStep]) -> dict[str, VoteHistory]:
        steps: dict[str, list[VoteStep]] = {}
        for row in rows:
            steps.setdefault(row.paper_id, []).append(row)
        return {
            paper.id: _build_history(paper, steps[paper.id], now) for paper in papers if paper.id in steps
        }

    return trip.ask(STEPS, parameters, build)


def _build_history(paper: PaperRow, steps: Sequence[VoteStep], now: datetime) -> VoteHistory:
    first, last, since, day_before = steps[0], steps[-1], now - WINDOW, now - DAY
    earlier_numbers = [step.last_votes for step in steps if step.last_at < day_before]
    votes_before = earlier_numbers[-1] if earlier_numbers else _count_initial_votes(paper, first, day_before)
    counts = [VoteCount(max(step.last_at, since), step.last_votes) for step in steps]
    return VoteHistory(
        first_seen_at=first.first_at,
        steps=[*counts, VoteCount(now, last.last_votes)],
        today=max(0, last.last_votes - votes_before) + first.readers_votes,
    )


def _count_initial_votes(paper: PaperRow, first: VoteStep, since: datetime) -> int:
    """Count the votes of the first signal if the paper was listed before `since`, else none.

    They count at the time of the listing, as they do in the paper's heat.
    """
    return first.first_votes if listing_time(paper.listed_on) < since else 0
