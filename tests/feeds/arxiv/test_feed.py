"""The arXiv feed, whole: today's announcements, days that were missed, every broken answer, the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, text

from paperround.database import Database
from paperround.feeds import ingestion, schedule
from paperround.feeds.arxiv.calendar import announced_on
from paperround.feeds.arxiv.feed import arxiv as arxiv_feed
from paperround.feeds.http import Limits
from paperround.feeds.tables import Outcome, Quarantined, Reading
from paperround.papers import editions
from paperround.papers.editions import Choice, Sort
from paperround.papers.period import Period, Span
from paperround.papers.tables import Listing, Paper, Signal
from paperround.settings import Settings

from support.arxiv_server import ArXivServer, Submission, atom, error, found, given, results, serving_arxiv
from support.factories import at, item, listed

DAY, NEXT_DAY = date(2026, 3, 3), date(2026, 3, 4)  # a Tuesday
RULES = ingestion.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))
LIMITS = Limits(connect=60, silence=60, whole=60, most_bytes=100_000, tries=2, first_wait=0.01)


@pytest.fixture
def arxiv() -> Iterator[ArXivServer]:
    with serving_arxiv(ArXivServer()) as running:
        yield running


@dataclass
class Reader:
    """Reads arXiv; `now` is the only clock it has."""

    database: Database
    settings: Settings
    now: datetime = field(default_factory=lambda: at("2026-03-03 12:00"))

    async def read(self, day: date = DAY, now: str | None = None) -> Reading:
        self.now = at(now) if now else self.now
        async with self.database.writing() as session:
            await schedule.ask_for(session, "arxiv", [day], now=self.now)
        clock = lambda: self.now  # noqa: E731
        async with arxiv_feed(self.settings, self.database, LIMITS, clock) as source:
            reading = await ingestion.read_next(self.database, source, RULES, among=[day], clock=clock)
        assert reading is not None
        return reading

    async def all(self, query: Any) -> list[Any]:
        async with self.database.reading() as session:
            return list((await session.execute(query)).scalars().all())

    async def paper(self, paper_id: str = "2603.00001") -> Paper:
        (only,) = await self.all(select(Paper).where(Paper.id == paper_id).options(*editions.WITH_AUTHORS))
        return only

    async def listings(self, paper_id: str = "2603.00001") -> list[tuple[str, str, str | None]]:
        query = select(Listing).where(Listing.paper_id == paper_id).order_by(Listing.day, Listing.feed)
        return [(str(row.day), row.feed, row.kind) for row in await self.all(query)]

    async def edition(self, day: date = DAY, category: str | None = None) -> list[str]:
        async with self.database.reading() as session:
            choice = Choice.of(Span.of(Period.day, day), category)
            part = await editions.papers(session, choice, sort=Sort.upvotes, limit=50)
        return [paper.id for paper in part.papers]

    async def dump(self) -> dict[str, list[str]]:
        """Every row that tells of papers, but when something was looked at."""
        tables = ("papers", "authors", "listings", "signals", "organizations")
        leave_out = "- 'seen_at' - 'hub_seen_at' - 'arxiv_seen_at' - 'first_seen_at'"
        rows = "SELECT (to_jsonb(t) {})::text FROM public.{} t ORDER BY 1"
        return {name: await self.all(text(rows.format(leave_out, name))) for name in tables}


@pytest.fixture
def reader(database: Database, database_url: str, arxiv: ArXivServer) -> Reader:
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        feeds=("huggingface", "arxiv"),
        arxiv_url=arxiv.url,
        arxiv_query_url=arxiv.url,
        arxiv_categories=("cs.CL", "cs.AI"),
        arxiv_interval=timedelta(0),
    )
    return Reader(database, settings)


async def test_todays_announcements_are_taken_in_each_paper_once(reader, arxiv):
    arxiv.announce(Submission(), cs_CL="new", cs_AI="cross")
    arxiv.announce(Submission("2603.00002", categories=("cs.LG", "cs.AI")), cs_AI="cross")
    reading = await reader.read()
    assert (reading.outcome, reading.papers) == (Outcome.clean, 2)
    assert arxiv.requests == ["/atom/cs.CL", "/atom/cs.AI"]
    assert await reader.listings() == [("2026-03-03", "arxiv", "new")]
    assert await reader.listings("2603.00002") == [("2026-03-03", "arxiv", "cross")]
    paper = await reader.paper()
    assert (paper.categories, paper.version, paper.listed_on, paper.upvotes) == (
        ["cs.CL", "cs.AI"],
        1,
        DAY,
        0,
    )
    assert await reader.all(select(Signal)) == []


async def test_reading_twice_changes_nothing(reader, arxiv):
    arxiv.announce(Submission(), cs_CL="new")
    await reader.read()
    before = await reader.dump()
    await reader.read(now="2026-03-03 13:00")
    assert await reader.dump() == before


async def test_heat_starts_from_the_listing(reader, arxiv, database):
    arxiv.announce(Submission(), cs_CL="new")
    await reader.read()
    await listed(database, "2026-03-03", item("2603.00009", paper__upvotes=0))
    assert (await reader.paper()).heat == (await reader.paper("2603.00009")).heat


async def test_a_day_without_announcements_is_a_good_empty_reading(reader, arxiv):
    assert (await reader.read()).outcome is Outcome.empty


async def test_what_is_announced_for_another_day_is_not_that_days(reader, arxiv):
    """After midnight in UTC the announcements are still those of the day before in New York."""
    arxiv.today = "2026-03-02"
    arxiv.announce(Submission(), cs_CL="new")
    assert (await reader.read(now="2026-03-03 03:00")).outcome is Outcome.empty
    assert (await reader.read(date(2026, 3, 2), now="2026-03-03 03:00")).papers == 1


async def test_a_day_that_was_missed_is_asked_for_by_time_of_submission(reader, arxiv):
    """Tuesday's announcements: submitted from Friday to Monday, 14:00 in New York (19:00 UTC in winter)."""
    arxiv.cap = 2
    times = ["02-27T18:59:00", "02-27T19:00:00", "03-01T08:00:00", "03-02T18:59:00", "03-02T19:00:00"]
    arxiv.papers = [Submission(f"2603.{n:05}", submitted=f"2026-{t}") for n, t in enumerate(times)]
    reading = await reader.read(DAY, now="2026-03-05 12:00")
    assert reading.papers == 3
    assert await reader.edition() == ["2603.00001", "2603.00002", "2603.00003"]
    assert (await reader.paper("2603.00002")).published_at == at("2026-03-01 08:00")
    assert len(arxiv.requests) == 4


