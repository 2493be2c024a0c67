"""Topics' directions as bytes, some four kilobytes each, as they are stored.

Of one topic they are written, of many at once they are read, since matching reads a thousand at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import calcsize
from typing import Any, Final, TypeAlias

from paperround.arrays import np
from paperround.topics.model.scorer import RARITIES, Direction, Directions, empty_direction
from paperround.topics.model.sparse import Matrix, Places, Rows, list_ranges

CONSTANTS: Final = 5  # the numbers of a direction before its quantiles
# What the numbers are to numpy, and their bytes.
HEAD: Final = "<u2"
NUMBER: Final = "<f4"
COLUMN: Final = "<i4"
HALF: Final = "<f2"
NUMBER_SIZE: Final = 4
HALF_SIZE: Final = 2
DIRECTION_HEAD: Final = [
    ("words", HEAD),
    ("dimensions", HEAD),
    ("constants", NUMBER, CONSTANTS),
    ("quantiles", NUMBER, len(RARITIES)),
]
DIRECTION_HEAD_SIZE: Final = calcsize(f"<2H{CONSTANTS + len(RARITIES)}f")

Numbers: TypeAlias = "np.ndarray[Any, Any]"


def encode_direction(direction: Direction) -> bytes:
    """Encode a topic's direction. One that knows nothing gives no bytes. Vectors are at half precision."""
    return b"" if direction is empty_direction() else _encode(direction)


def _encode(direction: Direction) -> bytes:
    vector = np.empty(0) if direction.vector is None else direction.vector
    constants = [
        direction.mean_weight,
        direction.word_offset,
        direction.vector_offset,
        direction.log_compressed,
        direction.liked_paper_weight,
    ]
    return b"".join(
        [
            np.array([len(direction.words.columns), len(vector)], HEAD).tobytes(),
            np.array([*constants, *direction.score_quantiles], NUMBER).tobytes(),
            direction.words.columns.astype(COLUMN).tobytes(),
            direction.words.weights.astype(NUMBER).tobytes(),
            vector.astype(HALF).tobytes(),
        ]
    )


def decode_directions(packed: Sequence[bytes], dimensions: int) -> Directions:
    """Decode the directions of what `encode_direction` gave, of vectors with so many dimensions."""
    empty = _encode(empty_direction())
    known = [model or empty for model in packed]
    heads = np.frombuffer(b"".join([model[:DIRECTION_HEAD_SIZE] for model in known]), DIRECTION_HEAD)
    counts = heads["words"].astype(np.int64)
    ends = (DIRECTION_HEAD_SIZE + 2 * counts * NUMBER_SIZE).tolist()
    columns, weights = _split(known, DIRECTION_HEAD_SIZE, ends, [counts, counts])
    means, words, vectors, compressed, liked = heads["constants"].T
    return Directions(
        words=_join_rows(counts, columns, weights),
        mean_weights=means,
        vectors=_decode_vectors(known, ends, heads["dimensions"], dimensions),
        word_offsets=words,
        vector_offsets=vectors,
        log_compressed=compressed.astype(np.bool_),
        liked_paper_weights=liked,
        score_quantiles=heads["quantiles"],
    )


def _split(
    packed: Sequence[bytes], start: int, ends: Sequence[int], counts: Sequence[Places]
) -> list[Numbers]:
    """Split what each model has from `start` to its end: `counts[k][i]` numbers of four bytes of model i are
    in array k of the result, behind those of the models before.
    """
    numbers = np.frombuffer(
        b"".join([model[start:end] for model, end in zip(packed, ends, strict=True)]), COLUMN
    )
    ends_within = np.cumsum(np.stack(counts, axis=1)).reshape(len(packed), len(counts))
    return [numbers[list_ranges(ends_within[:, k] - count, count)] for k, count in enumerate(counts)]


def _join_rows(counts: Places, columns: Numbers, weights: Numbers) -> Rows:
    return Rows(np.concatenate([[0], np.cumsum(counts)]), columns, weights.view(NUMBER))


def _decode_vectors(
    packed: Sequence[bytes], starts: Sequence[int], sizes: Numbers, dimensions: int
) -> Matrix:
    """Decode the vectors of those that have one; the others get zeros. Shape (models, dimensions)."""
    size = dimensions * HALF_SIZE
    vectors = np.zeros((len(packed), dimensions), np.float32)
    stored = b"".join(
        [
            model[start : start + size]
            for model, start, has_vector in zip(packed, starts, sizes.tolist(), strict=True)
            if has_vector
        ]
    )
    if stored:
        vectors[sizes > 0] = np.frombuffer(stored, HALF).reshape(-1, dimensions)
    return vectors
