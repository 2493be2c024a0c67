"""Giving papers their vectors, against an encoder that is a function of the test."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings import backfill
from paperround.embeddings.backfill import BACKFILL_BATCH_SIZE
from paperround.embeddings.client import EncoderError, EncoderUnavailable
from paperround.embeddings.state import EmbeddingState
from paperround.embeddings.tables import Embedding, ModelState
from paperround.papers.tables import Paper
from paperround.search.similar import find_similar_papers

from support.encoders import (
    NOW,
    FakeEncoder,
    fill_and_activate,
    list_embeddings,
    load_model_states,
    load_state,
    store_papers,
)
from support.factories import feed_record, store_listing, utc

# --- One filler ------------------------------------------------------------------------------------------


async def test_every_paper_gets_one_vector_of_its_title_and_abstract(database: Database) -> None:
    await store_papers(database, 70)
    server = FakeEncoder()
    told: list[Any] = []

    assert await fill_and_activate(database, server, on_progress=told.append) == 70

    kept = await list_embeddings(database)
    assert len(kept) == 70
    assert all(row.vector is not None and row.error is None for row in kept)
    assert sorted(server.sent) == sorted(f"T{n:05}. {'x' * n}" for n in range(1, 71))
    assert told == [32, 64, 70]
    assert await load_state(database) == EmbeddingState("all-MiniLM-L6-v2", done=70, waiting=0, refused=0)


async def test_a_vector_is_its_own_papers(database: Database) -> None:
    await store_papers(database, 40)
    server = FakeEncoder()
    await fill_and_activate(database, server)

    async with database.read_session() as session:
        for paper in await session.scalars(select(Paper)):
            row = await session.get_one(Embedding, (1, paper.id))
            wanted = server.direction(f"{paper.title}. {paper.abstract}")
            length = sum(x * x for x in wanted) ** 0.5
            assert row.vector == pytest.approx([x / length for x in wanted], abs=2e-3)
            assert row.text_hash == paper.text_hash


async def test_texts_of_like_length_are_sent_together(database: Database) -> None:
    """A batch costs as much as its longest text does."""
    await store_papers(database, 100)
    server = FakeEncoder()
    await fill_and_activate(database, server)

    lengths = [sorted(map(len, texts)) for texts in server.requests]
    assert [len(batch) for batch in lengths] == [
        BACKFILL_BATCH_SIZE,
        BACKFILL_BATCH_SIZE,
        BACKFILL_BATCH_SIZE,
        4,
    ]
    flat = [length for batch in lengths for length in batch]
    assert flat == sorted(flat)


async def test_newest_papers_come_first(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "CHUNK_SIZE", 32)
    await store_papers(database, 32, day="2026-03-01", first=1)
    await store_papers(database, 32, day="2026-03-02", first=101)
    server = FakeEncoder()
    await fill_and_activate(database, server)

    assert all(text.startswith("T001") for text in server.requests[0])
    assert all(text.startswith("T000") for text in server.requests[1])


async def test_nothing_is_sent_when_nothing_is_lacking(database: Database) -> None:
    await store_papers(database, 3)
    await fill_and_activate(database, FakeEncoder())
    again = FakeEncoder()

    assert await fill_and_activate(database, again) == 0
    assert again.requests == []


async def test_what_was_done_before_a_failure_stays(database: Database) -> None:
    await store_papers(database, 4 * BACKFILL_BATCH_SIZE)

    with pytest.raises(EncoderUnavailable):
        await fill_and_activate(database, FakeEncoder(fails=lambda number: number >= 3))

    assert len(await list_embeddings(database)) == 2 * BACKFILL_BATCH_SIZE
    assert (await load_state(database)).waiting == 2 * BACKFILL_BATCH_SIZE
    rest = FakeEncoder()
    assert await fill_and_activate(database, rest) == 2 * BACKFILL_BATCH_SIZE
    assert [len(texts) for texts in rest.requests] == [1, BACKFILL_BATCH_SIZE, BACKFILL_BATCH_SIZE], (
        "the one is known: a comparison"
    )


async def test_a_changed_text_is_embedded_again_and_another_change_is_not(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001"),
        feed_record("2603.00002"),
        feed_record("2603.00003"),
    )
    await fill_and_activate(database, FakeEncoder())
    before = {row.paper_id: row.vector for row in await list_embeddings(database)}
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001", title="Another title"),
        feed_record("2603.00002", paper__summary="Another abstract."),
        feed_record("2603.00003", paper__upvotes=99, paper__ai_summary="Not what is embedded."),
        seen_at=utc("2026-03-02 14:00"),
    )
    assert (await load_state(database)).waiting == 2
    server = FakeEncoder()

    assert await fill_and_activate(database, server) == 2

    assert sorted(text.split(".")[0] for text in server.sent)[0] == "Another title"
    after = {row.paper_id: row.vector for row in await list_embeddings(database)}
    assert [after[key] == before[key] for key in sorted(after)] == [False, False, True]


# --- Refused ---------------------------------------------------------------------------------------------


def poisoned(text: str) -> bool:
    return "poison" in text


async def with_a_poisoned_paper(database: Database) -> None:
    await store_papers(database, 40)
    await store_listing(
        database, "2026-03-02", feed_record("2603.09999", title="poison", paper__summary="xx")
    )


async def test_a_refused_paper_is_noted_and_does_not_hold_up_the_others(database: Database) -> None:
    await with_a_poisoned_paper(database)

    assert await fill_and_activate(database, FakeEncoder(refuses=poisoned)) == 41

    *others, refused = await list_embeddings(database)
    assert len([row for row in others if row.vector is not None]) == 40
    assert (refused.paper_id, refused.vector, refused.failures) == ("2603.09999", None, 1)
    assert refused.error == "the encoder answers 400: I won't take thistext"
    assert refused.next_try_at == NOW + timedelta(minutes=10)
    assert await load_state(database) == EmbeddingState("all-MiniLM-L6-v2", done=40, waiting=0, refused=1)


async def test_a_refused_paper_is_tried_again_later_and_later(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(title="poison"))
    now, waits = NOW, []
    for _ in range(10):
        server = FakeEncoder(refuses=poisoned)
        await fill_and_activate(database, server, now=now)
        await fill_and_activate(database, server, now=now + timedelta(minutes=5))
        assert len(server) == 1, "not before its time"
        [row] = await list_embeddings(database)
        waits.append(row.next_try_at - now)
        now = row.next_try_at

    assert waits[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert max(waits) == waits[-1] == timedelta(days=1)


async def test_a_refused_paper_is_taken_once_the_encoder_does_or_its_text_changed(database: Database) -> None:
    records = [feed_record(f"2603.0000{n}", title=f"poison {n}") for n in (1, 2)]
    await store_listing(database, "2026-03-02", *records)
    await fill_and_activate(database, FakeEncoder(refuses=poisoned))
    healed = feed_record("2603.00001", title="healed")
    await store_listing(database, "2026-03-02", healed, seen_at=utc("2026-03-02 14:00"))

    assert (
        await fill_and_activate(database, FakeEncoder(refuses=poisoned), now=NOW + timedelta(minutes=1)) == 1
    )
    assert await fill_and_activate(database, FakeEncoder(), now=NOW + timedelta(hours=1)) == 1

    for row in await list_embeddings(database):
        assert row.vector is not None
        assert (row.failures, row.error, row.next_try_at) == (0, None, None)


# --- Two batches under way -------------------------------------------------------------------------------


async def test_the_encoder_has_the_next_batch_while_the_last_one_is_stored(database: Database) -> None:
    """Each request is answered only once the next one has come, all but the last."""
    await store_papers(database, 4 * BACKFILL_BATCH_SIZE)
    server = FakeEncoder()
    has_come = [asyncio.Event() for _ in range(4)]

    async def wait_for_next() -> None:
        number = len(server)
        has_come[number - 1].set()
        if number < len(has_come):
            await asyncio.wait_for(has_come[number].wait(), 60)

    server.before = wait_for_next
    assert await fill_and_activate(database, server) == 4 * BACKFILL_BATCH_SIZE
    lengths = [length for texts in server.requests for length in sorted(map(len, texts))]
    assert lengths == sorted(lengths)


async def test_no_more_than_two_batches_are_under_way(database: Database) -> None:
    await store_papers(database, 6 * BACKFILL_BATCH_SIZE)
    server, under_way, most = FakeEncoder(), 0, 0

    async def look() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1

    server.before = look
    await fill_and_activate(database, server)
    assert most == 2


async def test_a_backfill_that_is_stopped_leaves_no_batch_held(database: Database) -> None:
    await store_papers(database, 3 * BACKFILL_BATCH_SIZE)
    asked = asyncio.Barrier(3)

    async def hang() -> None:
        await asked.wait()
        await asyncio.Event().wait()

    filler = asyncio.create_task(fill_and_activate(database, FakeEncoder(before=hang)))
    await asyncio.wait_for(asked.wait(), 60)
    filler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filler
    assert await fill_and_activate(database, FakeEncoder()) == 3 * BACKFILL_BATCH_SIZE


# --- Many fillers ----------------------------------------------------------------------------------------


async def test_two_fillers_share_the_work_and_double_none(database: Database) -> None:
    """Each waits in its first request until the other one is in its own."""
    await store_papers(database, 5 * BACKFILL_BATCH_SIZE)
    both, have_met = asyncio.Barrier(2), asyncio.Event()
    waited: Counter[int] = Counter()

    def meeting(number: int) -> Callable[[], Awaitable[None]]:
        async def meet() -> None:
            waited[number] += 1
            if waited[number] == 1:
                await asyncio.wait_for(both.wait(), 60)
                have_met.set()
            # A second batch that was stored before would have the other check the model on a paper of it.
            await asyncio.wait_for(have_met.wait(), 60)

        return meet

    servers = [FakeEncoder(before=meeting(0)), FakeEncoder(before=meeting(1))]
    done = await asyncio.gather(*(fill_and_activate(database, server) for server in servers))

    assert sum(done) == 5 * BACKFILL_BATCH_SIZE
    assert all(done)
    assert max(Counter(servers[0].sent + servers[1].sent).values()) == 1
    assert len(await list_embeddings(database)) == 5 * BACKFILL_BATCH_SIZE


async def test_who_finds_everything_taken_leaves_it_to_the_other(database: Database) -> None:
    await store_papers(database, 3)
    late = FakeEncoder()

    async def second() -> None:
        assert await fill_and_activate(database, late) == 0

    assert await fill_and_activate(database, FakeEncoder(before=second)) == 3
    assert late.requests == []


async def test_a_text_that_changes_while_it_is_embedded_is_embedded_again(database: Database) -> None:
    """The feed waits for the batch; what it then changes is lacking again."""
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    reworded: list[asyncio.Task[Any]] = []

    async def change() -> None:
        changed = feed_record("2603.00001", title="Changed")
        task = store_listing(database, "2026-03-02", changed, seen_at=utc("2026-03-02 14:00"))
        reworded.append(asyncio.create_task(task))
        await asyncio.sleep(0.2)

    first, last = FakeEncoder(before=change), FakeEncoder()
    await fill_and_activate(database, first)
    await asyncio.gather(*reworded)
    await fill_and_activate(database, last)

    assert (await load_state(database)).waiting == 0
    assert [text.split(".")[0] for text in first.sent + last.sent][-1] == "Changed"


# --- Models ----------------------------------------------------------------------------------------------


async def test_another_model_under_the_same_name_is_an_error(database: Database) -> None:
    await store_papers(database, 2)
    await fill_and_activate(database, FakeEncoder(dimensions=3))

    with pytest.raises(EncoderError, match="3 numbers before and 4 now"):
        await fill_and_activate(database, FakeEncoder(dimensions=4))

    assert [len(row.vector) for row in await list_embeddings(database)] == [3, 3]


async def test_another_model_under_the_same_name_and_with_as_many_numbers_is_an_error(
    database: Database,
) -> None:
    """As from a server that answers with its one model whatever the name."""
    await store_papers(database, 2)
    await fill_and_activate(database, FakeEncoder())
    before = [row.vector for row in await list_embeddings(database)]
    await store_papers(database, 2, day="2026-03-03", first=101)
    other = FakeEncoder()
    other.direction = lambda text: [-1.0, 1.0, 0.0]  # type: ignore[method-assign]

    with pytest.raises(EncoderError, match="another vector than before"):
        await fill_and_activate(database, other)

    assert [row.vector for row in await list_embeddings(database)] == before
    assert await fill_and_activate(database, FakeEncoder()) == 2


async def test_an_encoder_that_now_refuses_the_text_it_is_compared_by_goes_on(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001", title="poison"))
    await fill_and_activate(database, FakeEncoder())
    await store_listing(database, "2026-03-03", feed_record("2603.00002"))

    assert await fill_and_activate(database, FakeEncoder(refuses=poisoned)) == 1
    assert (await load_state(database)).done == 2


async def test_the_first_model_is_current_from_its_first_batch_on(database: Database) -> None:
    await store_papers(database, 2 * BACKFILL_BATCH_SIZE)
    with pytest.raises(EncoderUnavailable):
        await fill_and_activate(database, FakeEncoder(fails=lambda number: number == 2))

    assert await load_model_states(database) == {"all-MiniLM-L6-v2": ModelState.current}
    assert await neighbours(database, "all-MiniLM-L6-v2") == BACKFILL_BATCH_SIZE - 1


async def neighbours(database: Database, model: str) -> int:
    """How many papers are like one that `model` has a vector of."""
    one = next(row for row in await list_embeddings(database, model) if row.vector is not None)
    async with database.read_session() as session:
        return len(await find_similar_papers(session, one.paper_id, limit=100))


async def test_a_second_model_fills_beside_the_first_and_takes_over_when_complete(database: Database) -> None:
    await store_papers(database, 2 * BACKFILL_BATCH_SIZE)
    await fill_and_activate(database, FakeEncoder(), model="old")
    seen: list[tuple[dict[str, ModelState], int, str | None]] = []

    async def look() -> None:
        seen.append(
            (
                await load_model_states(database),
                await neighbours(database, "old"),
                (await load_state(database)).model,
            )
        )

    await fill_and_activate(database, FakeEncoder(dimensions=5, before=look), model="new")

    unchanged = ({"old": ModelState.current, "new": ModelState.filling}, 2 * BACKFILL_BATCH_SIZE - 1, "old")
    assert seen == [unchanged, unchanged]
    assert await load_model_states(database) == {"old": ModelState.retired, "new": ModelState.current}
    assert await neighbours(database, "new") == 2 * BACKFILL_BATCH_SIZE - 1
    assert len(await list_embeddings(database, "old")) == 2 * BACKFILL_BATCH_SIZE


async def test_a_model_that_did_not_get_through_does_not_take_over(database: Database) -> None:
    await store_papers(database, 2 * BACKFILL_BATCH_SIZE)
    await fill_and_activate(database, FakeEncoder(), model="old")
    with pytest.raises(EncoderUnavailable):
        await fill_and_activate(
            database, FakeEncoder(dimensions=5, fails=lambda number: number == 2), model="new"
        )

    assert await load_model_states(database) == {"old": ModelState.current, "new": ModelState.filling}
    assert await neighbours(database, "old") == 2 * BACKFILL_BATCH_SIZE - 1


async def test_similar_papers_are_never_of_two_models(database: Database) -> None:
    """Under the old model all papers are alike; under the new one, which is half-way, all are different."""
    await store_papers(database, 2 * BACKFILL_BATCH_SIZE)
    old = FakeEncoder()
    old.direction = lambda text: [1.0, 0.0]  # type: ignore[method-assign]
    await fill_and_activate(database, old, model="old")

    async def cosines() -> Sequence[float]:
        one = (await list_embeddings(database, "new"))[0] if await list_embeddings(database, "new") else None
        async with database.read_session() as session:
            found = await find_similar_papers(session, one.paper_id if one else "2603.00001", limit=100)
        return [round(match.similarity, 3) for match in found]

    during: list[Sequence[float]] = []

    async def look() -> None:
        during.append(await cosines())

    new = FakeEncoder(dimensions=2, before=look)
    new.direction = lambda text: [0.0, -1.0]  # type: ignore[method-assign]
    await fill_and_activate(database, new, model="new")
    await store_listing(database, "2026-03-03", feed_record("2603.08888"))

    assert during == [[1.0] * (2 * BACKFILL_BATCH_SIZE - 1)] * 2
    assert await cosines() == [1.0] * (2 * BACKFILL_BATCH_SIZE - 1)
    async with database.read_session() as session:
        assert await find_similar_papers(session, "2603.08888", limit=10) == []


async def test_a_refused_paper_does_not_keep_a_new_model_from_taking_over(database: Database) -> None:
    await with_a_poisoned_paper(database)
    await fill_and_activate(database, FakeEncoder(), model="old")
    await fill_and_activate(database, FakeEncoder(refuses=poisoned), model="new")

    assert (await load_model_states(database))["new"] is ModelState.current
    assert (await load_state(database)).refused == 1


async def test_a_slow_encoder_keeps_no_list_from_being_taken_in(database: Database) -> None:
    await store_papers(database, 3)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()

    filler = asyncio.create_task(fill_and_activate(database, FakeEncoder(before=slowly)))
    await asyncio.wait_for(asked.wait(), 60)
    reworded = feed_record("2603.00001", title="Meanwhile")
    await asyncio.wait_for(
        store_listing(database, "2026-03-02", reworded, seen_at=utc("2026-03-02 13:00")), 60
    )
    answer.set()
    assert await filler == 3 + 1  # the new text has its vector too
    assert (await load_state(database)).done == 3


async def test_a_batch_on_which_the_encoder_always_fails_does_not_hold_up_the_others(
    database: Database,
) -> None:
    await store_papers(database, 3 * BACKFILL_BATCH_SIZE)
    server = FakeEncoder(fails=lambda number: number == 2)

    assert await fill_and_activate(database, server) == 3 * BACKFILL_BATCH_SIZE


async def test_an_encoder_that_fails_twice_in_a_row_is_left_alone(database: Database) -> None:
    await store_papers(database, 5 * BACKFILL_BATCH_SIZE)
    server = FakeEncoder(fails=lambda number: number > 1)

    with pytest.raises(EncoderUnavailable):
        await fill_and_activate(database, server)
    assert len(server) == 3
