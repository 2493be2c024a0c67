"""Topics' directions and what their fits need, as bytes, some four kilobytes each, as they are stored."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from paperround.topics.model.expansion import OwnParts
from paperround.topics.model.fit import EMPTY_FIT, FitDirection
from paperround.topics.model.scorer import EMPTY_DIRECTION, RARITIES, Direction
from paperround.topics.model.sparse import Row
from paperround.topics.model.topic_model import TopicModel

CONSTANTS: Final = 5  # the numbers of a direction before its quantiles
FIT_NUMBERS: Final = 4
FIT_SIZES: Final = 6
HEAD: Final = np.dtype("<u2")
NUMBER: Final = np.dtype("<f4")
COLUMN: Final = np.dtype("<i4")
HALF: Final = np.dtype("<f2")
DIGEST: Final = np.dtype("<u4")

Numbers = np.ndarray[Any, Any]


def encode_model(model: TopicModel) -> bytes:
    """Encode a topic's model. One that knows nothing gives no bytes. Vectors are kept at half precision."""
    if model.direction is EMPTY_DIRECTION:
        return b""
    # The release before reads the direction, and nothing behind it.
    return _encode_direction(model.direction) + _encode_fit(model.fit, model.constants_digest)


def decode_model(data: bytes, constants_digest: int) -> TopicModel | None:
    """Decode what `encode_model` gave. None: the fit is of other constants, or there is none."""
    if not data:
        return TopicModel(EMPTY_DIRECTION, EMPTY_FIT, constants_digest)
    reader = _Reader(data)
    direction = _decode_direction(reader)
    if reader.position == len(data) or int(reader.read(DIGEST, 1)[0]) != constants_digest:
        return None
    return TopicModel(direction, _decode_fit(reader), constants_digest)


class _Reader:
    """Reads arrays one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def read(self, kind: np.dtype[Any], count: int) -> Numbers:
        numbers = np.frombuffer(self.data, kind, count, self.position) if count else np.empty(0, kind)
        self.position += numbers.nbytes
        return numbers


def _encode_direction(direction: Direction) -> bytes:
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


def _decode_direction(reader: _Reader) -> Direction:
    words, dimensions = reader.read(HEAD, 2).tolist()
    numbers = reader.read(NUMBER, CONSTANTS + len(RARITIES))
    row = Row(reader.read(COLUMN, words), reader.read(NUMBER, words))
    mean_weight, word_offset, vector_offset, log_compressed, liked_paper_weight = numbers[:CONSTANTS].tolist()
    return Direction(
        words=row,
        mean_weight=mean_weight,
        vector=reader.read(HALF, dimensions).astype(np.float32) if dimensions else None,
        word_offset=word_offset,
        vector_offset=vector_offset,
        log_compressed=bool(log_compressed),
        liked_paper_weight=liked_paper_weight,
        score_quantiles=numbers[CONSTANTS:],
    )


def _encode_fit(fit: FitDirection, constants_digest: int) -> bytes:
    phrase = fit.phrase.encode()
    vector = np.empty(0) if fit.vector is None else fit.vector
    rows = (fit.terms, fit.words, fit.reasons)
    sizes = [len(vector), len(phrase), len(fit.own_parts.parts), *(len(row.columns) for row in rows)]
    return b"".join(
        [
            np.array([constants_digest], DIGEST).tobytes(),
            np.array(sizes, HEAD).tobytes(),
            np.array([fit.bias, fit.titled, fit.ceiling, fit.is_centred], NUMBER).tobytes(),
            fit.own_parts.signatures.astype(DIGEST).tobytes(),
            fit.own_parts.parts.astype(NUMBER).tobytes(),
            *(row.columns.astype(COLUMN).tobytes() for row in rows),
            *(row.weights.astype(NUMBER).tobytes() for row in rows),
            vector.astype(HALF).tobytes(),
            phrase,
        ]
    )


def _decode_fit(reader: _Reader) -> FitDirection:
    dimensions, letters, parts, *counts = reader.read(HEAD, FIT_SIZES).tolist()
    bias, titled, ceiling, is_centred = reader.read(NUMBER, FIT_NUMBERS).tolist()
    own_parts = OwnParts(reader.read(DIGEST, parts), reader.read(NUMBER, parts))
    columns = [reader.read(COLUMN, count) for count in counts]
    terms, words, reasons = [
        Row(row, reader.read(NUMBER, count)) for row, count in zip(columns, counts, strict=True)
    ]
    return FitDirection(
        bias=bias,
        vector=reader.read(HALF, dimensions).astype(np.float32) if dimensions else None,
        is_centred=bool(is_centred),
        terms=terms,
        phrase=reader.read(np.dtype("u1"), letters).tobytes().decode(),
        titled=titled,
        words=words,
        own_parts=own_parts,
        reasons=reasons,
        ceiling=ceiling,
    )
