"""What topics matched in past weeks: stored matches by day for a reader, and by week for a topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Date, cast, func, select

from paperround.database import ReadSession
from paperround.topics.queries import decode_match
from paperround.topics.reader_matches import TopicMatch
from paperround.topics.tables import Topic, TopicDay

MAX_TOPICS: Final = 200  # of a reader, on each day
MAX_PAPERS: Final = 20  # of a day, the surest


class WeekCount(NamedTuple):
    """The matches of a topic in the week that begins on `first`. None: no day of it was matched."""

    first: date
    matches: int | None


@dataclass(frozen=True)
class PastDay:
    """A day's matches of all topics of a reader, the surest first, each paper once."""

    day: date
    matches: Sequence[TopicMatch]
    total: int


async def count_weeks(
    session: ReadSession, topic_id: int, last_day: date, *, weeks: int
) -> Sequence[WeekCount]:
    """Count the stored matches of a topic in each week up to that of `last_day`, in order of time."""
    last = last_day - timedelta(days=last_day.weekday())
    starts = [last - timedelta(days=7 * number) for number in reversed(range(weeks))]
    week = cast(func.date_trunc("week", TopicDay.day), Date).label("week")
    query = select(week, func.sum(func.jsonb_array_length(TopicDay.matches))).where(
        TopicDay.topic_id == topic_id, TopicDay.day.between(starts[0], last_day)
    )
    counts: Mapping[date, int] = dict((await session.execute(query.group_by(week))).all())
    return [WeekCount(start, counts.get(start)) for start in starts]


async def list_past_days(
    session: ReadSession, reader_id: int, *, before: date | None, limit: int
) -> Sequence[PastDay]:
    """List the latest days, before a day if one is given, on which topics of a reader matched something.

    Matches are as they were stored, whatever became of the topic since.
    """
    of_reader = select(TopicDay.day).join(Topic, Topic.id == TopicDay.topic_id)
    matched = of_reader.where(Topic.reader_id == reader_id, func.jsonb_array_length(TopicDay.matches) > 0)
    if before is not None:
        matched = matched.where(TopicDay.day < before)
    latest = matched.distinct().order_by(TopicDay.day.desc()).limit(limit)
    days = (await session.scalars(latest)).all()
    has_fits = TopicDay.fits_hash == TopicDay.papers_hash
    rows = (
        select(TopicDay.day, Topic.id, Topic.name, TopicDay.matches, TopicDay.fits)
        .join(Topic, Topic.id == TopicDay.topic_id)
        .where(Topic.reader_id == reader_id, TopicDay.day.in_(days), has_fits)
        .order_by(Topic.position, Topic.id)
        .limit(MAX_TOPICS * limit)
    )
    found: dict[date, list[TopicMatch]] = {day: [] for day in days}
    for day, topic_id, name, matches, fits in await session.execute(rows):
        found[day] += [
            TopicMatch(topic_id, name, decode_match(stored, fit))
            for stored, fit in zip(matches, fits, strict=True)
        ]
    return [_build_day(day, matches) for day, matches in found.items()]


def _build_day(day: date, matches: Sequence[TopicMatch]) -> PastDay:
    best: dict[str, TopicMatch] = {}
    for found in sorted(matches, key=lambda one: -one.match.fit):
        best.setdefault(found.match.paper_id, found)
    return PastDay(day, list(best.values())[:MAX_PAPERS], len(best))
