"""Organizations on the hub, and how many papers are theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Text, bindparam, func, select

from paperround.database import ReadSession
from paperround.papers.rows import OrganizationRow
from paperround.papers.tables import Organization, Paper
from paperround.reads import Read, first_of, read_rows

ORGANIZATION: Final = Read(
    select(*(getattr(Organization, name) for name in OrganizationRow._fields)).where(
        Organization.name == bindparam("name", type_=Text)
    ),
    OrganizationRow,
)


async def find_organization(session: ReadSession, name: str) -> OrganizationRow | None:
    """Find an organization by its name on the hub."""
    return first_of(await read_rows(session, ORGANIZATION, name=name))


@dataclass(frozen=True)
class OrganizationTotals:
    """The number of papers of an organization and of their votes."""

    papers: int
    votes: int
    first: datetime | None  # the publication date of its earliest paper


async def count_organization(session: ReadSession, name: str) -> OrganizationTotals:
    """Count the papers of an organization and their votes, and find when the first one appeared."""
    query = select(
        func.count().label("papers"),
        func.coalesce(func.sum(Paper.votes), 0).label("votes"),
        func.min(Paper.published_at).label("first"),
    )
    row = (await session.execute(query.where(Paper.organization_name == name))).one()
    return OrganizationTotals(papers=row.papers, votes=row.votes, first=row.first)
