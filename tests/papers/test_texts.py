"""Texts that a process keeps for the next list."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest
from sqlalchemy import delete, update

from paperround.database import Database, ReadSession
from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.rows import PaperRow
from paperround.papers.tables import Paper
from paperround.reads import answer

from support.factories import feed_record, store_listing
from support.statements import sent_statements

DAY: Final = date(2026, 11, 23)
TITLE: Final = "Waiting for $\\alpha$"


@pytest.fixture
async def stored(database: Database) -> Database:
    ids = [f"2611.{n:05}" for n in (1, 2, 3)]
    titles = [f"{TITLE} {n}" for n in (1, 2, 3)]
    records = [
        feed_record(key, title=title, paper__title=title) for key, title in zip(ids, titles, strict=True)
    ]
    await store_listing(database, str(DAY), *records)
    return database


async def list_all(session: ReadSession) -> dict[str, PaperRow]:
    page = await editions.list_papers(session, EditionQuery(DAY, DAY), sort=Sort.upvotes, limit=10)
    return {paper.id: paper for paper in page.papers}


async def test_lists_have_all_that_the_paper_itself_has(stored: Database) -> None:
    async with stored.read_session() as session:
        for _ in range(2):  # from the database, then with kept texts
            listed, loaded = await list_all(session), await editions.load_papers(session, ["2611.00002"])
            listings = await editions.list_listed_papers(
                session, EditionQuery(DAY, DAY), sort=None, limit=10, offset=0
            )
            whole = {key: await editions.find_paper(session, key) for key in listed}
            assert listed == whole == {paper.id: paper for _, paper in listings}
            assert loaded == {"2611.00002": whole["2611.00002"]}
            assert listed["2611.00002"].formulas["title"]


async def test_texts_that_are_known_are_not_asked_for(stored: Database) -> None:
    async with stored.read_session() as session:
        await list_all(session)
        with sent_statements() as sent:
            await list_all(session)
    assert len(sent) == 1
    assert "papers.abstract" not in sent[0][0].partition("FROM")[0]


async def test_a_text_that_changed_is_read_again_and_the_others_are_not(stored: Database) -> None:
    async with stored.read_session() as session:
        before = await list_all(session)
    async with stored.write_session() as session:
        await session.execute(update(Paper).where(Paper.id == "2611.00001").values(abstract="Another one."))
    async with stored.read_session() as session:
        after = await list_all(session)
    assert after["2611.00001"].abstract == "Another one."
    assert not after["2611.00001"].is_read
    del before["2611.00001"], after["2611.00001"]
    assert before == after


async def test_a_paper_that_is_gone_before_its_texts_are_read_is_left_out(stored: Database) -> None:
    async with stored.write_session() as session:  # no process knows these texts
        await session.execute(update(Paper).values(abstract=Paper.abstract + " Never seen before."))
    async with stored.read_session() as session:
        page = await answer(
            session,
            lambda trip: editions.ask_papers(trip, EditionQuery(DAY, DAY), sort=Sort.upvotes, limit=10),
        )
        async with stored.write_session() as other:
            await other.execute(delete(Paper).where(Paper.id == "2611.00003"))
        complete = await page.complete(session)
    assert [paper.id for paper in complete.papers] == ["2611.00001", "2611.00002"]
