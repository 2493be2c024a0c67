"""Sending the digests that are due. A sender plans, matches topics, claims and sends, in this order.

It claims in batches, sends over several connections, and notes each message's start and outcome. Any number
of senders may do so at once, on any hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import OperationalError

from paperround.database import Database, utc_now
from paperround.digests import claims, scheduler
from paperround.digests.batches import DeliveryBatches
from paperround.digests.carriers import Carrier, HandOver
from paperround.digests.delivery_log import DeliveryLog, DeliveryOutcome, open_delivery_log
from paperround.digests.delivery_states import DeliveryEvent
from paperround.digests.digest import Digest
from paperround.digests.links import DigestLinks
from paperround.digests.mail_carrier import MailCarrier
from paperround.digests.renderer import DigestRenderer
from paperround.digests.selection import PendingDelivery
from paperround.digests.start_ledger import StartLedger
from paperround.digests.tables import Delivery, DeliveryState
from paperround.mail import open_mailer
from paperround.settings import Settings
from paperround.throttle import Throttle
from paperround.tokens import load_signer
from paperround.topics.profiles import TextEncoder

logger = structlog.get_logger(__name__)

ONE_MINUTE: Final = timedelta(minutes=1)
MAX_ANNOUNCED: Final = 16  # deliveries that the ledger is told of at once
SHUTDOWN_TIMEOUT: Final = 5  # seconds for messages under way when the sender is told to stop


Ready = tuple[PendingDelivery, Digest]


@dataclass(frozen=True)
class SendingPolicy:
    """How a sender works.

    `lease` is the silence after which a sender counts as dead. A run ends after `max_unreachable` failures in
    a row to reach the mail server.
    """

    connections: int = 4
    batch_size: int = 250
    lease: timedelta = ONE_MINUTE
    max_unreachable: int = 5


@dataclass(frozen=True)
class SendingContext:
    """What a sender works with. `encoder` encodes the words of topics that have just changed."""

    database: Database
    carrier: Carrier
    throttle: Throttle
    policy: SendingPolicy = SendingPolicy()
    clock: Callable[[], datetime] = utc_now
    encoder: TextEncoder | None = None


@asynccontextmanager
async def open_context(
    settings: Settings, database: Database, encoder: TextEncoder | None = None
) -> AsyncIterator[SendingContext]:
    """Open the context that the settings describe. Raises `MailSettingsError`."""
    links = DigestLinks.from_settings(settings, await load_signer(database, settings))
    throttle = Throttle(database, "mail", settings.send_rate, window=ONE_MINUTE)
    async with open_mailer(settings, connections=SendingPolicy().connections) as mail:
        carrier = MailCarrier(mail, DigestRenderer(links, settings.site_name))
        yield SendingContext(database, carrier, throttle, encoder=encoder)


async def send_due_digests(context: SendingContext) -> Counter[DeliveryState]:
    """Plan what is due, take over from senders that died, and send until nothing is left.

    Returns how many deliveries came to which state. When it is cancelled it lets the messages under way
    finish.
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
    if run.counts:
        logger.info("sent digests", **{state.value: count for state, count in run.counts.items()})
    return run.counts