def test_each_submission_is_announced_once():
    days = [date(2026, 2, 23) + timedelta(days=n) for n in range(60)]
    windows = [window for day in days if (window := announced_on(day))]
    for before, after in pairwise(windows):
        assert before.end == after.first
    assert len(windows) == 44


async def test_a_list_only_grows_and_a_paper_stays_on_the_day_it_was_announced(reader, arxiv):
    arxiv.announce(Submission("2603.00001"), cs_CL="new")
    arxiv.announce(Submission("2603.00002"), cs_CL="new")
    await reader.read()
    missed = Submission("2603.00003", submitted="2026-03-02T10:00:00")
    late = Submission("2603.00002", submitted="2026-03-03T10:00:00")
    arxiv.papers = [missed, late]
    await reader.read(DAY, now="2026-03-05 12:00")
    await reader.read(NEXT_DAY, now="2026-03-05 12:00")
    assert await reader.edition() == ["2603.00001", "2603.00002", "2603.00003"]
    assert await reader.edition(NEXT_DAY) == []
    assert (await reader.paper("2603.00002")).published_at == at("2026-03-03 10:00")


async def test_papers_that_move_between_pages_are_read_once(reader, arxiv):
    one, two = Submission("2603.00001"), Submission("2603.00002")
    arxiv.faults = [given(results(3, 0, found(one), found(two))), given(results(3, 2, found(two)))]
    assert (await reader.read(DAY, now="2026-03-05 12:00")).papers == 2


# New versions


async def test_a_new_version_updates_the_paper_and_never_brings_it_back(reader, arxiv):
    arxiv.announce(Submission(), cs_CL="new")
    await reader.read()
    first = await reader.paper()
    arxiv.announced, arxiv.today = {}, "2026-03-04"
    arxiv.announce(Submission(version=2, title="Impatient Gradients"), cs_CL="replace", cs_AI="replace-cross")
    reading = await reader.read(NEXT_DAY, now="2026-03-04 12:00")
    assert reading.outcome is Outcome.clean
    paper = await reader.paper()
    assert (paper.title, paper.version, paper.revised_at) == (
        "Impatient Gradients",
        2,
        at("2026-03-04 05:00"),
    )
    assert paper.text_hash != first.text_hash
    assert (paper.heat, paper.listed_on) == (first.heat, first.listed_on)
    assert await reader.listings() == [("2026-03-03", "arxiv", "new"), ("2026-03-04", "arxiv", "replace")]
    assert await reader.edition(NEXT_DAY) == []
    assert await reader.edition() == ["2603.00001"]


