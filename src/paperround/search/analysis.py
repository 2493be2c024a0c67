"""A question as the database reads it: its words, how rare they are, what to look up for them. Bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, text

from paperround.database import ReadSession
from paperround.search.query_syntax import Question, literal
from paperround.search.query_vectors import QueryVector
from paperround.search.vectors import TOLD, View, told

MOST_WORDS: Final = 30  # of a question, the rarest
POSTING: Final = 1000  # papers that one word may bring
MOST_POSTED: Final = 3000  # papers that all words together may bring
ALONE: Final = 300  # of them without another of the words

READ: Final = text(
    """
    WITH parsed AS (SELECT
        (websearch_to_tsquery('english', :wanted) || websearch_to_tsquery('simple', :wanted))
            && websearch_to_tsquery('english', :banned) && websearch_to_tsquery('simple', :banned) AS strict,
        (websearch_to_tsquery('english', :phrases) || websearch_to_tsquery('simple', :phrases))
            && websearch_to_tsquery('english', :banned) && websearch_to_tsquery('simple', :banned)
            AS required,
        plainto_tsquery('simple', :words) AS names,
        coalesce((SELECT documents FROM lexemes WHERE lexeme = ''), 0) AS papers,
        {told}
    ), asked AS (
        SELECT lexeme, array_agg(place ORDER BY place) AS places
        FROM unnest(string_to_array(:words, ' ')) WITH ORDINALITY AS word (written, place),
            unnest(to_tsvector('english', written))
        GROUP BY lexeme
    )
    SELECT CAST(strict AS text) AS strict, CAST(required AS text) AS required, CAST(names AS text) AS names,
        papers, asked.lexeme, asked.places,
        model.id AS model_id, model.name AS model, model.dimensions,
        least(coalesce(body.documents, 1), papers) AS documents,
        least(coalesce(title.documents, 1), papers) AS titles
    FROM parsed
    LEFT JOIN embedding_models AS model ON model.state = 'current'
    LEFT JOIN asked ON true
    LEFT JOIN lexemes AS body ON body.lexeme = asked.lexeme
    LEFT JOIN lexemes AS title ON title.lexeme = '=' || asked.lexeme
    ORDER BY documents, asked.lexeme LIMIT :most
""".replace("{told}", TOLD)
)


@dataclass(frozen=True)
class Term:
    """A word of the question: its stem and how rare that is."""

    query: str  # the stem, in tsquery's syntax
    written: str  # as `question.literal` has it
    places: tuple[int, ...]  # in the question, from 0
    idf: float
    papers: int  # that have it
    titles: int  # that have it in the title

    @property
    def in_title(self) -> str:
        return f"'={self.query[1:]}"


class Posting(NamedTuple):
    """Papers to look up: a tsquery, what being among them counts, which terms (columns) they then have."""

    query: str
    weight: float
    columns: Sequence[int]


class Run(NamedTuple):
    """Two or three words in a row, as `question.literal` has them; `parts` are the two runs within."""

    written: str
    weight: float
    parts: tuple[int, int]  # columns: terms, then runs


class Model(NamedTuple):
    id: int
    name: str
    dimensions: int


@dataclass(frozen=True)
class Asked:
    """The question as PostgreSQL reads it; texts in tsquery's syntax."""

    model: Model | None  # the current one
    strict: str  # all of what was asked
    either: bool  # that is one or another of its words
    required: str  # phrases and exclusions
    names: str  # all words among the authors'
    written: Sequence[str]
    terms: Sequence[Term]  # rarest first
    runs: Sequence[Run]

    def view(self, vector: QueryVector | None) -> View | None:
        """None without the question's vector, or when it isn't of the current model."""
        if vector is None or self.model is None or self.model[1:] != (vector.model, len(vector.numbers)):
            return None
        return View(self.model.id, vector.numbers)

    @cached_property
    def postings(self) -> list[Posting]:
        """What to look up: first the whole, then the whole in titles, the rare words."""
        both = sum(term.idf**2 for term in self.terms[:8])
        every = range(len(self.terms))
        found = [Posting(self.strict, both or 1.0, () if self.either else every)] if self.strict else []
        if len(self.terms) > 1:
            found.append(Posting(" & ".join(term.in_title for term in self.terms[:8]), both, every[:8]))
        found += _rare(self.terms)
        if len(self.terms) == 1:
            found += [Posting(term.query, 1.0, every) for term in self.terms]
        return [posting._replace(query=matching(posting.query, self.required)) for posting in found]


