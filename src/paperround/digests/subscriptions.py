"""What can be done with a subscription: request, confirm, change, pause, end and delete it.

No answer tells a stranger whether an address is known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Text, bindparam, delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import queue
from paperround.accounts import sign_in
from paperround.accounts.tables import Reader
from paperround.accounts.time_zones import TimeZoneUnknown, list_time_zones
from paperround.database import ReadSession, WriteSession
from paperround.digests.calendar import DeliverySchedule, find_next_due
from paperround.digests.consent import CONFIRMATION_WORDING, SUBSCRIPTION_WORDING
from paperround.digests.delivery_states import DeliveryEvent, build_delete
from paperround.digests.tables import (
    SUBSCRIPTION_TRANSITIONS,
    Cadence,
    Delivery,
    Subscription,
    SubscriptionState,
    WhenEmpty,
    generate_nonce,
)
from paperround.errors import PaperroundError
from paperround.i18n.languages import get_language
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.reads import Asked, Read, RoundTrip, only
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft, TopicInvalid
from paperround.topics.model.bands import Band

logger = structlog.get_logger(__name__)

SEND_CONFIRMATIONS_JOB: Final = "send_letters"
DEFAULT_TIME_ZONE: Final = "UTC"
RUNNING_STATES: Final = (SubscriptionState.active, SubscriptionState.paused)


class TransitionNotAllowed(PaperroundError):
    """The subscription's state does not allow this. The text says what can be done instead."""

    title = mark_message("That can’t be done now")
    status = 409


class SubscriptionNotFound(PaperroundError):
    """The subscription has been deleted. Whoever holds a link to it may be told so."""

    title = mark_message("Deleted")
    status = 404


@dataclass(frozen=True)
class SubscriptionPreferences:
    """What a reader chooses about their digests. Raises `TimeZoneUnknown`."""

    cadence: Cadence = Cadence.daily
    weekday: int = 0
    hour: int = 7
    time_zone: str = DEFAULT_TIME_ZONE
    trending: bool = True
    topics: bool = True
    max_papers: int = 10
    when_empty: WhenEmpty = WhenEmpty.skip
    minute: int = 0
    min_band: Band | None = None

    def __post_init__(self) -> None:
        if self.time_zone not in list_time_zones():
            raise TimeZoneUnknown(self.time_zone)


def schedule_of(subscription: Subscription) -> DeliverySchedule:
    """Return when the digests of a subscription are due."""
    return DeliverySchedule(
        subscription.cadence,
        subscription.weekday,
        subscription.hour,
        subscription.time_zone,
        subscription.minute,
    )


async def request(
    session: WriteSession,
    email: str,
    preferences: SubscriptionPreferences,
    *,
    topic_words: str = "",
    now: datetime,
) -> None:
    """Have a letter sent to an address, which is normalised, that asks to confirm the subscription.

    A subscription that is running already stays as it is, and the letter says how to change it.
    """
    subscription = await _get_or_create_locked(session, email, now=now)
    if SubscriptionState.pending in SUBSCRIPTION_TRANSITIONS[subscription.state]:
        change_state(subscription, SubscriptionState.pending, now=now)
    if subscription.state is SubscriptionState.pending:
        apply_preferences(subscription, preferences)
        subscription.topic_words = " ".join(topic_words.split())
        subscription.interface_language = get_language()
    subscription.asked_at = now
    subscription.letter_due_at, subscription.letter_attempts = now, 0
    await session.flush()
    await queue.defer(session, SEND_CONFIRMATIONS_JOB, queueing_lock=SEND_CONFIRMATIONS_JOB)


async def subscribe_reader(
    session: WriteSession, reader: Reader, preferences: SubscriptionPreferences, *, now: datetime
) -> Subscription:
    """Subscribe a signed-in reader, whose address was confirmed when they opened their sign-in link."""
    subscription = await _get_or_create_locked(session, reader.email, now=now)
    if SubscriptionState.pending in SUBSCRIPTION_TRANSITIONS[subscription.state]:
        change_state(subscription, SubscriptionState.pending, now=now)
    if subscription.state is SubscriptionState.pending:
        apply_preferences(subscription, preferences)
        subscription.interface_language = get_language()
        await activate(session, subscription, SUBSCRIPTION_WORDING, now=now)
    return subscription


