"""Models and vectors."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, Final

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class ModelState(enum.StrEnum):
    filling = "filling"
    current = "current"  # the one that search and similar papers use
    retired = "retired"


class EmbeddingModel(Base):
    __tablename__ = "embedding_models"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    dimensions: Mapped[int] = mapped_column(Integer)
    state: Mapped[ModelState] = mapped_column(
        Enum(ModelState, native_enum=False, length=16, name="state", create_constraint=False)
    )
    created_at: Mapped[datetime]
    query_prefix: Mapped[str] = mapped_column(
        Text, server_default="", comment="goes before what somebody asks or follows"
    )
    paper_prefix: Mapped[str] = mapped_column(
        Text, server_default="", comment="goes before the text of a paper"
    )
    fit_constants: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True),
        comment="made by `paperround fit`; NULL: what we ship for the model, if anything",
    )
    search_constants: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="the same for what a search shows"
    )

    __table_args__ = (
        CheckConstraint("state IN ('filling', 'current', 'retired')", name="state"),
        Index(
            "embedding_models_one_current_idx",
            "state",
            unique=True,
            postgresql_where=text("state = 'current'"),
        ),
    )


class Embedding(Base):
    """A paper's vector under one model, or why there is none yet."""

    __tablename__ = "embeddings"

    model_id: Mapped[int] = mapped_column(
        ForeignKey("embedding_models.id", ondelete="CASCADE"), primary_key=True
    )
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    text_hash: Mapped[str] = mapped_column(String(32), comment="of the text that was embedded")
    vector: Mapped[Any | None] = mapped_column(HALFVEC(), comment="length 1; NULL: refused by the encoder")
    embedded_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(Integer, default=0)  # 0: there is a vector
    error: Mapped[str | None] = mapped_column(Text)
    next_try_at: Mapped[datetime | None]

    __table_args__ = (
        Index("embeddings_paper_id_idx", "paper_id"),
        Index(
            "embeddings_state_idx",
            "model_id",
            "paper_id",
            postgresql_include=["text_hash", "failures", "next_try_at"],
        ),
    )


class ChangedText(Base):
    """A change of what a paper says. Vectors made before it are of another text (`embeddings/state.py`)."""

    __tablename__ = "changed_texts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    paper_id: Mapped[str] = mapped_column(String(40))
    changed_at: Mapped[datetime]


# For counting: that index tells it. Vectors themselves are most of what the table holds.
HAS_VECTOR: Final[ColumnElement[bool]] = Embedding.failures == 0
