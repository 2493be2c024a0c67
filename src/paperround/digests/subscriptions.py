"""A subscription's life: asked for, confirmed, changed, paused, ended. No answer tells what is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import queue
from paperround.accounts import sign_in
from paperround.accounts.readers import NoSuchTimeZone, time_zones
from paperround.accounts.tables import ApiKey, Reader, ReaderSession
from paperround.database import ReadSession, WriteSession
from paperround.digests.calendar import Rhythm, next_due
from paperround.digests.tables import STEPS, Cadence, Delivery, Progress, State, Subscription, WhenEmpty
from paperround.topics import reader_topics
from paperround.topics.reader_topics import CannotFollow, Wish

logger = structlog.get_logger(__name__)

LETTERS: Final = "send_letters"  # the task
UNCHOSEN: Final = "UTC"
RUNNING: Final = (State.active, State.paused)
WAITING: Final = (Progress.queued, Progress.deferred)


class StepNotAllowed(ValueError):
    """The subscription is in a state from which that can't be done; the text says what can."""


class NoSuchSubscription(LookupError):
    """There is none any more; whoever holds a link to it may be told so."""


@dataclass(frozen=True)
class Wishes:
    """What a reader chooses. Raises `NoSuchTimeZone`."""

    cadence: Cadence = Cadence.daily
    weekday: int = 0
    hour: int = 7
    time_zone: str = UNCHOSEN
    trending: bool = True
    topics: bool = True
    most: int = 10
    when_empty: WhenEmpty = WhenEmpty.skip

    def __post_init__(self) -> None:
        if self.time_zone not in time_zones():
            raise NoSuchTimeZone(self.time_zone)


def rhythm_of(subscription: Subscription) -> Rhythm:
    return Rhythm(subscription.cadence, subscription.weekday, subscription.hour, subscription.time_zone)


async def ask(
    session: WriteSession, email: str, wishes: Wishes, *, topic_words: str = "", now: datetime
) -> None:
    """Somebody gave this address (normalised): have a letter sent to it, that asks to confirm.

    Whose subscription runs already keeps it as it is, and the letter tells how to change it.
    """
    found = await _at(session, email, wishes, now=now)
    if State.pending in STEPS[found.state]:
        _step(found, State.pending, now=now)
    if found.state is State.pending:
        _wish(found, wishes)
        found.topic_words = " ".join(topic_words.split())
    found.asked_at = now
    found.letter_due_at, found.letter_attempts = now, 0
    await session.flush()
    await queue.defer(session, LETTERS, once=LETTERS)


async def follow(session: WriteSession, reader: Reader, wishes: Wishes, *, now: datetime) -> Subscription:
    """The subscription of somebody signed in: their address was confirmed when they opened its link."""
    found = await _at(session, reader.email, wishes, now=now)
    if State.pending in STEPS[found.state]:
        _step(found, State.pending, now=now)
    if found.state is State.pending:
        _wish(found, wishes)
        await _activate(session, found, now=now)
    return found


async def running(session: ReadSession, email: str) -> Subscription | None:
    """The subscription of an address that digests go to, or will again after a pause."""
    query = select(Subscription).where(Subscription.email == email)
    return await session.scalar(query.where(Subscription.state.in_((State.active, State.paused))))


async def _at(session: WriteSession, email: str, wishes: Wishes, *, now: datetime) -> Subscription:
    """The subscription of an address, locked; made when there is none."""
    fresh = insert(Subscription).values(
        email=email,
        state=State.pending,
        asked_at=now,
        changed_at=now,
        topic_words="",
        letter_attempts=0,
        **asdict(wishes),
    )
    await session.execute(fresh.on_conflict_do_nothing(index_elements=["email"]))
    query = select(Subscription).where(Subscription.email == email).with_for_update()
    return (await session.scalars(query)).one()


async def confirm(
    session: WriteSession, subscription_id: int, *, time_zone: str = "", now: datetime
) -> Subscription:
    """The address is theirs and they want it; `time_zone` counts where none was chosen. Doing it again
    changes nothing. Raises `NoSuchSubscription`, `StepNotAllowed`."""
    found = await locked(session, subscription_id)
    if found.state not in (State.active, State.paused):
        if found.time_zone == UNCHOSEN and time_zone in time_zones():
            found.time_zone = time_zone
        await _activate(session, found, now=now)
    return found


async def _activate(session: WriteSession, found: Subscription, *, now: datetime) -> None:
    _step(found, State.active, now=now)
    found.confirmed_at, found.letter_due_at = now, None
    _, found.next_due_at = next_due(rhythm_of(found), after=now)
    await _take_topics(session, found, now=now)


async def _take_topics(session: WriteSession, found: Subscription, *, now: datetime) -> None:
    """Whoever owns the address is its reader: theirs are the topics, and the words that were left for one."""
    known = select(Reader.id).where(Reader.email == found.email)
    found.reader_id = await session.scalar(known) or found.reader_id
    if not found.topic_words:
        return
    if found.reader_id is None:
        found.reader_id = await sign_in.reader_of(session, found.email, now=now, time_zone=found.time_zone)
    wish, found.topic_words = Wish(words=found.topic_words), ""
    try:
        await reader_topics.create(session, found.reader_id, wish, now=now)
    except CannotFollow as error:
        logger.info("words that can't be a topic were left", subscription=found.id, reason=str(error))


