"""The stored directions of topics, built again when a topic, its ratings or the statistics change."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import numpy as np
import structlog
from sqlalchemy import select, text

from paperround.database import WriteSession
from paperround.embeddings.client import EncoderError, Vectors
from paperround.embeddings.tables import EmbeddingModel
from paperround.topics.corpus import StatisticsVersion
from paperround.topics.matcher import MAX_LIKED, build_profile, list_disliked, list_liked
from paperround.topics.model.codec import HALF, decode_model, encode_model
from paperround.topics.model.match import TopicQuery
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews
from paperround.topics.model.topic_model import TopicModel, build_model
from paperround.topics.paper_features import build_text_views, load_views
from paperround.topics.queries import list_topics_with_texts, load_example_texts

logger = structlog.get_logger(__name__)

STORE_DIRECTIONS: Final = text("""
    INSERT INTO topic_directions (topic_id, measured_id, changed_at, packed, text_hash, text_vector)
    SELECT topic, CAST(:measured AS int), changed, packed, hash, vector
    FROM unnest(CAST(:topics AS int[]), CAST(:changed AS timestamptz[]), CAST(:packed AS bytea[]),
        CAST(:hashes AS text[]), CAST(:vectors AS bytea[])) AS given (topic, changed, packed, hash, vector)
    ON CONFLICT (topic_id) DO UPDATE SET measured_id = excluded.measured_id,
        changed_at = excluded.changed_at, packed = excluded.packed, text_hash = excluded.text_hash,
        text_vector = excluded.text_vector
""")


class TextEncoder(Protocol):
    """The interface of an encoder of topics' words: `embeddings.client.EncoderClient` or a stand-in."""

    name: str

    async def encode(self, texts: Sequence[str]) -> Vectors: ...


class DueTopic(NamedTuple):
    """A topic that is due, with its stored direction. The latter's columns are None when there is none."""

    id: int
    changed_at: datetime
    daily: int
    min_band: str
    words: str
    measured_id: int | None
    directed_at: datetime | None
    packed: bytes | None
    text_hash: str | None
    text_vector: bytes | None


class StoredModel(NamedTuple):
    """A topic's model.

    `is_complete` is False while the vector of the reader's words is missing although the version has a model.
    """

    model: TopicModel
    is_complete: bool


class StoredTextVector(NamedTuple):
    """The vector of a topic's words. `hash` tells which model and words it is of."""

    hash: str
    numbers: Floats


async def update_models(
    session: WriteSession,
    version: StatisticsVersion,
    topics: Sequence[DueTopic],
    queries: Mapping[int, TopicQuery],
    encoder: TextEncoder | None,
) -> Mapping[int, StoredModel]:
    """Give the topics' models under this version and its constants, by id.

    Older ones are built anew and stored.
    While the encoder does not answer, words count by the letter, until the next time.
    """
    model, prefix = await _load_model(session, version)
    digest = version.constants.digest
    fresh = {
        topic.id: stored
        for topic in topics
        if _is_fresh(topic, version, model) and (stored := decode_model(topic.packed or b"", digest))
    }
    old = [topic for topic in topics if topic.id not in fresh]
    spell_out = version.statistics.abbreviations.spell_out
    words = {topic.id: spell_out(queries[topic.id].words) for topic in old}
    vectors = await _load_or_encode(old, words, model, prefix, encoder)
    built = await _build_directions(session, version, old, queries, vectors)
    if built:
        await _store_directions(session, version, old, built, vectors)
    found = fresh | built
    return {
        topic.id: StoredModel(
            found[topic.id],
            topic.id not in built or topic.id in vectors or not _has_vector(queries[topic.id].words, model),
        )
        for topic in topics
    }


async def _load_model(session: WriteSession, version: StatisticsVersion) -> tuple[str | None, str]:
    """Load the name of the version's model and what goes before topics' words under it."""
    query = select(EmbeddingModel.name, EmbeddingModel.query_prefix)
    found = await session.execute(query.where(EmbeddingModel.id == version.statistics.model_id))
    row = found.one_or_none()
    return (row.name, row.query_prefix) if row else (None, "")


