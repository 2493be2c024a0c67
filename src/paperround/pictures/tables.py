"""The table of thumbnails. `papers.thumbnail` names the one that is shown."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class Thumbnail(Base):
    """A paper's small picture, or how far the attempts to get one are. It goes with the paper."""

    __tablename__ = "thumbnails"

    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    source_url: Mapped[str] = mapped_column(Text, comment="what was fetched, or is to be")
    attempts: Mapped[int] = mapped_column(SmallInteger)
    next_try_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text, comment="why the last attempt failed")
    name: Mapped[str | None] = mapped_column(String(16), comment="of its content; what its address has")
    webp: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    jpeg: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, deferred_raiseload=True)
    size: Mapped[int] = mapped_column(Integer, default=0, comment="in bytes, of both")

    __table_args__ = (Index("thumbnails_name_idx", "name"),)
