"""A job is a hint: one too many does nothing, a lost one is made up for, a dead worker's is run again."""

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
from paperround.database import Database, utc_now
from paperround.feeds import schedule
from paperround.feeds.tables import Feed, FeedDay, Reading
from paperround.settings import Settings
from paperround.worker import jobs as worker_jobs

from support.factories import item
from support.feed_server import FeedServer, slow
from support.jobs import run, work_off

Job = tuple[str, str]


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none here; `embed_papers` needn't wait for it."""
    monkeypatch.setattr(worker_jobs, "ENCODER_START", 0.01)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """A second process's pool."""
    database = Database(database_url)
    yield database
    await database.close()


async def jobs(database: Database) -> list[Job]:
    async with database.reading() as session:
        query = text("SELECT task_name, status::text FROM jobs.procrastinate_jobs ORDER BY id")
        return [(row[0], row[1]) for row in await session.execute(query)]


async def defer(database: Database, task: str = "read_feeds") -> None:
    async with database.writing() as session:
        await queue.defer(session, task, once=task)


async def until(what: Callable[[], Any], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await what():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.05)


# Deferring


async def test_a_job_is_not_seen_before_its_rows_are(database, other):
    async with database.writing() as session:
        await queue.defer(session, "read_feeds", once="read_feeds")
        assert await jobs(other) == []
    assert await jobs(other) == [("read_feeds", "todo")]


async def test_a_job_is_gone_with_its_rows(database):
    async with database.writing() as session:
        await queue.defer(session, "read_feeds", once="read_feeds")
        await session.rollback()
    assert await jobs(database) == []


async def test_one_that_waits_already_is_enough_and_the_rest_of_the_transaction_stands(database):
    await defer(database)
    async with database.writing() as session:
        session.add(Feed(name="before", follows_from=utc_now().date()))
        await queue.defer(session, "read_feeds", once="read_feeds")
        session.add(Feed(name="after", follows_from=utc_now().date()))
    assert await jobs(database) == [("read_feeds", "todo")]
    async with database.reading() as session:
        assert set(await session.scalars(select(Feed.name))) == {"before", "after"}


async def test_without_once_every_job_waits_for_itself(database):
    for _ in range(2):
        async with database.writing() as session:
            await queue.defer(session, "rescue_jobs")
    assert len(await jobs(database)) == 2


@pytest.mark.parametrize("first_commits", [True, False])
async def test_two_deferrers_at_once_leave_one_job_whatever_becomes_of_the_first(
    database, other, first_commits
):
    async with database.writing() as session:
        await queue.defer(session, "read_feeds", once="read_feeds")
        second = asyncio.create_task(defer(other))
        await asyncio.sleep(0.2)
        assert not second.done()
        if not first_commits:
            await session.rollback()
    await asyncio.wait_for(second, 60)
    assert await jobs(database) == [("read_feeds", "todo")]


# Workers


async def test_two_workers_of_one_process_have_a_pool_each(database, settings, feed):
    """One that leaves takes nothing from the other; a task is given the app of its own worker."""
    await stalled_job(database)
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(queue.connected(database.url))
        async with queue.connected(database.url) as staying:
            await leaving.aclose()
            async with database.writing() as session:
                await queue.defer(session, "rescue_jobs")
            await run(staying, database, settings)
    assert await jobs(database) == []
    assert feed.requests, "rescued, and then done"


# (b) of tried.md: the hint that came too early


async def test_rows_whose_job_was_taken_for_queued_are_worked_off_at_the_next_tick(
    database, other, settings, feed
):
    """B finds a job waiting and adds none; that job runs before B commits, and finds nothing of B's."""
    day = utc_now().date()
    feed.days[str(day)] = [item()]
    settings = settings.model_copy(update={"catch_up_days": 0})
    await work_off_everything_of_today(database, settings)
    seen = len(feed.requests)
    await defer(database)
    async with other.writing() as session:
        await schedule.ask_for(session, "huggingface", [day], now=utc_now())
        await queue.defer(session, "read_feeds", once="read_feeds")
        await work_off(database, settings)
        assert len(feed.requests) == seen, "B's day was held by B: the job found nothing"
    assert ("read_feeds", "todo") not in await jobs(database)
    await clock.tick(database, "read_feeds")
    await work_off(database, settings)
    assert len(feed.requests) > seen
    async with database.reading() as session:
        assert len(list(await session.scalars(select(Reading)))) == 2


async def work_off_everything_of_today(database: Database, settings: Settings) -> None:
    await defer(database)
    await work_off(database, settings)
    await drop_jobs(database)


async def drop_jobs(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("DELETE FROM jobs.procrastinate_jobs"))


# (c): a job too many


async def test_late_clocks_and_two_clocks_defer_too_often_and_nothing_comes_of_it(
    database, other, settings, feed
):
    feed.days[str(utc_now().date())] = [item()]
    for _ in range(3):
        await asyncio.gather(*(clock.tick(one, "read_feeds") for one in (database, other)))
        waiting = [job for job in await jobs(database) if job[0] == "read_feeds"]
        assert waiting == [("read_feeds", "todo")]
        await work_off(database, settings)
    async with database.reading() as session:
        days = list(await session.scalars(select(Reading.day)))
    assert len(days) == len(set(days)) == settings.catch_up_days + 1


# Workers that die


