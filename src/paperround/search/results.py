"""The papers of a search's matches, and which of their words to mark."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import text

from paperround.database import ReadSession
from paperround.papers import editions
from paperround.papers.editions import WITH_NAMES, Loading
from paperround.papers.search_column import words_of
from paperround.papers.tables import Paper
from paperround.search.query import Match
from paperround.search.query_syntax import Question

SHARED = 3  # letters that a word and its stem have in common at least

ALIKE = text("""
    SELECT DISTINCT word FROM unnest(CAST(:words AS text[])) AS word
    JOIN unnest(to_tsvector('english', :question)) AS asked
    ON asked.lexeme = ANY(tsvector_to_array(to_tsvector('english', word)))
""")


async def papers_of(
    session: ReadSession, matches: Sequence[Match], *, load: Loading = WITH_NAMES
) -> list[tuple[Match, Paper]]:
    """Each match with its paper, in the same order."""
    by_id = await editions.papers_of(session, (match.paper_id for match in matches), load=load)
    return [(match, by_id[match.paper_id]) for match in matches if match.paper_id in by_id]


async def words_to_mark(
    session: ReadSession, question: Question, papers: Collection[Paper]
) -> frozenset[str]:
    """Folded words of these papers with the same stem as a word of the question."""
    asked = set(question.words.split())
    beginnings = {word[:SHARED] for word in asked}
    written = {
        word
        for paper in papers
        for word in set(words_of(f"{paper.title} {paper.abstract}"))
        if word[:SHARED] in beginnings
    }
    given = {"words": sorted(written), "question": question.words}
    return frozenset(await session.scalars(ALIKE, given))
