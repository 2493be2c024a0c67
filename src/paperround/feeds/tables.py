"""The tables of feeds: readings, the schedule of days, records and the quarantine."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Enum, ForeignKeyConstraint, Identity, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class ReadingOutcome(enum.StrEnum):
    """The outcome of a reading."""

    clean = "clean"
    partial = "partial"  # some records went into quarantine
    empty = "empty"
    failed = "failed"  # nothing changed


class Feed(Base):
    """A feed that we follow, and the first day of it that we read."""

    __tablename__ = "feeds"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    follows_from: Mapped[date]


class FeedDay(Base):
    """A feed's list of one day. It is due when `next_try_at` has come, and settled when that is NULL."""

    __tablename__ = "feed_days"

    feed: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    next_try_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0, comment="failed readings in a row")
    repairs: Mapped[int] = mapped_column(
        Integer, default=0, comment="readings in a row that left records unreadable"
    )
    read_at: Mapped[datetime | None] = mapped_column(comment="last reading that did not fail")

    __table_args__ = (
        Index("feed_days_due_idx", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
    )


class Reading(Base):
    """One attempt to read a feed's list of a day.

    `error` says why it failed or, where it didn't, what the list lacks yet.
    """

    __tablename__ = "readings"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    feed: Mapped[str] = mapped_column(Text)
    day: Mapped[date]
    at: Mapped[datetime]
    outcome: Mapped[ReadingOutcome] = mapped_column(
        Enum(ReadingOutcome, native_enum=False, length=16, name="outcome", create_constraint=False)
    )
    papers: Mapped[int] = mapped_column(Integer, default=0, comment="records that were read")
    quarantined: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("outcome IN ('clean', 'partial', 'empty', 'failed')", name="outcome"),
        ForeignKeyConstraint(["feed", "day"], ["feed_days.feed", "feed_days.day"], name="readings_day_fkey"),
        Index("readings_day_idx", "feed", "day", "at"),
        Index("readings_at_idx", "feed", "at"),
    )


class FeedRecord(Base):
    """The record of a listing as the feed last sent it.

    The column is JSON, because JSONB would reorder keys and reject some records.
    """

    __tablename__ = "records"

    feed: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    paper_id: Mapped[str] = mapped_column(Text, primary_key=True)
    content: Mapped[Any] = mapped_column(JSON)
    content_hash: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["day", "feed", "paper_id"],
            ["listings.day", "listings.feed", "listings.paper_id"],
            ondelete="CASCADE",
            name="records_listing_fkey",
        ),
    )


class QuarantinedRecord(Base):
    """A record that could not be read. It is kept whole, once per feed, day and content."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    feed: Mapped[str] = mapped_column(Text)
    day: Mapped[date]
    content_hash: Mapped[str] = mapped_column(Text)
    content: Mapped[Any] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text)
    paper_id: Mapped[str | None] = mapped_column(Text, comment="its paper, where the record still tells")
    times_seen: Mapped[int] = mapped_column(Integer, default=1)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None] = mapped_column(comment="when a later reading was good")

    __table_args__ = (
        Index("quarantine_content_key", "feed", "day", "content_hash", unique=True),
        Index("quarantine_open_idx", "feed", "day", postgresql_where=text("resolved_at IS NULL")),
    )
