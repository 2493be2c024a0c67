"""The commands that run one process each. `cli/up.py` runs them all on one machine."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from paperround import event_loop, privileges, supervisor
from paperround.cli.context import (
    CommandNotPossible,
    attach_database,
    encoder_socket,
    load_settings,
    open_database,
    plan_process,
    require_usable_network,
    require_usable_schema,
)
from paperround.cli.up import bound_listeners, require_permitted_ports, web_processes
from paperround.conninfo import build_conninfo
from paperround.database_roles import DatabaseUrls
from paperround.handover import Handover
from paperround.privileges import Launch
from paperround.resources import give_way
from paperround.settings import Settings

app = typer.Typer()
Lifeline = Annotated[bool, typer.Option("--lifeline", hidden=True, help="End when the input closes.")]


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround web")
def web(
    handover: Annotated[str | None, typer.Option(hidden=True, help="What the starting process gave.")] = None,
    lifeline: Lifeline = False,
) -> None:
    """Serve the pages and the API. SIGHUP replaces the processes if PAPERROUND_WEB_PROCESSES is set."""
    settings = load_settings("web", lifeline=lifeline)
    require_usable_network(settings)
    if handover is None and settings.web_processes is not None:
        require_permitted_ports(settings)
        with attach_database(settings) as urls:
            event_loop.run(_serve_by_several, settings, urls, settings.web_processes)
        return
    if _runs_as_root(lifeline):
        require_permitted_ports(settings)
        _run_as_service_account(settings, "web")
    with attach_database(settings) as urls:
        serve_web(settings, urls.serving, Handover.parse(handover) if handover else None)


def serve_web(settings: Settings, url: str, handover: Handover | None = None) -> None:
    """Serve the site on the database at `url` until the process is told to stop."""
    from paperround.web.app import create_app  # slow to import, and only this process needs it
    from paperround.web.server import serve

    counts = handover.open_cost_counts() if handover else None
    serve(create_app(settings, url, encoder_socket(settings), counts), settings, handover)


async def _serve_by_several(settings: Settings, urls: DatabaseUrls, count: int) -> None:
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    privileges.prepare_data_folder(settings)
    with bound_listeners(settings) as listeners, web_processes(settings, urls, listeners, count) as web:
        supervisor.reload_on_hangup(web.reload, stop)
        await web.run(stop)


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround worker")
def worker(lifeline: Lifeline = False) -> None:
    """Read feeds, embed papers, match topics and send mail. Any number may run, on any number of hosts."""
    settings = load_settings("worker", lifeline=lifeline)
    require_usable_network(settings)
    if _runs_as_root(lifeline):
        require_permitted_ports(settings)
        _run_as_service_account(settings, "worker")
    give_way()
    event_loop.run(_work, settings)


async def _work(settings: Settings) -> None:
    from paperround.worker import jobs  # what follows is slow to import, and for one process only

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
    from paperround import clock as timetable

    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    with attach_database(settings) as urls:
        conninfo = build_conninfo(urls.serving, application_name="paperround clock")
        require_usable_schema(conninfo)
        await timetable.run(conninfo, stop)


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
        _run_as_service_account(settings, "encoder", *options)
    from paperround.embeddings import encoder as process  # imports torch

    if host:
        process.serve(settings, host=host, port=port)
    else:
        process.serve(settings, socket=socket or encoder_socket(settings))


def _runs_as_root(lifeline: bool) -> bool:
    """Tell whether another process should do the work, as the service account. A child never starts one."""
    return not lifeline and privileges.find_service_account() is not None


def _run_as_service_account(settings: Settings, *arguments: str) -> NoReturn:
    """Run a command as the service account until it ends or we are told to stop, and exit with its code.

    The embedded database, which is root's to start and to stop, is used on its behalf.
    """
    with ExitStack() as stack:
        needs_database = arguments[0] != "encoder"
        urls = stack.enter_context(attach_database(settings)) if needs_database else None
        launch = plan_process(settings, urls, *arguments)
        privileges.prepare_data_folder(settings)
        code = event_loop.run(_run_to_the_end, launch, arguments[0])
    raise SystemExit(code if code >= 0 else 128 - code)


async def _run_to_the_end(launch: Launch, name: str) -> int:
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    code = await supervisor.run_once(name, launch, stop)
    return 1 if code is None else 0 if stop.is_set() else code


def _require_encoder_key(settings: Settings) -> None:
    """Raise `CommandNotPossible` where an encoder would work for whoever reaches its address."""
    if settings.encoder_key is None:
        raise CommandNotPossible(
            "An encoder on an address needs a key, or everybody who reaches it could use it.",
            advice="Set PAPERROUND_ENCODER_KEY here and for the web processes and workers.",
        )
