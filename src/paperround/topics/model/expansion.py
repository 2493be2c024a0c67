"""The expansion of a topic: the phrases of the papers of the catalogue's sample that fit it most surely, and
of those that the reader liked. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

from paperround.arrays import np
from paperround.topics.model.scorer import TopicProfile
from paperround.topics.model.sparse import Floats, Row, Rows, empty_row, weighted_sum
from paperround.topics.model.statistics import Statistics

SUREST_PAPERS: Final = 10  # of the sample, whose phrases expand a topic
LIKED_PAPER_WEIGHT: Final = 3.0  # among them; the others weigh their probability
CERTAIN_PAPERS: Final = 4.0  # so many sure papers let an expansion count wholly
MAX_EXPANSION_PHRASES: Final = 128

Signatures: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint32]]"


class OwnParts(NamedTuple):
    """What papers of the sample add to their own product with a topic's expansion, by their signatures."""

    signatures: Signatures
    parts: Floats


@cache
def no_parts() -> OwnParts:
    """Return the parts of a topic that has none, always the same."""
    return OwnParts(np.empty(0, np.uint32), np.empty(0, np.float32))


def sign_row(row: Row) -> int:
    """Compute a number that tells papers' rows of one version apart."""
    return crc32(row.columns.tobytes(), crc32(row.weights.astype(np.float16).tobytes()))


class Expansion(NamedTuple):
    """The heaviest phrases of a topic's surest papers, and what each of these adds to itself."""

    words: Row
    own_parts: OwnParts
    rows: Sequence[Row]  # of these papers; a liked one counts as often as it weighs


def expand_topic(statistics: Statistics, first: Floats, profile: TopicProfile, weight: float) -> Expansion:
    """Average the phrases of the sample's surest papers and of the liked ones.

    It fades where the surest together make less than `CERTAIN_PAPERS`.
    """
    liked = [view.words for view in profile.liked.values()]
    known = {sign_row(row) for row in liked} | {sign_row(view.words) for view in profile.disliked}
    signed = [
        (place, sign_row(statistics.sample_words[place]))
        for place in _find_highest(first, SUREST_PAPERS + len(known))
    ]
    surest = [(place, sign) for place, sign in signed if sign not in known][:SUREST_PAPERS]
    probabilities = first[[place for place, _ in surest]]
    total = float(probabilities.sum()) + LIKED_PAPER_WEIGHT * len(liked)
    if total <= 0:
        return Expansion(empty_row(), no_parts(), ())
    scale = weight * statistics.likeness_scale * min(1.0, total / CERTAIN_PAPERS) / total
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
    signatures = np.array([sign for _, sign in surest], np.uint32)
    return Expansion(
        words,
        OwnParts(signatures, scale * probabilities * _squares_within(rows, words)),
        [*rows, *(row for row in liked for _ in range(round(LIKED_PAPER_WEIGHT)))],
    )


def _find_highest(numbers: Floats, count: int) -> list[int]:
    """Find the places of the highest numbers, the highest first. Sorting all of them takes much longer."""
    highest = np.argpartition(-numbers, count)[:count] if count < len(numbers) else np.arange(len(numbers))
    ordered: list[int] = highest[np.lexsort((highest, -numbers[highest]))].tolist()
    return ordered


def _squares_within(rows: Sequence[Row], words: Row) -> Floats:
    """Sum the squared weights of each row over the columns of `words`."""
    if not len(words.columns):
        return np.zeros(len(rows), np.float32)
    joined = Rows.of(rows)
    places = words.columns.searchsorted(joined.columns).clip(0, len(words.columns) - 1)
    squares = np.where(words.columns[places] == joined.columns, np.square(joined.weights), 0)
    owners = np.repeat(np.arange(len(rows)), np.diff(joined.starts))
    sums: Floats = np.bincount(owners, squares, minlength=len(rows)).astype(np.float32)
    return sums


def keep_heaviest(row: Row, count: int) -> Row:
    """Keep the heaviest phrases of a row."""
    if len(row.columns) <= count:
        return row
    heaviest = np.sort(np.argpartition(-np.abs(row.weights), count)[:count])
    return Row(row.columns[heaviest], row.weights[heaviest])
