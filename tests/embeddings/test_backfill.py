"""Giving papers their vectors, against an encoder that is a function of the test."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings import backfill
from paperround.embeddings.backfill import BATCH, EmbeddingState, fill
from paperround.embeddings.client import Encoder, EncoderError, EncoderUnavailable
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper
from paperround.search.similar import similar
from paperround.settings import Settings

from support.factories import at, item, listed

NOW = at("2026-03-02 13:00")
PROBE = "How long is a vector?"


@dataclass
class FakeEncoder:
    """Answers with a direction made of the text; `refuses` and `fails` say for which requests it doesn't."""

    dimensions: int = 3
    refuses: Callable[[str], bool] = lambda text: False
    fails: Callable[[int], bool] = lambda number: False  # the number of the request, the first of papers is 1
    before: Callable[[], Awaitable[None]] | None = None
    requests: list[list[str]] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        if texts != [PROBE]:
            self.requests.append(texts)
            if self.before:
                await self.before()
            if self.fails(len(self.requests)):
                return httpx.Response(503, headers={"Retry-After": "600"}, text="busy")
            if any(self.refuses(text) for text in texts):
                return httpx.Response(400, json={"error": {"message": "I won't take this\0text"}})
        data = [{"index": i, "embedding": self.direction(text)} for i, text in enumerate(texts)]
        return httpx.Response(200, json={"data": data})

    def direction(self, text: str) -> list[float]:
        return [
            1.0,
            *(float(1 + sum(text.encode()[n :: self.dimensions]) % 97) for n in range(self.dimensions - 1)),
        ]

    @property
    def sent(self) -> list[str]:
        return [text for texts in self.requests for text in texts]

    def __len__(self) -> int:
        return len(self.requests)


async def filled(
    database: Database, server: FakeEncoder, *, model: str = "", now: datetime = NOW, **more: Any
) -> int:
    """Fill, and switch to the model when it is complete."""
    async with encoder(server, model) as asked:
        done = await fill(database, asked, clock=lambda: now, **more)
        await backfill.switch_if_complete(database, asked.name, clock=lambda: now)
        return done


def encoder(server: FakeEncoder, model: str = "") -> Encoder:
    settings = Settings(_env_file=None, embedding_model=model)
    return Encoder(settings, transport=httpx.MockTransport(server))


async def with_papers(database: Database, count: int, *, day: str = "2026-03-02", first: int = 1) -> None:
    """Papers whose abstracts are longer the higher their number is, in no order of length."""
    numbers = sorted(range(first, first + count), key=lambda n: n * 7919 % 1009)
    records = [
        item(f"2603.{i:05}", title=f"T{n:05}", paper__summary="x" * n) for i, n in enumerate(numbers, first)
    ]
    await listed(database, day, *records)


async def embeddings(database: Database, model: str = "all-MiniLM-L6-v2") -> list[Embedding]:
    query = select(Embedding).join(EmbeddingModel).where(EmbeddingModel.name == model)
    async with database.reading() as session:
        return list(await session.scalars(query.order_by(Embedding.paper_id)))


async def states(database: Database) -> dict[str, ModelState]:
    async with database.reading() as session:
        return {model.name: model.state for model in await session.scalars(select(EmbeddingModel))}


async def state(database: Database) -> EmbeddingState:
    async with database.reading() as session:
        return await backfill.state(session)


# --- One filler ------------------------------------------------------------------------------------------


async def test_every_paper_gets_one_vector_of_its_title_and_abstract(database):
    await with_papers(database, 70)
    server, told = FakeEncoder(), []

    assert await filled(database, server, told=told.append) == 70

    kept = await embeddings(database)
    assert len(kept) == 70
    assert all(row.vector is not None and row.error is None for row in kept)
    assert sorted(server.sent) == sorted(f"T{n:05}. {'x' * n}" for n in range(1, 71))
    assert told == [32, 64, 70]
    assert await state(database) == EmbeddingState("all-MiniLM-L6-v2", done=70, waiting=0, refused=0)


async def test_a_vector_is_its_own_papers(database):
    await with_papers(database, 40)
    server = FakeEncoder()
    await filled(database, server)

    async with database.reading() as session:
        for paper in await session.scalars(select(Paper)):
            row = await session.get_one(Embedding, (1, paper.id))
            wanted = server.direction(f"{paper.title}. {paper.abstract}")
            length = sum(x * x for x in wanted) ** 0.5
            assert row.vector == pytest.approx([x / length for x in wanted], abs=2e-3)
            assert row.text_hash == paper.text_hash