async def read(session: ReadSession, question: Question, *, near: int, narrowed: bool) -> Asked:
    """The question's words with how common they are. PostgreSQL is told to look for `near` papers, among all
    or not, by the vector's index."""
    given = {
        "wanted": question.wanted, "banned": question.banned, "phrases": question.phrases,
        "words": question.words, "most": MOST_WORDS, **told(near, narrowed=narrowed),
    }  # fmt: skip
    rows = (await session.execute(READ, given)).all()
    parsed, papers = rows[0], max(rows[0].papers, 1)
    written = question.words.split()
    terms = [_term(row, written) for row in rows if row.lexeme is not None]
    return Asked(
        model=Model(parsed.model_id, parsed.model, parsed.dimensions) if parsed.model_id else None,
        strict=parsed.strict,
        either=question.either,
        required=parsed.required,
        names=" & ".join(f"{name}:C" for name in parsed.names.split(" & ")) if parsed.names else "",
        written=written,
        terms=terms,
        runs=_runs(written, terms, rarest=idf(0, papers)),
    )


def idf(documents: int, papers: int) -> float:
    return log((1 + papers) / (1 + documents)) + 1


def _term(row: Row[Any], written: Sequence[str]) -> Term:
    places = tuple(place - 1 for place in row.places)
    return Term(
        query=_quoted(row.lexeme),
        written=literal(written[places[0]]),
        places=places,
        idf=idf(row.documents, row.papers),
        papers=row.documents,
        titles=row.titles,
    )


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _runs(written: Sequence[str], terms: Sequence[Term], *, rarest: float) -> list[Run]:
    """With the stop words that stand between. Runs aren't counted: one is as rare as its words together."""
    at = {place: column for column, term in enumerate(terms) for place in term.places}
    places = sorted(at)
    columns = {(start, 1): at[place] for start, place in enumerate(places)}
    runs: list[Run] = []
    for length in (2, 3):
        for start in range(len(places) - length + 1):
            part = places[start : start + length]
            columns[start, length] = len(terms) + len(runs)
            rarity = min(sum(terms[at[place]].idf for place in part), rarest)
            words = literal(" ".join(written[part[0] : part[-1] + 1]))
            within = columns[start, length - 1], columns[start + 1, length - 1]
            runs.append(Run(words, rarity**2, within))
    return runs


def _rare(terms: Sequence[Term]) -> list[Posting]:
    """Words with few enough papers; of one with too many, its papers by title.

    The rarest bring all of theirs, the others those that have one more of these words: to read a third of the
    pages, and rank no worse, for the rest comes last anyway.
    """
    found: list[tuple[int, str, bool]] = []
    left, alone = MOST_POSTED, ALONE
    for column, term in enumerate(terms):
        for query, size in ((term.query, term.papers), (term.in_title, term.titles)):
            if size <= min(left, 2 * POSTING):
                left -= min(size, POSTING)
                found.append((column, query, not found or size <= alone))
                alone -= size
                break
    rare = [terms[column] for column, _, _ in found]
    return [
        Posting(
            query if rarest else matching(query, _any_but(terms[column], rare)),
            terms[column].idf ** 2,
            (column,),
        )
        for column, query, rarest in found
    ]


def _any_but(term: Term, others: Sequence[Term]) -> str:
    return " | ".join(other.query for other in others if other is not term)


def matching(*queries: str) -> str:
    """All of these tsqueries; one condition, so that one look into the index does."""
    return " & ".join(f"({query})" for query in queries if query)
