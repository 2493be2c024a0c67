"""The clock: each task's name on the queue, once, whoever ticks and whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from paperround import clock, queue
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.worker import jobs

from support.databases import run_sql


async def waiting(database: Database) -> list[str]:
    async with database.read_session() as session:
        query = "SELECT task_name FROM jobs.procrastinate_jobs WHERE status = 'todo' ORDER BY task_name"
        return list(await session.scalars(text(query)))


@pytest.fixture
def run_for(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a clock on each database until there have been so many ticks."""

    async def run(ticks: int, *databases: Database) -> None:
        stop, left = asyncio.Event(), count(ticks - 1, -1)
        tick = clock.tick

        async def counted(conninfo: str, task: str) -> None:
            await tick(conninfo, task)
            if next(left) == 0:
                stop.set()

        with monkeypatch.context() as patched:
            patched.setattr(clock, "tick", counted)
            await asyncio.wait_for(
                asyncio.gather(*(clock.run(build_conninfo(one.url), stop) for one in databases)), 60
            )

    return run


def test_every_name_on_the_timetable_is_a_task() -> None:
    assert jobs.queue.app is queue.app  # type: ignore[attr-defined]
    assert set(clock.TIMETABLE) <= set(queue.app.tasks)


async def test_every_task_is_queued_at_once_and_once(database: Database, run_for: Any) -> None:
    await run_for(len(clock.TIMETABLE), database)
    assert await waiting(database) == sorted(clock.TIMETABLE)


async def test_ticks_go_on_and_still_queue_each_task_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, run_for: Any
) -> None:
    monkeypatch.setattr(clock, "TIMETABLE", {"rescue_jobs": 0.05})
    await run_for(4, database)
    assert await waiting(database) == ["rescue_jobs"]
    async with database.write_session() as session:
        await session.execute(text("DELETE FROM jobs.procrastinate_jobs"))
    await run_for(4, database)
    assert await waiting(database) == ["rescue_jobs"]


async def test_two_clocks_do_no_harm(database: Database, database_url: str, run_for: Any) -> None:
    async with Database(database_url) as other:
        await run_for(2 * len(clock.TIMETABLE), database, other)
    assert await waiting(database) == sorted(clock.TIMETABLE)


async def test_a_late_tick_comes_late_rather_than_never_and_many_late_ones_come_once() -> None:
    async def start_tick(task: str) -> None: ...

    timetable = clock.scheduler(start_tick)
    assert timetable.timezone == UTC or str(timetable.timezone) == "UTC"
    timetable.start(paused=True)
    for job in timetable.get_jobs():
        assert (job.coalesce, job.misfire_grace_time, job.max_instances) == (True, None, 1)
        assert str(job.trigger.timezone) == "UTC"
    timetable.shutdown(wait=False)


@contextmanager
def away(server: str, url: str) -> Iterator[None]:
    """The database lets nobody in."""
    name = make_url(url).database
    run_sql(
        server,
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    yield
    run_sql(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def test_a_database_that_is_away_for_a_moment_is_got_over(
    database: Database, database_url: str, server: str
) -> None:
    await clock.tick(build_conninfo(database.url), "rescue_jobs")
    with away(server, database_url):
        await clock.tick(build_conninfo(database.url), "embed_papers")
    await clock.tick(build_conninfo(database.url), "read_feeds")
    assert await waiting(database) == ["read_feeds", "rescue_jobs"]


async def test_a_clock_goes_on_when_the_database_comes_back(
    database: Database, database_url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "TIMETABLE", {"rescue_jobs": 0.1})
    stop = asyncio.Event()
    with away(server, database_url):
        running = asyncio.create_task(clock.run(build_conninfo(database.url), stop))
        await asyncio.sleep(0.3)
        assert not running.done()
    async with asyncio.timeout(60):
        while not await waiting(database):
            await asyncio.sleep(0.05)
        stop.set()
        await running
    assert await waiting(database) == ["rescue_jobs"]


async def test_a_queue_that_cannot_be_written_to_is_told_and_tried_at_the_next_tick(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    run_sql(database.owner_url, "ALTER TABLE jobs.procrastinate_jobs RENAME TO away")
    await clock.tick(build_conninfo(database.url), "read_feeds")
    run_sql(database.owner_url, "ALTER TABLE jobs.away RENAME TO procrastinate_jobs")
    await clock.tick(build_conninfo(database.url), "read_feeds")
    assert await waiting(database) == ["read_feeds"]
    assert "could not queue" in capsys.readouterr().out


@pytest.mark.parametrize("task", list(clock.TIMETABLE))
async def test_a_tick_queues_under_the_tasks_own_name(database: Database, task: str) -> None:
    await clock.tick(build_conninfo(database.url), task)
    async with database.read_session() as session:
        row = (
            await session.execute(text("SELECT task_name, queueing_lock FROM jobs.procrastinate_jobs"))
        ).one()
    assert tuple(row) == (task, task)


async def test_a_tick_under_way_ends_before_its_clock_does(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, tick = asyncio.Event(), clock.tick

    async def slow_tick(conninfo: str, task: str) -> None:
        stop.set()
        await asyncio.sleep(0.3)
        await tick(conninfo, task)

    monkeypatch.setattr(clock, "tick", slow_tick)
    await clock.run(build_conninfo(database.url), stop)
    assert "rescue_jobs" in await waiting(database)
    assert not caplog.records


async def test_a_clock_does_not_wait_for_a_tick_that_hangs_and_logs_no_traceback(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()

    async def hanging_tick(conninfo: str, task: str) -> None:
        stop.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(clock, "tick", hanging_tick)
    monkeypatch.setattr(clock, "STOP_TIMEOUT", 0.1)
    await asyncio.wait_for(clock.run(build_conninfo(database.url), stop), 30)
    assert not caplog.records
