"""What a search's address asks: the question with its vector, and filters. The same for pages and JSON."""

from __future__ import annotations

from asyncio import gather
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final, Self

from fastapi import Depends, Query, Request

from paperround.database import ReadSession
from paperround.papers import arxiv_id
from paperround.papers.period import Period, Span
from paperround.search.filters import Filters
from paperround.search.query import Found, LookedUp, look_up, search
from paperround.search.query_syntax import LONGEST, Question, meaning, read
from paperround.search.query_vectors import QueryVector
from paperround.web.api.papers import Category
from paperround.web.dependencies import BadRequest, database_of, query_vectors_of

MOST_VOTES: Final = 1_000_000


@dataclass(frozen=True)
class Asking:
    """`paper_id`: the question is a paper's id or address. `looked_up`: under the address's filters."""

    question: Question
    paper_id: str | None
    vector: QueryVector | None = None
    looked_up: LookedUp | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        question = read(text)
        return cls(question, arxiv_id.named(question.text))

    @property
    def sentence(self) -> str:
        """What to encode; empty where words won't be searched for."""
        return meaning(self.question) if self.question.words and not self.paper_id else ""

    async def search(self, session: ReadSession, *, filters: Filters, limit: int) -> Found:
        """`filters` are the address's where something was looked up."""
        return await search(
            session, self.question, self.vector, filters=filters, limit=limit, looked_up=self.looked_up
        )


async def understood(request: Request, text: str) -> Asking:
    asking = Asking.of(text)
    return replace(asking, vector=await query_vectors_of(request).of(asking.sentence))


Q = Annotated[
    str | None,
    Query(
        max_length=LONGEST,
        description='Words, "phrases", -exclusions, or; an author; an arXiv id.',
        examples=["waiting for gradients"],
    ),
]


async def asking(request: Request, q: Q = None) -> Asking | None:
    """None without `q`. Stands before the session in a route: encoding must not hold a connection."""
    return None if q is None else await understood(request, q)


async def filters(
    from_: Annotated[
        str, Query(alias="from", description="The first day on a list.", examples=["2025-10-27"])
    ] = "",
    to: Annotated[str, Query(description="The last day on a list.", examples=["2025-11-02"])] = "",
    organization: Annotated[str, Query(max_length=200, description="Its name on the hub.")] = "",
    has_code: Annotated[bool, Query(description="Only papers with code.")] = False,
    min_upvotes: Annotated[int, Query(ge=0, le=MOST_VOTES, description="At least so many.")] = 0,
    feed: Annotated[str, Query(max_length=40, description="On a list of this feed.")] = "",
    category: Category = None,
) -> Filters:
    first, last = _day(from_), _day(to)
    if first and last and first > last:
        raise BadRequest("`from` lies after `to`.")
    return Filters(
        first=first,
        last=last,
        feed=feed or None,
        category=category or None,
        organization=organization or None,
        has_code=has_code,
        min_upvotes=min_upvotes,
    )


def _day(value: str) -> date | None:
    return Span.parse(Period.day, value).first if value else None


Asked = Annotated[Asking | None, Depends(asking)]
Filtered = Annotated[Filters, Depends(filters)]


async def sought(request: Request, filters: Filtered, q: Q = None) -> Asking | None:
    """`asking`, for a search under these filters: while its words are encoded, they are looked up."""
    if q is None:
        return None
    asking, vectors = Asking.of(q), query_vectors_of(request)
    if vectors.at_once(asking.sentence):
        return replace(asking, vector=await vectors.of(asking.sentence))
    vector, found = await gather(vectors.of(asking.sentence), _looked_up(request, asking.question, filters))
    return replace(asking, vector=vector, looked_up=found)


async def _looked_up(request: Request, question: Question, filters: Filters) -> LookedUp | None:
    async with database_of(request).reading() as session:
        return await look_up(session, question, filters=filters)


Sought = Annotated[Asking | None, Depends(sought)]
