"""What a paper is found by: its search column, kept with the text in one transaction.

Lexemes of the title weigh A, of the abstract B, names of authors C. A lexeme of the title stands there a
second time with `=` before it (no word of a query can begin so): an index knows no weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import selectinload

from paperround.database import WriteSession
from paperround.papers.tables import Author, Paper
from paperround.text.markup import folded

LONGEST_TEXT: Final = 50_000  # characters of a text that are searched
WORD: Final = re.compile(r"[^\W_]+(?:\.[0-9]+)*")
BATCH: Final = 500

# Names are kept stemmed too, as queries are; unstemmed because some are stop words ("Will") to the stemmer.
FILL: Final = text("""
    UPDATE papers SET search = setweight(given.title, 'A') || setweight(given.abstract, 'B')
        || setweight(given.names, 'C') || setweight(given.stemmed, 'C')
        || array_to_tsvector(ARRAY(SELECT '=' || lexeme FROM unnest(given.title)))
    FROM (
        SELECT id, to_tsvector('english', title) AS title, to_tsvector('english', abstract) AS abstract,
            to_tsvector('simple', names) AS names, to_tsvector('english', names) AS stemmed
        FROM unnest(CAST(:ids AS text[]), CAST(:titles AS text[]), CAST(:abstracts AS text[]),
            CAST(:names AS text[])) AS given (id, title, abstract, names)
        OFFSET 0
    ) AS given
    WHERE papers.id = given.id
""")


class Searched(NamedTuple):
    """The texts that a paper is found by."""

    title: str
    abstract: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, paper: Paper) -> Searched:
        return cls(paper.title, paper.abstract, tuple(a.name for a in paper.authors if not a.hidden))


def words_of(value: str) -> list[str]:
    """Folded. PostgreSQL would read `-4` of `GPT-4` as a number, `a/b` as a path."""
    return WORD.findall(folded(value[:LONGEST_TEXT]))


def searchable(value: str) -> str:
    """Its words with single spaces."""
    return " ".join(words_of(value))


async def index_words(session: WriteSession, papers: Iterable[tuple[str, Searched]]) -> None:
    """Fill the search column of papers (id and texts)."""
    rows = list(papers)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        values: dict[str, Sequence[str]] = {
            "ids": [key for key, _ in part],
            "titles": [searchable(texts.title) for _, texts in part],
            "abstracts": [searchable(texts.abstract) for _, texts in part],
            "names": [searchable(" ".join(texts.names)) for _, texts in part],
        }
        await session.execute(FILL, values)


async def index_missing(session: WriteSession, *, limit: int = BATCH) -> int:
    """Fill the column of papers that an older program stored without; how many."""
    lacking = select(Paper).where(Paper.search.is_(None)).order_by(Paper.id).limit(limit)
    query = lacking.options(selectinload(Paper.authors).load_only(Author.name, Author.hidden))
    papers = (await session.scalars(query.with_for_update(skip_locked=True, of=Paper))).all()
    await index_words(session, [(paper.id, Searched.of(paper)) for paper in papers])
    return len(papers)
