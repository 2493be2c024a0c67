"""Writing papers: values are merged, only changes become signals, and the stored heat fits the signals."""

from __future__ import annotations

import asyncio
import math
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text

from paperround.database import Database
from paperround.feeds.huggingface import record as huggingface_record
from paperround.papers import catalogue
from paperround.papers import half_life as papers_half_life
from paperround.papers.heat import VoteCount, heat
from paperround.papers.tables import Author, Listing, Organization, Paper, Signal

from support.databases import run_sql
from support.factories import HALF_LIFE, feed_record, store_listing, utc

ID = "2603.00001"


async def the_paper(database: Database, paper_id: str = ID) -> Paper:
    async with database.read_session() as session:
        query = select(Paper).where(Paper.id == paper_id)
        return (await session.scalars(query)).one()


async def author_names(database: Database) -> list[str]:
    async with database.read_session() as session:
        query = select(Author.name).where(Author.paper_id == ID).order_by(Author.position)
        return list(await session.scalars(query))


async def signals(database: Database, paper_id: str = ID) -> list[Signal]:
    async with database.read_session() as session:
        query = select(Signal).where(Signal.paper_id == paper_id).order_by(Signal.at)
        return list(await session.scalars(query))


async def expected_heat(database: Database, paper_id: str = ID, half_life: timedelta = HALF_LIFE) -> float:
    paper, rows = await the_paper(database, paper_id), await signals(database, paper_id)
    return heat(
        [VoteCount(row.at, row.upvotes) for row in rows], listed_on=paper.listed_on, half_life=half_life
    )


# Facts


async def test_a_known_value_replaces_the_old_one_and_an_unknown_one_does_not(database: Database) -> None:
    await store_listing(
        database, "2026-03-02", feed_record(paper__ai_summary="Old.", paper__projectPage="https://a.example/")
    )
    await store_listing(
        database,
        "2026-03-02",
        feed_record(paper__ai_summary="New.", title="New"),
        seen_at=utc("2026-03-02 13:00"),
    )
    paper = await the_paper(database)
    assert (paper.title, paper.ai_summary, paper.project_url) == ("New", "New.", "https://a.example/")


async def test_the_submitter_of_a_listing_is_kept_if_a_later_record_has_none(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(submitterOrganization={"name": "lab"}))
    bare = feed_record(submittedBy=..., submitterOrganization=None)
    await store_listing(database, "2026-03-02", bare, seen_at=utc("2026-03-02 13:00"))
    async with database.read_session() as session:
        listing = (await session.scalars(select(Listing))).one()
    assert listing.submitter_name == "ada"
    assert listing.submitter_organization == {"name": "lab", "fullname": "lab"}


async def test_an_unknown_value_is_sql_null_and_not_json_null(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(submittedBy=...))
    async with database.read_session() as session:
        unknown = (Listing.submitter.is_(None), Listing.submitter_organization.is_(None))
        assert await session.scalar(select(func.count()).select_from(Listing).where(*unknown)) == 1
        assert await session.scalar(select(func.count()).where(Author.account.is_(None))) == 2


async def test_new_and_reworded_papers_are_counted_since_they_need_vectors(database: Database) -> None:
    first = await store_listing(database, "2026-03-02", feed_record(ID), feed_record("2603.00002"))
    assert (first.new_papers, first.changed_texts) == (2, 2)
    again = await store_listing(
        database, "2026-03-02", feed_record(ID, paper__upvotes=99), feed_record("2603.00002", title="New")
    )
    assert (again.new_papers, again.changed_texts) == (0, 1)


async def test_an_organization_is_kept_up_to_date_and_shared(database: Database) -> None:
    lab = {"name": "lab", "fullname": "Lab", "avatar": "https://a.example/lab.png"}
    await store_listing(
        database, "2026-03-02", feed_record(ID, organization=lab), feed_record("2603.00002", organization=lab)
    )
    renamed = {"name": "lab", "fullname": "The Lab"}
    await store_listing(
        database, "2026-03-02", feed_record(ID, organization=renamed), seen_at=utc("2026-03-02 13:00")
    )
    async with database.read_session() as session:
        organization = (await session.scalars(select(Organization))).one()
    assert (organization.full_name, organization.avatar_url) == ("The Lab", "https://a.example/lab.png")


