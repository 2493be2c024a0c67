"""What can be done with a channel: add, confirm, change, pause, resume and remove it.

Its state is that of its subscription. Every function for readers asks whose the channel is.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import contains_eager

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.channels.address import ChannelAddress, ChannelKind
from paperround.channels.encryption import ChannelSecrets, SecretBox
from paperround.channels.signature import generate_signing_secret
from paperround.database import ReadSession, WriteSession
from paperround.digests import subscriptions
from paperround.digests.channel_tables import Channel
from paperround.digests.consent import CHANNEL_WORDING, OPERATOR_WORDING
from paperround.digests.scheduler import SEND_CHANNELS_JOB
from paperround.digests.subscriptions import SubscriptionPreferences, TransitionNotAllowed
from paperround.digests.tables import Subscription, SubscriptionState
from paperround.errors import PaperroundError
from paperround.i18n.languages import get_language
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.tokens import hash_token

MAX_CHANNELS: Final = 10  # of a reader
MAX_NAME_LENGTH: Final = 60  # characters
MAX_LISTED: Final = 1000
CODE_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none looks like another
CODE_LENGTH: Final = 8
CODE_LIFETIME: Final = timedelta(hours=1)
MAX_WRONG_CODES: Final = 5
# In place of an address. No reader has such a one, and no server takes mail for it.
PLACEHOLDER_PREFIX: Final = "channel:"


class ChannelNotFound(PaperroundError):
    """There is no such channel, or it is somebody else's."""

    title = mark_message("No such channel")
    status = 404


class TooManyChannels(PaperroundError):
    title = mark_message("Too many channels")
    status = 409


@dataclass(frozen=True)
class ChannelDraft:
    """A channel that is to be added. A webhook's signing secret is shown this once."""

    secrets: ChannelSecrets
    encrypted: bytes

    @classmethod
    def build(cls, box: SecretBox, address: ChannelAddress) -> Self:
        signing_secret = generate_signing_secret() if address.kind is ChannelKind.webhook else ""
        secrets = ChannelSecrets(address, signing_secret)
        return cls(secrets, box.encrypt(secrets))


async def add(
    session: WriteSession,
    draft: ChannelDraft,
    name: str,
    preferences: SubscriptionPreferences,
    *,
    reader_id: int,
    now: datetime,
) -> Channel:
    """Add a reader's channel and have a code sent there, which confirms it. Raises `TooManyChannels`."""
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update())
    count = select(func.count()).select_from(Channel).join(Channel.subscription)
    if (await session.scalar(count.where(Subscription.reader_id == reader_id)) or 0) >= MAX_CHANNELS:
        raise TooManyChannels(
            _(
                "You have %(max_channels)s channels, which is the most. Remove one first.",
                max_channels=MAX_CHANNELS,
            )
        )
    channel = await _store(session, draft, name, preferences, reader_id=reader_id, now=now)
    await _order_test(session, channel, now=now)
    return channel


async def add_confirmed(
    session: WriteSession,
    draft: ChannelDraft,
    name: str,
    preferences: SubscriptionPreferences,
    *,
    reader_id: int | None,
    now: datetime,
) -> Channel:
    """Add a channel for the operator, who need not confirm it. Without a reader it carries no topics."""
    channel = await _store(session, draft, name, preferences, reader_id=reader_id, now=now)
    await subscriptions.activate(session, channel.subscription, OPERATOR_WORDING, now=now)
    return channel


async def _store(
    session: WriteSession,
    draft: ChannelDraft,
    name: str,
    preferences: SubscriptionPreferences,
    *,
    reader_id: int | None,
    now: datetime,
) -> Channel:
    subscription = Subscription(
        email=f"{PLACEHOLDER_PREFIX}{secrets.token_hex(16)}",
        by_channel=True,
        reader_id=reader_id,
        interface_language=get_language(),
        state=SubscriptionState.pending,
        asked_at=now,
        changed_at=now,
    )
    subscriptions.apply_preferences(subscription, preferences)
    session.add(subscription)
    await session.flush()
    address = draft.secrets.address
    channel = Channel(
        id=subscription.id,
        subscription=subscription,
        name=name[:MAX_NAME_LENGTH] or address.hint,
        kind=address.kind,
        hint=address.hint,
        secrets=draft.encrypted,
    )
    session.add(channel)
    await session.flush()
    return channel


async def list_of_reader(session: ReadSession, reader_id: int) -> Sequence[Channel]:
    """List a reader's channels, each with its subscription, in the order in which they were added."""
    query = _select().where(Subscription.reader_id == reader_id)
    return (await session.scalars(query.order_by(Channel.id).limit(MAX_CHANNELS))).all()


async def list_all(session: ReadSession) -> Sequence[Channel]:
    """List the channels of the site, each with its subscription."""
    return (await session.scalars(_select().order_by(Channel.id).limit(MAX_LISTED))).all()