async def test_texts_of_like_length_are_sent_together(database):
    """A batch costs as much as its longest text does."""
    await with_papers(database, 100)
    server = FakeEncoder()
    await filled(database, server)

    lengths = [sorted(map(len, texts)) for texts in server.requests]
    assert [len(batch) for batch in lengths] == [BATCH, BATCH, BATCH, 4]
    flat = [length for batch in lengths for length in batch]
    assert flat == sorted(flat)


async def test_newest_papers_come_first(database, monkeypatch):
    monkeypatch.setattr(backfill, "CHUNK", 32)
    await with_papers(database, 32, day="2026-03-01", first=1)
    await with_papers(database, 32, day="2026-03-02", first=101)
    server = FakeEncoder()
    await filled(database, server)

    assert all(text.startswith("T001") for text in server.requests[0])
    assert all(text.startswith("T000") for text in server.requests[1])


async def test_nothing_is_sent_when_nothing_is_lacking(database):
    await with_papers(database, 3)
    await filled(database, FakeEncoder())
    again = FakeEncoder()

    assert await filled(database, again) == 0
    assert again.requests == []


async def test_what_was_done_before_a_failure_stays(database):
    await with_papers(database, 4 * BATCH)

    with pytest.raises(EncoderUnavailable):
        await filled(database, FakeEncoder(fails=lambda number: number >= 3))

    assert len(await embeddings(database)) == 2 * BATCH
    assert (await state(database)).waiting == 2 * BATCH
    rest = FakeEncoder()
    assert await filled(database, rest) == 2 * BATCH
    assert [len(texts) for texts in rest.requests] == [1, BATCH, BATCH], "the one is known: a comparison"


async def test_a_changed_text_is_embedded_again_and_another_change_is_not(database):
    await listed(database, "2026-03-02", item("2603.00001"), item("2603.00002"), item("2603.00003"))
    await filled(database, FakeEncoder())
    before = {row.paper_id: row.vector for row in await embeddings(database)}
    await listed(
        database,
        "2026-03-02",
        item("2603.00001", title="Another title"),
        item("2603.00002", paper__summary="Another abstract."),
        item("2603.00003", paper__upvotes=99, paper__ai_summary="Not what is embedded."),
        seen_at=at("2026-03-02 14:00"),
    )
    assert (await state(database)).waiting == 2
    server = FakeEncoder()

    assert await filled(database, server) == 2

    assert sorted(text.split(".")[0] for text in server.sent)[0] == "Another title"
    after = {row.paper_id: row.vector for row in await embeddings(database)}
    assert [after[key] == before[key] for key in sorted(after)] == [False, False, True]


# --- Refused ---------------------------------------------------------------------------------------------


def poisoned(text: str) -> bool:
    return "poison" in text


async def with_a_poisoned_paper(database: Database) -> None:
    await with_papers(database, 40)
    await listed(database, "2026-03-02", item("2603.09999", title="poison", paper__summary="xx"))


async def test_a_refused_paper_is_noted_and_does_not_hold_up_the_others(database):
    await with_a_poisoned_paper(database)

    assert await filled(database, FakeEncoder(refuses=poisoned)) == 41

    *others, refused = await embeddings(database)
    assert len([row for row in others if row.vector is not None]) == 40
    assert (refused.paper_id, refused.vector, refused.failures) == ("2603.09999", None, 1)
    assert refused.error == "the encoder answers 400: I won't take thistext"
    assert refused.next_try_at == NOW + timedelta(minutes=10)
    assert await state(database) == EmbeddingState("all-MiniLM-L6-v2", done=40, waiting=0, refused=1)


