"""Searching: full text and vectors in one order, each result with what ranked it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Select, exists, func, select, text

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import FRESH_LISTING, Listing, Paper
from paperround.search import ranking, wording
from paperround.search.nearest import nearest
from paperround.search.query_vectors import Numbers as Vector
from paperround.search.query_vectors import QueryVector
from paperround.search.question import Question
from paperround.search.wording import Asked, Numbers, Wording

CANDIDATES: Final = 200  # that each view brings
MOST: Final = 50  # results
SAMPLE: Final = 200  # vectors that tell how far cosines spread
REASONS: Final = 5


@dataclass(frozen=True)
class Filters:
    """Which papers may be found. Days are those of listings, both included; None: no bound."""

    first: date | None = None
    last: date | None = None
    feed: str | None = None
    organization: str | None = None
    has_code: bool = False
    min_upvotes: int = 0
    among: Select[str] | None = None  # ids of papers

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.organization:
            found.append(Paper.organization_name == self.organization)
        if self.has_code:
            found.append(Paper.github_url.is_not(None))
        if self.min_upvotes:
            found.append(Paper.votes >= self.min_upvotes)
        if self.among is not None:
            found.append(Paper.id.in_(self.among))
        listed: list[ColumnElement[bool]] = []
        if self.first:
            listed.append(Listing.day >= self.first)
        if self.last:
            listed.append(Listing.day <= self.last)
        if self.feed:
            listed.append(Listing.feed == self.feed)
        if listed:
            found.append(exists().where(Listing.paper_id == Paper.id, FRESH_LISTING, *listed))
        return found


class Match(NamedTuple):
    """`similarity`: cosine, −1 to 1, None without vectors. `reasons`: shared words, the weightiest first."""

    paper_id: str
    score: float
    similarity: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """`total`: papers with all the words, counted up to `wording.MOST_COUNTED` + 1."""

    matches: Sequence[Match] = ()
    total: int = 0
    vectors: bool = False


NOTHING: Final = Found()


async def search(
    session: ReadSession,
    question: Question,
    vector: QueryVector | None,
    *,
    filters: Filters = Filters(),
    limit: int = MOST,
) -> Found:
    """The best `limit` papers for a question. `vector` is the question's; without, full text alone ranks."""
    if not question.words:
        return NOTHING
    await session.execute(
        text("SET LOCAL enable_seqscan = off")
    )  # an estimate too low must not read everything
    asked = await wording.read(session, question)
    where = filters.conditions
    view = await _view(session, vector) if vector else None
    near = await _near(session, view, asked, where) if view else {}
    worded = await wording.candidates(session, asked, limit=CANDIDATES, where=where)
    look = await wording.look(session, asked, sorted({*worded, *near}))
    cosines = await _cosines(session, view, look.ids, near)
    return Found(
        matches=_ranked(question, asked, look, cosines, view)[:limit],
        total=await wording.count(session, asked, where),
        vectors=view is not None,
    )


@dataclass(frozen=True)
class _View:
    """The question under the current model; `spread` of its cosines over the catalogue."""

    model_id: int
    vector: Vector
    spread: float


async def _view(session: ReadSession, vector: QueryVector) -> _View | None:
    """None when the current model isn't the one that the vector is of, or has no vectors yet."""
    current = select(EmbeddingModel.id, EmbeddingModel.dimensions).where(
        EmbeddingModel.state == ModelState.current, EmbeddingModel.name == vector.model
    )
    model = (await session.execute(current)).one_or_none()
    if model is None or len(vector.numbers) != model.dimensions:
        return None
    some = select(Embedding.vector.cosine_distance(vector.numbers).label("distance"))
    some = some.where(Embedding.model_id == model.id, Embedding.vector.is_not(None)).limit(SAMPLE)
    spread = await session.scalar(select(func.stddev_pop(some.subquery().c.distance)))
    return _View(model.id, vector.numbers, max(spread, 1e-3)) if spread is not None else None


async def _near(
    session: ReadSession, view: _View, asked: Asked, where: Sequence[ColumnElement[bool]]
) -> Mapping[str, float]:
    conditions = [*where, *wording.required(asked)]
    return dict(
        await nearest(session, view.vector, limit=CANDIDATES, where=conditions, model_id=view.model_id)
    )


async def _cosines(
    session: ReadSession, view: _View | None, ids: Sequence[str], near: Mapping[str, float]
) -> Numbers:
    """Each paper's cosine; NaN where there is none."""
    known = dict(near)
    if view and (others := [key for key in ids if key not in near]):
        rows = await session.execute(
            select(Embedding.paper_id, 1 - Embedding.vector.cosine_distance(view.vector)).where(
                Embedding.model_id == view.model_id,
                Embedding.paper_id.in_(others),
                Embedding.vector.is_not(None),
            )
        )
        known |= {key: float(cosine) for key, cosine in rows}
    return np.array([known.get(key, np.nan) for key in ids], np.float64)


def _ranked(
    question: Question, asked: Asked, look: Wording, cosines: Numbers, view: _View | None
) -> list[Match]:
    if not look.ids:
        return []
    parts = ranking.contributions(asked.terms, look)
    words = parts.sum(axis=1) + ranking.in_a_row(look, papers=asked.papers)
    scores = words
    if view:
        scores = ranking.fused(
            words,
            cosines,
            cosine_spread=view.spread,
            literal=int(look.phrase.sum()) >= ranking.HOLDERS,
        )
    by_name = int(look.named.sum()) >= max(1, int((look.strict & ~look.named).sum()))
    scores = scores + (1e3 * look.named if by_name else 0)
    best = np.argsort(-scores, kind="stable")
    written = question.words.split()
    return [
        Match(
            look.ids[row],
            float(scores[row]),
            None if np.isnan(cosines[row]) else float(cosines[row]),
            _reasons(parts[row], asked, written),
        )
        for row in best
    ]


def _reasons(parts: Numbers, asked: Asked, written: Sequence[str]) -> tuple[str, ...]:
    """The single words that a paper shares with the question, as they were written, the weightiest first."""
    heaviest = np.argsort(-parts, kind="stable")[:REASONS]
    places = [asked.terms[column].places[0] - 1 for column in heaviest if parts[column] > 0]
    return tuple(dict.fromkeys(written[place] for place in places if place < len(written)))
