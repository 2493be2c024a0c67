"""The conditions of a query for papers on the lists of some days, and their SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Date, Text, all_, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.papers.authors import select_ids_of_names
from paperround.papers.period import EditionPeriod
from paperround.papers.tables import FRESH_LISTING, Listing, Paper

SHORT_PERIOD: Final = 7  # days


@dataclass(frozen=True)
class EditionQuery:
    """The conditions of a query for papers on the lists of `feeds` from the day `first` to the day `last`.

    A field that is None or empty adds no condition.
    """

    first: date | None = None
    last: date | None = None
    feeds: tuple[str, ...] = ()
    submitter: str | None = None
    category: str | None = None
    organization: str | None = None
    author_names: tuple[str, ...] | None = None  # the ways in which an author is written
    venue: str | None = None
    chosen_ids: tuple[str, ...] | None = None  # the only papers, where given
    excluded_ids: tuple[str, ...] = ()

    @classmethod
    def for_period(cls, period: EditionPeriod, category: str | None = None) -> EditionQuery:
        """Build the query for the papers of an edition, or of one category of it."""
        return cls(first=period.first, last=period.last, category=category)

    def among(self, paper_ids: Sequence[str]) -> EditionQuery:
        """Build the same query for some papers alone."""
        return replace(self, chosen_ids=tuple(paper_ids))

    def without(self, paper_ids: Sequence[str]) -> EditionQuery:
        """Build the same query without some papers."""
        return replace(self, excluded_ids=tuple(paper_ids))

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the conditions."""
        return {
            **vars(self),
            "feeds": list(self.feeds),
            "categories": [self.category],
            "author_names": list(self.author_names or ()),
            "chosen_ids": list(self.chosen_ids or ()),
            "excluded_ids": list(self.excluded_ids),
        }

    @property
    def shape(self) -> EditionShape:
        """The conditions without their values."""
        named = {name for name, value in vars(self).items() if value is not None and value != ()}
        if self.chosen_ids is not None:
            named.add("chosen_ids")
        days = (self.last - self.first).days if self.first and self.last else SHORT_PERIOD
        return EditionShape(frozenset(named), is_short=days < SHORT_PERIOD)


class EditionShape(NamedTuple):
    """The names of the conditions of an `EditionQuery`. A statement is built once for each shape.

    A short period spans at most a week, so that its papers are few enough to be sorted.
    """

    named: frozenset[str]
    is_short: bool

    @property
    def listing_conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on a listing. They are empty if any paper will do, even one without a listing."""
        conditions: dict[str, ColumnElement[bool]] = {
            "first": Listing.day >= bindparam("first", type_=Date),
            "last": Listing.day <= bindparam("last", type_=Date),
            "feeds": Listing.feed == any_(bindparam("feeds", type_=ARRAY(Text))),
            "submitter": Listing.submitter_name == bindparam("submitter", type_=Text),
        }
        wanted = [condition for name, condition in conditions.items() if name in self.named]
        return [*wanted, FRESH_LISTING] if wanted else []

    @property
    def paper_conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on the paper itself."""
        conditions: dict[str, ColumnElement[bool]] = {
            "category": Paper.categories.contains(bindparam("categories", type_=ARRAY(Text))),
            "chosen_ids": Paper.id == any_(bindparam("chosen_ids", type_=ARRAY(Text))),
            "excluded_ids": Paper.id != all_(bindparam("excluded_ids", type_=ARRAY(Text))),
            "venue": Paper.venue == bindparam("venue", type_=Text),
            "organization": Paper.organization_name == bindparam("organization", type_=Text),
        }
        if "author_names" in self.named:
            conditions["author_names"] = Paper.id.in_(select_ids_of_names())
        return [condition for name, condition in conditions.items() if name in self.named]