async def test_a_refused_paper_is_tried_again_later_and_later(database):
    await listed(database, "2026-03-02", item(title="poison"))
    now, waits = NOW, []
    for _ in range(10):
        server = FakeEncoder(refuses=poisoned)
        await filled(database, server, now=now)
        await filled(database, server, now=now + timedelta(minutes=5))
        assert len(server) == 1, "not before its time"
        [row] = await embeddings(database)
        waits.append(row.next_try_at - now)
        now = row.next_try_at

    assert waits[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert max(waits) == waits[-1] == timedelta(days=1)


async def test_a_refused_paper_is_taken_once_the_encoder_does_or_its_text_changed(database):
    records = [item(f"2603.0000{n}", title=f"poison {n}") for n in (1, 2)]
    await listed(database, "2026-03-02", *records)
    await filled(database, FakeEncoder(refuses=poisoned))
    healed = item("2603.00001", title="healed")
    await listed(database, "2026-03-02", healed, seen_at=at("2026-03-02 14:00"))

    assert await filled(database, FakeEncoder(refuses=poisoned), now=NOW + timedelta(minutes=1)) == 1
    assert await filled(database, FakeEncoder(), now=NOW + timedelta(hours=1)) == 1

    for row in await embeddings(database):
        assert row.vector is not None
        assert (row.failures, row.error, row.next_try_at) == (0, None, None)


# --- Many fillers ----------------------------------------------------------------------------------------


async def test_two_fillers_share_the_work_and_double_none(database):
    """Each waits in its first request until the other one is in its own."""
    await with_papers(database, 5 * BATCH)
    both = asyncio.Barrier(2)
    waited: Counter[int] = Counter()

    def meeting(number: int) -> Callable[[], Awaitable[None]]:
        async def meet() -> None:
            waited[number] += 1
            if waited[number] == 1:
                await asyncio.wait_for(both.wait(), 60)

        return meet

    servers = [FakeEncoder(before=meeting(0)), FakeEncoder(before=meeting(1))]
    done = await asyncio.gather(*(filled(database, server) for server in servers))

    assert sum(done) == 5 * BATCH
    assert all(done)
    assert max(Counter(servers[0].sent + servers[1].sent).values()) == 1
    assert len(await embeddings(database)) == 5 * BATCH


async def test_who_finds_everything_taken_leaves_it_to_the_other(database):
    await with_papers(database, 3)
    late = FakeEncoder()

    async def second() -> None:
        assert await filled(database, late) == 0

    assert await filled(database, FakeEncoder(before=second)) == 3
    assert late.requests == []


async def test_a_text_that_changes_while_it_is_embedded_is_embedded_again(database):
    """The feed waits for the batch; what it then changes is lacking again."""
    await listed(database, "2026-03-02", item("2603.00001"))
    reworded: list[asyncio.Task[Any]] = []

    async def change() -> None:
        changed = item("2603.00001", title="Changed")
        task = listed(database, "2026-03-02", changed, seen_at=at("2026-03-02 14:00"))
        reworded.append(asyncio.create_task(task))
        await asyncio.sleep(0.2)

    first, last = FakeEncoder(before=change), FakeEncoder()
    await filled(database, first)
    await asyncio.gather(*reworded)
    await filled(database, last)

    assert (await state(database)).waiting == 0
    assert [text.split(".")[0] for text in first.sent + last.sent][-1] == "Changed"


# --- Models ----------------------------------------------------------------------------------------------


async def test_another_model_under_the_same_name_is_an_error(database):
    await with_papers(database, 2)
    await filled(database, FakeEncoder(dimensions=3))

    with pytest.raises(EncoderError, match="3 numbers before and 4 now"):
        await filled(database, FakeEncoder(dimensions=4))

    assert [len(row.vector) for row in await embeddings(database)] == [3, 3]


async def test_another_model_under_the_same_name_and_with_as_many_numbers_is_an_error(database):
    """As from a server that answers with its one model whatever the name."""
    await with_papers(database, 2)
    await filled(database, FakeEncoder())
    before = [row.vector for row in await embeddings(database)]
    await with_papers(database, 2, day="2026-03-03", first=101)
    other = FakeEncoder()
    other.direction = lambda text: [-1.0, 1.0, 0.0]  # type: ignore[method-assign]

    with pytest.raises(EncoderError, match="another vector than before"):
        await filled(database, other)

    assert [row.vector for row in await embeddings(database)] == before
    assert await filled(database, FakeEncoder()) == 2


async def test_an_encoder_that_now_refuses_the_text_it_is_compared_by_goes_on(database):
    await listed(database, "2026-03-02", item("2603.00001", title="poison"))
    await filled(database, FakeEncoder())
    await listed(database, "2026-03-03", item("2603.00002"))

    assert await filled(database, FakeEncoder(refuses=poisoned)) == 1
    assert (await state(database)).done == 2


async def test_the_first_model_is_current_from_its_first_batch_on(database):
    await with_papers(database, 2 * BATCH)
    with pytest.raises(EncoderUnavailable):
        await filled(database, FakeEncoder(fails=lambda number: number == 2))

    assert await states(database) == {"all-MiniLM-L6-v2": ModelState.current}
    assert await neighbours(database, "all-MiniLM-L6-v2") == BATCH - 1


async def neighbours(database: Database, model: str) -> int:
    """How many papers are like one that `model` has a vector of."""
    one = next(row for row in await embeddings(database, model) if row.vector is not None)
    async with database.reading() as session:
        return len(await similar(session, one.paper_id, limit=100))


async def test_a_second_model_fills_beside_the_first_and_takes_over_when_complete(database):
    await with_papers(database, 2 * BATCH)
    await filled(database, FakeEncoder(), model="old")
    seen: list[tuple[dict[str, ModelState], int, str | None]] = []

    async def look() -> None:
        seen.append(
            (await states(database), await neighbours(database, "old"), (await state(database)).model)
        )

    await filled(database, FakeEncoder(dimensions=5, before=look), model="new")

    unchanged = ({"old": ModelState.current, "new": ModelState.filling}, 2 * BATCH - 1, "old")
    assert seen == [unchanged, unchanged]
    assert await states(database) == {"old": ModelState.retired, "new": ModelState.current}
    assert await neighbours(database, "new") == 2 * BATCH - 1
    assert len(await embeddings(database, "old")) == 2 * BATCH


async def test_a_model_that_did_not_get_through_does_not_take_over(database):
    await with_papers(database, 2 * BATCH)
    await filled(database, FakeEncoder(), model="old")
    with pytest.raises(EncoderUnavailable):
        await filled(database, FakeEncoder(dimensions=5, fails=lambda number: number == 2), model="new")

    assert await states(database) == {"old": ModelState.current, "new": ModelState.filling}
    assert await neighbours(database, "old") == 2 * BATCH - 1


async def test_similar_papers_are_never_of_two_models(database):
    """Under the old model all papers are alike; under the new one, which is half-way, all are different."""
    await with_papers(database, 2 * BATCH)
    old = FakeEncoder()
    old.direction = lambda text: [1.0, 0.0]  # type: ignore[method-assign]
    await filled(database, old, model="old")

    async def cosines() -> Sequence[float]:
        one = (await embeddings(database, "new"))[0] if await embeddings(database, "new") else None
        async with database.reading() as session:
            found = await similar(session, one.paper_id if one else "2603.00001", limit=100)
        return [round(match.similarity, 3) for match in found]

    during: list[Sequence[float]] = []

    async def look() -> None:
        during.append(await cosines())

    new = FakeEncoder(dimensions=2, before=look)
    new.direction = lambda text: [0.0, -1.0]  # type: ignore[method-assign]
    await filled(database, new, model="new")
    await listed(database, "2026-03-03", item("2603.08888"))

    assert during == [[1.0] * (2 * BATCH - 1)] * 2
    assert await cosines() == [1.0] * (2 * BATCH - 1)
    async with database.reading() as session:
        assert await similar(session, "2603.08888", limit=10) == []


async def test_a_refused_paper_does_not_keep_a_new_model_from_taking_over(database):
    await with_a_poisoned_paper(database)
    await filled(database, FakeEncoder(), model="old")
    await filled(database, FakeEncoder(refuses=poisoned), model="new")

    assert (await states(database))["new"] is ModelState.current
    assert (await state(database)).refused == 1


async def test_a_slow_encoder_keeps_no_list_from_being_taken_in(database):
    await with_papers(database, 3)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()

    filler = asyncio.create_task(filled(database, FakeEncoder(before=slowly)))
    await asyncio.wait_for(asked.wait(), 60)
    reworded = item("2603.00001", title="Meanwhile")
    await asyncio.wait_for(listed(database, "2026-03-02", reworded, seen_at=at("2026-03-02 13:00")), 60)
    answer.set()
    assert await filler == 3 + 1  # the new text has its vector too
    assert (await state(database)).done == 3


async def test_a_batch_on_which_the_encoder_always_fails_does_not_hold_up_the_others(database):
    await with_papers(database, 3 * BATCH)
    server = FakeEncoder(fails=lambda number: number == 2)

    assert await filled(database, server) == 3 * BATCH


async def test_an_encoder_that_fails_twice_in_a_row_is_left_alone(database):
    await with_papers(database, 5 * BATCH)
    server = FakeEncoder(fails=lambda number: number > 1)

    with pytest.raises(EncoderUnavailable):
        await filled(database, server)
    assert len(server) == 3
