"""The reading list: each reader's own, with marks and notes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.library import reading_list
from paperround.library.reading_list import CannotSave
from paperround.papers import removal
from paperround.search.filters import Filters
from paperround.search.query import search
from paperround.search.query_syntax import read

from support.factories import at, item, listed, reader

ONE, TWO, THREE = (f"2603.0000{n}" for n in (1, 2, 3))
NOON = at("2026-03-02 12:00")


@pytest.fixture
async def people(database: Database) -> tuple[int, int]:
    """Ada, with three papers to save; and cyn."""
    rivers = {"title": "Rivers of Meaning", "paper__title": "Rivers of Meaning"}
    await listed(database, "2026-03-02", item(ONE), item(TWO, **rivers), item(THREE))
    ada, cyn = await reader(database, "ada@example.org"), await reader(database, "cyn@example.org")
    return ada.id, cyn.id


async def save(database: Database, who: int, paper_id: str, minutes: int = 0) -> None:
    async with database.writing() as session:
        await reading_list.save(session, who, paper_id, now=NOON + timedelta(minutes=minutes))


async def shelf(database: Database, who: int, **asked: bool) -> list[str]:
    """The whole list, two at a time."""
    found, after = [], None
    async with database.reading() as session:
        while True:
            part = await reading_list.reading_list(session, who, limit=2, after=after, **asked)
            found += [row.paper.id for row in part.rows]
            after = part.more
            if after is None:
                return found


async def test_the_last_saved_stands_first_and_saving_again_changes_nothing(database, people):
    ada, cyn = people
    for minutes, paper_id in enumerate((ONE, TWO, THREE, ONE)):
        await save(database, ada, paper_id, minutes)
    assert await shelf(database, ada) == [THREE, TWO, ONE]
    assert await shelf(database, cyn) == []
    async with database.reading() as session:
        assert await reading_list.saved(session, ada, [ONE, "2603.09999"]) == {ONE}
        assert await reading_list.saved(session, cyn, [ONE]) == frozenset()


async def test_papers_saved_in_the_same_moment_are_paged_without_loss(database, people):
    ada, _ = people
    for paper_id in (ONE, TWO, THREE):
        await save(database, ada, paper_id)
    assert await shelf(database, ada) == [ONE, TWO, THREE]


async def test_two_savings_of_one_paper_at_once_are_one(database, people):
    ada, _ = people
    await asyncio.gather(*(save(database, ada, ONE) for _ in range(4)))
    assert await shelf(database, ada) == [ONE]


async def test_a_paper_that_is_not_here_is_not_saved(database, people):
    ada, _ = people
    await save(database, ada, "2603.09999")
    assert await shelf(database, ada) == []


async def test_marks_and_notes_are_the_owners_alone(database, people):
    ada, cyn = people
    await save(database, ada, ONE)
    await save(database, ada, TWO, 1)
    async with database.writing() as session:
        assert await reading_list.mark(session, ada, ONE, read=True, now=NOON)
        assert await reading_list.note(session, ada, ONE, " Compare with rivers.\r\nAgain. ")
        assert not await reading_list.mark(session, cyn, ONE, read=False, now=NOON)
        assert not await reading_list.note(session, cyn, ONE, "Mine!")
        await reading_list.take_off(session, cyn, ONE)
    assert await shelf(database, ada, unread=True) == [TWO]
    async with database.reading() as session:
        row = (await reading_list.of_papers(session, ada, [ONE]))[ONE]
        assert (row.read_at, row.note) == (NOON, "Compare with rivers.\nAgain.")
        assert await reading_list.totals(session, ada) == (2, 1)
    async with database.writing() as session:
        assert await reading_list.mark(session, ada, ONE, read=False, now=NOON)
    assert await shelf(database, ada, unread=True) == [TWO, ONE]


async def test_a_note_too_long_is_refused_and_says_how_long_it_may_be(database, people):
    ada, _ = people
    await save(database, ada, ONE)
    async with database.writing() as session:
        with pytest.raises(CannotSave, match="at most 2,000 characters; this one has 2,001"):
            await reading_list.note(session, ada, ONE, "x" * 2001)


async def test_a_full_list_takes_no_more_even_from_two_at_once(database, people, monkeypatch):
    ada, _ = people
    monkeypatch.setattr(reading_list, "MOST_SAVED", 2)
    await save(database, ada, ONE)
    results = await asyncio.gather(
        *(save(database, ada, paper_id) for paper_id in (TWO, THREE)), return_exceptions=True
    )
    assert sorted(type(result) for result in results if result) == [CannotSave]
    await save(database, ada, ONE)  # what is on it is no paper more


async def test_it_is_searched_by_words(database, people):
    ada, cyn = people
    await save(database, ada, ONE)
    await save(database, ada, TWO)
    for who, words, expected in ((ada, "rivers", [TWO]), (ada, "patient", [ONE]), (cyn, "rivers", [])):
        async with database.reading() as session:
            filters = Filters(among=reading_list.saved_ids(who))
            found = await search(session, read(words), None, filters=filters)
        assert [match.paper_id for match in found.matches] == expected


async def test_a_removed_paper_leaves_every_list(database, people):
    ada, _ = people
    await save(database, ada, ONE)
    async with database.writing() as session:
        await removal.remove(session, ONE, now=NOON)
    assert await shelf(database, ada) == []
    async with database.reading() as session:
        assert not (await session.scalars(select(reading_list.Saved))).all()
