"""The worker's jobs. Each one calls a domain function, which finds its work in the tables."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import procrastinate
import stamina
import structlog

from paperround import metrics, queue, sample, traces
from paperround.accounts import mail as accounts_mail
from paperround.accounts import sign_in
from paperround.channels.encryption import SecretBox
from paperround.database import Database, utc_now
from paperround.digests import channel_health, channel_run, confirmation, delivery, scheduler, subscriptions
from paperround.digests import retention as digest_retention
from paperround.digests.links import DigestLinks
from paperround.embeddings import backfill
from paperround.embeddings.client import EncoderClient, EncoderError, EncoderUnavailable
from paperround.embeddings.state import forget_changed_texts
from paperround.feeds import ingestion, schedule
from paperround.feeds.arxiv.feed import open_arxiv
from paperround.feeds.registry import open_feed
from paperround.field_map import maps
from paperround.library import submission_fetcher
from paperround.mail import open_mailer, open_outbox
from paperround.papers import half_life, readings
from paperround.papers.row_counts import fold_row_counts
from paperround.pictures import thumbnails
from paperround.resources import use_one_thread_for_products
from paperround.search import word_counts
from paperround.settings import FeedName, Settings
from paperround.summaries import explanations, writer
from paperround.summaries.client import TextServerClient, TextServerError
from paperround.summaries.explanations import WantedExplanations
from paperround.summaries.selection import list_wanted
from paperround.tokens import load_signer
from paperround.topics import corpus, edition_matches, library_fetcher
from paperround.topics.library_entries import FETCH_JOB, embed_entries
from paperround.worker.registry import CONTEXT_KEY, WorkerContext, job
from paperround.zotero.client import open_http
from paperround.zotero.sync import sync_due

logger = structlog.get_logger(__name__)

MAX_CONCURRENT_JOBS: Final = 8  # more than there are kinds of long jobs, so that mail needn't wait for them
# A batch of topics makes half a million objects that soon go by themselves. With Python's default thresholds
# the garbage collector took a quarter of the time to look through them.
GC_THRESHOLDS: Final = (50_000, 20, 20)
ENCODER_START_TIMEOUT: Final = 40  # seconds


def ingestion_policy(settings: Settings) -> ingestion.IngestionPolicy:
    """Build the policy for reading feeds from the settings."""
    return ingestion.IngestionPolicy(reading_interval=settings.read_every, half_life=settings.half_life)


@job("read_feeds")
async def read_feeds(context: WorkerContext) -> None:
    """Read every day that is due. Show the sample edition where nothing could ever be read.

    Each feed is read once at a time, so that a slow feed doesn't hold up the others.
    """
    async with asyncio.TaskGroup() as group:
        for name in context.settings.feeds:
            read_feed = partial(_read_feed, context, name)
            group.create_task(context.run_exclusively(f"read_feeds {name}", read_feed))


async def _read_feed(context: WorkerContext, name: FeedName) -> None:
    async with open_feed(name, context.settings, context.database) as feed:
        async with context.database.write_session() as session:
            catch_up = timedelta(days=context.settings.catch_up_days)
            await schedule.plan_days(session, feed.name, now=utc_now(), catch_up=catch_up)
        await ingestion.read_due_days(context.database, feed, ingestion_policy(context.settings))
        async with context.database.write_session() as session:
            await sample.show_if_empty(session, ingestion_policy(context.settings), now=utc_now())


@job("embed_papers", exclusive=True)
async def embed_papers(context: WorkerContext) -> None:
    """Embed the papers that lack a vector, and wait for an encoder that is just starting."""
    async with EncoderClient(context.settings, context.encoder_socket) as encoder:
        try:
            async for attempt in stamina.retry_context(
                on=EncoderUnavailable,
                attempts=None,
                timeout=ENCODER_START_TIMEOUT,
                wait_initial=1,
                wait_max=2,
            ):
                with attempt:
                    embedded_count = await backfill.backfill_and_activate(context.database, encoder)
        except EncoderError as error:
            logger.warning("embedding waits for the encoder", error=str(error))
            return
    if embedded_count:
        logger.info("embedded", papers=embedded_count)
        async with context.database.write_session() as session:
            await queue.defer(session, "draw_map", queueing_lock="draw_map")


@job("write_summaries", exclusive=True)
async def write_summaries(context: WorkerContext) -> None:
    """Have the texts written that are wanted, if a server is set: first those that readers see soon."""
    settings = context.settings
    if settings.summary_url is None:
        return
    async with TextServerClient(settings, context.database) as server:
        try:
            async with context.database.read_session() as session:
                of_papers = await list_wanted(session, settings)
            of_matches = WantedExplanations.from_settings(settings)
            asked = 0
            for wanted in writer.order_work(of_papers, of_matches):
                asked += await writer.write_texts(
                    context.database, server, wanted, daily_limit=settings.summary_daily_limit
                )
        except TextServerError as error:
            logger.warning("summaries wait for the text server", error=str(error))
            return
    if asked:
        logger.info("wrote texts", papers=asked)


@job("fetch_submissions", exclusive=True)
async def fetch_submissions(context: WorkerContext) -> None:
    """Fetch the papers that readers submitted."""
    async with open_arxiv(context.settings, context.database) as source:
        await submission_fetcher.fetch_due_submissions(
            context.database, source, half_life=context.settings.half_life
        )


@job(FETCH_JOB, exclusive=True)
async def fetch_library_entries(context: WorkerContext) -> None:
    """Fetch from arXiv what readers' libraries name and the catalogue lacks."""
    async with open_arxiv(context.settings, context.database) as source:
        await library_fetcher.fetch_due_entries(context.database, source)


