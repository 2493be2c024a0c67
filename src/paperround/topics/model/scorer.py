"""The topic scorer: how well papers match a topic. Two linear views and nothing to train. Pure numpy.

In each view (phrases and vectors) a topic is one direction: the mean of the papers that it likes and of the
reader's own words, less the catalogue's mean, less a share of the mean of what it dislikes. The words' weight
fades as ratings come. The scores of both views are standardised over the catalogue and added. So a topic
comes down to one direction in each view and three constants:

    score = words · direction.words − mean_weight · (words · mean row) − word_offset
          + vector · direction.vector − vector_offset

Where the catalogue does not have the reader's words as a phrase, the part of the words' score above its mean
counts by its logarithm. Otherwise a rare word that the reader happened to use would outvote what they mean.

Source: docs/decisions/0009-topic-scorer.md, with the measurements in docs/relevance.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final, Self

from paperround.arrays import np
from paperround.topics.model.hybrid_rows import HybridRows
from paperround.topics.model.sparse import Flags, Floats, Matrix, Places, Row, Rows, empty_row, weighted_sum
from paperround.topics.model.statistics import PaperViews, Statistics

OWN_WORDS_WEIGHT: Final = 2.0  # the reader's own words count as so many papers
OWN_PHRASE_WEIGHT: Final = 16.0  # the same where the catalogue has them as a phrase
DISLIKED_WEIGHT: Final = 0.1  # share of the mean of disliked papers that is subtracted
VECTOR_WEIGHT: Final = 1.0  # of a standard deviation of the vectors' score, beside one of the words'
# Where more papers than this stand for a topic, the vectors' weight fades: the more there are, the more their
# phrases tell, while their mean vector lies ever nearer to the catalogue's.
MAX_PAPERS_OF_FULL_VECTOR: Final = 5
MIN_VECTOR_SHARE: Final = 0.5
VECTOR_WEIGHT_OF_PHRASE: Final = 0.3  # the same where the catalogue has the reader's words as a phrase
MIN_PAPERS_WITH_PHRASE: Final = 5  # from which on the catalogue "has" a phrase
MAX_DIRECTION_PHRASES: Final = 512  # a direction keeps its heaviest phrases

# Shares of the catalogue that score as high. A direction has the score at each, and strengths follow from
# them.
RARITIES: Final = (0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)
STRENGTHS: Final = tuple(-100 / 3 * math.log10(rarity) for rarity in RARITIES)


@dataclass(frozen=True)
class TopicProfile:
    """A topic as the scorer sees it: the views of its own words, and of the papers that it likes and
    dislikes.

    `phrase_in_catalogue` tells whether enough papers have the topic's own words as one phrase.
    """

    own_words: PaperViews | None = None
    phrase_in_catalogue: bool = False
    liked: Mapping[str, PaperViews] = field(default_factory=dict)
    disliked: Sequence[PaperViews] = ()
    own_text: str = ""


@dataclass(frozen=True)
class Direction:
    """A topic under one version of the statistics: a few hundred numbers.

    `vector` is None where words alone count. `score_quantiles` are the scores at `RARITIES`, rising.
    """

    words: Row
    mean_weight: float
    vector: Floats | None
    word_offset: float
    vector_offset: float
    log_compressed: bool  # whether the words' part above its mean counts by its logarithm
    liked_paper_weight: float  # what a liked paper's cosine to a paper adds to its score
    score_quantiles: Floats


def is_phrase_in_catalogue(statistics: Statistics, text: str) -> bool:
    """Tell whether enough papers have the whole text as one phrase."""
    return statistics.vocabulary.document_frequency(text) >= MIN_PAPERS_WITH_PHRASE


@cache
def empty_direction() -> Direction:
    """Return the direction of a topic of which neither view knows anything, always the same."""
    never = np.full(len(RARITIES), np.inf, np.float32)
    return Direction(empty_row(), 0.0, None, 0.0, 0.0, False, 0.0, never)


def build_direction(statistics: Statistics, profile: TopicProfile) -> Direction:
    """Build the topic's direction under this version of the statistics."""
    words, direction_and_share = _word_direction(statistics, profile), _vector_direction(statistics, profile)
    if not len(words.columns) and direction_and_share is None:
        return empty_direction()
    raw = statistics.sample_words.times(words) - statistics.mean_products
    mean, spread = _mean_and_spread(raw) if len(words.columns) else (0.0, np.inf)
    compressed = (
        not profile.phrase_in_catalogue
        and profile.own_words is not None
        and len(profile.own_words.words.columns) > 0
    )
    total = compress_logarithmically((raw - mean) / spread) if compressed else (raw - mean) / spread
    vector, vector_offset, liked_paper_weight = None, 0.0, 0.0
    if direction_and_share:
        vector, share = direction_and_share
        cosines = statistics.sample_vectors @ vector
        usual_cosine, width = _mean_and_spread(cosines)
        weight = _vector_weight(profile) / width
        total = total + (cosines - usual_cosine) * weight
        vector, vector_offset, liked_paper_weight = vector * weight, usual_cosine * weight, share * weight
    return Direction(
        Row(words.columns, (words.weights / spread).astype(np.float32)),
        1 / spread,
        vector,
        mean / spread,
        vector_offset,
        compressed,
        liked_paper_weight,
        np.quantile(total, 1 - np.array(RARITIES), method="lower").astype(np.float32),
    )


