"""A record of the hub's daily list, as it comes → `FeedPaper`. Knows the record's history and its quirks.

Lenient about what is missing, null or unknown; strict about the type of what is there: a known field of a
wrong type means that the feed has changed, and the whole record is refused (`Unreadable`).
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from paperround.papers.arxiv_id import bare_id
from paperround.papers.record import FeedAuthor, FeedListing, FeedOrganization, FeedPaper, Unreadable
from paperround.text.markup import github_repository, http_link, paragraphs, plain

HUB: Final = "https://huggingface.co"  # what avatars without a host are relative to, whoever serves the feed
MOST: Final = 2**31 - 1  # what PostgreSQL's integer holds
LONGEST_KEY: Final = 100  # of an unknown fact about an account
BRIEFLY: Final = reprlib.Repr()  # however large or deep the value is
BRIEFLY.maxstring = BRIEFLY.maxlong = BRIEFLY.maxother = 80


def _instant(value: object) -> object:
    """An ISO time; without a zone it is UTC. Numbers are refused, which pydantic would take for Unix time."""
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
Count = Annotated[int, Field(ge=0, le=MOST)]
Instant = Annotated[datetime | None, BeforeValidator(_instant)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class HubUser(_Strict):
    """An account. Its name stands under `name`, under `user`, or under both."""

    model_config = ConfigDict(extra="allow")

    name: Short | None = None
    user: Short | None = None
    fullname: Short | None = None
    avatarUrl: Line | None = None  # noqa: N815 (the hub's own names)
    type: Short | None = None


class HubAuthor(_Strict):
    name: Short | None = None
    hidden: bool | None = None
    id: Short | None = Field(None, alias="_id")
    user: HubUser | None = None
    status: Short | None = None
    statusLastChangedAt: Instant = None  # noqa: N815


class HubOrganization(_Strict):
    name: Short | None = None
    fullname: Short | None = None
    id: Short | None = Field(None, alias="_id")
    avatar: Line | None = None


class _Either(_Strict):
    """Fields that stand in the outer object, in `paper`, or in both."""

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


class HubPaper(_Either):
    id: Short
    authors: Annotated[list[HubAuthor], Field(max_length=10_000)] | None = None
    upvotes: Count | None = None
    discussionId: Short | None = None  # noqa: N815
    submittedOnDailyAt: Instant = None  # noqa: N815
    withdrawnAt: Instant = None  # noqa: N815
    submittedOnDailyBy: HubUser | None = None  # noqa: N815
    ai_summary_model: Short | None = None
    githubRepoAddedBy: Short | None = None  # noqa: N815


class HubItem(_Either):
    paper: HubPaper
    numComments: Count | None = None  # noqa: N815
    thumbnail: Line | None = None
    submittedBy: HubUser | None = None  # noqa: N815
    submitterOrganization: HubOrganization | None = None  # noqa: N815
    isAuthorParticipating: bool | None = None  # noqa: N815
    mediaUrl: Line | None = None  # noqa: N815 (2024 only, before mediaUrls)


def read(record: object) -> FeedPaper:
    """Read one item of the daily list. Raises `Unreadable`."""
    try:
        item = HubItem.model_validate(record)
        paper_id = bare_id(item.paper.id)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Unreadable(_told(first["loc"], first["msg"], first["input"])) from error
    except ValueError as error:
        raise Unreadable(f"paper.id: {error}") from error
    title = plain(item.title or "") or plain(item.paper.title or "")
    if not title:
        raise Unreadable("paper.title: missing")
    return _paper(item, item.paper, paper_id, title)


def _told(where: Iterable[object], message: str, value: object) -> str:
    place = ".".join(str(step) for step in where) or "record"
    return f"{place}: {message[:200]} (got {BRIEFLY.repr(value)[:200]})"


def guess_id(record: object) -> str | None:
    """The paper that an unreadable record is about, when that much can be told."""
    inner = record.get("paper") if isinstance(record, Mapping) else None
    named = inner.get("id") if isinstance(inner, Mapping) else None
    try:
        return bare_id(named) if isinstance(named, str) else None
    except ValueError:
        return None


def _paper(item: HubItem, paper: HubPaper, paper_id: str, title: str) -> FeedPaper:
    """The outer title keeps its LaTeX, and the outer `publishedAt` is New York time written as UTC:
    so the title comes from outside, the time from inside."""
    return FeedPaper(
        id=paper_id,
        title=title,
        abstract=_prose(paper.summary or item.summary),
        published_at=paper.publishedAt or item.publishedAt,
        authors=_authors(paper.authors),
        upvotes=paper.upvotes,
        comments=item.numComments,
        discussion_id=_text(paper.discussionId),
        author_participates=item.isAuthorParticipating,
        organization=_organization(item.organization or paper.organization),
        thumbnail_url=http_link(item.thumbnail, base=HUB),
        media_urls=_media(item),
        ai_summary=_prose(paper.ai_summary or item.ai_summary),
        ai_summary_model=_text(paper.ai_summary_model),
        ai_keywords=_keywords(paper.ai_keywords if paper.ai_keywords is not None else item.ai_keywords),
        project_url=http_link(paper.projectPage or item.projectPage),
        github_url=github_repository(paper.githubRepo or item.githubRepo),
        github_stars=paper.githubStars if paper.githubStars is not None else item.githubStars,
        github_added_by=_text(paper.githubRepoAddedBy),
        withdrawn_at=paper.withdrawnAt,
        listing=FeedListing(
            submitted_at=paper.submittedOnDailyAt,
            submitter=_submitter(item.submittedBy, paper.submittedOnDailyBy),
            submitter_organization=_account_of(item.submitterOrganization),
        ),
    )


def _text(value: str | None) -> str | None:
    return plain(value) or None if value is not None else None


def _prose(value: str | None) -> str | None:
    return paragraphs(value) or None if value is not None else None


def _keywords(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return tuple(word for value in values if (word := plain(value))) if values is not None else None


def _media(item: HubItem) -> tuple[str, ...] | None:
    """Of the outer list, the inner one and the single address of 2024: the first that is there."""
    given = item.mediaUrls if item.mediaUrls is not None else item.paper.mediaUrls
    if given is None and item.mediaUrl is not None:
        given = [item.mediaUrl]
    return tuple(link for url in given if (link := http_link(url, base=HUB))) if given is not None else None


def _authors(authors: Iterable[HubAuthor] | None) -> tuple[FeedAuthor, ...] | None:
    """In order; nobody is dropped for being hidden or for sharing a name, only who has no name at all."""
    if authors is None:
        return None
    return tuple(
        FeedAuthor(
            name=name,
            hidden=bool(author.hidden),
            hub_id=_text(author.id),
            account=_account(author.user),
            status=_text(author.status),
            status_changed_at=author.statusLastChangedAt,
        )
        for author in authors
        if (name := plain(author.name or ""))
    )


def _account(user: HubUser | None) -> dict[str, Any] | None:
    """An account as we keep it: `name`, avatars with their host, and whatever plain facts came along."""
    if user is None:
        return None
    facts = {
        name: value
        for key, value in (user.model_extra or {}).items()
        if isinstance(value, bool | int | str) and (name := plain(key[:LONGEST_KEY]))
    }
    known = {
        "name": user.name or user.user,
        "fullname": user.fullname,
        "avatarUrl": http_link(user.avatarUrl, base=HUB),
        "type": user.type,
    }
    clean = {**facts, **{key: value for key, value in known.items() if value is not None}}
    return {key: plain(value) if isinstance(value, str) else value for key, value in clean.items()} or None


def _submitter(listed: HubUser | None, submitted: HubUser | None) -> dict[str, Any] | None:
    return {**(_account(submitted) or {}), **(_account(listed) or {})} or None


def _organization(found: HubOrganization | None) -> FeedOrganization | None:
    name = plain(found.name or "") if found else ""
    if found is None or not name:
        return None
    return FeedOrganization(
        name=name,
        full_name=plain(found.fullname or "") or name,
        hub_id=_text(found.id),
        avatar_url=http_link(found.avatar, base=HUB),
    )


def _account_of(organization: HubOrganization | None) -> dict[str, Any] | None:
    found = _organization(organization)
    if found is None:
        return None
    kept = {"_id": found.hub_id, "name": found.name, "fullname": found.full_name, "avatar": found.avatar_url}
    return {key: value for key, value in kept.items() if value is not None}
