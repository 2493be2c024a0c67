"""Loads the papers of search results and finds which of their words to highlight."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import text

from paperround.database import ReadSession
from paperround.papers import editions
from paperround.papers.rows import PaperRow
from paperround.search.engine import SearchResult
from paperround.search.query_syntax import ParsedQuery
from paperround.text.words import split_words

STEM_PREFIX_LENGTH = 3  # a word and its stem share at least so many letters

WORDS_WITH_STEM = text("""
    SELECT DISTINCT word FROM unnest(CAST(:words AS text[])) AS word
    JOIN unnest(to_tsvector('english', :query)) AS term
    ON term.lexeme = ANY(tsvector_to_array(to_tsvector('english', word)))
""")


async def load_result_papers(
    session: ReadSession, results: Sequence[SearchResult], *, with_authors: bool = False
) -> list[tuple[SearchResult, PaperRow]]:
    """Load the paper of each result, in the same order. Papers that are gone are left out."""
    by_id = await editions.load_papers(
        session, (result.paper_id for result in results), with_authors=with_authors
    )
    return [(result, by_id[result.paper_id]) for result in results if result.paper_id in by_id]


async def find_highlighted_words(
    session: ReadSession, query: ParsedQuery, papers: Collection[PaperRow]
) -> frozenset[str]:
    """Find the papers' words, folded, that share a stem with a word of the query."""
    query_words = set(query.words.split())
    prefixes = {word[:STEM_PREFIX_LENGTH] for word in query_words}
    candidates = {
        word
        for paper in papers
        for word in set(split_words(f"{paper.title_text} {paper.abstract_text}"))
        if word[:STEM_PREFIX_LENGTH] in prefixes
    }
    parameters = {"words": sorted(candidates), "query": query.words}
    return frozenset(await session.scalars(WORDS_WITH_STEM, parameters))
