"""Parses a record of the hub's daily list, in any of its historical forms, into a `FeedPaper`.

A field may be missing, null or unknown. A known field of a wrong type means that the feed has changed, and
the whole record is rejected with `RecordUnreadable`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from paperround.feeds.broken_record import BrokenRecord
from paperround.papers.arxiv_id import strip_version
from paperround.papers.record import FeedAuthor, FeedListing, FeedOrganization, FeedPaper, RecordUnreadable
from paperround.text.links import normalise_github_url, normalise_http_url
from paperround.text.plain import to_plain_paragraphs, to_plain_text

HUB: Final = (
    "https://huggingface.co"  # relative URLs of avatars belong to it, even if a mirror serves the feed
)
MAX_INTEGER: Final = 2**31 - 1  # the largest integer of PostgreSQL
MAX_KEY_LENGTH: Final = 100  # characters of an unknown field of an account
SHORT_REPR: Final = reprlib.Repr()  # bounded, even if the value is large or deep
SHORT_REPR.maxstring = SHORT_REPR.maxlong = SHORT_REPR.maxother = 80


def _parse_time(value: object) -> object:
    """Parse an ISO time, in UTC if it has no zone.

    Numbers are rejected, since pydantic would read them as Unix time.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("should be an ISO time")  # noqa: TRY004 (pydantic reports ValueError)
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999") from error


