"""Reading the catalogue: orders are unique, paging shows every paper once, and large lists use indexes."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import undefer

from paperround.database import Database
from paperround.papers import editions
from paperround.papers.edition_facts import EditionFacts, ask_edition
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.tables import Paper
from paperround.reads import answer

from support.databases import run_sql
from support.factories import feed_record, store_listing, utc
from support.statements import sent_statements

KEYS = {Sort.trending: "heat", Sort.published: "published_at", Sort.upvotes: "votes"}


async def fill(database: Database, count: int = 25) -> list[str]:
    """Stores papers on two days. Many differ only in their id."""
    ids = [f"2603.{n:05}" for n in range(1, count + 1)]
    hours = ["2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"]
    records = [
        feed_record(key, paper__upvotes=n % 3, paper__publishedAt=hours[n % 2]) for n, key in enumerate(ids)
    ]
    await store_listing(database, "2026-03-02", *records[: count * 2 // 3])
    await store_listing(database, "2026-03-04", *records[count // 2 :], seen_at=utc("2026-03-04 12:00"))
    return ids


async def everything(database: Database, choice: EditionQuery, sort: Sort, limit: int) -> list[Any]:
    papers: list[Any] = []
    after = None
    async with database.read_session() as session:
        while True:
            part = await editions.list_papers(session, choice, sort=sort, limit=limit, after=after)
            assert len(part.papers) <= limit
            papers += part.papers
            after = part.next_position
            if after is None:
                return papers


async def facts(database: Database, period: EditionPeriod) -> EditionFacts:
    async with database.read_session() as session:
        return await answer(session, lambda trip: ask_edition(trip, period))


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 4, 25, 100])
async def test_paging_shows_every_paper_once_in_order_even_with_equal_keys(
    database: Database, sort: Sort, limit: int
) -> None:
    ids = await fill(database)
    papers = await everything(database, EditionQuery(), sort, limit)
    assert sorted(paper.id for paper in papers) == ids
    keys = [getattr(paper, KEYS[sort]) for paper in papers]
    assert keys == sorted(keys, reverse=True)
    pairs = pairwise(papers)
    assert all(a.id < b.id for a, b in pairs if getattr(a, KEYS[sort]) == getattr(b, KEYS[sort]))


async def test_a_paper_on_two_days_is_shown_once(database: Database) -> None:
    await fill(database)
    papers = await everything(database, EditionQuery(date(2026, 3, 1), date(2026, 3, 31)), Sort.upvotes, 10)
    assert len(papers) == 25


async def test_a_query_filters_by_day_feed_and_submitter(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001"),
        feed_record("2603.00002", submittedBy={"name": "ben"}),
    )
    await store_listing(database, "2026-03-03", feed_record("2603.00003"))
    await store_listing(database, "2026-03-03", feed_record("2603.00004"), feed="other")

    async def chosen(**choice: Any) -> set[str]:
        return {
            paper.id[-1] for paper in await everything(database, EditionQuery(**choice), Sort.upvotes, 10)
        }

    assert await chosen(first=date(2026, 3, 3)) == {"3", "4"}
    assert await chosen(last=date(2026, 3, 2)) == {"1", "2"}
    assert await chosen(feeds=("huggingface",)) == {"1", "2", "3"}
    assert await chosen(submitter="ben") == {"2"}
    assert await chosen(first=date(2026, 3, 3), feeds=("huggingface",), submitter="ada") == {"3"}
    assert await chosen(submitter="nobody") == set()


async def test_neighbours_skip_empty_days_and_end_with_the_catalogue(database: Database) -> None:
    await fill(database)
    span = {name: EditionPeriod.parse(Period.day, f"2026-03-0{name}") for name in "1234"}
    span["week"] = EditionPeriod.parse(Period.week, "2026-W10")
    found = {name: await facts(database, period) for name, period in span.items()}
    days = {name: (edition.previous_day, edition.following_day) for name, edition in found.items()}
    assert days["2"] == (None, date(2026, 3, 4))
    assert days["3"] == (date(2026, 3, 2), date(2026, 3, 4))
    assert days["4"] == (date(2026, 3, 2), None)
    assert days["week"] == (None, None)
    async with database.read_session() as session:
        assert await editions.find_newest_day(session) == date(2026, 3, 4)


async def test_totals_count_papers_and_visible_authors_once(database: Database) -> None:
    people = [{"name": "Ada"}, {"name": "Ada"}, {"name": "Ben", "hidden": True}]
    await store_listing(database, "2026-03-02", feed_record("2603.00001", paper__authors=people))
    await store_listing(database, "2026-03-03", feed_record("2603.00001", paper__authors=people))
    await store_listing(
        database, "2026-03-03", feed_record("2603.00002", paper__authors=[{"name": "Ada"}, {"name": "Cyn"}])
    )
    month = await facts(database, EditionPeriod.parse(Period.month, "2026-03"))
    empty = await facts(database, EditionPeriod.parse(Period.month, "2026-04"))
    assert (month.papers, month.authors) == (2, 2)
    assert (empty.papers, empty.authors) == (0, 0)


async def test_an_empty_catalogue_has_no_days_and_no_papers(database: Database) -> None:
    async with database.read_session() as session:
        assert await editions.find_newest_day(session) is None
        assert await editions.find_paper(session, "2603.00001") is None
        assert await editions.load_listings(session, ["2603.00001"]) == {"2603.00001": []}
        assert await editions.list_signals(session, "2603.00001", limit=5) == []
        part = await editions.list_papers(session, EditionQuery(), sort=Sort.trending, limit=5)
    assert (list(part.papers), part.next_position) == ([], None)


async def test_the_latest_signals_come_in_order_of_time(database: Database) -> None:
    for hour in range(10, 15):
        seen_at = utc(f"2026-03-02 {hour}:00")
        await store_listing(database, "2026-03-02", feed_record(paper__upvotes=hour), seen_at=seen_at)
    async with database.read_session() as session:
        latest = await editions.list_signals(session, "2603.00001", limit=3)
    assert [signal.upvotes for signal in latest] == [12, 13, 14]


async def test_the_hubs_order_is_by_day_then_votes_and_its_pages_cover_everything(database: Database) -> None:
    await fill(database)
    async with database.read_session() as session:
        rows: list[Any] = []
        for offset in range(0, 40, 7):
            rows += await editions.list_listed_papers(
                session, EditionQuery(), sort=None, limit=7, offset=offset
            )
    places = [(listing.day, paper.upvotes) for listing, paper in rows]
    assert places == sorted(places, reverse=True)
    assert len({(listing.day, paper.id) for listing, paper in rows}) == len(rows) == 16 + 13


# Authors


PEOPLE: list[dict[str, Any]] = [
    {"name": "Zoe Lindqvist", "user": {"name": "zoe"}},
    {"name": "Cyn Verborgen", "hidden": True},
    {"name": "Ada Åström"},
    {"name": "Zoe Lindqvist"},
]


async def test_author_names_are_in_the_papers_order_without_hidden_authors(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001", paper__authors=PEOPLE),
        feed_record("2603.00002", paper__authors=[]),
        feed_record("2603.00003", paper__authors=PEOPLE[1:2]),
        feed_record("2603.00004", paper__authors=[{"name": f"Author {n}"} for n in range(664)]),
    )
    async with database.read_session() as session:
        papers = await editions.load_papers(session, [f"2603.0000{n}" for n in range(1, 6)])
    assert {paper_id: paper.author_names for paper_id, paper in papers.items()} == {
        "2603.00001": ["Zoe Lindqvist", "Ada Åström", "Zoe Lindqvist"],
        "2603.00002": [],
        "2603.00003": [],
        "2603.00004": [f"Author {n}" for n in range(664)],
    }


async def test_author_names_change_with_the_authors(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001", paper__authors=PEOPLE))
    fewer = [{**PEOPLE[0], "hidden": True}, *PEOPLE[1:3]]
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001", paper__authors=fewer),
        seen_at=utc("2026-03-02 13:00"),
    )
    async with database.read_session() as session:
        papers = await editions.find_paper(session, "2603.00001")
    assert papers.author_names == ["Ada Åström"]


async def test_a_list_is_one_statement_however_many_authors_there_are(database: Database) -> None:
    await fill(database)
    days = EditionQuery(date(2026, 3, 1), date(2026, 3, 31))
    async with database.read_session() as session:
        with sent_statements() as statements:
            by_id = await editions.load_papers(session, ["2603.00001", "2603.00002"])
        assert len(statements) == 1
        with sent_statements() as statements:
            part = await editions.list_papers(session, days, sort=Sort.upvotes, limit=20)
        assert len(statements) == 1
        with sent_statements() as statements:
            rows = await editions.list_listed_papers(session, days, sort=None, limit=20, offset=0)
        assert len(statements) == 1
    results = [*by_id.values(), *part.papers, *(paper for _, paper in rows)]
    assert all(paper.author_names == ["Ada Lindqvist", "Benedikt Åström"] for paper in results)


async def test_authors_are_loaded_with_accounts_on_request(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001", paper__authors=PEOPLE))
    async with database.read_session() as session:
        (papers,) = (await editions.load_papers(session, ["2603.00001"], with_authors=True)).values()
    assert [(author.name, author.hidden) for author in papers.authors] == [
        (person["name"], person.get("hidden", False)) for person in PEOPLE
    ]
    assert papers.authors[0].account["name"] == "zoe"


async def test_access_to_unloaded_authors_is_an_error(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    async with database.read_session() as session:
        bare = (await session.scalars(select(Paper))).one()
        with pytest.raises(InvalidRequestError):
            _ = bare.author_names
    async with database.read_session() as session:
        named = await editions.find_paper(session, "2603.00001")
        with pytest.raises(RuntimeError):
            named.authors  # noqa: B018 (that it is looked at)


async def test_author_names_are_never_written(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    async with database.write_session() as session:
        query = select(Paper).options(undefer(Paper.author_names))
        paper = (await session.scalars(query)).one()
        paper.title = "Another"
        paper.author_names = ["Somebody Else"]
    async with database.read_session() as session:
        papers = await editions.find_paper(session, "2603.00001")
    assert (papers.title, papers.author_names) == ("Another", ["Ada Lindqvist", "Benedikt Åström"])


# Plans


BULK = """
INSERT INTO organizations (name, full_name) SELECT 'lab' || n, 'Lab' FROM generate_series(1, 50) n;
INSERT INTO papers (id, title, abstract, published_at, upvotes, listed_on, heat, seen_at, organization_name)
SELECT '2603.' || lpad(n::text, 5, '0'), 'Title ' || n, repeat('We wait. ', 50),
    timestamptz '2026-01-01' + n * interval '17 min', n % 90, date '2026-01-01' + n / 60, random() * 900,
    now(), CASE WHEN n % 3 = 0 THEN 'lab' || 1 + n % 50 END