def _has_vector(words: str, model: str | None) -> bool:
    return model is not None and bool(words.strip())


def _hash_text(words: str, model: str | None) -> str:
    return hashlib.md5(f"{model}\n{words}".encode(), usedforsecurity=False).hexdigest()


def _is_fresh(topic: DueTopic, version: StatisticsVersion, model: str | None) -> bool:
    is_current = topic.directed_at == topic.changed_at and topic.measured_id == version.id
    return is_current and (topic.text_hash is not None or not _has_vector(topic.words, model))


async def _load_or_encode(
    topics: Sequence[DueTopic],
    spelled: Mapping[int, str],
    model: str | None,
    prefix: str,
    encoder: TextEncoder | None,
) -> dict[int, StoredTextVector]:
    """Load the vectors of topics' words where they are stored, and encode the others."""
    words = {topic_id: text for topic_id, text in spelled.items() if _has_vector(text, model)}
    hashes = {topic_id: _hash_text(prefix + text, model) for topic_id, text in words.items()}
    found = {
        topic.id: StoredTextVector(topic.text_hash, np.frombuffer(topic.text_vector, HALF).astype(np.float32))
        for topic in topics
        if topic.id in words and topic.text_hash == hashes[topic.id] and topic.text_vector
    }
    new = [key for key in words if key not in found]
    if not new or encoder is None or encoder.name != model:
        return found
    try:
        rows = await encoder.encode([prefix + " ".join(words[key].split()) for key in new])
    except EncoderError as error:
        logger.warning("topics are matched by their words alone for now", error=str(error))
        return found
    return found | {key: StoredTextVector(hashes[key], row) for key, row in zip(new, rows, strict=True)}


async def _build_directions(
    session: WriteSession,
    version: StatisticsVersion,
    topics: Sequence[DueTopic],
    queries: Mapping[int, TopicQuery],
    vectors: Mapping[int, StoredTextVector],
) -> dict[int, TopicModel]:
    ids = {
        key for topic in topics for key in (*list_liked(queries[topic.id]), *list_disliked(queries[topic.id]))
    }
    views = await load_views(session, version, ids)
    texts = await _load_text_views(session, version, [topic.id for topic in topics])

    def build(topic_id: int) -> TopicModel:
        query = queries[topic_id]
        vector = vectors[topic_id].numbers if topic_id in vectors else None
        own = texts.get(topic_id, {})
        liked, disliked = [*list_liked(query), *own][:MAX_LIKED], list_disliked(query)
        known = {**views, **own} if own else views
        profile = build_profile(version.statistics, query.words, vector, liked, disliked, known)
        return build_model(version.statistics, profile, version.constants)

    return await asyncio.to_thread(lambda: {topic.id: build(topic.id) for topic in topics})


async def _load_text_views(
    session: WriteSession, version: StatisticsVersion, topic_ids: Sequence[int]
) -> dict[int, dict[str, PaperViews]]:
    """Load the works outside of the catalogue that are examples, topic by topic: their texts are many."""
    return {
        topic_id: await build_text_views(version, await load_example_texts(session, topic_id))
        for topic_id in await list_topics_with_texts(session, topic_ids)
    }


async def _store_directions(
    session: WriteSession,
    version: StatisticsVersion,
    topics: Sequence[DueTopic],
    built: Mapping[int, TopicModel],
    vectors: Mapping[int, StoredTextVector],
) -> None:
    stored_vectors = [vectors.get(topic.id) for topic in topics]
    parameters = {
        "measured": version.id,
        "topics": [topic.id for topic in topics],
        "changed": [topic.changed_at for topic in topics],
        "packed": [encode_model(built[topic.id]) or None for topic in topics],
        "hashes": [vector.hash if vector else None for vector in stored_vectors],
        "vectors": [vector.numbers.astype(HALF).tobytes() if vector else None for vector in stored_vectors],
    }
    await session.execute(STORE_DIRECTIONS, parameters)
