"""The stored directions of topics, built again when a topic, its ratings or the statistics change."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import structlog
from sqlalchemy import Integer, any_, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.arrays import np
from paperround.database import WriteSession
from paperround.embeddings.client import EncoderError, Vectors
from paperround.embeddings.tables import EmbeddingModel
from paperround.topics.corpus import StatisticsVersion
from paperround.topics.match_store import DueTopics
from paperround.topics.matcher import MAX_LIKED, build_profile, list_disliked, list_liked
from paperround.topics.model.codec import HALF, encode_direction
from paperround.topics.model.fit_codec import PackedFits, encode_fit
from paperround.topics.model.match import TopicQuery
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews
from paperround.topics.model.topic_model import build_model
from paperround.topics.paper_features import build_text_views, load_views
from paperround.topics.queries import list_topics_with_texts, load_example_texts, load_topic_queries
from paperround.topics.sent_arrays import EPOCH, MICROSECOND
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


STORE_FITS: Final = text("""
    INSERT INTO topic_fits (topic_id, measured_id, changed_at, packed)
    SELECT topic, CAST(:measured AS int), changed, packed
    FROM unnest(CAST(:topics AS int[]), CAST(:changed AS timestamptz[]), CAST(:fits AS bytea[]))
        AS given (topic, changed, packed)
    ON CONFLICT (topic_id) DO UPDATE SET measured_id = excluded.measured_id,
        changed_at = excluded.changed_at, packed = excluded.packed
""")


class TextEncoder(Protocol):
    """The interface of an encoder of topics' words: `embeddings.client.EncoderClient` or a stand-in."""

    name: str

    async def encode(self, texts: Sequence[str]) -> Vectors: ...


class FitParts(NamedTuple):
    """What fits need of topics, packed, in the topics' order.

    `incomplete` are the places of those whose words' vector is missing although the version has a model.
    """

    packed: PackedFits
    incomplete: set[int]


class PackedModel(NamedTuple):
    """A topic's direction, and what its fit needs, as they are stored."""

    direction: bytes
    fit: bytes


class StoredTextVector(NamedTuple):
    """The vector of a topic's words. `hash` tells which model and words it is of."""

    hash: str
    numbers: Floats


async def update_models(
    session: WriteSession,
    version: StatisticsVersion,
    topics: DueTopics,
    encoder: TextEncoder | None,
) -> FitParts:
    """Give what fits need of the topics under this version and its constants.

    Models that are older are built anew and stored. While the encoder does not answer, words count by the
    letter, until the next time.
    """
    if topics.is_fresh.all():
        return FitParts(topics.fits, set())
    old = {int(topics.ids[place]): place for place in np.flatnonzero(~topics.is_fresh).tolist()}
    # Loaded after the topics: a rating made now is in it, or changes `changed_at` and makes the topic due
    # again.
    queries = await load_topic_queries(session, old)
    model, prefix = await _load_model(session, version)
    spell_out = version.statistics.abbreviations.spell_out
    words = {topic_id: spell_out(query.words) for topic_id, query in queries.items()}
    vectors = await _load_or_encode(session, words, model, prefix, encoder)
    built = await _build_models(session, version, queries, vectors)
    changed_at = {key: EPOCH + int(topics.changed_at[place]) * MICROSECOND for key, place in old.items()}
    await _store_models(session, version, changed_at, built, vectors)
    incomplete = {
        old[topic_id]
        for topic_id, query in queries.items()
        if topic_id not in vectors and _has_vector(query.words, model)
    }
    fits = {old[topic_id]: built_model.fit for topic_id, built_model in built.items()}
    return FitParts(topics.fits.replace(fits), incomplete)


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
    queries: Mapping[int, TopicQuery],
    vectors: Mapping[int, StoredTextVector],
) -> dict[int, PackedModel]:
    """Build the topics' models, packed, by id."""
    ids = {key for query in queries.values() for key in (*list_liked(query), *list_disliked(query))}
    views = await load_views(session, version, ids)
    texts = await _load_text_views(session, version, list(queries))

    def build(topic_id: int) -> PackedModel:
        query = queries[topic_id]
        vector = vectors[topic_id].numbers if topic_id in vectors else None
        own = texts.get(topic_id, {})
        liked, disliked = [*list_liked(query), *own][:MAX_LIKED], list_disliked(query)
        known = {**views, **own} if own else views
        profile = build_profile(version.statistics, query.words, vector, liked, disliked, known)
        model = build_model(version.statistics, profile, version.constants)
        return PackedModel(encode_direction(model.direction), encode_fit(model.fit, model.constants_digest))

    return await asyncio.to_thread(lambda: {topic_id: build(topic_id) for topic_id in queries})


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
    changed_at: Mapping[int, datetime],
    built: Mapping[int, PackedModel],
    vectors: Mapping[int, StoredTextVector],
) -> None:
    stored_vectors = [vectors.get(topic_id) for topic_id in built]
    parameters = {
        "measured": version.id,
        "topics": list(built),
        "changed": [changed_at[topic_id] for topic_id in built],
    }
    directions = {
        "packed": [model.direction or None for model in built.values()],
        "hashes": [vector.hash if vector else None for vector in stored_vectors],
        "vectors": [vector.numbers.astype(HALF).tobytes() if vector else None for vector in stored_vectors],
    }
    await session.execute(STORE_DIRECTIONS, parameters | directions)
    await session.execute(STORE_FITS, parameters | {"fits": [model.fit for model in built.values()]})