@pytest.mark.parametrize(
    "steps",
    [
        [["Ada", "Ben"], ["Ada", "Ben", "Cyn"]],
        [["Ada", "Ben", "Cyn"], ["Cyn"]],
        [["Ada", "Ada"], ["Ada", "Ben", "Ada"]],
        [["Ada", "Ben"], ["Ben", "Ada"], ["Ben"]],
        [[f"Author {n}" for n in range(664)], [f"Author {n}" for n in range(1, 664)]],
    ],
)
async def test_authors_change_grow_and_shrink_in_place(database: Database, steps: list[list[str]]) -> None:
    for hour, names in enumerate(steps):
        record = feed_record(paper__authors=[{"name": name} for name in names])
        await store_listing(database, "2026-03-02", record, seen_at=utc(f"2026-03-02 {12 + hour}:00"))
        assert await author_names(database) == names


async def test_one_changed_status_among_many_authors_writes_one_row(database: Database) -> None:
    authors = [{"name": f"Author {n}", "user": {"name": f"a{n}"}} for n in range(200)]
    await store_listing(database, "2026-03-02", feed_record(paper__authors=authors))
    await record_versions(database)
    authors[77] = {**authors[77], "status": "claimed_verified"}
    await store_listing(
        database, "2026-03-02", feed_record(paper__authors=authors), seen_at=utc("2026-03-02 13:00")
    )
    async with database.read_session() as session:
        changed = "SELECT a.position FROM authors a JOIN before b USING (position) WHERE a.xmin <> b.version"
        assert list(await session.scalars(text(changed))) == [77]


async def record_versions(database: Database) -> None:
    run_sql(database.owner_url, "CREATE TABLE before AS SELECT position, xmin AS version FROM authors")


async def test_an_empty_list_of_authors_erases_none(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record())
    await store_listing(
        database, "2026-03-02", feed_record(paper__authors=[]), seen_at=utc("2026-03-02 13:00")
    )
    assert len(await author_names(database)) == 2


# The same paper on two days


async def test_the_list_of_an_earlier_day_only_fills_gaps(database: Database) -> None:
    await store_listing(
        database, "2026-03-03", feed_record(title="Later", paper__authors=..., numComments=...)
    )
    earlier = feed_record(title="Earlier", numComments=5, paper__ai_summary="Told only here.")
    await store_listing(database, "2026-03-02", earlier, seen_at=utc("2026-03-04 12:00"))
    paper = await the_paper(database)
    assert (paper.title, paper.comments, paper.ai_summary) == ("Later", 5, "Told only here.")
    assert len(await author_names(database)) == 2
    assert paper.listed_on == date(2026, 3, 2)


async def test_an_earlier_listing_day_changes_the_heat_without_a_signal(database: Database) -> None:
    await store_listing(
        database, "2026-03-03", feed_record(paper__upvotes=7), seen_at=utc("2026-03-03 12:00")
    )
    await store_listing(
        database, "2026-03-03", feed_record(paper__upvotes=7), seen_at=utc("2026-03-03 13:00")
    )
    before = (await the_paper(database)).heat
    await store_listing(
        database, "2026-03-02", feed_record(paper__upvotes=7), seen_at=utc("2026-03-03 14:00")
    )
    assert [row.at for row in await signals(database)] == [utc("2026-03-03 12:00")]
    assert (await the_paper(database)).heat == pytest.approx(before - 1)
    assert (await the_paper(database)).heat == await expected_heat(database)


# Signals and heat


async def test_a_signal_is_written_only_when_a_number_changed(database: Database) -> None:
    readings = [(7, 2, None), (7, 2, None), (8, 2, None), (8, 2, 5), (8, 2, 5), (8, 1, 5), (3, 1, 5)]
    for hour, (votes, comments, stars) in enumerate(readings):
        record = feed_record(paper__upvotes=votes, numComments=comments, paper__githubStars=stars)
        record["title"] = f"Title {hour}"
        await store_listing(database, "2026-03-02", record, seen_at=utc(f"2026-03-02 {12 + hour}:00"))
    rows = [(row.at.hour, row.upvotes, row.comments, row.github_stars) for row in await signals(database)]
    assert rows == [(12, 7, 2, None), (14, 8, 2, None), (15, 8, 2, 5), (17, 8, 1, 5), (18, 3, 1, 5)]


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1]])
async def test_a_reading_older_than_the_last_is_ignored(database: Database, order: list[int]) -> None:
    readings = [(12, 5), (13, 9), (14, 11)]
    for n in order:
        hour, votes = readings[n]
        seen_at = utc(f"2026-03-02 {hour}:00")
        await store_listing(database, "2026-03-02", feed_record(paper__upvotes=votes), seen_at=seen_at)
    paper = await the_paper(database)
    assert (paper.upvotes, paper.seen_at) == (11, utc("2026-03-02 14:00"))
    assert paper.heat == await expected_heat(database)


