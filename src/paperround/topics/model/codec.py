"""A direction as bytes and back: some two kilobytes."""

from __future__ import annotations

from typing import Final

import numpy as np

from paperround.topics.model.scorer import NOWHERE, RARITIES, Direction
from paperround.topics.model.sparse import Row

CONSTANTS: Final = 5  # common, offset, centre, bent, liking
HEAD: Final = np.dtype("<u2")
NUMBER: Final = np.dtype("<f4")
COLUMN: Final = np.dtype("<i4")
HALF: Final = np.dtype("<f2")


def packed(direction: Direction) -> bytes:
    """Empty for a direction that leads nowhere. The vector is kept at half precision."""
    if direction is NOWHERE:
        return b""
    vector = np.empty(0) if direction.vector is None else direction.vector
    constants = [direction.common, direction.offset, direction.centre, direction.bent, direction.liking]
    return b"".join(
        [
            np.array([len(direction.words.columns), len(vector)], HEAD).tobytes(),
            np.array([*constants, *direction.steps], NUMBER).tobytes(),
            direction.words.columns.astype(COLUMN).tobytes(),
            direction.words.weights.astype(NUMBER).tobytes(),
            vector.astype(HALF).tobytes(),
        ]
    )


def unpacked(data: bytes) -> Direction:
    if not data:
        return NOWHERE
    words, dimensions = np.frombuffer(data, HEAD, 2).tolist()
    at = 2 * HEAD.itemsize
    numbers = np.frombuffer(data, NUMBER, CONSTANTS + len(RARITIES), at)
    at += numbers.nbytes
    columns = np.frombuffer(data, COLUMN, words, at)
    at += columns.nbytes
    weights = np.frombuffer(data, NUMBER, words, at)
    at += weights.nbytes
    common, offset, centre, bent, liking = numbers[:CONSTANTS].tolist()
    vector = np.frombuffer(data, HALF, dimensions, at).astype(np.float32) if dimensions else None
    return Direction(
        Row(columns, weights), common, vector, offset, centre, bool(bent), liking, numbers[CONSTANTS:]
    )
