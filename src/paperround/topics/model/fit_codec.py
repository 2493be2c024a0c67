"""What topics' fits need, as bytes, some two or three kilobytes each, as they are stored.

Of one topic they are written, of many at once they are read, since matching reads a thousand at a time. Each
topic's part is a whole number of cells, so that many of them end to end are one array: a head, the own parts
and the rows as pairs of four bytes each, the vector, and the phrase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from struct import calcsize
from typing import Any, Final, Self, TypeAlias

from paperround.arrays import np
from paperround.topics.model.fit import FitDirection, empty_fit
from paperround.topics.model.fit_matrix import FitDirections
from paperround.topics.model.sparse import Matrix, Places, Row, Rows, list_ranges

# What the numbers are to numpy, and their bytes.
CELL: Final = "<u8"
HALF: Final = "<f2"
DIGEST: Final = "<u4"
CELL_SIZE: Final = 8
HALF_SIZE: Final = 2
DIGEST_SIZE: Final = 4
PAIR: Final = [("number", "<u4"), ("weight", "<f4")]
HEAD: Final = [
    ("digest", DIGEST),
    ("dimensions", "<u2"),
    ("letters", "<u2"),  # bytes of the phrase
    ("counts", "<u2", 4),  # of the own parts, terms, words and reasons
    ("numbers", "<f4", 4),
]
HEAD_CELLS: Final = calcsize("<I2H4H4f") // CELL_SIZE
REASONS: Final = 3  # their place among the counts

Cells: TypeAlias = "np.ndarray[Any, Any]"


def encode_fit(fit: FitDirection, constants_digest: int) -> bytes:
    """Encode what a topic's fit needs."""
    phrase = fit.phrase.encode()
    vector = np.empty(0) if fit.vector is None else fit.vector
    own_parts = Row(fit.own_parts.signatures.astype(np.int64), fit.own_parts.parts)
    rows = (own_parts, fit.terms, fit.words, fit.reasons)
    numbers = (fit.bias, fit.titled, fit.ceiling, fit.is_centred)
    counts = [len(row.columns) for row in rows]
    head = np.array((constants_digest, len(vector), len(phrase), counts, numbers), HEAD).tobytes()
    return b"".join([head, *map(_encode_row, rows), _pad(vector.astype(HALF).tobytes()), _pad(phrase)])


def _encode_row(row: Row) -> bytes:
    pairs = np.empty(len(row.columns), PAIR)
    pairs["number"], pairs["weight"] = row.columns, row.weights
    return pairs.tobytes()


def _pad(part: bytes) -> bytes:
    return part + bytes(-len(part) % CELL_SIZE)


def is_fit_of(packed: bytes, constants_digest: int) -> bool:
    """Tell whether what `encode_fit` gave is of these constants."""
    return packed.startswith(encode_digest(constants_digest))


def encode_digest(constants_digest: int) -> bytes:
    """Encode what a fit begins with that is of these constants."""
    return constants_digest.to_bytes(DIGEST_SIZE, "little")


@dataclass(frozen=True)
class PackedFits:
    """What `encode_fit` gave of n topics, end to end."""

    data: bytes
    sizes: Places  # shape (n,): bytes of each

    @classmethod
    def of(cls, fits: Sequence[bytes]) -> Self:
        return cls(b"".join(fits), np.array([len(fit) for fit in fits], np.int64))

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, part: slice) -> Self:
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        first, last, _ = part.indices(len(self))
        return type(self)(self.data[ends[first] : ends[max(first, last)]], self.sizes[part])

    def replace(self, new: Mapping[int, bytes]) -> Self:
        """Put others at these places."""
        ends = np.cumsum(self.sizes).tolist()
        parts = [
            new.get(place, self.data[end - size : end])
            for place, (end, size) in enumerate(zip(ends, self.sizes.tolist(), strict=True))
        ]
        return self.of(parts)

    def decode(self, dimensions: int) -> FitDirections:
        """Decode them, of vectors with so many dimensions."""
        biases, titled, ceilings, is_centred = self._heads["numbers"].T
        parts, terms, words = (self._rows(kind, self._all) for kind in range(REASONS))
        return FitDirections(
            biases=biases,
            vectors=self._decode_vectors(dimensions),
            is_centred=is_centred.astype(np.bool_),
            terms=terms,
            phrases=self._decode_phrases(),
            titled=titled,
            words=words,
            part_owners=parts.owners,
            part_signatures=parts.columns.view(DIGEST),
            parts=parts.weights,
            ceilings=ceilings,
        )

    def decode_reasons(self, places: Places) -> Rows:
        """Decode the phrases that may be told of the topics at these places."""
        return self._rows(REASONS, places)

    @cached_property
    def _all(self) -> Places:
        return np.arange(len(self))

    @cached_property
    def _cells(self) -> Cells:
        return np.frombuffer(self.data, CELL)

    @cached_property
    def _starts(self) -> Places:
        """The cell at which each begins."""
        starts: Places = (np.cumsum(self.sizes) - self.sizes) // CELL_SIZE
        return starts

    @cached_property
    def _heads(self) -> Cells:
        heads = np.zeros(len(self), HEAD)
        unknown = empty_fit()
        heads["numbers"] = (unknown.bias, unknown.titled, unknown.ceiling, unknown.is_centred)
        known = np.flatnonzero(self.sizes)
        cells = self._cells[self._starts[known][:, None] + np.arange(HEAD_CELLS)]
        heads[known] = cells.view(HEAD)[:, 0]
        return heads

    @cached_property
    def _ends(self) -> Places:
        """Where the pairs of each kind end, in cells, shape (topics, kinds)."""
        ends: Places = np.cumsum(self._heads["counts"], axis=1, dtype=np.int64)
        return ends + (self._starts + HEAD_CELLS)[:, None]

    def _rows(self, kind: int, places: Places) -> Rows:
        counts = self._heads["counts"][places, kind].astype(np.int64)
        cells = self._cells[list_ranges(self._ends[places, kind] - counts, counts)]
        columns, weights = cells.view("<i4")[::2], cells.view("<f4")[1::2]
        return Rows(np.concatenate([[0], np.cumsum(counts)]), columns, weights)

    def _decode_vectors(self, dimensions: int) -> Matrix:
        vectors = np.zeros((len(self), dimensions), np.float32)
        known = np.flatnonzero(self._heads["dimensions"])
        if len(known):
            cells = self._cells[self._ends[known, REASONS][:, None] + np.arange(_count_cells(dimensions))]
            vectors[known] = cells.view(HALF)[:, :dimensions]
        return vectors

    def _decode_phrases(self) -> list[str]:
        letters, dimensions = self._heads["letters"], self._heads["dimensions"]
        starts = CELL_SIZE * (self._ends[:, REASONS] + _count_cells(dimensions.astype(np.int64)))
        return [
            self.data[start : start + count].decode() if count else ""
            for start, count in zip(starts.tolist(), letters.tolist(), strict=True)
        ]


def _count_cells(dimensions: Any) -> Any:
    """Count the cells of vectors."""
    return (dimensions * HALF_SIZE + CELL_SIZE - 1) // CELL_SIZE
