"""Connects to the queue without SQLAlchemy: for the clock, and for the workers' loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.manager import JobManager

from paperround.conninfo import build_conninfo
from paperround.errors import PaperroundError

app = procrastinate.App(connector=procrastinate.PsycopgConnector())


class QueueError(PaperroundError):
    """A job could not be added to the queue."""

    title = "The queue can't be used"


@asynccontextmanager
async def open_app(url: str, *, connections: int = 4) -> AsyncIterator[procrastinate.App]:
    """Open an app for a worker, with the same tasks but its own pool of connections.

    Several apps may be open at once. Adding a job needs no open app: `defer` uses the session's connection.
    """
    pool = procrastinate.PsycopgConnector(conninfo=build_conninfo(url), min_size=1, max_size=connections)
    # The shared tasks still point to `app`, which would matter only if a job were added through a task.
    worker_app = copy(app)
    worker_app.connector, worker_app.job_manager = pool, JobManager(connector=pool)
    try:
        async with worker_app.open_async():
            yield worker_app
    finally:
        await pool.close_async()  # open_async itself doesn't close a pool that could not be opened


async def add_once(conninfo: str, job: str) -> None:
    """Add a job to the queue, on a connection of its own, unless one of its name waits there already.

    Raises `QueueError`, and `psycopg.Error` where there is no connection.
    """
    connecting = psycopg.AsyncConnection.connect(conninfo, connect_timeout=10)
    try:
        async with await connecting as connection:
            await app.configure_task(job, connection=connection, queueing_lock=job).defer_async()
    except AlreadyEnqueued:
        pass
    except ConnectorException as error:
        raise QueueError(str(error.__cause__ or error)) from error
