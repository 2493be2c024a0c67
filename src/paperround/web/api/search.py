"""/api/v1/search: one ranking by full text and vectors."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from paperround.papers import editions
from paperround.search.analysis import MAX_POSTINGS_PER_TERM
from paperround.search.engine import MAX_RESULTS, SearchResult, SearchResults
from paperround.search.relevance import MatchKind
from paperround.search.results import load_result_papers
from paperround.web.api.schemas import PaperOut
from paperround.web.dependencies import BadRequest, Config, Read
from paperround.web.router import Router
from paperround.web.search_params import Filters, PreparedSearch

router = Router(prefix="/api/v1/search", tags=["search"])


class SearchHit(BaseModel):
    paper: PaperOut
    similarity: float | None = Field(
        description="The cosine of the question's and the paper's vectors, −1 to 1; null without vectors."
    )
    relevance: float = Field(
        ge=0, le=1, description="How probable it is that the paper belongs to the question, for any alike."
    )
    match: MatchKind = Field(
        description="`words`: it has all words of the question, in any form. `meaning`: its vector is near, "
        "though words are missing. `some words`: it has some words, and no vector that counts. `author`: "
        "somebody of this name wrote it."
    )
    words: list[str] = Field(description="Words of the question that it has, the weightiest first.")


class SearchList(BaseModel):
    papers: list[SearchHit] = Field(
        description="The best first. The list ends where papers neither match by the letter nor are likely "
        "to be relevant."
    )
    total: int = Field(description=f"How many have all the words; counted up to {MAX_POSTINGS_PER_TERM:,}.")
    more: bool = Field(description="There are more than were counted.")
    suggestion: str | None = Field(
        description="The question in another spelling, where no paper has its words."
    )
    vectors: bool = Field(description="False while the encoder or vectors are missing: full text alone.")
    calibrated: bool = Field(
        description="False: words alone decide where the list ends, for want of a calibrated model."
    )
    next: None = None


@router.get("", summary="Papers for a question, the best first")
async def find(
    asking: PreparedSearch,
    filters: Filters,
    session: Read,
    settings: Config,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="At most this many papers.")] = 20,
) -> SearchList:
    """Search papers. An arXiv id or a paper's address finds that paper."""
    if asking is None:
        raise BadRequest("Say what to look for: `q`.")
    found = await asking.search(session, filters=filters, limit=limit)
    if asking.paper_id and await editions.find_paper(session, asking.paper_id):
        found = SearchResults([SearchResult.of_id(asking.paper_id)], total=1, used_vectors=False)
    base = settings.address
    return SearchList(
        papers=[
            SearchHit(
                paper=PaperOut.of(paper, base),
                similarity=match.similarity,
                relevance=match.relevance,
                match=match.kind,
                words=list(match.reasons),
            )
            for match, paper in await load_result_papers(session, found.results)
        ],
        total=min(found.total, MAX_POSTINGS_PER_TERM),
        more=found.total > MAX_POSTINGS_PER_TERM,
        suggestion=found.suggestion,
        vectors=found.used_vectors,
        calibrated=found.is_calibrated,
    )
