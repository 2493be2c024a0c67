"""The queue: defers a task by name inside a session's transaction, and rescues jobs whose worker died.

A job is a hint; what there is to do stands in the tables. So a job too many does nothing, and a lost one
is made up for by the clock's next tick. No task uses Procrastinate's own retry: one that meets its queued
twin breaks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from typing import Final

import procrastinate
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from sqlalchemy import text

from paperround.database import ReadSession, WriteSession, conninfo

logger = structlog.get_logger(__name__)

FAILED_KEPT_HOURS: Final = 7 * 24

Argument = str | int | float | bool | None
app = procrastinate.App(connector=procrastinate.PsycopgConnector())


class QueueError(RuntimeError):
    """The queue could not be written to."""


@asynccontextmanager
async def connected(url: str, *, connections: int = 4) -> AsyncIterator[procrastinate.App]:
    """An app with the same tasks on a pool of its own, for a worker; several may be open at once.

    Everything else defers on a session's connection.
    """
    pool = procrastinate.PsycopgConnector(conninfo=conninfo(url), min_size=1, max_size=connections)
    live = copy(app)  # the tasks they share point back to `app`: only deferring through a task would notice
    live.connector, live.job_manager = pool, JobManager(connector=pool)
    async with live.open_async():
        yield live


async def defer(session: WriteSession, task: str, *, once: str | None = None, **arguments: Argument) -> None:
    """Queue `task` in the session's transaction; while one with this `once` waits, do nothing.

    Raises `QueueError`.
    """
    try:
        async with session.begin_nested():
            connection = await session.connection()  # this, not begin_nested, sets the savepoint
            driver = (await connection.get_raw_connection()).driver_connection
            job = app.configure_task(task, connection=driver, queueing_lock=once)
            await job.defer_async(**arguments)
    except AlreadyEnqueued:
        logger.debug("already queued", task=task, once=once)
    except ConnectorException as error:
        raise QueueError(str(error.__cause__ or error)) from error


async def rescue_stalled(worker_app: procrastinate.App, *, silent_for: float) -> int:
    """Queue again the jobs whose worker has not been heard of for `silent_for` seconds; how many.

    One whose twin already waits under the same queueing lock is ended instead: the twin does its work.
    """
    rescued = 0
    for job in await worker_app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_for):
        try:
            await _queue_again(worker_app, job)
        except ConnectorException as error:  # mostly that another rescuer was quicker
            logger.info("could not rescue a job", task=job.task_name, job=job.id, error=str(error.__cause__))
        else:
            rescued += 1
            logger.warning("rescued a job whose worker died", task=job.task_name, job=job.id)
    return rescued


async def forget_failed(worker_app: procrastinate.App) -> None:
    """Drop the record of jobs that failed a week ago; those that succeed leave none."""
    await worker_app.job_manager.delete_old_jobs(nb_hours=FAILED_KEPT_HOURS, include_failed=True)


async def _queue_again(worker_app: procrastinate.App, job: Job) -> None:
    try:
        await worker_app.job_manager.retry_job(job)
    except UniqueViolation:
        await worker_app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


@dataclass(frozen=True)
class QueueState:
    waiting: int
    running: int
    failed: int


async def state(session: ReadSession) -> QueueState:
    """How many jobs wait, run and have failed."""
    query = text("SELECT status::text, count(*) FROM jobs.procrastinate_jobs GROUP BY status")
    counts: Mapping[str, int] = {row[0]: row[1] for row in await session.execute(query)}
    return QueueState(counts.get("todo", 0), counts.get("doing", 0), counts.get("failed", 0))
