"""A job is a hint: a superfluous one does nothing, a lost one is replaced, a dead worker's is run again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from paperround import clock, queue
from paperround.conninfo import build_conninfo
from paperround.database import Database, utc_now
from paperround.feeds import schedule
from paperround.feeds.tables import Feed, FeedDay, Reading
from paperround.settings import Settings
from paperround.worker import jobs as worker_jobs

from support.databases import run_sql
from support.factories import feed_record
from support.feed_server import FeedServer, slow_answer
from support.jobs import run_jobs, run_waiting_jobs

Job = tuple[str, str]


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep `embed_papers` from waiting, because no encoder runs in these tests."""
    monkeypatch.setattr(worker_jobs, "ENCODER_START_TIMEOUT", 0.01)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """The pool of a second process."""
    async with Database(database_url) as database:
        yield database


async def list_jobs(database: Database) -> list[Job]:
    async with database.read_session() as session:
        query = text("SELECT task_name, status::text AS status FROM jobs.procrastinate_jobs ORDER BY id")
        return [(row.task_name, row.status) for row in await session.execute(query)]


async def defer(database: Database, task: str = "read_feeds") -> None:
    async with database.write_session() as session:
        await queue.defer(session, task, queueing_lock=task)


async def wait_until(condition: Callable[[], Any], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.05)


# Deferring


async def test_a_job_is_not_visible_before_its_rows(database: Database, other: Database) -> None:
    async with database.write_session() as session:
        await queue.defer(session, "read_feeds", queueing_lock="read_feeds")
        assert await list_jobs(other) == []
    assert await list_jobs(other) == [("read_feeds", "todo")]


async def test_a_job_is_rolled_back_with_its_rows(database: Database) -> None:
    async with database.write_session() as session:
        await queue.defer(session, "read_feeds", queueing_lock="read_feeds")
        await session.rollback()
    assert await list_jobs(database) == []


async def test_a_job_is_not_added_twice_and_the_rest_of_the_transaction_is_kept(database: Database) -> None:
    await defer(database)
    async with database.write_session() as session:
        session.add(Feed(name="before", follows_from=utc_now().date()))
        await queue.defer(session, "read_feeds", queueing_lock="read_feeds")
        session.add(Feed(name="after", follows_from=utc_now().date()))
    assert await list_jobs(database) == [("read_feeds", "todo")]
    async with database.read_session() as session:
        assert set(await session.scalars(select(Feed.name))) == {"before", "after"}


async def test_without_a_queueing_lock_every_job_is_added(database: Database) -> None:
    for _ in range(2):
        async with database.write_session() as session:
            await queue.defer(session, "rescue_jobs")
    assert len(await list_jobs(database)) == 2


@pytest.mark.parametrize("first_commits", [True, False])
async def test_two_concurrent_processes_add_one_job_whether_or_not_the_first_commits(
    database: Database, other: Database, first_commits: bool
) -> None:
    async with database.write_session() as session:
        await queue.defer(session, "read_feeds", queueing_lock="read_feeds")
        second = asyncio.create_task(defer(other))
        await asyncio.sleep(0.2)
        assert not second.done()
        if not first_commits:
            await session.rollback()
    await asyncio.wait_for(second, 60)
    assert await list_jobs(database) == [("read_feeds", "todo")]


# Workers


async def test_each_worker_of_a_process_has_its_own_pool(
    database: Database, settings: Settings, feed: FeedServer
) -> None:
    """One that ends leaves the other's pool open, and a job gets the app of its own worker."""
    await add_stalled_job(database)
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(queue.open_app(database.url))
        async with queue.open_app(database.url) as staying:
            await leaving.aclose()
            async with database.write_session() as session:
                await queue.defer(session, "rescue_jobs")
            await run_jobs(staying, database, settings)
    assert await list_jobs(database) == []
    assert feed.requests, "rescued, and then done"


