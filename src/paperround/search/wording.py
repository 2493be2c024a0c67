"""Full text: the words of a question weighed by how rare they are, the papers that have them, and how much.

Bounded whatever is asked: each word gives at most some hundreds of papers, the rarest words first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import log, pi
from typing import Any, Final

import numpy as np
from sqlalchemy import ColumnElement, Float, Select, cast, func, literal, select, text, union_all
from sqlalchemy.dialects.postgresql import TSQUERY

from paperround.database import ReadSession
from paperround.papers.tables import Paper
from paperround.search.question import Question

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

MOST_WORDS: Final = 40  # of a question, the rarest
POSTING: Final = 1000  # papers that one word may bring
MOST_POSTED: Final = 5000  # papers that all words together may bring
MOST_COUNTED: Final = 1000

PARSED: Final = text("""
    SELECT CAST((websearch_to_tsquery('english', :wanted) || websearch_to_tsquery('simple', :wanted))
            && websearch_to_tsquery('english', :banned) && websearch_to_tsquery('simple', :banned) AS text)
            AS strict,
        CAST((websearch_to_tsquery('english', :phrases) || websearch_to_tsquery('simple', :phrases))
            && websearch_to_tsquery('english', :banned) && websearch_to_tsquery('simple', :banned) AS text)
            AS required,
        CAST(phraseto_tsquery('english', :words) AS text) AS phrase,
        CAST(plainto_tsquery('simple', :words) AS text) AS names,
        coalesce((SELECT documents FROM lexemes WHERE lexeme = ''), 0) AS papers
""")
LEXEMES: Final = text("""
    SELECT asked.lexeme, asked.positions, least(coalesce(body.documents, 1), :papers) AS documents,
        least(coalesce(title.documents, 1), :papers) AS titles
    FROM unnest(to_tsvector('english', :words)) AS asked
    LEFT JOIN lexemes AS body ON body.lexeme = asked.lexeme
    LEFT JOIN lexemes AS title ON title.lexeme = '=' || asked.lexeme
    ORDER BY documents, asked.lexeme LIMIT :most
""")

# The columns are long and lie apart from the rows: joined to nothing, one is read once and not for each word.
LOOK: Final = text("""
    WITH whole AS MATERIALIZED (
        SELECT id, coalesce(search, '') || CAST('' AS tsvector) AS words,
            translate(lower(title || ' ' || abstract), '-', ' ') AS written
        FROM papers WHERE id = ANY(CAST(:ids AS text[]))
    )
    SELECT id, length(words) AS length, words @@ CAST(:strict AS tsquery) AS strict,
        words @@ CAST(:phrase AS tsquery) AS phrase, words @@ CAST(:names AS tsquery) AS named, written,
        ARRAY(SELECT ts_rank('{1,1,1,1}', words, term)
              FROM unnest(CAST(CAST(:terms AS text[]) AS tsquery[])) AS term) AS ranks,
        ARRAY(SELECT CAST(words @@ term AS int)
              FROM unnest(CAST(CAST(:titles AS text[]) AS tsquery[])) AS term) AS titles
    FROM whole ORDER BY id
""")


@dataclass(frozen=True)
class Term:
    """A word of the question. `share`: of the papers that have it, 0 to 1."""

    query: str  # in tsquery's syntax
    idf: float
    share: float
    places: tuple[int, ...]  # of its words in the question, from 1
    titles: int = 0  # how many papers have it in the title


@dataclass(frozen=True)
class Asked:
    """The question as PostgreSQL reads it; texts in tsquery's syntax."""

    strict: str  # all of what was asked
    required: str  # phrases and exclusions
    phrase: str
    names: str
    papers: int
    terms: Sequence[Term]  # single words, rarest first
    runs: Sequence[str]  # two or three of them in a row, as written


def quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


async def read(session: ReadSession, question: Question) -> Asked:
    """The question's words with how common they are."""
    given = {
        "wanted": question.wanted, "banned": question.banned,
        "phrases": question.phrases, "words": question.words,
    }  # fmt: skip
    parsed = (await session.execute(PARSED, given)).one()
    papers = max(parsed.papers, 1)
    rows = await session.execute(LEXEMES, {"words": question.words, "papers": papers, "most": MOST_WORDS})
    terms = []
    for row in rows:
        idf = log((1 + papers) / (1 + row.documents)) + 1
        terms.append(Term(quoted(row.lexeme), idf, row.documents / papers, tuple(row.positions), row.titles))
    runs = _runs(question.words.split(), {place for term in terms for place in term.places})
    return Asked(parsed.strict, parsed.required, parsed.phrase, parsed.names, parsed.papers, terms, runs)


def _runs(written: Sequence[str], places: Collection[int]) -> list[str]:
    """Two and three words in a row, stop words and all too common ones aside."""
    runs = [
        " ".join(written[start - 1 : start - 1 + length])
        for length in (2, 3)
        for start in sorted(places)
        if all(start + step in places for step in range(length)) and start - 1 + length <= len(written)
    ]
    return list(dict.fromkeys(runs))[:MOST_WORDS]


