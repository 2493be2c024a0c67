"""`@job` registers a job, and an exclusive one runs only once at a time in a process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from paperround import queue
from paperround.database import Database
from paperround.settings import Settings
from paperround.worker.registry import Job, WorkerContext, job

from support.jobs import run_waiting_jobs


@pytest.fixture
def context(settings: Settings, database: Database) -> WorkerContext:
    return WorkerContext(settings, database, Path("/nowhere.sock"), queue.app)


@pytest.fixture(autouse=True)
def _no_new_jobs_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the jobs of these tests off the queue's app again."""
    monkeypatch.setattr(queue.app, "tasks", dict(queue.app.tasks))


async def count_concurrent_runs(run: Job, *contexts: WorkerContext) -> int:
    """How many runs were begun that wait for the first one's end."""
    tasks = [asyncio.ensure_future(run(context)) for context in contexts]
    await asyncio.sleep(0.01)
    running = sum(not task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return running


async def wait_forever(context: WorkerContext) -> None:
    await asyncio.Event().wait()


async def test_a_second_run_of_an_exclusive_job_returns_at_once(context: WorkerContext) -> None:
    run = job("exclusive job of the tests", exclusive=True)(wait_forever)

    assert await count_concurrent_runs(run, context, context) == 1
    assert await count_concurrent_runs(run, context) == 1, "the lock is released when the first run has ended"


async def test_other_jobs_and_other_processes_are_not_held_up(
    context: WorkerContext, settings: Settings, database: Database
) -> None:
    run = job("exclusive job of the tests", exclusive=True)(wait_forever)
    other_process = WorkerContext(settings, database, Path("/nowhere.sock"), queue.app)

    assert await count_concurrent_runs(run, context, other_process) == 2


async def test_a_job_that_is_not_exclusive_runs_as_often_as_it_is_queued(context: WorkerContext) -> None:
    run = job("job of the tests")(wait_forever)

    assert await count_concurrent_runs(run, context, context) == 2


async def test_the_worker_runs_a_registered_job_with_its_context(
    settings: Settings, database: Database
) -> None:
    contexts: list[WorkerContext] = []

    async def remember(context: WorkerContext) -> None:
        contexts.append(context)

    job("job of the tests")(remember)
    async with database.write_session() as session:
        await queue.defer(session, "job of the tests")
    await run_waiting_jobs(database, settings)

    assert [context.settings for context in contexts] == [settings]
