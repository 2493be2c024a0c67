"""Topics' directions and what their fits need, as bytes, some four kilobytes each, as they are stored.

Of one topic they are written, of many at once they are read, since matching reads a thousand at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from paperround.topics.model.fit import EMPTY_FIT, FitDirection
from paperround.topics.model.fit_matrix import FitDirections
from paperround.topics.model.scorer import EMPTY_DIRECTION, RARITIES, Direction, Directions
from paperround.topics.model.sparse import Matrix, Places, Rows, list_ranges
from paperround.topics.model.topic_model import TopicModel

CONSTANTS: Final = 5  # the numbers of a direction before its quantiles
FIT_NUMBERS: Final = 4
FIT_SIZES: Final = 6
HEAD: Final = np.dtype("<u2")
NUMBER: Final = np.dtype("<f4")
COLUMN: Final = np.dtype("<i4")
HALF: Final = np.dtype("<f2")
DIGEST: Final = np.dtype("<u4")
DIRECTION_HEAD: Final = np.dtype(
    [
        ("words", HEAD),
        ("dimensions", HEAD),
        ("constants", NUMBER, CONSTANTS),
        ("quantiles", NUMBER, len(RARITIES)),
    ]
)
FIT_HEAD: Final = np.dtype([("digest", DIGEST), ("sizes", HEAD, FIT_SIZES), ("numbers", NUMBER, FIT_NUMBERS)])

Numbers = np.ndarray[Any, Any]


def encode_model(model: TopicModel) -> bytes:
    """Encode a topic's model. One that knows nothing gives no bytes. Vectors are kept at half precision."""
    if model.direction is EMPTY_DIRECTION and model.fit is EMPTY_FIT:
        return b""
    # The release before reads the direction, and nothing behind it.
    return _encode_direction(model.direction) + _encode_fit(model.fit, model.constants_digest)


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


EMPTY_PACKED: Final = _encode_direction(EMPTY_DIRECTION)
EMPTY_PACKED_FIT: Final = _encode_fit(EMPTY_FIT, 0)


def split_model(packed: bytes) -> tuple[bytes, bytes]:
    """Split a model into its direction and the part of its fit. The release before stored no such part."""
    if not packed:
        return b"", b""
    words, dimensions = np.frombuffer(packed, HEAD, 2).tolist()
    end = DIRECTION_HEAD.itemsize + 2 * words * NUMBER.itemsize + dimensions * HALF.itemsize
    return packed[:end], packed[end:]


def is_fit_of(packed: bytes, constants_digest: int) -> bool:
    """Tell whether the fit's part of a model is of these constants."""
    return packed.startswith(constants_digest.to_bytes(DIGEST.itemsize, "little"))


def decode_directions(packed: Sequence[bytes], dimensions: int) -> Directions:
    """Decode the directions of what `encode_model` gave, of vectors with so many dimensions."""
    known = [model or EMPTY_PACKED for model in packed]
    heads = np.frombuffer(b"".join([model[: DIRECTION_HEAD.itemsize] for model in known]), DIRECTION_HEAD)
    counts = heads["words"].astype(np.int64)
    ends = (DIRECTION_HEAD.itemsize + 2 * counts * NUMBER.itemsize).tolist()
    columns, weights = _split(known, DIRECTION_HEAD.itemsize, ends, [counts, counts])
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


def decode_fits(packed: Sequence[bytes], dimensions: int) -> FitDirections:
    """Decode the fits' parts of what `encode_model` gave, as `split_model` splits them off."""
    known = [fit or EMPTY_PACKED_FIT for fit in packed]
    heads = np.frombuffer(b"".join([fit[: FIT_HEAD.itemsize] for fit in known]), FIT_HEAD)
    letters, parts, terms, words, reasons = heads["sizes"][:, 1:].T.astype(np.int64)
    counts = [parts, parts, terms, words, reasons, terms, words, reasons]
    ends = (FIT_HEAD.itemsize + np.sum(counts, axis=0) * NUMBER.itemsize).tolist()
    signatures, own, *rows = _split(known, FIT_HEAD.itemsize, ends, counts)
    biases, titled, ceilings, is_centred = heads["numbers"].T
    return FitDirections(
        biases=biases,
        vectors=_decode_vectors(known, ends, heads["sizes"][:, 0], dimensions),
        is_centred=is_centred.astype(np.bool_),
        terms=_join_rows(terms, rows[0], rows[3]),
        phrases=[
            fit[len(fit) - count :].decode() for fit, count in zip(known, letters.tolist(), strict=True)
        ],
        titled=titled,
        words=_join_rows(words, rows[1], rows[4]),
        part_owners=np.repeat(np.arange(len(known)), parts),
        part_signatures=signatures.view(DIGEST),
        parts=own.view(NUMBER),
        reasons=_join_rows(reasons, rows[2], rows[5]),
        ceilings=ceilings,
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
    size = dimensions * HALF.itemsize
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