async def stalled_job(database: Database, *, heard: str = "1 hour") -> None:
    """A job that a worker took, which was last heard of some time ago."""
    await defer(database)
    worker = f"INSERT INTO jobs.procrastinate_workers (last_heartbeat) VALUES (now() - interval '{heard}')"
    async with database.writing() as session:
        number = await session.scalar(text(f"{worker} RETURNING id"))
        await session.execute(
            text("UPDATE jobs.procrastinate_jobs SET status = 'doing', worker_id = :worker, attempts = 1"),
            {"worker": number},
        )


async def rescue(database: Database) -> int:
    async with queue.connected(database.url) as app:
        return await queue.rescue_stalled(app, silent_for=60)


async def test_a_job_whose_worker_fell_silent_waits_again(database):
    await stalled_job(database)
    assert await rescue(database) == 1
    assert await jobs(database) == [("read_feeds", "todo")]
    assert await rescue(database) == 0


async def test_a_job_whose_worker_is_heard_of_is_left_to_it(database):
    await stalled_job(database, heard="10 seconds")
    assert await rescue(database) == 0
    assert await jobs(database) == [("read_feeds", "doing")]


async def test_a_job_whose_worker_is_no_longer_known_waits_again(database):
    await stalled_job(database)
    async with database.writing() as session:
        await session.execute(text("DELETE FROM jobs.procrastinate_workers"))
    assert await rescue(database) == 1
    assert await jobs(database) == [("read_feeds", "todo")]


async def test_a_rescued_job_that_meets_its_queued_twin_gives_way_to_it(database, settings, feed):
    """(a) of tried.md: it must not stay `doing` for ever, nor jam what comes after."""
    await stalled_job(database)
    await defer(database)
    assert await jobs(database) == [("read_feeds", "doing"), ("read_feeds", "todo")]
    assert await rescue(database) == 1
    assert await jobs(database) == [("read_feeds", "todo")]
    await work_off(database, settings)
    assert feed.requests
    await defer(database)
    assert ("read_feeds", "todo") in await jobs(database)


async def test_two_rescuers_at_once_do_no_harm(database, other):
    await stalled_job(database)
    rescued = await asyncio.gather(rescue(database), rescue(other), return_exceptions=True)
    assert all(isinstance(count, int) for count in rescued), rescued
    assert await jobs(database) == [("read_feeds", "todo")]


@contextmanager
def worker(feed: FeedServer, database_url: str) -> Iterator[subprocess.Popen[bytes]]:
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


async def test_a_killed_workers_job_is_run_again_and_nothing_stays_jammed(database, database_url, feed):
    feed.days[str(utc_now().date())] = [item()]
    feed.faults = [slow(60)]
    with worker(feed, database_url) as doomed:

        async def is_reading() -> bool:
            return bool(feed.requests) and ("read_feeds", "doing") in await jobs(database)

        await until(is_reading)
        doomed.kill()
        doomed.wait()
    assert ("read_feeds", "doing") in await jobs(database)
    with worker(feed, database_url):

        async def done() -> bool:
            await clock.tick(database, "rescue_jobs")
            async with database.reading() as session:
                read = list(await session.scalars(select(FeedDay.read_at)))
            return any(read) and not any(job[0] == "read_feeds" for job in await jobs(database))

        await until(done)
        async with database.reading() as session:
            assert len(list(await session.scalars(select(Reading)))) == 1
        async with database.writing() as session:
            await schedule.ask_for(session, "huggingface", [utc_now().date()], now=utc_now())
            await queue.defer(session, "read_feeds", once="read_feeds")

        async def read_again() -> bool:
            async with database.reading() as session:
                return len(list(await session.scalars(select(Reading)))) == 2

        await until(read_again)


async def test_two_workers_at_once_read_each_day_once(database, database_url, feed):
    today = utc_now().date()
    days = [today - timedelta(days=n) for n in range(8)]
    feed.days |= {str(day): [item(f"2603.{n:05}")] for n, day in enumerate(days, 1)}
    feed.always = slow(0.05)
    async with database.writing() as session:
        await schedule.ask_for(session, "huggingface", days, now=utc_now())
        for _ in range(4):
            await queue.defer(session, "read_feeds")

    async def all_read() -> bool:
        async with database.reading() as session:
            return len(list(await session.scalars(select(Reading.id)))) >= len(days)

    with worker(feed, database_url), worker(feed, database_url):
        await until(all_read)
    async with database.reading() as session:
        assert sorted(await session.scalars(select(Reading.day))) == sorted(days)


async def test_a_task_that_raises_is_over_and_its_next_job_runs(database, settings, feed):
    """The task's own table is gone for a moment."""
    await defer(database)
    async with database.writing() as session:
        await session.execute(text("ALTER TABLE feed_days RENAME TO away"))
    await work_off(database, settings)
    assert await jobs(database) == [("read_feeds", "failed")]
    async with database.writing() as session:
        await session.execute(text("ALTER TABLE away RENAME TO feed_days"))
    await defer(database)
    await work_off(database, settings)
    assert feed.requests


async def test_the_queues_state_counts_what_waits_runs_and_failed(database):
    await stalled_job(database)
    for _ in range(3):
        async with database.writing() as session:
            await queue.defer(session, "rescue_jobs")
    async with database.reading() as session:
        assert await queue.state(session) == queue.QueueState(waiting=3, running=1, failed=0)


async def test_failed_jobs_are_forgotten_after_a_week(database_url: str, database: Database):
    async with database.writing() as session:
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
    async with queue.connected(database_url) as app:
        await queue.forget_failed(app)
    async with database.reading() as session:
        left = (await session.scalars(text("SELECT task_name FROM jobs.procrastinate_jobs"))).all()
    assert left == ["young"]
