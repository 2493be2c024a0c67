"""The fit: how probable it is that a paper belongs to a topic, the same for every topic. Pure numpy.

It is a logistic regression on what words and vectors say:

    ln(fit / (1 − fit)) = bias + cosine · cos + said · s + titled · t + like · l

`cos` is the cosine of the topic's own words with the paper. `s` is the share of the topic's words, by how
rare they are, that the paper has. `t` is 1 where its title has them as one phrase. `l` is the product of the
paper's phrases with those of the papers of the catalogue's sample that fit most surely by the first three,
and with those that the reader liked. It fades where the sample holds nothing sure, so that a topic about
which there is nothing stays silent.

A topic without words of its own has the mean of its liked papers in their place: `cos` is the cosine with it,
and `s` the product of the phrases. Source: docs/relevance.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self, TypeVar
from zlib import crc32

import numpy as np

from paperround.topics.model.fit_constants import FitConstants
from paperround.topics.model.reason_phrases import list_reason_phrases
from paperround.topics.model.scorer import Direction, PaperMatrix, TopicProfile
from paperround.topics.model.sparse import EMPTY, Columns, Floats, Matrix, Row, Rows, weighted_sum
from paperround.topics.model.statistics import Statistics
from paperround.topics.model.terms import fold_phrase

SUREST_PAPERS: Final = 10  # of the sample, whose phrases expand a topic
LIKED_PAPER_WEIGHT: Final = 3.0  # among them; the others weigh their probability
CERTAIN_PAPERS: Final = 4.0  # so many sure papers let an expansion count wholly
MAX_EXPANSION_PHRASES: Final = 128
MAX_FIT_OF_ONE_PAPER: Final = 0.74  # what a single liked paper alone can tell: never a strong fit
NO_CEILING: Final = 1.0
SCORE_WEIGHT_BESIDE_FIT: Final = 0.3  # of a score, beside the logit of the fit, in the order of papers

Array = TypeVar("Array", Floats, Matrix)
Signatures = np.ndarray[tuple[int], np.dtype[np.uint32]]


class OwnParts(NamedTuple):
    """What papers of the sample add to their own product with a topic's expansion, by their signatures."""

    signatures: Signatures
    parts: Floats


NO_PARTS: Final = OwnParts(np.empty(0, np.uint32), np.empty(0, np.float32))


@dataclass(frozen=True)
class FitDirection:
    """What a topic's fit needs under one version of the statistics and one set of constants.

    `vector` is None where words alone count. `is_centred` tells whether papers' vectors are centred before
    the product. `ceiling` is the highest fit that it can give.
    """

    bias: float
    vector: Floats | None  # weighed
    is_centred: bool
    terms: Row  # weighed
    phrase: str  # the topic's own words, folded; '' where they can't stand in a title
    titled: float  # what a title that has the phrase adds
    words: Row  # the expansion's phrases, weighed
    own_parts: OwnParts  # weighed
    reasons: Row  # phrases that a reader would believe, by their part of the logit and how rare they are
    ceiling: float


EMPTY_FIT: Final = FitDirection(-np.inf, None, True, EMPTY, "", 0.0, EMPTY, NO_PARTS, EMPTY, NO_CEILING)


def sign_row(row: Row) -> int:
    """Compute a number that tells papers' rows of one version apart."""
    return crc32(row.columns.tobytes(), crc32(row.weights.astype(np.float16).tobytes()))


