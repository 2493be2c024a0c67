"""Papers as plain values while feeds are merged into them. `tables.Paper` describes the columns.

Objects of the ORM note each change of each attribute, which costs more than merging and writing together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, Select, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.papers.rows import AuthorRow
from paperround.papers.tables import Author, Paper


@dataclass(slots=True)
class PaperValues:
    """The columns of a paper that feeds and the reader of LaTeX fill, and its authors in their order.

    Values are replaced and never changed in place, so a shallow copy keeps what was before.
    """

    id: str
    title: str
    abstract: str
    published_at: datetime
    listed_on: date
    seen_at: datetime
    upvotes: int = 0
    heat: float = 0.0
    sources: dict[str, str] = field(default_factory=dict)
    hub_seen_at: datetime | None = None
    arxiv_seen_at: datetime | None = None
    comments: int | None = None
    discussion_id: str | None = None
    author_participates: bool | None = None
    organization_name: str | None = None
    thumbnail_url: str | None = None
    media_urls: list[str] | None = None
    ai_summary: str | None = None
    ai_summary_model: str | None = None
    ai_keywords: list[str] | None = None
    project_url: str | None = None
    github_url: str | None = None
    github_stars: int | None = None
    github_added_by: str | None = None
    withdrawn_at: datetime | None = None
    categories: list[str] | None = None
    doi: str | None = None
    venue: str | None = None
    version: int | None = None
    revised_at: datetime | None = None
    withdrawn_on_arxiv: bool | None = None
    read_title: str | None = None
    read_abstract: str | None = None
    formulas: dict[str, Any] | None = None
    read_hash: str | None = None
    read_text_hash: str | None = None
    reader_version: int = 0
    authors: list[AuthorRow] = field(default_factory=list)

    @property
    def is_read(self) -> bool:
        """Whether the reading is of the title and the abstract that are here."""
        return self.read_hash == hash_text(self.title, self.abstract)

    def as_row(self) -> dict[str, Any]:
        """The values by column, without the authors."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS: Final = tuple(f.name for f in fields(PaperValues) if f.name != "authors")
SELECTED: Final = select(*(getattr(Paper, name) for name in COLUMNS))
AUTHORS: Final = (
    select(Author.paper_id, *(getattr(Author, name) for name in AuthorRow._fields))
    .where(Author.paper_id == any_(bindparam("ids", type_=ARRAY(Text))))
    .order_by(Author.paper_id, Author.position)
)


def hash_text(title: str, abstract: str) -> str:
    """Hash a title and an abstract as the database does for `papers.text_hash`."""
    return hashlib.md5(f"{title}\n{abstract}".encode(), usedforsecurity=False).hexdigest()


async def load_values(
    session: ReadSession, query: Select[Any], parameters: dict[str, Any] | None = None
) -> dict[str, PaperValues]:
    """Load papers by id, in the order of a query that is made of `SELECTED`, which may lock them."""
    rows = await session.execute(query, parameters or {})
    papers = {row[0]: PaperValues(*row) for row in rows}
    if papers:
        author: Row[Any]
        for author in await session.execute(AUTHORS, {"ids": list(papers)}):
            papers[author[0]].authors.append(AuthorRow._make(author[1:]))
    return papers
