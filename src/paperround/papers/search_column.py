"""The search column of a paper, written in the same transaction as its text.

Lexemes of the title have weight A, those of the abstract B and names of authors C. Since an index stores no
weights, each lexeme of the title is stored a second time with `=` before it. The keys of `text.names`, by
which authors are found, begin with `@`. No word of a query begins with either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Text, column, literal_column, update

from paperround.bulk_rows import find_table, given_rows, write_rows
from paperround.database import WriteSession
from paperround.papers.paper_values import SELECTED, PaperValues, load_values
from paperround.papers.tables import Paper
from paperround.text.names import list_name_keys
from paperround.text.words import list_indexed_words

BATCH_SIZE: Final = 500
SEARCH_VERSION: Final = 1  # of how the column is made; whoever changes that makes it one more
MAX_KEYED_AUTHORS: Final = 300  # of one paper; the names of later ones are found by their words alone

# Names are stored stemmed, since queries are stemmed, and unstemmed, since some are stop words ("Will").
SEARCH: Final = """
    setweight(to_tsvector('english', given.title_words), 'A')
    || setweight(to_tsvector('english', given.abstract_words), 'B')
    || setweight(to_tsvector('simple', given.name_words), 'C')
    || setweight(to_tsvector('english', given.name_words), 'C')
    || array_to_tsvector(ARRAY(
        SELECT '=' || lexeme FROM unnest(to_tsvector('english', given.title_words))
    ))
    || array_to_tsvector(string_to_array(given.name_keys, chr(10)))
"""
WORD_COLUMNS: Final = tuple(
    column(name, Text()) for name in ("title_words", "abstract_words", "name_words", "name_keys")
)
PAPERS: Final = find_table(Paper)
GIVEN: Final = given_rows(PAPERS, ("id",), *WORD_COLUMNS)
# What is set of a paper whose words are given.
SEARCH_VALUES: Final[dict[str, ColumnElement[Any]]] = {
    "search": literal_column(SEARCH),
    "search_version": literal_column(str(SEARCH_VERSION)),
}
FILL: Final = update(PAPERS).where(PAPERS.c.id == GIVEN.c.id).values(SEARCH_VALUES)


class SearchableText(NamedTuple):
    """The texts of a paper that are searched."""

    title: str
    abstract: str
    names: tuple[str, ...]

    @classmethod
    def from_values(cls, paper: PaperValues) -> SearchableText:
        """Build the texts of a paper. Hidden authors are left out."""
        title, abstract = paper.title, paper.abstract
        if (paper.read_title is not None or paper.read_abstract is not None) and paper.is_read:
            title = title if paper.read_title is None else paper.read_title
            abstract = abstract if paper.read_abstract is None else paper.read_abstract
        names = tuple(author.name for author in paper.authors if not author.hidden)
        return cls(title=title, abstract=abstract, names=names)

    def list_words(self) -> dict[str, str]:
        """List the words of each text, as `SEARCH` reads them."""
        return {
            "title_words": " ".join(list_indexed_words(self.title)),
            "abstract_words": " ".join(list_indexed_words(self.abstract)),
            "name_words": " ".join(list_indexed_words(" ".join(self.names))),
            "name_keys": "\n".join(_list_keys(self.names)),
        }


async def fill_search_column(session: WriteSession, papers: Iterable[tuple[str, SearchableText]]) -> None:
    """Fill the search column of papers, given as pairs of id and texts."""
    await write_rows(session, FILL, [{"id": paper_id, **texts.list_words()} for paper_id, texts in papers])


def _list_keys(names: Sequence[str]) -> list[str]:
    return sorted(set().union(*map(list_name_keys, names[:MAX_KEYED_AUTHORS])))


async def fill_missing(session: WriteSession, *, limit: int = BATCH_SIZE) -> int:
    """Fill the column of at most `limit` papers that an older version stored. Returns how many."""
    missing = SELECTED.where(Paper.search_version < SEARCH_VERSION).order_by(Paper.id).limit(limit)
    papers = await load_values(session, missing.with_for_update(skip_locked=True))
    await fill_search_column(
        session, [(key, SearchableText.from_values(paper)) for key, paper in papers.items()]
    )
    return len(papers)
