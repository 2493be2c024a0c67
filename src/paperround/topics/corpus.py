"""Statistics in versions: measured again as the catalogue grows, read one at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

import numpy as np
import structlog
from sqlalchemy import LargeBinary, Select, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from paperround.database import Database, ReadSession, WriteSession
from paperround.embeddings.tables import HAS_VECTOR, Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper
from paperround.topics.model.sparse import Floats, Matrix
from paperround.topics.model.statistics import Statistics, text_of
from paperround.topics.tables import MeasuredCatalogue

logger = structlog.get_logger(__name__)

MEASURER: Final = 0x6D656173  # the advisory lock of whoever measures: "meas"
MOST_READ: Final = 20_000  # papers that are measured, the newest; some 300 MB of work
AT_HAND: Final = 300  # papers that do while nothing was measured yet; half a second of work
GROWN: Final = 0.1  # the share of papers more or less that makes measuring worth it
VERSIONS_KEPT: Final = 2  # the older one is still what stored directions are of
UNPACKED_KEPT: Final = 2

_unpacked: OrderedDict[str, Statistics] = OrderedDict()  # by digest: whichever database it comes from


class Version(NamedTuple):
    """`id` 0: none was stored yet. `key` tells statistics apart in a process that knows several."""

    id: int
    key: str
    statistics: Statistics


class Countable(NamedTuple):
    """What can be measured now: papers, and the model whose vectors at least half of them have."""

    papers: int
    model_id: int | None


async def current(session: ReadSession) -> Version:
    """The newest version; while there is none, one of the newest papers, made on the spot."""
    row = (await session.execute(_newest(MeasuredCatalogue.id, MeasuredCatalogue.digest))).one_or_none()
    if row is None:
        found = await countable(session)
        made = await _measured(session, found.model_id, most=AT_HAND)
        return Version(0, uuid4().hex, made)
    if row.digest not in _unpacked:
        packed = await session.scalar(select(MeasuredCatalogue.packed).where(MeasuredCatalogue.id == row.id))
        if packed is None:  # replaced since, by two newer ones
            return await current(session)
        _unpacked[row.digest] = await asyncio.to_thread(Statistics.unpacked, packed)
        while len(_unpacked) > UNPACKED_KEPT:
            _unpacked.popitem(last=False)
    return Version(row.id, row.digest, _unpacked[row.digest])


async def measure_if_grown(database: Database, *, now: datetime) -> bool:
    """Make a new version when the catalogue has grown or another model is the current one; whether it was."""
    async with database.writing() as session:
        taken = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": MEASURER})
        found = await countable(session)
        if not taken or not found.papers or await _still_good(session, found):
            return False
        await _store(session, found, await _measured(session, found.model_id, most=MOST_READ), now)
    logger.info("measured the catalogue", papers=found.papers)
    return True


async def countable(session: ReadSession) -> Countable:
    papers = (await session.execute(select(func.count()).select_from(Paper))).scalar_one()
    model_id = await session.scalar(
        select(EmbeddingModel.id).where(EmbeddingModel.state == ModelState.current)
    )
    embedded = select(func.count()).where(Embedding.model_id == model_id, HAS_VECTOR)
    vectors = (await session.execute(embedded)).scalar_one() if model_id else 0
    return Countable(vectors, model_id) if vectors and 2 * vectors >= papers else Countable(papers, None)


async def _still_good(session: ReadSession, found: Countable) -> bool:
    columns = MeasuredCatalogue.papers, MeasuredCatalogue.model_id
    last = (await session.execute(_newest(*columns))).one_or_none()
    if last is None or last.model_id != found.model_id:
        return False
    return bool(abs(found.papers - last.papers) <= GROWN * last.papers)


def _newest(*columns: InstrumentedAttribute[Any]) -> Select[*tuple[Any, ...]]:
    return select(*columns).order_by(MeasuredCatalogue.id.desc()).limit(1)


async def _measured(session: ReadSession, model_id: int | None, *, most: int) -> Statistics:
    """Of the newest papers; with a model, of those that have its vector."""
    query = select(Paper.title, Paper.abstract).order_by(Paper.listed_on.desc(), Paper.id).limit(most)
    if model_id is None:
        rows = (await session.execute(query)).all()
        texts = [text_of(row.title, row.abstract) for row in rows]
        return await asyncio.to_thread(Statistics.counted, texts, None, np.empty((0, 0), np.float32))
    sent = query.add_columns(SENT_VECTOR).join(Embedding, Embedding.paper_id == Paper.id)
    embedded = sent.where(Embedding.model_id == model_id, Embedding.vector.is_not(None))
    rows = (await session.execute(embedded)).all()
    texts = [text_of(row.title, row.abstract) for row in rows]
    return await asyncio.to_thread(Statistics.counted, texts, model_id, received([row.sent for row in rows]))


# Ready bytes: as text a vector takes longer to read than to score.
SENT_VECTOR: Final = func.halfvec_send(Embedding.vector, type_=LargeBinary).label("sent")


def received(sent: Sequence[bytes]) -> Matrix:
    """Shape (vectors, dimensions) of what `halfvec_send` gave: two counts of 16 bits, then the numbers."""
    return np.array([received_one(one) for one in sent], np.float32).reshape(len(sent), -1)


def received_one(sent: bytes) -> Floats:
    vector: Floats = np.frombuffer(sent, ">f2", offset=4).astype(np.float32)
    return vector


async def _store(session: WriteSession, found: Countable, statistics: Statistics, now: datetime) -> None:
    packed = await asyncio.to_thread(statistics.packed)
    digest = hashlib.sha256(packed).hexdigest()
    values = {"papers": found.papers, "model_id": found.model_id, "digest": digest, "packed": packed}
    await session.execute(insert(MeasuredCatalogue).values(measured_at=now, **values))
    kept = _newest(MeasuredCatalogue.id).limit(VERSIONS_KEPT)
    await session.execute(delete(MeasuredCatalogue).where(MeasuredCatalogue.id.not_in(kept)))