FROM generate_series(1, 6000) n;
INSERT INTO listings (day, feed, paper_id, first_seen_at)
SELECT listed_on, 'huggingface', id, now() FROM papers;
"""


async def plans(
    database: Database, choice: EditionQuery, sort: Sort, after: editions.ListPosition | None
) -> str:
    """PostgreSQL's plan for the first statement of such a list."""
    async with database.read_session() as session:
        with sent_statements() as statements:
            await editions.list_papers(session, choice, sort=sort, limit=20, after=after)
    statement, parameters = statements[0]
    async with database.read_session() as session:
        connection = await session.connection()
        rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(rows.scalars().all())


@pytest.fixture
async def bulk(database: Database) -> Database:
    async with database.write_session() as session:
        for statement in BULK.strip().split(";\n"):
            await session.execute(text(statement.rstrip(";")))
    run_sql(database.owner_url, "ANALYZE papers, listings, organizations")
    return database


async def test_every_order_of_the_whole_catalogue_is_an_index_scan(bulk: Database) -> None:
    async with bulk.read_session() as session:
        for sort in Sort:
            middle = (await editions.list_papers(session, EditionQuery(), sort=sort, limit=50)).next_position
            for after in (None, middle):
                plan = await plans(bulk, EditionQuery(), sort, after)
                assert f"Index Scan using papers_{KEYS[sort]}_idx" in plan, plan
                assert "Seq Scan on papers" not in plan


async def test_a_days_list_reads_that_day_only(bulk: Database) -> None:
    plan = await plans(bulk, EditionQuery(date(2026, 2, 2), date(2026, 2, 2)), Sort.upvotes, None)
    assert "listings_pkey" in plan, plan
    assert "Seq Scan on papers" not in plan
    assert "Seq Scan on listings" not in plan
