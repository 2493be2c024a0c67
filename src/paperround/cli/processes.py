"""The commands that run processes: `up` for all of them on one machine, and one command for each."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from paperround import clock as timetable
from paperround import event_loop, privileges, schema, supervisor
from paperround.cli.context import (
    CommandNotPossible,
    attach_database,
    console,
    encoder_socket,
    load_settings,
    open_database,
    require_usable_network,
)
from paperround.cli.mail import make_outbox_link
from paperround.cli.status import describe_first_reading
from paperround.database import Database, DatabaseUnavailable
from paperround.errors import PaperroundError
from paperround.failures import is_out_of_room
from paperround.postgres import EmbeddedPostgres
from paperround.postgres.folders import make_folder, must_be_ours
from paperround.private_files import Purpose, open_private_file
from paperround.privileges import Launch, plan_launch
from paperround.settings import Settings
from paperround.worker import jobs

CHILDREN: Final = ("web", "clock", "worker", "encoder")
ANNOUNCEMENT_TIMEOUT: Final = 600  # seconds after which `up` no longer waits for the first reading

app = typer.Typer()
Lifeline = Annotated[bool, typer.Option("--lifeline", hidden=True, help="End when the input closes.")]


@app.command(epilog="Example: PAPERROUND_PORT=9000 paperround up")
def up() -> None:
    """Run everything on this machine: database, encoder, worker, clock and web."""
    settings = load_settings("up")
    require_usable_network(settings)
    with _hold_data_folder(settings.data_dir):
        _require_permitted_ports(settings)
        _require_free_port(settings)
        if settings.database_url:
            event_loop.run(_supervise, settings, settings.database_url.get_secret_value(), None)
            return
        server = EmbeddedPostgres(settings.data_dir)
        try:
            event_loop.run(_supervise, settings, server.url, server)
        finally:
            server.stop()


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround web")
def web(lifeline: Lifeline = False) -> None:
    """Serve the pages and the API."""
    settings = load_settings("web", lifeline=lifeline)
    require_usable_network(settings)
    if _runs_as_root(lifeline):
        _require_permitted_ports(settings)
        _run_as_service_account(settings, "web")
    with attach_database(settings) as url:
        serve_web(settings, url)


def serve_web(settings: Settings, url: str) -> None:
    """Serve the site on the database at `url` until the process is told to stop."""
    from paperround.web.app import create_app  # slow to import, and only this process needs it
    from paperround.web.server import serve

    serve(create_app(settings, url, encoder_socket(settings)), settings)


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround worker")
def worker(lifeline: Lifeline = False) -> None:
    """Read feeds, embed papers, match topics and send mail. Any number may run, on any number of hosts."""
    settings = load_settings("worker", lifeline=lifeline)
    require_usable_network(settings)
    if _runs_as_root(lifeline):
        _require_permitted_ports(settings)
        _run_as_service_account(settings, "worker")
    event_loop.run(_work, settings)


async def _work(settings: Settings) -> None:
    pool_size = 2 * jobs.MAX_CONCURRENT_JOBS
    async with open_database(settings, "paperround worker", pool_size=pool_size) as database:
        await jobs.work(settings, database, encoder_socket(settings))


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround clock")
def clock(lifeline: Lifeline = False) -> None:
    """Put jobs on the queue when they are due. One clock is enough, and two do no harm."""
    settings = load_settings("clock", lifeline=lifeline)
    if _runs_as_root(lifeline):
        _run_as_service_account(settings, "clock")
    event_loop.run(_tick, settings)


async def _tick(settings: Settings) -> None:
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    async with open_database(settings, "paperround clock", pool_size=2) as database:
        await timetable.run(database, stop)


@app.command(epilog="Example: paperround encoder --host 0.0.0.0 --port 8100")
def encoder(
    host: Annotated[str | None, typer.Option(help="Listen on an address instead of a Unix socket.")] = None,
    port: Annotated[int, typer.Option(help="The port, with --host.")] = 8100,
    socket: Annotated[Path | None, typer.Option(hidden=True, help="Another Unix socket.")] = None,
    lifeline: Lifeline = False,
) -> None:
    """Turn text into vectors: for this machine on a Unix socket, or for others on an address."""
    settings = load_settings("encoder", lifeline=lifeline)
    if host:
        _require_encoder_key(settings)
    if _runs_as_root(lifeline):
        if host:
            privileges.require_unprivileged_port(port, "--port")
        given = {"--host": host, "--port": port if host else None, "--socket": socket}
        options = [f"{name}={value}" for name, value in given.items() if value is not None]
        _run_as_service_account(settings, "encoder", *options, needs_database=False)
    from paperround.embeddings import encoder as process  # imports torch

    if host:
        process.serve(settings, host=host, port=port)
    else:
        process.serve(settings, socket=socket or encoder_socket(settings))


def _runs_as_root(lifeline: bool) -> bool:
    """Tell whether another process should do the work, as the service account. A child never starts one."""
    return not lifeline and privileges.find_service_account() is not None


def _run_as_service_account(settings: Settings, *arguments: str, needs_database: bool = True) -> NoReturn:
    """Run a command as the service account until it ends or we are told to stop, and exit with its code.

    The embedded database, which is root's to start and to stop, is used on its behalf.
    """
    with ExitStack() as stack:
        if needs_database:
            url = stack.enter_context(attach_database(settings))
            launch = plan_launch(settings, arguments, database_url=url)
        else:
            launch = plan_launch(settings, arguments)
        privileges.prepare_data_folder(settings)
        code = event_loop.run(_run_to_the_end, launch, arguments[0])
    raise SystemExit(code if code >= 0 else 128 - code)


async def _run_to_the_end(launch: Launch, name: str) -> int:
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    code = await supervisor.run_once(name, launch, stop)
    return 1 if code is None else 0 if stop.is_set() else code


def _require_permitted_ports(settings: Settings) -> None:
    """Raise `PrivilegesNeeded` for a port that the processes may not listen on."""
    for name in ("port", "metrics_port", "worker_metrics_port"):
        privileges.require_unprivileged_port(getattr(settings, name), f"PAPERROUND_{name.upper()}")


def _require_encoder_key(settings: Settings) -> None:
    """Raise `CommandNotPossible` where an encoder would work for whoever reaches its address."""
    if settings.encoder_key is None:
        raise CommandNotPossible(
            "An encoder on an address needs a key, or everybody who reaches it could use it.",
            advice="Set PAPERROUND_ENCODER_KEY here and for the web processes and workers.",
        )


async def _supervise(settings: Settings, url: str, server: EmbeddedPostgres | None) -> None:
    """Start the database, bring its schema up to date, and run the processes until Ctrl-C or SIGTERM.

    A database that can't be reached or has no room is waited for; what waiting doesn't mend is raised.
    """
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop, lambda: console.print("Stopping …"))

    def prepare() -> None:
        if server is not None:
            server.start()
        schema.upgrade(url)

    problem = "the database can't be used"
    if not await supervisor.persist(problem, prepare, stop, is_passing=_may_pass):
        return
    privileges.prepare_data_folder(settings)
    names = [name for name in CHILDREN if name != "encoder" or not settings.encoder_url]
    async with asyncio.TaskGroup() as group:

        def keep(name: str, run: Callable[[], Awaitable[None]]) -> None:
            group.create_task(supervisor.keep_going(name, run, stop))

        for name in names:
            keep(
                name,
                partial(supervisor.keep_running, name, plan_launch(settings, [name], database_url=url), stop),
            )
        if server is not None:
            keep("postgres", partial(supervisor.keep_postgres, server, stop))
        keep("announcement", partial(_announce, settings, url, stop))


def _may_pass(error: PaperroundError) -> bool:
    """Tell whether a database that can't be started or used at first may be usable soon."""
    return isinstance(error, DatabaseUnavailable) or is_out_of_room(error)