@job("draw_map", exclusive=True)
async def draw_map(context: WorkerContext) -> None:
    """Draw the map of the field again, once its papers have changed."""
    await maps.renew_map(context.database, now=utc_now())


@job("fetch_thumbnails", exclusive=True)
async def fetch_thumbnails(context: WorkerContext) -> None:
    """Fetch the pictures of papers and keep small ones; without the setting, delete those that are kept."""
    if context.settings.thumbnails:
        await thumbnails.fetch_due(context.database, context.settings)
    elif forgotten := await thumbnails.forget_all(context.database):
        logger.info("thumbnails deleted", papers=forgotten)


@job("sync_zotero", exclusive=True)
async def sync_zotero(context: WorkerContext) -> None:
    """Put saved papers into readers' Zotero libraries, and read the collections that topics learn from."""
    if context.settings.zotero_url:
        signer = await load_signer(context.database, context.settings)
        async with open_http(context.settings) as http:
            await sync_due(context.database, http, signer)


@job("reread_papers", exclusive=True)
async def reread_papers(context: WorkerContext) -> None:
    """Read the titles and abstracts that another version stored, or read."""
    if read_count := await readings.reread_papers(context.database):
        logger.info("read again", papers=read_count)


@job("count_words")
async def count_words(context: WorkerContext) -> None:
    """Count again how common words are for search, once the catalogue has grown."""
    await word_counts.refresh_word_counts(context.database)


@job("tidy_counts")
async def tidy_counts(context: WorkerContext) -> None:
    """Add up what was noted of how many rows there are, so that little is to be read for a total."""
    await fold_row_counts(context.database)
    await forget_changed_texts(context.database, now=utc_now())


@job("measure_catalogue")
async def measure_catalogue(context: WorkerContext) -> None:
    """Measure again what topics' scores are standardised with, once the catalogue has grown."""
    await corpus.measure_if_grown(context.database, now=utc_now())


@job(sign_in.SEND_LINKS_JOB)
async def send_sign_in_links(context: WorkerContext) -> None:
    """Mail the sign-in links that were requested."""
    async with open_mailer(context.settings) as mail:
        await accounts_mail.send_due_links(context.database, mail, context.settings, now=utc_now())


@job(subscriptions.SEND_CONFIRMATIONS_JOB)
async def send_letters(context: WorkerContext) -> None:
    """Mail the letters that ask for the confirmation of an address, and those about channels that failed."""
    links = DigestLinks.from_settings(context.settings, await load_signer(context.database, context.settings))
    async with open_mailer(context.settings) as mail:
        now, site_name = utc_now(), context.settings.site_name
        await confirmation.send_due_confirmations(context.database, mail, links, site_name, now=now)
        await channel_health.send_due_notices(context.database, mail, links, site_name, now=now)


