"""The tables of the catalogue."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Computed,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    case,
    desc,
    false,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from paperround.database import Base
from paperround.papers.record import FRESH_KINDS

FACTS = JSONB(none_as_null=True)  # None is stored as NULL; JSON's null would replace a known value


class Organization(Base):
    """An organization on the hub."""

    __tablename__ = "organizations"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    hub_id: Mapped[str | None] = mapped_column(Text)
    full_name: Mapped[str] = mapped_column(Text)
    avatar_url: Mapped[str | None] = mapped_column(Text)


class Author(Base):
    """An author of one paper, with their position in its list. Two authors may have the same name."""

    __tablename__ = "authors"

    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    hidden: Mapped[bool] = mapped_column(default=False)
    hub_id: Mapped[str | None] = mapped_column(Text)
    account: Mapped[dict[str, Any] | None] = mapped_column(FACTS, comment="their account on the hub")
    status: Mapped[str | None] = mapped_column(Text, comment="how the hub knows that it is theirs")
    status_changed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("authors_name_idx", "name"),
        # The authors of a month's papers are counted with this index alone.
        Index(
            "authors_shown_idx", "paper_id", postgresql_include=["name"], postgresql_where=text("NOT hidden")
        ),
    )


class Paper(Base):
    """One work, identified by its arXiv id without version. A column that no feed has filled is NULL."""

    __tablename__ = "papers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    abstract: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(comment="else the listing time")
    upvotes: Mapped[int] = mapped_column(Integer)
    local_upvotes: Mapped[int] = mapped_column(
        Integer, default=0, server_default=text("0"), comment="by readers here, beside the feed's"
    )
    comments: Mapped[int | None] = mapped_column(Integer)
    discussion_id: Mapped[str | None] = mapped_column(Text)
    author_participates: Mapped[bool | None]
    organization_name: Mapped[str | None] = mapped_column(ForeignKey("organizations.name"))
    thumbnail_url: Mapped[str | None] = mapped_column(Text)
    thumbnail: Mapped[str | None] = mapped_column(
        String(16), comment="the name of our own small picture; NULL: none"
    )
    thumbnail_source: Mapped[str | None] = mapped_column(
        Text, comment="the thumbnail_url that was dealt with, with a picture or without"
    )
    media_urls: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    ai_summary: Mapped[str | None] = mapped_column(Text)
    ai_summary_model: Mapped[str | None] = mapped_column(Text)
    own_summary: Mapped[str | None] = mapped_column(
        Text, comment="made here, in the site's language; shown where no feed told one"
    )
    own_summary_model: Mapped[str | None] = mapped_column(Text)
    ai_keywords: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    project_url: Mapped[str | None] = mapped_column(Text)
    github_url: Mapped[str | None] = mapped_column(Text)
    github_stars: Mapped[int | None] = mapped_column(Integer)
    github_added_by: Mapped[str | None] = mapped_column(Text)

    categories: Mapped[list[str] | None] = mapped_column(ARRAY(Text), comment="the primary one first")
    doi: Mapped[str | None] = mapped_column(
        String(200), comment="the publisher's, in lower case; NULL: arXiv told none"
    )
    venue: Mapped[str | None] = mapped_column(
        Text, comment="where it appeared, from what its authors told arXiv; NULL: nothing credible"
    )
    version: Mapped[int | None] = mapped_column(Integer, comment="the latest that arXiv told of")
    revised_at: Mapped[datetime | None] = mapped_column(comment="when that version came; NULL: the first")
    withdrawn_at: Mapped[datetime | None] = mapped_column(comment="by the hub's word")
    withdrawn_on_arxiv: Mapped[bool | None]
    sources: Mapped[dict[str, str]] = mapped_column(
        JSONB,
        default=dict,
        server_default=text("'{}'::jsonb"),
        comment="which feed told a field that both tell, where it wasn't the hub",
    )

    listed_on: Mapped[date] = mapped_column(comment="the day of its earliest listing, replacements left out")
    heat: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[datetime] = mapped_column(comment="time of the last reading that was applied")
    hub_seen_at: Mapped[datetime | None] = mapped_column(comment="the same, of the hub's alone")
    arxiv_seen_at: Mapped[datetime | None] = mapped_column(comment="the same, of arXiv's alone")
    text_hash: Mapped[str] = mapped_column(
        String(32),
        Computed("md5(title || chr(10) || abstract)", persisted=True),
        comment="tells whether a vector still belongs to this text",
    )
    search: Mapped[Any | None] = mapped_column(
        TSVECTOR, deferred=True, deferred_raiseload=True, comment="what it is found by; NULL: not yet indexed"
    )
    search_version: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="which way of making the search column made it"
    )

    read_title: Mapped[str | None] = mapped_column(Text, comment="the title as text; NULL: as it is")
    read_abstract: Mapped[str | None] = mapped_column(Text, comment="the abstract as text; NULL: as it is")
    formulas: Mapped[dict[str, Any] | None] = mapped_column(
        FACTS, comment="of both: start and end in the text, LaTeX, MathML"
    )
    read_hash: Mapped[str | None] = mapped_column(
        String(32), comment="text_hash of what was read; another one: to be read again"
    )
    read_text_hash: Mapped[str | None] = mapped_column(
        String(32), comment="the same of the texts as read; NULL: as text_hash"
    )
    reader_version: Mapped[int] = mapped_column(
        SmallInteger, default=0, server_default="0", comment="which way of reading LaTeX read it"
    )

    # No code needs text_hash after a write.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 (SQLAlchemy declares it so)

    # The names of the authors who are not hidden, in order. Most pages need no more of them.
    author_names: Mapped[list[str]] = column_property(
        func.array(
            select(Author.name)
            .where(Author.paper_id == id, ~Author.hidden)  # noqa: A003 (the column above)
            .order_by(Author.position)
            .correlate_except(Author)
            .scalar_subquery(),
            type_=ARRAY(Text),
        ),
        deferred=True,
        raiseload=True,
    )
    organization: Mapped[Organization | None] = relationship(lazy="raise")

    @hybrid_property
    def votes(self) -> int:
        """The votes of the feed and of readers here. Lists show them and are ordered by them."""
        return self.upvotes + self.local_upvotes

    @hybrid_property
    def withdrawn(self) -> bool:
        """Whether the hub or arXiv says that the paper is withdrawn. Lists mark it, and it never trends."""
        return bool(self.withdrawn_on_arxiv) or self.withdrawn_at is not None

    @withdrawn.inplace.expression
    @classmethod
    def _withdrawn_expression(cls) -> ColumnElement[bool]:
        return or_(func.coalesce(cls.withdrawn_on_arxiv, false()), cls.withdrawn_at.is_not(None))

    __table_args__ = (
        Index("papers_heat_idx", desc("heat"), "id"),
        Index("papers_published_at_idx", desc("published_at"), "id"),
        Index("papers_votes_idx", text("(upvotes + local_upvotes) DESC"), "id"),
        Index("papers_listed_on_idx", desc("listed_on"), "id", postgresql_include=["text_hash"]),
        # The same, for what is embedded now; the release before asks the index above.
        Index(
            "papers_listed_texts_idx",
            desc("listed_on"),
            "id",
            postgresql_include=["text_hash", "read_hash", "read_text_hash"],
        ),
        Index("papers_reader_version_idx", "reader_version", "id"),
        Index("papers_unread_idx", "id", postgresql_where=text("read_hash IS DISTINCT FROM text_hash")),
        Index(
            "papers_thumbnail_due_idx",
            desc("listed_on"),
            "id",
            postgresql_where=text(
                "thumbnail_source IS DISTINCT FROM thumbnail_url AND thumbnail_url IS NOT NULL"
            ),
        ),
        Index("papers_organization_name_idx", "organization_name"),
        Index("papers_with_code_idx", "id", postgresql_where=text("github_url IS NOT NULL")),
        Index("papers_doi_idx", "doi", postgresql_where=text("doi IS NOT NULL")),
        Index("papers_venue_idx", "venue", postgresql_where=text("venue IS NOT NULL")),
        Index("papers_categories_idx", "categories", postgresql_using="gin"),
        Index("papers_search_idx", "search", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("papers_unsearchable_idx", "id", postgresql_where=text("search IS NULL")),
        Index("papers_search_version_idx", "search_version", "id"),
    )


# What is indexed, embedded and compared, in SQL: the texts as they were read, and their hash.
INVENTED_PREFIX: Final = "0000."  # of the ids of the sample edition's papers, which arXiv doesn't have
IS_INVENTED: Final[ColumnElement[bool]] = Paper.id.startswith(INVENTED_PREFIX)
IS_READ: Final[ColumnElement[bool]] = Paper.read_hash == Paper.text_hash
TITLE_TEXT: Final[ColumnElement[str]] = case(
    (IS_READ, func.coalesce(Paper.read_title, Paper.title)), else_=Paper.title
)
ABSTRACT_TEXT: Final[ColumnElement[str]] = case(
    (IS_READ, func.coalesce(Paper.read_abstract, Paper.abstract)), else_=Paper.abstract
)
TEXT_HASH: Final[ColumnElement[str]] = case(
    (IS_READ, func.coalesce(Paper.read_text_hash, Paper.text_hash)), else_=Paper.text_hash
)


class Listing(Base):
    """A paper on a feed's list of one day; the day is the one that was requested."""

    __tablename__ = "listings"

    day: Mapped[date] = mapped_column(primary_key=True)
    feed: Mapped[str] = mapped_column(Text, primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    first_seen_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    submitter: Mapped[dict[str, Any] | None] = mapped_column(FACTS)
    submitter_name: Mapped[str | None] = mapped_column(Text, Computed("submitter ->> 'name'", persisted=True))
    submitter_organization: Mapped[dict[str, Any] | None] = mapped_column(FACTS)
    kind: Mapped[str | None] = mapped_column(Text, comment="how arXiv announced it; NULL on the hub's lists")

    __table_args__ = (
        Index("listings_paper_id_idx", "paper_id"),
        Index("listings_submitter_name_idx", "submitter_name", "day"),
        Index("listings_feed_idx", "feed", "day"),
        CheckConstraint("kind IN ('new', 'cross', 'replace', 'replace-cross')", name="kind"),
    )


# The listings that put a paper on the day's edition. A new version of a known paper does not.
FRESH_LISTING: Final[ColumnElement[bool]] = or_(
    Listing.kind.is_(None), *(Listing.kind == kind for kind in FRESH_KINDS)
)


class Signal(Base):
    """A change in a paper's numbers. The row has all numbers as they were at that time."""

    __tablename__ = "signals"

    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    upvotes: Mapped[int] = mapped_column(Integer)
    comments: Mapped[int | None] = mapped_column(Integer)
    github_stars: Mapped[int | None] = mapped_column(Integer)


class Upvote(Base):
    """A vote of a reader here. `papers.local_upvotes` counts them."""

    __tablename__ = "upvotes"

    paper_id: Mapped[str] = mapped_column(ForeignKey("papers.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime]

    __table_args__ = (Index("upvotes_reader_id_idx", "reader_id", "at"),)


class RemovedPaper(Base):
    """A paper that the operator removed. No feed can add it again."""

    __tablename__ = "removed_papers"

    paper_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    removed_at: Mapped[datetime]


class TrendingState(Base):
    """The half-life that the stored heats were computed with. The table has one row."""

    __tablename__ = "trending_state"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    half_life_hours: Mapped[float] = mapped_column(Double)


# The functions of the triggers that count the versions below. Every table that a page for anybody shows has
# the trigger `note_change`, so that whoever writes there, in whatever way, can't forget to tell of it.
TRIGGER_FUNCTIONS: Final = (
    "note_catalogue_change", "tell_catalogue_change", "count_rows", "note_changed_text"
)  # fmt: skip


class CatalogueVersion(Base):
    """How often what pages show has changed. The table has one row. `papers/versions.py` reads it."""

    __tablename__ = "catalogue_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    papers: Mapped[int] = mapped_column(BigInteger, server_default="0")
    vectors: Mapped[int] = mapped_column(BigInteger, server_default="0")


class CatalogueChange(Base):
    """What a transaction under way has changed. Its commit counts the version up and empties the table."""

    __tablename__ = "catalogue_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    scope: Mapped[str] = mapped_column(Text)

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)
