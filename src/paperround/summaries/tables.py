"""What was written about papers, and what it cost."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class PaperText(Base):
    """A text about a paper by a model, or why none could be had. It belongs to what the paper said then."""

    __tablename__ = "paper_texts"

    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    source_hash: Mapped[str] = mapped_column(String(32), comment="of the title and abstract that were read")
    model: Mapped[str] = mapped_column(Text)
    prompt_version: Mapped[int] = mapped_column(SmallInteger)
    content: Mapped[str | None] = mapped_column(
        Text, comment="with marks for formulas, in a translation; NULL: refused"
    )
    refusal: Mapped[str | None] = mapped_column(String(16), comment="why the last answer was not taken")
    attempts: Mapped[int] = mapped_column(SmallInteger)
    tokens_read: Mapped[int] = mapped_column(Integer, comment="by the model, all attempts")
    tokens_written: Mapped[int] = mapped_column(Integer, comment="by the model, all attempts")
    made_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("kind IN ('summary', 'translation')", name="kind"),
        CheckConstraint("(content IS NULL) <> (refusal IS NULL)", name="outcome"),
        Index("paper_texts_refusal_idx", "refusal", postgresql_where=text("refusal IS NOT NULL")),
    )


class TextDay(Base):
    """What one day (UTC) cost. `papers` is what the daily limit bounds."""

    __tablename__ = "text_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    papers: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    requests: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    tokens_read: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    tokens_written: Mapped[int] = mapped_column(Integer, server_default=text("0"))
