"""Statements that write what belongs to papers, all rows of a list at once. Equal rows change nothing.

`bulk_rows.write_rows` runs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Insert, Table, case, func, or_

from paperround.bulk_rows import find_table, insert_given
from paperround.papers.merge import SIGNAL_FIELDS
from paperround.papers.record import AnnouncementKind, FeedOrganization
from paperround.papers.rows import AuthorRow
from paperround.papers.tables import Author, Listing, Organization, Signal

LISTING_KEY: Final = ("day", "feed", "paper_id")
LISTING_FIELDS: Final = ("submitted_at", "submitter", "submitter_organization", "kind")
SIGNAL_KEY: Final = ("paper_id", "at")
AUTHOR_KEY: Final = ("paper_id", "position")


def _upsert_organizations() -> Insert:
    table = find_table(Organization)
    statement = insert_given(table, list(FeedOrganization.model_fields))
    values = {
        "full_name": statement.excluded.full_name,
        "hub_id": func.coalesce(statement.excluded.hub_id, table.c.hub_id),
        "avatar_url": func.coalesce(statement.excluded.avatar_url, table.c.avatar_url),
    }
    return statement.on_conflict_do_update(
        index_elements=["name"], set_=values, where=_differs(table, values)
    )


def _upsert_listings() -> Insert:
    """Build the upsert of listings. Unknown values change nothing, and of two kinds the stronger is kept."""
    table = find_table(Listing)
    statement = insert_given(table, (*LISTING_KEY, "first_seen_at", *LISTING_FIELDS))
    names = ("submitted_at", "submitter", "submitter_organization")
    values: dict[str, ColumnElement[Any]] = {
        name: func.coalesce(statement.excluded[name], table.c[name]) for name in names
    }
    values["kind"] = case(
        *(
            (or_(statement.excluded.kind == kind, table.c.kind == kind), kind.value)
            for kind in AnnouncementKind
        )
    )
    return statement.on_conflict_do_update(
        index_elements=LISTING_KEY, set_=values, where=_differs(table, values)
    )


def _upsert_signals() -> Insert:
    statement = insert_given(find_table(Signal), (*SIGNAL_KEY, *SIGNAL_FIELDS))
    values = {name: statement.excluded[name] for name in SIGNAL_FIELDS}
    return statement.on_conflict_do_update(index_elements=SIGNAL_KEY, set_=values)


def _differs(table: Table, values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """The condition that a row would change. An unchanged row is not written again."""
    return or_(*(table.c[name].is_distinct_from(value) for name, value in values.items()))


def _upsert_authors() -> Insert:
    statement = insert_given(find_table(Author), (*AUTHOR_KEY, *AuthorRow._fields))
    values = {name: statement.excluded[name] for name in AuthorRow._fields}
    return statement.on_conflict_do_update(index_elements=AUTHOR_KEY, set_=values)


UPSERT_ORGANIZATIONS: Final = _upsert_organizations()
UPSERT_LISTINGS: Final = _upsert_listings()
UPSERT_SIGNALS: Final = _upsert_signals()
UPSERT_AUTHORS: Final = _upsert_authors()
