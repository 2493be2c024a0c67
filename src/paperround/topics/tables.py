"""Topics, their examples and ratings; what matching keeps of the catalogue, of topics and of their days."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    REAL,
    CheckConstraint,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    and_,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from paperround.database import Base
from paperround.topics.model.bands import DEFAULT_MIN_BAND

NO_WORDS = text("'{}'::text[]")


class Topic(Base):
    """A topic that a reader follows: their own words, examples, and rules that precede any score."""

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
    min_band: Mapped[str] = mapped_column(
        String(16),
        default=DEFAULT_MIN_BAND,
        server_default=text("'good'"),
        comment="the lowest that is shown",
    )
    position: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    paused: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    explain: Mapped[bool] = mapped_column(
        default=False,
        server_default=text("false"),
        comment="whether a model may read its words, to say why papers match",
    )
    feed_key_hash: Mapped[str | None] = mapped_column(Text, unique=True, comment="opens its Atom feed")
    library_report: Mapped[dict[str, int] | None] = mapped_column(
        JSONB(none_as_null=True), comment="what became of the last library that was given: counts"
    )
    history_matched_at: Mapped[datetime | None] = mapped_column(
        comment="when it was matched with the editions of past weeks; NULL: not yet"
    )
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
        CheckConstraint("min_band IN ('strong', 'good', 'possible')", name="min_band"),
    )


class TopicExample(Base):
    """A paper that the reader gave as what they mean."""

    __tablename__ = "topic_examples"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index("topic_examples_paper_id_idx", "paper_id"),)


class EntryState(enum.StrEnum):
    """What became of a library's entry that the catalogue does not have."""

    text = "text"  # its own title and abstract are the example
    waiting = "waiting"  # to be fetched from arXiv
    fetched = "fetched"  # title and abstract came from arXiv
    missing = "missing"  # not used; the reason says why


USED_STATES: Final = (EntryState.text, EntryState.fetched)


class LibraryEntry(Base):
    """An entry of the library that a reader gave, which the catalogue does not have."""

    __tablename__ = "topic_library_entries"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(
        Integer, primary_key=True, autoincrement=False, comment="in the order of the file"
    )
    state: Mapped[EntryState] = mapped_column(
        Enum(EntryState, native_enum=False, length=8, create_constraint=False)
    )
    label: Mapped[str] = mapped_column(Text, comment="what the reader would know it by")
    arxiv_id: Mapped[str] = mapped_column(String(40), default="", server_default="")
    title: Mapped[str] = mapped_column(Text, default="", server_default="")
    abstract: Mapped[str] = mapped_column(Text, default="", server_default="")
    reason: Mapped[str] = mapped_column(Text, default="", server_default="", comment="why it is not used")
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    next_try_at: Mapped[datetime | None]
    model_id: Mapped[int | None] = mapped_column(Integer, comment="whose vector it is")
    vector: Mapped[bytes | None] = mapped_column(LargeBinary, comment="half precision; NULL: refused")

    __table_args__ = (
        Index(
            "topic_library_entries_due_idx", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")
        ),
        Index(
            "topic_library_entries_model_id_idx",
            "model_id",
            postgresql_where=text("state IN ('text', 'fetched')"),
        ),
        CheckConstraint("state IN ('text', 'waiting', 'fetched', 'missing')", name="state"),
    )


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


class ReaderJudgment(Base):
    """Whether a paper fits a topic, as a reader said who was asked: 0 no, 1 partly, 2 it fits."""

    __tablename__ = "judgments"

    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    topic_hash: Mapped[str] = mapped_column(String(32), primary_key=True, comment="MD5 of the topic's words")
    topic: Mapped[str] = mapped_column(Text, comment="its words as they were judged")
    grade: Mapped[int] = mapped_column(SmallInteger)
    judged_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("grade BETWEEN 0 AND 2", name="grade"),
        Index("judgments_paper_id_idx", "paper_id"),
    )


class MeasuredCatalogue(Base):
    """One version of the catalogue's statistics; `packed` is what `Statistics.unpacked` reads."""

    __tablename__ = "measured_catalogues"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    measured_at: Mapped[datetime]
    papers: Mapped[int] = mapped_column(
        Integer, comment="in the whole catalogue, with a vector if it has a model"
    )
    model_id: Mapped[int | None] = mapped_column(ForeignKey("embedding_models.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(Text, comment="SHA-256 of what is packed; processes keep it by this")
    packed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    format: Mapped[int] = mapped_column(
        SmallInteger, server_default="1", comment="of what is packed; an older one is measured again"
    )

    __table_args__ = (Index("measured_catalogues_model_id_idx", "model_id"),)


class TopicDirection(Base):
    """A topic as a direction under one version: some hundred numbers.

    It belongs to the topic as it was at `changed_at`; one that is missing or older is made again.
    """

    __tablename__ = "topic_directions"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    measured_id: Mapped[int] = mapped_column(Integer, comment="the version that it is of")
    changed_at: Mapped[datetime]
    packed: Mapped[bytes | None] = mapped_column(
        LargeBinary, comment="NULL: nothing is known of what it likes"
    )
    text_hash: Mapped[str | None] = mapped_column(String(32), comment="of the reader's words, if embedded")
    text_vector: Mapped[bytes | None] = mapped_column(LargeBinary, comment="half precision")


class TopicFit(Base):
    """What a topic's fit needs under one version and one set of constants, as the topic was at `changed_at`.

    It is read of every topic for every edition, so it has a table of its own whose rows hold it themselves.
    """

    __tablename__ = "topic_fits"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    measured_id: Mapped[int] = mapped_column(Integer, comment="the version that it is of")
    changed_at: Mapped[datetime]
    packed: Mapped[bytes] = mapped_column(LargeBinary, comment="begins with the digest of its constants")


class TopicDay(Base):
    """A day's matches with a topic, as the topic was at `changed_at` and the day at `papers_hash`."""

    __tablename__ = "topic_days"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    measured_id: Mapped[int] = mapped_column(Integer, comment="the version that all its scores are of")
    changed_at: Mapped[datetime]
    papers_hash: Mapped[str] = mapped_column(String(32), comment="of the day's papers, texts and vectors")
    matches: Mapped[list[Any]] = mapped_column(JSONB, comment="best first")
    fits: Mapped[list[float] | None] = mapped_column(ARRAY(REAL), comment="of the matches, in their order")
    fits_hash: Mapped[str | None] = mapped_column(
        String(32),
        comment="the papers_hash that the fits belong to; the release before sets that one alone",
    )

    __table_args__ = (Index("topic_days_day_idx", "day"),)


# Whether a topic's stored matches of a day are those of the topic as it is now, with their fits.
MATCHES_ARE_CURRENT: Final = and_(
    TopicDay.topic_id == Topic.id,
    TopicDay.changed_at == Topic.changed_at,
    TopicDay.fits_hash == TopicDay.papers_hash,
)
