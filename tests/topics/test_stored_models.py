"""Stored models of topics are used as long as all of them is of the topic as it is, and made again else."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.topics.edition_matches import match_edition
from paperround.topics.paper_topics import rank_topics
from paperround.topics.tables import Topic

from support.factories import store_listing, utc
from support.topic_corpus import MODEL, paper_id, subject_record, subject_vector

DAY = date(2026, 3, 2)
NOW = utc("2026-03-02 14:00")
STORED = """
    SELECT topic_id, f.measured_id, f.changed_at, substr(f.packed, 1, 4), length(f.packed), d.measured_id,
        d.changed_at, length(d.packed), {version}
    FROM topic_fits f JOIN topic_directions d USING (topic_id) ORDER BY topic_id
"""
STALE = {
    "by the release before, which knows no fits": "DELETE FROM topic_fits",
    "of other constants": "UPDATE topic_fits SET packed = overlay(packed PLACING 'abcd' FROM 1)",
    "a fit of the topic before": "UPDATE topic_fits SET changed_at = changed_at - interval '1 day'",
    "a fit of another version": "UPDATE topic_fits SET measured_id = measured_id + 1",
    "a direction of the topic before": "UPDATE topic_directions SET changed_at = changed_at - interval '1 s'",
    "a direction of another version": "UPDATE topic_directions SET measured_id = measured_id + 1",
    "no direction": "DELETE FROM topic_directions",
}


async def load_stored(database: Database, *, version: str = "1") -> list[Any]:
    async with database.read_session() as session:
        return [*await session.execute(text(STORED.format(version=version)))]


async def change(database: Database, statement: str) -> None:
    async with database.write_session() as session:
        await session.execute(text(statement))


class InventedEncoder:
    name = MODEL

    async def encode(self, texts: Any) -> Any:
        return np.stack([subject_vector(words) for words in texts])


@pytest.fixture
async def matched(catalogue: Database) -> int:
    """The reader of two topics that were matched, one of which knows nothing."""
    async with catalogue.write_session() as session:
        reader = Reader(email="ada@example.org", created_at=NOW, seen_at=NOW, visited_at=NOW)
        session.add(reader)
        await session.flush()
        for words in ("honey bees", "", "pendulum clocks"):
            topic = Topic(reader_id=reader.id, name=words, words=words, created_at=NOW, changed_at=NOW)
            session.add(topic)
            await session.flush()
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 3
    return int(reader.id)


async def test_stored_models_are_used_for_the_next_papers(catalogue: Database, matched: int) -> None:
    before = await load_stored(catalogue, version="f.xmin")
    await store_listing(catalogue, str(DAY), subject_record(100, "bees"))
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 3
    assert await load_stored(catalogue, version="f.xmin") == before


async def test_models_that_are_stale_in_any_part_are_made_again(catalogue: Database, matched: int) -> None:
    before = await load_stored(catalogue)
    async with catalogue.read_session() as session:
        ranked = await rank_topics(session, matched, paper_id(4))
    for number, (why, statement) in enumerate(STALE.items()):
        await change(catalogue, statement)
        await store_listing(catalogue, str(DAY), subject_record(100 + number, "bees"))
        assert await match_edition(catalogue, DAY, InventedEncoder()) == len(before), why
        assert await load_stored(catalogue) == before, why
    async with catalogue.read_session() as session:
        assert await rank_topics(session, matched, paper_id(4)) == ranked
