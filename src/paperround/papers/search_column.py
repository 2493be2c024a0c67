"""The search column of a paper, written in the same transaction as its text.

Lexemes of the title have weight A, those of the abstract B and names of authors C. Since an index stores no
weights, each lexeme of the title is stored a second time with `=` before it. The keys of `text.names`, by
which authors are found, begin with `@`. No word of a query begins with either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import selectinload

from paperround.database import WriteSession
from paperround.papers.tables import Author, Paper
from paperround.text.names import list_name_keys
from paperround.text.words import list_spelling_variants, split_words

BATCH_SIZE: Final = 500
SEARCH_VERSION: Final = 1  # of how the column is made; whoever changes that makes it one more
MAX_KEYED_AUTHORS: Final = 300  # of one paper; the names of later ones are found by their words alone

# Names are stored stemmed, since queries are stemmed, and unstemmed, since some are stop words ("Will").
FILL: Final = text("""
    UPDATE papers SET search = setweight(given.title, 'A') || setweight(given.abstract, 'B')
        || setweight(given.names, 'C') || setweight(given.stemmed, 'C')
        || array_to_tsvector(ARRAY(SELECT '=' || lexeme FROM unnest(given.title)))
        || array_to_tsvector(string_to_array(given.keys, chr(10))),
        search_version = :version
    FROM (
        SELECT id, to_tsvector('english', title) AS title, to_tsvector('english', abstract) AS abstract,
            to_tsvector('simple', names) AS names, to_tsvector('english', names) AS stemmed, keys
        FROM unnest(CAST(:ids AS text[]), CAST(:titles AS text[]), CAST(:abstracts AS text[]),
            CAST(:names AS text[]), CAST(:keys AS text[])) AS given (id, title, abstract, names, keys)
        OFFSET 0
    ) AS given
    WHERE papers.id = given.id
""")


class SearchableText(NamedTuple):
    """The texts of a paper that are searched."""

    title: str
    abstract: str
    names: tuple[str, ...]

    @classmethod
    def from_paper(cls, paper: Paper) -> SearchableText:
        """Build the texts of a paper. Hidden authors are left out."""
        names = tuple(author.name for author in paper.authors if not author.hidden)
        return cls(title=paper.title_text, abstract=paper.abstract_text, names=names)


async def fill_search_column(session: WriteSession, papers: Iterable[tuple[str, SearchableText]]) -> None:
    """Fill the search column of papers, given as pairs of id and texts."""
    rows = list(papers)
    for start in range(0, len(rows), BATCH_SIZE):
        batch = rows[start : start + BATCH_SIZE]
        values: dict[str, Sequence[str] | int] = {
            "ids": [paper_id for paper_id, _ in batch],
            "titles": [_list_indexed_words(texts.title) for _, texts in batch],
            "abstracts": [_list_indexed_words(texts.abstract) for _, texts in batch],
            "names": [_list_indexed_words(" ".join(texts.names)) for _, texts in batch],
            "keys": ["\n".join(_list_keys(texts.names)) for _, texts in batch],
            "version": SEARCH_VERSION,
        }
        await session.execute(FILL, values)


def _list_indexed_words(text: str) -> str:
    """List the words of a text, then the other spellings under which they are looked for."""
    return " ".join([*split_words(text), *list_spelling_variants(text)])


def _list_keys(names: Sequence[str]) -> list[str]:
    return sorted(set().union(*map(list_name_keys, names[:MAX_KEYED_AUTHORS])))


async def fill_missing(session: WriteSession, *, limit: int = BATCH_SIZE) -> int:
    """Fill the column of at most `limit` papers that an older version stored. Returns how many."""
    missing = select(Paper).where(Paper.search_version < SEARCH_VERSION).order_by(Paper.id).limit(limit)
    query = missing.options(selectinload(Paper.authors).load_only(Author.name, Author.hidden))
    papers = (await session.scalars(query.with_for_update(skip_locked=True, of=Paper))).all()
    await fill_search_column(session, [(paper.id, SearchableText.from_paper(paper)) for paper in papers])
    return len(papers)
