"""Submitted papers are fetched from arXiv and listed with the reader's name. Failures are reported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy import text as sql

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.feeds.arxiv.feed import open_arxiv
from paperround.library import submission_fetcher, submissions
from paperround.library.submissions import PaperAlreadyListed, SubmissionLimitReached, SubmissionRefused
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import editions, removal, submitter_name
from paperround.papers.tables import Listing, Paper
from paperround.settings import Settings
from paperround.worker.jobs import fetch_submissions
from paperround.worker.registry import WorkerContext

from support.arxiv_server import ArxivPaper, ArxivServer, constant_answer, query_error, running_arxiv_server
from support.factories import HALF_LIFE, add_reader, feed_record, store_listing, utc
from support.ingestion_runner import ONE_ATTEMPT

ID = "2603.00001"
TODAY = date(2026, 3, 4)


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with running_arxiv_server(ArxivServer(papers=[ArxivPaper(), ArxivPaper("2603.00002")])) as running:
        yield running


@dataclass
class SubmissionHarness:
    """Submits papers for readers and fetches them like a worker, with `now` as the only clock."""

    database: Database
    settings: Settings
    now: datetime = field(default_factory=lambda: utc("2026-03-04 12:00"))

    async def submit(self, who: Reader, text: str = ID) -> Submission:
        async with self.database.write_session() as session:
            return await submissions.submit_paper(session, who, text, now=self.now)

    async def fetch(self, *, minutes: int = 0) -> int:
        self.now += timedelta(minutes=minutes)
        clock = lambda: self.now  # noqa: E731
        async with open_arxiv(self.settings, self.database, ONE_ATTEMPT, clock) as source:
            return await submission_fetcher.fetch_due_submissions(
                self.database, source, half_life=HALF_LIFE, clock=clock
            )

    async def list_submissions(self, who: Reader) -> list[tuple[str, str, str | None]]:
        async with self.database.read_session() as session:
            rows = await submissions.list_submissions(session, who.id, limit=20)
            return [(row.paper_id, row.state.value, row.error) for row in rows]

    async def listings(self) -> list[tuple[str, date, str, str | None]]:
        async with self.database.read_session() as session:
            query = select(Listing).order_by(Listing.paper_id, Listing.day, Listing.feed)
            return [
                (row.paper_id, row.day, row.feed, row.submitter_name) for row in await session.scalars(query)
            ]


@pytest.fixture
def harness(database: Database, database_url: str, arxiv: ArxivServer) -> SubmissionHarness:
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        arxiv_url=arxiv.url,
        arxiv_query_url=arxiv.url,
        arxiv_interval=timedelta(0),
    )
    return SubmissionHarness(database, settings)


@pytest.fixture
async def ada(database: Database) -> Reader:
    return await add_reader(database, "ada@example.org", "Ada")


@pytest.fixture
async def ben(database: Database) -> Reader:
    return await add_reader(database, "ben@example.org")


@pytest.mark.parametrize(
    "text", [ID, f" arXiv:{ID}v3 ", f"https://arxiv.org/abs/{ID}", f"localhost:8000/papers/{ID}"]
)
async def test_a_submitted_paper_is_fetched_and_listed_today(
    harness: SubmissionHarness, ada: Reader, text: str
) -> None:
    await harness.submit(ada, text)
    assert await harness.list_submissions(ada) == [(ID, "waiting", None)]
    assert await harness.fetch() == 1
    assert await harness.list_submissions(ada) == [(ID, "listed", None)]
    assert await harness.listings() == [(ID, TODAY, "readers", "Ada")]
    async with harness.database.read_session() as session:
        paper = await editions.find_paper(session, ID)
        assert (paper.title, paper.listed_on) == (f"Patient Gradients, Part {ID}", TODAY)
        assert paper.categories == ["cs.CL", "cs.AI"]
        assert paper.author_names == ["Ada Lindqvist", "Benedikt Åström"]
        jobs = "SELECT task_name::text FROM jobs.procrastinate_jobs"
        assert "embed_papers" in (await session.scalars(sql(jobs))).all()


@pytest.mark.parametrize(
    ("paper_id", "words"),
    [
        ("2599.00001", "no arXiv id has this month yet"),
        ("2613.00001", "no arXiv id has this month yet"),
        ("2600.00001", "no arXiv id has this month yet"),
        ("2612.00001", "no arXiv id has this month yet"),
        ("2601.00001", "more than 14 days ago"),
        ("0704.00001", "more than 14 days ago"),
        ("astro-ph/0601001", "more than 14 days ago"),
    ],
)
async def test_a_paper_that_cannot_be_new_is_refused_at_once(
    harness: SubmissionHarness, ada: Reader, paper_id: str, words: str
) -> None:
    with pytest.raises(SubmissionRefused, match=words):
        await harness.submit(ada, paper_id)
    assert await harness.list_submissions(ada) == []


async def test_a_submitter_without_a_name_is_listed_as_a_reader_and_the_address_is_not_shown(
    harness: SubmissionHarness, ben: Reader
) -> None:
    await harness.submit(ben)
    await harness.fetch()
    assert await harness.listings() == [(ID, TODAY, "readers", "a reader")]
    async with harness.database.read_session() as session:
        assert "ben" not in str(await session.scalar(select(Listing.submitter)))


@pytest.mark.parametrize(
    "text", ["", "hello", "https://example.org/", "2603", "' OR 1=1", "2603.00001 2603.00002"]
)
async def test_a_text_that_names_no_paper_is_rejected(
    harness: SubmissionHarness, ada: Reader, text: str
) -> None:
    with pytest.raises(SubmissionRefused, match="neither an arXiv id"):
        await harness.submit(ada, text)
    assert await harness.list_submissions(ada) == []


async def test_a_paper_that_is_already_listed_is_rejected(harness: SubmissionHarness, ada: Reader) -> None:
    await store_listing(harness.database, "2026-03-02", feed_record(ID))
    with pytest.raises(PaperAlreadyListed, match="the list of 2 Mar 2026"):
        await harness.submit(ada)


async def test_a_listing_of_a_feed_is_kept_if_it_comes_first(harness: SubmissionHarness, ada: Reader) -> None:
    await harness.submit(ada)
    await store_listing(harness.database, "2026-03-03", feed_record(ID))
    await harness.fetch()
    assert await harness.list_submissions(ada) == [(ID, "listed", None)]
    assert [row[2] for row in await harness.listings()] == ["huggingface"]


async def test_a_feed_that_lists_the_paper_later_adds_its_details(
    harness: SubmissionHarness, ada: Reader
) -> None:
    await harness.submit(ada)
    await harness.fetch()
    await store_listing(harness.database, "2026-03-05", feed_record(ID, paper__upvotes=3))
    async with harness.database.read_session() as session:
        paper = await session.get_one(Paper, ID)
    assert (paper.upvotes, paper.listed_on) == (3, TODAY)
    assert [row[2] for row in await harness.listings()] == ["readers", "huggingface"]


async def test_a_reader_submits_at_most_five_papers_a_day_even_concurrently(
    harness: SubmissionHarness, ada: Reader, ben: Reader
) -> None:
    ids = [f"2603.0010{n}" for n in range(8)]
    results = await asyncio.gather(*(harness.submit(ada, one) for one in ids), return_exceptions=True)
    assert sum(isinstance(result, SubmissionLimitReached) for result in results) == 3
    await harness.submit(ben, ids[0])
    harness.now += timedelta(hours=25)
    await harness.submit(ada, ids[7])


async def test_submitting_the_same_paper_twice_is_one_submission(
    harness: SubmissionHarness, ada: Reader
) -> None:
    await asyncio.gather(*(harness.submit(ada) for _ in range(4)))
    assert len(await harness.list_submissions(ada)) == 1


async def test_a_paper_submitted_by_two_readers_is_listed_once(
    harness: SubmissionHarness, ada: Reader, ben: Reader
) -> None:
    await harness.submit(ada)
    await harness.submit(ben)
    assert await harness.fetch() == 2
    assert await harness.list_submissions(ben) == [(ID, "listed", None)]
    assert len(await harness.listings()) == 1


async def test_two_workers_fetch_each_submission_once(
    harness: SubmissionHarness, ada: Reader, arxiv: ArxivServer
) -> None:
    await harness.submit(ada)
    await harness.submit(ada, "2603.00002")
    assert sum(await asyncio.gather(harness.fetch(), harness.fetch())) == 2
    assert len(arxiv.requests) == 2


async def test_a_submission_with_an_unknown_id_fails_with_the_reason(
    harness: SubmissionHarness, ada: Reader
) -> None:
    await harness.submit(ada, "2603.77777")
    await harness.fetch()
    assert await harness.list_submissions(ada) == [("2603.77777", "failed", "arXiv has no such paper.")]
    assert await harness.fetch(minutes=60) == 0


async def test_a_submission_fails_after_several_attempts_while_arxiv_is_down(
    harness: SubmissionHarness, ada: Reader, arxiv: ArxivServer
) -> None:
    arxiv.default_fault = constant_answer(b"", 503)
    await harness.submit(ada)
    assert await harness.fetch() == 1
    assert await harness.fetch() == 0, "it waits"
    assert await harness.list_submissions(ada) == [(ID, "waiting", None)]
    tries = 1
    for _ in range(80):
        tries += await harness.fetch(minutes=1)
    assert tries == submission_fetcher.MAX_ATTEMPTS
    ((_, state, error),) = await harness.list_submissions(ada)
    assert (state, error) == ("failed", "arXiv could not be read. Try submitting it again later.")


async def test_a_submission_is_listed_when_arxiv_is_back(
    harness: SubmissionHarness, ada: Reader, arxiv: ArxivServer
) -> None:
    arxiv.faults = [constant_answer(query_error("too busy"))]
    await harness.submit(ada)
    await harness.fetch()
    await harness.fetch(minutes=2)
    assert await harness.list_submissions(ada) == [(ID, "listed", None)]


async def test_a_paper_removed_by_the_operator_is_not_listed_again(
    harness: SubmissionHarness, ada: Reader, ben: Reader
) -> None:
    await harness.submit(ada)
    async with harness.database.write_session() as session:
        await removal.remove_paper(session, ID, now=harness.now)
    await harness.fetch()
    assert await harness.list_submissions(ada) == [
        (ID, "failed", "It was removed by the operator of this site.")
    ]
    with pytest.raises(SubmissionRefused, match="removed by the operator"):
        await harness.submit(ben)


async def test_the_submission_of_a_reader_who_left_is_skipped(
    harness: SubmissionHarness, ada: Reader
) -> None:
    await harness.submit(ada)
    async with harness.database.write_session() as session:
        await session.delete(await session.get_one(Reader, ada.id))
    assert await harness.fetch() == 0
    assert await harness.listings() == []


async def test_papers_of_a_submitter_who_leaves_stay_without_the_name(
    harness: SubmissionHarness, ada: Reader, ben: Reader
) -> None:
    await harness.submit(ada)
    await harness.submit(ben, "2603.00002")
    await harness.fetch()
    async with harness.database.write_session() as session:
        await submitter_name.forget_submitter(session, ada.id)
    assert [row[3] for row in await harness.listings()] == [None, "a reader"]


async def test_the_job_fetches_due_submissions(
    harness: SubmissionHarness, ada: Reader, tmp_path: Path
) -> None:
    await harness.submit(ada)
    await fetch_submissions(WorkerContext(harness.settings, harness.database, tmp_path / "none", queue.app))
    assert (await harness.list_submissions(ada))[0][1] == SubmissionState.listed
    async with harness.database.read_session() as session:
        assert (await queue.load_queue_state(session)).waiting >= 1
