"""Parses the parameters of a search: the question, with its vector, and the filters.

Pages and the API share it.
"""

from __future__ import annotations

from asyncio import gather
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final, Self

from fastapi import Depends, Query, Request

from paperround.database import ReadSession
from paperround.i18n.messages import gettext as _
from paperround.papers import arxiv_id
from paperround.papers.period import EditionPeriod, Period
from paperround.search.engine import SearchResults, TextLookup, look_up_text, search
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import MAX_QUERY_LENGTH, ParsedQuery, parse_query, text_to_encode
from paperround.search.query_vectors import QueryVector
from paperround.web.dependencies import BadRequest, database_of, query_encoder_of
from paperround.web.params import Category
from paperround.web.security.costs import begin_costly_request

MAX_VOTES: Final = 1_000_000


@dataclass(frozen=True)
class SearchRequest:
    """A search as it was requested.

    `paper_id` is set if the question is a paper's id or address. `text_lookup` was made under the filters of
    the same address.
    """

    query: ParsedQuery
    paper_id: str | None
    vector: QueryVector | None = None
    text_lookup: TextLookup | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        question = parse_query(text)
        return cls(question, arxiv_id.parse_id_or_url(question.text))

    @property
    def text_to_encode(self) -> str:
        """The text to encode. It is empty where words are not searched for."""
        return text_to_encode(self.query) if self.query.words and not self.paper_id else ""

    async def search(self, session: ReadSession, *, filters: SearchFilters, limit: int) -> SearchResults:
        """Run the search. `filters` must be those of the address if something was looked up already."""
        return await search(
            session, self.query, self.vector, filters=filters, limit=limit, text_lookup=self.text_lookup
        )


async def encode_search(request: Request, text: str) -> SearchRequest:
    """Parse and encode a search. Raises `TooMany`."""
    await begin_costly_request(request)
    search_request = SearchRequest.parse(text)
    vector = await _encode(request, search_request)
    return replace(search_request, vector=vector)


async def _encode(request: Request, search_request: SearchRequest) -> QueryVector | None:
    """Encode the text. An answer without the vector that there should be is kept for nobody else."""
    vectors = query_encoder_of(request)
    vector = await vectors.encode(search_request.text_to_encode)
    if vector is None and vectors.has_encoder and search_request.text_to_encode:
        request.state.is_provisional = True
    return vector


Q = Annotated[
    str | None,
    Query(
        max_length=MAX_QUERY_LENGTH,
        description='Words, "phrases", -exclusions, or; an author; an arXiv id.',
        examples=["waiting for gradients"],
    ),
]


async def parse_search(request: Request, q: Q = None) -> SearchRequest | None:
    """Parse a search, or return None without `q`.

    A route must depend on it before the session, so that encoding holds no database connection.
    """
    return None if q is None else await encode_search(request, q)


async def parse_filters(
    from_: Annotated[
        str, Query(alias="from", description="The first day on a list.", examples=["2025-10-27"])
    ] = "",
    to: Annotated[str, Query(description="The last day on a list.", examples=["2025-11-02"])] = "",
    organization: Annotated[str, Query(max_length=200, description="Its name on the hub.")] = "",
    has_code: Annotated[bool, Query(description="Only papers with code.")] = False,
    min_upvotes: Annotated[int, Query(ge=0, le=MAX_VOTES, description="At least this many.")] = 0,
    feed: Annotated[str, Query(max_length=40, description="On a list of this feed.")] = "",
    category: Category = None,
) -> SearchFilters:
    first, last = _parse_day(from_), _parse_day(to)
    if first and last and first > last:
        raise BadRequest(_("`from` is after `to`."))
    return SearchFilters(
        first_day=first,
        last_day=last,
        feed=feed or None,
        categories=(category,) if category else (),
        organization=organization or None,
        has_code=has_code,
        min_upvotes=min_upvotes,
    )


def _parse_day(value: str) -> date | None:
    return EditionPeriod.parse(Period.day, value).first if value else None


OptionalSearch = Annotated[SearchRequest | None, Depends(parse_search)]
Filters = Annotated[SearchFilters, Depends(parse_filters)]


async def parse_and_look_up(request: Request, filters: Filters, q: Q = None) -> SearchRequest | None:
    """Parse a search under its filters. Its words are looked up while they are encoded."""
    if q is None:
        return None
    await begin_costly_request(request)
    search_request, vectors = SearchRequest.parse(q), query_encoder_of(request)
    if vectors.is_immediate(search_request.text_to_encode):
        return replace(search_request, vector=await _encode(request, search_request))
    vector, lookup = await gather(
        _encode(request, search_request), _look_up_words(request, search_request.query, filters)
    )
    return replace(search_request, vector=vector, text_lookup=lookup)


async def _look_up_words(
    request: Request, question: ParsedQuery, filters: SearchFilters
) -> TextLookup | None:
    async with database_of(request).read_session() as session:
        return await look_up_text(session, question, filters=filters)


PreparedSearch = Annotated[SearchRequest | None, Depends(parse_and_look_up)]
