"""The arXiv feed with the catalogue: today's announcements, missed days and broken answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from types import EllipsisType
from typing import Any

import pytest
from sqlalchemy import select, text

from paperround.database import Database
from paperround.feeds import ingestion, schedule
from paperround.feeds.arxiv.calendar import submission_window
from paperround.feeds.arxiv.feed import open_arxiv
from paperround.feeds.tables import QuarantinedRecord, Reading, ReadingOutcome
from paperround.papers import editions
from paperround.papers.edition_facts import ask_edition
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.tables import Author, Listing, Paper, Signal
from paperround.reads import answer
from paperround.settings import Settings

from support.arxiv_server import (
    ArxivPaper,
    ArxivServer,
    atom_announcements,
    constant_answer,
    query_entry,
    query_error,
    query_response,
    running_arxiv_server,
)
from support.databases import run_sql
from support.factories import feed_record, store_listing, utc
from support.ingestion_runner import LIMITS

DAY, NEXT_DAY = date(2026, 3, 3), date(2026, 3, 4)  # a Tuesday
POLICY = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with running_arxiv_server(ArxivServer()) as running:
        yield running


@dataclass
class ArxivRunner:
    """Reads arXiv with `now` as its only clock."""

    database: Database
    settings: Settings
    now: datetime = field(default_factory=lambda: utc("2026-03-03 12:00"))

    async def make_due(self, day: date = DAY) -> None:
        async with self.database.write_session() as session:
            await schedule.make_days_due(session, "arxiv", [day], now=self.now)

    async def read(self, day: date = DAY, now: str | None = None) -> Reading:
        self.now = utc(now) if now else self.now
        await self.make_due(day)
        return await self.read_due(f"{self.now:%Y-%m-%d %H:%M}", day)

    async def read_due(self, now: str, day: date = DAY) -> Reading:
        """Read a day that is due already, as a worker does."""
        self.now = utc(now)
        clock = lambda: self.now  # noqa: E731
        async with open_arxiv(self.settings, self.database, LIMITS, clock) as source:
            reading = await ingestion.read_next_day(
                self.database, source, POLICY, only_days=[day], clock=clock
            )
        assert reading is not None
        return reading

    async def query_all(self, query: Any) -> list[Any]:
        async with self.database.read_session() as session:
            return list((await session.execute(query)).scalars().all())

    async def load_paper(self, paper_id: str = "2603.00001") -> Paper:
        (only,) = await self.query_all(select(Paper).where(Paper.id == paper_id))
        return only

    async def load_authors(self) -> list[Any]:
        return await self.query_all(select(Author).order_by(Author.paper_id, Author.position))

    async def load_listings(self, paper_id: str = "2603.00001") -> list[tuple[str, str, str | None]]:
        query = select(Listing).where(Listing.paper_id == paper_id).order_by(Listing.day, Listing.feed)
        return [(str(row.day), row.feed, row.kind) for row in await self.query_all(query)]

    async def list_edition(self, day: date = DAY, category: str | None = None) -> list[str]:
        async with self.database.read_session() as session:
            choice = EditionQuery.for_period(EditionPeriod.containing(Period.day, day), category)
            part = await editions.list_papers(session, choice, sort=Sort.upvotes, limit=50)
        return [paper.id for paper in part.papers]

    async def dump_tables(self) -> dict[str, list[str]]:
        """All rows about papers, without the times of readings."""
        tables = ("papers", "authors", "listings", "signals", "organizations")
        leave_out = "- 'seen_at' - 'hub_seen_at' - 'arxiv_seen_at' - 'first_seen_at'"
        rows = "SELECT (to_jsonb(t) {})::text FROM public.{} t ORDER BY 1"
        return {name: await self.query_all(text(rows.format(leave_out, name))) for name in tables}


@pytest.fixture
def runner(database: Database, database_url: str, arxiv: ArxivServer) -> ArxivRunner:
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        feeds=("huggingface", "arxiv"),
        arxiv_url=arxiv.url,
        arxiv_query_url=arxiv.url,
        arxiv_categories=("cs.CL", "cs.AI"),
        arxiv_interval=timedelta(0),
    )
    return ArxivRunner(database, settings)


async def test_todays_announcements_are_stored_each_paper_once(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new", cs_AI="cross")
    arxiv.announce(ArxivPaper("2603.00002", categories=("cs.LG", "cs.AI")), cs_AI="cross")
    reading = await runner.read()
    assert (reading.outcome, reading.papers) == (ReadingOutcome.clean, 2)
    assert arxiv.requests == ["/atom/cs.CL", "/atom/cs.AI"]
    assert await runner.load_listings() == [("2026-03-03", "arxiv", "new")]
    assert await runner.load_listings("2603.00002") == [("2026-03-03", "arxiv", "cross")]
    paper = await runner.load_paper()
    assert (paper.categories, paper.version, paper.listed_on, paper.upvotes) == (
        ["cs.CL", "cs.AI"],
        1,
        DAY,
        0,
    )
    assert await runner.query_all(select(Signal)) == []


async def test_reading_twice_changes_nothing(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await runner.read()
    before = await runner.dump_tables()
    await runner.read(now="2026-03-03 13:00")
    assert await runner.dump_tables() == before


async def test_heat_starts_from_the_listing(
    runner: ArxivRunner, arxiv: ArxivServer, database: Database
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await runner.read()
    await store_listing(database, "2026-03-03", feed_record("2603.00009", paper__upvotes=0))
    assert (await runner.load_paper()).heat == (await runner.load_paper("2603.00009")).heat


async def test_a_day_without_announcements_is_a_successful_empty_reading(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    assert (await runner.read()).outcome is ReadingOutcome.empty


async def test_announcements_of_another_day_are_not_stored_under_this_day(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    """After midnight in UTC the announcements are still those of the day before in New York."""
    arxiv.today = "2026-03-02"
    arxiv.announce(ArxivPaper(), cs_CL="new")
    assert (await runner.read(now="2026-03-03 03:00")).outcome is ReadingOutcome.empty
    assert (await runner.read(date(2026, 3, 2), now="2026-03-03 03:00")).papers == 1


async def test_a_missed_day_is_queried_by_time_of_submission(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    """Tuesday's announcements: submitted from Friday to Monday, 14:00 in New York (19:00 UTC in winter)."""
    arxiv.max_page_size = 2
    times = ["02-27T18:59:00", "02-27T19:00:00", "03-01T08:00:00", "03-02T18:59:00", "03-02T19:00:00"]
    arxiv.papers = [ArxivPaper(f"2603.{n:05}", submitted=f"2026-{t}") for n, t in enumerate(times)]
    reading = await runner.read(DAY, now="2026-03-05 12:00")
    assert reading.papers == 3
    assert await runner.list_edition() == ["2603.00001", "2603.00002", "2603.00003"]
    assert (await runner.load_paper("2603.00002")).published_at == utc("2026-03-01 08:00")
    assert len(arxiv.requests) == 4


