"""What a reader gives as what they mean, found in the catalogue: ids, addresses, a library's entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, select, text

from paperround.database import ReadSession
from paperround.papers import arxiv_id
from paperround.papers.search_column import searchable
from paperround.papers.tables import Paper
from paperround.topics.bibliography import Reference

MOST_NAMED: Final = 500  # ids that are read of a text
MOST_TITLES: Final = 500  # that are looked for
SAME_WORDS: Final = 50  # papers with all words of a title in theirs that are compared with it

# A word of a title stands in the column with `=` before it (papers/words.py).
TITLED: Final = text("""
    SELECT given.place, same.id, same.title
    FROM unnest(CAST(:titles AS text[])) WITH ORDINALITY AS given (title, place)
    CROSS JOIN LATERAL (
        SELECT string_agg(quote_literal('=' || lexeme), ' & ')::tsquery AS words
        FROM unnest(to_tsvector('english', given.title))
    ) AS asked
    CROSS JOIN LATERAL (SELECT id, title FROM papers WHERE search @@ asked.words LIMIT :most) AS same
""")


class Named(NamedTuple):
    """Ids in the order in which they were given, and pieces that name no paper."""

    ids: Sequence[str]
    unread: Sequence[str]


class Found(NamedTuple):
    """`paper_ids` in the order of what was given; `missing` in words that the reader knows."""

    paper_ids: Sequence[str]
    missing: Sequence[str]


def named(given: str) -> Named:
    """Ids and addresses with spaces, commas or lines between them."""
    pieces = [piece for piece in re.split(r"[\s,;]+", re.sub(r"(?i)arxiv:\s+", "arxiv:", given)) if piece]
    read = {piece: arxiv_id.named(piece) for piece in pieces[:MOST_NAMED]}
    ids = dict.fromkeys(key for key in read.values() if key)
    return Named(list(ids), [piece for piece, key in read.items() if key is None])


async def known(session: ReadSession, ids: Sequence[str]) -> Found:
    """Which of these the catalogue has."""
    there = await _there(session, ids)
    return Found([key for key in ids if key in there], [key for key in ids if key not in there])


async def of_library(session: ReadSession, references: Sequence[Reference]) -> Found:
    """By arXiv id (a DOI of arXiv's own is one), else by DOI, else by the title, word for word."""
    there = await _there(session, [reference.arxiv_id for reference in references if reference.arxiv_id])
    others = [reference for reference in references if reference.arxiv_id not in there]
    published = await _published(session, {reference.doi for reference in others if reference.doi})
    titled = await _titled(session, {r.title for r in others if r.doi not in published})
    by_reference = {
        r: r.arxiv_id if r.arxiv_id in there else published.get(r.doi) or titled.get(r.title)
        for r in references
    }
    return Found(
        list(dict.fromkeys(key for key in by_reference.values() if key)),
        [reference.label for reference, key in by_reference.items() if key is None],
    )


async def _there(session: ReadSession, ids: Iterable[str]) -> frozenset[str]:
    return frozenset(await session.scalars(select(Paper.id).where(Paper.id.in_(list(ids)))))


async def _published(session: ReadSession, dois: Iterable[str]) -> Mapping[str, str]:
    """DOI → id; of several papers that claim one, the earliest."""
    query = select(Paper.doi, func.min(Paper.id)).where(Paper.doi.in_(list(dois))).group_by(Paper.doi)
    return {doi: paper_id for doi, paper_id in await session.execute(query) if doi}


async def _titled(session: ReadSession, titles: Iterable[str]) -> Mapping[str, str]:
    """Title → id, of those that a paper has exactly, accents and signs aside."""
    asked = sorted(title for title in titles if searchable(title))[:MOST_TITLES]
    words = [searchable(title) for title in asked]
    found: dict[str, str] = {}
    for place, paper_id, title in await session.execute(TITLED, {"titles": words, "most": SAME_WORDS}):
        if searchable(title) == words[place - 1]:
            found[asked[place - 1]] = paper_id
    return found
