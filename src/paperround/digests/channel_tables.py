"""What a subscription that goes to a channel has besides: where to, and how far it is confirmed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from paperround.channels.address import ChannelKind
from paperround.database import Base
from paperround.digests.tables import Subscription


class Channel(Base):
    """A channel. Its digests are those of its subscription, which has its number."""

    __tablename__ = "channels"

    id: Mapped[int] = mapped_column(
        "subscription_id",
        Integer,
        ForeignKey("subscriptions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    name: Mapped[str] = mapped_column(Text, comment="what its reader calls it")
    kind: Mapped[ChannelKind] = mapped_column(
        Enum(ChannelKind, native_enum=False, length=16, create_constraint=False)
    )
    hint: Mapped[str] = mapped_column(Text, comment="the host or service, which is no secret")
    secrets: Mapped[bytes] = mapped_column(LargeBinary, comment="the address and the signing key, encrypted")
    test_due_at: Mapped[datetime | None] = mapped_column(
        comment="when the message with the code is due; NULL: none is"
    )
    test_attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    test_response: Mapped[str] = mapped_column(
        Text, default="", server_default="", comment="of the other side to the last one"
    )
    code_hash: Mapped[str | None] = mapped_column(Text, comment="of the code that was sent there")
    code_expires_at: Mapped[datetime | None]
    code_attempts: Mapped[int] = mapped_column(
        SmallInteger, default=0, server_default="0", comment="wrong codes that were given"
    )
    stopped_because: Mapped[str] = mapped_column(
        Text, default="", server_default="", comment="why the program stopped it; empty: it didn't"
    )
    notice_due_at: Mapped[datetime | None] = mapped_column(
        comment="when the mail that tells its reader of that is due; NULL: none is"
    )

    subscription: Mapped[Subscription] = relationship(lazy="raise")

    __table_args__ = (
        Index("channels_test_due_at_idx", "test_due_at"),
        Index("channels_notice_due_at_idx", "notice_due_at"),
        CheckConstraint(f"kind IN ({', '.join(repr(kind.value) for kind in ChannelKind)})", name="kind"),
    )
