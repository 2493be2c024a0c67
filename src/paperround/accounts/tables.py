"""The tables of readers, sign-in links, sessions and API keys. Of every secret only the hash is kept."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Identity, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base


class Reader(Base):
    """Somebody who signed in once. They are known by their address."""

    __tablename__ = "readers"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True, comment="normalised, as `emails.normalised` does")
    name: Mapped[str] = mapped_column(Text, default="", server_default="")
    time_zone: Mapped[str] = mapped_column(Text, default="UTC", server_default="UTC")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(comment="when they last looked")
    visited_at: Mapped[datetime] = mapped_column(
        comment="end of the visit before: what is newer is new to them"
    )


class SignInLink(Base):
    """A link that was requested. Its token is made when it is mailed, and only the hash is kept."""

    __tablename__ = "sign_in_links"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[str | None] = mapped_column(Text, unique=True, comment="NULL: not yet sent")
    reader_id: Mapped[int | None] = mapped_column(
        ForeignKey("readers.id", ondelete="CASCADE"), comment="whose new address it is; NULL: to sign in"
    )
    next: Mapped[str] = mapped_column(Text, default="", server_default="", comment="the page to go to")
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        Index("sign_in_links_expires_at_idx", "expires_at"),
        Index("sign_in_links_reader_id_idx", "reader_id"),
    )


class ReaderSession(Base):
    """A signed-in browser. It stays so until `expires_at`, unless it is not used for a long time."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    earlier_hash: Mapped[str | None] = mapped_column(
        Text, unique=True, comment="of the token before, good for requests under way"
    )
    renewed_at: Mapped[datetime] = mapped_column(comment="when its token was made")
    agent: Mapped[str] = mapped_column(Text, comment="the browser's own words, shortened")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (
        Index("sessions_reader_id_idx", "reader_id"),
        Index("sessions_expires_at_idx", "expires_at"),
    )


class Scope(enum.StrEnum):
    """What an API key may do."""

    read = "read"
    write = "write"  # what may write may also read


class ApiKey(Base):
    """A key with which a program acts in a reader's name."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text, comment="its first characters, to tell keys apart")
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    scope: Mapped[Scope] = mapped_column(Enum(Scope, native_enum=False, length=8, create_constraint=False))
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        Index("api_keys_reader_id_idx", "reader_id"),
        CheckConstraint("scope IN ('read', 'write')", name="scope"),
    )
