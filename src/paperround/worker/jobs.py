"""One door a job: arguments, a database, one domain function. What there is to do stands in the tables."""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import procrastinate
import stamina
import structlog
from procrastinate import JobContext

from paperround import queue, sample
from paperround.accounts import mail as accounts_mail
from paperround.accounts import retention, sign_in
from paperround.database import Database, utc_now
from paperround.digests import confirmation, delivery, scheduler, subscriptions
from paperround.digests import retention as digests_tidying
from paperround.digests.links import Links
from paperround.embeddings import backfill
from paperround.embeddings.client import Encoder, EncoderError, EncoderUnavailable
from paperround.feeds import ingestion, schedule
from paperround.feeds.arxiv.feed import arxiv
from paperround.feeds.registry import opened
from paperround.library import submission_fetcher
from paperround.mail import mailer, outbox
from paperround.papers import half_life
from paperround.search import word_counts
from paperround.settings import FeedName, Settings
from paperround.tokens import signer
from paperround.topics import corpus, edition_matches

logger = structlog.get_logger(__name__)

JOBS_AT_ONCE: Final = 8  # more than there are kinds of long work, so that a letter needn't wait for one
# Objects made between two looks for garbage: a block of topics makes half a million that all soon go by
# themselves, and Python's default looked through them for a quarter of the time.
COLLECTING: Final = (50_000, 20, 20)
ENCODER_START: Final = 40  # seconds


@dataclass(frozen=True)
class Workplace:
    """What a worker's tasks share. `heartbeat` and `silence` in seconds.

    Each kind of long work, and each feed, is done once a process, so that a slow one doesn't take the places
    of the rest.
    """

    settings: Settings
    database: Database
    encoder_socket: Path
    heartbeat: float = 5
    silence: float = 20
    reading: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    embedding: asyncio.Lock = field(default_factory=asyncio.Lock)
    matching: asyncio.Lock = field(default_factory=asyncio.Lock)
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


def rules(settings: Settings) -> ingestion.Rules:
    return ingestion.Rules(every=settings.read_every, half_life=settings.half_life)


@queue.app.task(name="read_feeds", pass_context=True)
async def read_feeds(context: JobContext) -> None:
    """Read every day that is due; where nothing could ever be read, show the sample edition."""
    place: Workplace = context.additional_context["place"]
    async with asyncio.TaskGroup() as group:
        for name in place.settings.feeds:
            if not place.reading[name].locked():
                group.create_task(_read_feed(place, name))


async def _read_feed(place: Workplace, name: FeedName) -> None:
    async with place.reading[name], opened(name, place.settings, place.database) as feed:
        async with place.database.writing() as session:
            catch_up = timedelta(days=place.settings.catch_up_days)
            await schedule.plan(session, feed.name, now=utc_now(), catch_up=catch_up)
        await ingestion.read_due(place.database, feed, rules(place.settings))
        async with place.database.writing() as session:
            await sample.show_if_empty(session, rules(place.settings), now=utc_now())


@queue.app.task(name="embed_papers", pass_context=True)
async def embed_papers(context: JobContext) -> None:
    """Embed what lacks a vector. An encoder that is just starting is waited for."""
    place: Workplace = context.additional_context["place"]
    if place.embedding.locked():
        return
    async with place.embedding, Encoder(place.settings, place.encoder_socket) as encoder:
        try:
            async for attempt in stamina.retry_context(
                on=EncoderUnavailable, attempts=None, timeout=ENCODER_START, wait_initial=1, wait_max=2
            ):
                with attempt:
                    done = await backfill.keep_filled(place.database, encoder)
        except EncoderError as error:
            logger.warning("embedding waits for the encoder", error=str(error))
            return
    if done:
        logger.info("embedded", papers=done)


@queue.app.task(name="fetch_submissions", pass_context=True)
async def fetch_submissions(context: JobContext) -> None:
    """Fetch the papers that readers submitted."""
    place: Workplace = context.additional_context["place"]
    if place.fetching.locked():
        return
    async with place.fetching, arxiv(place.settings, place.database) as source:
        await submission_fetcher.fetch_due(place.database, source, half_life=place.settings.half_life)


