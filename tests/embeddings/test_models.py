"""Two models beside each other: filling, switching, dropping, and what readers see meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import select

from paperround.database import Database, ReadSession, WriteSession
from paperround.embeddings import backfill, index, models
from paperround.embeddings.backfill import BACKFILL_BATCH_SIZE
from paperround.embeddings.client import ModelInfo
from paperround.embeddings.models import ModelNotDroppable
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper
from paperround.search.similar import find_similar_papers
from paperround.search.vectors import find_nearest

from support.encoders import (
    NOW,
    FakeEncoder,
    connect_fake_encoder,
    fill_and_activate,
    load_model_states,
    store_papers,
)
from support.vectors import add_papers_with_vectors, random_directions


async def backfill_and_activate(database: Database, server: FakeEncoder, model: str) -> int:
    async with connect_fake_encoder(server, model) as client:
        return await backfill.backfill_and_activate(database, client, clock=lambda: NOW)


@pytest.fixture(autouse=True)
def _indexes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MIN_INDEXED_VECTORS", 10)


async def test_a_filled_model_waits_until_it_is_switched_to(database: Database) -> None:
    await store_papers(database, 40)
    await fill_and_activate(database, FakeEncoder(), model="old")
    async with connect_fake_encoder(FakeEncoder(dimensions=5), "new") as client:
        await backfill.backfill_vectors(database, client, clock=lambda: NOW)
        assert await load_model_states(database) == {"old": ModelState.current, "new": ModelState.filling}
        assert await backfill.activate_if_complete(database, "new", clock=lambda: NOW)

    assert await load_model_states(database) == {"old": ModelState.retired, "new": ModelState.current}


async def test_an_incomplete_model_is_not_switched_to(database: Database) -> None:
    await store_papers(database, 40)
    await fill_and_activate(database, FakeEncoder(), model="old")
    await models.register(database, ModelInfo("new", 5), now=NOW)

    assert not await backfill.activate_if_complete(database, "new", clock=lambda: NOW)
    assert (await load_model_states(database))["old"] is ModelState.current


async def test_a_model_is_not_switched_to_before_its_index_stands(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_papers(database, 40)
    await fill_and_activate(database, FakeEncoder(), model="old")

    async def busy(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(index, "ensure", busy)
    assert await backfill_and_activate(database, FakeEncoder(dimensions=5), "new") == 40
    assert (await load_model_states(database))["new"] is ModelState.filling
    monkeypatch.undo()
    assert await backfill_and_activate(database, FakeEncoder(dimensions=5), "new") == 0
    assert (await load_model_states(database))["new"] is ModelState.current


async def test_a_worker_whose_model_was_replaced_does_not_bring_it_back(database: Database) -> None:
    await store_papers(database, 4)
    await backfill_and_activate(database, FakeEncoder(), "old")
    await backfill_and_activate(database, FakeEncoder(dimensions=5), "new")
    await store_papers(database, 3, day="2026-03-03", first=101)
    late = FakeEncoder()

    assert await backfill_and_activate(database, late, "old") == 0
    assert late.requests == []
    assert (await load_model_states(database))["new"] is ModelState.current


async def test_an_operator_can_go_back(database: Database) -> None:
    await store_papers(database, 4)
    for model, dimensions in (("old", 3), ("new", 5), ("old", 3)):
        await fill_and_activate(database, FakeEncoder(dimensions=dimensions), model=model)

    assert await load_model_states(database) == {"old": ModelState.current, "new": ModelState.retired}


async def test_a_dropped_model_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "DROP_BATCH_SIZE", 7)
    for model, dimensions in (("old", 3), ("new", 5)):
        await add_papers_with_vectors(database, 21, model=model, dimensions=dimensions)
    async with database.read_session() as session:
        ids = {m.name: m.id for m in await session.scalars(select(EmbeddingModel))}
    for model_id in ids.values():
        await index.ensure(database, model_id)

    assert await models.drop(database, "new") == 21

    assert await load_model_states(database) == {"old": ModelState.current}
    async with database.read_session() as session:
        assert set(await session.scalars(select(Embedding.model_id))) == {ids["old"]}
        assert await find_nearest(session, random_directions(1, 3)[0], limit=30) != []


@pytest.mark.parametrize(("name", "why"), [("old", "current"), ("other", "no vectors")])
async def test_the_current_model_and_an_unknown_one_cannot_be_dropped(
    database: Database, name: str, why: str
) -> None:
    await add_papers_with_vectors(database, 2, model="old")

    with pytest.raises(ModelNotDroppable, match=why):
        await models.drop(database, name)
    assert await load_model_states(database) == {"old": ModelState.current}


async def test_readers_never_see_two_models_mixed(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the old model a paper's cosine to the first is 1, under the new one −1; seen is all or none."""
    monkeypatch.setattr(models, "DROP_BATCH_SIZE", 10)
    count = 2 * BACKFILL_BATCH_SIZE
    await store_papers(database, count)
    async with database.read_session() as session:
        watched = Watched(database_url, await first_paper(session), monkeypatch)
    await fill_and_activate(watched, one_side_each("old", 2), model="old")
    assert {len(cosines) for cosines in watched.seen} <= {0, count - 1}

    watched.seen.clear()
    await fill_and_activate(watched, one_side_each("new", 3), model="new")
    assert await models.drop(watched, "old") == count
    async with watched.write_session():
        pass
    await watched.close()

    assert all(len(cosines) == count - 1 for cosines in watched.seen)
    steps = 1 + count // BACKFILL_BATCH_SIZE + 1  # registered, filled, switched to
    sides = [set(cosines) for cosines in watched.seen]
    assert sides == [{1.0}] * steps + [{-1.0}] * (len(sides) - steps)
    assert len(sides) > steps + count // models.DROP_BATCH_SIZE


