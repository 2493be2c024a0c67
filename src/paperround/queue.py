"""The job queue: adds jobs by name within a session's transaction, and rescues jobs whose worker died.

A job is only a hint; the tables say what there is to do. So a superfluous job does nothing, and the
clock's next tick makes up for a lost one. No job uses Procrastinate's own retry, which breaks when a job with
the same queueing lock is already waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from sqlalchemy import text

from paperround.database import ReadSession, WriteSession
from paperround.logs import current_request_id
from paperround.queue_app import QueueError, app, open_app
from paperround.traces import current_parent

__all__ = ["QueueError", "app", "open_app"]

logger = structlog.get_logger(__name__)

FAILED_JOB_RETENTION_HOURS: Final = 7 * 24

WAITING_JOB: Final = text(
    "SELECT id FROM jobs.procrastinate_jobs WHERE queueing_lock = :queueing_lock AND status = 'todo'"
)
JobArgument = str | int | float | bool | None


def is_own_table(name: str) -> bool:
    """Tell whether a table of the schema `jobs` is the queue's."""
    return name.startswith("procrastinate_") or name == "job_origins"


async def defer(
    session: WriteSession, job: str, *, queueing_lock: str | None = None, **arguments: JobArgument
) -> None:
    """Add a job to the queue within the session's transaction.

    Nothing happens while another job with the same `queueing_lock` is waiting. The log says which job will
    do the work of a request. Raises `QueueError`.
    """
    try:
        async with session.begin_nested():
            connection = await session.connection()  # this call, not begin_nested, sets the savepoint
            driver_connection = (await connection.get_raw_connection()).driver_connection
            deferrer = app.configure_task(job, connection=driver_connection, queueing_lock=queueing_lock)
            job_id = await deferrer.defer_async(**arguments)
            await _store_origin(session, job, job_id)
    except AlreadyEnqueued:
        if current_request_id():
            waiting = await session.scalar(WAITING_JOB, {"queueing_lock": queueing_lock})
            logger.info("joined a job that waits", job_name=job, job_id=waiting)
    except ConnectorException as error:
        raise QueueError(str(error.__cause__ or error)) from error


@dataclass(frozen=True)
class JobOrigin:
    """What added a job: the id of a request and the span of a trace (a `traceparent`), if there was one."""

    request_id: str | None = None
    trace_parent: str | None = None


async def _store_origin(session: WriteSession, job: str, job_id: int) -> None:
    """Note what adds the job. It is no argument of the job, since older workers would refuse that."""
    origin = JobOrigin(current_request_id(), current_parent())
    if origin == JobOrigin():  # the clock's jobs have none
        return
    logger.info("queued", job_name=job, job_id=job_id)
    await session.execute(
        text("INSERT INTO jobs.job_origins VALUES (:job_id, :request_id, :trace_parent)"),
        {"job_id": job_id, "request_id": origin.request_id, "trace_parent": origin.trace_parent},
    )


async def load_origin(session: ReadSession, job_id: int) -> JobOrigin:
    """Load what added the job. It is empty for jobs of the clock and of releases that noted nothing."""
    query = text("SELECT request_id, trace_parent FROM jobs.job_origins WHERE job_id = :job_id")
    row = (await session.execute(query, {"job_id": job_id})).one_or_none()
    return JobOrigin(*row) if row else JobOrigin()


async def rescue_stalled_jobs(worker_app: procrastinate.App, *, silence_seconds: float) -> int:
    """Queue the jobs of workers that have sent no heartbeat for `silence_seconds` again. Returns how many.

    A job is deleted instead when another one with the same queueing lock is waiting, which does its work.
    """
    rescued_count = 0
    for job in await worker_app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silence_seconds):
        try:
            await _requeue(worker_app, job)
        except ConnectorException as error:  # usually because another worker rescued it first
            logger.info("could not rescue a job", task=job.task_name, job=job.id, error=str(error.__cause__))
        else:
            rescued_count += 1
            logger.warning("rescued a job whose worker died", task=job.task_name, job=job.id)
    return rescued_count


def is_about_lost_job(error: BaseException | None) -> bool:
    """Tell whether a job could not be finished because it was given to another worker meanwhile."""
    return isinstance(error, ConnectorException) and isinstance(
        error.__cause__, psycopg.errors.RaiseException
    )


async def delete_failed_jobs(worker_app: procrastinate.App) -> None:
    """Delete jobs that failed more than a week ago. Jobs that succeed are deleted by the worker at once."""
    await worker_app.job_manager.delete_old_jobs(nb_hours=FAILED_JOB_RETENTION_HOURS, include_failed=True)


async def _requeue(worker_app: procrastinate.App, job: Job) -> None:
    try:
        await worker_app.job_manager.retry_job(job)
    except UniqueViolation:
        await worker_app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


@dataclass(frozen=True)
class QueueState:
    """The number of jobs by state."""

    waiting: int
    running: int
    failed: int


async def load_oldest_ages(session: ReadSession) -> dict[str, float]:
    """Load how many seconds ago the oldest waiting job and the oldest running one were added; 0 for none."""
    query = text(
        "SELECT job.status::text AS status, extract(epoch FROM clock_timestamp() - min(event.at)) AS age "
        "FROM jobs.procrastinate_jobs job "
        "JOIN jobs.procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred' "
        "WHERE job.status IN ('todo', 'doing') GROUP BY job.status"
    )
    ages = {row.status: float(row.age) for row in await session.execute(query)}
    return {"waiting": ages.get("todo", 0.0), "running": ages.get("doing", 0.0)}


async def load_queue_state(session: ReadSession) -> QueueState:
    """Count the jobs that are waiting, are running and have failed."""
    query = text(
        "SELECT status::text AS status, count(*) AS jobs FROM jobs.procrastinate_jobs GROUP BY status"
    )
    counts = {row.status: row.jobs for row in await session.execute(query)}
    return QueueState(
        waiting=counts.get("todo", 0), running=counts.get("doing", 0), failed=counts.get("failed", 0)
    )
