"""The common form that the records of all feeds are parsed into. None means unknown."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from paperround.errors import PaperroundError


class RecordUnreadable(PaperroundError):
    """A record of a feed cannot be read. The text says which field is wrong and why."""

    title = "A record could not be read"
    status = 502


class AnnouncementKind(enum.StrEnum):
    """How arXiv announced a paper, strongest first. The hub's listings have no kind."""

    new = "new"
    cross = "cross"  # new to this category
    replaced = "replace"  # a new version of a paper announced before
    cross_replaced = "replace-cross"


FRESH_KINDS: Final = (AnnouncementKind.new, AnnouncementKind.cross)  # only these put a paper on an edition


class FeedAuthor(BaseModel):
    """An author, with what the hub knows about them."""

    model_config = ConfigDict(frozen=True)

    name: str
    hidden: bool = False
    hub_id: str | None = None
    account: Mapping[str, Any] | None = None
    status: str | None = None
    status_changed_at: datetime | None = None


class FeedOrganization(BaseModel):
    """The organization that a paper belongs to on the hub."""

    model_config = ConfigDict(frozen=True)

    name: str
    full_name: str
    hub_id: str | None = None
    avatar_url: str | None = None


class FeedListing(BaseModel):
    """What a feed says about a paper's listing on one day."""

    model_config = ConfigDict(frozen=True)

    submitted_at: datetime | None = None
    announced_at: datetime | None = None  # looked at, not stored
    submitter: Mapping[str, Any] | None = None
    submitter_organization: Mapping[str, Any] | None = None
    kind: AnnouncementKind | None = None
    # True if the day was derived from the time of submission. A paper that is on another day's list stays
    # there.
    presumed: bool = False


class FeedPaper(BaseModel):
    """One parsed record of a feed. Texts are plain, titles are one line, links are absolute http(s)."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    abstract: str | None = None
    published_at: datetime | None = None
    authors: tuple[FeedAuthor, ...] | None = None
    upvotes: int | None = None
    comments: int | None = None
    discussion_id: str | None = None
    author_participates: bool | None = None
    organization: FeedOrganization | None = None
    thumbnail_url: str | None = None
    media_urls: tuple[str, ...] | None = None
    ai_summary: str | None = None
    ai_summary_model: str | None = None
    ai_keywords: tuple[str, ...] | None = None
    project_url: str | None = None
    github_url: str | None = None
    github_stars: int | None = None
    github_added_by: str | None = None
    withdrawn_at: datetime | None = None  # according to the hub
    categories: tuple[str, ...] | None = None  # the primary one first
    doi: str | None = None  # the publisher's, in the form of papers/doi.py
    venue: str | None = None  # where it appeared, in the form of text/venue.py
    version: int | None = None  # of arXiv; `revised_at` and `withdrawn` belong to it
    revised_at: datetime | None = None
    withdrawn: bool | None = None
    listing: FeedListing = FeedListing()


# arXiv's oldest papers carry dates of 1986, years before it began.
MIN_TIME: Final = datetime(1986, 1, 1, tzinfo=UTC)
MAX_TIME_AHEAD: Final = timedelta(days=366)  # of our clock, which may be wrong


def require_possible_times(paper: FeedPaper, *, now: datetime) -> None:
    """Raise `RecordUnreadable` if a time of the paper lies far outside of what feeds give."""
    times = {
        "published_at": paper.published_at,
        "revised_at": paper.revised_at,
        "withdrawn_at": paper.withdrawn_at,
        "announced_at": paper.listing.announced_at,
        "submitted_at": paper.listing.submitted_at,
    }
    for author in paper.authors or ():
        times[f"status_changed_at of {author.name[:40]}"] = author.status_changed_at
    for name, time in times.items():
        if time is not None and not MIN_TIME <= time <= now + MAX_TIME_AHEAD:
            raise RecordUnreadable(f"{name}: {time:%Y-%m-%d} lies far outside of what feeds give")
