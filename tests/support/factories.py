"""Invented records in the hub's form, and invented papers in ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.feeds.huggingface import record as huggingface_record
from paperround.papers import catalogue

HALF_LIFE = timedelta(hours=24)


def at(text: str) -> datetime:
    """`2026-03-02 08:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def item(paper_id: str = "2603.00001", **changes: Any) -> dict[str, Any]:
    """A record of the daily list. `paper__NAME=value` changes its inner object; `...` takes a field away."""
    record: dict[str, Any] = {
        "paper": {
            "id": paper_id,
            "authors": [
                {"_id": "a1", "name": "Ada Lindqvist", "hidden": False},
                {"_id": "a2", "name": "Benedikt Åström", "hidden": False},
            ],
            "publishedAt": "2026-03-01T17:00:00.000Z",
            "title": f"Patient Gradients, Part {paper_id}",
            "summary": f"We wait for gradients and they come. This is abstract {paper_id}.",
            "upvotes": 7,
            "discussionId": "d1",
        },
        "publishedAt": "2026-03-01T12:00:00.000Z",
        "title": f"Patient Gradients, Part {paper_id}",
        "summary": f"We wait for gradients and they come. This is abstract {paper_id}.",
        "numComments": 2,
        "submittedBy": {"_id": "u1", "name": "ada", "fullname": "Ada L.", "type": "user", "isPro": False},
    }
    for name, value in changes.items():
        target, key = (record["paper"], name[7:]) if name.startswith("paper__") else (record, name)
        if value is ...:
            target.pop(key, None)
        else:
            target[key] = value
    return record


async def listed(
    database: Database,
    day: str,
    *records: dict[str, Any],
    feed: str = "huggingface",
    seen_at: datetime | None = None,
) -> catalogue.Stored:
    """Put records on a day's list, as if read at `seen_at` (by default at noon of that day)."""
    async with database.writing() as session:
        return await catalogue.store(
            session,
            [huggingface_record.read(record) for record in records],
            feed=feed,
            day=date.fromisoformat(day),
            seen_at=seen_at or at(f"{day} 12:00"),
            half_life=HALF_LIFE,
        )


async def reader(database: Database, email: str, name: str = "") -> Reader:
    """A reader who signed in on the first of March; the same one when asked for again."""
    async with database.writing() as session:
        known = await session.scalar(select(Reader).where(Reader.email == email))
        if known is None:
            first = at("2026-03-01 08:00")
            known = Reader(
                email=email, name=name, time_zone="UTC", created_at=first, seen_at=first, visited_at=first
            )
            session.add(known)
        return known
