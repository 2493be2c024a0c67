"""Makes the map of the field when its papers have changed, and reads it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import insert

from paperround import bounded_child
from paperround.database import Database, ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.field_map.messages import Drawing, MapInputs
from paperround.field_map.tables import FieldMap
from paperround.papers.tables import ABSTRACT_TEXT, TEXT_HASH, TITLE_TEXT, Paper
from paperround.topics.corpus import VECTOR_BYTES, decode_vectors

logger = structlog.get_logger(__name__)

PROJECTOR: Final = "paperround.field_map.projector"
FORMAT: Final = 1  # another one makes the map anew
EXTENT: Final = timedelta(days=30)  # back from the newest paper
MAX_PAPERS: Final = 450  # the most voted; a page of them stays below 100 kB
MIN_PAPERS: Final = 12
MIN_AGE: Final = timedelta(hours=1)  # of a map, before the next one is made
MAX_TIME: Final = 300.0  # seconds
MAX_OUTPUT: Final = 200_000  # bytes
DRAWING_LOCK: Final = 0x666D6170  # an advisory lock, so that one worker draws at a time: "fmap"


@dataclass(frozen=True)
class MapPoint:
    """A paper on the map, in the units of its frame."""

    paper_id: str
    title: str
    votes: int
    x: int
    y: int
    group: int


@dataclass(frozen=True)
class ShownMap:
    """The map: when it was made, its papers, and the names of their groups."""

    made_at: datetime
    points: tuple[MapPoint, ...]
    names: tuple[str, ...]


async def renew_map(database: Database, *, now: datetime) -> bool:
    """Make the map again if its papers have changed and it is an hour old. Returns whether it did.

    A map that can't be drawn is one line in the log; the former one stays.
    """
    async with database.write_session() as session:
        locked = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": DRAWING_LOCK})
        last = await session.get(FieldMap, 1)
        if not locked or (last is not None and last.made_at > now - MIN_AGE):
            return False
        papers = await _load_papers(session)
        inputs = _hash_papers(papers)
        if len(papers) < MIN_PAPERS or (last is not None and last.inputs == inputs):
            return False
        former = {point[0]: (point[1], point[2]) for point in last.content["points"]} if last else {}
        sent = await asyncio.to_thread(_write_inputs, papers, former)
        try:
            drawn = await bounded_child.run(PROJECTOR, sent, seconds=MAX_TIME, max_output=MAX_OUTPUT)
        except bounded_child.ChildFailed as error:
            logger.warning("the map could not be drawn", error=str(error))
            return False
        content = _write_content(papers, Drawing.decode(drawn))
        values = {"made_at": now, "inputs": inputs, "content": content}
        stored = insert(FieldMap).values(id=1, **values)
        await session.execute(stored.on_conflict_do_update(index_elements=["id"], set_=values))
    logger.info("drew the map", papers=len(papers))
    return True


async def _load_papers(session: ReadSession) -> Sequence[Row[Any]]:
    """Load the most voted papers of the month up to the newest one, with their vectors, by id."""
    newest = select(func.max(Paper.listed_on)).scalar_subquery()
    chosen = (
        select(
            Paper.id,
            TITLE_TEXT.label("title"),
            ABSTRACT_TEXT.label("abstract"),
            TEXT_HASH.label("text_hash"),
            EmbeddingModel.id.label("model_id"),
            VECTOR_BYTES,
        )
        .join(Embedding, Embedding.paper_id == Paper.id)
        .join(EmbeddingModel, EmbeddingModel.id == Embedding.model_id)
        .where(EmbeddingModel.state == ModelState.current, Embedding.vector.is_not(None))
        .where(Paper.listed_on > newest - EXTENT.days, ~Paper.withdrawn)
        .order_by(Paper.votes.desc(), Paper.id)
        .limit(MAX_PAPERS)
    )
    rows: Iterable[Any] = (await session.execute(chosen)).all()
    return sorted(rows, key=lambda row: str(row.id))


def _hash_papers(papers: Sequence[Row[Any]]) -> str:
    named = [f"{FORMAT}", *(f"{row.id} {row.text_hash} {row.model_id}" for row in papers)]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def _write_inputs(papers: Sequence[Row[Any]], former: dict[str, tuple[int, int]]) -> bytes:
    return MapInputs(
        tuple(f"{row.title}\n{row.abstract}" for row in papers),
        tuple(former.get(row.id) for row in papers),
        decode_vectors([row.sent for row in papers]),
    ).encode()


def _write_content(papers: Sequence[Row[Any]], drawing: Drawing) -> dict[str, Any]:
    placed = zip(papers, drawing.places, drawing.groups, strict=True)
    return {"points": [[row.id, *place, group] for row, place, group in placed], "groups": drawing.names}


async def load_map(session: ReadSession) -> ShownMap | None:
    """Load the map with those of its papers that are still here; None before the first one."""
    stored = await session.get(FieldMap, 1)
    if stored is None:
        return None
    places = {paper_id: (x, y, group) for paper_id, x, y, group in stored.content["points"]}
    query = (
        select(Paper.id, TITLE_TEXT, Paper.votes)
        .where(Paper.id.in_(places))
        .order_by(Paper.votes.desc(), Paper.id)
    )
    rows = await session.execute(query)
    points = tuple(MapPoint(paper_id, title, votes, *places[paper_id]) for paper_id, title, votes in rows)
    return ShownMap(stored.made_at, points, tuple(stored.content["groups"]))
