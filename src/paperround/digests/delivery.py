"""Sending what is due: claimed in batches, over several connections, each message's start and outcome noted.

Any number of senders may do so at once, on any hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import OperationalError

from paperround.database import Database, WriteSession, utc_now
from paperround.digests import bounces, claims, scheduler
from paperround.digests.delivery_log import DeliveryLog, DeliveryOutcome, open_delivery_log
from paperround.digests.delivery_states import DeliveryEvent
from paperround.digests.items import DigestItem, DigestItemCache
from paperround.digests.links import DigestLinks
from paperround.digests.renderer import Digest, DigestRenderer, RenderedMessage
from paperround.digests.selection import PendingDelivery, Selection, TrendingPapers, select_papers
from paperround.digests.tables import Delivery, DeliveryState, WhenEmpty
from paperround.mail import (
    Mailer,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
    open_mailer,
)
from paperround.settings import Settings
from paperround.throttle import Throttle
from paperround.tokens import load_signer
from paperround.topics.edition_matches import match_edition
from paperround.topics.profiles import TextEncoder

logger = structlog.get_logger(__name__)

ONE_MINUTE: Final = timedelta(minutes=1)
RETRY_DELAYS: Final = (
    ONE_MINUTE,
    5 * ONE_MINUTE,
    30 * ONE_MINUTE,
    60 * ONE_MINUTE,
)  # the last again and again, until it is stale
SHUTDOWN_TIMEOUT: Final = 5  # seconds for messages under way when we are told to stop


@dataclass(frozen=True)
class SendingPolicy:
    """`lease`: after what silence a sender counts as dead. `unreachable`: after how many failures in a row
    to reach the server a run ends. `server_retry`: how long what it couldn't hand over then waits."""

    connections: int = 4
    batch_size: int = 250
    lease: timedelta = ONE_MINUTE
    max_unreachable: int = 5
    server_retry_delay: timedelta = timedelta(seconds=30)


@dataclass(frozen=True)
class SendingContext:
    """What a sender works with; `clock` tells the time."""

    database: Database
    mail: Mailer
    renderer: DigestRenderer
    throttle: Throttle
    policy: SendingPolicy = SendingPolicy()
    clock: Callable[[], datetime] = utc_now
    encoder: TextEncoder | None = None  # of the words of topics that have just changed


@asynccontextmanager
async def open_context(
    settings: Settings, database: Database, encoder: TextEncoder | None = None
) -> AsyncIterator[SendingContext]:
    """A desk as the settings say. Raises `MailSettingsError`."""
    links = DigestLinks.from_settings(settings, await load_signer(database, settings))
    pace = Throttle(database, "mail", settings.send_rate, window=ONE_MINUTE)
    async with open_mailer(settings, connections=SendingPolicy().connections) as mail:
        yield SendingContext(database, mail, DigestRenderer(links, settings.site_name), pace, encoder=encoder)


async def send_due_digests(context: SendingContext) -> Counter[DeliveryState]:
    """Plan what is due, take over from senders that died, and send until nothing is left; what became of it.

    Told to stop, it lets the messages under way come to their end.
    """
    await scheduler.plan_deliveries(context.database, now=context.clock())
    await claims.recover_abandoned(context.database, lease=context.policy.lease, now=context.clock())
    async with context.database.write_session() as session:
        await claims.expire_overdue(session, now=context.clock())
    run = SendingRun(context)
    work = asyncio.create_task(run.run())
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        run.stopping.set()
        await asyncio.wait({work}, timeout=SHUTDOWN_TIMEOUT)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise
    if run.tally:
        logger.info("sent digests", **{state.value: count for state, count in run.tally.items()})
    return run.tally


def compute_retry_delay(attempts: int, *, jitter: Callable[[], float] = random.random) -> timedelta:
    """How long to wait after so many refusals in a row: 1, 5, 30, 60 minutes, and up to half again."""
    return RETRY_DELAYS[min(max(attempts, 1), len(RETRY_DELAYS)) - 1] * (1 + jitter() / 2)


