"""Papers like a paper."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import event

from paperround.embeddings import index
from paperround.search.similar import similar

from support.factories import item, listed
from support.vectors import directions, paper_id, with_vectors


async def test_they_are_the_nearest_without_the_paper_itself(database, monkeypatch):
    monkeypatch.setattr(index, "WORTH_IT", 10)
    rows = directions(300, 12)
    await index.ensure(database, await with_vectors(database, 300, dimensions=12, rows=rows))
    cosines = rows @ rows[6]
    wanted = [paper_id(n + 1) for n in np.argsort(-cosines)[1:9]]

    async with database.reading() as session:
        matches = await similar(session, paper_id(7), limit=8)

    assert [match.paper.id for match in matches] == wanted
    assert [m.similarity for m in matches] == pytest.approx(sorted(cosines)[-2:-10:-1], abs=2e-3)
    assert matches[0].paper.author_names[0] == "Ada Lindqvist"


async def test_equals_come_by_id_and_the_paper_itself_is_never_among_them(database):
    await with_vectors(database, 5, rows=np.tile(directions(1, 3), (5, 1)))
    async with database.reading() as session:
        matches = await similar(session, paper_id(3), limit=10)

    assert [match.paper.id for match in matches] == [paper_id(n) for n in (1, 2, 4, 5)]


async def test_there_are_none_for_a_paper_without_a_vector(database):
    await with_vectors(database, 2)
    await listed(database, "2026-03-02", item("2603.09999"))
    async with database.reading() as session:
        assert await similar(session, "2603.09999", limit=8) == []
        assert await similar(session, "2603.77777", limit=8) == []


async def test_however_many_are_shown_it_takes_the_same_few_queries(database):
    await with_vectors(database, 30)
    counts = []
    for limit in (2, 20):
        said: list[str] = []
        event.listen(
            database.engine.sync_engine, "before_cursor_execute", lambda *a, said=said: said.append(a[2])
        )
        async with database.reading() as session:
            await similar(session, paper_id(1), limit=limit)
        counts.append(len([s for s in said if "<=>" in s]))
    assert counts == [1, 1]
