"""Query analysis: the terms of a query, their inverse document frequency, and which postings to look up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, text

from paperround.database import ReadSession
from paperround.search.query_syntax import ParsedQuery, has_phrase, normalize_text
from paperround.search.query_vectors import QueryVector
from paperround.search.relevance_constants import SearchConstants, choose_constants
from paperround.search.vectors import SCAN_SETTINGS, ModelVector, scan_settings_parameters
from paperround.text.names import NameQuery

MAX_QUERY_TERMS: Final = 30  # the rarest ones
MAX_POSTINGS_PER_TERM: Final = 1000  # papers of one term
MAX_POSTINGS: Final = 3000  # papers of all terms together
NAME_WEIGHT: Final = 1e6  # more than any words weigh, so that papers of this name are always candidates
MAX_SINGLE_TERM_POSTINGS: Final = 300  # of these, papers that need no second rare term

ANALYSIS: Final = text(
    """
    WITH spelling AS (
        SELECT config, clause, word, phraseto_tsquery(config, spelling) AS query
        FROM unnest(CAST(:clauses AS int[]), CAST(:positions AS int[]), CAST(:spellings AS text[]))
            AS given (clause, word, spelling),
            unnest(ARRAY['english', 'simple']::regconfig[]) AS config
    ), word AS (
        SELECT config, clause, '(' || string_agg('(' || CAST(query AS text) || ')', ' | ') || ')' AS query
        FROM spelling WHERE numnode(query) > 0 GROUP BY config, clause, word
    ), clause AS (
        SELECT string_agg(query, ' & ') AS query FROM word GROUP BY config, clause
    ), parsed AS (SELECT
        CAST((SELECT string_agg(query, ' | ') FROM clause) AS tsquery)
            && websearch_to_tsquery('english', :exclusions) && websearch_to_tsquery('simple', :exclusions)
            AS strict_tsquery,
        (websearch_to_tsquery('english', :phrases) || websearch_to_tsquery('simple', :phrases))
            && websearch_to_tsquery('english', :exclusions) && websearch_to_tsquery('simple', :exclusions)
            AS required_tsquery,
        coalesce((SELECT documents FROM lexemes WHERE lexeme = ''), 0) AS papers,
        {scan_settings}
    ), term AS (
        SELECT lexeme, array_agg(position ORDER BY position) AS positions
        FROM unnest(string_to_array(:words, ' ')) WITH ORDINALITY AS word (surface, position),
            unnest(to_tsvector('english', surface))
        GROUP BY lexeme
    )
    SELECT CAST(strict_tsquery AS text), CAST(required_tsquery AS text),
        papers, term.lexeme, term.positions,
        model.id AS model_id, model.name AS model_name, model.dimensions, model.search_constants,
        least(coalesce(body.documents, 1), papers) AS document_frequency,
        least(coalesce(title.documents, 1), papers) AS title_frequency
    FROM parsed
    LEFT JOIN embedding_models AS model ON model.state = 'current'
    LEFT JOIN term ON true
    LEFT JOIN lexemes AS body ON body.lexeme = term.lexeme
    LEFT JOIN lexemes AS title ON title.lexeme = '=' || term.lexeme
    ORDER BY document_frequency, term.lexeme LIMIT :max_terms
