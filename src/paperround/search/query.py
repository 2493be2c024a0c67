"""Searching: full text and vectors in one order, each result with what ranked it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from paperround.database import ReadSession
from paperround.embeddings.tables import EmbeddingModel
from paperround.search import ranking, wording
from paperround.search.candidates import Candidates, Numbers, gather, required
from paperround.search.filters import NO_FILTERS, Filters
from paperround.search.nearest import CURRENT, View, effort, near, prepared
from paperround.search.query_vectors import QueryVector
from paperround.search.question import Question
from paperround.search.wording import Asked

NEAR: Final = 60  # papers that vectors bring
MOST: Final = 50  # results
REASONS: Final = 5


class Match(NamedTuple):
    """`similarity`: cosine, −1 to 1, None without vectors. `reasons`: shared words, the weightiest first."""

    paper_id: str
    score: float
    similarity: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """`total`: papers with all the words, counted up to `wording.POSTING` + 1."""

    matches: Sequence[Match] = ()
    total: int = 0
    vectors: bool = False


NOTHING: Final = Found()


async def search(
    session: ReadSession,
    question: Question,
    vector: QueryVector | None,
    *,
    filters: Filters = NO_FILTERS,
    limit: int = MOST,
) -> Found:
    """The best `limit` papers for a question. `vector` is the question's; without, full text alone ranks."""
    if not question.words:
        return NOTHING
    asked = await wording.read(session, question)
    where = filters.conditions
    view = await _view(session, vector, filtered=bool(where or asked.required)) if vector else None
    nearby = await near(session, view, limit=NEAR, where=[*where, *required(asked)]) if view else []
    papers = await gather(session, asked, near=[key for key, _ in nearby], view=view, where=where)
    return Found(
        matches=_ranked(asked, papers, limit),
        total=papers.total,
        vectors=bool(nearby) or (view is not None and not papers.ids),
    )


async def _view(session: ReadSession, vector: QueryVector, *, filtered: bool) -> View | None:
    """None when the current model isn't the one that the vector is of."""
    looking = effort(NEAR) * (2 if filtered else 1)
    return await prepared(
        session, vector.numbers, CURRENT, EmbeddingModel.name == vector.model, effort=looking
    )


def _ranked(asked: Asked, papers: Candidates, limit: int) -> list[Match]:
    if not papers.ids:
        return []
    scored = ranking.by_words(asked, papers)
    known = not np.isnan(papers.cosines).all()
    scores = ranking.fused(scored, papers.cosines, length=len(asked.written)) if known else scored.words
    by_name = int(papers.named.sum()) >= max(1, int((papers.strict & ~papers.named).sum()))
    scores = scores + (1e3 * papers.named if by_name else 0)
    return [
        Match(
            papers.ids[row],
            float(scores[row]),
            None if np.isnan(papers.cosines[row]) else float(papers.cosines[row]),
            _reasons(scored.parts[row], asked),
        )
        for row in np.argsort(-scores, kind="stable")[:limit]
    ]


def _reasons(parts: Numbers, asked: Asked) -> tuple[str, ...]:
    """The single words that a paper shares with the question, as they were written, the weightiest first."""
    heaviest = np.argsort(-parts, kind="stable")[:REASONS]
    places = [asked.terms[column].places[0] for column in heaviest if parts[column] > 0]
    return tuple(dict.fromkeys(asked.written[place] for place in places))