async def change(
    session: WriteSession, subscription_id: int, wishes: Wishes, *, now: datetime
) -> Subscription:
    """Other wishes, from the next digest on. Raises `NoSuchSubscription`."""
    found = await locked(session, subscription_id)
    _wish(found, wishes)
    if found.state is State.active:
        _, found.next_due_at = next_due(rhythm_of(found), after=now)
    return found


async def pause(session: WriteSession, subscription_id: int, *, until: date | None, now: datetime) -> None:
    """No digest before `until`, the reader's own date; None: until they say. What waits is dropped.

    Raises `NoSuchSubscription`, `StepNotAllowed`.
    """
    found = await locked(session, subscription_id)
    if found.state is not State.paused:
        _step(found, State.paused, now=now)
    found.next_due_at = None
    if until is not None:
        morning = datetime.combine(until, time(0), ZoneInfo(found.time_zone))
        _, found.next_due_at = next_due(rhythm_of(found), after=max(now, morning))
    await drop_waiting(session, subscription_id)


async def resume(session: WriteSession, subscription_id: int, *, now: datetime) -> None:
    """Raises `NoSuchSubscription`, `StepNotAllowed`."""
    found = await locked(session, subscription_id)
    if found.state is not State.active:
        if found.state is not State.paused:
            raise StepNotAllowed("This subscription isn't paused.")
        _step(found, State.active, now=now)
        _, found.next_due_at = next_due(rhythm_of(found), after=now)


async def unsubscribe(session: WriteSession, subscription_id: int, *, now: datetime) -> None:
    """No digest any more, from this moment on. Doing it again, or to one that is gone, changes nothing."""
    found = await session.get(Subscription, subscription_id, with_for_update=True)
    if found is not None and found.state is not State.unsubscribed:
        await end(session, found, State.unsubscribed, now=now)


async def end(session: WriteSession, found: Subscription, state: State, *, now: datetime) -> None:
    """Unsubscribed or bounced: nothing more is sent, what waits is dropped."""
    _step(found, state, now=now)
    found.next_due_at = found.letter_due_at = None
    await drop_waiting(session, found.id)


async def forget(session: WriteSession, subscription_id: int) -> bool:
    """Delete the subscription, its deliveries and, unless they have an account, its reader with their topics;
    whether an account stays."""
    found = await session.get(Subscription, subscription_id, with_for_update=True)
    if found is None:
        return False
    reader_id = found.reader_id
    await session.delete(found)
    await session.flush()
    if reader_id is None or await _has_account(session, reader_id):
        return reader_id is not None
    await session.execute(delete(Reader).where(Reader.id == reader_id))
    return False


async def meet(session: WriteSession, reader_id: int, email: str) -> None:
    """Somebody signed in with this address: what they subscribed to with it carries their topics."""
    confirmed = (Subscription.email == email, Subscription.confirmed_at.is_not(None))
    await session.execute(update(Subscription).where(*confirmed).values(reader_id=reader_id))


async def move(session: WriteSession, reader_id: int, old: str, new: str) -> None:
    """A reader changed their address, and proved that it is theirs: digests go there from now on. Of two
    subscriptions the old address's stays, if it runs."""
    both = select(Subscription).where(Subscription.email.in_((old, new))).with_for_update()
    found = {one.email: one for one in await session.scalars(both)}
    moving, there = found.get(old), found.get(new)
    if moving and moving.confirmed_at and (there is None or moving.state in RUNNING):
        if there:
            await session.delete(there)
            await session.flush()
        moving.email = new
        await session.flush()
    await meet(session, reader_id, new)


async def leave(session: WriteSession, reader_id: int, email: str) -> None:
    """Forget every subscription of a reader who deletes their account, with what waits or is in hand."""
    mine = or_(Subscription.email == email, Subscription.reader_id == reader_id)
    await session.execute(delete(Subscription).where(mine))


async def _has_account(session: ReadSession, reader_id: int) -> bool:
    signed_in = exists().where(ReaderSession.reader_id == reader_id)
    programs = exists().where(ApiKey.reader_id == reader_id)
    return bool(await session.scalar(select(signed_in | programs)))


async def drop_waiting(session: WriteSession, subscription_id: int) -> None:
    mine = (Delivery.subscription_id == subscription_id, Delivery.state.in_(WAITING))
    await session.execute(delete(Delivery).where(*mine))


async def locked(session: WriteSession, subscription_id: int) -> Subscription:
    """Raises `NoSuchSubscription`."""
    found = await session.get(Subscription, subscription_id, with_for_update=True)
    if found is None:
        raise NoSuchSubscription("This subscription has been deleted.")
    return found


def _wish(found: Subscription, wishes: Wishes) -> None:
    for name, value in asdict(wishes).items():
        setattr(found, name, value)


def _step(found: Subscription, to: State, *, now: datetime) -> None:
    if to not in STEPS[found.state]:
        raise StepNotAllowed(f"This subscription is {found.state}; to begin again, subscribe again.")
    found.state, found.changed_at = to, now
