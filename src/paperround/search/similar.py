"""Finds papers similar to a paper, by the cosine of their vectors under the current model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Text, bindparam, cast, select

from paperround.arrays import np
from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers import editions
from paperround.papers.rows import PaperRow
from paperround.reads import Asked, Read, RoundTrip, answer, first_of
from paperround.search.vectors import ModelVector, find_nearest


class NearestPaper(NamedTuple):
    """A similar paper. `similarity` is the cosine, −1 to 1."""

    paper: PaperRow
    similarity: float


VECTOR: Final = Read(
    select(Embedding.model_id, cast(Embedding.vector, Text))
    .join(EmbeddingModel)
    .where(
        EmbeddingModel.state == ModelState.current,
        Embedding.paper_id == bindparam("paper_id", type_=Text),
        Embedding.vector.is_not(None),
    ),
    lambda model_id, vector: ModelVector(model_id, np.fromstring(vector[1:-1], np.float32, sep=",")),
)


def ask_vector(trip: RoundTrip, paper_id: str) -> Asked[ModelVector | None]:
    """Ask for the vector of a paper under the current model, if there is one."""
    return trip.ask(VECTOR, {"paper_id": paper_id}, first_of)


async def find_similar_papers(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[NearestPaper]:
    """Find the nearest papers, nearest first. There are none while the paper itself has no vector."""
    vector = await answer(session, lambda trip: ask_vector(trip, paper_id))
    return await list_similar_papers(session, paper_id, vector, limit=limit)


async def list_similar_papers(
    session: ReadSession, paper_id: str, vector: ModelVector | None, *, limit: int
) -> Sequence[NearestPaper]:
    """List the papers nearest to a paper's vector as `find_similar_papers` does."""
    if vector is None:
        return []
    # One more, because the paper is nearest to itself.
    neighbors = await find_nearest(session, vector.vector, limit=limit + 1, model_id=vector.model_id)
    cosines = dict([(near.paper_id, near.cosine) for near in neighbors if near.paper_id != paper_id][:limit])
    by_id = await editions.load_papers(session, cosines)
    return [NearestPaper(by_id[key], cosine) for key, cosine in cosines.items() if key in by_id]