async def _announce(settings: Settings, url: str, stop: asyncio.Event) -> None:
    """Say where the pages are once they are served, and then what the first reading brought."""
    await _wait_until_served(settings, stop)
    console.print(f"Paperround is at [bold]{settings.address}[/]  (Ctrl-C stops it)")
    if settings.smtp_url is None:
        _announce_outbox(settings)
    deadline = time.monotonic() + ANNOUNCEMENT_TIMEOUT
    async with Database(url, pool_size=1, application="paperround up") as database:
        while not stop.is_set() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 2)
            description = await describe_first_reading(settings, database)
            if description:
                console.print(description)
                return


def _announce_outbox(settings: Settings) -> None:
    """Say where mail is to be read. That this fails is no reason to stop."""
    try:
        console.print(f"Its mail is at {make_outbox_link(settings)}  (this link works once)", soft_wrap=True)
    except CommandNotPossible as error:
        console.print(error.detail, soft_wrap=True)


async def _wait_until_served(settings: Settings, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


@contextmanager
def _hold_data_folder(folder: Path) -> Iterator[None]:
    """Keep a second `up` away from the data folder.

    Raises `CommandNotPossible` if one runs there, and `PostgresError` if the folder is somebody else's.
    """
    must_be_ours(folder / "postgres")  # before we leave a file of ours in somebody else's folder
    make_folder(folder)
    file = folder / "up.lock"
    try:
        descriptor = open_private_file(file, Purpose.lock)
    except OSError as error:
        raise CommandNotPossible(
            f"The data folder {folder} can't be written to ({error.strerror}).",
            advice="Run Paperround as the user that owns it, or set PAPERROUND_DATA_DIR to another folder.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise CommandNotPossible(
            f"Paperround is already running on the data folder {folder}.",
            advice="Stop it first, or set PAPERROUND_DATA_DIR and PAPERROUND_PORT to others.",
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _require_free_port(settings: Settings) -> None:
    """Raise `CommandNotPossible` where the port is taken, before a web process dies of it."""
    if settings.port == 0:
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CommandNotPossible(
                f"{settings.host} port {settings.port} can't be used ({error.strerror}).",
                advice="Stop what uses it, or set PAPERROUND_PORT to another.",
            ) from error
