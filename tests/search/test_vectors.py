"""The nearest papers to a vector: as complete as comparing all, with filters too, through an index or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from paperround.database import Database, ReadSession
from paperround.embeddings import index, models
from paperround.embeddings.client import ModelInfo
from paperround.papers.tables import Listing, Paper
from paperround.search import vectors as module
from paperround.search.vectors import find_nearest

from support.databases import new_database
from support.vectors import NOW, add_papers_with_vectors, paper_id, random_directions

COUNT, DIMENSIONS = 600, 16
ROWS = random_directions(COUNT, DIMENSIONS)
ASKED = random_directions(20, DIMENSIONS, seed=2)


@pytest.fixture(scope="module")
def filled(server: str) -> Iterator[str]:
    """The name of a database with 600 papers, paper n with n % 50 upvotes, and an index."""
    with new_database(server) as url, pytest.MonkeyPatch.context() as patched:
        patched.setattr(index, "MIN_INDEXED_VECTORS", 10)

        async def fill() -> None:
            async with Database(url) as database:
                model = await add_papers_with_vectors(database, COUNT, dimensions=DIMENSIONS, rows=ROWS)
                assert await index.ensure(database, model)
                async with database.write_session() as session:
                    await session.execute(text("ANALYZE"))

        asyncio.run(fill())
        yield str(make_url(url).database)


@pytest.fixture
async def indexed(server: str, filled: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A copy of `filled`, where few papers already count as many."""
    monkeypatch.setattr(index, "MIN_INDEXED_VECTORS", 10)
    monkeypatch.setattr(module, "MAX_EXACT_CANDIDATES", 10)
    with new_database(server, filled) as url:
        async with Database(url) as database:
            yield database


def exact(vector: np.ndarray, limit: int, keep: Any = lambda n: True) -> list[str]:
    cosines = ROWS @ vector
    order = [n for n in np.argsort(-cosines) + 1 if keep(n)]
    return [paper_id(n) for n in order[:limit]]


async def found(session: ReadSession, vector: np.ndarray, **more: Any) -> list[str]:
    return [key for key, _ in await find_nearest(session, vector, **more)]


def shared(one: Sequence[str], other: Sequence[str]) -> float:
    return len({*one} & {*other}) / len(other)


async def plan(session: ReadSession) -> str:
    """How the index's query is carried out."""
    await session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"))
    [[model_id]] = await session.execute(text("SELECT id FROM embedding_models"))
    rows = await session.execute(
        text(
            f"EXPLAIN SELECT paper_id FROM embeddings WHERE model_id = {model_id} AND vector IS NOT NULL"
            f" ORDER BY vector::halfvec({DIMENSIONS}) <=> '{[1] * DIMENSIONS}' LIMIT 5"
        )
    )
    return "\n".join(line for (line,) in rows)


async def test_the_nearest_are_those_of_comparing_all(indexed: Database) -> None:
    async with indexed.read_session() as session:
        assert "embeddings_model_1_idx" in await plan(session)
        recalls = [shared(await found(session, v, limit=50), exact(v, 50)) for v in ASKED]

    assert np.mean(recalls) >= 0.95


async def test_they_come_nearest_first_with_their_cosines(indexed: Database) -> None:
    async with indexed.read_session() as session:
        rows = await find_nearest(session, ROWS[41], limit=30)

    assert rows[0][0] == paper_id(42)
    assert rows[0][1] == pytest.approx(1, abs=1e-3)
    cosines = [cosine for _, cosine in rows]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines == pytest.approx([float(ROWS[int(key[5:]) - 1] @ ROWS[41]) for key, _ in rows], abs=2e-3)


@pytest.mark.parametrize("few", [0, 10, 10_000], ids=["by index", "mixed", "one by one"])
@pytest.mark.parametrize("least", [49, 40, 10], ids=["2 %", "20 %", "80 %"])
async def test_a_filter_leaves_no_result_out(
    indexed: Database, monkeypatch: pytest.MonkeyPatch, few: int, least: int
) -> None:
    monkeypatch.setattr(module, "MAX_EXACT_CANDIDATES", few)
    recalls = []
    async with indexed.read_session() as session:
        for vector in ASKED:
            wanted = exact(vector, 50, lambda n: n % 50 >= least)
            rows = await found(session, vector, limit=50, where=[Paper.upvotes >= least])
            assert len(rows) == len(wanted)
            assert all(int(key[5:]) % 50 >= least for key in rows)
            recalls.append(shared(rows, wanted))

    assert np.mean(recalls) >= 0.95


async def test_a_filter_on_papers_that_lie_far_away_is_filled_all_the_same(
    indexed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index gives up after a bounded walk; those that it didn't come to are compared one by one."""
    monkeypatch.setattr(module, "MAX_SCAN_TUPLES", 20)
    monkeypatch.setattr(module, "EXTRA_EF_SEARCH", 0)
    far = [paper_id(n) for n in np.argsort(ROWS @ ASKED[0])[:15] + 1]
    async with indexed.read_session() as session:
        rows = await found(session, ASKED[0], limit=12, where=[Paper.id.in_(far)])

    assert rows == far[:2:-1]


async def test_conditions_may_ask_the_lists(indexed: Database) -> None:
    listed = Paper.id.in_(select(Listing.paper_id).where(Listing.feed == "huggingface"))
    unlisted = Paper.id.in_(select(Listing.paper_id).where(Listing.feed == "arxiv"))
    async with indexed.read_session() as session:
        assert len(await found(session, ASKED[0], limit=7, where=[listed])) == 7
        assert await found(session, ASKED[0], limit=7, where=[unlisted]) == []


async def test_without_an_index_the_answer_is_exact(database: Database) -> None:
    await add_papers_with_vectors(database, COUNT, dimensions=DIMENSIONS, rows=ROWS)
    async with database.read_session() as session:
        for vector in ASKED:
            assert shared(await found(session, vector, limit=50), exact(vector, 50)) >= 0.98  # half precision


async def test_only_the_current_models_vectors_are_asked(indexed: Database) -> None:
    other = await add_papers_with_vectors(
        indexed, COUNT, model="other", dimensions=DIMENSIONS, rows=np.roll(ROWS, 1, axis=0)
    )
    async with indexed.read_session() as session:
        assert (await found(session, ROWS[0], limit=1)) == [paper_id(1)]
        assert (await found(session, ROWS[0], limit=1, model_id=other)) == [paper_id(2)]
    await models.activate(indexed, other)
    async with indexed.read_session() as session:
        assert (await found(session, ROWS[0], limit=1)) == [paper_id(2)]


async def test_a_vector_of_another_length_finds_nothing(database: Database) -> None:
    async with database.read_session() as session:
        assert await find_nearest(session, ASKED[0], limit=3) == []
    await models.register(database, ModelInfo("m", DIMENSIONS), now=NOW)
    async with database.read_session() as session:
        assert await find_nearest(session, ASKED[0], limit=3) == []
        assert await find_nearest(session, ASKED[0][:3], limit=3) == []
