"""Papers as plain rows: what lists, pages and feeds read. `paper_values.py` has those for writing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, cast, func, null, select
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from paperround.papers.tables import INVENTED_PREFIX, Author, Organization, Paper


class OrganizationRow(NamedTuple):
    """An organization on the hub."""

    name: str
    full_name: str
    hub_id: str | None = None
    avatar_url: str | None = None


class AuthorRow(NamedTuple):
    """An author of one paper, with their account on the hub."""

    name: str
    hidden: bool = False
    hub_id: str | None = None
    account: dict[str, Any] | None = None
    status: str | None = None
    status_changed_at: datetime | None = None


class PaperRow(NamedTuple):
    """A paper, as `tables.Paper` describes it. What no feed has told is None.

    `author_names` leaves hidden authors out. `authors_json` is for `authors`, and None unless asked for.
    """

    id: str
    title: str
    abstract: str
    published_at: datetime
    listed_on: date
    seen_at: datetime
    upvotes: int = 0
    local_upvotes: int = 0
    heat: float = 0.0
    comments: int | None = None
    discussion_id: str | None = None
    author_participates: bool | None = None
    organization_name: str | None = None
    organization_full_name: str | None = None
    organization_hub_id: str | None = None
    organization_avatar_url: str | None = None
    thumbnail_url: str | None = None
    thumbnail: str | None = None
    ai_summary: str | None = None
    ai_summary_model: str | None = None
    own_summary: str | None = None
    own_summary_model: str | None = None
    project_url: str | None = None
    github_url: str | None = None
    github_stars: int | None = None
    github_added_by: str | None = None
    doi: str | None = None
    venue: str | None = None
    version: int | None = None
    revised_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_on_arxiv: bool | None = None
    hub_seen_at: datetime | None = None
    arxiv_seen_at: datetime | None = None
    text_hash: str = ""
    read_title: str | None = None
    read_abstract: str | None = None
    formulas_json: str | None = None
    read_hash: str | None = None
    reader_version: int = 0
    authors_json: str | None = None
    categories: list[str] | None = None
    ai_keywords: list[str] | None = None
    media_urls: list[str] | None = None
    author_names: list[str] = []  # noqa: RUF012 (nobody changes a row)

    @property
    def votes(self) -> int:
        """The votes of the feed and of readers here. Lists show them and are ordered by them."""
        return self.upvotes + self.local_upvotes

    @property
    def organization(self) -> OrganizationRow | None:
        if self.organization_name is None:
            return None
        full_name = self.organization_full_name or self.organization_name
        return OrganizationRow(
            self.organization_name, full_name, self.organization_hub_id, self.organization_avatar_url
        )

    @property
    def authors(self) -> list[AuthorRow]:
        """All authors in their order. Raises `RuntimeError` if they were not asked for."""
        if self.authors_json is None:
            raise RuntimeError("The authors were not asked for.")
        return [
            AuthorRow._make([*author, datetime.fromisoformat(changed) if changed else None])
            for *author, changed in _parse_authors(self.authors_json)
        ]

    @property
    def is_read(self) -> bool:
        """Whether the stored reading is of the title and the abstract that are stored."""
        return self.read_hash is not None and self.read_hash == self.text_hash

    @property
    def formulas(self) -> dict[str, Any]:
        """The formulas of title and abstract as they were read."""
        return json.loads(self.formulas_json) if self.formulas_json else {}

    @property
    def title_text(self) -> str:
        """The title as text, as far as it was read: what is indexed, embedded and compared."""
        return self.read_title if self.read_title is not None and self.is_read else self.title

    @property
    def abstract_text(self) -> str:
        """The abstract as text, as far as it was read."""
        return self.read_abstract if self.read_abstract is not None and self.is_read else self.abstract

    @property
    def summary(self) -> str | None:
        """A model's summary, on one line: the feed's, or else the one that was made here."""
        return " ".join((self.ai_summary or "").split()) or self.own_summary

    @property
    def summary_model(self) -> str | None:
        """The model that wrote the summary, as far as it is known."""
        return self.ai_summary_model if (self.ai_summary or "").strip() else self.own_summary_model

    @property
    def invented(self) -> bool:
        """Whether the paper belongs to the sample edition. Its ids do not exist on arXiv."""
        return self.id.startswith(INVENTED_PREFIX)

    @property
    def withdrawn(self) -> bool:
        """Whether the hub or arXiv says that the paper is withdrawn. Lists mark it, and it never trends."""
        return bool(self.withdrawn_on_arxiv) or self.withdrawn_at is not None

    @property
    def key(self) -> tuple[object, ...]:
        """All that the row says, as a key under which something made of it is kept.

        The stored texts are named by their hash, and what was read of them by that and the reader's version.
        """
        lists = [None if each is None else tuple(each) for each in self[FIRST_LIST:]]  # type: ignore[arg-type]
        if not self.text_hash:
            return (*self[:FIRST_LIST], *lists)
        return (self.id, *self[AFTER_TEXTS:FIRST_READING], *self[AFTER_READING:FIRST_LIST], *lists)


class ListingRow(NamedTuple):
    """A paper on a feed's list of one day, as `tables.Listing` describes it."""

    paper_id: str
    day: date
    feed: str
    first_seen_at: datetime
    submitted_at: datetime | None
    submitter: dict[str, Any] | None
    submitter_name: str | None
    submitter_organization: dict[str, Any] | None
    kind: str | None


