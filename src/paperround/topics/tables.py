"""Topics, their examples and ratings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from paperround.database import Base

NO_WORDS = text("'{}'::text[]")


class Topic(Base):
    """What a reader wants to follow: their own words, examples, and rules that come before any score."""

    __tablename__ = "topics"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text, comment="what the reader calls it")
    words: Mapped[str] = mapped_column(
        Text, default="", server_default="", comment="in the reader's own words"
    )
    must: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=NO_WORDS)
    must_not: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=NO_WORDS)
    authors: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=NO_WORDS)
    daily: Mapped[int] = mapped_column(
        SmallInteger, default=5, server_default=text("5"), comment="how many papers a day are enough"
    )
    position: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    paused: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    feed_key_hash: Mapped[str | None] = mapped_column(Text, unique=True, comment="opens its Atom feed")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(
        comment="of anything that changes what it matches, ratings too"
    )

    examples: Mapped[list[TopicExample]] = relationship(
        lazy="raise", cascade="all, delete-orphan", passive_deletes=True
    )
    ratings: Mapped[list[Rating]] = relationship(
        lazy="raise", cascade="all, delete-orphan", passive_deletes=True
    )

    __table_args__ = (
        Index("topics_reader_id_idx", "reader_id", "position"),
        CheckConstraint("daily BETWEEN 1 AND 50", name="daily"),
    )


class TopicExample(Base):
    """A paper that the reader gave as what they mean."""

    __tablename__ = "topic_examples"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index("topic_examples_paper_id_idx", "paper_id"),)


class Rating(Base):
    """More (+1) or less (−1) on a paper, within a topic."""

    __tablename__ = "ratings"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[int] = mapped_column(SmallInteger)
    rated_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("value IN (-1, 1)", name="value"),
        Index("ratings_paper_id_idx", "paper_id"),
    )