def _vector_weight(profile: TopicProfile) -> float:
    if profile.phrase_in_catalogue:
        return VECTOR_WEIGHT_OF_PHRASE
    if profile.own_text or not profile.liked:
        return VECTOR_WEIGHT
    share = math.sqrt(MAX_PAPERS_OF_FULL_VECTOR / len(profile.liked))
    return VECTOR_WEIGHT * max(MIN_VECTOR_SHARE, min(1.0, share))


def compress_logarithmically(standardised: Matrix) -> Matrix:
    """Let what lies above 0 count by its logarithm. The curve is smooth at 0."""
    compressed: Matrix = np.where(standardised > 0, np.log1p(np.maximum(standardised, 0)), standardised)
    return compressed


def _word_direction(statistics: Statistics, profile: TopicProfile) -> Row:
    own = profile.own_words.words if profile.own_words else empty_row()
    rows = [view.words for view in profile.liked.values()]
    liked = weighted_sum([(1 / len(rows), row) for row in rows])
    if not len(own.columns) and not len(liked.columns):
        return empty_row()
    share = float(len(own.columns) > 0)
    if share and len(liked.columns):
        scores = (statistics.sample_words.times(row) - statistics.mean_products for row in (own, liked))
        share = _own_words_share(profile, len(rows), *scores)
    disliked = [(-DISLIKED_WEIGHT / len(profile.disliked), view.words) for view in profile.disliked]
    return _keep_heaviest(weighted_sum([(share, own), (1 - share, liked), *disliked]))


def _own_words_share(profile: TopicProfile, liked: int, own_scores: Floats, liked_scores: Floats) -> float:
    """Compute the share, from 0 to 1, that the reader's own words have beside the mean of liked papers.

    The words count as a fixed number of papers. Both are brought to the same spread first, since a few words
    have few and heavy phrases while the mean of papers has many light ones.
    """
    weight = OWN_PHRASE_WEIGHT if profile.phrase_in_catalogue else OWN_WORDS_WEIGHT
    own, papers = weight / _mean_and_spread(own_scores)[1], liked / _mean_and_spread(liked_scores)[1]
    return own / (own + papers) if own else 0.0


def _keep_heaviest(row: Row) -> Row:
    if len(row.columns) <= MAX_DIRECTION_PHRASES:
        return row
    heaviest = np.sort(np.argpartition(-np.abs(row.weights), MAX_DIRECTION_PHRASES)[:MAX_DIRECTION_PHRASES])
    return Row(row.columns[heaviest], row.weights[heaviest])


def _vector_direction(statistics: Statistics, profile: TopicProfile) -> tuple[Floats, float] | None:
    """Build the direction of the vectors, with the share of it that one liked paper has."""
    own = profile.own_words.vector if profile.own_words else None
    known = [view.vector for view in profile.liked.values() if view.vector is not None]
    if own is None and not known:
        return None
    liked = np.mean(known, axis=0) if known else np.zeros_like(own)
    share = float(own is not None)
    if own is not None and known:
        share = _own_words_share(
            profile, len(known), *(statistics.sample_vectors @ direction for direction in (own, liked))
        )
    vector = (1 - share) * liked + (share * own if own is not None else 0)
    disliked = [view.vector for view in profile.disliked if view.vector is not None]
    if disliked:
        vector = vector - DISLIKED_WEIGHT * np.mean(disliked, axis=0)
    return vector.astype(np.float32), (1 - share) / max(len(known), 1)


