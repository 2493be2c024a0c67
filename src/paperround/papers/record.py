"""What a feed can tell of a paper: the one shape that every feed is read into. Unknown is None."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict


class Unreadable(ValueError):
    """A feed's record that can't be read. The text says which field and why."""


class Kind(enum.StrEnum):
    """How arXiv announced a paper, strongest first; the hub's listings have none."""

    new = "new"
    cross = "cross"  # new to this category
    replaced = "replace"  # a new version of a paper announced before
    cross_replaced = "replace-cross"


FRESH: Final = (Kind.new, Kind.cross)  # what puts a paper on an edition


class FeedAuthor(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    hidden: bool = False
    hub_id: str | None = None
    account: Mapping[str, Any] | None = None
    status: str | None = None
    status_changed_at: datetime | None = None


class FeedOrganization(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    full_name: str
    hub_id: str | None = None
    avatar_url: str | None = None


class FeedListing(BaseModel):
    """What belongs to the paper's place on one day's list."""

    model_config = ConfigDict(frozen=True)

    submitted_at: datetime | None = None
    submitter: Mapping[str, Any] | None = None
    submitter_organization: Mapping[str, Any] | None = None
    kind: Kind | None = None
    presumed: bool = False  # the day was worked out: a paper that stands on another day's list is left there


class FeedPaper(BaseModel):
    """One record of a feed, read. Texts are plain (no line breaks in titles), links absolute http(s)."""

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
    withdrawn_at: datetime | None = None  # the hub's word
    categories: tuple[str, ...] | None = None  # the primary one first
    doi: str | None = None  # the publisher's, as papers/doi.py writes it
    version: int | None = None  # what follows belongs to it
    revised_at: datetime | None = None
    withdrawn: bool | None = None
    listing: FeedListing = FeedListing()