Short = Annotated[str, StringConstraints(max_length=300)]
Line = Annotated[str, StringConstraints(max_length=2_000)]
Prose = Annotated[str, StringConstraints(max_length=20_000)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Instant = Annotated[datetime | None, BeforeValidator(_parse_time)]


class _HubModel(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class HubUser(_HubModel):
    """An account. Its name is under `name`, under `user`, or under both."""

    model_config = ConfigDict(extra="allow")

    name: Short | None = None
    user: Short | None = None
    fullname: Short | None = None
    avatarUrl: Line | None = None  # noqa: N815 (the hub's own names)
    type: Short | None = None


class HubAuthor(_HubModel):
    name: Short | None = None
    hidden: bool | None = None
    id: Short | None = Field(None, alias="_id")
    user: HubUser | None = None
    status: Short | None = None
    statusLastChangedAt: Instant = None  # noqa: N815


class HubOrganization(_HubModel):
    name: Short | None = None
    fullname: Short | None = None
    id: Short | None = Field(None, alias="_id")
    avatar: Line | None = None


class _HubFields(_HubModel):
    """Fields that may be in the outer object, in `paper` or in both."""

    title: Line | None = None
    summary: Prose | None = None
    publishedAt: Instant = None  # noqa: N815
    mediaUrls: Annotated[list[Line], Field(max_length=200)] | None = None  # noqa: N815
    organization: HubOrganization | None = None
    ai_summary: Prose | None = None
    ai_keywords: Annotated[list[Short], Field(max_length=100)] | None = None
    projectPage: Line | None = None  # noqa: N815
    githubRepo: Line | None = None  # noqa: N815
    githubStars: Count | None = None  # noqa: N815


class HubPaper(_HubFields):
    id: Short
    authors: Annotated[list[HubAuthor], Field(max_length=10_000)] | None = None
    upvotes: Count | None = None
    discussionId: Short | None = None  # noqa: N815
    submittedOnDailyAt: Instant = None  # noqa: N815
    withdrawnAt: Instant = None  # noqa: N815
    submittedOnDailyBy: HubUser | None = None  # noqa: N815
    ai_summary_model: Short | None = None
    githubRepoAddedBy: Short | None = None  # noqa: N815


class HubItem(_HubFields):
    paper: HubPaper
    numComments: Count | None = None  # noqa: N815
    thumbnail: Line | None = None
    submittedBy: HubUser | None = None  # noqa: N815
    submitterOrganization: HubOrganization | None = None  # noqa: N815
    isAuthorParticipating: bool | None = None  # noqa: N815
    mediaUrl: Line | None = None  # noqa: N815 (2024 only, before mediaUrls)


def parse_record(record: object) -> FeedPaper:
    """Parse one item of the daily list. Raises `RecordUnreadable`."""
    if isinstance(record, BrokenRecord):
        raise RecordUnreadable(record.reason)
    try:
        item = HubItem.model_validate(record)
        paper_id = strip_version(item.paper.id)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RecordUnreadable(_describe_error(first["loc"], first["msg"], first["input"])) from error
    except ValueError as error:
        raise RecordUnreadable(f"paper.id: {error}") from error
    title = to_plain_text(item.title or "") or to_plain_text(item.paper.title or "")
    if not title:
        raise RecordUnreadable("paper.title: missing")
    return _build_paper(item, item.paper, paper_id, title)


def _describe_error(location: Iterable[object], message: str, value: object) -> str:
    field = ".".join(str(step) for step in location) or "record"
    return f"{field}: {message[:200]} (got {SHORT_REPR.repr(value)[:200]})"


def guess_paper_id(record: object) -> str | None:
    """Guess the paper id of an unreadable record. Returns None if it has no valid id."""
    if isinstance(record, BrokenRecord):
        return record.guess_paper_id(strip_version)
    paper = record.get("paper") if isinstance(record, Mapping) else None
    paper_id = paper.get("id") if isinstance(paper, Mapping) else None
    try:
        return strip_version(paper_id) if isinstance(paper_id, str) else None
    except ValueError:
        return None


def _build_paper(item: HubItem, paper: HubPaper, paper_id: str, title: str) -> FeedPaper:
    """Build a paper. The title comes from the outer object, which keeps its LaTeX.

    The time comes from the inner one, since the outer `publishedAt` is New York time that is written as UTC.
    """
    return FeedPaper(
        id=paper_id,
        title=title,
        abstract=_prose(paper.summary or item.summary),
        published_at=paper.publishedAt or item.publishedAt,
        authors=_build_authors(paper.authors),
        upvotes=paper.upvotes,
        comments=item.numComments,
        discussion_id=_text(paper.discussionId),
        author_participates=item.isAuthorParticipating,
        organization=_build_organization(item.organization or paper.organization),
        thumbnail_url=normalise_http_url(item.thumbnail, base=HUB),
        media_urls=_media(item),
        ai_summary=_prose(paper.ai_summary or item.ai_summary),
        ai_summary_model=_text(paper.ai_summary_model),
        ai_keywords=_keywords(paper.ai_keywords if paper.ai_keywords is not None else item.ai_keywords),
        project_url=normalise_http_url(paper.projectPage or item.projectPage),
        github_url=normalise_github_url(paper.githubRepo or item.githubRepo),
        github_stars=paper.githubStars if paper.githubStars is not None else item.githubStars,
        github_added_by=_text(paper.githubRepoAddedBy),
        withdrawn_at=paper.withdrawnAt,
        listing=FeedListing(
            submitted_at=paper.submittedOnDailyAt,
            submitter=_merge_submitters(item.submittedBy, paper.submittedOnDailyBy),
            submitter_organization=_organization_account(item.submitterOrganization),
        ),
    )


def _text(value: str | None) -> str | None:
    return to_plain_text(value) or None if value is not None else None


def _prose(value: str | None) -> str | None:
    return to_plain_paragraphs(value) or None if value is not None else None


def _keywords(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return tuple(word for value in values if (word := to_plain_text(value))) if values is not None else None


def _media(item: HubItem) -> tuple[str, ...] | None:
    """Return the outer list, else the inner list, else the single URL that the hub had in 2024."""
    urls = item.mediaUrls if item.mediaUrls is not None else item.paper.mediaUrls
    if urls is None and item.mediaUrl is not None:
        urls = [item.mediaUrl]
    return (
        tuple(link for url in urls if (link := normalise_http_url(url, base=HUB)))
        if urls is not None
        else None
    )


def _build_authors(authors: Iterable[HubAuthor] | None) -> tuple[FeedAuthor, ...] | None:
    """Build the authors in order. Hidden authors and namesakes are kept, authors without a name left out."""
    if authors is None:
        return None
    return tuple(
        FeedAuthor(
            name=name,
            hidden=bool(author.hidden),
            hub_id=_text(author.id),
            account=_build_account(author.user),
            status=_text(author.status),
            status_changed_at=author.statusLastChangedAt,
        )
        for author in authors
        if (name := to_plain_text(author.name or ""))
    )


def _build_account(user: HubUser | None) -> dict[str, Any] | None:
    """Build an account as we store it: the known fields and all other fields with plain values."""
    if user is None:
        return None
    facts = {
        name: value
        for key, value in (user.model_extra or {}).items()
        if isinstance(value, bool | int | str) and (name := to_plain_text(key[:MAX_KEY_LENGTH]))
    }
    known = {
        "name": user.name or user.user,
        "fullname": user.fullname,
        "avatarUrl": normalise_http_url(user.avatarUrl, base=HUB),
        "type": user.type,
    }
    clean = {**facts, **{key: value for key, value in known.items() if value is not None}}
    return {
        key: to_plain_text(value) if isinstance(value, str) else value for key, value in clean.items()
    } or None


def _merge_submitters(outer: HubUser | None, inner: HubUser | None) -> dict[str, Any] | None:
    """Merge the two accounts of the submitter. The outer object's values win."""
    return {**(_build_account(inner) or {}), **(_build_account(outer) or {})} or None


def _build_organization(organization: HubOrganization | None) -> FeedOrganization | None:
    name = to_plain_text(organization.name or "") if organization else ""
    if organization is None or not name:
        return None
    return FeedOrganization(
        name=name,
        full_name=to_plain_text(organization.fullname or "") or name,
        hub_id=_text(organization.id),
        avatar_url=normalise_http_url(organization.avatar, base=HUB),
    )


def _organization_account(organization: HubOrganization | None) -> dict[str, Any] | None:
    feed_organization = _build_organization(organization)
    if feed_organization is None:
        return None
    facts = {
        "_id": feed_organization.hub_id,
        "name": feed_organization.name,
        "fullname": feed_organization.full_name,
        "avatar": feed_organization.avatar_url,
    }
    return {key: value for key, value in facts.items() if value is not None}
