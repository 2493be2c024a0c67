"""Which papers lack a vector under a model, and giving them one: batch by batch, each batch kept at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import structlog
from sqlalchemy import ColumnElement, Row, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database, ReadSession, WriteSession, utc_now
from paperround.embeddings import index, models
from paperround.embeddings.client import Encoder, EncoderError, EncoderRefused
from paperround.embeddings.tables import HAS_VECTOR, Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper

logger = structlog.get_logger(__name__)

CHUNK: Final = 1024  # papers whose lengths are sorted together
BATCH: Final = 32  # papers encoded and committed together
FIRST_RETRY: Final = timedelta(minutes=10)
LAST_RETRY: Final = timedelta(days=1)
SAME_MODEL: Final = 0.9  # cosine; whoever cuts texts shorter or counts in fewer bits stays above it

PaperText = Row[str, str, str, str]  # id, title, abstract, hash of both


def text_of(title: str, abstract: str) -> str:
    """What is embedded of a paper."""
    return f"{title}. {abstract}"


async def fill(
    database: Database,
    encoder: Encoder,
    *,
    told: Callable[[int], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> int:
    """Embed every paper that lacks a vector under the encoder's model, then make the model's index.

    The answer is how many papers were done. Newest papers first. Several fillers share the work; a killed
    one loses the batch it held. Raises `EncoderError`; what was done until then stays.
    """
    model_id = await models.register(database, await encoder.model(), now=clock())
    done = 0
    while chunk := await _lacking(database, model_id, now=clock()):
        if not done:
            await _compare_with_before(database, encoder, model_id)
        filled = 0
        async for count in _fill_chunk(database, encoder, model_id, chunk, clock):
            filled += count
            if told:
                told(done + filled)
        done += filled
        if not filled:  # all of them are in another filler's hands
            return done
    await index.ensure(database, model_id)
    return done


async def _compare_with_before(database: Database, encoder: Encoder, model_id: int) -> None:
    """EncoderError if a text's vector is now quite another one. A server that has one model may answer with
    it whatever the name, and two models' vectors can be of one length.
    """
    fresh = (Paper.id == Embedding.paper_id) & (Paper.text_hash == Embedding.text_hash)
    query = select(Paper.title, Paper.abstract, Embedding.vector).join(Embedding, fresh)
    query = query.where(Embedding.model_id == model_id, HAS_VECTOR).order_by(Paper.id).limit(1)
    async with database.reading() as session:
        before = (await session.execute(query)).one_or_none()
    if before is None:
        return
    try:
        [now] = await encoder.encode([text_of(before.title, before.abstract)])
    except EncoderRefused:  # pickier than before: no reason to hold up the others
        return
    cosine = float(np.array(before.vector, np.float32) @ now)
    if cosine < SAME_MODEL:
        raise EncoderError(
            f"{encoder.name} gives a paper another vector than before (cosine {cosine:.2f}): "
            "another model under the same name. Give it a name of its own."
        )


async def _fill_chunk(
    database: Database, encoder: Encoder, model_id: int, ids: Sequence[str], clock: Callable[[], datetime]
) -> AsyncIterator[int]:
    """How many of each batch were done. A batch on which the encoder fails doesn't hold up the next one;
    two in a row raise, or the last."""
    failed: EncoderError | None = None
    for batch in _batches(ids):
        try:
            yield await _fill_batch(database, encoder, model_id, batch, now=clock())
            failed = None
        except EncoderError as error:
            if failed:
                raise
            failed = error
    if failed:
        raise failed


async def keep_filled(
    database: Database, encoder: Encoder, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """What a worker does for the model of its settings: fill it and, once it is complete, make it the current
    one. A model that was replaced doesn't come back by itself: it would undo what an operator chose.
    """
    model = await encoder.model()
    async with database.reading() as session:
        if await models.state_of(session, model.name) is ModelState.retired:
            logger.warning(
                "PAPERROUND_EMBEDDING_MODEL names a model that was replaced: set it to the current one, or "
                "go back with `paperround embed --model NAME --activate`",
                model=model.name,
            )
            return 0
    done = await fill(database, encoder, clock=clock)
    await switch_if_complete(database, model.name, clock=clock)
    return done


async def switch_if_complete(
    database: Database,
    name: str,
    *,
    wait: bool = False,
    clock: Callable[[], datetime] = utc_now,
) -> bool:
    """Make the model the current one if no paper lacks its vector and its index stands; whether it is then.

    `wait` for an index that another process is making.
    """
    async with database.reading() as session:
        model = (await session.scalars(select(EmbeddingModel).where(EmbeddingModel.name == name))).one()
    if model.state is ModelState.current:
        return True
    if await _lacking(database, model.id, now=clock()):
        return False
    if not await index.ensure(database, model.id, wait=wait):
        return False
    await models.activate(database, model.id)
    return True


def _lacks_vector(model_id: int, now: datetime) -> ColumnElement[bool]:
    has_one_or_waits = select(Embedding.paper_id).where(
        Embedding.model_id == model_id,
        Embedding.paper_id == Paper.id,
        Embedding.text_hash == Paper.text_hash,
        or_(HAS_VECTOR, Embedding.next_try_at > now),
    )
    return ~has_one_or_waits.exists()


async def _lacking(database: Database, model_id: int, *, now: datetime) -> list[str]:
    """The newest papers without a vector, by length: a batch costs as much as its longest text does."""
    lacking = select(Paper.id).where(_lacks_vector(model_id, now))
    newest = lacking.order_by(Paper.listed_on.desc(), Paper.id).limit(CHUNK).subquery()
    length = func.length(Paper.title) + func.length(Paper.abstract)
    query = select(Paper.id, length).join(newest, newest.c.id == Paper.id)
    async with database.reading() as session:
        rows = (await session.execute(query.order_by(Paper.listed_on.desc(), Paper.id))).all()
    return [paper_id for paper_id, _ in sorted(rows, key=lambda row: row[1])]


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


async def _fill_batch(
    database: Database, encoder: Encoder, model_id: int, ids: Sequence[str], *, now: datetime
) -> int:
    """Encode those of `ids` that lack a vector and that no other filler has in hand; how many.

    They are held by advisory locks: locks on their rows would keep intake waiting for the encoder. A text
    that changes meanwhile gets its vector under the old hash, and so lacks one again.
    """
    async with database.writing() as session:
        ours = await _held(session, model_id, ids)
        lacking = select(Paper.id, Paper.title, Paper.abstract, Paper.text_hash).where(
            Paper.id.in_(ours), _lacks_vector(model_id, now)
        )
        papers = (await session.execute(lacking)).all()
        if papers:
            await _encode(session, encoder, model_id, papers, now)
    return len(papers)


async def _held(session: WriteSession, model_id: int, ids: Sequence[str]) -> Sequence[str]:
    """In a statement of its own: the next one then sees what a filler wrote that just let go of them."""
    free = func.pg_try_advisory_xact_lock(model_id, func.hashtext(Paper.id))
    return (await session.scalars(select(Paper.id).where(Paper.id.in_(ids), free))).all()


async def _encode(
    session: WriteSession, encoder: Encoder, model_id: int, papers: Sequence[PaperText], now: datetime
) -> None:
    """One paper that the encoder refuses must not hold up the others: they are then sent one by one."""
    try:
        vectors = await encoder.encode([text_of(title, abstract) for _, title, abstract, _ in papers])
        await _keep(session, model_id, papers, list(vectors), now)
    except EncoderRefused as error:
        if len(papers) == 1:
            await _note_refusal(session, model_id, papers[0], str(error), now)
            return
        for paper in papers:
            await _encode(session, encoder, model_id, [paper], now)


async def _keep(
    session: WriteSession,
    model_id: int,
    papers: Sequence[PaperText],
    vectors: Sequence[np.ndarray[tuple[int], np.dtype[np.float32]]],
    now: datetime,
) -> None:
    rows = [
        {
            "model_id": model_id,
            "paper_id": paper.id,
            "text_hash": paper.text_hash,
            "vector": vector,
            "embedded_at": now,
            "failures": 0,
        }
        for paper, vector in zip(papers, vectors, strict=True)
    ]
    new = insert(Embedding)
    told = {name: getattr(new.excluded, name) for name in ("text_hash", "vector", "embedded_at", "failures")}
    upsert = new.on_conflict_do_update(
        index_elements=["model_id", "paper_id"], set_=told | {"error": None, "next_try_at": None}
    )
    await session.execute(upsert, rows)


async def _note_refusal(
    session: WriteSession, model_id: int, paper: PaperText, error: str, now: datetime
) -> None:
    logger.warning("the encoder refused a paper", paper=paper.id, error=error)
    before = await session.get(Embedding, (model_id, paper.id))
    failures = before.failures + 1 if before and before.text_hash == paper.text_hash else 1
    row = {
        "text_hash": paper.text_hash,
        "vector": None,
        "embedded_at": now,
        "failures": failures,
        "error": error[:500].replace("\0", ""),
        "next_try_at": now + min(FIRST_RETRY * 2 ** min(failures - 1, 10), LAST_RETRY),
    }
    new = insert(Embedding).values(model_id=model_id, paper_id=paper.id, **row)
    await session.execute(new.on_conflict_do_update(index_elements=["model_id", "paper_id"], set_=row))


async def lacking(session: ReadSession, model_id: int, *, now: datetime) -> int:
    """How many papers a filler has yet to do."""
    lack = select(func.count()).select_from(Paper).where(_lacks_vector(model_id, now))
    return (await session.execute(lack)).scalar_one()


@dataclass(frozen=True)
class EmbeddingState:
    """`model` is the current one, None before the first vector."""

    model: str | None
    done: int
    waiting: int
    refused: int


async def state(session: ReadSession) -> EmbeddingState:
    """How far the current model's vectors have come."""
    papers = (await session.execute(select(func.count()).select_from(Paper))).scalar_one()
    current = select(EmbeddingModel).where(EmbeddingModel.state == ModelState.current)
    model = (await session.scalars(current)).one_or_none()
    if model is None:
        return EmbeddingState(None, 0, papers, 0)
    fresh = (
        select(func.count().filter(HAS_VECTOR), func.count())
        .join(Paper, (Paper.id == Embedding.paper_id) & (Paper.text_hash == Embedding.text_hash))
        .where(Embedding.model_id == model.id)
    )
    done, tried = (await session.execute(fresh)).one()
    return EmbeddingState(model.name, done, papers - tried, tried - done)
