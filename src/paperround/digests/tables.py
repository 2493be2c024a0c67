"""Subscriptions, deliveries, and who is sending right now."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Select,
    SmallInteger,
    Text,
    UniqueConstraint,
    and_,
    case,
    false,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from paperround.accounts.tables import Reader
from paperround.database import Base
from paperround.topics.model.bands import Band


def text_enum(enum_class: type[enum.StrEnum]) -> Enum:
    """Kept as text, so that a new word needs no change of a type."""
    return Enum(enum_class, native_enum=False, length=16, create_constraint=False)


class SubscriptionState(enum.StrEnum):
    pending = "pending"  # asked for, not yet confirmed
    active = "active"
    paused = "paused"
    unsubscribed = "unsubscribed"
    bounced = "bounced"  # its address doesn't work


SUBSCRIPTION_TRANSITIONS: Final[Mapping[SubscriptionState, frozenset[SubscriptionState]]] = {
    SubscriptionState.pending: frozenset({SubscriptionState.active, SubscriptionState.unsubscribed}),
    SubscriptionState.active: frozenset(
        {SubscriptionState.paused, SubscriptionState.unsubscribed, SubscriptionState.bounced}
    ),
    SubscriptionState.paused: frozenset(
        {SubscriptionState.active, SubscriptionState.unsubscribed, SubscriptionState.bounced}
    ),
    SubscriptionState.unsubscribed: frozenset({SubscriptionState.pending}),  # they must confirm again
    SubscriptionState.bounced: frozenset({SubscriptionState.pending, SubscriptionState.unsubscribed}),
}


class Cadence(enum.StrEnum):
    daily = "daily"
    weekdays = "weekdays"
    weekly = "weekly"
    monthly = "monthly"


# Those of which the release before knows the words.
STORED_CADENCES: Final = (Cadence.daily, Cadence.weekdays, Cadence.weekly)


class WhenEmpty(enum.StrEnum):
    skip = "skip"
    note = "note"


class LinkTarget(NamedTuple):
    """The subscription that the links of a message are about.

    Its number alone doesn't tell whose it is: after a restored backup numbers are given out again. So links
    have its nonce too. `address_nonce` is renewed with the address, `nonce` never. Both are empty where the
    subscription is older than nonces are; its links have none.
    """

    id: int
    nonce: str
    address_nonce: str


def generate_nonce() -> str:
    """Generate what tells a row from others that had or get its number. It is not secret."""
    return secrets.token_hex(5)


class Subscription(Base):
    """Where and when a digest goes, and what its reader wants in it.

    That of a channel has a row in `channels` (channel_tables.py), and in `email` a name that is no address.
    """

    __tablename__ = "subscriptions"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True, comment="normalised, as `emails.normalised` does")
    by_channel: Mapped[bool] = mapped_column(
        default=False, server_default="false", comment="its digests go to the channel in `channels`"
    )
    reader_id: Mapped[int | None] = mapped_column(
        ForeignKey("readers.id", ondelete="CASCADE"), comment="whose topics it carries"
    )
    state: Mapped[SubscriptionState] = mapped_column(text_enum(SubscriptionState))
    stored_cadence: Mapped[Cadence] = mapped_column("cadence", text_enum(Cadence), default=Cadence.daily)
    monthly: Mapped[bool] = mapped_column(
        default=False, server_default=false(), comment="once a month, where `cadence` is weekly"
    )
    weekday: Mapped[int] = mapped_column(SmallInteger, default=0, comment="of a weekly one; Monday is 0")
    hour: Mapped[int] = mapped_column(SmallInteger, default=7, comment="in the reader's time zone")
    minute: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0", comment="of that hour")
    time_zone: Mapped[str] = mapped_column(Text, default="UTC")
    interface_language: Mapped[str | None] = mapped_column(
        Text, comment="of its mail, unless its reader chose one; NULL: English"
    )
    trending: Mapped[bool] = mapped_column(default=True)
    topics: Mapped[bool] = mapped_column(default=True)
    max_papers: Mapped[int] = mapped_column("most", SmallInteger, default=10, comment="papers of each part")
    min_band: Mapped[Band | None] = mapped_column(
        Enum(Band, native_enum=False, length=16, create_constraint=False),
        comment="the lowest fit that comes; NULL: what the topics show",
    )
    when_empty: Mapped[WhenEmpty] = mapped_column(text_enum(WhenEmpty), default=WhenEmpty.skip)
    topic_words: Mapped[str] = mapped_column(
        Text, default="", comment="a topic in their own words, made when they confirm"
    )
    asked_at: Mapped[datetime] = mapped_column(comment="the last time that somebody gave this address")
    letter_due_at: Mapped[datetime | None] = mapped_column(
        comment="when the mail that answers to that is due; NULL: sent"
    )
    letter_attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    confirmed_at: Mapped[datetime | None]
    consent_wording: Mapped[str] = mapped_column(
        Text, default="", server_default="", comment="what stood beside the button at `confirmed_at`"
    )
    changed_at: Mapped[datetime] = mapped_column(comment="of the state")
    next_due_at: Mapped[datetime | None] = mapped_column(comment="of the next digest; NULL: none comes")
    nonce: Mapped[str] = mapped_column(
        Text, default=generate_nonce, server_default="", comment="in links that work for good"
    )
    address_nonce: Mapped[str] = mapped_column(
        Text, default=generate_nonce, server_default="", comment="in links for whoever has the address"
    )

    __table_args__ = (
        Index("subscriptions_reader_id_idx", "reader_id"),
        Index("subscriptions_next_due_at_idx", "next_due_at"),
        Index("subscriptions_letter_due_at_idx", "letter_due_at"),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in SubscriptionState)})", name="state"),
        CheckConstraint(f"cadence IN ({', '.join(repr(c.value) for c in STORED_CADENCES)})", name="cadence"),
        CheckConstraint("hour BETWEEN 0 AND 23", name="hour"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("most BETWEEN 1 AND 30", name="most"),
    )

    @hybrid_property
    def cadence(self) -> Cadence:
        """How often digests come. A monthly one is stored as a weekly one with a mark, which the release
        before reads as weekly."""
        is_monthly = self.monthly and self.stored_cadence is Cadence.weekly
        return Cadence.monthly if is_monthly else self.stored_cadence

    @cadence.inplace.setter
    def _set_cadence(self, cadence: Cadence) -> None:
        self.monthly = cadence is Cadence.monthly
        self.stored_cadence = Cadence.weekly if self.monthly else cadence

    @cadence.inplace.expression
    @classmethod
    def _cadence_expression(cls) -> ColumnElement[Cadence]:
        is_monthly = and_(cls.monthly, cls.stored_cadence == Cadence.weekly)
        return case((is_monthly, literal(Cadence.monthly, text_enum(Cadence))), else_=cls.stored_cadence)

    @property
    def link_target(self) -> LinkTarget:
        return LinkTarget(self.id, self.nonce, self.address_nonce)


class DeliveryState(enum.StrEnum):
    """How far a delivery has come."""

    queued = "queued"
    sending = "sending"
    sent = "sent"
    deferred = "deferred"
    failed = "failed"
    uncertain = "uncertain"


class Bounce(enum.StrEnum):
    hard = "hard"
    soft = "soft"
    complaint = "complaint"
    content = "content"  # what was written was refused, not to whom


class Delivery(Base):
    """One digest for one subscription and period; the record of what became of it.

    `started_at` is set just before a message is handed over. A delivery that is `sending` without it was
    never begun; one with it whose sender is gone is in doubt.
    """

    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscriptions.id", ondelete="CASCADE"))
    period: Mapped[date] = mapped_column(comment="the reader's own date on which it was due")
    since: Mapped[date] = mapped_column(comment="the first day whose papers belong to it")
    state: Mapped[DeliveryState] = mapped_column(text_enum(DeliveryState))
    due_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    gives_up_at: Mapped[datetime] = mapped_column(comment="the next one is due then, or it is stale")
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    sender: Mapped[int | None] = mapped_column(BigInteger, comment="who claimed it last")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None] = mapped_column(comment="of its last attempt")
    papers: Mapped[list[str] | None] = mapped_column(ARRAY(Text), comment="in it, at every attempt")
    reasons: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="paper → topic and reasons, where it is there for a topic"
    )
    overview: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="what it says of the lists of its days"
    )
    code: Mapped[int | None] = mapped_column(SmallInteger, comment="of the server's last answer")
    smtp_response: Mapped[str | None] = mapped_column("words", Text, comment="of the server's last answer")
    bounce: Mapped[Bounce | None] = mapped_column(text_enum(Bounce))
    bounced_at: Mapped[datetime | None]

    subscription: Mapped[Subscription] = relationship(lazy="raise")

    __table_args__ = (
        UniqueConstraint("subscription_id", "period", name="deliveries_period_key"),
        Index(
            "deliveries_waiting_idx",
            "next_try_at",
            "id",
            postgresql_where=text("state IN ('queued', 'deferred')"),
        ),
        Index("deliveries_sending_idx", "sender", postgresql_where=text("state = 'sending'")),
        Index("deliveries_due_at_idx", "due_at"),
        Index("deliveries_finished_at_idx", "finished_at"),
        CheckConstraint(f"state IN ({', '.join(repr(p.value) for p in DeliveryState)})", name="state"),
    )


# Of a subscription's mail. A statement joins its reader, if it has one.
MAIL_LANGUAGE: Final = func.coalesce(Reader.interface_language, Subscription.interface_language)


def select_mail_language(subscription_id: InstrumentedAttribute[int] | int) -> Select[str | None]:
    """Select the language of a subscription's mail: its reader's, or else its own."""
    query = select(MAIL_LANGUAGE).select_from(Subscription)
    query = query.outerjoin(Reader, Reader.id == Subscription.reader_id)
    return query.where(Subscription.id == subscription_id)


class Sender(Base):
    """Somebody who sends right now, and when they were last heard of.

    An unlogged table: a crash of the database empties it. The marks of `started_at` and of outcomes don't
    wait for the disk, so after a crash some are lost; a sender that is missing here tells exactly that. What
    it may have begun then stands in `sender_progress`.
    """

    __tablename__ = "senders"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    seen_at: Mapped[datetime]

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)


class SenderProgress(Base):
    """What a sender may have begun. Unlike `senders` it survives a crash of the database.

    A delivery that its sender claimed and that doesn't stand here was not begun.
    """

    __tablename__ = "sender_progress"

    sender: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    may_have_begun: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger), comment="deliveries whose outcome is not written yet"
    )
