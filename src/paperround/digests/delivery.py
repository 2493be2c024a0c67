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
from paperround.digests.delivery_log import Marks, Outcome, marking
from paperround.digests.items import Item, Items
from paperround.digests.links import Links
from paperround.digests.renderer import Digest, Letter, Writer
from paperround.digests.selection import Contents, Order, Periods, contents_of
from paperround.digests.tables import Delivery, Progress, WhenEmpty
from paperround.mail import Deferred, Mailer, Refused, Uncertain, Unreachable, mailer
from paperround.settings import Settings
from paperround.throttle import Pace
from paperround.tokens import signer
from paperround.topics.edition_matches import match_edition
from paperround.topics.profiles import TextEncoder

logger = structlog.get_logger(__name__)

MINUTE: Final = timedelta(minutes=1)
RETRIES: Final = (MINUTE, 5 * MINUTE, 30 * MINUTE, 60 * MINUTE)  # the last again and again, until it is stale
GRACE: Final = 5  # seconds for messages under way when we are told to stop


@dataclass(frozen=True)
class Rules:
    """`lease`: after what silence a sender counts as dead. `unreachable`: after how many failures in a row
    to reach the server a run ends. `server_retry`: how long what it couldn't hand over then waits."""

    connections: int = 4
    batch: int = 250
    lease: timedelta = MINUTE
    unreachable: int = 5
    server_retry: timedelta = timedelta(seconds=30)


@dataclass(frozen=True)
class Desk:
    """What a sender works with; `clock` tells the time."""

    database: Database
    mail: Mailer
    writer: Writer
    pace: Pace
    rules: Rules = Rules()
    clock: Callable[[], datetime] = utc_now
    encoder: TextEncoder | None = None  # of the words of topics that have just changed


@asynccontextmanager
async def opened(
    settings: Settings, database: Database, encoder: TextEncoder | None = None
) -> AsyncIterator[Desk]:
    """A desk as the settings say. Raises `MailSettingsError`."""
    links = Links.of(settings, await signer(database, settings))
    pace = Pace(database, "mail", settings.send_rate, per=MINUTE)
    async with mailer(settings, connections=Rules().connections) as mail:
        yield Desk(database, mail, Writer(links, settings.site_name), pace, encoder=encoder)


async def send_due(desk: Desk) -> Counter[Progress]:
    """Plan what is due, take over from senders that died, and send until nothing is left; what became of it.

    Told to stop, it lets the messages under way come to their end.
    """
    await scheduler.plan(desk.database, now=desk.clock())
    await claims.take_back(desk.database, lease=desk.rules.lease, now=desk.clock())
    async with desk.database.writing() as session:
        await claims.give_up(session, now=desk.clock())
    run = Run(desk)
    work = asyncio.create_task(run.go())
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        run.stopping.set()
        await asyncio.wait({work}, timeout=GRACE)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise
    if run.tally:
        logger.info("sent digests", **{state.value: count for state, count in run.tally.items()})
    return run.tally


def retry_after(attempts: int, *, jitter: Callable[[], float] = random.random) -> timedelta:
    """How long to wait after so many refusals in a row: 1, 5, 30, 60 minutes, and up to half again."""
    return RETRIES[min(max(attempts, 1), len(RETRIES)) - 1] * (1 + jitter() / 2)


