"""Submitting papers: fetched from arXiv, listed with the reader's name, bounded, failures told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy import text as sql

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.feeds.arxiv.feed import arxiv as arxiv_feed
from paperround.feeds.http import Limits
from paperround.library import submission_fetcher, submissions
from paperround.library.submissions import AlreadyListed, CannotSubmit, TooManySubmissions
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import editions, removal, submitter_name
from paperround.papers.tables import Listing, Paper
from paperround.settings import Settings
from paperround.worker.jobs import Workplace, fetch_submissions

from support.arxiv_server import ArXivServer, error, given, serving_arxiv
from support.arxiv_server import Submission as OnArXiv
from support.factories import HALF_LIFE, at, item, listed, reader

ID = "2603.00001"
TODAY = date(2026, 3, 4)
LIMITS = Limits(connect=60, silence=60, whole=60, most_bytes=100_000, tries=1, first_wait=0.01)


@pytest.fixture
def arxiv() -> Iterator[ArXivServer]:
    with serving_arxiv(ArXivServer(papers=[OnArXiv(), OnArXiv("2603.00002")])) as running:
        yield running


@dataclass
class Desk:
    """Where readers submit and a worker fetches; `now` is the only clock."""

    database: Database
    settings: Settings
    now: datetime = field(default_factory=lambda: at("2026-03-04 12:00"))

    async def submit(self, who: Reader, text: str = ID) -> Submission:
        async with self.database.writing() as session:
            return await submissions.submit(session, who, text, now=self.now)

    async def fetch(self, *, minutes: int = 0) -> int:
        self.now += timedelta(minutes=minutes)
        clock = lambda: self.now  # noqa: E731
        async with arxiv_feed(self.settings, self.database, LIMITS, clock) as source:
            return await submission_fetcher.fetch_due(self.database, source, half_life=HALF_LIFE, clock=clock)

    async def of(self, who: Reader) -> list[tuple[str, str, str | None]]:
        async with self.database.reading() as session:
            rows = await submissions.submissions(session, who.id, limit=20)
            return [(row.paper_id, row.state.value, row.error) for row in rows]

    async def listings(self) -> list[tuple[str, date, str, str | None]]:
        async with self.database.reading() as session:
            query = select(Listing).order_by(Listing.paper_id, Listing.day, Listing.feed)
            return [
                (row.paper_id, row.day, row.feed, row.submitter_name) for row in await session.scalars(query)
            ]


@pytest.fixture
def desk(database: Database, database_url: str, arxiv: ArXivServer) -> Desk:
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        arxiv_url=arxiv.url,
        arxiv_query_url=arxiv.url,
        arxiv_interval=timedelta(0),
    )
    return Desk(database, settings)


@pytest.fixture
async def ada(database: Database) -> Reader:
    return await reader(database, "ada@example.org", "Ada")


@pytest.fixture
async def ben(database: Database) -> Reader:
    return await reader(database, "ben@example.org")


@pytest.mark.parametrize(
    "text", [ID, f" arXiv:{ID}v3 ", f"https://arxiv.org/abs/{ID}", f"localhost:8000/papers/{ID}"]
)
async def test_a_submitted_paper_is_fetched_and_stands_on_todays_list(desk, ada, text):
    await desk.submit(ada, text)
    assert await desk.of(ada) == [(ID, "waiting", None)]
    assert await desk.fetch() == 1
    assert await desk.of(ada) == [(ID, "listed", None)]
    assert await desk.listings() == [(ID, TODAY, "readers", "Ada")]
    async with desk.database.reading() as session:
        paper = await editions.paper(session, ID)
        assert (paper.title, paper.listed_on) == (f"Patient Gradients, Part {ID}", TODAY)
        assert paper.categories == ["cs.CL", "cs.AI"]
        assert paper.author_names == ["Ada Lindqvist", "Benedikt Åström"]
        jobs = "SELECT task_name::text FROM jobs.procrastinate_jobs"
        assert "embed_papers" in (await session.scalars(sql(jobs))).all()


async def test_a_reader_without_a_name_is_a_reader_and_nobody_learns_the_address(desk, ben):
    await desk.submit(ben)
    await desk.fetch()
    assert await desk.listings() == [(ID, TODAY, "readers", "a reader")]
    async with desk.database.reading() as session:
        assert "ben" not in str(await session.scalar(select(Listing.submitter)))


@pytest.mark.parametrize(
    "text", ["", "hello", "https://example.org/", "2603", "' OR 1=1", "2603.00001 2603.00002"]
)
async def test_what_names_no_paper_is_refused(desk, ada, text):
    with pytest.raises(CannotSubmit, match="no arXiv id"):
        await desk.submit(ada, text)
    assert await desk.of(ada) == []


async def test_what_is_on_a_list_already_is_not_listed_again(desk, ada):
    await listed(desk.database, "2026-03-02", item(ID))
    with pytest.raises(AlreadyListed, match="that of 2026-03-02"):
        await desk.submit(ada)


async def test_a_feed_that_is_quicker_keeps_its_listing(desk, ada):
    await desk.submit(ada)
    await listed(desk.database, "2026-03-03", item(ID))
    await desk.fetch()
    assert await desk.of(ada) == [(ID, "listed", None)]
    assert [row[2] for row in await desk.listings()] == ["huggingface"]


async def test_a_feed_that_lists_it_later_fills_in_what_it_knows(desk, ada):
    await desk.submit(ada)
    await desk.fetch()
    await listed(desk.database, "2026-03-05", item(ID, paper__upvotes=3))
    async with desk.database.reading() as session:
        paper = await session.get_one(Paper, ID)
    assert (paper.upvotes, paper.listed_on) == (3, TODAY)
    assert [row[2] for row in await desk.listings()] == ["readers", "huggingface"]


async def test_five_a_day_and_no_more_even_at_once(desk, ada, ben):
    ids = [f"2603.0010{n}" for n in range(8)]
    results = await asyncio.gather(*(desk.submit(ada, one) for one in ids), return_exceptions=True)
    assert sum(isinstance(result, TooManySubmissions) for result in results) == 3
    await desk.submit(ben, ids[0])
    desk.now += timedelta(hours=25)
    await desk.submit(ada, ids[7])


async def test_asking_twice_for_the_same_is_one_submission(desk, ada):
    await asyncio.gather(*(desk.submit(ada) for _ in range(4)))
    assert len(await desk.of(ada)) == 1


async def test_two_readers_with_one_paper_list_it_once(desk, ada, ben):
    await desk.submit(ada)
    await desk.submit(ben)
    assert await desk.fetch() == 2
    assert await desk.of(ben) == [(ID, "listed", None)]
    assert len(await desk.listings()) == 1


async def test_two_workers_share_the_work(desk, ada, arxiv):
    await desk.submit(ada)
    await desk.submit(ada, "2603.00002")
    assert sum(await asyncio.gather(desk.fetch(), desk.fetch())) == 2
    assert len(arxiv.requests) == 2


async def test_an_id_that_is_nobodys_is_told(desk, ada):
    await desk.submit(ada, "2603.77777")
    await desk.fetch()
    assert await desk.of(ada) == [("2603.77777", "failed", "arXiv has no such paper.")]
    assert await desk.fetch(minutes=60) == 0


async def test_an_arxiv_that_is_down_is_asked_again_and_then_that_is_told(desk, ada, arxiv):
    arxiv.always = given(b"", 503)
    await desk.submit(ada)
    assert await desk.fetch() == 1
    assert await desk.fetch() == 0, "it waits"
    assert await desk.of(ada) == [(ID, "waiting", None)]
    tries = 1
    for _ in range(80):
        tries += await desk.fetch(minutes=1)
    assert tries == submission_fetcher.MOST_TRIES
    ((_, state, told),) = await desk.of(ada)
    assert (state, told) == ("failed", "arXiv could not be read. Submit it again later.")


async def test_an_arxiv_that_comes_back_is_believed(desk, ada, arxiv):
    arxiv.faults = [given(error("too busy"))]
    await desk.submit(ada)
    await desk.fetch()
    await desk.fetch(minutes=2)
    assert await desk.of(ada) == [(ID, "listed", None)]


async def test_what_the_operator_removed_does_not_come_back(desk, ada, ben):
    await desk.submit(ada)
    async with desk.database.writing() as session:
        await removal.remove(session, ID, now=desk.now)
    await desk.fetch()
    assert await desk.of(ada) == [(ID, "failed", "The operator of this site removed it.")]
    with pytest.raises(CannotSubmit, match="removed by the operator"):
        await desk.submit(ben)


async def test_a_reader_who_left_meanwhile_is_no_error(desk, ada):
    await desk.submit(ada)
    async with desk.database.writing() as session:
        await session.delete(await session.get_one(Reader, ada.id))
    assert await desk.fetch() == 0
    assert await desk.listings() == []


async def test_papers_stay_without_the_name_of_a_reader_who_leaves(desk, ada, ben):
    await desk.submit(ada)
    await desk.submit(ben, "2603.00002")
    await desk.fetch()
    async with desk.database.writing() as session:
        await submitter_name.forget(session, ada.id)
    assert [row[3] for row in await desk.listings()] == [None, "a reader"]


async def test_the_task_fetches_what_is_due(desk, ada, tmp_path):
    desk.now = datetime.now(desk.now.tzinfo)
    await desk.submit(ada)
    place = Workplace(desk.settings, desk.database, tmp_path / "none")

    class Context:
        additional_context = {"place": place}  # noqa: RUF012

    await fetch_submissions.func(Context())
    assert (await desk.of(ada))[0][1] == SubmissionState.listed
    async with desk.database.reading() as session:
        assert (await queue.state(session)).waiting >= 1
