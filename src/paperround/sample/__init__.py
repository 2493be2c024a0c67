"""The sample edition: invented papers, shown while no feed could be read, gone with the first real list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from typing import Any, Final

import structlog
from sqlalchemy import exists, select

from paperround import queue
from paperround.database import ReadSession, WriteSession
from paperround.feeds.huggingface import record as huggingface_record
from paperround.feeds.ingestion import IngestionPolicy
from paperround.feeds.tables import Reading, ReadingOutcome
from paperround.papers import catalogue
from paperround.papers.tables import Listing, Paper
from paperround.reads import Asked, Read, RoundTrip, answer, only

logger = structlog.get_logger(__name__)


IS_SHOWN: Final = Read(select(exists().where(Listing.feed == catalogue.SAMPLE_FEED)), bool)


def ask_whether_shown(trip: RoundTrip) -> Asked[bool]:
    return trip.ask(IS_SHOWN, {}, only)


async def is_shown(session: ReadSession) -> bool:
    return await answer(session, ask_whether_shown)


async def show_if_empty(session: WriteSession, rules: IngestionPolicy, *, now: datetime) -> bool:
    """Store the sample when the catalogue is empty and no feed could be read yet; whether it was."""
    if not await _is_wanted(session):  # as nearly always; asked before the lock, for intake may hold it long
        return False
    await catalogue.lock_catalogue(session)
    if not await _is_wanted(session):
        return False
    for offset, records in sorted(_by_day().items(), reverse=True):
        day = now.date() - timedelta(days=offset)
        papers = [huggingface_record.parse_record(_shift_dates(record, day)) for record in records]
        seen_at = min(datetime.combine(day, time(12), tzinfo=now.tzinfo), now)
        await catalogue.store_papers(
            session, papers, feed=catalogue.SAMPLE_FEED, day=day, seen_at=seen_at, half_life=rules.half_life
        )
    await queue.defer(session, "embed_papers", queueing_lock="embed_papers")
    logger.warning("no feed could be read and there are no papers yet: showing the sample edition")
    return True


async def _is_wanted(session: ReadSession) -> bool:
    empty = ~exists().select_from(Paper)
    failed = exists().where(Reading.outcome == ReadingOutcome.failed)
    return bool(await session.scalar(select(empty & failed)))


def _by_day() -> dict[int, list[Mapping[str, Any]]]:
    records = json.loads((files(__name__) / "papers.json").read_text(encoding="utf-8"))
    days: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        days.setdefault(record["day"], []).append(record)
    return days


def _shift_dates(record: Mapping[str, Any], day: date) -> dict[str, Any]:
    """The record with the times that the hub would give, counted from its day."""
    published = f"{day - timedelta(days=record['published'])}T00:00:00.000Z"
    submitted = f"{day}T{record['submitted']}:00.000Z"
    paper = {**record["paper"], "publishedAt": published, "submittedOnDailyAt": submitted}
    return {**record, "publishedAt": published, "paper": paper}