@job(scheduler.SEND_DIGESTS_JOB, exclusive=True)
async def send_digests(context: WorkerContext) -> None:
    """Send every digest that is due."""
    async with (
        EncoderClient(context.settings, context.encoder_socket) as encoder,
        delivery.open_context(context.settings, context.database, encoder) as sending_context,
    ):
        await delivery.send_due_digests(sending_context)


@job(scheduler.SEND_CHANNELS_JOB, exclusive=True)
async def send_channels(context: WorkerContext) -> None:
    """Send the codes and digests of channels that are due."""
    async with (
        EncoderClient(context.settings, context.encoder_socket) as encoder,
        channel_run.open_channel_run(context.settings, context.database, encoder) as run,
    ):
        if run is not None:
            await run.send()


@job("tidy_mail")
async def tidy_mail(context: WorkerContext) -> None:
    """Thin out old deliveries, and delete unconfirmed subscriptions and old messages of the outbox.

    Secrets of channels are encrypted again where the site's key has changed.
    """
    await digest_retention.delete_expired(context.database, now=utc_now())
    signer = await load_signer(context.database, context.settings)
    await channel_run.renew_secrets(context.database, SecretBox.from_signer(signer))
    await asyncio.to_thread(open_outbox(context.settings).delete_old, now=utc_now())


@job("tidy_accounts")
async def tidy_accounts(context: WorkerContext) -> None:
    """Delete expired links, ended sessions and old counts, and what was written of topics' former words."""
    await sign_in.delete_expired(context.database, now=utc_now())
    async with context.database.write_session() as session:
        await explanations.delete_outdated(session, now=utc_now())


@job("match_topics", exclusive=True)
async def match_topics(context: WorkerContext) -> None:
    """Match the topics that are due with the latest editions, once their libraries are embedded."""
    async with EncoderClient(context.settings, context.encoder_socket) as encoder:
        await embed_entries(context.database, encoder, now=utc_now())
        await edition_matches.match_latest(context.database, encoder)


@job("match_past", exclusive=True)
async def match_past(context: WorkerContext) -> None:
    """Match new topics with the editions of past weeks."""
    async with EncoderClient(context.settings, context.encoder_socket) as encoder:
        await edition_matches.match_past(context.database, encoder, now=utc_now())


@job("rescue_jobs")
async def rescue_jobs(context: WorkerContext) -> None:
    """Queue the jobs of dead workers again, and delete jobs that failed long ago."""
    await queue.rescue_stalled_jobs(context.app, silence_seconds=context.stalled_after)
    await queue.delete_failed_jobs(context.app)


def tell_of_lost_job(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what no task did. A worker that was cut off ends jobs that others have taken over."""
    if queue.is_about_lost_job(context.get("exception")):
        logger.warning("a job was given to another worker while this one could not be heard")
    else:
        loop.default_exception_handler(context)


@asynccontextmanager
async def _open_app(settings: Settings, database: Database) -> AsyncIterator[procrastinate.App]:
    """Open the queue, with the jobs that a clock would have added while no worker was running."""
    async with database.write_session() as session:
        await half_life.adopt_half_life(session, settings.half_life)
        for name in ("read_feeds", "embed_papers", "rescue_jobs"):
            await queue.defer(session, name, queueing_lock=name)
    async with queue.open_app(database.url) as app:
        yield app


async def work(
    settings: Settings,
    database: Database,
    encoder_socket: Path,
    *,
    heartbeat_interval: float = 5,
    stalled_after: float = 20,
) -> None:
    """Run jobs until SIGTERM or SIGINT. Both times are in seconds.

    A job that then takes longer than a second is cancelled. Since the tables say what is left to do, the next
    start takes it up again.
    """
    gc.set_threshold(*GC_THRESHOLDS)
    use_one_thread_for_products()
    asyncio.get_running_loop().set_exception_handler(tell_of_lost_job)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(_open_app(settings, database))
        stack.enter_context(metrics.serve(settings.metrics_host, settings.worker_metrics_port))
        stack.enter_context(traces.exported("worker"))
        context = WorkerContext(settings, database, encoder_socket, app, stalled_after)
        await app.run_worker_async(
            concurrency=MAX_CONCURRENT_JOBS,
            delete_jobs="successful",
            shutdown_graceful_timeout=1,
            update_heartbeat_interval=heartbeat_interval,
            stalled_worker_timeout=stalled_after,
            additional_context={CONTEXT_KEY: context},
        )
