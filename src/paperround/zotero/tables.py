"""Tables of connections to readers' Zotero libraries, and of the papers that were put there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class ZoteroConnection(Base):
    """A reader's connection. `next_try_at` is null once Zotero refuses the key."""

    __tablename__ = "zotero_connections"

    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True)
    library: Mapped[str] = mapped_column(Text, comment="users/123 or groups/45")
    library_name: Mapped[str] = mapped_column(Text)
    encrypted_key: Mapped[bytes] = mapped_column(LargeBinary)
    connected_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0", comment="one after another")
    error: Mapped[str | None] = mapped_column(Text)

    collection: Mapped[str | None] = mapped_column(Text, comment="the key of the one that a topic reads")
    topic_id: Mapped[int | None] = mapped_column(ForeignKey("topics.id", ondelete="SET NULL"), index=True)
    collection_version: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    collection_due_at: Mapped[datetime | None]

    __table_args__ = (Index("zotero_connections_next_try_at_idx", "next_try_at"),)


class ZoteroItem(Base):
    """A saved paper that is in the reader's library, or that Zotero refused: then `error` says why."""

    __tablename__ = "zotero_items"

    reader_id: Mapped[int] = mapped_column(
        ForeignKey("zotero_connections.reader_id", ondelete="CASCADE"), primary_key=True
    )
    paper_id: Mapped[str] = mapped_column(
        ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    error: Mapped[str | None] = mapped_column(Text)
