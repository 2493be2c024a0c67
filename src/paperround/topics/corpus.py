"""The statistics of the catalogue in versions: measured again as it grows, and stored."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

import structlog
from cachetools import LRUCache
from sqlalchemy import LargeBinary, Select, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from paperround.arrays import np
from paperround.database import Database, ReadSession, WriteSession
from paperround.embeddings.tables import HAS_VECTOR, Embedding, EmbeddingModel, ModelState
from paperround.i18n.messages import gettext as _
from paperround.papers.tables import ABSTRACT_TEXT, TITLE_TEXT, Paper
from paperround.topics.model.fit_constants import SHIPPED_CONSTANTS, WORDS_ALONE, FitConstants
from paperround.topics.model.sparse import Floats, Matrix
from paperround.topics.model.statistics import Statistics, join_text
from paperround.topics.tables import MeasuredCatalogue

logger = structlog.get_logger(__name__)

MEASURING_LOCK: Final = 0x6D656173  # an advisory lock, so that one worker measures at a time: "meas"
MAX_PAPERS: Final = 20_000  # the newest are measured; it takes some 300 MB
PROVISIONAL_PAPERS: Final = 300  # measured on the spot while no version is stored; it takes half a second
GROWTH_THRESHOLD: Final = 0.1  # by which share the number of papers must change for a new version
RETAINED_VERSIONS: Final = 2  # stored directions are still of the older one
FORMAT: Final = 2  # of packed statistics: with abbreviations
CACHE_SIZE: Final = 2

_cache: LRUCache[str, Statistics] = LRUCache(CACHE_SIZE)  # by digest, whichever database it comes from


class StatisticsVersion(NamedTuple):
    """A version of the statistics.

    An `id` of 0 means that none was stored yet. `key` tells versions apart within a process. `constants` are
    those of the fit under its model.
    """

    id: int
    key: str
    statistics: Statistics
    constants: FitConstants


class MeasurablePapers(NamedTuple):
    """The number of measurable papers, and the model that has vectors of at least half of them."""

    papers: int
    model_id: int | None


async def load_current_version(session: ReadSession) -> StatisticsVersion:
    """Load the newest version. While there is none, measure the newest papers on the spot."""
    row = (
        await session.execute(_select_newest(MeasuredCatalogue.id, MeasuredCatalogue.digest))
    ).one_or_none()
    if row is None:
        measurable = await count_measurable(session)
        statistics = await _measure(session, measurable.model_id, limit=PROVISIONAL_PAPERS)
        constants = await load_fit_constants(session, measurable.model_id)
        return StatisticsVersion(0, uuid4().hex, statistics, constants)
    if row.digest not in _cache:
        packed = await session.scalar(select(MeasuredCatalogue.packed).where(MeasuredCatalogue.id == row.id))
        if packed is None:  # replaced since, by two newer ones
            return await load_current_version(session)
        _cache[row.digest] = await asyncio.to_thread(Statistics.decode, packed)
    statistics = _cache[row.digest]
    constants = await load_fit_constants(session, statistics.model_id)
    return StatisticsVersion(row.id, row.digest, statistics, constants)


async def is_measured(session: ReadSession) -> bool:
    """Tell whether a version is stored."""
    return await session.scalar(_select_newest(MeasuredCatalogue.id)) is not None


async def spell_out(session: ReadSession, texts: Sequence[str]) -> list[str]:
    """Put behind topics' words what their abbreviations stand for, so that their vectors know of it.

    While no version is stored they stay as they are.
    """
    if not await is_measured(session):
        return list(texts)
    version = await load_current_version(session)
    return [version.statistics.abbreviations.spell_out(text) for text in texts]


async def load_fit_constants(session: ReadSession, model_id: int | None) -> FitConstants:
    """Load the constants of the fit under a model.

    They are those that `paperround fit` stored with it, or those that we ship for it. Under any other model
    words alone count.
    """
    columns = EmbeddingModel.name, EmbeddingModel.fit_constants
    model = (await session.execute(select(*columns).where(EmbeddingModel.id == model_id))).one_or_none()
    if model is None:
        return WORDS_ALONE
    if model.fit_constants is not None:
        return FitConstants.from_json(model.fit_constants)
    return SHIPPED_CONSTANTS.get(model.name, WORDS_ALONE)


async def explain_words_alone(session: ReadSession) -> str:
    """Explain why bands come from words alone, where they do. '' means that they don't."""
    row = (await session.execute(_select_newest(MeasuredCatalogue.model_id))).one_or_none()
    model_id = row.model_id if row else (await count_measurable(session)).model_id
    if model_id is None:
        return _("Too few papers have vectors yet, so matches use words alone for now.")
    if await load_fit_constants(session, model_id) is not WORDS_ALONE:
        return ""
    return _(
        "How well papers fit has not been calibrated for this model’s vectors, so matches use words alone. "
        "The operator can calibrate it with “paperround fit”."
    )


