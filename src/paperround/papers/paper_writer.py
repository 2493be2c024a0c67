"""Writes papers with all that belongs to their rows: authors, and the search column. A statement for all.

The caller holds the locks of the papers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Insert, Integer, Update, column, delete, insert, select, update

from paperround.bulk_rows import find_table, given_rows, write_rows
from paperround.database import WriteSession
from paperround.papers.paper_values import COLUMNS, PaperValues
from paperround.papers.rows import AuthorRow
from paperround.papers.search_column import (
    PAPERS,
    SEARCH_VALUES,
    WORD_COLUMNS,
    SearchableText,
    fill_search_column,
)
from paperround.papers.tables import Author
from paperround.papers.upserts import UPSERT_AUTHORS

AUTHORS: Final = find_table(Author)
MAX_UPDATES: Final = 100  # statements that are kept, one for each set of columns that changed together


def _insert_papers() -> Insert:
    given = given_rows(PAPERS, COLUMNS, *WORD_COLUMNS)
    values = {name: given.c[name] for name in COLUMNS} | SEARCH_VALUES
    return insert(PAPERS).from_select(list(values), select(*values.values()))


@lru_cache(MAX_UPDATES)
def _update_papers(names: Sequence[str]) -> Update:
    given = given_rows(PAPERS, ("id", *names))
    return update(PAPERS).where(PAPERS.c.id == given.c.id).values({name: given.c[name] for name in names})


INSERT_PAPERS: Final = _insert_papers()
COUNTS: Final = given_rows(AUTHORS, ("paper_id",), column("authors", Integer()))
DELETE_FURTHER_AUTHORS: Final = delete(AUTHORS).where(
    AUTHORS.c.paper_id == COUNTS.c.paper_id, AUTHORS.c.position >= COUNTS.c.authors
)


async def insert_papers(session: WriteSession, papers: Iterable[PaperValues]) -> None:
    """Insert papers that the catalogue doesn't have."""
    new = list(papers)
    rows = [paper.as_row() | SearchableText.from_values(paper).list_words() for paper in new]
    await write_rows(session, INSERT_PAPERS, rows)
    await _write_authors(session, [((), paper) for paper in new])


async def update_papers(
    session: WriteSession, before: Mapping[str, PaperValues], after: Mapping[str, PaperValues]
) -> int:
    """Write what differs of papers, both given by id: columns, authors and what papers are found by.

    Returns how many have another title or abstract as text, and so need another vector.
    """
    pairs = [(before[paper_id], paper) for paper_id, paper in after.items() if before[paper_id] != paper]
    rows_by_columns: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for old, new in pairs:
        names = tuple(name for name in COLUMNS if getattr(old, name) != getattr(new, name))
        if names:
            rows_by_columns[names].append({"id": new.id} | {name: getattr(new, name) for name in names})
    for names, rows in rows_by_columns.items():
        await write_rows(session, _update_papers(names), rows)
    await _write_authors(session, [(old.authors, new) for old, new in pairs if old.authors != new.authors])
    texts = [(new.id, SearchableText.from_values(old), SearchableText.from_values(new)) for old, new in pairs]
    await fill_search_column(session, [(paper_id, new) for paper_id, old, new in texts if old != new])
    return sum((old.title, old.abstract) != (new.title, new.abstract) for _, old, new in texts)


async def _write_authors(
    session: WriteSession, papers: Iterable[tuple[Sequence[AuthorRow], PaperValues]]
) -> None:
    """Write the authors that differ from those before: one changed status among hundreds is one row."""
    rows, counts = [], []
    for before, paper in papers:
        for position, author in enumerate(paper.authors):
            if position >= len(before) or before[position] != author:
                rows.append({"paper_id": paper.id, "position": position} | author._asdict())
        if len(before) > len(paper.authors):
            counts.append({"paper_id": paper.id, "authors": len(paper.authors)})
    await write_rows(session, UPSERT_AUTHORS, rows)
    await write_rows(session, DELETE_FURTHER_AUTHORS, counts)
