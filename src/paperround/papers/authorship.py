"""Putting new papers in with their authors. Authors are many, up to thousands a paper: one statement takes
them all, where the unit of work would handle each by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm.attributes import set_committed_value

from paperround.database import WriteSession
from paperround.papers.heat import Votes, heat
from paperround.papers.tables import Author, Paper

INSERT: Final = text("""
    INSERT INTO authors (paper_id, position, name, hidden, hub_id, account, status, status_changed_at)
    SELECT paper_id, position, name, hidden, hub_id, CAST(account AS jsonb), status, status_changed_at
    FROM unnest(
        CAST(:paper_id AS text[]), CAST(:position AS integer[]), CAST(:name AS text[]),
        CAST(:hidden AS boolean[]), CAST(:hub_id AS text[]), CAST(:account AS text[]),
        CAST(:status AS text[]), CAST(:status_changed_at AS timestamptz[])
    ) AS given (paper_id, position, name, hidden, hub_id, account, status, status_changed_at)
""")
COLUMNS: Final = ("paper_id", "position", "name", "hidden", "hub_id", "status", "status_changed_at")


async def add_new(session: WriteSession, papers: Sequence[Paper], *, half_life: timedelta) -> None:
    """Insert papers that the catalogue doesn't have, each with its authors and its first heat."""
    people = {paper.id: list(paper.authors) for paper in papers}
    for paper in papers:
        first = [Votes(paper.seen_at, paper.upvotes)]
        paper.heat = heat(first, listed_on=paper.listed_on, half_life=half_life)
        paper.authors = []
    session.add_all(papers)
    await session.flush()
    await _insert(session, [author for authors in people.values() for author in authors])
    for paper in papers:
        set_committed_value(paper, "authors", people[paper.id])


async def _insert(session: WriteSession, authors: Sequence[Author]) -> None:
    if authors:
        values = {name: [getattr(author, name) for author in authors] for name in COLUMNS}
        accounts = [json.dumps(author.account) if author.account else None for author in authors]
        await session.execute(INSERT, values | {"account": accounts})
