"""Finds the papers that a reader names: by ids, addresses, or a library's entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, select, text

from paperround.database import ReadSession
from paperround.papers import arxiv_id
from paperround.papers.tables import Paper
from paperround.text.words import normalise_words
from paperround.topics.bibliography import Reference

MAX_IDS: Final = 500  # that are read from a text
TITLE_BATCH: Final = 200  # titles that one statement looks up
MAX_TITLE_CANDIDATES: Final = 50  # papers with all words of a title that are compared with it

# A word of a title stands in the search column with `=` before it (papers/search_column.py).
FIND_BY_TITLE: Final = text("""
    SELECT given.place, same.id, same.title
    FROM unnest(CAST(:titles AS text[])) WITH ORDINALITY AS given (title, place)
    CROSS JOIN LATERAL (
        SELECT string_agg(quote_literal('=' || lexeme), ' & ')::tsquery AS words
        FROM unnest(to_tsvector('english', given.title))
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT id, CASE WHEN read_hash = text_hash THEN coalesce(read_title, title) ELSE title END AS title
        FROM papers WHERE search @@ asked.words LIMIT :most) AS same
""")


class ParsedIds(NamedTuple):
    """The ids in a text, in its order, and the pieces that name no paper."""

    ids: Sequence[str]
    unrecognised: Sequence[str]


class ResolvedExamples(NamedTuple):
    """Examples that the catalogue has, in the given order, and the missing ones in the reader's own words."""

    paper_ids: Sequence[str]
    missing: Sequence[str]
    unfound: Sequence[Reference] = ()  # of a library, as its file has them


def parse_ids(text: str) -> ParsedIds:
    """Parse ids and addresses that spaces, commas or line breaks separate."""
    pieces = [piece for piece in re.split(r"[\s,;]+", re.sub(r"(?i)arxiv:\s+", "arxiv:", text)) if piece]
    ids_by_piece = {piece: arxiv_id.parse_id_or_url(piece) for piece in pieces[:MAX_IDS]}
    ids = dict.fromkeys(paper_id for paper_id in ids_by_piece.values() if paper_id)
    return ParsedIds(list(ids), [piece for piece, paper_id in ids_by_piece.items() if paper_id is None])


async def resolve_ids(session: ReadSession, ids: Sequence[str]) -> ResolvedExamples:
    """Find which of these papers the catalogue has."""
    present_ids = await _find_present(session, ids)
    return ResolvedExamples(
        [paper_id for paper_id in ids if paper_id in present_ids],
        [paper_id for paper_id in ids if paper_id not in present_ids],
    )


async def resolve_references(session: ReadSession, references: Sequence[Reference]) -> ResolvedExamples:
    """Find the papers of a library by arXiv id (or arXiv's own DOI), else by DOI, else by the exact words of
    the title."""
    present_ids = await _find_present(
        session, [reference.arxiv_id for reference in references if reference.arxiv_id]
    )
    others = [reference for reference in references if reference.arxiv_id not in present_ids]
    ids_by_doi = await _find_by_doi(session, {reference.doi for reference in others if reference.doi})
    ids_by_title = await _find_by_title(
        session, {reference.title for reference in others if reference.doi not in ids_by_doi}
    )
    by_reference = {
        reference: reference.arxiv_id
        if reference.arxiv_id in present_ids
        else ids_by_doi.get(reference.doi) or ids_by_title.get(reference.title)
        for reference in references
    }
    return ResolvedExamples(
        list(dict.fromkeys(paper_id for paper_id in by_reference.values() if paper_id)),
        [reference.label for reference, paper_id in by_reference.items() if paper_id is None],
        [reference for reference, paper_id in by_reference.items() if paper_id is None],
    )


async def _find_present(session: ReadSession, ids: Iterable[str]) -> frozenset[str]:
    return frozenset(await session.scalars(select(Paper.id).where(Paper.id.in_(list(ids)))))


async def _find_by_doi(session: ReadSession, dois: Iterable[str]) -> Mapping[str, str]:
    """Map DOIs to ids. Of several papers that claim a DOI the earliest has it."""
    query = select(Paper.doi, func.min(Paper.id)).where(Paper.doi.in_(list(dois))).group_by(Paper.doi)
    return {doi: paper_id for doi, paper_id in await session.execute(query) if doi}


async def _find_by_title(session: ReadSession, titles: Iterable[str]) -> Mapping[str, str]:
    """Map titles to the ids of papers that have exactly these words, apart from accents and signs."""
    words_by_title = {title: words for title in sorted(titles) if (words := normalise_words(title))}
    ids_by_title: dict[str, str] = {}
    items = list(words_by_title.items())
    for start in range(0, len(items), TITLE_BATCH):
        batch = items[start : start + TITLE_BATCH]
        parameters = {"titles": [words for _, words in batch], "most": MAX_TITLE_CANDIDATES}
        for place, paper_id, title in await session.execute(FIND_BY_TITLE, parameters):
            asked, words = batch[place - 1]
            if normalise_words(title) == words:
                ids_by_title[asked] = paper_id
    return ids_by_title