def _mean_and_spread(scores: Floats) -> tuple[float, float]:
    """Compute mean and standard deviation.

    Where nothing differs the spread is infinite, so nothing counts.
    """
    spread = float(scores.std())
    return float(scores.mean()), spread if spread > 1e-9 else np.inf


@dataclass(frozen=True)
class Directions:
    """The directions of n topics side by side, as arrays. `Direction` says what each of them is."""

    words: Rows
    mean_weights: Floats  # shape (n,), as are all that follow but these two
    vectors: Matrix  # shape (n, dimensions), zeros where words alone count
    word_offsets: Floats
    vector_offsets: Floats
    log_compressed: Flags
    liked_paper_weights: Floats
    score_quantiles: Matrix  # shape (n, rarities)

    @classmethod
    def of(cls, directions: Sequence[Direction], dimensions: int) -> Self:
        numbers = [
            (each.mean_weight, each.word_offset, each.vector_offset, each.liked_paper_weight)
            for each in directions
        ]
        means, words, vectors, liked = np.array(numbers, np.float32).reshape(-1, 4).T
        return cls(
            words=Rows.of([each.words for each in directions]),
            mean_weights=means,
            vectors=stack_vectors([each.vector for each in directions], dimensions),
            word_offsets=words,
            vector_offsets=vectors,
            log_compressed=np.array([each.log_compressed for each in directions], np.bool_),
            liked_paper_weights=liked,
            score_quantiles=np.array([each.score_quantiles for each in directions], np.float32),
        )

    def compute_strengths(self, topics: Places, scores: Floats) -> Floats:
        """Turn scores, each of the topic at the same place, into strengths from 0 to 100, as `Match` says."""
        quantiles = self.score_quantiles[topics]
        passed = (quantiles <= scores[:, None]).sum(axis=1)
        known = np.flatnonzero((passed > 0) & (passed < len(STRENGTHS)))
        below, above = passed[known] - 1, passed[known]
        low, high = quantiles[known, below].astype(float), quantiles[known, above].astype(float)
        at_quantiles = np.array(STRENGTHS)
        strengths = np.where(passed > 0, STRENGTHS[-1], 0.0)
        steps = (at_quantiles[above] - at_quantiles[below]) / (high - low)
        strengths[known] = at_quantiles[below] + steps * (scores[known] - low)
        return strengths.astype(np.float32)


def stack_vectors(vectors: Sequence[Floats | None], dimensions: int) -> Matrix:
    """Stack vectors, with zeros for those that are missing. Shape (vectors, dimensions)."""
    none = np.zeros(dimensions, np.float32)
    given = [none if vector is None else vector for vector in vectors]
    return np.array(given, np.float32).reshape(len(given), dimensions)


@dataclass(frozen=True)
class PaperMatrix:
    """The views of n papers side by side."""

    rows: Rows
    mean_products: Floats  # shape (n,): each paper's product with the mean row
    vectors: Matrix  # shape (dimensions, n)

    @classmethod
    def build(cls, statistics: Statistics, papers: Sequence[PaperViews]) -> Self:
        """Build the matrix. A paper without a vector gets zeros, which stand for the catalogue's mean."""
        rows = Rows.of([paper.words for paper in papers])
        vectors = stack_vectors([paper.vector for paper in papers], len(statistics.mean_vector))
        return cls(rows, rows.dot(statistics.mean_words), np.ascontiguousarray(vectors.T))

    @cached_property
    def words(self) -> HybridRows:
        """The rows, ready for products with those of many topics."""
        return HybridRows.of(self.rows)


def score_papers(topics: Directions, papers: PaperMatrix) -> Matrix:
    """Score every paper for every topic, with one matrix product in each view. Shape (topics, papers)."""
    scores = papers.words.product(topics.words)
    scores -= np.outer(topics.mean_weights, papers.mean_products)
    scores -= topics.word_offsets[:, None]
    scores[topics.log_compressed] = compress_logarithmically(scores[topics.log_compressed])
    scores += topics.vectors @ papers.vectors - topics.vector_offsets[:, None]
    return scores
