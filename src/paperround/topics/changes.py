"""Notes that what topics match has changed, and asks for them to be matched again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Interval, func, literal, update

from paperround import queue
from paperround.database import WriteSession
from paperround.topics.tables import Topic

SHORTEST_STEP: Final = literal(timedelta(microseconds=1), Interval)  # between two changes of a topic


async def mark_changed(session: WriteSession, topic_ids: Collection[int], *, now: datetime) -> None:
    """Note a change of topics. Their rows are locked, so that changes at once take turns.

    Each change has a later time than the one before, whatever our clock says: matches are of the topic as it
    was at such a time.
    """
    changed = func.greatest(now, Topic.changed_at + SHORTEST_STEP)
    await session.execute(update(Topic).where(Topic.id.in_(topic_ids)).values(changed_at=changed))


async def request_matching(session: WriteSession) -> None:
    """Queue matching.

    Pages match a topic that has just changed by themselves; this spares them the next time.
    """
    await queue.defer(session, "match_topics", queueing_lock="match_topics")
