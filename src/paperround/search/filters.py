"""Filters of a search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, Select, exists

from paperround.papers.tables import FRESH_LISTING, Listing, Paper


@dataclass(frozen=True)
class SearchFilters:
    """Days are those of listings; both are included. None or empty means no filter."""

    first_day: date | None = None
    last_day: date | None = None
    feed: str | None = None
    categories: tuple[str, ...] = ()  # in any of them
    organization: str | None = None
    has_code: bool = False
    min_upvotes: int = 0
    paper_ids: Select[str] | None = None  # selects the ids of the only papers to search

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """SQL conditions on papers."""
        conditions: list[ColumnElement[bool]] = []
        if self.categories:
            conditions.append(Paper.categories.overlap(list(self.categories)))
        if self.organization:
            conditions.append(Paper.organization_name == self.organization)
        if self.has_code:
            conditions.append(Paper.github_url.is_not(None))
        if self.min_upvotes:
            conditions.append(Paper.votes >= self.min_upvotes)
        if self.paper_ids is not None:
            conditions.append(Paper.id.in_(self.paper_ids))
        if self._listing_conditions:
            conditions.append(
                exists().where(Listing.paper_id == Paper.id, FRESH_LISTING, *self._listing_conditions)
            )
        return conditions

    @property
    def _listing_conditions(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.first_day:
            conditions.append(Listing.day >= self.first_day)
        if self.last_day:
            conditions.append(Listing.day <= self.last_day)
        if self.feed:
            conditions.append(Listing.feed == self.feed)
        return conditions


NO_FILTERS: Final = SearchFilters()
