"""Builders of feed records, listings and readers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.feeds.huggingface import record as huggingface_record
from paperround.papers import catalogue
from paperround.papers.rows import PaperRow

HALF_LIFE = timedelta(hours=24)


def utc(text: str) -> datetime:
    """Parse a time in UTC such as `2026-03-02 08:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def feed_record(paper_id: str = "2603.00001", /, **changes: Any) -> dict[str, Any]:
    """A record of the hub's daily list.

    `NAME=value` changes a field, `paper__NAME=value` one of its inner object; `...` removes the field.
    """
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


async def store_listing(
    database: Database,
    day: str,
    *records: dict[str, Any],
    feed: str = "huggingface",
    seen_at: datetime | None = None,
) -> catalogue.StoreResult:
    """Store records as a day's list that was read at `seen_at`, by default at noon of that day."""
    async with database.write_session() as session:
        return await catalogue.store_papers(
            session,
            [huggingface_record.parse_record(record) for record in records],
            feed=feed,
            day=date.fromisoformat(day),
            seen_at=seen_at or utc(f"{day} 12:00"),
            half_life=HALF_LIFE,
        )


async def add_reader(database: Database, email: str, name: str = "") -> Reader:
    """Add a reader who signed in on the first of March, or return the one with this address."""
    async with database.write_session() as session:
        reader = await session.scalar(select(Reader).where(Reader.email == email))
        if reader is None:
            signed_in_at = utc("2026-03-01 08:00")
            reader = Reader(
                email=email,
                name=name,
                time_zone="UTC",
                created_at=signed_in_at,
                seen_at=signed_in_at,
                visited_at=signed_in_at,
            )
            session.add(reader)
        return reader


def build_paper(**changes: Any) -> PaperRow:
    """Build a paper that is in no database. `changes` are other values of its columns."""
    fields: dict[str, Any] = {
        "id": "2611.00001",
        "title": "Patient Gradients",
        "abstract": "We wait for gradients and they come.",
        "published_at": datetime(2026, 11, 22, 23, tzinfo=UTC),
        "listed_on": date(2026, 11, 23),
        "seen_at": datetime(2026, 11, 23, 12, tzinfo=UTC),
        "upvotes": 7,
        "author_names": ["Ada Lindqvist", "Benedikt Åström"],
    }
    return PaperRow(**{**fields, **changes})
