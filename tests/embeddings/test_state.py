"""What is told of vectors is what a look at all papers and vectors would find, however they were written."""

from __future__ import annotations

import random
from datetime import timedelta

from sqlalchemy import func, insert, select, text

from paperround.accounts.tables import Reader
from paperround.database import Database, ReadSession, WriteSession, utc_now
from paperround.digests import ledger
from paperround.digests.tables import Subscription
from paperround.embeddings.index_progress import IndexCounter
from paperround.embeddings.state import (
    MIN_AGE_OF_CHANGES,
    EmbeddingState,
    forget_changed_texts,
    load_embedding_state,
)
from paperround.embeddings.tables import HAS_VECTOR, ChangedText, Embedding, EmbeddingModel, ModelState
from paperround.papers.readings import count_unread
from paperround.papers.row_counts import RowCount, fold_row_counts
from paperround.papers.tables import TEXT_HASH, Paper
from paperround.web.metrics import collect_gauges

from support.databases import run_sql

MODELS = """
    INSERT INTO embedding_models (name, dimensions, state, created_at)
    VALUES ('first', 3, 'current', now()), ('second', 3, 'filling', now())
"""
ADD_PAPERS = """
    INSERT INTO papers (id, title, abstract, published_at, listed_on, upvotes, heat, seen_at, read_hash,
      reader_version)
    SELECT '2603.' || lpad(n::text, 5, '0'), 'Title ' || n, 'Abstract', now(), current_date, 0, 0, now(),
      md5('Title ' || n || chr(10) || 'Abstract'), 99
    FROM generate_series(1, {papers}) AS n ON CONFLICT DO NOTHING
"""
EMBED = """
    INSERT INTO embeddings (model_id, paper_id, text_hash, vector, embedded_at, failures)
    SELECT model.id, paper.id,
      CASE WHEN read_hash = text_hash THEN coalesce(read_text_hash, text_hash) ELSE text_hash END,
      '[1,0,0]', now(), (random() < .3)::int
    FROM papers paper, embedding_models model WHERE paper.id LIKE '%{digit}'
    ON CONFLICT (model_id, paper_id) DO UPDATE
    SET text_hash = excluded.text_hash, failures = excluded.failures
"""
# Each changes something that is counted, or whose text is embedded.
STEPS = (
    EMBED,
    EMBED,
    "UPDATE papers SET title = title || '!' WHERE id LIKE '%{digit}'",
    "UPDATE papers SET read_hash = text_hash, read_text_hash = md5('read') WHERE id LIKE '%{digit}'",
    "UPDATE papers SET read_hash = NULL, read_text_hash = NULL WHERE id LIKE '%{digit}'",
    "UPDATE embeddings SET failures = 1 - failures WHERE paper_id LIKE '%{digit}'",
    "DELETE FROM embeddings WHERE paper_id LIKE '%{digit}'",
    "DELETE FROM papers WHERE id LIKE '%{digit}'",
    "UPDATE embedding_models SET state = CASE WHEN name = 'first' THEN 'retired' ELSE 'current' END",
    "DELETE FROM embedding_models WHERE state <> 'current'",
    ADD_PAPERS,
)


async def look_at_all(session: ReadSession) -> EmbeddingState:
    papers = (await session.execute(select(func.count()).select_from(Paper))).scalar_one()
    fresh = (
        select(func.count().filter(HAS_VECTOR), func.count())
        .join(Paper, (Paper.id == Embedding.paper_id) & (Embedding.text_hash == TEXT_HASH))
        .join(EmbeddingModel, EmbeddingModel.id == Embedding.model_id)
        .where(EmbeddingModel.state == ModelState.current)
    )
    done, tried = (await session.execute(fresh)).one()
    name = await session.scalar(select(EmbeddingModel.name).where(EmbeddingModel.state == ModelState.current))
    return EmbeddingState(name, done, papers - tried, tried - done)


async def run(session: WriteSession, statement: str, dice: random.Random | None = None) -> None:
    digit = str(dice.randrange(10)) if dice else ""
    await session.execute(text(statement.replace("{digit}", digit).replace("{papers}", "40")))


async def age_changes(database: Database) -> None:
    async with database.write_session() as session:
        changes = "UPDATE changed_texts SET changed_at = changed_at - make_interval(secs => :seconds)"
        await session.execute(text(changes), {"seconds": MIN_AGE_OF_CHANGES.total_seconds() + 1})


async def test_the_state_is_what_a_look_at_all_finds_whatever_was_written(database: Database) -> None:
    dice = random.Random(3)
    async with database.read_session() as session:
        assert await load_embedding_state(session) == EmbeddingState(None, 0, 0, 0)
    async with database.write_session() as session:
        for statement in (ADD_PAPERS, MODELS, EMBED):
            await run(session, statement)
    for _ in range(60):
        async with database.write_session() as session:
            savepoint = await session.begin_nested()
            await run(session, dice.choice(STEPS[:-3]), dice)
            await (savepoint.commit if dice.random() < 0.8 else savepoint.rollback)()
            await run(session, dice.choice(STEPS), dice)
            assert await load_embedding_state(session) == await look_at_all(session)
        if dice.random() < 0.3:
            await age_changes(database)
            await forget_changed_texts(database, now=utc_now())
            await fold_row_counts(database, at_most=3)
        async with database.read_session() as session:
            assert await load_embedding_state(session) == await look_at_all(session)
    async with database.write_session() as session:
        await run(session, "TRUNCATE papers CASCADE")
        assert await load_embedding_state(session) == await look_at_all(session)


