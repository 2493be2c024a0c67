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
    language: Mapped[str | None] = mapped_column(
        Text, comment="of summaries and abstracts; NULL: as they are"
    )
    interface_language: Mapped[str | None] = mapped_column(
        Text,
        comment="of pages and mail; NULL: what the browser prefers, and in mail what the subscription says",
    )
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(comment="when they last looked")
    visited_at: Mapped[datetime] = mapped_column(
        comment="end of the visit before: what is newer is new to them"
    )

    @property
    def was_here(self) -> bool:
        """Whether there was a visit before this one."""
        return self.visited_at > self.created_at


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
    interface_language: Mapped[str | None] = mapped_column(Text, comment="of its mail; NULL: English")
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


class NoticeKind(enum.StrEnum):
    """What a notice tells. Its mail's template has the same name."""

    changed = "changed"  # to the earlier address, which can undo it
    confirmed = "confirmed"  # to the address that the account has now
    undone = "undone"  # to the address that the account had in between


class AddressNotice(Base):
    """A mail about a change of a reader's address."""

    __tablename__ = "address_notices"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"))
    kind: Mapped[NoticeKind] = mapped_column(
        Enum(NoticeKind, native_enum=False, length=10, create_constraint=False)
    )
    email: Mapped[str] = mapped_column(Text, comment="who is told")
    other_email: Mapped[str] = mapped_column(Text, comment="of the other side of the change")
    made_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(comment="of the mail; NULL: sent")
    token_hash: Mapped[str | None] = mapped_column(
        Text, unique=True, comment="of the link that undoes the change"
    )
    ended_at: Mapped[datetime | None] = mapped_column(comment="of that link")

    __table_args__ = (
        Index("address_notices_reader_id_idx", "reader_id"),
        Index("address_notices_due_at_idx", "due_at"),
        Index("address_notices_made_at_idx", "made_at"),
        CheckConstraint("kind IN ('changed', 'confirmed', 'undone')", name="kind"),
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
