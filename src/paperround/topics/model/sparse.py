"""Sparse rows, in numpy alone: scipy would double the memory of a web process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Self, TypeAlias

from paperround.arrays import np

Floats: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float32]]"
Matrix: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.float32]]"
Columns: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int32]]"
Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"
Places: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"


@dataclass(frozen=True)
class Row:
    """A sparse row: distinct columns in ascending order, with their weights."""

    columns: Columns
    weights: Floats


@cache
def empty_row() -> Row:
    """Return the row that has no phrase, always the same."""
    return Row(np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True)
class Rows:
    """Sparse rows in one array. Row i has `columns[starts[i]:starts[i + 1]]`."""

    starts: Places
    columns: Columns
    weights: Floats

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        lengths = [len(row.columns) for row in rows]
        padded = [*rows, empty_row()]  # numpy cannot concatenate no arrays
        return cls(
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            np.concatenate([row.columns for row in padded]),
            np.concatenate([row.weights for row in padded]),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> Row:
        part = slice(self.starts[place], self.starts[place + 1])
        return Row(self.columns[part], self.weights[part])

    def take(self, places: Places) -> Self:
        """Give the rows at these places, in their order."""
        counts = np.diff(self.starts)[places]
        entries = list_ranges(self.starts[places], counts)
        return type(self)(
            np.concatenate([[0], np.cumsum(counts)]), self.columns[entries], self.weights[entries]
        )

    def dot(self, direction: Floats) -> Floats:
        """Multiply each row with a dense direction."""
        sums = np.concatenate([[0.0], np.cumsum(self.weights * direction[self.columns], dtype=np.float64)])
        products: Floats = (sums[self.starts[1:]] - sums[self.starts[:-1]]).astype(np.float32)
        return products

    def times(self, row: Row) -> Floats:
        """Multiply each row with a sparse one."""
        products: Floats = self.product(Rows.of([row]))[0]
        return products

    def product(self, others: Rows) -> Matrix:
        """Multiply each row with each of `others`, shape (others, rows).

        Only entries in columns that both have are read.
        """
        starts, owners, weights = self._by_column
        columns = np.minimum(others.columns, len(starts) - 2)
        counts = starts[columns + 1] - starts[columns]
        common = np.flatnonzero(counts)
        counts = counts[common]
        places = list_ranges(starts[columns[common]], counts)
        cells = np.repeat(others.owners[common] * len(self), counts) + owners[places]
        parts = np.repeat(others.weights[common], counts) * weights[places]
        sums = np.bincount(cells, parts, minlength=len(others) * len(self))
        products: Matrix = sums.astype(np.float32).reshape(len(others), len(self))
        return products

    def weights_at(self, places: Places, columns: Columns) -> Floats:
        """Look up the weights in single cells: of the row at each place, in the column beside it."""
        keys, width = self._keys
        wanted = places * width + np.minimum(columns, width - 1)
        found = np.searchsorted(keys, wanted).clip(0, max(len(keys) - 1, 0))
        is_there = keys[found] == wanted if len(keys) else np.zeros(len(wanted), np.bool_)
        weights = np.zeros(len(wanted), np.float32)
        weights[is_there] = self.weights[found[is_there]]
        return weights

    @cached_property
    def _keys(self) -> tuple[Places, int]:
        """A rising number for each entry, from its row and column, and how many columns a row has then.

        There is one that has no entries, in place of all those behind the last one.
        """
        width = int(self.columns.max(initial=0)) + 2
        return self.owners * width + self.columns, width

    @cached_property
    def owners(self) -> Places:
        """The row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @cached_property
    def _by_column(self) -> tuple[Places, Places, Floats]:
        """All entries ordered by column: where each column begins, and the entries' rows and weights.

        One column that has no entries stands for all those behind the last one.
        """
        order = np.argsort(self.columns, kind="stable")
        counts = np.bincount(self.columns, minlength=1)
        starts = np.concatenate([[0], np.cumsum(counts), [len(order)]])
        return starts, self.owners[order], self.weights[order]

    def mean(self, width: int) -> Floats:
        """Compute the dense mean row. Without rows it is zeros."""
        sums = np.bincount(self.columns, self.weights, minlength=width)
        mean: Floats = (sums / max(len(self), 1)).astype(np.float32)
        return mean

    def dense(self, columns: Columns) -> Matrix:
        """Build the matrix of the rows over these columns alone, given in ascending order."""
        matrix = np.zeros((len(self), len(columns)), np.float32)
        if len(columns):
            places = np.full(int(columns[-1]) + 2, -1)  # by column; those beyond get the last, −1
            places[columns] = np.arange(len(columns))
            row_places = places[np.minimum(self.columns, columns[-1] + 1)]
            known = np.flatnonzero(row_places >= 0)
            matrix[self.owners[known], row_places[known]] = self.weights[known]
        return matrix


def list_ranges(starts: Places, counts: Places) -> Places:
    """List `counts[i]` numbers from `starts[i]` on, for each i, one after the other."""
    ends = np.cumsum(counts)
    ranges: Places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)
    return ranges


def weighted_sum(rows: Sequence[tuple[float, Row]]) -> Row:
    """Compute Σ weight · row."""
    parts = [(weight, row) for weight, row in rows if len(row.columns)]
    if not parts:
        return empty_row()
    columns, place = np.unique(np.concatenate([row.columns for _, row in parts]), return_inverse=True)
    weights = np.concatenate([weight * row.weights for weight, row in parts])
    return Row(columns, np.bincount(place, weights, minlength=len(columns)).astype(np.float32))