steps = st.lists(
    st.tuples(st.sampled_from([1, 2, 3]), st.integers(0, 30), st.integers(0, 40)),
    min_size=1,
    max_size=8,
    unique_by=lambda step: step[1],  # no two readings at the same moment
)


@settings(max_examples=15)
@given(given_steps=steps)
def test_the_stored_heat_is_that_of_all_signals_for_any_readings(
    database_url: str, given_steps: list[tuple[int, int, int]]
) -> None:
    """Readings are `(day, hour, votes)` in any order: late, repeated, falling, of one or of several days."""

    async def tried() -> None:
        async with Database(database_url) as database:
            async with database.write_session() as session:
                await session.execute(delete(Paper))
            newest = None
            for day, hour, votes in given_steps:
                seen_at = utc("2026-03-03 00:00") + timedelta(hours=hour)
                await store_listing(
                    database, f"2026-03-0{day}", feed_record(paper__upvotes=votes), seen_at=seen_at
                )
                newest = max(filter(None, [newest, seen_at]))
                paper = await the_paper(database)
                assert math.isclose(paper.heat, await expected_heat(database), abs_tol=1e-9)
                rows = await signals(database)
                assert rows[-1].upvotes == paper.upvotes
                assert rows[-1].at <= paper.seen_at <= newest
                numbers = [row.upvotes for row in rows]
                assert all(a != b for a, b in pairwise(numbers))

    asyncio.run(tried())


async def test_concurrent_writers_of_one_paper_lose_nothing(database: Database) -> None:
    async def write(n: int) -> None:
        record = feed_record(paper__upvotes=n, paper__authors=[{"name": f"A {m}"} for m in range(n)])
        await store_listing(database, f"2026-03-0{1 + n % 3}", record, seen_at=utc(f"2026-03-04 {n:02}:00"))

    await asyncio.gather(*(write(n) for n in range(1, 9)))
    paper = await the_paper(database)
    assert paper.listed_on == date(2026, 3, 1)
    assert paper.heat == await expected_heat(database)
    async with database.read_session() as session:
        assert await session.scalar(select(func.count()).select_from(Listing)) == 3


# The sample


async def test_removing_the_sample_removes_all_of_it_and_no_real_paper(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("0000.00001"), feed=catalogue.SAMPLE_FEED)
    await store_listing(database, "2026-03-02", feed_record(ID))
    async with database.write_session() as session:
        await catalogue.remove_sample(session)
    async with database.read_session() as session:
        assert list(await session.scalars(select(Paper.id))) == [ID]
        for table in (Listing, Author, Signal):
            assert set(await session.scalars(select(table.paper_id))) == {ID}


# Half-life


async def adopt(database: Database, hours: float) -> int:
    async with database.write_session() as session:
        return await papers_half_life.adopt_half_life(session, timedelta(hours=hours))


async def test_a_new_half_life_recomputes_every_heat_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers_half_life, "BATCH_SIZE", 2)
    ids = [f"2603.{n:05}" for n in range(1, 6)]
    for hour in (12, 13):
        records = [feed_record(key, paper__upvotes=hour * n) for n, key in enumerate(ids)]
        await store_listing(database, "2026-03-02", *records, seen_at=utc(f"2026-03-02 {hour}:00"))
    await adopt(database, 24)
    assert await adopt(database, 48) == 5
    for key in ids:
        stored = (await the_paper(database, key)).heat
        assert stored == await expected_heat(database, key, timedelta(hours=48))
    assert await adopt(database, 48) == 0
    assert await adopt(database, 24) == 5
    for key in ids:
        assert (await the_paper(database, key)).heat == await expected_heat(database, key)


async def test_papers_stored_before_any_half_life_was_adopted_get_the_new_one(database: Database) -> None:
    """This happens with `ingest` on a new database and then `up` with another half-life."""
    await store_listing(database, "2026-03-02", feed_record())
    await adopt(database, 48)
    assert (await the_paper(database)).heat == await expected_heat(database, ID, timedelta(hours=48))


async def test_two_workers_that_start_together_recompute_once(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record())
    await adopt(database, 24)
    done: list[Any] = await asyncio.gather(*(adopt(database, 48) for _ in range(3)))
    assert sorted(done) == [0, 0, 1]


def test_all_versions_of_an_id_are_the_same_paper() -> None:
    assert huggingface_record.parse_record(feed_record(f"{ID}v3")).id == ID
