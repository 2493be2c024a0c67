"""The quarantine keeps records that could not be read, whole and once per feed, day and content.

A later reading that can read the paper resolves its record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import true, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import WriteSession
from paperround.feeds.tables import QuarantinedRecord


class RejectedRecord(NamedTuple):
    """A record as it came and the reason why it could not be read."""

    content: object
    reason: str
    paper_id: str | None


def hash_content(content: object) -> str:
    """Hash a JSON value with SHA-256. The order of keys does not matter."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def quarantine_records(
    session: WriteSession, rejected: Sequence[RejectedRecord], *, feed: str, day: date, now: datetime
) -> None:
    """Add records to the quarantine. A record that is already there is counted again and reopened."""
    rows = {
        hash_content(record.content): {
            "feed": feed,
            "day": day,
            "content_hash": hash_content(record.content),
            "content": record.content,
            "reason": record.reason,
            "paper_id": record.paper_id,
            "times_seen": 1,
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for record in rejected
    }
    if not rows:
        return
    statement = insert(QuarantinedRecord)
    changes = {
        "times_seen": QuarantinedRecord.times_seen + 1,
        "last_seen_at": now,
        "reason": statement.excluded.reason,
        "resolved_at": None,
    }
    upsert = statement.on_conflict_do_update(index_elements=["feed", "day", "content_hash"], set_=changes)
    await session.execute(upsert, list(rows.values()))


async def resolve_records(
    session: WriteSession, *, feed: str, day: date, good: Collection[str], all_good: bool, now: datetime
) -> None:
    """Resolve the day's records whose paper is in `good`. With `all_good`, resolve all records of the day."""
    is_open = (
        QuarantinedRecord.feed == feed,
        QuarantinedRecord.day == day,
        QuarantinedRecord.resolved_at.is_(None),
    )
    is_readable = true() if all_good else QuarantinedRecord.paper_id.in_(good)
    await session.execute(update(QuarantinedRecord).where(*is_open, is_readable).values(resolved_at=now))
