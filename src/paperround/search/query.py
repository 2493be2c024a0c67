"""Searching: full text and vectors in one order, each result with what ranked it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement

from paperround.database import ReadSession
from paperround.search import analysis, full_text, ranker
from paperround.search.analysis import Asked
from paperround.search.features import Numbers
from paperround.search.filters import NO_FILTERS, Filters
from paperround.search.full_text import Worded
from paperround.search.query_syntax import Question
from paperround.search.query_vectors import QueryVector
from paperround.search.retrieval import NEAR, Candidates, gather
from paperround.search.vectors import tell

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


class LookedUp(NamedTuple):
    """What a question's words brought, under some filters."""

    asked: Asked
    words: Worded


async def look_up(
    session: ReadSession, question: Question, *, filters: Filters = NO_FILTERS
) -> LookedUp | None:
    """The part of a search that needs no vector: for the time in which one is made. None without words."""
    if not question.words:
        return None
    where = filters.conditions
    asked = await analysis.read(session, question, near=NEAR, narrowed=_narrowed(question, where))
    return LookedUp(asked, await full_text.look_up(session, asked, where=where))


async def search(
    session: ReadSession,
    question: Question,
    vector: QueryVector | None,
    *,
    filters: Filters = NO_FILTERS,
    limit: int = MOST,
    looked_up: LookedUp | None = None,
) -> Found:
    """The best `limit` papers for a question. `vector` is the question's; without, full text alone ranks.

    `looked_up`: what `look_up` gave for the same question and filters.
    """
    if not question.words:
        return NOTHING
    where = filters.conditions
    narrowed = _narrowed(question, where)
    if looked_up:
        asked, words = looked_up
        await tell(session, NEAR, narrowed=narrowed)
    else:
        asked, words = await analysis.read(session, question, near=NEAR, narrowed=narrowed), None
    view = asked.view(vector)
    papers = await gather(session, asked, view, where=where, worded=words)
    return Found(
        matches=_ranked(asked, papers, limit),
        total=papers.total,
        vectors=view is not None and (not papers.ids or papers.placed),
    )


def _narrowed(question: Question, where: Sequence[ColumnElement[bool]]) -> bool:
    return bool(where or question.phrases or question.banned)


def _ranked(asked: Asked, papers: Candidates, limit: int) -> list[Match]:
    if not papers.ids:
        return []
    scored = ranker.by_words(asked, papers)
    scores = scored.words
    if papers.placed:
        scores = ranker.fused(scored, papers.cosines, length=len(asked.written))
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
