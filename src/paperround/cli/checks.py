"""What `paperround doctor` tries: everything that Paperround depends on, and what to do where it fails."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy.exc import SQLAlchemyError

from paperround import schema
from paperround.cli.context import encoder_socket, list_addresses, open_database
from paperround.conninfo import MIN_POSTGRES_VERSION, POOLER_ADVICE
from paperround.database import Database, keeps_sessions, load_server_info, utc_now
from paperround.embeddings import bundled_model
from paperround.embeddings.client import EncoderClient, EncoderUnavailable
from paperround.errors import PaperroundError
from paperround.failures import explain
from paperround.feeds.registry import open_feed
from paperround.mail import MailServerUnreachable
from paperround.mail.smtp import open_smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.outbound.addresses import is_public_host
from paperround.outbound.client import describe_routes, open_transport
from paperround.settings import FeedName, Settings

MIN_FREE_SPACE: Final = 500_000_000  # bytes
MAX_CLOCK_DIFFERENCE: Final = timedelta(minutes=1)
OUTSIDE_ERRORS: Final = (SQLAlchemyError, PaperroundError, OSError)
SUPERUSER_ADVICE: Final = (
    "But its role is a superuser, which could do anything there: give PAPERROUND_DATABASE_URL a role that "
    "reads and writes rows, and PAPERROUND_OWNER_DATABASE_URL the owner's (docs/hardening.md)."
)
TRIAL_TIMEOUT: Final = 60.0  # seconds for one trial


@dataclass(frozen=True)
class Finding:
    """What a trial of one thing found, in a sentence that also says what to do where it failed."""

    subject: str
    is_good: bool
    sentence: str


class TrialFailed(PaperroundError):
    """Something that Paperround depends on can't be used."""

    title = "Not usable"


async def run_checks(settings: Settings) -> AsyncIterator[Finding]:
    """Try the disk, the network, the database, the feeds, the clock, the encoder and the mail server."""
    yield await _try("disk", lambda: _try_disk(settings.data_dir))
    yield await _try("network", lambda: _try_network(settings))
    has_database = False
    try:
        async with open_database(settings, "paperround doctor", schema_rule="accept") as database:
            finding = await _try("database", lambda: _try_database(database))
            yield finding
            has_database = finding.is_good
            for name in settings.feeds if has_database else ():
                yield await _try(f"feed {name}", partial(_try_feed, name, settings, database))
    except OUTSIDE_ERRORS as error:
        yield _describe("database", error)
    if not has_database:
        yield Finding("feeds", False, "They weren't checked, because that needs the database.")
    yield await _try("clock", lambda: _try_clock(settings))
    yield await _try("links", lambda: _try_links(settings))
    yield await _try("encoder", lambda: _try_encoder(settings))
    yield await _try("mail", lambda: _try_mail(settings))


async def _try(subject: str, trial: Callable[[], Awaitable[str]]) -> Finding:
    """Run a trial, which returns what it saw or raises. Raises what is a bug."""
    try:
        async with asyncio.timeout(TRIAL_TIMEOUT):
            return Finding(subject, True, await trial())
    except OUTSIDE_ERRORS as error:
        return _describe(subject, error)


def _describe(subject: str, error: Exception) -> Finding:
    if isinstance(error, TimeoutError):
        return Finding(subject, False, f"It didn't answer within {TRIAL_TIMEOUT:.0f} s.")
    reason = explain(error)
    if reason is None:
        raise error
    return Finding(subject, False, reason.detail)


async def _try_disk(folder: Path) -> str:
    """Write to the data folder, or to the folder in which it would be made."""
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x" * 4096)
            file.flush()
        free = shutil.disk_usage(place).free
    except OSError as error:
        advice = "Run Paperround as its owner, or set PAPERROUND_DATA_DIR to another folder."
        raise TrialFailed(f"{place} can't be written to: {error.strerror}.", advice=advice) from error
    if free < MIN_FREE_SPACE:
        raise TrialFailed(f"{place} has only {free / 1e6:,.0f} MB of room.", advice="Free some space.")
    return f"{place} has {free / 1e9:,.1f} GB of room."


async def _try_network(settings: Settings) -> str:
    """Look at the proxies and certificates that the environment names."""
    return describe_routes(list_addresses(settings))


