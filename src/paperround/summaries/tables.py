"""What was written about papers, and what it cost."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class WrittenText:
    """A text by a model, or why none could be had. It belongs to what the paper said then."""

    source_hash: Mapped[str] = mapped_column(String(32), comment="of the title and abstract that were read")
    model: Mapped[str] = mapped_column(Text)
    prompt_version: Mapped[int] = mapped_column(SmallInteger)
    refusal: Mapped[str | None] = mapped_column(String(16), comment="why the last answer was not taken")
    attempts: Mapped[int] = mapped_column(SmallInteger)
    tokens_read: Mapped[int] = mapped_column(Integer, comment="by the model, all attempts")
    tokens_written: Mapped[int] = mapped_column(Integer, comment="by the model, all attempts")
    made_at: Mapped[datetime]


class PaperText(WrittenText, Base):
    """A text about a paper."""

    __tablename__ = "paper_texts"

    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    language: Mapped[str] = mapped_column(String(8), primary_key=True)
    content: Mapped[str | None] = mapped_column(
        Text, comment="with marks for formulas, in a translation; NULL: refused"
    )

    __table_args__ = (
        CheckConstraint("kind IN ('summary', 'translation')", name="kind"),
        CheckConstraint("(content IS NULL) <> (refusal IS NULL)", name="outcome"),
        Index("paper_texts_refusal_idx", "refusal", postgresql_where=text("refusal IS NOT NULL")),
    )


class MatchExplanation(WrittenText, Base):
    """Why a paper matches a topic, in a line. It belongs to what the topic's words were then.

    It is a reader's own, so it goes with their topic. Topics with the same words share what was written.
    """

    __tablename__ = "match_explanations"

    topic_id: Mapped[int] = mapped_column(ForeignKey("topics.id", ondelete="CASCADE"), primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    topic_hash: Mapped[str] = mapped_column(String(32), comment="MD5 of the topic's words that were read")
    language: Mapped[str] = mapped_column(String(8))
    content: Mapped[str | None] = mapped_column(Text, comment="NULL: refused")

    __table_args__ = (
        CheckConstraint("(content IS NULL) <> (refusal IS NULL)", name="outcome"),
        Index("match_explanations_paper_id_idx", "paper_id", "topic_hash"),
    )


class TextDay(Base):
    """What one day (UTC) cost. `papers` is what the daily limit bounds, `explanations` are among them."""

    __tablename__ = "text_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    papers: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    explanations: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    requests: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    tokens_read: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    tokens_written: Mapped[int] = mapped_column(Integer, server_default=text("0"))