class Run:
    """One sender at work, from its first claim to its last outcome."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._items = Items()
        self._periods = Periods(lambda day: match_edition(desk.database, day, desk.encoder))
        self._ready: asyncio.Queue[tuple[Order, Digest] | None] = asyncio.Queue(desk.rules.batch)
        self._failures = 0  # to reach the server, in a row
        self.stopping = asyncio.Event()
        self.tally: Counter[Progress] = Counter()

    async def go(self) -> None:
        database, connections = self._desk.database, self._desk.rules.connections
        async with (
            present(database, self._desk.rules.lease, self.stopping) as sender,
            marking(database.url, sender, tasks=connections) as marks,
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
        for _ in range(self._desk.rules.connections):
            await self._ready.put(None)

    async def _next_batch(self, sender: int) -> Sequence[tuple[Order, Digest]] | None:
        """Some deliveries, claimed, with what goes into them; None when nothing is to be sent now."""
        async with self._desk.database.writing() as session:
            picked = await claims.pick(session, sender, limit=self._desk.rules.batch, now=self._desk.clock())
            if picked is None:
                return None
            contents = await self._contents(session, picked)
            await claims.take(session, sender, contents)
            items = await self._items.get(session, {key for one in contents.values() for key in one.papers})
        return [(one, digest_of(one, contents[one.id], items)) for one in picked if one.id in contents]

    async def _contents(self, session: WriteSession, picked: Sequence[Order]) -> dict[int, Contents]:
        """As before for those that were tried before. What has nothing in it is dropped."""
        new = [one for one in picked if one.papers is None]
        chosen = await contents_of(session, new, self._periods) if new else {}
        empty = {one.id for one in new if not chosen[one.id].papers and one.when_empty is not WhenEmpty.note}
        await claims.drop(session, list(empty))
        before = {one.id: Contents(one.papers, one.reasons or {}) for one in picked if one.papers is not None}
        return before | {key: one for key, one in chosen.items() if key not in empty}

    async def _send(self, marks: Marks) -> None:
        """One connection's work: message after message."""
        while (ready := await self._ready.get()) is not None:
            order, digest = ready
            if self.stopping.is_set():
                continue
            await self._desk.pace.turn()
            wanted = await marks.start(order.id)
            letter = self._desk.writer.letter(digest, now=self._desk.clock())
            if await wanted:
                self.tally[await self._attempt(order, letter, marks)] += 1

    async def _attempt(self, order: Order, letter: Letter, marks: Marks) -> Progress:
        """Hand one message over; what became of it. Nothing that happens to it stops the others."""
        code, wait, refused = None, timedelta(0), None
        try:
            words = await self._desk.mail.send(letter.body, sender=letter.return_path, recipient=order.email)
            state = Progress.sent
        except Deferred as error:
            state, code, words = Progress.deferred, error.code, error.words
            wait = retry_after(order.attempts + 1)
        except Refused as error:
            state, code, words, refused = Progress.failed, error.code, error.words, error
        except Uncertain as error:
            state, words = Progress.uncertain, error.words
        except Unreachable as error:
            state, code, words, wait = Progress.queued, error.code, error.words, self._desk.rules.server_retry
        self._watch(state, words)
        at = self._desk.clock()
        marks.record(Outcome(order.id, state, at, at + wait, code, words))
        if refused:
            await self._note_refusal(order, refused)
        return state

    def _watch(self, state: Progress, words: str) -> None:
        """A server that can't be reached isn't asked for every message in turn."""
        self._failures = self._failures + 1 if state is Progress.queued else 0
        if self._failures >= self._desk.rules.unreachable and not self.stopping.is_set():
            logger.warning("the mail server can't be reached; trying again soon", error=words)
            self.stopping.set()

    async def _note_refusal(self, order: Order, error: Refused) -> None:
        kind = bounces.refusal(error.code, error.words, of_recipient=error.stage == "recipient")
        try:
            async with self._desk.database.writing() as session:
                found = await session.get(Delivery, order.id, with_for_update=True)
                if found is not None:
                    await bounces.note(session, found, kind, error.words, now=self._desk.clock())
        except OperationalError as failure:
            logger.warning("could not note a refusal", delivery=order.id, error=str(failure.__cause__))


def digest_of(order: Order, contents: Contents, items: Mapping[str, Item]) -> Digest:
    return Digest(order.subscription_id, order.email, order.cadence, order.period, contents, items, order.id)


@asynccontextmanager
async def present(database: Database, lease: timedelta, lost: asyncio.Event) -> AsyncIterator[int]:
    """A sender among the others, heard of regularly; `lost` is set when the database has forgotten it."""

    async def keep_beating(sender: int) -> None:
        while not lost.is_set():
            await asyncio.sleep(lease.total_seconds() / 4)
            try:
                async with database.writing() as session:
                    known = await claims.beat(session, sender)
            except OperationalError as error:
                logger.warning("a sender couldn't say that it is there", error=str(error.__cause__ or error))
                continue
            if not known:
                logger.warning("the database has forgotten this sender; it stops")
                lost.set()

    async with database.writing() as session:
        sender = await claims.enter(session)
    async with asyncio.TaskGroup() as group:
        beating = group.create_task(keep_beating(sender))
        try:
            yield sender
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
    async with database.writing() as session:
        await claims.leave(session, sender)
