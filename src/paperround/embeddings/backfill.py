"""Embeds the papers that lack a vector under a model, batch by batch; each batch is committed at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeAlias

import structlog
from sqlalchemy import ColumnElement, func, or_, select

from paperround import metrics
from paperround.arrays import np
from paperround.database import Database, ReadSession, WriteSession, utc_now
from paperround.embeddings import index, models
from paperround.embeddings.client import EncoderClient, EncoderError, EncoderRefused
from paperround.embeddings.tables import HAS_VECTOR, Embedding, EmbeddingModel, ModelState
from paperround.embeddings.vector_writer import PaperText, record_refusal, store_vectors
from paperround.papers.tables import ABSTRACT_TEXT, TEXT_HASH, TITLE_TEXT, Paper

logger = structlog.get_logger(__name__)

CHUNK_SIZE: Final = 1024  # papers whose lengths are sorted together
BACKFILL_BATCH_SIZE: Final = 32  # papers encoded and committed together
BATCHES_UNDER_WAY: Final = 2  # the encoder has one while the other is read or stored
MIN_SAME_MODEL_COSINE: Final = 0.9  # a cosine; truncation and lower precision stay above it

FilledBatch: TypeAlias = Coroutine[Any, Any, int]  # how many papers of it were embedded


def embedding_text(title: str, abstract: str) -> str:
    """Build the text of a paper that is embedded."""
    return f"{title}. {abstract}"


async def backfill_vectors(
    database: Database,
    encoder: EncoderClient,
    *,
    on_progress: Callable[[int], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> int:
    """Embed every paper that lacks a vector under the encoder's model, then make the model's index.

    The newest papers come first. Returns how many papers were embedded; `on_progress` gets that number after
    each batch. Several processes share the work, and one that is killed loses only the batches under way.
    Raises `EncoderError`; finished batches stay.
    """
    model_id = await models.register(database, await encoder.describe_model(), now=clock())
    done, prefix = 0, ""
    while chunk := await _find_missing(database, model_id, now=clock()):
        if not done:
            async with database.read_session() as session:
                prefix = (await models.load_prefixes(session, encoder.name)).paper
            await _check_model_is_unchanged(database, encoder, model_id, prefix)
        before, claiming = done, asyncio.Lock()

        def fill(ids: Sequence[str], prefix: str = prefix, claiming: asyncio.Lock = claiming) -> FilledBatch:
            return _fill_batch(database, encoder, model_id, ids, prefix, claiming, now=clock())

        async with aclosing(_fill_chunk(chunk, fill)) as counts:
            async for filled in counts:
                done += filled
                if on_progress:
                    on_progress(done)
        if done == before:  # another process holds all of them
            return done
    await index.ensure(database, model_id)
    return done


async def _check_model_is_unchanged(
    database: Database, encoder: EncoderClient, model_id: int, prefix: str
) -> None:
    """Raise EncoderError if a paper's vector is now very different from the stored one.

    A server with a single model may answer with it whatever the name is, and the vectors of two models can
    have the same length.
    """
    fresh = (Paper.id == Embedding.paper_id) & (Embedding.text_hash == TEXT_HASH)
    query = select(TITLE_TEXT.label("title"), ABSTRACT_TEXT.label("abstract"), Embedding.vector).join(
        Embedding, fresh
    )
    query = query.where(Embedding.model_id == model_id, HAS_VECTOR).order_by(Paper.id).limit(1)
    async with database.read_session() as session:
        before = (await session.execute(query)).one_or_none()
    if before is None:
        return
    try:
        [now] = await encoder.encode([prefix + embedding_text(before.title, before.abstract)])
    except EncoderRefused:  # stricter than before, which must not hold up the other papers
        return
    cosine = float(np.array(before.vector, np.float32) @ now)
    if cosine < MIN_SAME_MODEL_COSINE:
        raise EncoderError(
            f"{encoder.name} gives a paper another vector than before (cosine {cosine:.2f}): "
            "another model under the same name. Give it a name of its own."
        )


async def _fill_chunk(
    ids: Sequence[str], fill: Callable[[Sequence[str]], FilledBatch]
) -> AsyncGenerator[int]:
    """Yield how many papers of each batch were embedded.

    A failed batch doesn't hold up the next one. Two failures in a row raise, as does a last one. After a
    failure no further batch begins before the next one has succeeded.
    """
    under_way: deque[asyncio.Task[int]] = deque()
    batches = _batches(ids)
    previous_error: EncoderError | None = None
    try:
        while True:
            room = 1 if previous_error else BATCHES_UNDER_WAY
            for batch in islice(batches, max(room - len(under_way), 0)):
                under_way.append(asyncio.create_task(fill(batch)))
            if not under_way:
                break
            try:
                yield await under_way[0]
                previous_error = None
            except EncoderError as error:
                if previous_error:
                    raise
                previous_error = error
            under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    if previous_error:
        raise previous_error


async def backfill_and_activate(
    database: Database, encoder: EncoderClient, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Backfill the model of the worker's settings and make it the current one once it is complete.

    A retired model is left alone, because activating it would undo the operator's choice.
    """
    model = await encoder.describe_model()
    async with database.read_session() as session:
        if await models.find_state(session, model.name) is ModelState.retired:
            logger.warning(
                "PAPERROUND_EMBEDDING_MODEL names a model that was replaced: set it to the current one, or "
                "go back with `paperround embed --model NAME --activate`",
                model=model.name,
            )
            return 0
    done = await backfill_vectors(database, encoder, clock=clock)
    await activate_if_complete(database, model.name, clock=clock)
    return done