async def test_rows_whose_job_ran_too_early_are_worked_on_at_the_next_tick(
    database: Database, other: Database, settings: Settings, feed: FeedServer
) -> None:
    """B finds a job waiting and adds none. That job runs before B commits, and finds none of B's rows."""
    day = utc_now().date()
    feed.days[str(day)] = [feed_record()]
    settings = settings.model_copy(update={"catch_up_days": 0})
    await read_everything_of_today(database, settings)
    request_count = len(feed.requests)
    await defer(database)
    async with other.write_session() as session:
        await schedule.make_days_due(session, "huggingface", [day], now=utc_now())
        await queue.defer(session, "read_feeds", queueing_lock="read_feeds")
        await run_waiting_jobs(database, settings)
        assert len(feed.requests) == request_count, "B's day was held by B: the job found nothing"
    assert ("read_feeds", "todo") not in await list_jobs(database)
    await clock.tick(build_conninfo(database.url), "read_feeds")
    await run_waiting_jobs(database, settings)
    assert len(feed.requests) > request_count
    async with database.read_session() as session:
        assert len(list(await session.scalars(select(Reading)))) == 2


async def read_everything_of_today(database: Database, settings: Settings) -> None:
    await defer(database)
    await run_waiting_jobs(database, settings)
    await delete_jobs(database)


async def delete_jobs(database: Database) -> None:
    async with database.write_session() as session:
        await session.execute(text("DELETE FROM jobs.procrastinate_jobs"))


async def test_superfluous_jobs_of_late_clocks_and_of_two_clocks_do_nothing(
    database: Database, other: Database, settings: Settings, feed: FeedServer
) -> None:
    feed.days[str(utc_now().date())] = [feed_record()]
    for _ in range(3):
        await asyncio.gather(
            *(clock.tick(build_conninfo(process.url), "read_feeds") for process in (database, other))
        )
        waiting = [job for job in await list_jobs(database) if job[0] == "read_feeds"]
        assert waiting == [("read_feeds", "todo")]
        await run_waiting_jobs(database, settings)
    async with database.read_session() as session:
        days = list(await session.scalars(select(Reading.day)))
    assert len(days) == len(set(days)) == settings.catch_up_days + 1


# Workers that die


async def add_stalled_job(database: Database, *, last_heartbeat: str = "1 hour") -> None:
    """Add a job that a worker was running at its last heartbeat some time ago."""
    await defer(database)
    insert_worker = (
        "INSERT INTO jobs.procrastinate_workers (last_heartbeat) "
        f"VALUES (now() - interval '{last_heartbeat}')"
    )
    async with database.write_session() as session:
        worker_id = await session.scalar(text(f"{insert_worker} RETURNING id"))
        await session.execute(
            text("UPDATE jobs.procrastinate_jobs SET status = 'doing', worker_id = :worker, attempts = 1"),
            {"worker": worker_id},
        )


async def rescue(database: Database) -> int:
    async with queue.open_app(database.url) as app:
        return await queue.rescue_stalled_jobs(app, silence_seconds=60)


async def test_a_job_of_a_worker_without_heartbeats_waits_again(database: Database) -> None:
    await add_stalled_job(database)
    assert await rescue(database) == 1
    assert await list_jobs(database) == [("read_feeds", "todo")]
    assert await rescue(database) == 0


async def test_a_job_of_a_worker_with_heartbeats_is_left_to_it(database: Database) -> None:
    await add_stalled_job(database, last_heartbeat="10 seconds")
    assert await rescue(database) == 0
    assert await list_jobs(database) == [("read_feeds", "doing")]


async def test_a_job_of_an_unknown_worker_waits_again(database: Database) -> None:
    await add_stalled_job(database)
    async with database.write_session() as session:
        await session.execute(text("DELETE FROM jobs.procrastinate_workers"))
    assert await rescue(database) == 1
    assert await list_jobs(database) == [("read_feeds", "todo")]


async def test_a_rescued_job_gives_way_to_a_waiting_one_with_the_same_queueing_lock(
    database: Database, settings: Settings, feed: FeedServer
) -> None:
    """It must not stay `doing` for ever, nor block later jobs."""
    await add_stalled_job(database)
    await defer(database)
    assert await list_jobs(database) == [("read_feeds", "doing"), ("read_feeds", "todo")]
    assert await rescue(database) == 1
    assert await list_jobs(database) == [("read_feeds", "todo")]
    await run_waiting_jobs(database, settings)
    assert feed.requests
    await defer(database)
    assert ("read_feeds", "todo") in await list_jobs(database)


async def test_two_workers_may_rescue_jobs_at_once(database: Database, other: Database) -> None:
    await add_stalled_job(database)
    rescued = await asyncio.gather(rescue(database), rescue(other), return_exceptions=True)
    assert all(isinstance(count, int) for count in rescued), rescued
    assert await list_jobs(database) == [("read_feeds", "todo")]