@queue.app.task(name="count_words", pass_context=True)
async def count_words(context: JobContext) -> None:
    """Tell search how common words are, once the catalogue has grown."""
    place: Workplace = context.additional_context["place"]
    await word_counts.refresh(place.database)


@queue.app.task(name="measure_catalogue", pass_context=True)
async def measure_catalogue(context: JobContext) -> None:
    """Measure anew what topics' scores are standardised over, once the catalogue has grown."""
    place: Workplace = context.additional_context["place"]
    await corpus.measure_if_grown(place.database, now=utc_now())


@queue.app.task(name=sign_in.SENDING, pass_context=True)
async def send_sign_in_links(context: JobContext) -> None:
    """Mail the links that were asked for."""
    place: Workplace = context.additional_context["place"]
    async with mailer(place.settings) as mail:
        await accounts_mail.send_due(place.database, mail, place.settings, now=utc_now())


@queue.app.task(name=subscriptions.LETTERS, pass_context=True)
async def send_letters(context: JobContext) -> None:
    """Mail the letters that ask to confirm an address."""
    place: Workplace = context.additional_context["place"]
    links = Links.of(place.settings, await signer(place.database, place.settings))
    async with mailer(place.settings) as mail:
        await confirmation.send_due(place.database, mail, links, place.settings.site_name, now=utc_now())


@queue.app.task(name=scheduler.SENDING, pass_context=True)
async def send_digests(context: JobContext) -> None:
    """Send every digest that is due."""
    place: Workplace = context.additional_context["place"]
    if place.sending.locked():
        return
    async with (
        place.sending,
        Encoder(place.settings, place.encoder_socket) as encoder,
        delivery.opened(place.settings, place.database, encoder) as desk,
    ):
        await delivery.send_due(desk)


@queue.app.task(name="tidy_mail", pass_context=True)
async def tidy_mail(context: JobContext) -> None:
    """Thin old deliveries, forget what nobody confirmed and old messages of the outbox."""
    place: Workplace = context.additional_context["place"]
    await digests_tidying.tidy(place.database, now=utc_now())
    await asyncio.to_thread(outbox(place.settings).forget_old, now=utc_now())


@queue.app.task(name="tidy_accounts", pass_context=True)
async def tidy_accounts(context: JobContext) -> None:
    """Forget expired links, ended sessions and old counts."""
    place: Workplace = context.additional_context["place"]
    await retention.tidy(place.database, now=utc_now())


@queue.app.task(name="match_topics", pass_context=True)
async def match_topics(context: JobContext) -> None:
    """Match the latest editions with the topics that are due."""
    place: Workplace = context.additional_context["place"]
    if place.matching.locked():
        return
    async with place.matching, Encoder(place.settings, place.encoder_socket) as encoder:
        await edition_matches.match_latest(place.database, encoder)


@queue.app.task(name="rescue_jobs", pass_context=True)
async def rescue_jobs(context: JobContext) -> None:
    place: Workplace = context.additional_context["place"]
    await queue.rescue_stalled(context.app, silent_for=place.silence)
    await queue.forget_failed(context.app)


@asynccontextmanager
async def _ready(place: Workplace) -> AsyncIterator[procrastinate.App]:
    """What a clock would have queued while nobody worked is queued at once."""
    async with place.database.writing() as session:
        await half_life.adopt_half_life(session, place.settings.half_life)
        for task in ("read_feeds", "embed_papers", "rescue_jobs"):
            await queue.defer(session, task, once=task)
    async with queue.connected(place.database.url) as app:
        yield app


async def work(place: Workplace) -> None:
    """Run jobs until SIGTERM or SIGINT; a job that then takes more than some seconds is cut off and, since
    the tables know what is left to do, taken up again at the next start."""
    gc.set_threshold(*COLLECTING)
    async with _ready(place) as app:
        await app.run_worker_async(
            concurrency=JOBS_AT_ONCE,
            delete_jobs="successful",
            shutdown_graceful_timeout=1,
            update_heartbeat_interval=place.heartbeat,
            stalled_worker_timeout=place.silence,
            additional_context={"place": place},
        )