async def activate_if_complete(
    database: Database,
    name: str,
    *,
    wait: bool = False,
    clock: Callable[[], datetime] = utc_now,
) -> bool:
    """Make the model the current one if no paper lacks its vector and its index is complete.

    Returns whether it is the current one now. `wait` waits for an index that another process is building.
    """
    async with database.read_session() as session:
        model = (await session.scalars(select(EmbeddingModel).where(EmbeddingModel.name == name))).one()
    if model.state is ModelState.current:
        return True
    if await _find_missing(database, model.id, now=clock()):
        return False
    if not await index.ensure(database, model.id, wait=wait):
        return False
    await models.activate(database, model.id)
    return True


def _lacks_vector(model_id: int, now: datetime) -> ColumnElement[bool]:
    has_vector_or_waits = select(Embedding.paper_id).where(
        Embedding.model_id == model_id,
        Embedding.paper_id == Paper.id,
        Embedding.text_hash == TEXT_HASH,
        or_(HAS_VECTOR, Embedding.next_try_at > now),
    )
    return ~has_vector_or_waits.exists()


async def _find_missing(database: Database, model_id: int, *, now: datetime) -> list[str]:
    """Find the newest papers without a vector, by length: a batch costs as much as its longest text."""
    missing = select(Paper.id).where(_lacks_vector(model_id, now))
    newest = missing.order_by(Paper.listed_on.desc(), Paper.id).limit(CHUNK_SIZE).subquery()
    length = func.length(Paper.title) + func.length(Paper.abstract)
    query = select(Paper.id, length.label("length")).join(newest, newest.c.id == Paper.id)
    async with database.read_session() as session:
        rows = (await session.execute(query.order_by(Paper.listed_on.desc(), Paper.id))).all()
    return [row.id for row in sorted(rows, key=lambda row: row.length)]


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BACKFILL_BATCH_SIZE] for start in range(0, len(ids), BACKFILL_BATCH_SIZE))


async def _fill_batch(
    database: Database,
    encoder: EncoderClient,
    model_id: int,
    ids: Sequence[str],
    prefix: str,
    claiming: asyncio.Lock,
    *,
    now: datetime,
) -> int:
    """Embed those of `ids` that lack a vector and that no other process holds. Returns their number.

    They are held by advisory locks: row locks would make ingestion wait for the encoder. A text that changes
    meanwhile gets its vector under the old hash, so it counts as missing again. Whoever has `claiming` reads
    its texts, so batches go to the encoder in their order.
    """
    async with database.write_session() as session:
        async with claiming:
            locked_ids = await _lock_papers(session, model_id, ids)
            missing = select(
                Paper.id,
                TITLE_TEXT.label("title"),
                ABSTRACT_TEXT.label("abstract"),
                TEXT_HASH.label("text_hash"),
            ).where(Paper.id.in_(locked_ids), _lacks_vector(model_id, now))
            papers = (await session.execute(missing)).all()
        if papers:
            await _embed_papers(session, encoder, model_id, papers, prefix, now)
    return len(papers)


async def _lock_papers(session: WriteSession, model_id: int, ids: Sequence[str]) -> Sequence[str]:
    """Lock in a separate statement, so that the next one sees what the previous holder has written."""
    has_lock = func.pg_try_advisory_xact_lock(model_id, func.hashtext(Paper.id))
    return (await session.scalars(select(Paper.id).where(Paper.id.in_(ids), has_lock))).all()


async def _embed_papers(
    session: WriteSession,
    encoder: EncoderClient,
    model_id: int,
    papers: Sequence[PaperText],
    prefix: str,
    now: datetime,
) -> None:
    """Embed the papers together, or one by one if the encoder refuses one of them."""
    try:
        vectors = await encoder.encode(
            [prefix + embedding_text(paper.title, paper.abstract) for paper in papers]
        )
        await store_vectors(session, model_id, papers, vectors, now)
        metrics.PAPERS_EMBEDDED.inc(len(papers))
    except EncoderRefused as error:
        if len(papers) == 1:
            await record_refusal(session, model_id, papers[0], str(error), now)
            return
        for paper in papers:
            await _embed_papers(session, encoder, model_id, [paper], prefix, now)


async def count_missing_vectors(session: ReadSession, model_id: int, *, now: datetime) -> int:
    """Count the papers that a backfill would embed now."""
    lack = select(func.count()).select_from(Paper).where(_lacks_vector(model_id, now))
    return (await session.execute(lack)).scalar_one()
