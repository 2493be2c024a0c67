"""A job's log lines name the job and the request that added it, its failure as well."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import pytest
import structlog
from sqlalchemy import text
from structlog.contextvars import bound_contextvars

from paperround import logs, queue
from paperround.database import Database
from paperround.settings import Settings
from paperround.worker.registry import WorkerContext, job

from support.jobs import run_waiting_jobs

logger = structlog.get_logger(__name__)


@pytest.fixture(autouse=True)
def _no_new_jobs_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the jobs of these tests off the queue's app again."""
    monkeypatch.setattr(queue.app, "tasks", dict(queue.app.tasks))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process of the program logs: JSON on stderr, the libraries' lines as well."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    # Loggers that are kept would still log this way in the tests after this one.
    uncached = partial(structlog.configure, cache_logger_on_first_use=False)
    monkeypatch.setattr(
        structlog, "configure", lambda **options: uncached(**{**options, **uncached.keywords})
    )
    logs.configure(Settings(_env_file=None, log_format="json"), "worker")
    yield cast(io.StringIO, sys.stderr)
    monkeypatch.undo()
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level
    structlog.contextvars.clear_contextvars()


def parse_lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def defer_in_request(database: Database, name: str, request_id: str) -> None:
    with bound_contextvars(request_id=request_id):
        async with database.write_session() as session:
            await queue.defer(session, name, queueing_lock=name)


async def test_an_id_goes_from_the_request_through_the_queue_to_the_worker(
    database: Database, settings: Settings, log: io.StringIO
) -> None:
    @job("job that logs")
    async def run(context: WorkerContext) -> None:
        logger.info("under way")

    await defer_in_request(database, "job that logs", "request-1")
    await defer_in_request(database, "job that logs", "request-2")
    await run_waiting_jobs(database, settings)

    lines = parse_lines(log)
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("queued", "request-1"),
        ("joined a job that waits", "request-2"),
        ("under way", "request-1"),
        ("done", "request-1"),
    ]
    assert len({line["job_id"] for line in lines}) == 1
    assert {line["job_name"] for line in lines} == {"job that logs"}


async def test_the_line_of_a_failure_names_job_and_request(
    database: Database, settings: Settings, log: io.StringIO
) -> None:
    @job("job that fails")
    async def fail(context: WorkerContext) -> None:
        raise ValueError("out of cheese")

    @job("job of the clock")
    async def run(context: WorkerContext) -> None:
        logger.info("under way")

    await defer_in_request(database, "job that fails", "request-1")
    async with database.write_session() as session:
        await queue.defer(session, "job of the clock")
    await run_waiting_jobs(database, settings)

    queued, *lines = parse_lines(log)
    failed = [line for line in lines if "out of cheese" in line.get("exception", "")]
    assert [(line["request_id"], line["job_id"], line["job_name"]) for line in failed] == [
        ("request-1", queued["job_id"], "job that fails")
    ]
    assert "request_id" not in next(line for line in lines if line["event"] == "under way")


async def test_what_added_a_job_is_forgotten_with_the_job(database: Database, settings: Settings) -> None:
    await defer_in_request(database, "rescue_jobs", "request-1")
    await run_waiting_jobs(database, settings)
    async with database.read_session() as session:
        assert await session.scalar(text("SELECT count(*) FROM jobs.job_origins")) == 0


async def test_a_job_of_a_release_that_noted_nothing_runs(database: Database, settings: Settings) -> None:
    async with database.write_session() as session:
        insert = (
            "INSERT INTO jobs.procrastinate_jobs (task_name, queue_name) VALUES ('rescue_jobs', 'default')"
        )
        await session.execute(text(insert))
    await run_waiting_jobs(database, settings)
    async with database.read_session() as session:
        assert await session.scalar(text("SELECT count(*) FROM jobs.procrastinate_jobs")) == 0
