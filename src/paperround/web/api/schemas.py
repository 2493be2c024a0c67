"""The shapes of /api/v1."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import to_json

from paperround.feeds.status import FeedStatus
from paperround.kept_parts import KeptParts
from paperround.papers.catalogue import SAMPLE_FEED
from paperround.papers.rows import ListingRow, PaperRow, SignalRow
from paperround.text.links import percent_encode_url

MAX_KEPT: Final = 4_000_000  # bytes of papers in lists
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class RequestBody(BaseModel):
    """What is sent as JSON. Values have their field's own type: no text for a number, no `false` for 0."""

    model_config = ConfigDict(strict=True)


def _parse_day(value: object) -> object:
    """Parse a day as it is written in JSON. Whatever is none is left to pydantic, which refuses it."""
    if isinstance(value, str) and DAY.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    return value


IsoDay = Annotated[date, BeforeValidator(_parse_day)]
Link = Annotated[str, AfterValidator(percent_encode_url)]


class OrganizationOut(BaseModel):
    name: str = Field(description="Its name on the hub.", examples=["open-rivers-lab"])
    full_name: str = Field(examples=["Open Rivers Lab"])


class PaperOut(BaseModel):
    """A paper as it appears in lists."""

    id: str = Field(description="The arXiv id without version.", examples=["2510.12345"])
    title: str = Field(description="As the feed gave it, which may be LaTeX.")
    abstract: str = Field(description="As the feed gave it, which may be LaTeX.")
    title_text: str = Field(description="The title as plain text, with formulas in Unicode.")
    abstract_text: str = Field(description="The abstract as plain text, with formulas in Unicode.")
    authors: list[str] = Field(description="In the paper's order.", examples=[["Ada Lindqvist"]])
    organization: OrganizationOut | None
    published_at: datetime = Field(description="When it appeared on arXiv, UTC.")
    listed_on: date = Field(description="The first day that it was on a feed's list.")
    categories: list[str] | None = Field(description="Of arXiv, the primary one first.", examples=[["cs.CL"]])
    doi: str | None = Field(description="The publisher's, in lower case; null: arXiv told none.")
    venue: str | None = Field(
        description="Where it appeared, from what its authors told arXiv.", examples=["ICML"]
    )
    version: int | None = Field(description="The latest that arXiv told of.")
    revised_at: datetime | None = Field(description="When that version came, null for the first.")
    withdrawn: bool = Field(description="By its authors or by arXiv.")
    upvotes: int = Field(description="On the feed and here.")
    local_upvotes: int = Field(description="Those of readers here.")
    comments: int | None
    heat: float = Field(description="The trending score; one more means twice as hot.")
    ai_summary: str | None = Field(description="By a model: the feed's, or else one that was made here.")
    ai_keywords: list[str] | None
    thumbnail_url: Link | None
    media_urls: list[Link] | None
    project_url: Link | None
    github_url: Link | None
    github_stars: int | None
    arxiv_url: str = Field(examples=["https://arxiv.org/abs/2510.12345"])
    pdf_url: str = Field(examples=["https://arxiv.org/pdf/2510.12345"])
    url: str = Field(description="Its page here.")
    sample: bool = Field(description="An invented paper of the sample edition.")

    @classmethod
    def of(cls, paper: PaperRow, base: str) -> Self:
        own = {name: getattr(paper, name) for name in cls.model_fields if name in PaperRow._fields}
        organization = paper.organization
        return cls.model_validate(
            own
            | {
                "title_text": paper.title_text,
                "abstract_text": paper.abstract_text,
                "ai_summary": paper.summary,
                "withdrawn": paper.withdrawn,
                "upvotes": paper.votes,
                "authors": paper.author_names,
                "organization": organization
                and OrganizationOut(name=organization.name, full_name=organization.full_name),
                "arxiv_url": f"https://arxiv.org/abs/{paper.id}",
                "pdf_url": f"https://arxiv.org/pdf/{paper.id}",
                "url": f"{base}/papers/{paper.id}",
                "sample": paper.invented,
            }
        )


class PaperList(BaseModel):
    papers: list[PaperOut]
    next: str | None = Field(description="The cursor of the next part, null at the end.")


_kept: Final[KeptParts[bytes]] = KeptParts(MAX_KEPT)


def write_paper_list(papers: Iterable[PaperRow], base: str, following: str | None) -> bytes:
    """Write a `PaperList` as JSON. Its papers are kept for other lists as they are written."""
    written = b",".join([_write_paper(paper, base) for paper in papers])
    return b'{"papers":[%b],"next":%b}' % (written, to_json(following))


def _write_paper(paper: PaperRow, base: str) -> bytes:
    key = (base, paper.key)
    return _kept.find_or_make(key, lambda: PaperOut.of(paper, base).model_dump_json().encode())


class ListingOut(BaseModel):
    feed: str = Field(examples=["huggingface", SAMPLE_FEED])
    day: date
    first_seen_at: datetime
    submitted_at: datetime | None
    kind: str | None = Field(description="How arXiv announced it.", examples=["new", "cross", "replace"])
    submitter: str | None = Field(description="The hub account that put it on the list.")

    @classmethod
    def of(cls, listing: ListingRow) -> Self:
        return cls(
            feed=listing.feed,
            day=listing.day,
            first_seen_at=listing.first_seen_at,
            submitted_at=listing.submitted_at,
            kind=listing.kind,
            submitter=listing.submitter_name,
        )


class PaperDetail(PaperOut):
    """A paper with the lists that it was on and everything else that its feeds say."""

    listings: list[ListingOut]
    discussion_id: str | None
    author_participates: bool | None
    ai_summary_model: str | None = Field(description="Which model wrote the summary, where it is known.")
    github_added_by: str | None
    seen_at: datetime = Field(description="The last reading that had it.")


class SimilarPaper(BaseModel):
    paper: PaperOut
    similarity: float = Field(description="The cosine of the two papers' vectors, −1 to 1.")


class SimilarList(BaseModel):
    papers: list[SimilarPaper]
    next: None = None


class SignalOut(BaseModel):
    """The numbers from this time on."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    upvotes: int
    comments: int | None
    github_stars: int | None

    @classmethod
    def of(cls, signal: SignalRow) -> Self:
        return cls.model_validate(signal)


class SignalList(BaseModel):
    signals: list[SignalOut] = Field(description="In order of time; a row only when a number changed.")


class FeedOut(BaseModel):
    """The state of reading a feed."""

    name: str
    last_success: datetime | None
    newest_day: date | None = Field(description="The newest day with papers.")
    stale: bool = Field(description="Its newest list is old, or nothing could be read for a day.")
    next_run: datetime | None
    last_error: str | None = Field(description="The latest reading's, null when it worked.")
    failing_days: int
    unsettled_days: int = Field(description="Days that will be read again.")
    quarantined: int = Field(description="Records that could not be read yet.")

    @classmethod
    def of(cls, state: FeedStatus) -> Self:
        return cls.model_validate({name: getattr(state, name) for name in cls.model_fields})


class FeedList(BaseModel):
    feeds: list[FeedOut]