async def find_running(session: ReadSession, email: str) -> Subscription | None:
    """Find the subscription of an address if it is active or paused."""
    query = select(Subscription).where(Subscription.email == email)
    return await session.scalar(query.where(Subscription.state.in_(RUNNING_STATES)))


IS_RUNNING: Final = Read(
    select(
        exists().where(
            Subscription.email == bindparam("email", type_=Text),
            or_(*(Subscription.state == state for state in RUNNING_STATES)),
        )
    ),
    bool,
)


def ask_whether_running(trip: RoundTrip, email: str) -> Asked[bool]:
    """Ask whether an address has a subscription that is active or paused."""
    return trip.ask(IS_RUNNING, {"email": email}, only)


async def _get_or_create_locked(session: WriteSession, email: str, *, now: datetime) -> Subscription:
    """Lock the subscription of an address. Create a pending one, without wishes yet, if there is none."""
    new_row = insert(Subscription).values(
        email=email,
        state=SubscriptionState.pending,
        asked_at=now,
        changed_at=now,
        topic_words="",
        letter_attempts=0,
    )
    await session.execute(new_row.on_conflict_do_nothing(index_elements=["email"]))
    query = select(Subscription).where(Subscription.email == email).with_for_update()
    return (await session.scalars(query)).one()


async def confirm(
    session: WriteSession, subscription_id: int, *, time_zone: str = "", now: datetime
) -> Subscription:
    """Activate a subscription whose owner opened the link in the letter. Doing it again changes nothing.

    `time_zone` is used if they had not chosen one. Raises `SubscriptionNotFound`, `TransitionNotAllowed`.
    """
    subscription = await lock_subscription(session, subscription_id)
    if subscription.state not in RUNNING_STATES:
        if subscription.time_zone == DEFAULT_TIME_ZONE and time_zone in list_time_zones():
            subscription.time_zone = time_zone
        await activate(session, subscription, CONFIRMATION_WORDING, now=now)
    return subscription


async def activate(session: WriteSession, subscription: Subscription, wording: str, *, now: datetime) -> None:
    """Activate the subscription of somebody who consented to `wording`. Raises `TransitionNotAllowed`."""
    change_state(subscription, SubscriptionState.active, now=now)
    subscription.confirmed_at, subscription.letter_due_at = now, None
    subscription.consent_wording = wording
    subscription.next_due_at = find_next_due(schedule_of(subscription), after=now)[1]
    await _adopt_topics(session, subscription, now=now)


async def _adopt_topics(session: WriteSession, subscription: Subscription, *, now: datetime) -> None:
    """Link the subscription to the reader with its address, and make a topic of its words."""
    owner_id = select(Reader.id).where(Reader.email == subscription.email)
    subscription.reader_id = await session.scalar(owner_id) or subscription.reader_id
    if not subscription.topic_words:
        return
    if subscription.reader_id is None:
        subscription.reader_id = await sign_in.get_or_create_reader(
            session, subscription.email, now=now, time_zone=subscription.time_zone
        )
    draft, subscription.topic_words = TopicDraft(words=subscription.topic_words), ""
    try:
        await reader_topics.create_topic(session, subscription.reader_id, draft, now=now)
    except TopicInvalid as error:
        logger.info(
            "words that can't be a topic were dropped", subscription=subscription.id, reason=str(error)
        )


async def change_preferences(
    session: WriteSession, subscription_id: int, preferences: SubscriptionPreferences, *, now: datetime
) -> Subscription:
    """Set the preferences from the next digest on. Raises `SubscriptionNotFound`."""
    subscription = await lock_subscription(session, subscription_id)
    apply_preferences(subscription, preferences)
    if subscription.state is SubscriptionState.active:
        subscription.next_due_at = find_next_due(schedule_of(subscription), after=now)[1]
    return subscription


async def pause(session: WriteSession, subscription_id: int, *, until: date | None, now: datetime) -> None:
    """Send no digest before `until`, a date in the reader's time zone, and drop the digests that wait.

    None means until the reader resumes it. Raises `SubscriptionNotFound`, `TransitionNotAllowed`.
    """
    subscription = await lock_subscription(session, subscription_id)
    if subscription.state is not SubscriptionState.paused:
        change_state(subscription, SubscriptionState.paused, now=now)
    subscription.next_due_at = None
    if until is not None:
        morning = datetime.combine(until, time(0), ZoneInfo(subscription.time_zone))
        subscription.next_due_at = find_next_due(schedule_of(subscription), after=max(now, morning))[1]
    await delete_waiting_deliveries(session, subscription_id)