async def measure_if_grown(database: Database, *, now: datetime) -> bool:
    """Store a new version when the catalogue has grown, another model is current, or the format is older.

    Returns whether it did.
    """
    async with database.write_session() as session:
        is_locked = await session.scalar(
            text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": MEASURING_LOCK}
        )
        measurable = await count_measurable(session)
        if not is_locked or not measurable.papers or await _is_up_to_date(session, measurable):
            return False
        await _store_version(
            session, measurable, await _measure(session, measurable.model_id, limit=MAX_PAPERS), now
        )
    logger.info("measured the catalogue", papers=measurable.papers)
    return True


async def count_measurable(session: ReadSession) -> MeasurablePapers:
    """Count the papers that can be measured, with vectors where at least half have one."""
    papers = (await session.execute(select(func.count()).select_from(Paper))).scalar_one()
    model_id = await session.scalar(
        select(EmbeddingModel.id).where(EmbeddingModel.state == ModelState.current)
    )
    embedded = select(func.count()).where(Embedding.model_id == model_id, HAS_VECTOR)
    vectors = (await session.execute(embedded)).scalar_one() if model_id else 0
    return (
        MeasurablePapers(vectors, model_id)
        if vectors and 2 * vectors >= papers
        else MeasurablePapers(papers, None)
    )


async def _is_up_to_date(session: ReadSession, measurable: MeasurablePapers) -> bool:
    columns = MeasuredCatalogue.papers, MeasuredCatalogue.model_id, MeasuredCatalogue.format
    last = (await session.execute(_select_newest(*columns))).one_or_none()
    if last is None or last.model_id != measurable.model_id or last.format < FORMAT:
        return False
    return bool(abs(measurable.papers - last.papers) <= GROWTH_THRESHOLD * last.papers)


def _select_newest(*columns: InstrumentedAttribute[Any]) -> Select[*tuple[Any, ...]]:
    return select(*columns).order_by(MeasuredCatalogue.id.desc()).limit(1)


async def _measure(session: ReadSession, model_id: int | None, *, limit: int) -> Statistics:
    """Measure the newest papers, with a model those that have its vector."""
    query = (
        select(TITLE_TEXT.label("title"), ABSTRACT_TEXT.label("abstract"))
        .order_by(Paper.listed_on.desc(), Paper.id)
        .limit(limit)
    )
    if model_id is None:
        rows = (await session.execute(query)).all()
        texts = [join_text(row.title, row.abstract) for row in rows]
        return await asyncio.to_thread(Statistics.measure, texts, None, np.empty((0, 0), np.float32))
    sent = query.add_columns(VECTOR_BYTES).join(Embedding, Embedding.paper_id == Paper.id)
    embedded = sent.where(Embedding.model_id == model_id, Embedding.vector.is_not(None))
    rows = (await session.execute(embedded)).all()
    texts = [join_text(row.title, row.abstract) for row in rows]
    return await asyncio.to_thread(
        Statistics.measure, texts, model_id, decode_vectors([row.sent for row in rows])
    )


# The bytes of vectors: parsing one from text takes longer than scoring it.
VECTOR_BYTES: Final = func.halfvec_send(Embedding.vector, type_=LargeBinary).label("sent")


def decode_vectors(sent: Sequence[bytes]) -> Matrix:
    """Decode what `halfvec_send` gave: two counts of 16 bits, then the numbers.

    Shape (vectors, dimensions).
    """
    return np.array([decode_vector(vector) for vector in sent], np.float32).reshape(len(sent), -1)


def decode_vector(sent: bytes) -> Floats:
    """Decode one vector of `halfvec_send`."""
    vector: Floats = np.frombuffer(sent, ">f2", offset=4).astype(np.float32)
    return vector


async def _store_version(
    session: WriteSession, measurable: MeasurablePapers, statistics: Statistics, now: datetime
) -> None:
    packed = await asyncio.to_thread(statistics.encode)
    digest = hashlib.sha256(packed).hexdigest()
    values = {
        "papers": measurable.papers,
        "model_id": measurable.model_id,
        "digest": digest,
        "packed": packed,
        "format": FORMAT,
    }
    await session.execute(insert(MeasuredCatalogue).values(measured_at=now, **values))
    retained = _select_newest(MeasuredCatalogue.id).limit(RETAINED_VERSIONS)
    await session.execute(delete(MeasuredCatalogue).where(MeasuredCatalogue.id.not_in(retained)))