@contextmanager
def running_worker(feed: FeedServer, database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    child = Path(__file__).parent / "support" / "worker_child.py"
    process = subprocess.Popen(
        [sys.executable, str(child), feed.url, database_url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_killed_workers_job_is_run_again_and_blocks_no_others(
    database: Database, database_url: str, feed: FeedServer
) -> None:
    feed.days[str(utc_now().date())] = [feed_record()]
    feed.faults = [slow_answer(60)]
    with running_worker(feed, database_url) as worker:

        async def is_reading() -> bool:
            return bool(feed.requests) and ("read_feeds", "doing") in await list_jobs(database)

        await wait_until(is_reading)
        worker.kill()
        worker.wait()
    assert ("read_feeds", "doing") in await list_jobs(database)
    with running_worker(feed, database_url):

        async def done() -> bool:
            await clock.tick(build_conninfo(database.url), "rescue_jobs")
            async with database.read_session() as session:
                read = list(await session.scalars(select(FeedDay.read_at)))
            return any(read) and not any(job[0] == "read_feeds" for job in await list_jobs(database))

        await wait_until(done)
        async with database.read_session() as session:
            assert len(list(await session.scalars(select(Reading)))) == 1
        async with database.write_session() as session:
            await schedule.make_days_due(session, "huggingface", [utc_now().date()], now=utc_now())
            await queue.defer(session, "read_feeds", queueing_lock="read_feeds")

        async def read_again() -> bool:
            async with database.read_session() as session:
                return len(list(await session.scalars(select(Reading)))) == 2

        await wait_until(read_again)


async def test_two_workers_at_once_read_each_day_once(
    database: Database, database_url: str, feed: FeedServer
) -> None:
    today = utc_now().date()
    days = [today - timedelta(days=n) for n in range(8)]
    feed.days |= {str(day): [feed_record(f"2603.{n:05}")] for n, day in enumerate(days, 1)}
    feed.default_fault = slow_answer(0.05)
    async with database.write_session() as session:
        await schedule.make_days_due(session, "huggingface", days, now=utc_now())
        for _ in range(4):
            await queue.defer(session, "read_feeds")

    async def all_read() -> bool:
        async with database.read_session() as session:
            return len(list(await session.scalars(select(Reading.id)))) >= len(days)

    with running_worker(feed, database_url), running_worker(feed, database_url):
        await wait_until(all_read)
    async with database.read_session() as reading_session:
        assert sorted(await reading_session.scalars(select(Reading.day))) == sorted(days)


async def test_a_job_that_raises_has_failed_and_the_next_one_runs(
    database: Database, settings: Settings, feed: FeedServer
) -> None:
    """The job's own table is gone for a moment."""
    await defer(database)
    run_sql(database.owner_url, "ALTER TABLE feed_days RENAME TO away")
    await run_waiting_jobs(database, settings)
    assert await list_jobs(database) == [("read_feeds", "failed")]
    run_sql(database.owner_url, "ALTER TABLE away RENAME TO feed_days")
    await defer(database)
    await run_waiting_jobs(database, settings)
    assert feed.requests


async def test_the_queue_state_counts_waiting_running_and_failed_jobs(database: Database) -> None:
    await add_stalled_job(database)
    for _ in range(3):
        async with database.write_session() as session:
            await queue.defer(session, "rescue_jobs")
    async with database.read_session() as session:
        assert await queue.load_queue_state(session) == queue.QueueState(waiting=3, running=1, failed=0)


async def test_failed_jobs_are_deleted_after_a_week(database_url: str, database: Database) -> None:
    async with database.write_session() as session:
        await session.execute(
            text(
                "INSERT INTO jobs.procrastinate_jobs (task_name, queue_name, args, status) VALUES "
                "('old', 'default', '{}', 'failed'), ('young', 'default', '{}', 'failed')"
            )
        )
        await session.execute(
            text(
                "INSERT INTO jobs.procrastinate_events (job_id, type, at) "
                "SELECT id, 'failed', now() - CASE task_name WHEN 'old' THEN interval '8 days' "
                "ELSE interval '1 day' END FROM jobs.procrastinate_jobs"
            )
        )
    async with queue.open_app(database_url) as app:
        await queue.delete_failed_jobs(app)
    async with database.read_session() as session:
        remaining = (await session.scalars(text("SELECT task_name FROM jobs.procrastinate_jobs"))).all()
    assert remaining == ["young"]
