"""The papers of an author, and with whom they were written.

A feed gives names alone, so people are told apart by name only: two of one name are one here, and whoever is
written in two ways is two. Order, case and accents of a name make no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Select, Text, bindparam, cast, func, select, union
from sqlalchemy.dialects.postgresql import TSQUERY

from paperround.database import ReadSession
from paperround.papers.tables import Author, Paper
from paperround.text.names import build_name_key, quote_name_key

MAX_COAUTHORS: Final = 24
MAX_NAMES: Final = 300  # spellings that are counted to find them


def select_ids_of_author() -> Select[str]:
    """Select the ids of the papers with an author of a name who is not hidden.

    The parameters are the name as `author`, and its key, quoted, as `author_key`.
    """
    key = cast(bindparam("author_key", type_=Text), TSQUERY)
    by_key = Paper.search.op("@@", is_comparison=True)(key)
    # The index has the first names of a paper with hundreds of authors; as it stands a name is always found.
    name = bindparam("author", type_=Text)
    as_written = select(Author.paper_id.label("id")).where(Author.name == name, ~Author.hidden)
    found = union(select(Paper.id).where(by_key), as_written).subquery()
    return select(found.c.id)


class CoAuthor(NamedTuple):
    """Somebody with whom an author wrote, and the number of papers."""

    name: str
    papers: int


@dataclass(frozen=True)
class AuthorSummary:
    """What is known of an author. `name` is how most papers write it, `spellings` are the other ways."""

    name: str
    spellings: Sequence[str]
    papers: int
    votes: int
    first: date  # the first day on which a paper of theirs was listed
    coauthors: Sequence[CoAuthor]


async def find_author(session: ReadSession, name: str) -> AuthorSummary | None:
    """Find an author by name, in any order of its words. None where no paper has such an author."""
    key = build_name_key(name)
    if not key:
        return None
    ids, named = select_ids_of_author(), {"author": name, "author_key": quote_name_key(key)}
    totals = select(
        func.count().label("papers"),
        func.coalesce(func.sum(Paper.votes), 0).label("votes"),
        func.min(Paper.listed_on).label("first"),
    )
    row = (await session.execute(totals.where(Paper.id.in_(ids)), named)).one()
    if not row.papers:
        return None
    number = func.count(Author.paper_id.distinct())
    counted = select(Author.name, number).where(Author.paper_id.in_(ids), ~Author.hidden)
    ordered = counted.group_by(Author.name).order_by(number.desc(), Author.name).limit(MAX_NAMES)
    own: list[str] = []
    others: Counter[str] = Counter()
    spelled: dict[str, str] = {}  # by key, as most papers write it
    for written, papers in await session.execute(ordered, named):
        other = build_name_key(written)
        if other == key:
            own.append(written)
        elif other:
            others[spelled.setdefault(other, written)] += papers
    return AuthorSummary(
        name=own[0] if own else name,
        spellings=own[1:],
        papers=row.papers,
        votes=row.votes,
        first=row.first,
        coauthors=[CoAuthor(*pair) for pair in others.most_common(MAX_COAUTHORS)],
    )
