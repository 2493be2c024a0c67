"""Reading lists belong to one reader and have read marks and notes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.library import reading_list
from paperround.library.reading_list import PaperNotSaved
from paperround.library.tables import SavedPaper
from paperround.papers import removal
from paperround.reads import answer
from paperround.search.engine import search
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import parse_query

from support.factories import add_reader, feed_record, store_listing, utc

ONE, TWO, THREE = (f"2603.0000{n}" for n in (1, 2, 3))
NOON = utc("2026-03-02 12:00")


@pytest.fixture
async def people(database: Database) -> tuple[int, int]:
    """The ids of Ada and Cyn. The catalogue has three papers that they can save."""
    rivers = {"title": "Rivers of Meaning", "paper__title": "Rivers of Meaning"}
    await store_listing(
        database, "2026-03-02", feed_record(ONE), feed_record(TWO, **rivers), feed_record(THREE)
    )
    ada, cyn = await add_reader(database, "ada@example.org"), await add_reader(database, "cyn@example.org")
    return ada.id, cyn.id


async def save(database: Database, who: int, paper_id: str, minutes: int = 0) -> None:
    async with database.write_session() as session:
        await reading_list.save_paper(session, who, paper_id, now=NOON + timedelta(minutes=minutes))


async def shelf(database: Database, who: int, **asked: bool) -> list[str]:
    """Loads the whole reading list, two papers at a time."""
    found, after = [], None
    async with database.read_session() as session:
        while True:
            part = await reading_list.list_saved_papers(session, who, limit=2, after=after, **asked)
            found += [entry.paper.id for entry in part.entries]
            after = part.next_position
            if after is None:
                return found


async def test_the_latest_saved_paper_is_first_and_saving_again_changes_nothing(
    database: Database, people: tuple[int, int]
) -> None:
    ada, cyn = people
    for minutes, paper_id in enumerate((ONE, TWO, THREE, ONE)):
        await save(database, ada, paper_id, minutes)
    assert await shelf(database, ada) == [THREE, TWO, ONE]
    assert await shelf(database, cyn) == []
    async with database.read_session() as session:
        for who, saved in ((ada, {ONE}), (cyn, set())):
            ask = partial(reading_list.ask_saved_ids, reader_id=who, paper_ids=[ONE, "2603.09999"])
            assert await answer(session, ask) == saved


async def test_papers_saved_at_the_same_time_are_paged_without_loss(
    database: Database, people: tuple[int, int]
) -> None:
    ada, _ = people
    for paper_id in (ONE, TWO, THREE):
        await save(database, ada, paper_id)
    assert await shelf(database, ada) == [ONE, TWO, THREE]


async def test_saving_a_paper_twice_concurrently_saves_it_once(
    database: Database, people: tuple[int, int]
) -> None:
    ada, _ = people
    await asyncio.gather(*(save(database, ada, ONE) for _ in range(4)))
    assert await shelf(database, ada) == [ONE]


async def test_an_unknown_paper_is_not_saved(database: Database, people: tuple[int, int]) -> None:
    ada, _ = people
    await save(database, ada, "2603.09999")
    assert await shelf(database, ada) == []


async def test_read_marks_and_notes_belong_to_one_reader(database: Database, people: tuple[int, int]) -> None:
    ada, cyn = people
    await save(database, ada, ONE)
    await save(database, ada, TWO, 1)
    async with database.write_session() as session:
        assert await reading_list.mark_read(session, ada, ONE, read=True, now=NOON)
        assert await reading_list.set_note(session, ada, ONE, " Compare with rivers.\r\nAgain. ")
        assert not await reading_list.mark_read(session, cyn, ONE, read=False, now=NOON)
        assert not await reading_list.set_note(session, cyn, ONE, "Mine!")
        await reading_list.unsave_paper(session, cyn, ONE)
    assert await shelf(database, ada, unread=True) == [TWO]
    async with database.read_session() as session:
        row = (await reading_list.load_saved_papers(session, ada, [ONE]))[ONE].row
        assert (row.read_at, row.note) == (NOON, "Compare with rivers.\nAgain.")
        assert await reading_list.count_saved_papers(session, ada) == (2, 1)
    async with database.write_session() as session:
        assert await reading_list.mark_read(session, ada, ONE, read=False, now=NOON)
    assert await shelf(database, ada, unread=True) == [TWO, ONE]


async def test_a_note_that_is_too_long_is_rejected_with_the_limit(
    database: Database, people: tuple[int, int]
) -> None:
    ada, _ = people
    await save(database, ada, ONE)
    async with database.write_session() as session:
        with pytest.raises(PaperNotSaved, match="at most 2,000 characters; this one has 2,001"):
            await reading_list.set_note(session, ada, ONE, "x" * 2001)


async def test_a_full_list_rejects_papers_even_from_concurrent_requests(
    database: Database, people: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, _ = people
    monkeypatch.setattr(reading_list, "MAX_SAVED_PAPERS", 2)
    await save(database, ada, ONE)
    results = await asyncio.gather(
        *(save(database, ada, paper_id) for paper_id in (TWO, THREE)), return_exceptions=True
    )
    assert [type(result) for result in results if result] == [PaperNotSaved]
    await save(database, ada, ONE)  # what is on it is no paper more


async def test_the_reading_list_is_searched_by_words(database: Database, people: tuple[int, int]) -> None:
    ada, cyn = people
    await save(database, ada, ONE)
    await save(database, ada, TWO)
    for who, words, expected in ((ada, "rivers", [TWO]), (ada, "patient", [ONE]), (cyn, "rivers", [])):
        async with database.read_session() as session:
            filters = SearchFilters(paper_ids=reading_list.select_saved_ids(who))
            found = await search(session, parse_query(words), None, filters=filters)
        assert [match.paper_id for match in found.results] == expected


async def test_a_removed_paper_is_removed_from_every_reading_list(
    database: Database, people: tuple[int, int]
) -> None:
    ada, _ = people
    await save(database, ada, ONE)
    async with database.write_session() as session:
        await removal.remove_paper(session, ONE, now=NOON)
    assert await shelf(database, ada) == []
    async with database.read_session() as session:
        assert not (await session.scalars(select(SavedPaper))).all()