class SignalRow(NamedTuple):
    """The numbers of a paper from a time on."""

    at: datetime
    upvotes: int
    comments: int | None
    github_stars: int | None


def _parse_authors(text: str) -> list[list[Any]]:
    parsed: list[list[Any]] = json.loads(text)
    return parsed


FIRST_LIST: Final = PaperRow._fields.index("categories")
AFTER_TEXTS: Final = PaperRow._fields.index("published_at")
FIRST_READING: Final = PaperRow._fields.index("read_title")
AFTER_READING: Final = PaperRow._fields.index("read_hash")

_AUTHORS: Final = (
    select(
        func.json_agg(
            aggregate_order_by(
                func.json_build_array(
                    Author.name,
                    Author.hidden,
                    Author.hub_id,
                    Author.account,
                    Author.status,
                    Author.status_changed_at,
                ),
                Author.position,
            ),
            type_=JSON,
        )
    )
    .where(Author.paper_id == Paper.id)
    .correlate(Paper)
    .scalar_subquery()
)
_AUTHORS_JSON: Final = func.coalesce(cast(_AUTHORS, Text), "[]")
_OTHER_COLUMNS: Final[dict[str, Any]] = {
    "organization_name": Organization.name,
    "organization_full_name": Organization.full_name,
    "organization_hub_id": Organization.hub_id,
    "organization_avatar_url": Organization.avatar_url,
    "formulas_json": cast(Paper.formulas, Text),
}


TEXT_COLUMNS: Final = ("title", "abstract", "read_title", "read_abstract", "formulas_json")


def paper_columns(
    *, with_authors: bool = False, with_texts: bool = True, only: Sequence[str] = PaperRow._fields
) -> list[ColumnElement[Any]]:
    """List the columns of a `PaperRow`, or `only` some of them. `with_authors` is for authors' accounts.

    Without texts these columns are NULL; `texts.add_texts` fills them in.
    """
    chosen = {**_OTHER_COLUMNS, "authors_json": _AUTHORS_JSON if with_authors else null()}
    if not with_texts:
        chosen |= dict.fromkeys(TEXT_COLUMNS, null())
    return [chosen[name].label(name) if name in chosen else getattr(Paper, name).label(name) for name in only]


def select_papers(*, with_authors: bool = False, with_texts: bool = True) -> Select[*tuple[Any, ...]]:
    """Select papers with their organizations, as the columns of a `PaperRow`."""
    columns = paper_columns(with_authors=with_authors, with_texts=with_texts)
    return select(*columns).select_from(Paper).outerjoin(Organization)