""".replace("{scan_settings}", SCAN_SETTINGS)
)


@dataclass(frozen=True)
class Term:
    """A word of the query: its stem, and how rare the stem is."""

    tsquery: str  # the stem
    surface: str  # normalized by `normalize_text`
    positions: tuple[int, ...]  # in the query, from 0
    idf: float
    document_frequency: int  # papers with it
    title_frequency: int  # papers with it in the title

    @property
    def title_tsquery(self) -> str:
        return f"'={self.tsquery[1:]}"


class PostingQuery(NamedTuple):
    """A lookup in the index. A paper that matches has the terms in `columns` and scores `weight`."""

    tsquery: str
    weight: float
    columns: Sequence[int]


class Ngram(NamedTuple):
    """Two or three consecutive words, normalized. `parts` are the columns of the two shorter ones in it."""

    surface: str
    weight: float
    parts: tuple[int, int]  # terms come first, then n-grams


class SearchModel(NamedTuple):
    """The current embedding model. `constants` say what is relevant by its vectors."""

    id: int
    name: str
    dimensions: int
    constants: SearchConstants


@dataclass(frozen=True)
class AnalyzedQuery:
    """A query as PostgreSQL parses it."""

    model: SearchModel | None
    strict_tsquery: str  # the whole query
    is_disjunctive: bool  # the query contains `or`
    required_tsquery: str  # phrases and exclusions only
    words: Sequence[str]  # as typed, then their other spellings
    terms: Sequence[Term]  # rarest first
    ngrams: Sequence[Ngram]
    name: NameQuery | None = None
    phrases: Sequence[str] = ()  # what papers must have word for word
    excluded_phrases: Sequence[str] = ()
    variant_count: int = 0  # how many of `words` are other spellings
    as_typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_text(self) -> str:
        """The words as they were typed."""
        return " ".join(self.words[: len(self.words) - self.variant_count])

    @cached_property
    def typed_columns(self) -> list[int]:
        """The columns of the terms that were typed, without those of other spellings alone."""
        typed = len(self.words) - self.variant_count
        return [column for column, term in enumerate(self.terms) if term.positions[0] < typed]

    @cached_property
    def typed_terms(self) -> list[Term]:
        """The terms in `typed_columns`."""
        return [self.terms[column] for column in self.typed_columns]

    def allows_texts(self, *texts: str) -> bool:
        """Tell whether each phrase stands word for word in one of the texts, and no excluded one in any."""
        has_all = all(any(has_phrase(text, phrase) for text in texts) for phrase in self.phrases)
        return has_all and not any(has_phrase(text, one) for text in texts for one in self.excluded_phrases)

    def to_model_vector(self, vector: QueryVector | None) -> ModelVector | None:
        """Attach the current model to the query's vector. None if there is none or another model made it."""
        model = self.model
        if vector is None or model is None:
            return None
        if (model.name, model.dimensions) != (vector.model, len(vector.numbers)):
            return None
        return ModelVector(model.id, vector.numbers)

    @cached_property
    def posting_queries(self) -> list[PostingQuery]:
        """The lookups: the whole query first, then all terms in titles, the rare terms, and names."""
        terms = self.typed_terms
        combined_weight = sum(term.idf**2 for term in terms[:8])
        columns = self.typed_columns
        lookups: list[PostingQuery] = []
        if self.strict_tsquery:
            is_sure = not self.is_disjunctive and not self.variant_count
            lookups.append(
                PostingQuery(self.strict_tsquery, combined_weight or 1.0, columns if is_sure else ())
            )
        if len(terms) > 1:
            in_title = " & ".join(term.title_tsquery for term in terms[:8])
            lookups.append(PostingQuery(in_title, combined_weight, columns[:8]))
        lookups += _rare_term_lookups(self.terms)
        if len(terms) == 1:
            lookups.append(PostingQuery(terms[0].tsquery, 1.0, columns))
        if self.name:
            lookups.append(PostingQuery(self.name.possible, NAME_WEIGHT, ()))
            lookups.append(PostingQuery(self.name.exact, NAME_WEIGHT, ()))
        return [
            lookup._replace(tsquery=combine_tsqueries(lookup.tsquery, self.required_tsquery))
            for lookup in lookups
        ]


async def analyze_query(
    session: ReadSession, query: ParsedQuery, *, nearest_limit: int, filtered: bool
) -> AnalyzedQuery:
    """Weight the query's terms by how rare they are.

    Also sets the transaction up for `find_neighbors` with `nearest_limit`, which saves a round trip.
    """
    spellings = [
        (part.clause, position, spelling)
        for position, part in enumerate(query.parts)
        for spelling in part.spellings
    ]
    words = [*query.words.split(), *query.variants]
    parameters = {
        "clauses": [clause for clause, _, _ in spellings],
        "positions": [position for _, position, _ in spellings],
        "spellings": [spelling for _, _, spelling in spellings],
        "exclusions": query.exclusions, "phrases": query.phrases,
        "words": " ".join(words), "max_terms": MAX_QUERY_TERMS,
        **scan_settings_parameters(nearest_limit, filtered=filtered),
    }  # fmt: skip
    rows = (await session.execute(ANALYSIS, parameters)).all()
    parsed, papers = rows[0], max(rows[0].papers, 1)
    terms = [_build_term(row, words) for row in rows if row.lexeme is not None]
    return AnalyzedQuery(
        model=_build_model(parsed) if parsed.model_id else None,
        strict_tsquery=parsed.strict_tsquery,
        is_disjunctive=query.is_disjunctive,
        required_tsquery=parsed.required_tsquery,
        words=words,
        terms=terms,
        ngrams=_build_ngrams(words[: len(words) - len(query.variants)], terms, max_idf=idf(0, papers)),
        name=query.name,
        phrases=query.phrase_texts,
        excluded_phrases=query.excluded_phrases,
        variant_count=len(query.variants),
        as_typed=query.as_typed,
    )


