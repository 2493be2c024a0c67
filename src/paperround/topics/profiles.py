"""Topics' directions, kept: made again when a topic, its ratings or the version changes."""

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
from paperround.topics.corpus import Version
from paperround.topics.matcher import disliked_of, liked_of, taste
from paperround.topics.model import scorer
from paperround.topics.model.codec import HALF, packed, unpacked
from paperround.topics.model.match import Wanted
from paperround.topics.model.scorer import Direction
from paperround.topics.model.sparse import Floats
from paperround.topics.paper_features import views_of

logger = structlog.get_logger(__name__)

KEEP: Final = text("""
    INSERT INTO topic_directions (topic_id, measured_id, changed_at, packed, text_hash, text_vector)
    SELECT topic, CAST(:measured AS int), changed, packed, hash, vector
    FROM unnest(CAST(:topics AS int[]), CAST(:changed AS timestamptz[]), CAST(:packed AS bytea[]),
        CAST(:hashes AS text[]), CAST(:vectors AS bytea[])) AS given (topic, changed, packed, hash, vector)
    ON CONFLICT (topic_id) DO UPDATE SET measured_id = excluded.measured_id,
        changed_at = excluded.changed_at, packed = excluded.packed, text_hash = excluded.text_hash,
        text_vector = excluded.text_vector
""")


class TextEncoder(Protocol):
    """An `embeddings.client.Encoder`, or what stands in for one."""

    name: str

    async def encode(self, texts: Sequence[str]) -> Vectors: ...


class DueTopic(NamedTuple):
    """A topic with its stored direction, whose columns are None when there is none."""

    id: int
    changed_at: datetime
    daily: int
    words: str
    measured_id: int | None
    directed_at: datetime | None
    packed: bytes | None
    text_hash: str | None
    text_vector: bytes | None


class Kept(NamedTuple):
    """`whole`: with the vector of the reader's words, if they have words and the version a model."""

    direction: Direction
    whole: bool


class TextVector(NamedTuple):
    """`hash` tells which model and words it is of."""

    hash: str
    numbers: Floats


async def kept(
    session: WriteSession,
    version: Version,
    topics: Sequence[DueTopic],
    wanted: Mapping[int, Wanted],
    encoder: TextEncoder | None,
) -> Mapping[int, Kept]:
    """The topics' directions under this version, made and stored where the stored ones are older.

    Without an encoder's answer words count by the letter, until the next time.
    """
    model = await session.scalar(
        select(EmbeddingModel.name).where(EmbeddingModel.id == version.statistics.model_id)
    )
    old = [topic for topic in topics if not _is_fresh(topic, version, model)]
    vectors = await _text_vectors(old, wanted, model, encoder)
    made = await _made(session, version, old, wanted, vectors)
    if made:
        await _store(session, version, old, made, vectors)
    found = {topic.id: unpacked(topic.packed or b"") for topic in topics if topic.id not in made} | made
    return {
        topic.id: Kept(
            found[topic.id],
            topic.id not in made or topic.id in vectors or not _has_vector(wanted[topic.id].text, model),
        )
        for topic in topics
    }


def _has_vector(words: str, model: str | None) -> bool:
    return model is not None and bool(words.strip())


def _hash(words: str, model: str | None) -> str:
    return hashlib.md5(f"{model}\n{words}".encode(), usedforsecurity=False).hexdigest()


def _is_fresh(topic: DueTopic, version: Version, model: str | None) -> bool:
    same = topic.directed_at == topic.changed_at and topic.measured_id == version.id
    return same and (topic.text_hash is not None or not _has_vector(topic.words, model))


async def _text_vectors(
    topics: Sequence[DueTopic],
    wanted: Mapping[int, Wanted],
    model: str | None,
    encoder: TextEncoder | None,
) -> dict[int, TextVector]:
    """Those that are known from before or that the encoder gives now."""
    words = {topic.id: wanted[topic.id].text for topic in topics if _has_vector(wanted[topic.id].text, model)}
    hashes = {key: _hash(text, model) for key, text in words.items()}
    found = {
        topic.id: TextVector(topic.text_hash, np.frombuffer(topic.text_vector, HALF).astype(np.float32))
        for topic in topics
        if topic.id in words and topic.text_hash == hashes[topic.id] and topic.text_vector
    }
    new = [key for key in words if key not in found]
    if not new or encoder is None or encoder.name != model:
        return found
    try:
        rows = await encoder.encode([" ".join(words[key].split()) for key in new])
    except EncoderError as error:
        logger.warning("topics are matched by their words alone for now", error=str(error))
        return found
    return found | {key: TextVector(hashes[key], row) for key, row in zip(new, rows, strict=True)}


async def _made(
    session: WriteSession,
    version: Version,
    topics: Sequence[DueTopic],
    wanted: Mapping[int, Wanted],
    vectors: Mapping[int, TextVector],
) -> dict[int, Direction]:
    ids = {key for topic in topics for key in (*liked_of(wanted[topic.id]), *disliked_of(wanted[topic.id]))}
    views = await views_of(session, version, ids)

    def make(topic_id: int) -> Direction:
        asked = wanted[topic_id]
        vector = vectors[topic_id].numbers if topic_id in vectors else None
        liked, disliked = liked_of(asked), disliked_of(asked)
        return scorer.direct(
            version.statistics, taste(version.statistics, asked.text, vector, liked, disliked, views)
        )

    return await asyncio.to_thread(lambda: {topic.id: make(topic.id) for topic in topics})


async def _store(
    session: WriteSession,
    version: Version,
    topics: Sequence[DueTopic],
    made: Mapping[int, Direction],
    vectors: Mapping[int, TextVector],
) -> None:
    told = [vectors.get(topic.id) for topic in topics]
    given = {
        "measured": version.id,
        "topics": [topic.id for topic in topics],
        "changed": [topic.changed_at for topic in topics],
        "packed": [packed(made[topic.id]) or None for topic in topics],
        "hashes": [vector.hash if vector else None for vector in told],
        "vectors": [vector.numbers.astype(HALF).tobytes() if vector else None for vector in told],
    }
    await session.execute(KEEP, given)
