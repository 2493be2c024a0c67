"""Writes papers as the hub's JSON does. What it doesn't know is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json

from paperround.kept_parts import KeptParts
from paperround.papers.rows import AuthorRow, ListingRow, OrganizationRow, PaperRow
from paperround.text.links import percent_encode_url

LINKS: Final = ("avatar", "avatarUrl", "githubRepo", "mediaUrls", "projectPage", "thumbnail")
MAX_KEPT: Final = 4_000_000  # bytes

Json = dict[str, Any]
_kept: Final[KeptParts[bytes]] = KeptParts(MAX_KEPT)


def write_item(listing: ListingRow, paper: PaperRow) -> bytes:
    """Write a list's item. It is kept for other lists."""
    told_of_listing = (listing.submitted_at, repr(listing.submitter), repr(listing.submitter_organization))
    return _kept.find_or_make((paper.key, *told_of_listing), lambda: to_json(item(listing, paper)))


def item(listing: ListingRow, paper: PaperRow) -> Json:
    """A list's item. The hub's client reads some fields outside that the hub also puts into `paper`."""
    inner = paper_object(listing, paper)
    both = ("title", "summary", "publishedAt", "organization", "mediaUrls", "ai_summary", "ai_keywords",
            "projectPage", "githubRepo", "githubStars")  # fmt: skip
    outer = {
        "paper": inner,
        **{name: inner[name] for name in both if name in inner},
        "numComments": paper.comments,
        "thumbnail": paper.thumbnail_url,
        "submittedBy": account(listing.submitter),
        "submitterOrganization": listing.submitter_organization
        and encode_links({**listing.submitter_organization}),
        "isAuthorParticipating": paper.author_participates,
    }
    return told(outer)


def paper_object(listing: ListingRow, paper: PaperRow) -> Json:
    return told(
        {
            "id": paper.id,
            "authors": [author_object(author) for author in paper.authors],
            "mediaUrls": paper.media_urls,
            "publishedAt": format_time(paper.published_at),
            "submittedOnDailyAt": _iso(listing.submitted_at),
            "title": paper.title,
            "submittedOnDailyBy": account(listing.submitter),
            "summary": paper.abstract,
            "upvotes": paper.upvotes,
            "discussionId": paper.discussion_id,
            "withdrawnAt": _iso(paper.withdrawn_at or (paper.revised_at if paper.withdrawn else None)),
            "projectPage": paper.project_url,
            "githubRepo": paper.github_url,
            "githubRepoAddedBy": paper.github_added_by,
            "ai_summary": paper.summary,
            "ai_summary_model": paper.summary_model,
            "ai_keywords": paper.ai_keywords,
            "githubStars": paper.github_stars,
            "organization": organization_object(paper.organization),
        }
    )


def author_object(author: AuthorRow) -> Json:
    return told(
        {
            "_id": author.hub_id,
            "user": account(author.account),
            "name": author.name,
            "status": author.status,
            "statusLastChangedAt": _iso(author.status_changed_at),
            "hidden": author.hidden,
        }
    )


def organization_object(organization: OrganizationRow | None) -> Json | None:
    if organization is None:
        return None
    return told(
        {
            "_id": organization.hub_id,
            "name": organization.name,
            "fullname": organization.full_name,
            "avatar": organization.avatar_url,
        }
    )


def encode_links(values: Json) -> Json:
    """Percent-encode the links: they are kept as they were told, and not every client reads such ones."""
    return {name: _encode_link(value) if name in LINKS else value for name, value in values.items()}


def _encode_link(value: Any) -> Any:
    if isinstance(value, list):
        return [_encode_link(each) for each in value]
    return percent_encode_url(value) if isinstance(value, str) else value


def account(stored: Mapping[str, Any] | None) -> Json | None:
    """An account under both names that the hub has given it over the years; without any, as it was told."""
    if not stored:
        return None
    return encode_links({**stored, "user": stored["name"]} if "name" in stored else {**stored})


def told(values: Mapping[str, Any]) -> Json:
    """The hub leaves out what it doesn't know."""
    return encode_links({key: value for key, value in values.items() if value is not None})


def _iso(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None


def format_time(moment: datetime) -> str:
    """Format a time as the hub does: to milliseconds, or microseconds where there are any, in UTC, with the Z
    on which its client insists."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
