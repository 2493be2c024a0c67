"""Which papers a search may find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, Select, exists

from paperround.papers.tables import FRESH_LISTING, Listing, Paper


@dataclass(frozen=True)
class Filters:
    """Days are those of listings, both included. None or empty: no bound."""

    first: date | None = None
    last: date | None = None
    feed: str | None = None
    category: str | None = None
    organization: str | None = None
    has_code: bool = False
    min_upvotes: int = 0
    among: Select[str] | None = None  # ids of papers

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """On papers."""
        found: list[ColumnElement[bool]] = []
        if self.category:
            found.append(Paper.categories.contains([self.category]))
        if self.organization:
            found.append(Paper.organization_name == self.organization)
        if self.has_code:
            found.append(Paper.github_url.is_not(None))
        if self.min_upvotes:
            found.append(Paper.votes >= self.min_upvotes)
        if self.among is not None:
            found.append(Paper.id.in_(self.among))
        if self._listed:
            found.append(exists().where(Listing.paper_id == Paper.id, FRESH_LISTING, *self._listed))
        return found

    @property
    def _listed(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.first:
            found.append(Listing.day >= self.first)
        if self.last:
            found.append(Listing.day <= self.last)
        if self.feed:
            found.append(Listing.feed == self.feed)
        return found


NO_FILTERS: Final = Filters()
