"""What the commands do: one function a process, and `everything` for `up`."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from paperround import clock as clockwork
from paperround import schema, supervisor
from paperround.cli.status import first_news
from paperround.database import Database, utc_now
from paperround.embeddings import backfill as embeddings_backfill
from paperround.embeddings import models
from paperround.embeddings.encoder_process import encoder_of
from paperround.embeddings.progress import EmbeddingProgress
from paperround.feeds import backfill, schedule
from paperround.feeds.registry import opened
from paperround.feeds.tables import Outcome, Reading
from paperround.papers import half_life, removal
from paperround.postgres import EmbeddedPostgres, socket_folder
from paperround.settings import FeedName, Settings, environment_with
from paperround.worker import jobs

logger = structlog.get_logger(__name__)

MOST_DAYS: Final = 4000  # of one `ingest`; the daily lists began in 2023
CHILDREN: Final = ("web", "clock", "worker", "encoder")


class CannotRun(RuntimeError):
    """Something outside the program stands in its way; the text says what to do."""


def encoder_socket(settings: Settings) -> Path:
    return socket_folder(settings.data_dir) / "encoder.sock"


@asynccontextmanager
async def usable(url: str, application: str, *, pool_size: int = 5) -> AsyncIterator[Database]:
    """The database, if its schema is one that we can use. Raises `SchemaError`."""
    database = Database(url, pool_size=pool_size, application=application)
    try:
        async with database.reading() as session:
            await schema.require(session)
        yield database
    finally:
        await database.close()


def web(settings: Settings, url: str) -> None:
    from paperround.web.app import create_app  # slow to import, and only this process needs it

    uvicorn.run(
        create_app(settings, url, encoder_socket(settings)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn believes whoever is on loopback; web/client.py knows better
        timeout_graceful_shutdown=3,
    )


async def worker(settings: Settings, url: str) -> None:
    async with usable(url, "paperround worker", pool_size=2 * jobs.JOBS_AT_ONCE) as database:
        await jobs.work(jobs.Workplace(settings, database, encoder_socket(settings)))


async def clock(url: str) -> None:
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    async with usable(url, "paperround clock", pool_size=2) as database:
        await clockwork.run(database, stop)


def encoder(settings: Settings, host: str | None, port: int, socket: Path | None = None) -> None:
    from paperround.embeddings import encoder as process  # imports torch

    if host:
        process.serve(settings, host=host, port=port)
    else:
        process.serve(settings, socket=socket or encoder_socket(settings))


def everything(settings: Settings, console: Console) -> None:
    """`up`: database, schema, then the processes, until Ctrl-C. Raises `CannotRun`, `PostgresError`."""
    _require_free_port(settings)
    if settings.database_url:
        url = settings.database_url.get_secret_value()
        asyncio.run(_watch_over(settings, url, None, console))
        return
    server = EmbeddedPostgres(settings.data_dir)
    server.start()
    try:
        asyncio.run(_watch_over(settings, server.url, server, console))
    finally:
        server.stop()


async def _watch_over(
    settings: Settings, url: str, server: EmbeddedPostgres | None, console: Console
) -> None:
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop, lambda: console.print("Stopping …"))
    await asyncio.to_thread(schema.upgrade, url)
    environment = environment_with(database_url=url)
    names = [name for name in CHILDREN if name != "encoder" or not settings.encoder_url]
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(supervisor.keep_running(name, [name], environment, stop))
        if server is not None:
            group.create_task(supervisor.keep_postgres(server, stop))
        group.create_task(_announce(settings, url, console, stop))


async def _announce(settings: Settings, url: str, console: Console, stop: asyncio.Event) -> None:
    """Say where the pages are, once they are there, then what came of the first reading."""
    await _until_served(settings, stop)
    console.print(f"Paperround is at [bold]{settings.address}[/]  (Ctrl-C stops it)")
    database = Database(url, pool_size=1, application="paperround up")
    deadline = time.monotonic() + 600
    try:
        while not stop.is_set() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 2)
            news = await first_news(settings, database)
            if news:
                console.print(news)
                return
    finally:
        await database.close()


async def _until_served(settings: Settings, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


def _require_free_port(settings: Settings) -> None:
    """Said at once and plainly, rather than by a web process that dies again and again."""
    if settings.port == 0:
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CannotRun(
                f"{settings.host} port {settings.port} can't be used ({error.strerror}). Stop what uses it, "
                "or set PAPERROUND_PORT to another."
            ) from error


def days_between(day: datetime | None, first: datetime | None, last: datetime | None) -> list[date] | None:
    """The days that were asked for; None when none were. Raises `CannotRun` for a muddle."""
    if day and (first or last):
        raise CannotRun("Give --date, or --from and --to.")
    if day:
        return [day.date()]
    if not first and not last:
        return None
    if not first:
        raise CannotRun("Give --from too: the first day to read.")
    until = last.date() if last else utc_now().date()
    count = (until - first.date()).days + 1
    if not 1 <= count <= MOST_DAYS:
        raise CannotRun(
            f"From {first:%Y-%m-%d} to {until} are {count} days; between 1 and {MOST_DAYS} can be read."
        )
    return [first.date() + timedelta(days=n) for n in range(count)]


async def ingest(
    settings: Settings, url: str, name: FeedName, days: Sequence[date] | None, console: Console
) -> Sequence[date]:
    """Read days of a feed with a progress bar, or log lines where there is no terminal; what is missing."""
    papers = 0
    async with (
        usable(url, "paperround ingest", pool_size=2 * backfill.AT_ONCE) as database,
        opened(name, settings, database) as feed,
    ):
        async with database.writing() as session:
            await half_life.adopt_half_life(session, settings.half_life)
        if days is None:
            days = await _due_days(database, settings, feed.name)
        with _progress(console) as progress:
            bar = progress.add_task("days", total=len(days), papers=0)

            def told(reading: Reading) -> None:
                nonlocal papers
                papers += reading.papers
                if reading.outcome is not Outcome.failed:
                    progress.update(bar, advance=1, papers=papers)

            missing = await backfill.read_days(database, feed, jobs.rules(settings), days, told=told)
    console.print(f"{papers:,} listings read on {len(days) - len(missing)} of {len(days)} days.")
    if missing:
        console.print(
            f"Not read: {', '.join(map(str, missing[:10]))}{' …' if len(missing) > 10 else ''}. "
            "They stay due: a running worker goes on with them. `paperround status` shows the last error."
        )
    return missing


async def _due_days(database: Database, settings: Settings, feed: str) -> Sequence[date]:
    now = utc_now()
    async with database.writing() as session:
        await schedule.plan(session, feed, now=now, catch_up=timedelta(days=settings.catch_up_days))
    async with database.reading() as session:
        return await schedule.due(session, feed, now=now)


async def embed(settings: Settings, url: str, *, activate: bool, console: Console) -> bool:
    """Fill the vectors of the settings' model, with a bar and the rate; whether all is as was asked for."""
    async with (
        usable(url, "paperround embed", pool_size=2) as database,
        encoder_of(settings, encoder_socket(settings)) as encoder,
    ):
        with EmbeddingProgress(console) as progress:
            model_id = await models.register(database, await encoder.model(), now=utc_now())
            async with database.reading() as session:
                progress.total = await embeddings_backfill.lacking(session, model_id, now=utc_now())
            done = await embeddings_backfill.fill(database, encoder, told=progress.told)
        console.print(f"{done:,} papers embedded with {encoder.name}.", markup=False)
        if not activate:
            return True
        switched = await embeddings_backfill.switch_if_complete(database, encoder.name, wait=True)
    console.print(
        f"{encoder.name} is the current model. Set PAPERROUND_EMBEDDING_MODEL to it and start Paperround "
        "again, so that new papers and questions are embedded with it too."
        if switched
        else f"{encoder.name} still lacks papers: they came meanwhile, or another process embeds them. "
        "Try again.",
        markup=False,
    )
    return switched


async def drop_model(url: str, name: str, console: Console) -> None:
    async with usable(url, "paperround embed", pool_size=1) as database:
        dropped = await models.drop(database, name)
    console.print(f"{name} is gone, with its index and {dropped:,} vectors.", markup=False)


async def remove_paper(url: str, paper_id: str, *, undo: bool, console: Console) -> None:
    async with usable(url, "paperround remove", pool_size=1) as database, database.writing() as session:
        if undo:
            away = await removal.let_back(session, paper_id)
            told = "may come back with the next reading" if away else "had not been removed"
        else:
            there = await removal.remove(session, paper_id, now=utc_now())
            told = "is gone, and stays away" if there else "wasn't here, and will be kept away"
    console.print(f"{paper_id} {told}.", markup=False)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("Reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[papers]} listings"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
