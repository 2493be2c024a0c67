"""Records that could not be read: kept whole, once per feed, day and content; closed by a good reading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import true, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import WriteSession
from paperround.feeds.tables import Quarantined


class Refused(NamedTuple):
    """A record as it came, and why it could not be read."""

    content: object
    reason: str
    paper_id: str | None


def content_hash(content: object) -> str:
    """The same for the same JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def set_aside(
    session: WriteSession, refused: Sequence[Refused], *, feed: str, day: date, now: datetime
) -> None:
    rows = {
        content_hash(record.content): {
            "feed": feed,
            "day": day,
            "content_hash": content_hash(record.content),
            "content": record.content,
            "reason": record.reason,
            "paper_id": record.paper_id,
            "times_seen": 1,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for record in refused
    }
    if not rows:
        return
    new = insert(Quarantined)
    again = {
        "times_seen": Quarantined.times_seen + 1,
        "last_seen_at": now,
        "reason": new.excluded.reason,
        "resolved_at": None,
    }
    upsert = new.on_conflict_do_update(index_elements=["feed", "day", "content_hash"], set_=again)
    await session.execute(upsert, list(rows.values()))


async def resolve(
    session: WriteSession, *, feed: str, day: date, good: Collection[str], all_good: bool, now: datetime
) -> None:
    """Close the day's open records whose paper has now been read, or all when the whole list was readable."""
    open_here = (Quarantined.feed == feed, Quarantined.day == day, Quarantined.resolved_at.is_(None))
    read_now = true() if all_good else Quarantined.paper_id.in_(good)
    await session.execute(update(Quarantined).where(*open_here, read_now).values(resolved_at=now))
