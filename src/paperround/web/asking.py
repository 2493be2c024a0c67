"""What a search's address asks: the question with its vector, and filters. The same for pages and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, cast

from fastapi import Depends, Query, Request

from paperround.papers import arxiv_id
from paperround.papers.span import Period, Span
from paperround.search.filters import Filters
from paperround.search.query_vectors import QueryVector, QueryVectors
from paperround.search.question import LONGEST, Question, meaning, read
from paperround.web.api.papers import Category
from paperround.web.request import BadRequest

MOST_VOTES: Final = 1_000_000


@dataclass(frozen=True)
class Asking:
    """`paper_id`: the question is a paper's id or address."""

    question: Question
    paper_id: str | None
    vector: QueryVector | None


async def understood(request: Request, text: str) -> Asking:
    question = read(text)
    named = arxiv_id.named(question.text)
    vectors = cast(QueryVectors, request.app.state.query_vectors)
    wanted = not named and question.words
    return Asking(question, named, await vectors.of(meaning(question)) if wanted else None)


async def asking(
    request: Request,
    q: Annotated[
        str | None,
        Query(
            max_length=LONGEST,
            description='Words, "phrases", -exclusions, or; an author; an arXiv id.',
            examples=["waiting for gradients"],
        ),
    ] = None,
) -> Asking | None:
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
