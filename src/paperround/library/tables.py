"""The tables of saved papers and submissions."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Identity, Index, Integer, String, Text, desc, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from paperround.accounts.tables import Reader
from paperround.database import Base


class SavedPaper(Base):
    """A paper on a reader's reading list."""

    __tablename__ = "saved_papers"

    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    saved_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (
        Index("saved_papers_order_idx", "reader_id", desc("saved_at"), "paper_id"),
        Index("saved_papers_paper_id_idx", "paper_id"),
    )


class SubmissionState(enum.StrEnum):
    """The state of a submission."""

    waiting = "waiting"  # to be fetched from arXiv
    listed = "listed"
    failed = "failed"


class Submission(Base):
    """A paper that a reader submitted. It is due when `next_try_at` has come."""

    __tablename__ = "submissions"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"))
    paper_id: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[datetime]
    state: Mapped[SubmissionState] = mapped_column(
        Enum(SubmissionState, native_enum=False, length=8, create_constraint=False)
    )
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default=text("0"))
    next_try_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text, comment="why it failed, in words for the reader")

    reader: Mapped[Reader] = relationship(lazy="raise")

    __table_args__ = (
        Index("submissions_reader_id_idx", "reader_id", "asked_at"),
        Index("submissions_due_idx", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
        CheckConstraint("state IN ('waiting', 'listed', 'failed')", name="state"),
    )