def idf(documents: int, papers: int) -> float:
    """Compute the smoothed inverse document frequency, ln((1 + N) / (1 + n)) + 1."""
    return log((1 + papers) / (1 + documents)) + 1


def _build_model(row: Row[Any]) -> SearchModel:
    constants = choose_constants(row.model_name, row.search_constants)
    return SearchModel(row.model_id, row.model_name, row.dimensions, constants)


def _build_term(row: Row[Any], words: Sequence[str]) -> Term:
    positions = tuple(position - 1 for position in row.positions)
    return Term(
        tsquery=_quote_lexeme(row.lexeme),
        surface=normalize_text(words[positions[0]]),
        positions=positions,
        idf=idf(row.document_frequency, row.papers),
        document_frequency=row.document_frequency,
        title_frequency=row.title_frequency,
    )


def _quote_lexeme(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _build_ngrams(words: Sequence[str], terms: Sequence[Term], *, max_idf: float) -> list[Ngram]:
    """Build the n-grams with the stop words inside them.

    Their frequencies are not counted: an n-gram is taken to be as rare as its terms together.
    """
    term_at = {position: column for column, term in enumerate(terms) for position in term.positions}
    positions = sorted(position for position in term_at if position < len(words))
    columns = {(start, 1): term_at[position] for start, position in enumerate(positions)}
    ngrams: list[Ngram] = []
    for length in (2, 3):
        for start in range(len(positions) - length + 1):
            span = positions[start : start + length]
            columns[start, length] = len(terms) + len(ngrams)
            rarity = min(sum(terms[term_at[position]].idf for position in span), max_idf)
            surface = normalize_text(" ".join(words[span[0] : span[-1] + 1]))
            parts = columns[start, length - 1], columns[start + 1, length - 1]
            ngrams.append(Ngram(surface, rarity**2, parts))
    return ngrams


class _RareTerm(NamedTuple):
    column: int
    tsquery: str
    needs_no_other: bool


def _rare_term_lookups(terms: Sequence[Term]) -> list[PostingQuery]:
    """Look up the terms with few enough papers; for one with too many, its papers by title.

    The rarest terms bring all their papers, the others only those that have a second rare term. This reads a
    third of the pages and ranks no worse, because the other papers come last anyway.
    """
    rare_terms: list[_RareTerm] = []
    postings_left, single_term_left = MAX_POSTINGS, MAX_SINGLE_TERM_POSTINGS
    for column, term in enumerate(terms):
        for tsquery, size in (
            (term.tsquery, term.document_frequency),
            (term.title_tsquery, term.title_frequency),
        ):
            if size <= min(postings_left, 2 * MAX_POSTINGS_PER_TERM):
                postings_left -= min(size, MAX_POSTINGS_PER_TERM)
                rare_terms.append(_RareTerm(column, tsquery, not rare_terms or size <= single_term_left))
                single_term_left -= size
                break
    candidates = [terms[rare.column] for rare in rare_terms]
    return [
        PostingQuery(
            rare.tsquery
            if rare.needs_no_other
            else combine_tsqueries(rare.tsquery, _any_other_term(terms[rare.column], candidates)),
            terms[rare.column].idf ** 2,
            (rare.column,),
        )
        for rare in rare_terms
    ]


def _any_other_term(term: Term, terms: Sequence[Term]) -> str:
    return " | ".join(other.tsquery for other in terms if other is not term)


def combine_tsqueries(*tsqueries: str) -> str:
    """Join tsqueries by AND into a single condition, which takes a single index lookup."""
    return " & ".join(f"({tsquery})" for tsquery in tsqueries if tsquery)
