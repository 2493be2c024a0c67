"""The table of what readers follow."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Identity, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class FollowKind(enum.StrEnum):
    """What can be followed."""

    author = "author"
    organization = "organization"
    venue = "venue"
    keyword = "keyword"


class Follow(Base):
    """One author, organization, venue or keyword that a reader follows. `key` is what papers are found by."""

    __tablename__ = "follows"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"))
    kind: Mapped[FollowKind] = mapped_column(
        Enum(FollowKind, native_enum=False, length=16, create_constraint=False)
    )
    key: Mapped[str] = mapped_column(Text, comment="its name in one form, by which papers are found")
    name: Mapped[str] = mapped_column(Text, comment="as it stood where the reader followed it")
    followed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("reader_id", "kind", "key"),
        CheckConstraint("kind IN ('author', 'organization', 'venue', 'keyword')", name="kind"),
    )