def test_each_submission_is_announced_once() -> None:
    days = [date(2026, 2, 23) + timedelta(days=n) for n in range(60)]
    windows = [window for day in days if (window := submission_window(day))]
    for before, after in pairwise(windows):
        assert before.end == after.start
    assert len(windows) == 44


async def test_a_later_reading_adds_papers_but_moves_none_to_another_day(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.announce(ArxivPaper("2603.00001"), cs_CL="new")
    arxiv.announce(ArxivPaper("2603.00002"), cs_CL="new")
    await runner.read()
    missed = ArxivPaper("2603.00003", submitted="2026-03-02T10:00:00")
    late = ArxivPaper("2603.00002", submitted="2026-03-03T10:00:00")
    arxiv.papers = [missed, late]
    await runner.read(DAY, now="2026-03-05 12:00")
    await runner.read(NEXT_DAY, now="2026-03-05 12:00")
    assert await runner.list_edition() == ["2603.00001", "2603.00002", "2603.00003"]
    assert await runner.list_edition(NEXT_DAY) == []
    assert (await runner.load_paper("2603.00002")).published_at == utc("2026-03-03 10:00")


async def test_papers_that_move_between_pages_are_read_once(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    one, two = ArxivPaper("2603.00001"), ArxivPaper("2603.00002")
    arxiv.faults = [
        constant_answer(query_response(3, 0, query_entry(one), query_entry(two))),
        constant_answer(query_response(3, 2, query_entry(two))),
    ]
    assert (await runner.read(DAY, now="2026-03-05 12:00")).papers == 2


# New versions


async def test_a_new_version_updates_the_paper_but_does_not_list_it_again(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await runner.read()
    first = await runner.load_paper()
    arxiv.announced, arxiv.today = {}, "2026-03-04"
    arxiv.announce(ArxivPaper(version=2, title="Impatient Gradients"), cs_CL="replace", cs_AI="replace-cross")
    reading = await runner.read(NEXT_DAY, now="2026-03-04 12:00")
    assert reading.outcome is ReadingOutcome.clean
    paper = await runner.load_paper()
    assert (paper.title, paper.version, paper.revised_at) == (
        "Impatient Gradients",
        2,
        utc("2026-03-04 05:00"),
    )
    assert paper.text_hash != first.text_hash
    assert (paper.heat, paper.listed_on) == (first.heat, first.listed_on)
    assert await runner.load_listings() == [
        ("2026-03-03", "arxiv", "new"),
        ("2026-03-04", "arxiv", "replace"),
    ]
    assert await runner.list_edition(NEXT_DAY) == []
    assert await runner.list_edition() == ["2603.00001"]


async def test_a_new_version_of_an_unknown_paper_is_stored_but_not_on_an_edition(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.announce(ArxivPaper("astro-ph/0601001", version=4), cs_CL="replace")
    await runner.read()
    assert (await runner.load_paper("astro-ph/0601001")).listed_on == date(2006, 1, 1)
    assert await runner.list_edition() == []
    async with runner.database.read_session() as session:
        assert await editions.find_newest_day(session) is None


async def test_an_older_version_read_later_changes_nothing(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    arxiv.announce(ArxivPaper(version=2, title="The second"), cs_CL="replace")
    await runner.read()
    arxiv.papers = [ArxivPaper(version=1, title="The first", submitted="2026-02-26T10:00:00")]
    await runner.read(date(2026, 2, 27), now="2026-03-03 14:00")
    paper = await runner.load_paper()
    assert (paper.title, paper.version, paper.listed_on) == ("The second", 2, date(2026, 2, 27))


async def test_a_doi_is_kept_until_a_record_has_another(
    runner: ArxivRunner, arxiv: ArxivServer, database: Database
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await runner.read()
    kept = []
    for hour, version, doi in (
        (1, 2, "10.1/x"),
        (2, 2, "10.1000/A"),
        (3, 3, ""),
        (4, 3, "10.1000/b"),
        (5, 2, "10.1000/old"),
    ):
        arxiv.papers = [ArxivPaper(version=version, doi=doi, revised="2026-03-04T09:00:00")]
        await runner.read(DAY, now=f"2026-03-06 1{hour}:00")
        await store_listing(database, "2026-03-03", feed_record(), seen_at=utc(f"2026-03-06 1{hour}:30"))
        kept.append((await runner.load_paper()).doi)
    assert kept == [None, "10.1000/a", "10.1000/a", "10.1000/b", "10.1000/b"]


async def test_an_older_version_adds_a_doi_that_the_later_lacks(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.announce(ArxivPaper(version=2), cs_CL="replace")
    await runner.read()
    arxiv.papers = [ArxivPaper(version=1, doi="10.1000/a")]
    await runner.read(DAY, now="2026-03-05 12:00")
    assert (await runner.load_paper()).doi == "10.1000/a"


async def test_a_paper_is_withdrawn_until_a_later_version(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await runner.read()
    for version, comment in ((2, "This paper has been withdrawn by the authors"), (3, "Now with a proof")):
        arxiv.papers = [ArxivPaper(version=version, comment=comment, revised="2026-03-06T09:00:00")]
        await runner.read(DAY, now=f"2026-03-0{version + 5} 12:00")
        assert (await runner.load_paper()).withdrawn is (version == 2)
    assert (await runner.load_paper()).version == 3


# Broken answers

WHOLE = atom_announcements("2026-03-03")


@pytest.mark.parametrize(("fault", "reason"), [
    (constant_answer(b"<!doctype html><title>Just a moment...</title>"), "cs.CL: the answer is not a feed"),
    (constant_answer(WHOLE[:-10]), "not a complete feed"),
    (constant_answer(WHOLE.replace(b"</title>", b"", 1)), "not a complete feed"),
    (constant_answer(b""), "not a complete feed"),
    (constant_answer(b"no", 500), "HTTP 500"),
    (constant_answer(b"x" * 100_001), "larger than"),
    (lambda: None, "connection failed"),
])  # fmt: skip
async def test_a_broken_announcement_is_a_failed_reading_that_changes_nothing(
    runner: ArxivRunner, arxiv: ArxivServer, fault: Callable[..., Any], reason: str
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await runner.read()
    before = await runner.dump_tables()
    arxiv.default_fault = fault
    reading = await runner.read(now="2026-03-03 13:00")
    assert reading.outcome is ReadingOutcome.failed
    assert reason in reading.error
    assert await runner.dump_tables() == before


@pytest.mark.parametrize(("fault", "reason"), [
    (constant_answer(query_error("search_query is too long")), "arXiv says: search_query is too long"),
    (constant_answer(query_error("incorrect id format for abc"), 400), "HTTP 400"),
    (constant_answer(query_response(40, 0)), "an empty page after 0 of 40"),
    (constant_answer(WHOLE), "isn't one of the query API"),
])  # fmt: skip
async def test_a_broken_query_answer_is_a_failed_reading_that_changes_nothing(
    runner: ArxivRunner, arxiv: ArxivServer, fault: Callable[..., Any], reason: str
) -> None:
    arxiv.default_fault = fault
    reading = await runner.read(now="2026-03-05 12:00")
    assert reading.outcome is ReadingOutcome.failed
    assert reason in reading.error


async def test_a_category_that_fails_fails_the_day(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    arxiv.faults = [constant_answer(WHOLE), constant_answer(b"no", 404), constant_answer(b"no", 404)]
    reading = await runner.read()
    assert (reading.outcome, reading.error) == (ReadingOutcome.failed, "cs.AI: HTTP 404 Not Found")


async def test_retry_after_pauses_arxiv_until_then(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    arxiv.faults = [constant_answer(b"", 503, Retry_After="7200")]
    assert (await runner.read(now=None)).outcome is ReadingOutcome.failed
    (due,) = await runner.query_all(text("SELECT next_try_at FROM feed_days WHERE feed = 'arxiv'"))
    (paused,) = await runner.query_all(
        text("SELECT paused_until FROM request_rates WHERE host = 'arxiv.org'")
    )
    assert abs(due - paused) < timedelta(seconds=2)


async def test_an_unreadable_entry_is_quarantined_and_the_others_are_stored(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    arxiv.announce(ArxivPaper("not-an-id"), cs_CL="new")
    arxiv.announce(ArxivPaper("2603.00002"), cs_CL="reborn")
    reading = await runner.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (ReadingOutcome.partial, 1, 2)
    assert {row.paper_id for row in await runner.query_all(select(QuarantinedRecord))} == {None, "2603.00002"}
    arxiv.announced = {"cs.CL": [(ArxivPaper(), "new"), (ArxivPaper("2603.00002"), "new")]}
    assert (await runner.read(now="2026-03-03 13:00")).outcome is ReadingOutcome.clean
    assert (
        await runner.query_all(select(QuarantinedRecord).where(QuarantinedRecord.resolved_at.is_(None))) == []
    )


# One paper for both feeds

HUBS = feed_record(
    title="Patient gradients",
    paper__authors=[
        {"_id": "a2", "name": "Benedikt Aström", "user": {"_id": "u2", "user": "ben"}, "hidden": False},
        {"_id": "a1", "name": "Ada Lindqvist", "status": "claimed_verified", "hidden": False},
        {"_id": "a3", "name": "Somebody Else", "hidden": False},
    ],
    paper__ai_summary="Short.",
    organization={"_id": "o1", "name": "open-rivers", "fullname": "Open Rivers"},
)


@pytest.mark.parametrize("hubs_day", ["2026-03-02", "2026-03-03", "2026-03-04"])
@pytest.mark.parametrize("published", ["2026-03-01T17:00:00.000Z", "2026-03-04T00:00:00.000Z", ...])
async def test_both_feeds_give_the_same_paper_in_any_order(
    runner: ArxivRunner, arxiv: ArxivServer, database: Database, hubs_day: str, published: str | EllipsisType
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    record = {**HUBS, "publishedAt": published, "paper": {**HUBS["paper"], "publishedAt": published}}
    if published is ...:
        record = {k: v for k, v in record.items() if k != "publishedAt"}
        record["paper"] = {k: v for k, v in record["paper"].items() if k != "publishedAt"}

    async def hub() -> None:
        await store_listing(database, hubs_day, record, seen_at=utc("2026-03-04 13:00"))

    async def announced() -> None:
        await runner.read()

    async def queried() -> None:
        arxiv.papers = [ArxivPaper()]
        await runner.read(now="2026-03-05 12:00")

    dumps = []
    orders = [(hub, announced), (announced, hub), (hub, announced, queried), (announced, hub, queried)]
    for order in [*orders, (announced, queried, hub)]:
        for step in order:
            await step()
        dumps.append(await runner.dump_tables())
        run_sql(database.owner_url, "TRUNCATE papers, organizations, feed_days, readings CASCADE")
        runner.now = utc("2026-03-03 12:00")
    assert dumps[0] == dumps[1]
    assert dumps[2] == dumps[3] == dumps[4]


async def test_title_and_authors_are_arxivs_votes_and_accounts_the_hubs(
    runner: ArxivRunner, arxiv: ArxivServer, database: Database
) -> None:
    arxiv.announce(ArxivPaper(), cs_CL="new")
    await store_listing(database, "2026-03-03", HUBS)
    await runner.read()
    paper = await runner.load_paper()
    assert paper.title == "Patient Gradients, Part 2603.00001"
    assert (paper.upvotes, paper.ai_summary, paper.organization_name) == (7, "Short.", "open-rivers")
    authors = await runner.load_authors()
    assert [(a.name, a.hub_id, a.status) for a in authors] == [
        ("Ada Lindqvist", "a1", "claimed_verified"),
        ("Benedikt Åström", "a2", None),
    ]
    assert authors[1].account["name"] == "ben"
    assert await runner.load_listings() == [
        ("2026-03-03", "arxiv", "new"),
        ("2026-03-03", "huggingface", None),
    ]
    assert await runner.list_edition() == ["2603.00001"]


async def test_the_hubs_withdrawal_marks_the_paper_too(runner: ArxivRunner, database: Database) -> None:
    await store_listing(database, "2026-03-03", feed_record(paper__withdrawnAt="2026-03-04T10:00:00.000Z"))
    await store_listing(
        database, "2026-03-03", feed_record(paper__withdrawnAt=None), seen_at=utc("2026-03-05 12:00")
    )
    assert (await runner.load_paper()).withdrawn


async def test_categories_filter_an_edition(
    runner: ArxivRunner, arxiv: ArxivServer, database: Database
) -> None:
    arxiv.announce(ArxivPaper("2603.00001", categories=("cs.CL",)), cs_CL="new")
    arxiv.announce(ArxivPaper("2603.00002", categories=("cs.LG", "cs.AI")), cs_AI="cross")
    await runner.read()
    await store_listing(database, "2026-03-03", feed_record("2603.00003"))
    assert await runner.list_edition(category="cs.AI") == ["2603.00002"]
    assert await runner.list_edition(category="cs.CL") == ["2603.00001"]
    assert len(await runner.list_edition()) == 3
    day = EditionPeriod.containing(Period.day, DAY)
    async with database.read_session() as session:
        assert (await answer(session, lambda trip: ask_edition(trip, day, "cs.AI"))).papers == 1
