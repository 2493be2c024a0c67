"""Versions of the statistics: made when the catalogue has grown, by one worker, and never mixed."""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select, text

from paperround.database import Database
from paperround.topics import corpus
from paperround.topics.tables import MeasuredCatalogue

from support.factories import store_listing, utc
from support.topic_corpus import add_measured_subjects, add_three_subjects, add_vectors, subject_record

NOW = utc("2026-03-02 14:00")


async def versions(database: Database) -> list[int]:
    async with database.read_session() as session:
        return list(await session.scalars(select(MeasuredCatalogue.id).order_by(MeasuredCatalogue.id)))


async def test_measurers_at_once_make_one_version(database: Database) -> None:
    await add_three_subjects(database)
    made = await asyncio.gather(*(corpus.measure_if_grown(database, now=NOW) for _ in range(3)))
    assert sum(made) == len(await versions(database)) == 1
    assert not await corpus.measure_if_grown(database, now=NOW)


async def test_an_empty_catalogue_is_not_measured(database: Database) -> None:
    assert not await corpus.measure_if_grown(database, now=NOW)


async def test_a_few_more_papers_are_no_reason_and_many_are(database: Database) -> None:
    await add_measured_subjects(database, now=NOW)
    await store_listing(database, "2026-03-03", *(subject_record(n, "bees") for n in range(100, 106)))
    assert not await corpus.measure_if_grown(database, now=NOW)
    await store_listing(database, "2026-03-03", *(subject_record(n, "bees") for n in range(100, 110)))
    assert await corpus.measure_if_grown(database, now=NOW)


async def test_vectors_are_measured_once_half_of_the_papers_have_one(database: Database) -> None:
    await add_measured_subjects(database, now=NOW)
    model_id = await add_vectors(database)
    assert await corpus.measure_if_grown(database, now=NOW)
    async with database.read_session() as session:
        assert (await corpus.load_current_version(session)).statistics.model_id == model_id


async def test_who_reads_while_a_version_comes_keeps_one_that_is_whole(database: Database) -> None:
    await add_measured_subjects(database, now=NOW)
    seen = []

    async def read() -> None:
        for _ in range(20):
            async with database.read_session() as session:
                seen.append(await corpus.load_current_version(session))
            await asyncio.sleep(0)

    async def grow() -> None:
        for round_ in range(3):
            first = 100 + 100 * round_
            await store_listing(
                database, "2026-03-03", *(subject_record(n, "bees") for n in range(first, first + 40))
            )
            await corpus.measure_if_grown(database, now=NOW)

    await asyncio.gather(read(), grow())
    for _, _, statistics, _ in seen:
        width = len(statistics.vocabulary.phrases)
        assert len(statistics.vocabulary.document_frequencies) == len(statistics.mean_words) == width
        assert statistics.sample_words.columns.max() < width
        assert len(statistics.sample_words) == statistics.vocabulary.papers
    assert len(await versions(database)) == corpus.RETAINED_VERSIONS


async def test_a_dropped_model_takes_its_versions_along(database: Database) -> None:
    await add_three_subjects(database)
    await add_vectors(database)
    await corpus.measure_if_grown(database, now=NOW)
    async with database.write_session() as session:
        await session.execute(text("DELETE FROM embedding_models"))
        assert not await session.scalar(select(func.count()).select_from(MeasuredCatalogue))
    async with database.read_session() as session:
        version = await corpus.load_current_version(session)
    assert (version.id, version.statistics.model_id) == (0, None)


async def test_a_version_of_an_older_format_is_measured_again(database: Database) -> None:
    await add_measured_subjects(database, now=NOW)
    async with database.write_session() as session:
        await session.execute(text("UPDATE measured_catalogues SET format = 1"))
    assert await corpus.measure_if_grown(database, now=NOW)
    assert not await corpus.measure_if_grown(database, now=NOW)


async def test_topics_words_are_spelled_out_as_the_catalogue_defines_them(database: Database) -> None:
    defined = "Waggle dance decoding (WDD) tells where pollen is."
    records = [subject_record(n, "bees", summary=defined, paper__summary=defined) for n in range(1, 9)]
    await store_listing(database, "2026-03-02", *records)
    for expected in (["WDD of bees"], ["WDD of bees (waggle dance decoding)"]):
        async with database.read_session() as session:
            assert await corpus.spell_out(session, ["WDD of bees"]) == expected
        await corpus.measure_if_grown(database, now=NOW)
