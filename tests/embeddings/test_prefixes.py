"""What a model wants to read before a question and before a paper."""

from __future__ import annotations

import asyncio
from datetime import date

import httpx
import pytest
from sqlalchemy import text

from paperround import schema
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.embeddings import models
from paperround.embeddings.backfill import backfill_and_activate
from paperround.embeddings.client import EncoderClient
from paperround.embeddings.prefixes import NO_PREFIXES, TextPrefixes, find_prefixes
from paperround.settings import Settings
from paperround.topics import corpus
from paperround.topics.edition_matches import match_edition
from paperround.topics.tables import Topic

from support.encoders import PROBE, running_inference_server
from support.factories import utc
from support.sites import web_app
from support.topic_corpus import add_three_subjects

NOW = utc("2026-03-02 14:00")
PASSAGES = "Represent this sentence for searching relevant passages: "


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("all-MiniLM-L6-v2", ""),
        ("sentence-transformers/all-mpnet-base-v2", ""),
        ("thenlper/gte-small", ""),
        ("BAAI/bge-m3", ""),
        ("BAAI/bge-small-en-v1.5", PASSAGES),
        ("/srv/models/bge_base_en_v1.5/", PASSAGES),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", PASSAGES),
        ("Snowflake/snowflake-arctic-embed-m-v2.0", "query: "),
        ("MongoDB/mdbr-leaf-ir", PASSAGES),
        ("intfloat/e5-small-v2", "query: "),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: "),
        ("google/embeddinggemma-300m", "task: search result | query: "),
    ],
)
def test_a_models_prefix_is_known_by_its_name(model: str, query: str) -> None:
    assert find_prefixes(model).query == query


def test_only_some_models_want_one_before_papers() -> None:
    assert find_prefixes("BAAI/bge-small-en-v1.5").paper == ""
    assert find_prefixes("intfloat/multilingual-e5-base").paper == "passage: "
    assert find_prefixes("a/model-of-our-own") == NO_PREFIXES


async def add_topic(database: Database, words: str) -> None:
    async with database.write_session() as session:
        reader = Reader(email="ada@example.org", created_at=NOW, seen_at=NOW, visited_at=NOW)
        session.add(reader)
        await session.flush()
        topic = Topic(reader_id=reader.id, name=words, words=words, created_at=NOW, changed_at=NOW, daily=5)
        session.add(topic)


async def test_questions_and_topics_get_the_prefix_and_papers_do_not(
    database: Database, database_url: str
) -> None:
    await add_three_subjects(database, count=12)
    received: list[str] = []
    with running_inference_server(received) as url:
        settings = Settings(_env_file=None, encoder_url=url, embedding_model="BAAI/bge-small-en-v1.5")
        async with EncoderClient(settings) as encoder:
            await backfill_and_activate(database, encoder)
            papers = [sent for sent in received if sent != PROBE]
            assert len(papers) == 12
            assert all(sent.startswith("On ") for sent in papers)

            received.clear()
            await corpus.measure_if_grown(database, now=NOW)
            await add_topic(database, "honey  bees")
            await match_edition(database, date(2026, 3, 2), encoder)
            assert received == [f"{PASSAGES}honey bees"]

        received.clear()
        with web_app(settings, database_url) as app:
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
            ):
                await client.get("/papers", params={"q": "river deltas"})
                await client.post("/api/v1/match", json={"text": "leap seconds"})
                await client.get("/api/v1/papers/2603.00001/similar")
        assert received == [f"{PASSAGES}river deltas", f"{PASSAGES}leap seconds"]


async def test_an_operator_says_what_a_model_of_their_own_wants(database: Database) -> None:
    received: list[str] = []
    with running_inference_server(received) as url:
        settings = Settings(_env_file=None, encoder_url=url, embedding_model="e5-small-v2")
        async with EncoderClient(settings) as encoder:
            await add_three_subjects(database, count=2)
            await backfill_and_activate(database, encoder)
    assert sorted(sent[:12] for sent in received if sent != PROBE) == ["passage: On ", "passage: On "]
    await models.set_query_prefix(database, "e5-small-v2", "find: ")
    async with database.read_session() as session:
        assert await models.load_prefixes(session, "e5-small-v2") == TextPrefixes("find: ", "passage: ")


async def test_models_that_were_there_before_get_theirs(database: Database, database_url: str) -> None:
    await database.close()
    await asyncio.to_thread(schema.downgrade, database_url, "d4b82f6a1c93")
    names = ("BAAI/bge-base-en-v1.5", "all-MiniLM-L6-v2", "Snowflake/snowflake-arctic-embed-m-v2.0")
    async with database.write_session() as session:
        for name in names:
            await session.execute(
                text(
                    "INSERT INTO embedding_models (name, dimensions, state, created_at)"
                    " VALUES (:name, 3, 'filling', now())"
                ),
                {"name": name},
            )
    await database.close()
    await asyncio.to_thread(schema.upgrade, database_url)
    async with database.read_session() as session:
        prefixes = [(await models.load_prefixes(session, name)).query for name in names]
    assert prefixes == [PASSAGES, "", ""]
