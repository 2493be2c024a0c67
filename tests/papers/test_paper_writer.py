"""How papers are written: a statement a table for a whole list, and each value as it was told."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text

from paperround.database import Database
from paperround.papers.paper_values import SELECTED, PaperValues, load_values
from paperround.papers.paper_writer import insert_papers, update_papers
from paperround.papers.rows import AuthorRow
from paperround.papers.tables import Paper

from support.databases import run_sql
from support.factories import feed_record, store_listing, utc

TABLES = ("papers", "authors", "listings", "signals", "organizations")
DAY = "2026-03-02"


def count_statements(database: Database) -> None:
    """Have the database note each statement that writes to one of the tables."""
    run_sql(
        database.owner_url,
        "CREATE TABLE written (what text)",
        "CREATE FUNCTION note_writing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.written VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$",
        *(
            f"CREATE TRIGGER note_{event} AFTER {event} ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION note_writing()"
            for table in TABLES
            for event in ("INSERT", "UPDATE", "DELETE")
        ),
    )


async def take_counts(database: Database) -> Counter[str]:
    async with database.write_session() as session:
        return Counter(await session.scalars(text("DELETE FROM written RETURNING what")))


def build_list(number: int, *, hour: int) -> list[dict[str, Any]]:
    return [
        feed_record(
            f"2603.{n:05}",
            title=f"Title {hour} of {n}",
            paper__upvotes=hour + n,
            paper__authors=[{"name": f"Author {m} at {hour}"} for m in range(30 - hour)],
            organization={"name": f"lab-{n}", "fullname": f"Lab {hour}"},
        )
        for n in range(number)
    ]


async def test_a_list_of_any_length_is_written_by_the_same_statements(database: Database) -> None:
    counts = []
    count_statements(database)
    for number in (2, 20):
        await store_listing(database, DAY, *build_list(number, hour=12), seen_at=utc(f"{DAY} 12:00"))
        first = await take_counts(database)
        await store_listing(database, DAY, *build_list(number, hour=13), seen_at=utc(f"{DAY} 13:00"))
        counts.append((first, await take_counts(database)))
        async with database.write_session() as session:
            await session.execute(delete(Paper))
        await take_counts(database)
    assert counts[0] == counts[1]
    inserted, changed = counts[0]
    assert all(inserted[f"INSERT {table}"] == 1 for table in TABLES)
    assert changed["UPDATE papers"] == 2  # the columns, and what the papers are found by
    assert changed["DELETE authors"] == 1


# Characters that a feed's texts can have: no controls and no surrogates, which readers of feeds leave out.
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20) | st.sampled_from(
    ['"', "\\", "\\u0041", "{NULL}", "\u2028", "NULL", "%s :x $1", "line\n\nline", "𝔸😀"]
)
times = st.datetimes(datetime(1986, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
facts = st.dictionaries(texts, texts | st.booleans() | st.integers(-(2**80), 2**80), min_size=1, max_size=3)
lists = st.none() | st.lists(texts, max_size=3)
authors = st.builds(
    AuthorRow,
    texts,
    st.booleans(),
    st.none() | texts,
    st.none() | facts,
    st.none() | texts,
    st.none() | times,
)
values = st.builds(
    PaperValues,
    id=st.just("2603.00001"),
    title=texts,
    abstract=texts,
    published_at=times,
    listed_on=st.dates(date(1986, 1, 1)),
    seen_at=times,
    upvotes=st.integers(0, 2**31 - 1),
    heat=st.floats(allow_nan=False, allow_infinity=False),
    sources=st.dictionaries(texts, texts, max_size=2),
    hub_seen_at=st.none() | times,
    author_participates=st.none() | st.booleans(),
    media_urls=lists,
    ai_keywords=lists,
    categories=lists,
    formulas=st.none() | st.just({"title": [[0, 3, "x^2", '<math a="\\">']]}),
    read_title=st.none() | texts,
    read_hash=st.none() | st.just("x" * 32),
    reader_version=st.integers(0, 100),
    authors=st.lists(authors, max_size=3),
)


@settings(max_examples=8)
@given(pairs=st.lists(st.tuples(values, values), min_size=4, max_size=8))
def test_what_is_written_is_read_again_as_it_was(
    database_url: str, pairs: list[tuple[PaperValues, PaperValues]]
) -> None:
    before, after = (
        {key: replace(pair[turn], id=key) for n, pair in enumerate(pairs) if (key := f"2603.{n:05}")}
        for turn in (0, 1)
    )

    async def load(database: Database) -> dict[str, PaperValues]:
        async with database.read_session() as session:
            return await load_values(session, SELECTED)

    async def tried() -> None:
        async with Database(database_url) as database:
            async with database.write_session() as session:
                await session.execute(delete(Paper))
                await insert_papers(session, before.values())
            assert await load(database) == before
            async with database.write_session() as session:
                await update_papers(session, before, after)
            assert await load(database) == after

    asyncio.run(tried())


async def test_what_did_not_change_is_not_written_again(database: Database) -> None:
    await store_listing(database, DAY, *build_list(3, hour=12))
    async with database.write_session() as session:
        papers = await load_values(session, SELECTED)
        count = await update_papers(session, papers, {key: replace(p) for key, p in papers.items()})
    assert count == 0
    count_statements(database)
    later = {key: replace(p, seen_at=p.seen_at + timedelta(hours=1)) for key, p in papers.items()}
    async with database.write_session() as session:
        await update_papers(session, papers, later)
    assert await take_counts(database) == {"UPDATE papers": 1}