async def resume(session: WriteSession, subscription_id: int, *, now: datetime) -> None:
    """End a pause. Raises `SubscriptionNotFound`, `TransitionNotAllowed`."""
    subscription = await lock_subscription(session, subscription_id)
    if subscription.state is not SubscriptionState.active:
        if subscription.state is not SubscriptionState.paused:
            raise TransitionNotAllowed(_("This subscription isn’t paused."))
        change_state(subscription, SubscriptionState.active, now=now)
        subscription.next_due_at = find_next_due(schedule_of(subscription), after=now)[1]


async def unsubscribe(session: WriteSession, subscription_id: int, *, now: datetime) -> None:
    """Send no digest from now on. Doing it again, or to a deleted subscription, changes nothing."""
    subscription = await session.get(Subscription, subscription_id, with_for_update=True)
    if subscription is not None and subscription.state is not SubscriptionState.unsubscribed:
        await end(session, subscription, SubscriptionState.unsubscribed, now=now)


async def end(
    session: WriteSession, subscription: Subscription, state: SubscriptionState, *, now: datetime
) -> None:
    """Set the state to unsubscribed or bounced. Nothing more is sent, and waiting digests are dropped."""
    change_state(subscription, state, now=now)
    subscription.next_due_at = subscription.letter_due_at = None
    await delete_waiting_deliveries(session, subscription.id)


async def adopt_subscriptions(session: WriteSession, reader_id: int, email: str) -> None:
    """Make the confirmed subscription of an address that of the reader who signed in with it."""
    confirmed = (Subscription.email == email, Subscription.confirmed_at.is_not(None))
    await session.execute(update(Subscription).where(*confirmed).values(reader_id=reader_id))


async def move_to_address(session: WriteSession, reader_id: int, old: str, new: str) -> None:
    """Move the subscription of a reader to their new address, which they have proved to be theirs.

    If both addresses have a subscription, that of the old address stays if it is running.
    """
    query = select(Subscription).where(Subscription.email.in_((old, new))).with_for_update()
    by_email = {subscription.email: subscription for subscription in await session.scalars(query)}
    old_one, new_one = by_email.get(old), by_email.get(new)
    if old_one and old_one.confirmed_at and (new_one is None or old_one.state in RUNNING_STATES):
        if new_one:
            await session.delete(new_one)
            await session.flush()
        old_one.email, old_one.address_nonce = new, generate_nonce()
        await session.flush()
    await adopt_subscriptions(session, reader_id, new)


async def delete_all_of_reader(session: WriteSession, reader_id: int, email: str) -> None:
    """Delete every subscription of a reader, with the digests that wait or are being sent."""
    is_theirs = or_(Subscription.email == email, Subscription.reader_id == reader_id)
    await session.execute(delete(Subscription).where(is_theirs))


async def delete_waiting_deliveries(session: WriteSession, subscription_id: int) -> None:
    """Delete the digests of a subscription that have not been started."""
    waiting = build_delete(DeliveryEvent.dropped).where(Delivery.subscription_id == subscription_id)
    await session.execute(waiting)


async def lock_subscription(session: WriteSession, subscription_id: int) -> Subscription:
    """Lock a subscription. Raises `SubscriptionNotFound`."""
    subscription = await session.get(Subscription, subscription_id, with_for_update=True)
    if subscription is None:
        raise SubscriptionNotFound(_("This subscription has been deleted."))
    return subscription


def apply_preferences(subscription: Subscription, preferences: SubscriptionPreferences) -> None:
    """Set what a reader chose. When the next digest is due stays as it is."""
    for name, value in asdict(preferences).items():
        setattr(subscription, name, value)


def change_state(subscription: Subscription, to: SubscriptionState, *, now: datetime) -> None:
    """Raises `TransitionNotAllowed`."""
    if to not in SUBSCRIPTION_TRANSITIONS[subscription.state]:
        raise TransitionNotAllowed(
            _("This can’t be done with the subscription as it is. To begin again, subscribe again.")
        )
    subscription.state, subscription.changed_at = to, now
