"""The stored directions of topics, built again when a topic, its ratings or the statistics change."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import structlog
from sqlalchemy import Integer, any_, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import WriteSession
from paperround.embeddings.client import EncoderError, Vectors
from paperround.embeddings.tables import EmbeddingModel
from paperround.topics.corpus import StatisticsVersion
from paperround.topics.match_store import DueTopic
from paperround.topics.matcher import MAX_LIKED, build_profile, list_disliked, list_liked
from paperround.topics.model.codec import HALF, encode_model, is_fit_of, split_model
from paperround.topics.model.match import TopicQuery
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews
from paperround.topics.model.topic_model import build_model
from paperround.topics.paper_features import build_text_views, load_views
from paperround.topics.queries import list_topics_with_texts, load_example_texts, load_topic_queries
from paperround.topics.tables import TopicDirection

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


class FitParts(NamedTuple):
    """What fits need of topics, packed, in the topics' order.

    `incomplete` are the ids of those whose words' vector is missing although the version has a model.
    """

    packed: Sequence[bytes]
    incomplete: set[int]


class StoredTextVector(NamedTuple):
    """The vector of a topic's words. `hash` tells which model and words it is of."""

    hash: str
    numbers: Floats


async def update_models(
    session: WriteSession,
    version: StatisticsVersion,
    topics: Sequence[DueTopic],
    encoder: TextEncoder | None,
) -> FitParts:
    """Give what fits need of the topics under this version and its constants.

    Models that are older are built anew and stored. While the encoder does not answer, words count by the
    letter, until the next time.
    """
    model, prefix = await _load_model(session, version)
    old = [topic for topic in topics if not _is_fresh(topic, version, model)]
    if not old:
        return FitParts([topic.packed_fit or b"" for topic in topics], set())
    # Loaded after the topics: a rating made now is in it, or changes `changed_at` and makes the topic due
    # again.
    queries = await load_topic_queries(session, [topic.id for topic in old])
    old = [topic for topic in old if topic.id in queries]
    spell_out = version.statistics.abbreviations.spell_out
    words = {topic.id: spell_out(queries[topic.id].words) for topic in old}
    vectors = await _load_or_encode(session, words, model, prefix, encoder)
    built = await _build_models(session, version, old, queries, vectors)
    await _store_models(session, version, old, built, vectors)
    incomplete = {
        topic.id for topic in old if topic.id not in vectors and _has_vector(queries[topic.id].words, model)
    }
    fits = {topic_id: split_model(packed)[1] for topic_id, packed in built.items()}
    return FitParts([fits.get(topic.id, topic.packed_fit) or b"" for topic in topics], incomplete)


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
    if not topic.is_directed or not (topic.has_text_vector or not _has_vector(topic.words, model)):
        return False
    return topic.packed_fit is None or is_fit_of(topic.packed_fit, version.constants.digest)


async def _load_or_encode(
    session: WriteSession,
    spelled: Mapping[int, str],
    model: str | None,
    prefix: str,
    encoder: TextEncoder | None,
) -> dict[int, StoredTextVector]:
    """Load the vectors of topics' words where they are stored, and encode the others."""
    words = {topic_id: text for topic_id, text in spelled.items() if _has_vector(text, model)}
    hashes = {topic_id: _hash_text(prefix + text, model) for topic_id, text in words.items()}
    stored = await session.execute(
        select(TopicDirection.topic_id, TopicDirection.text_hash, TopicDirection.text_vector).where(
            TopicDirection.topic_id == any_(literal(list(words), ARRAY(Integer)))
        )
    )
    found = {
        topic_id: StoredTextVector(text_hash, np.frombuffer(vector, HALF).astype(np.float32))
        for topic_id, text_hash, vector in stored
        if text_hash == hashes[topic_id] and vector
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


async def _build_models(
    session: WriteSession,
    version: StatisticsVersion,
    topics: Sequence[DueTopic],
    queries: Mapping[int, TopicQuery],
    vectors: Mapping[int, StoredTextVector],
) -> dict[int, bytes]:
    """Build the topics' models, packed, by id."""
    ids = {
        key for topic in topics for key in (*list_liked(queries[topic.id]), *list_disliked(queries[topic.id]))
    }
    views = await load_views(session, version, ids)
    texts = await _load_text_views(session, version, [topic.id for topic in topics])

    def build(topic_id: int) -> bytes:
        query = queries[topic_id]
        vector = vectors[topic_id].numbers if topic_id in vectors else None
        own = texts.get(topic_id, {})
        liked, disliked = [*list_liked(query), *own][:MAX_LIKED], list_disliked(query)
        known = {**views, **own} if own else views
        profile = build_profile(version.statistics, query.words, vector, liked, disliked, known)
        return encode_model(build_model(version.statistics, profile, version.constants))

    return await asyncio.to_thread(lambda: {topic.id: build(topic.id) for topic in topics})


async def _load_text_views(
    session: WriteSession, version: StatisticsVersion, topic_ids: Sequence[int]
) -> dict[int, dict[str, PaperViews]]:
    """Load the works outside of the catalogue that are examples, topic by topic: their texts are many."""
    return {
        topic_id: await build_text_views(version, await load_example_texts(session, topic_id))
        for topic_id in await list_topics_with_texts(session, topic_ids)
    }


async def _store_models(
    session: WriteSession,
    version: StatisticsVersion,
    topics: Sequence[DueTopic],
    built: Mapping[int, bytes],
    vectors: Mapping[int, StoredTextVector],
) -> None:
    stored_vectors = [vectors.get(topic.id) for topic in topics]
    parameters = {
        "measured": version.id,
        "topics": [topic.id for topic in topics],
        "changed": [topic.changed_at for topic in topics],
        "packed": [built[topic.id] or None for topic in topics],
        "hashes": [vector.hash if vector else None for vector in stored_vectors],
        "vectors": [vector.numbers.astype(HALF).tobytes() if vector else None for vector in stored_vectors],
    }
    await session.execute(STORE_DIRECTIONS, parameters)
