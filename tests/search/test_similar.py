"""Papers like a paper."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import event

from paperround.database import Database
from paperround.embeddings import index
from paperround.search.similar import find_similar_papers

from support.factories import feed_record, store_listing
from support.vectors import add_papers_with_vectors, paper_id, random_directions


async def test_they_are_the_nearest_without_the_paper_itself(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MIN_INDEXED_VECTORS", 10)
    rows = random_directions(300, 12)
    await index.ensure(database, await add_papers_with_vectors(database, 300, dimensions=12, rows=rows))
    cosines = rows @ rows[6]
    wanted = [paper_id(n + 1) for n in np.argsort(-cosines)[1:9]]

    async with database.read_session() as session:
        matches = await find_similar_papers(session, paper_id(7), limit=8)

    assert [match.paper.id for match in matches] == wanted
    assert [m.similarity for m in matches] == pytest.approx(sorted(cosines)[-2:-10:-1], abs=2e-3)
    assert matches[0].paper.author_names[0] == "Ada Lindqvist"


async def test_equals_come_by_id_and_the_paper_itself_is_never_among_them(database: Database) -> None:
    await add_papers_with_vectors(database, 5, rows=np.tile(random_directions(1, 3), (5, 1)))
    async with database.read_session() as session:
        matches = await find_similar_papers(session, paper_id(3), limit=10)

    assert [match.paper.id for match in matches] == [paper_id(n) for n in (1, 2, 4, 5)]


async def test_there_are_none_for_a_paper_without_a_vector(database: Database) -> None:
    await add_papers_with_vectors(database, 2)
    await store_listing(database, "2026-03-02", feed_record("2603.09999"))
    async with database.read_session() as session:
        assert await find_similar_papers(session, "2603.09999", limit=8) == []
        assert await find_similar_papers(session, "2603.77777", limit=8) == []


async def test_however_many_are_shown_it_takes_the_same_few_queries(database: Database) -> None:
    await add_papers_with_vectors(database, 30)
    counts = []
    for limit in (2, 20):
        said: list[str] = []
        event.listen(
            database.engine.sync_engine, "before_cursor_execute", lambda *a, said=said: said.append(a[2])
        )
        async with database.read_session() as session:
            await find_similar_papers(session, paper_id(1), limit=limit)
        counts.append(len([s for s in said if "<=>" in s]))
    assert counts == [1, 1]