async def load(session: ReadSession, reader_id: int, channel_id: int) -> Channel:
    """Load a reader's channel with its subscription. Raises `ChannelNotFound`."""
    return _require(await session.scalar(_select_own(reader_id, channel_id)))


async def confirm(
    session: WriteSession, reader_id: int, channel_id: int, code: str, *, now: datetime
) -> bool:
    """Activate a channel by the code that arrived there. False: it is another code, or too old.

    A code can be tried five times; the count stands only if the caller commits. Raises `ChannelNotFound`,
    `TransitionNotAllowed`.
    """
    channel = await _lock(session, reader_id, channel_id)
    if channel.subscription.state is not SubscriptionState.pending:
        raise TransitionNotAllowed(_("This channel is confirmed already, or was removed."))
    is_open = channel.code_expires_at is not None and now < channel.code_expires_at
    if not is_open or channel.code_hash is None or channel.code_attempts >= MAX_WRONG_CODES:
        return False
    if not hmac.compare_digest(hash_code(channel_id, code), channel.code_hash):
        channel.code_attempts += 1
        return False
    channel.code_hash = channel.code_expires_at = None
    channel.stopped_because = ""
    await subscriptions.activate(session, channel.subscription, CHANNEL_WORDING, now=now)
    return True


async def request_test(session: WriteSession, reader_id: int, channel_id: int, *, now: datetime) -> None:
    """Have a new code sent to a channel that isn't confirmed, or takes nothing any more.

    Raises `ChannelNotFound`, and `TransitionNotAllowed` for one that is on.
    """
    channel = await _lock(session, reader_id, channel_id)
    if channel.subscription.state is not SubscriptionState.pending:
        subscriptions.change_state(channel.subscription, SubscriptionState.pending, now=now)
    channel.subscription.asked_at = now
    await _order_test(session, channel, now=now)


async def change(
    session: WriteSession,
    reader_id: int,
    channel_id: int,
    name: str,
    preferences: SubscriptionPreferences,
    *,
    now: datetime,
) -> None:
    """Change what goes to a channel, and when. Raises `ChannelNotFound`."""
    channel = await _lock(session, reader_id, channel_id)
    channel.name = name[:MAX_NAME_LENGTH] or channel.name
    await subscriptions.change_preferences(session, channel_id, preferences, now=now)


async def pause(session: WriteSession, reader_id: int, channel_id: int, *, now: datetime) -> None:
    """Send nothing until the channel is resumed. Raises `ChannelNotFound`, `TransitionNotAllowed`."""
    await _lock(session, reader_id, channel_id)
    await subscriptions.pause(session, channel_id, until=None, now=now)


async def resume(session: WriteSession, reader_id: int, channel_id: int, *, now: datetime) -> None:
    """End a pause. Raises `ChannelNotFound`, `TransitionNotAllowed`."""
    channel = await _lock(session, reader_id, channel_id)
    channel.stopped_because, channel.notice_due_at = "", None
    await subscriptions.resume(session, channel_id, now=now)


async def remove(session: WriteSession, reader_id: int, channel_id: int) -> None:
    """Delete a channel with its digests. Raises `ChannelNotFound`."""
    await _lock(session, reader_id, channel_id)
    await session.execute(delete(Subscription).where(Subscription.id == channel_id))


async def remove_any(session: WriteSession, channel_id: int) -> None:
    """Delete a channel for the operator, whosever it is. Raises `ChannelNotFound`."""
    gone = delete(Subscription).where(Subscription.id == channel_id, Subscription.by_channel)
    if await session.scalar(gone.returning(Subscription.id)) is None:
        raise ChannelNotFound(_("There is no channel %(channel_id)s.", channel_id=channel_id))


def generate_code() -> str:
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def hash_code(channel_id: int, code: str) -> str:
    """Hash a code, however it is spelt: with blanks, hyphens or small letters."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hash_token(f"{channel_id}:{letters}")


async def _order_test(session: WriteSession, channel: Channel, *, now: datetime) -> None:
    channel.test_due_at, channel.test_attempts, channel.test_response = now, 0, ""
    channel.code_hash = channel.code_expires_at = None
    await session.flush()
    await queue.defer(session, SEND_CHANNELS_JOB, queueing_lock=SEND_CHANNELS_JOB)


def _select() -> Select[Channel]:
    query = select(Channel).join(Channel.subscription)
    return query.options(contains_eager(Channel.subscription))


def _select_own(reader_id: int, channel_id: int) -> Select[Channel]:
    return _select().where(Channel.id == channel_id, Subscription.reader_id == reader_id)


async def _lock(session: WriteSession, reader_id: int, channel_id: int) -> Channel:
    """Lock a reader's channel with its subscription. Raises `ChannelNotFound`."""
    query = _select_own(reader_id, channel_id).with_for_update(of=(Channel, Subscription))
    return _require(await session.scalar(query.execution_options(populate_existing=True)))


def _require(channel: Channel | None) -> Channel:
    if channel is None:
        raise ChannelNotFound(_("There is no such channel, or it was removed."))
    return channel
