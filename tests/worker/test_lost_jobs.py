"""A worker that was cut off ends jobs that were given to others, and says so in a line."""

from __future__ import annotations

import asyncio

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from structlog.testing import capture_logs

from paperround import queue
from paperround.database import Database
from paperround.worker.jobs import tell_of_lost_job


async def end_lost_job(database: Database) -> ConnectorException:
    """What the queue says to a worker whose job was finished by another one."""
    async with queue.open_app(database.url, connections=1) as app:
        async with database.write_session() as session:
            await queue.defer(session, "read_feeds")
        job = await app.job_manager.fetch_job(queues=None, worker_id=await app.job_manager.register_worker())
        await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
        with pytest.raises(ConnectorException) as refused:
            await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
    return refused.value


async def test_the_end_of_a_job_that_another_worker_took_over_is_one_line(database: Database) -> None:
    error = await end_lost_job(database)
    loop = asyncio.get_running_loop()
    with capture_logs() as lines:
        tell_of_lost_job(loop, {"message": "Task exception was never retrieved", "exception": error})
    assert [line["log_level"] for line in lines] == ["warning"]
    assert "another worker" in lines[0]["event"]


async def test_any_other_exception_is_told_as_before(caplog: pytest.LogCaptureFixture) -> None:
    context = {"message": "Task exception was never retrieved", "exception": ValueError("what")}
    tell_of_lost_job(asyncio.get_running_loop(), context)
    assert "Task exception was never retrieved" in caplog.text
