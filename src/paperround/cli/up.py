"""The commands for all processes of one machine: `up` runs them, `reload` replaces those of the web."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import typer

from paperround import event_loop, privileges, supervisor
from paperround.cli.context import (
    CommandNotPossible,
    find_database,
    find_schema_state,
    load_settings,
    plan_process,
    require_usable_network,
    say,
)
from paperround.conninfo import DatabaseUnavailable, build_conninfo
from paperround.database_roles import DatabaseUrls, grant_access
from paperround.environment import METRICS_FOLDER, environment_with
from paperround.errors import PaperroundError
from paperround.failures import is_out_of_room
from paperround.handover import bound_sockets
from paperround.postgres import EmbeddedPostgres
from paperround.postgres.folders import make_folder, must_be_ours
from paperround.private_files import Purpose, open_private_file
from paperround.privileges import PROGRAM, Launch
from paperround.resources import usable_cores
from paperround.settings import Settings
from paperround.web_processes import WebProcesses

LOCK_NAME: Final = "up.lock"  # in the data folder; it has the process id of its holder
CHILDREN: Final = ("clock", "worker", "encoder")  # and the web processes
WEB_HEAD_START: Final = 5  # seconds in which the web processes have the machine for themselves

app = typer.Typer()


@app.command(epilog="Example: PAPERROUND_PORT=9000 paperround up")
def up() -> None:
    """Run everything on this machine: database, encoder, worker, clock and web."""
    settings = load_settings("up")
    _check_network(settings)
    with _hold_data_folder(settings.data_dir):
        require_permitted_ports(settings)
        with bound_listeners(settings) as listeners:
            _run(settings, listeners)


def _check_network(settings: Settings) -> None:
    """End where the environment names a proxy or certificates that can't be used.

    A fork looks, since what it loads for that is of no use here afterwards.
    """
    process = os.fork()
    if process == 0:
        code = 1
        try:
            require_usable_network(settings)
            code = 0
        except PaperroundError as error:
            from paperround.cli.console import fail  # in the fork as well

            with suppress(SystemExit):
                fail(error.detail)
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        raise SystemExit(1)


def _run(settings: Settings, listeners: Sequence[socket.socket]) -> None:
    urls = find_database(settings)
    if urls:
        event_loop.run(_supervise, settings, urls, None, listeners)
        return
    server = EmbeddedPostgres(settings.data_dir)
    try:
        urls = DatabaseUrls(server.serving_url, server.owner_url)
        event_loop.run(_supervise, settings, urls, server, listeners)
    finally:
        server.stop()


@app.command(epilog="Example: paperround reload")
def reload() -> None:
    """Replace the web processes of a running `up`, one after the other; no request is refused meanwhile.

    They read the settings again, of which the address and the number of processes stay.
    """
    settings = load_settings("reload")
    with suppress(ProcessLookupError):
        if (process := _find_holder(settings.data_dir)) is not None:
            os.kill(process, signal.SIGHUP)
            return
    raise CommandNotPossible(
        f"Paperround is not running on the data folder {settings.data_dir}.",
        advice="Send SIGHUP to a `paperround web` that runs by itself, or set PAPERROUND_DATA_DIR.",
    )


async def _supervise(
    settings: Settings,
    urls: DatabaseUrls,
    server: EmbeddedPostgres | None,
    listeners: Sequence[socket.socket],
) -> None:
    """Start the database, bring its schema up to date, and run the processes until Ctrl-C or SIGTERM.

    A database that can't be reached or has no room is waited for; what waiting doesn't mend is raised.
    """
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop, lambda: say("Stopping …"))

    def prepare() -> None:
        if server is not None:
            server.start()
        if not find_schema_state(build_conninfo(urls.owner)).is_newest:
            _upgrade_schema(urls)
        grant_access(urls)

    problem = "the database can't be used"
    if not await supervisor.persist(problem, prepare, stop, is_passing=_may_pass):
        return
    privileges.prepare_data_folder(settings)
    names = [name for name in CHILDREN if name != "encoder" or not settings.encoder_url]
    with web_processes(settings, urls, listeners, settings.web_processes or usable_cores()) as web:
        supervisor.reload_on_hangup(web.reload, stop)
        async with asyncio.TaskGroup() as group:

            def keep(name: str, run: Callable[[], Awaitable[None]]) -> None:
                group.create_task(supervisor.keep_going(name, run, stop))

            keep("web", partial(web.run, stop))
            if server is not None:
                keep("postgres", partial(supervisor.keep_postgres, server, stop))
            keep("announcement", partial(_announce, settings, urls, web.are_served, stop))
            served = asyncio.create_task(web.are_served.wait())
            await supervisor.wait_for_first(served, stop, WEB_HEAD_START)
            served.cancel()
            for name in names:
                launch = plan_process(settings, urls, name)
                keep(name, partial(supervisor.keep_running, name, launch, stop))


@contextmanager
def web_processes(
    settings: Settings, urls: DatabaseUrls, listeners: Sequence[socket.socket], count: int
) -> Iterator[WebProcesses]:
    """Give what runs `count` web processes. Their metrics are counted in one folder, so that they add up."""
    with ExitStack() as stack:
        environment = {}
        if settings.metrics_port and count > 1:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="paperround-metrics-"))
            privileges.hand_over_folder(Path(folder))
            environment[METRICS_FOLDER] = folder

        def plan(arguments: Sequence[str]) -> Launch:
            launch = plan_process(settings, urls, *arguments)
            return replace(launch, environment={**launch.environment, **environment})

        yield WebProcesses(plan, listeners, count)


def _upgrade_schema(urls: DatabaseUrls) -> None:
    """Bring the schema up to date in a process of its own, whose memory is then free again."""
    command = [*PROGRAM, "db", "upgrade"]
    environment = environment_with(database_url=urls.serving, owner_database_url=urls.owner)
    upgrade = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 (ourselves)
    if upgrade.returncode:
        words = " ".join(upgrade.stderr.split()).removeprefix("paperround: ")
        raise CommandNotPossible(f"The schema can't be brought up to date. {words}")


def _may_pass(error: PaperroundError) -> bool:
    """Tell whether a database that can't be started or used at first may be usable soon."""
    return isinstance(error, DatabaseUnavailable) or is_out_of_room(error)


