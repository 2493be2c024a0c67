"""Directions as bytes, some two kilobytes each, as they are stored."""

from __future__ import annotations

from typing import Final

import numpy as np

from paperround.topics.model.scorer import EMPTY_DIRECTION, RARITIES, Direction
from paperround.topics.model.sparse import Row

CONSTANTS: Final = 5  # the numbers of a direction before its quantiles
HEAD: Final = np.dtype("<u2")
NUMBER: Final = np.dtype("<f4")
COLUMN: Final = np.dtype("<i4")
HALF: Final = np.dtype("<f2")


def encode_direction(direction: Direction) -> bytes:
    """Encode a direction. The empty direction gives no bytes. The vector is kept at half precision."""
    if direction is EMPTY_DIRECTION:
        return b""
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


def decode_direction(data: bytes) -> Direction:
    """Decode what `encode_direction` gave."""
    if not data:
        return EMPTY_DIRECTION
    words, dimensions = np.frombuffer(data, HEAD, 2).tolist()
    position = 2 * HEAD.itemsize
    numbers = np.frombuffer(data, NUMBER, CONSTANTS + len(RARITIES), position)
    position += numbers.nbytes
    columns = np.frombuffer(data, COLUMN, words, position)
    position += columns.nbytes
    weights = np.frombuffer(data, NUMBER, words, position)
    position += weights.nbytes
    mean_weight, word_offset, vector_offset, log_compressed, liked_paper_weight = numbers[:CONSTANTS].tolist()
    vector = np.frombuffer(data, HALF, dimensions, position).astype(np.float32) if dimensions else None
    return Direction(
        words=Row(columns, weights),
        mean_weight=mean_weight,
        vector=vector,
        word_offset=word_offset,
        vector_offset=vector_offset,
        log_compressed=bool(log_compressed),
        liked_paper_weight=liked_paper_weight,
        score_quantiles=numbers[CONSTANTS:],
    )