class SendingRun:
    """One sender at work, from its first claim to its last outcome."""

    def __init__(self, context: SendingContext) -> None:
        self._context = context
        self._batches = DeliveryBatches(
            context.database,
            context.policy.batch_size,
            context.clock,
            context.encoder,
            by_channel=context.carrier.by_channel,
        )
        self._claimed: asyncio.Queue[Ready | None] = asyncio.Queue(context.policy.batch_size)
        self._announced: asyncio.Queue[Ready | None] = asyncio.Queue(MAX_ANNOUNCED)
        self._failures = 0  # to reach the server, in a row
        self.stopping = asyncio.Event()
        self.counts: Counter[DeliveryState] = Counter()

    async def run(self) -> None:
        database, connections = self._context.database, self._context.policy.connections
        askers = (connections + 1) // 2  # while half of them wait for the database, the others send
        async with (
            registered_sender(database, self._context.policy.lease, self.stopping) as sender,
            contextlib.aclosing(StartLedger(database.url, sender)) as ledger,
            open_delivery_log(database.url, sender, tasks=askers, on_finished=ledger.finish) as log,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._fill(sender))
            group.create_task(self._announce(ledger))
            for _ in range(connections):
                group.create_task(self._send(log))

    async def _fill(self, sender: int) -> None:
        """Keep digests ready for the connections. Nothing is claimed much before it is sent."""
        try:
            while (
                not self.stopping.is_set() and (batch := await self._batches.claim_next(sender)) is not None
            ):
                for ready in batch:
                    await self._claimed.put(ready)
        except OperationalError as error:
            logger.warning("no more digests are claimed in this run", error=str(error.__cause__ or error))
        await self._claimed.put(None)

    async def _announce(self, ledger: StartLedger) -> None:
        """Let the connections begin what was claimed, a few at a time, each after the ledger has it."""
        ready: Ready | None
        while (ready := await self._claimed.get()) is not None:
            chunk = [ready]
            while len(chunk) < MAX_ANNOUNCED and not self._claimed.empty():
                if (ready := self._claimed.get_nowait()) is None:
                    self._claimed.put_nowait(None)
                    break
                chunk.append(ready)
            if self.stopping.is_set():
                continue
            if not await ledger.announce(pending.id for pending, _ in chunk):
                logger.warning("this sender was taken for dead; it begins nothing more")
                self.stopping.set()
                continue
            for announced in chunk:
                await self._announced.put(announced)
        for _ in range(self._context.policy.connections):
            await self._announced.put(None)

    async def _send(self, log: DeliveryLog) -> None:
        """Do one connection's work: message after message."""
        ready = await self._announced.get()
        while ready is not None:
            pending, digest = ready
            following = self._look_ahead()
            if not self.stopping.is_set():
                await self._context.throttle.acquire()
                may_start = await log.request_start(pending.id)
                hand_over = self._context.carrier.prepare(pending, digest, now=self._context.clock())
                if await may_start:
                    self.counts[
                        await self._attempt(pending, partial(hand_over, following and following[1]), log)
                    ] += 1
            ready = following or await self._announced.get()

    def _look_ahead(self) -> Ready | None:
        """Take the message that comes next, if it is there and need not wait. It begins at its turn."""
        context = self._context
        if context.carrier.by_channel or not context.throttle.is_open or self._announced.empty():
            return None
        following = self._announced.get_nowait()
        if following is None:
            self._announced.put_nowait(None)
        return following

    async def _attempt(
        self, pending: PendingDelivery, hand_over: Callable[[], Awaitable[HandOver]], log: DeliveryLog
    ) -> DeliveryState:
        """Hand one digest over.

        Returns the state that it came to; nothing that happens to it stops the others.
        """
        result = await hand_over()
        self._watch(result)
        at = self._context.clock()
        outcome = DeliveryOutcome(
            delivery_id=pending.id,
            event=result.event,
            finished_at=at,
            next_try_at=at + result.wait,
            code=result.code,
            smtp_response=result.response,
        )
        log.record(outcome)
        if result.event is DeliveryEvent.refused:
            await self._note_refusal(pending, result)
        return outcome.state

    def _watch(self, result: HandOver) -> None:
        """Stop the run when the server can't be reached, instead of trying it with every message in turn."""
        self._failures = self._failures + 1 if result.event is DeliveryEvent.not_handed_over else 0
        if self._failures >= self._context.policy.max_unreachable and not self.stopping.is_set():
            logger.warning("the mail server can't be reached; trying again soon", error=result.response)
            self.stopping.set()

    async def _note_refusal(self, pending: PendingDelivery, refusal: HandOver) -> None:
        """Note what a refusal says about where it goes."""
        try:
            async with self._context.database.write_session() as session:
                delivery = await session.get(Delivery, pending.id, with_for_update=True)
                if delivery is not None:
                    await self._context.carrier.note_refusal(
                        session, delivery, refusal, now=self._context.clock()
                    )
        except OperationalError as failure:
            logger.warning("could not note a refusal", delivery=pending.id, error=str(failure.__cause__))


@asynccontextmanager
async def registered_sender(database: Database, lease: timedelta, lost: asyncio.Event) -> AsyncIterator[int]:
    """Register a sender and keep its heartbeat. `lost` is set when the database has forgotten it."""

    async def send_heartbeats(sender: int) -> None:
        while not lost.is_set():
            await asyncio.sleep(lease.total_seconds() / 4)
            try:
                async with database.write_session() as session:
                    is_registered = await claims.heartbeat(session, sender)
            except OperationalError as error:
                logger.warning("a sender couldn't say that it is there", error=str(error.__cause__ or error))
                continue
            if not is_registered:
                logger.warning("the database has forgotten this sender; it stops")
                lost.set()

    async with database.write_session() as session:
        sender = await claims.register_sender(session)
    async with asyncio.TaskGroup() as group:
        heartbeats = group.create_task(send_heartbeats(sender))
        try:
            yield sender
        finally:
            heartbeats.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heartbeats
    async with database.write_session() as session:
        await claims.unregister_sender(session, sender)