def _matches(*queries: str) -> ColumnElement[bool]:
    """Papers that match all of these tsqueries; one condition, so that one look into the index does."""
    query = " & ".join(f"({q})" for q in queries if q)
    return Paper.search.op("@@", is_comparison=True)(cast(literal(query), TSQUERY))


def required(asked: Asked) -> list[ColumnElement[bool]]:
    """What holds for every result, near in meaning or not: phrases, and what was excluded."""
    return [_matches(asked.required)] if asked.required else []


async def count(session: ReadSession, asked: Asked, where: Sequence[ColumnElement[bool]]) -> int:
    """How many papers match all of what was asked; not counted beyond `MOST_COUNTED` + 1."""
    if not asked.strict:
        return 0
    some = select(Paper.id).where(_matches(asked.strict), *where).limit(MOST_COUNTED + 1)
    return (await session.execute(select(func.count()).select_from(some.subquery()))).scalar_one()


async def candidates(
    session: ReadSession, asked: Asked, *, limit: int, where: Sequence[ColumnElement[bool]]
) -> list[str]:
    """Papers that have most of the rarest words, best first."""
    parts = [_posting(query, weight, asked, where) for query, weight in _postings(asked)]
    if not parts:
        return []
    posted = union_all(*parts).subquery()
    best = (
        select(posted.c.id)
        .group_by(posted.c.id)
        .order_by(func.sum(posted.c.weight).desc(), posted.c.id.desc())
    )
    return list(await session.scalars(best.limit(limit)))


def _postings(asked: Asked) -> list[tuple[str, float]]:
    """What to look up, with the weight of each: the whole, the whole in titles, the rare words."""
    found: list[tuple[str, float]] = []
    if asked.strict:
        found.append((asked.strict, sum(term.idf**2 for term in asked.terms) or 1.0))
    if len(asked.terms) > 1:
        in_title = " & ".join(_in_title(term) for term in asked.terms[:8])
        found.append((in_title, sum(term.idf**2 for term in asked.terms[:8])))
    budget = MOST_POSTED
    for term in asked.terms:
        for query, weight, size in (
            (_in_title(term), term.idf**2 / 2, term.titles),
            (term.query, term.idf**2, int(term.share * asked.papers)),
        ):
            if size <= min(budget, 2 * POSTING) or len(asked.terms) == 1:
                budget -= min(size, POSTING)
                found.append((query, weight))
    return found


def _in_title(term: Term) -> str:
    return f"'={term.query[1:]}"


def _posting(query: str, weight: float, asked: Asked, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    part = select(Paper.id.label("id"), literal(weight, Float).label("weight"))
    return select(part.where(_matches(query, asked.required), *where).limit(POSTING).subquery())


@dataclass(frozen=True)
class Wording:
    """How papers have the question's words. Rows are papers; columns terms, or runs."""

    ids: Sequence[str]
    has: Numbers  # 0, or from 1 up with how often
    in_title: Numbers  # 0 or 1
    runs: Numbers  # how often
    lengths: Numbers  # different words of each
    strict: np.ndarray[tuple[int], np.dtype[np.bool_]]
    phrase: np.ndarray[tuple[int], np.dtype[np.bool_]]
    named: np.ndarray[tuple[int], np.dtype[np.bool_]]  # all words are in its authors' names


async def look(session: ReadSession, asked: Asked, ids: Sequence[str]) -> Wording:
    """Read these papers' search columns."""
    given = {
        "ids": list(ids),
        "strict": asked.strict,
        "phrase": asked.phrase,
        "names": " & ".join(f"{name}:C" for name in asked.names.split(" & ")) if asked.names else "",
        "terms": [term.query for term in asked.terms],
        "titles": [_in_title(term) for term in asked.terms],
    }
    rows = (await session.execute(LOOK, given)).all()
    ranks = np.array([row.ranks for row in rows], np.float64).reshape(len(rows), len(asked.terms))
    runs = np.array([[row.written.count(run) for run in asked.runs] for row in rows], np.float64)
    titles = np.array([row.titles for row in rows], np.float64).reshape(len(rows), len(asked.terms))
    return Wording(
        ids=[row.id for row in rows],
        has=_times(ranks),
        in_title=titles,
        runs=runs.reshape(len(rows), len(asked.runs)),
        lengths=np.array([max(row.length, 1) for row in rows], np.float64),
        strict=np.array([row.strict for row in rows], np.bool_),
        phrase=np.array([row.phrase for row in rows], np.bool_),
        named=np.array([row.named for row in rows], np.bool_),
    )


def _times(ranks: Numbers) -> Numbers:
    """How often a word stands there, on a logarithmic scale: 0, then 1 for once.

    With equal weights ts_rank is the sum of 1/k² up to that number over the sum of all 1/k²; that is undone.
    """
    left = np.maximum(pi**2 / 6 - ranks * 1.64493406685, 1e-3)
    return np.where(ranks > 0, 1 + np.log(np.maximum(1 / left - 0.5, 1)), 0)
