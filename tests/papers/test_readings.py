"""Readings of titles and abstracts are stored with a paper, and made again when they are not current."""

from __future__ import annotations

from sqlalchemy import select, text, update

from paperround.database import Database
from paperround.embeddings import backfill
from paperround.papers import readings
from paperround.papers.editions import find_paper
from paperround.papers.paper_values import hash_text
from paperround.papers.rows import PaperRow
from paperround.papers.tables import ABSTRACT_TEXT, TEXT_HASH, TITLE_TEXT, Paper

from support.factories import feed_record, store_listing

TITLE = r"Schr\"odinger Bridges and Erd\H{o}s--R\'enyi Priors in $O(n^2)$"
READ_TITLE = "Schrödinger Bridges and Erdős–Rényi Priors in O(n²)"
DAY = "2026-03-09"


async def store(database: Database, paper_id: str, title: str, abstract: str = "It costs $5.") -> None:
    record = feed_record(paper_id, title=title, paper__title=title, paper__summary=abstract, summary=abstract)
    await store_listing(database, DAY, record)


async def load(database: Database, paper_id: str) -> PaperRow:
    async with database.read_session() as session:
        paper = await find_paper(session, paper_id)
    assert paper is not None
    return paper


async def find(database: Database, words: str) -> list[str]:
    query = text("SELECT id FROM papers WHERE search @@ plainto_tsquery('english', :words) ORDER BY id")
    async with database.read_session() as session:
        return list(await session.scalars(query, {"words": words}))


async def forget(database: Database) -> None:
    """Bring all rows into the state in which the release before leaves them."""
    async with database.write_session() as session:
        await session.execute(
            update(Paper).values(
                read_title=None, read_abstract=None, formulas=None, read_hash=None, read_text_hash=None,
                reader_version=0,
            )
        )  # fmt: skip


async def test_a_paper_is_read_when_it_is_stored_and_when_it_changes(database: Database) -> None:
    await store(database, "2603.00001", TITLE)
    paper = await load(database, "2603.00001")
    assert paper.title == TITLE
    assert readings.read_title(paper).text == READ_TITLE
    assert [formula.latex for formula in readings.read_title(paper).formulas] == ["O(n^2)"]
    assert "<math" in readings.read_title(paper).formulas[0].mathml
    assert readings.read_abstract(paper).text == paper.abstract
    assert paper.read_abstract is None
    assert await find(database, "erdos renyi") == ["2603.00001"]

    await store(database, "2603.00001", r"The \v{C}ech Complex", r"Of $\beta$ and G\"odel.")
    paper = await load(database, "2603.00001")
    assert (paper.title_text, paper.abstract_text) == ("The Čech Complex", "Of β and Gödel.")
    assert await find(database, "cech godel") == ["2603.00001"]
    assert await find(database, "erdos") == []
    async with database.read_session() as session:
        assert await readings.count_unread(session) == 0


async def test_rows_of_the_release_before_show_right_and_are_read_by_the_job(database: Database) -> None:
    await store(database, "2603.00001", TITLE)
    await store(database, "2603.00002", "Plain Sheep")
    await forget(database)
    async with database.write_session() as session:  # as the release before indexed it
        await session.execute(
            text("UPDATE papers SET search = to_tsvector('english', title) WHERE id = '2603.00001'")
        )
    assert readings.read_title(await load(database, "2603.00001")).text == READ_TITLE
    assert await find(database, "schrodinger") == []
    async with database.read_session() as session:
        assert await readings.count_unread(session) == 2

    told: list[int] = []
    assert await readings.reread_papers(database, on_progress=told.append) == 2
    assert told == [2]
    assert await find(database, "schrodinger") == ["2603.00001"]
    assert await readings.reread_papers(database) == 0


async def test_a_title_that_the_release_before_changed_is_not_shown_as_it_was(database: Database) -> None:
    await store(database, "2603.00001", TITLE)
    async with database.write_session() as session:
        await session.execute(update(Paper).values(title=r"The \v{C}ech Complex"))
    paper = await load(database, "2603.00001")
    assert readings.read_title(paper).text == "The Čech Complex"
    async with database.read_session() as session:
        texts = (await session.execute(select(TITLE_TEXT, ABSTRACT_TEXT, TEXT_HASH, Paper.text_hash))).one()
    assert texts[0] == r"The \v{C}ech Complex"
    assert texts[2] == texts[3]

    assert await readings.reread_papers(database) == 1
    assert (await load(database, "2603.00001")).title_text == "The Čech Complex"


async def test_only_papers_whose_text_comes_out_otherwise_need_another_vector(database: Database) -> None:
    await store(database, "2603.00001", TITLE)
    await store(database, "2603.00002", "Plain Sheep")
    async with database.read_session() as session:
        hashes = {
            row.id: (row.now, row.text_hash)
            for row in await session.execute(select(Paper.id, TEXT_HASH.label("now"), Paper.text_hash))
        }
    assert hashes["2603.00002"][0] == hashes["2603.00002"][1]
    assert hashes["2603.00001"][0] == hash_text(READ_TITLE, "It costs $5.")
    assert backfill.embedding_text(READ_TITLE, "It") == f"{READ_TITLE}. It"


async def test_another_version_of_the_reader_reads_again(database: Database) -> None:
    await store(database, "2603.00001", TITLE)
    async with database.write_session() as session:
        await session.execute(update(Paper).values(reader_version=0, read_title="As It Was Read Before"))
    assert readings.read_title(await load(database, "2603.00001")).text == "As It Was Read Before"
    assert await readings.reread_papers(database) == 1
    assert readings.read_title(await load(database, "2603.00001")).text == READ_TITLE