class Watched(Database):
    """A reader looks across every writing transaction: has the paper's own vector from before it, and the
    neighbours from after it."""

    def __init__(self, url: str, paper: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(url)
        self.paper = paper
        self.seen: list[list[float]] = []
        self.look_of: ContextVar[tuple[asyncio.Event, asyncio.Event]] = ContextVar("look")
        monkeypatch.setattr("paperround.search.similar.find_nearest", self.nearest)

    @asynccontextmanager
    async def write_session(self) -> AsyncIterator[WriteSession]:
        halfway, go_on = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as readers:
            readers.create_task(self.look(halfway, go_on))
            await halfway.wait()
            try:
                async with super().write_session() as session:
                    yield session
            finally:
                go_on.set()

    async def look(self, halfway: asyncio.Event, go_on: asyncio.Event) -> None:
        self.look_of.set((halfway, go_on))
        async with self.read_session() as session:
            found = await find_similar_papers(session, self.paper, limit=100)
        self.seen.append([round(match.similarity, 3) for match in found])
        halfway.set()  # where there is no vector yet, nobody asks for neighbours

    async def nearest(self, *asked: Any, **how: Any) -> Sequence[tuple[str, float]]:
        halfway, go_on = self.look_of.get()
        halfway.set()
        await go_on.wait()
        return await find_nearest(*asked, **how)


def one_side_each(model: str, dimensions: int) -> FakeEncoder:
    """Old: all alike. New: the first paper on one side and all others on the other."""

    def direction(text: str) -> list[float]:
        side = -1.0 if model == "new" and text.startswith("T00001.") else 1.0
        return [side, *[0.0] * (dimensions - 1)]

    server = FakeEncoder(dimensions=dimensions)
    server.direction = direction  # type: ignore[method-assign]
    return server


async def first_paper(session: ReadSession) -> str:
    return (await session.scalars(select(Paper.id).where(Paper.title == "T00001"))).one()