def build_fit(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> FitDirection:
    """Build what a topic's fit needs."""
    if fold_phrase(profile.own_text):
        return _fit_of_words(statistics, profile, constants)
    if profile.liked:
        return _fit_of_papers(statistics, profile, constants)
    return EMPTY_FIT


def _fit_of_words(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> FitDirection:
    vector = profile.own_words.vector if profile.own_words else None
    stage = constants.of_words(has_vector=vector is not None)
    if not stage.first.cosine and not stage.second.cosine:
        vector = None
    said = statistics.terms.share_of(profile.own_text)
    if vector is None and not len(said.terms.columns):
        return EMPTY_FIT
    cosines = statistics.raw_cosines(vector) if vector is not None else 0.0
    shares = statistics.sample_terms.times(said.terms) + said.granted
    first = sigmoid(stage.first.bias + stage.first.cosine * cosines + stage.first.said * shares)
    expansion = _expand(statistics, first, profile, stage.second.like)
    own_row = profile.own_words.words if profile.own_words else EMPTY
    bias = stage.second.bias + stage.second.said * said.granted
    if vector is not None:
        bias += stage.second.cosine * float(vector @ statistics.mean_vector)
        vector = stage.second.cosine * vector
    return FitDirection(
        bias=bias,
        vector=vector,
        is_centred=False,
        terms=Row(said.terms.columns, stage.second.said * said.terms.weights),
        phrase=fold_phrase(profile.own_text),
        titled=stage.second.titled,
        words=expansion.words,
        own_parts=expansion.own_parts,
        reasons=list_reason_phrases(statistics, own_row, stage.second.said, expansion.words, expansion.rows),
        ceiling=NO_CEILING,
    )


def _fit_of_papers(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> FitDirection:
    """Liked papers stand for the words: their mean vector, and the mean of their phrases."""
    vectors = [view.vector for view in profile.liked.values() if view.vector is not None]
    stage = constants.of_papers(has_vector=bool(vectors))
    if not stage.first.cosine and not stage.second.cosine:
        vectors = []
    vector: Floats | None = np.mean(vectors, axis=0).astype(np.float32) if vectors else None
    share = 1 / len(profile.liked)
    mean = weighted_sum([(share, view.words) for view in profile.liked.values()])
    cosines = statistics.sample_vectors @ vector if vector is not None else 0.0
    first = sigmoid(
        stage.first.bias
        + stage.first.cosine * cosines
        + stage.first.said * statistics.sample_words.times(mean)
    )
    expansion = _expand(statistics, first, profile, stage.second.like)
    return FitDirection(
        bias=stage.second.bias,
        vector=None if vector is None else stage.second.cosine * vector,
        is_centred=True,
        terms=EMPTY,
        phrase="",
        titled=0.0,
        words=keep_heaviest(
            weighted_sum([(stage.second.said, mean), (1.0, expansion.words)]), 2 * MAX_EXPANSION_PHRASES
        ),
        own_parts=expansion.own_parts,
        reasons=list_reason_phrases(statistics, EMPTY, 0.0, expansion.words, expansion.rows),
        ceiling=MAX_FIT_OF_ONE_PAPER if len(profile.liked) == 1 else NO_CEILING,
    )


class Expansion(NamedTuple):
    """The heaviest phrases of a topic's surest papers, and what each of these adds to itself."""

    words: Row
    own_parts: OwnParts
    rows: Sequence[Row]  # of these papers; a liked one counts as often as it weighs


def _expand(statistics: Statistics, first: Floats, profile: TopicProfile, weight: float) -> Expansion:
    """Average the phrases of the sample's surest papers and of the liked ones.

    It fades where the surest together make less than one paper.
    """
    liked = [view.words for view in profile.liked.values()]
    known = {sign_row(row) for row in liked} | {sign_row(view.words) for view in profile.disliked}
    order = np.argsort(-first, kind="stable")[: SUREST_PAPERS + len(known)].tolist()
    signed = [(place, sign_row(statistics.sample_words[place])) for place in order]
    surest = [(place, sign) for place, sign in signed if sign not in known][:SUREST_PAPERS]
    probabilities = first[[place for place, _ in surest]]
    total = float(probabilities.sum()) + LIKED_PAPER_WEIGHT * len(liked)
    if total <= 0:
        return Expansion(EMPTY, NO_PARTS, ())
    scale = weight * min(1.0, total / CERTAIN_PAPERS) / total
    rows = [statistics.sample_words[place] for place, _ in surest]
    words = keep_heaviest(
        weighted_sum(
            [
                *((scale * float(share), row) for share, row in zip(probabilities, rows, strict=True)),
                *((scale * LIKED_PAPER_WEIGHT, row) for row in liked),
            ]
        ),
        MAX_EXPANSION_PHRASES,
    )
    parts = [
        scale * float(share) * float(np.square(row.weights[np.isin(row.columns, words.columns)]).sum())
        for share, row in zip(probabilities, rows, strict=True)
    ]
    return Expansion(
        words,
        OwnParts(np.array([sign for _, sign in surest], np.uint32), np.array(parts, np.float32)),
        [*rows, *(row for row in liked for _ in range(round(LIKED_PAPER_WEIGHT)))],
    )


def keep_heaviest(row: Row, count: int) -> Row:
    """Keep the heaviest phrases of a row."""
    if len(row.columns) <= count:
        return row
    heaviest = np.sort(np.argpartition(-np.abs(row.weights), count)[:count])
    return Row(row.columns[heaviest], row.weights[heaviest])


def sigmoid(logits: Array) -> Array:
    """Turn logits into probabilities."""
    probabilities: Array = (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return probabilities


@dataclass(frozen=True)
class FitMatrix:
    """What fits need of n papers, beside their views."""

    papers: PaperMatrix
    lengths: Floats  # shape (n,): of their vectors, centred, before they were brought to length 1
    term_places: Columns  # shape (terms,): the row of `said` of each term, the last one for terms of no paper
    said: Matrix  # shape (terms of any paper + 1, n): 1 where the paper has the term
    titles: Sequence[str]  # folded, with spaces around
    places_by_signature: Mapping[int, int]

    @classmethod
    def build(cls, statistics: Statistics, papers: PaperMatrix, titles: Sequence[str]) -> Self:
        """Build it for the papers of a matrix, with their titles in the same order."""
        terms = [statistics.terms.of_row(papers.rows[place]) for place in range(len(papers.rows))]
        present = np.unique(np.concatenate([*terms, np.empty(0, np.int32)]))
        term_places = np.full(len(statistics.terms.weights), len(present), np.int32)
        term_places[present] = np.arange(len(present))
        said = np.zeros((len(present) + 1, len(terms)), np.float32)
        for place, of_paper in enumerate(terms):
            said[term_places[of_paper], place] = 1
        return cls(
            papers,
            statistics.original_lengths(papers.vectors.T),
            term_places,
            said,
            [f" {fold_phrase(title)} " for title in titles],
            {sign_row(papers.rows[place]): place for place in range(len(papers.rows))},
        )

    @cached_property
    def places_by_word(self) -> Mapping[str, Sequence[int]]:
        """The papers whose titles have a word, by the word."""
        places: dict[str, list[int]] = {}
        for place, title in enumerate(self.titles):
            for word in set(title.split()):
                places.setdefault(word, []).append(place)
        return places

    def find_titled(self, phrase: str) -> list[int]:
        """Find the papers whose title has this folded phrase."""
        first = phrase.partition(" ")[0]
        return [place for place in self.places_by_word.get(first, ()) if f" {phrase} " in self.titles[place]]


def compute_fits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    """Compute the fit of every paper with every topic, from 0 to 1, shape (topics, papers)."""
    ceilings = np.array([direction.ceiling for direction in directions], np.float32)
    fits: Matrix = np.minimum(sigmoid(compute_logits(directions, papers)), ceilings[:, None])
    return fits


def compute_logits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    """Compute the logits of the fits, without ceilings."""
    logits = _vector_logits(directions, papers)
    logits += np.array([direction.bias for direction in directions], np.float32)[:, None]
    logits += Rows.of([direction.words for direction in directions]).dense(papers.papers.columns) @ (
        papers.papers.words
    )
    logits += _said_logits(directions, papers)
    for topic, direction in enumerate(directions):
        if direction.phrase:
            logits[topic, papers.find_titled(direction.phrase)] += direction.titled
        for signature, part in zip(*map(np.ndarray.tolist, direction.own_parts), strict=True):
            place = papers.places_by_signature.get(signature)
            if place is not None:
                logits[topic, place] -= part
    return logits


def rank_papers(directions: Sequence[Direction], scores: Matrix, fits: Matrix) -> Matrix:
    """Compute what papers are ordered by within each topic, shape (topics, papers).

    Where the catalogue has the reader's words as a phrase, or papers stand for them, that is the score. Else
    words and meaning may differ, and the fit decides.
    """
    by_fit = np.array([direction.log_compressed for direction in directions], bool)
    ranks = scores.copy()
    chances = np.clip(fits[by_fit], 1e-6, 1 - 1e-6)
    ranks[by_fit] = np.log(chances / (1 - chances)) + SCORE_WEIGHT_BESIDE_FIT * scores[by_fit]
    return ranks


def _vector_logits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    none = np.zeros(len(papers.papers.vectors), np.float32)
    vectors = np.array(
        [none if direction.vector is None else direction.vector for direction in directions], np.float32
    )
    logits: Matrix = vectors.reshape(len(directions), -1) @ papers.papers.vectors
    raw = np.array([not direction.is_centred for direction in directions])
    logits[raw] *= papers.lengths
    return logits


def _said_logits(directions: Sequence[FitDirection], papers: FitMatrix) -> Matrix:
    """Sum the weights of those terms that each paper has. The last row of `said` is nobody's."""
    nobody = len(papers.said) - 1
    terms = [direction.terms for direction in directions]
    # A row of nobody's before each topic's own keeps topics without terms apart.
    places = [np.append(nobody, papers.term_places[row.columns]).astype(np.intp) for row in terms]
    weights = [np.append(np.float32(0), row.weights) for row in terms]
    sums = np.zeros((len(directions), papers.said.shape[1]), np.float32)
    if directions:
        starts = np.cumsum([0, *map(len, places)])[:-1]
        parts = papers.said[np.concatenate(places)] * np.concatenate(weights)[:, None]
        sums = np.add.reduceat(parts, starts, axis=0).astype(np.float32)
    return sums