async def _try_database(database: Database) -> str:
    """Look at the versions, the schema and the clock of the server."""
    async with database.read_session() as session:
        server, state = await load_server_info(session), await schema.load_state(session)
    name = f"PostgreSQL {server.version}"
    if server.major_version < MIN_POSTGRES_VERSION:
        raise TrialFailed(f"{name} is too old.", advice=f"Install {MIN_POSTGRES_VERSION} or newer.")
    if not await keeps_sessions(database.url):
        raise TrialFailed("Its connections don't keep their state between statements.", advice=POOLER_ADVICE)
    if not state.is_usable:
        raise state.build_error()
    if server.vector_version is None:
        raise TrialFailed(f"{name} has no pgvector.", advice="Run CREATE EXTENSION vector in the database.")
    _compare_clocks("the database's", server.now)
    sentence = f"{name} with pgvector {server.vector_version} has schema {state.revision}."
    return f"{sentence} {SUPERUSER_ADVICE}" if server.is_superuser else sentence


async def _try_feed(name: FeedName, settings: Settings, database: Database) -> str:
    """Fetch today's list, as the worker does."""
    async with open_feed(name, settings, database) as feed:
        fetched = await feed.fetch_records(utc_now().date())
    return f"It answers; papers on today's list: {len(fetched.records)}."


async def _try_clock(settings: Settings) -> str:
    """Compare our clock with that of a feed's host."""
    feed = settings.huggingface_url if "huggingface" in settings.feeds else settings.arxiv_url
    try:
        async with httpx.AsyncClient(timeout=10, transport=open_transport()) as client:
            answer = await client.head(str(feed))
        moment = parsedate_to_datetime(answer.headers["Date"])
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError):
        return f"It is {utc_now():%Y-%m-%d %H:%M} UTC; no other clock could be asked."
    _compare_clocks(f"that of {feed.host}", moment.replace(tzinfo=moment.tzinfo or UTC))
    return f"It is {utc_now():%Y-%m-%d %H:%M} UTC, as {feed.host} says too."


async def _try_links(settings: Settings) -> str:
    """Look at the address that links start with."""
    if not settings.links_stay_here:
        return f"They start with {settings.address}."
    advice = "Set PAPERROUND_PUBLIC_URL to the address that readers use."
    if settings.trusted_proxies or any(map(is_public_host, settings.allowed_hosts)):
        raise TrialFailed(
            f"Readers come through a proxy, and links start with {settings.address}.", advice=advice
        )
    return f"They start with {settings.address}, for this machine alone."


def _compare_clocks(other: str, moment: datetime) -> None:
    """Raise `TrialFailed` if the two clocks differ."""
    difference = abs(utc_now() - moment)
    if difference > MAX_CLOCK_DIFFERENCE:
        seconds = difference.total_seconds()
        advice = "Set both by NTP: days, links and digests depend on it."
        raise TrialFailed(f"This machine's clock and {other} differ by {seconds:,.0f} s.", advice=advice)


async def _try_encoder(settings: Settings) -> str:
    """Ask the encoder for a vector. If our own does not run, look at the model that it would load."""
    try:
        async with EncoderClient(settings, encoder_socket(settings), timeout=10) as encoder:
            model = await encoder.describe_model()
    except EncoderUnavailable as error:
        if settings.encoder_url:
            advice = "Start it, or correct PAPERROUND_ENCODER_URL."
            raise TrialFailed(str(error), advice=advice) from error
    else:
        return f"It answers with {model.name}, {model.dimensions} dimensions."
    if not settings.embedding_model:
        bundled_model.verify_files(bundled_model.find_folder())
    return "It doesn't run now; `paperround up` or `paperround encoder` starts it."


async def _try_mail(settings: Settings) -> str:
    """Connect to the mail server, encrypted and signed in as it will be for mail."""
    if settings.smtp_url is None:
        return f"No server is set; mail goes to {settings.data_dir / 'outbox'}."
    server = SmtpServer.parse(settings.smtp_url.get_secret_value())
    async with open_smtp(server, connections=1) as mailer:
        try:
            await mailer.connect()
        except MailServerUnreachable as error:
            raise TrialFailed(str(error), advice="Check PAPERROUND_SMTP_URL.") from error
    return f"{server.host}:{server.port} accepts our connection."