async def _announce(
    settings: Settings, urls: DatabaseUrls, are_served: asyncio.Event, stop: asyncio.Event
) -> None:
    """Say where the pages are once they are served. A process that ends tells the rest."""
    await are_served.wait()
    say(f"Paperround is at [bold]{settings.address}[/]  (Ctrl-C stops it)")
    await supervisor.run_once("announcement", plan_process(settings, urls, "announce"), stop)


@contextmanager
def _hold_data_folder(folder: Path) -> Iterator[None]:
    """Keep a second `up` away from the data folder.

    Raises `CommandNotPossible` if one runs there, and `PostgresError` if the folder is somebody else's.
    """
    must_be_ours(folder / "postgres")  # before we leave a file of ours in somebody else's folder
    make_folder(folder)
    file = folder / LOCK_NAME
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
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _find_holder(folder: Path) -> int | None:
    """Return the process id of the `up` that runs on the data folder, if one does."""
    try:
        with (folder / LOCK_NAME).open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int((folder / LOCK_NAME).read_text(encoding="ascii") or 0) or None
    except FileNotFoundError:
        return None
    return None


@contextmanager
def bound_listeners(settings: Settings) -> Iterator[Sequence[socket.socket]]:
    """Bind the address of the settings, before a web process dies of it.

    Raises `CommandNotPossible` where it can't be had.
    """
    with ExitStack() as stack:
        try:
            listeners = stack.enter_context(bound_sockets(settings.host, settings.port))
        except OSError as error:
            raise CommandNotPossible(
                f"{settings.host} port {settings.port} can't be used ({error.strerror}).",
                advice="Stop what uses it, or set PAPERROUND_PORT to another.",
            ) from error
        yield listeners


def require_permitted_ports(settings: Settings) -> None:
    """Raise `PrivilegesNeeded` for a port that the processes may not listen on."""
    for name in ("port", "metrics_port", "worker_metrics_port"):
        privileges.require_unprivileged_port(getattr(settings, name), f"PAPERROUND_{name.upper()}")
