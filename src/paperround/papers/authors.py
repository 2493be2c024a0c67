"""The papers of an author, and with whom they were written.

A feed gives names alone, so people are told apart by name only: two of one name are one here, and whoever is
written in two ways is two. Case, accents and `Family, Given` make no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Select, Text, any_, bindparam, cast, func, select, union
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from paperround.database import ReadSession
from paperround.papers.tables import Author, Paper
from paperround.text.names import build_name_key, quote_name_key

MAX_COAUTHORS: Final = 24
MAX_NAMES: Final = 300  # spellings that are counted to find them
MAX_CANDIDATES: Final = 20_000  # names among which those of an author are looked for


def select_ids_of_names() -> Select[str]:
    """Select the ids of the papers with an author of one of the names `author_names`, who is not hidden."""
    names = bindparam("author_names", type_=ARRAY(Text))
    return select(Author.paper_id).where(Author.name == any_(names), ~Author.hidden)


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


async def find_spellings(session: ReadSession, name: str) -> Sequence[str]:
    """Find the ways in which papers write an author's name, the most frequent first.

    Case, accents and `Family, Given` make no difference, but the order of words without a comma does.
    """
    key = build_name_key(name)
    if not key:
        return []
    by_key = Paper.search.op("@@", is_comparison=True)(cast(quote_name_key(key), TSQUERY))
    # The index has the first names of a paper with hundreds of authors; as it stands a name is always found.
    as_written = select(Author.paper_id).where(Author.name == name, ~Author.hidden)
    candidates = union(select(Paper.id.label("id")).where(by_key), as_written).subquery()
    counted = select(Author.name).where(Author.paper_id.in_(select(candidates.c.id)), ~Author.hidden)
    ordered = counted.group_by(Author.name).order_by(func.count().desc(), Author.name).limit(MAX_CANDIDATES)
    return [written for written in await session.scalars(ordered) if build_name_key(written) == key]


async def find_author(session: ReadSession, name: str) -> AuthorSummary | None:
    """Find an author by name. None where no paper has such an author."""
    own = await find_spellings(session, name)
    if not own:
        return None
    ids, named = select_ids_of_names(), {"author_names": own}
    totals = select(
        func.count().label("papers"),
        func.coalesce(func.sum(Paper.votes), 0).label("votes"),
        func.min(Paper.listed_on).label("first"),
    )
    row = (await session.execute(totals.where(Paper.id.in_(ids)), named)).one()
    number = func.count(Author.paper_id.distinct())
    counted = select(Author.name, number).where(Author.paper_id.in_(ids), ~Author.hidden)
    ordered = counted.group_by(Author.name).order_by(number.desc(), Author.name).limit(MAX_NAMES)
    others: Counter[str] = Counter()
    spelled: dict[str, str] = {}  # by key, as most papers write it
    for written, papers in await session.execute(ordered, named):
        other = build_name_key(written)
        if other and written not in own:
            others[spelled.setdefault(other, written)] += papers
    return AuthorSummary(
        name=own[0],
        spellings=own[1:],
        papers=row.papers,
        votes=row.votes,
        first=row.first,
        coauthors=[CoAuthor(*pair) for pair in others.most_common(MAX_COAUTHORS)],
    )
