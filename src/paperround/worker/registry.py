"""Declares jobs: `@job` registers an async function of one `WorkerContext` with the queue."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path

import procrastinate
import structlog
from procrastinate import JobContext
from structlog.contextvars import bind_contextvars

from paperround import metrics, queue, traces
from paperround.database import Database
from paperround.logs import REQUEST_ID
from paperround.settings import Settings

logger = structlog.get_logger(__name__)

CONTEXT_KEY = "context"  # of Procrastinate's own additional context


@dataclass(frozen=True)
class WorkerContext:
    """What the jobs of one worker process share. `app` is the open app that runs them."""

    settings: Settings
    database: Database
    encoder_socket: Path
    app: procrastinate.App
    stalled_after: float = 20  # seconds without a heartbeat after which another worker counts as dead
    _locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def run_exclusively(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run `run`, or return at once while another run of the same name is under way in this process."""
        lock = self._locks[name]
        if not lock.locked():
            async with lock:
                await run()


Job = Callable[[WorkerContext], Awaitable[None]]


async def bind_origin(database: Database, name: str, job_id: int) -> queue.JobOrigin:
    """Bind the job's id, and that of the request which added it, to the lines of this asyncio task's log.

    They stay bound when the job has ended, since Procrastinate tells of a failure after that. Each job is an
    asyncio task of its own.
    """
    bind_contextvars(job_name=name, job_id=job_id)
    async with database.read_session() as session:
        origin = await queue.load_origin(session, job_id)
    if origin.request_id:
        bind_contextvars(**{REQUEST_ID: origin.request_id})
    return origin


def job(name: str, *, exclusive: bool = False) -> Callable[[Job], Job]:
    """Register an async function as the job `name`.

    At most one run of an `exclusive` job is under way in a process, and a second one returns at once, so that
    a slow job doesn't take up the worker's places for the others.
    """

    def register(function: Job) -> Job:
        @wraps(function)
        async def run(context: WorkerContext) -> None:
            if exclusive:
                await context.run_exclusively(name, lambda: function(context))
            else:
                await function(context)

        @queue.app.task(name=name, pass_context=True)
        async def task(job_context: JobContext) -> None:
            context: WorkerContext = job_context.additional_context[CONTEXT_KEY]
            origin = await bind_origin(context.database, name, job_context.job.id or 0)
            with (
                metrics.measure(metrics.JOB_DURATION, name),
                traces.span(name, "consumer", parent=origin.trace_parent),
            ):
                await run(context)
            if origin.request_id:  # the clock's jobs would fill the log, and say something only if they fail
                logger.info("done")

        return run

    return register