async def test_a_new_version_of_a_paper_never_seen_is_kept_but_is_no_news(reader, arxiv):
    arxiv.announce(Submission("astro-ph/0601001", version=4), cs_CL="replace")
    await reader.read()
    assert (await reader.paper("astro-ph/0601001")).listed_on == date(2006, 1, 1)
    assert await reader.edition() == []
    async with reader.database.reading() as session:
        assert await editions.newest_day(session) is None


async def test_an_older_version_read_later_changes_nothing(reader, arxiv):
    arxiv.announce(Submission(version=2, title="The second"), cs_CL="replace")
    await reader.read()
    arxiv.papers = [Submission(version=1, title="The first", submitted="2026-02-26T10:00:00")]
    await reader.read(date(2026, 2, 27), now="2026-03-03 14:00")
    paper = await reader.paper()
    assert (paper.title, paper.version, paper.listed_on) == ("The second", 2, date(2026, 2, 27))


async def test_a_doi_is_kept_until_another_is_told(reader, arxiv, database):
    arxiv.announce(Submission(), cs_CL="new")
    await reader.read()
    kept = []
    for hour, version, doi in (
        (1, 2, "10.1/x"),
        (2, 2, "10.1000/A"),
        (3, 3, ""),
        (4, 3, "10.1000/b"),
        (5, 2, "10.1000/old"),
    ):
        arxiv.papers = [Submission(version=version, doi=doi, revised="2026-03-04T09:00:00")]
        await reader.read(DAY, now=f"2026-03-06 1{hour}:00")
        await listed(database, "2026-03-03", item(), seen_at=at(f"2026-03-06 1{hour}:30"))
        kept.append((await reader.paper()).doi)
    assert kept == [None, "10.1000/a", "10.1000/a", "10.1000/b", "10.1000/b"]


async def test_an_older_version_tells_the_doi_that_the_later_left_out(reader, arxiv):
    arxiv.announce(Submission(version=2), cs_CL="replace")
    await reader.read()
    arxiv.papers = [Submission(version=1, doi="10.1000/a")]
    await reader.read(DAY, now="2026-03-05 12:00")
    assert (await reader.paper()).doi == "10.1000/a"


async def test_a_withdrawn_paper_is_marked_and_a_later_version_takes_it_back(reader, arxiv):
    arxiv.announce(Submission(), cs_CL="new")
    await reader.read()
    for version, comment in ((2, "This paper has been withdrawn by the authors"), (3, "Now with a proof")):
        arxiv.papers = [Submission(version=version, comment=comment, revised="2026-03-06T09:00:00")]
        await reader.read(DAY, now=f"2026-03-0{version + 5} 12:00")
        assert (await reader.paper()).withdrawn is (version == 2)
    assert (await reader.paper()).version == 3


# Broken answers

WHOLE = atom("2026-03-03")


@pytest.mark.parametrize(("fault", "reason"), [
    (given(b"<!doctype html><title>Just a moment...</title>"), "cs.CL: the answer is not a feed"),
    (given(WHOLE[:-10]), "not a whole feed"),
    (given(WHOLE.replace(b"</title>", b"", 1)), "not a whole feed"),
    (given(b""), "not a whole feed"),
    (given(b"no", 500), "HTTP 500"),
    (given(b"x" * 100_001), "larger than"),
    (lambda: None, "connection failed"),
])  # fmt: skip
async def test_every_broken_answer_is_a_failed_reading_that_changes_nothing(reader, arxiv, fault, reason):
    arxiv.announce(Submission(), cs_CL="new")
    await reader.read()
    before = await reader.dump()
    arxiv.always = fault
    reading = await reader.read(now="2026-03-03 13:00")
    assert reading.outcome is Outcome.failed
    assert reason in reading.error
    assert await reader.dump() == before


@pytest.mark.parametrize(("fault", "reason"), [
    (given(error("search_query is too long")), "arXiv says: search_query is too long"),
    (given(error("incorrect id format for abc"), 400), "HTTP 400"),
    (given(results(40, 0)), "an empty page after 0 of 40"),
    (given(WHOLE), "isn't one of the query API"),
])  # fmt: skip
async def test_so_is_a_broken_answer_of_the_query_api(reader, arxiv, fault, reason):
    arxiv.always = fault
    reading = await reader.read(now="2026-03-05 12:00")
    assert reading.outcome is Outcome.failed
    assert reason in reading.error


async def test_a_category_that_fails_fails_the_day(reader, arxiv):
    arxiv.announce(Submission(), cs_CL="new")
    arxiv.faults = [given(WHOLE), given(b"no", 404), given(b"no", 404)]
    reading = await reader.read()
    assert (reading.outcome, reading.error) == (Outcome.failed, "cs.AI: HTTP 404 Not Found")