class SendingRun:
    """One sender at work, from its first claim to its last outcome."""

    def __init__(self, desk: SendingContext) -> None:
        self._desk = desk
        self._items = DigestItemCache()
        self._periods = TrendingPapers(lambda day: match_edition(desk.database, day, desk.encoder))
        self._ready: asyncio.Queue[tuple[PendingDelivery, Digest] | None] = asyncio.Queue(
            desk.policy.batch_size
        )
        self._failures = 0  # to reach the server, in a row
        self.stopping = asyncio.Event()
        self.tally: Counter[DeliveryState] = Counter()

    async def run(self) -> None:
        database, connections = self._desk.database, self._desk.policy.connections
        async with (
            registered_sender(database, self._desk.policy.lease, self.stopping) as sender,
            open_delivery_log(database.url, sender, tasks=connections) as marks,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._fill(sender))
            for _ in range(connections):
                group.create_task(self._send(marks))

    async def _fill(self, sender: int) -> None:
        """Keep digests ready for the connections; nothing is claimed much before it is sent."""
        try:
            while not self.stopping.is_set() and (batch := await self._next_batch(sender)) is not None:
                for one in batch:
                    await self._ready.put(one)
        except OperationalError as error:
            logger.warning("no more digests are claimed in this run", error=str(error.__cause__ or error))
        for _ in range(self._desk.policy.connections):
            await self._ready.put(None)

    async def _next_batch(self, sender: int) -> Sequence[tuple[PendingDelivery, Digest]] | None:
        """Some deliveries, claimed, with what goes into them; None when nothing is to be sent now."""
        async with self._desk.database.write_session() as session:
            picked = await claims.lock_due(
                session, sender, limit=self._desk.policy.batch_size, now=self._desk.clock()
            )
            if picked is None:
                return None
            contents = await self._contents(session, picked)
            await claims.claim(session, sender, contents)
            items = await self._items.get(session, {key for one in contents.values() for key in one.papers})
        return [(one, build_digest(one, contents[one.id], items)) for one in picked if one.id in contents]

    async def _contents(
        self, session: WriteSession, picked: Sequence[PendingDelivery]
    ) -> dict[int, Selection]:
        """As before for those that were tried before. What has nothing in it is dropped."""
        new = [one for one in picked if one.papers is None]
        chosen = await select_papers(session, new, self._periods) if new else {}
        empty = {one.id for one in new if not chosen[one.id].papers and one.when_empty is not WhenEmpty.note}
        await claims.drop_unwanted(session, list(empty))
        before = {
            one.id: Selection(one.papers, one.reasons or {}) for one in picked if one.papers is not None
        }
        return before | {key: one for key, one in chosen.items() if key not in empty}

    async def _send(self, marks: DeliveryLog) -> None:
        """One connection's work: message after message."""
        while (ready := await self._ready.get()) is not None:
            order, digest = ready
            if self.stopping.is_set():
                continue
            await self._desk.throttle.acquire()
            wanted = await marks.request_start(order.id)
            letter = self._desk.renderer.render_message(digest, now=self._desk.clock())
            if await wanted:
                self.tally[await self._attempt(order, letter, marks)] += 1

    async def _attempt(
        self, order: PendingDelivery, letter: RenderedMessage, marks: DeliveryLog
    ) -> DeliveryState:
        """Hand one message over; what became of it. Nothing that happens to it stops the others."""
        code, wait, refused = None, timedelta(0), None
        try:
            words = await self._desk.mail.send(letter.body, sender=letter.return_path, recipient=order.email)
            event = DeliveryEvent.accepted
        except MessageDeferred as error:
            event, code, words = DeliveryEvent.deferred, error.code, error.response
            wait = compute_retry_delay(order.attempts + 1)
        except MessageRefused as error:
            event, code, words, refused = DeliveryEvent.refused, error.code, error.response, error
        except MessageUncertain as error:
            event, words = DeliveryEvent.answer_lost, error.response
        except MailServerUnreachable as error:
            event, code, words, wait = (
                DeliveryEvent.not_handed_over,
                error.code,
                error.response,
                self._desk.policy.server_retry_delay,
            )
        self._watch(event, words)
        at = self._desk.clock()
        outcome = DeliveryOutcome(
            delivery_id=order.id,
            event=event,
            finished_at=at,
            next_try_at=at + wait,
            code=code,
            smtp_response=words,
        )
        marks.record(outcome)
        if refused:
            await self._note_refusal(order, refused)
        return outcome.state

    def _watch(self, event: DeliveryEvent, words: str) -> None:
        """A server that can't be reached isn't asked for every message in turn."""
        self._failures = self._failures + 1 if event is DeliveryEvent.not_handed_over else 0
        if self._failures >= self._desk.policy.max_unreachable and not self.stopping.is_set():
            logger.warning("the mail server can't be reached; trying again soon", error=words)
            self.stopping.set()

    async def _note_refusal(self, order: PendingDelivery, error: MessageRefused) -> None:
        kind = bounces.classify_refusal(error.code, error.response, of_recipient=error.stage == "recipient")
        try:
            async with self._desk.database.write_session() as session:
                found = await session.get(Delivery, order.id, with_for_update=True)
                if found is not None:
                    await bounces.record_bounce(session, found, kind, error.response, now=self._desk.clock())
        except OperationalError as failure:
            logger.warning("could not note a refusal", delivery=order.id, error=str(failure.__cause__))


def build_digest(order: PendingDelivery, contents: Selection, items: Mapping[str, DigestItem]) -> Digest:
    return Digest(order.subscription_id, order.email, order.cadence, order.period, contents, items, order.id)


@asynccontextmanager
async def registered_sender(database: Database, lease: timedelta, lost: asyncio.Event) -> AsyncIterator[int]:
    """A sender among the others, heard of regularly; `lost` is set when the database has forgotten it."""

    async def keep_beating(sender: int) -> None:
        while not lost.is_set():
            await asyncio.sleep(lease.total_seconds() / 4)
            try:
                async with database.write_session() as session:
                    known = await claims.heartbeat(session, sender)
            except OperationalError as error:
                logger.warning("a sender couldn't say that it is there", error=str(error.__cause__ or error))
                continue
            if not known:
                logger.warning("the database has forgotten this sender; it stops")
                lost.set()

    async with database.write_session() as session:
        sender = await claims.register_sender(session)
    async with asyncio.TaskGroup() as group:
        beating = group.create_task(keep_beating(sender))
        try:
            yield sender
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
    async with database.write_session() as session:
        await claims.unregister_sender(session, sender)
