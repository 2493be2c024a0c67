"""The papers of a few days that a reader's follows speak for, with those that do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import select, text

from paperround.database import ReadSession
from paperround.follows.tables import Follow, FollowKind
from paperround.papers.record import FRESH_KINDS
from paperround.papers.tables import Author
from paperround.text.names import build_name_key, quote_name_key

# What each follow asks of the search column. A keyword must stand in title or abstract: a word of a name is
# none. Names are keys of their own there (`papers/search_column.py`).
WANTED: Final = r"""
    wanted AS MATERIALIZED (
        SELECT position, kind, key, name,
            CASE kind
                WHEN 'author' THEN name_query
                WHEN 'keyword' THEN regexp_replace(CAST(phraseto_tsquery('english', key) AS text),
                    '''(?:[^'']|'''')*''', '\&\:AB', 'g')
                ELSE ''
            END AS query
        FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:names AS text[]),
            CAST(:name_queries AS text[])) WITH ORDINALITY AS given (kind, key, name, name_query, position)
    )
"""
KEYWORD: Final = r"btrim(regexp_replace(lower(keyword), '[^[\:alnum\:]]+', ' ', 'g'))"
# All follows are one condition: reading a search column takes longer than comparing it.
FIND: Final = text(
    """
    WITH {wanted}, whole AS MATERIALIZED (
        SELECT CAST(string_agg('(' || query || ')', ' | ') FILTER (WHERE query <> '') AS tsquery) AS query,
            CAST(string_agg(query, ' | ') FILTER (WHERE kind = 'author') AS tsquery) AS people,
            array_agg(key) FILTER (WHERE kind = 'organization') AS organizations,
            array_agg(key) FILTER (WHERE kind = 'venue') AS venues,
            array_agg(key) FILTER (WHERE kind = 'keyword') AS keywords,
            array_agg(name) FILTER (WHERE kind = 'author') AS names
        FROM wanted
    ), listed AS MATERIALIZED (
        SELECT DISTINCT paper_id FROM listings
        WHERE day BETWEEN :first AND :last AND (kind IS NULL OR kind = ANY(CAST(:fresh_kinds AS text[])))
    )
    SELECT papers.id FROM whole, listed JOIN papers ON papers.id = listed.paper_id
    WHERE papers.search @@ whole.query OR papers.organization_name = ANY(whole.organizations)
        OR papers.venue = ANY(whole.venues)
        OR EXISTS (SELECT FROM unnest(papers.ai_keywords) AS keyword WHERE {keyword} = ANY(whole.keywords))
        OR EXISTS (SELECT FROM authors WHERE paper_id = papers.id AND name = ANY(whole.names) AND NOT hidden)
    ORDER BY coalesce(papers.search @@ whole.people, false) DESC,
        papers.upvotes + papers.local_upvotes DESC, papers.id
    LIMIT :limit
""".replace("{wanted}", WANTED).replace("{keyword}", KEYWORD)
)
REASONS: Final = text(
    """
    WITH {wanted}
    SELECT papers.id, wanted.position FROM papers JOIN wanted ON
        (wanted.query <> '' AND papers.search @@ CAST(wanted.query AS tsquery))
        OR (wanted.kind = 'organization' AND papers.organization_name = wanted.key)
        OR (wanted.kind = 'venue' AND papers.venue = wanted.key)
        OR (wanted.kind = 'keyword'
            AND EXISTS (SELECT FROM unnest(papers.ai_keywords) AS keyword WHERE {keyword} = wanted.key))
        OR (wanted.kind = 'author' AND EXISTS (
            SELECT FROM authors WHERE paper_id = papers.id AND name = wanted.name AND NOT hidden))
    WHERE papers.id = ANY(CAST(:ids AS text[])) ORDER BY wanted.position
""".replace("{wanted}", WANTED).replace("{keyword}", KEYWORD)
)


class FollowedPaper(NamedTuple):
    """A paper and the reader's follows that speak for it."""

    paper_id: str
    follows: Sequence[Follow]


async def list_followed_papers(
    session: ReadSession, follows: Sequence[Follow], first: date, last: date, *, limit: int
) -> Sequence[FollowedPaper]:
    """List the papers on the lists of these days that any of the follows speaks for.

    Those of followed authors come first, so that no keyword crowds them out; then the most voted. The days,
    `first` and `last` included, should be few: each of their papers is looked at.
    """
    if not follows:
        return []
    wanted: dict[str, Any] = {
        "kinds": [str(follow.kind) for follow in follows],
        "keys": [follow.key for follow in follows],
        "names": [follow.name for follow in follows],
        "name_queries": [
            quote_name_key(follow.key) if follow.kind is FollowKind.author else "" for follow in follows
        ],
    }
    days = {"first": first, "last": last, "fresh_kinds": list(FRESH_KINDS), "limit": limit}
    found: dict[str, list[Follow]] = {key: [] for key in await session.scalars(FIND, wanted | days)}
    if found:
        for paper_id, position in await session.execute(REASONS, wanted | {"ids": list(found)}):
            found[paper_id].append(follows[position - 1])
    keys = await _load_name_keys(session, found)
    true = {
        paper_id: [one for one in reasons if one.kind is not FollowKind.author or one.key in keys[paper_id]]
        for paper_id, reasons in found.items()
    }
    return [FollowedPaper(paper_id, reasons) for paper_id, reasons in true.items() if reasons]


async def _load_name_keys(
    session: ReadSession, reasons: Mapping[str, Sequence[Follow]]
) -> Mapping[str, Collection[str]]:
    """Load the keys of the authors' names, of papers that an author may speak for.

    The search column knows names without the order of their words.
    """
    asked = [key for key, follows in reasons.items() if any(one.kind is FollowKind.author for one in follows)]
    keys: dict[str, set[str]] = {paper_id: set() for paper_id in reasons}
    if asked:
        names = select(Author.paper_id, Author.name).where(Author.paper_id.in_(asked), ~Author.hidden)
        for paper_id, name in await session.execute(names):
            keys[paper_id].add(build_name_key(name))
    return keys