async def test_retry_after_pauses_arxiv_until_then(reader, arxiv):
    arxiv.faults = [given(b"", 503, Retry_After="7200")]
    assert (await reader.read(now=None)).outcome is Outcome.failed
    (due,) = await reader.all(text("SELECT next_try_at FROM feed_days WHERE feed = 'arxiv'"))
    (paused,) = await reader.all(text("SELECT paused_until FROM request_rates WHERE host = 'arxiv.org'"))
    assert abs(due - paused) < timedelta(seconds=2)


async def test_an_unreadable_entry_is_set_aside_and_the_rest_goes_in(reader, arxiv):
    arxiv.announce(Submission(), cs_CL="new")
    arxiv.announce(Submission("not-an-id"), cs_CL="new")
    arxiv.announce(Submission("2603.00002"), cs_CL="reborn")
    reading = await reader.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (Outcome.partial, 1, 2)
    assert {row.paper_id for row in await reader.all(select(Quarantined))} == {None, "2603.00002"}
    arxiv.announced = {"cs.CL": [(Submission(), "new"), (Submission("2603.00002"), "new")]}
    assert (await reader.read(now="2026-03-03 13:00")).outcome is Outcome.clean
    assert await reader.all(select(Quarantined).where(Quarantined.resolved_at.is_(None))) == []


# One paper for both feeds

HUBS = item(
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
async def test_both_feeds_make_one_paper_in_whichever_order_they_are_read(
    reader, arxiv, database, hubs_day, published
):
    arxiv.announce(Submission(), cs_CL="new")
    record = {**HUBS, "publishedAt": published, "paper": {**HUBS["paper"], "publishedAt": published}}
    if published is ...:
        record = {k: v for k, v in record.items() if k != "publishedAt"}
        record["paper"] = {k: v for k, v in record["paper"].items() if k != "publishedAt"}

    async def hub() -> None:
        await listed(database, hubs_day, record, seen_at=at("2026-03-04 13:00"))

    async def announced() -> None:
        await reader.read()

    async def queried() -> None:
        arxiv.papers = [Submission()]
        await reader.read(now="2026-03-05 12:00")

    dumps = []
    orders = [(hub, announced), (announced, hub), (hub, announced, queried), (announced, hub, queried)]
    for order in [*orders, (announced, queried, hub)]:
        for step in order:
            await step()
        dumps.append(await reader.dump())
        async with database.writing() as session:
            await session.execute(text("TRUNCATE papers, organizations, feed_days, readings CASCADE"))
        reader.now = at("2026-03-03 12:00")
    assert dumps[0] == dumps[1]
    assert dumps[2] == dumps[3] == dumps[4]


async def test_arxiv_tells_title_and_authors_the_hub_votes_and_accounts(reader, arxiv, database):
    arxiv.announce(Submission(), cs_CL="new")
    await listed(database, "2026-03-03", HUBS)
    await reader.read()
    paper = await reader.paper()
    assert paper.title == "Patient Gradients, Part 2603.00001"
    assert (paper.upvotes, paper.ai_summary, paper.organization_name) == (7, "Short.", "open-rivers")
    assert [(a.name, a.hub_id, a.status) for a in paper.authors] == [
        ("Ada Lindqvist", "a1", "claimed_verified"),
        ("Benedikt Åström", "a2", None),
    ]
    assert paper.authors[1].account["name"] == "ben"
    assert await reader.listings() == [("2026-03-03", "arxiv", "new"), ("2026-03-03", "huggingface", None)]
    assert await reader.edition() == ["2603.00001"]


async def test_the_hubs_withdrawal_marks_the_paper_too(reader, database):
    await listed(database, "2026-03-03", item(paper__withdrawnAt="2026-03-04T10:00:00.000Z"))
    await listed(database, "2026-03-03", item(paper__withdrawnAt=None), seen_at=at("2026-03-05 12:00"))
    assert (await reader.paper()).withdrawn


async def test_categories_filter_an_edition(reader, arxiv, database):
    arxiv.announce(Submission("2603.00001", categories=("cs.CL",)), cs_CL="new")
    arxiv.announce(Submission("2603.00002", categories=("cs.LG", "cs.AI")), cs_AI="cross")
    await reader.read()
    await listed(database, "2026-03-03", item("2603.00003"))
    assert await reader.edition(category="cs.AI") == ["2603.00002"]
    assert await reader.edition(category="cs.CL") == ["2603.00001"]
    assert len(await reader.edition()) == 3
    async with database.reading() as session:
        assert (await editions.totals(session, Span.of(Period.day, DAY), "cs.AI")).papers == 1