async def test_a_vector_of_a_text_that_changed_meanwhile_counts_as_waiting(database: Database) -> None:
    async with database.write_session() as session:
        for statement in (ADD_PAPERS, MODELS):
            await run(session, statement)
    async with database.write_session() as embedding:
        hashes = dict((await embedding.execute(select(Paper.id, Paper.text_hash))).all())
        async with database.write_session() as other:
            await run(other, "UPDATE papers SET title = 'New' WHERE id LIKE '%1'")
        await forget_changed_texts(database, now=utc_now())
        model = await embedding.scalar(select(EmbeddingModel.id).where(EmbeddingModel.name == "first"))
        common = {"model_id": model, "vector": [1, 0, 0], "embedded_at": utc_now()}
        embedding.add_all(Embedding(paper_id=key, text_hash=hash_, **common) for key, hash_ in hashes.items())
    async with database.read_session() as session:
        assert await load_embedding_state(session) == EmbeddingState("first", 36, 4, 0)
        assert await look_at_all(session) == EmbeddingState("first", 36, 4, 0)
        assert await IndexCounter().count(session, now=utc_now()) == (40, 40)


async def test_counts_are_folded_and_changes_forgotten_once_they_tell_nothing(database: Database) -> None:
    async with database.write_session() as session:
        for statement in (ADD_PAPERS, MODELS, EMBED):
            await run(session, statement)
        for title in "abc":
            await run(session, f"UPDATE papers SET title = title || '{title}' WHERE id LIKE '%1'")

    async def count_rows() -> tuple[int, int]:
        async with database.read_session() as session:
            state = await load_embedding_state(session)
            assert state == await look_at_all(session)
            counts = [
                (await session.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (RowCount, ChangedText)
            ]
        return counts[0], counts[1]

    _, changes = await count_rows()
    assert changes == 12
    await forget_changed_texts(database, now=utc_now())
    assert (await count_rows())[1] == 12  # somebody may be embedding the texts before
    later = utc_now() + MIN_AGE_OF_CHANGES + timedelta(minutes=1)
    await forget_changed_texts(database, now=later)
    assert (await count_rows())[1] == 4  # whose vectors are of other texts, once each
    async with database.write_session() as session:
        await run(session, EMBED)
        await run(session, "DELETE FROM embeddings WHERE model_id <> (SELECT min(id) FROM embedding_models)")
    await forget_changed_texts(database, now=later)
    await fold_row_counts(database, at_most=0)
    rows, changes = await count_rows()
    assert rows <= 3
    assert changes == 0


async def subscribe(session: WriteSession, readers: int) -> None:
    now, numbers = utc_now(), range(1, readers + 1)
    times = dict.fromkeys(("created_at", "seen_at", "visited_at"), now)
    await session.execute(insert(Reader), [{"id": n, "email": f"r{n}@e.org", **times} for n in numbers])
    common = {"state": "pending", "asked_at": now, "changed_at": now}
    rows = [{"reader_id": n, "email": f"r{n}@e.org", **common} for n in numbers]
    await session.execute(insert(Subscription), rows)


async def test_subscriptions_are_counted_by_state(database: Database) -> None:
    async with database.write_session() as session:
        await subscribe(session, 9)
    for statement in (
        "UPDATE subscriptions SET state = state",
        "UPDATE subscriptions SET state = 'active' WHERE reader_id % 3 > 0",
        "UPDATE subscriptions SET state = 'bounced' WHERE state = 'active' AND reader_id % 3 = 1",
        "DELETE FROM readers WHERE id % 2 = 0",
    ):
        async with database.write_session() as session:
            await run(session, statement)
            query = select(Subscription.state, func.count()).group_by(Subscription.state)
            there = dict((await session.execute(query)).all())
            counts = await ledger.count_subscriptions(session)
        assert {state: count for state, count in counts.items() if count} == there


async def test_totals_are_told_without_reading_tables(database: Database) -> None:
    number = 2000  # of far fewer, reading all is as quick as an index
    async with database.write_session() as session:
        for statement in (ADD_PAPERS.replace("{papers}", str(number)), MODELS, EMBED):
            await run(session, statement)
        await run(
            session,
            "INSERT INTO listings (day, feed, paper_id, first_seen_at)"
            " SELECT current_date - right(id, 5)::int, 'huggingface', id, now() FROM papers",
        )
        await subscribe(session, number)
    run_sql(database.owner_url, "ANALYZE")
    read = text(
        "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname IN"
        " ('papers', 'embeddings', 'subscriptions', 'listings', 'readers')"
    )
    async with database.read_session() as session:
        before = (await session.execute(read)).scalar_one()
        await collect_gauges(session, ["huggingface"], now=utc_now())
        await count_unread(session)
        await IndexCounter().count(session, now=utc_now())
        after = (await session.execute(read)).scalar_one()
    assert after - before < number / 10
