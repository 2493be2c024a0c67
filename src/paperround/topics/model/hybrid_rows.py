"""Sparse rows made ready for products with many others: common columns are dense, the rest stays sparse.

Few columns make up most of what two sparse rows have in common. BLAS multiplies those in a fraction of the
time that looking up their entries takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from paperround.arrays import np
from paperround.topics.model.sparse import Columns, Floats, Matrix, Places, Rows, list_ranges

COMMON_SHARE: Final = 1 / 16  # of the rows, from which on a column is common
MIN_COMMON: Final = 2  # rows


@dataclass(frozen=True)
class HybridRows:
    """n sparse rows, by their columns."""

    row_count: int
    numbers: Columns  # by column: of the common ones from 0, then of the rare ones, −1 of those in no row
    common: Matrix  # shape (common columns, n)
    starts: Places  # shape (rare columns,): where the entries of each begin
    counts: Places  # shape (rare columns,): how many it has
    owners: Places  # the row of each entry
    weights: Floats  # of each entry

    @classmethod
    def of(cls, rows: Rows) -> Self:
        counts = np.bincount(rows.columns, minlength=1)
        is_common = counts >= max(MIN_COMMON, COMMON_SHARE * len(rows))
        common, rare = np.flatnonzero(is_common), np.flatnonzero((counts > 0) & ~is_common)
        numbers = np.full(len(counts) + 1, -1, np.int32)  # the last one stands for all columns behind it
        numbers[np.concatenate([common, rare])] = np.arange(len(common) + len(rare))
        order = np.argsort(rows.columns, kind="stable")
        entries = order[~is_common[rows.columns[order]]]
        return cls(
            len(rows),
            numbers,
            np.ascontiguousarray(rows.dense(common.astype(np.int32)).T),
            np.cumsum(counts[rare]) - counts[rare],
            counts[rare],
            rows.owners[entries],
            rows.weights[entries],
        )

    def product(self, others: Rows) -> Matrix:
        """Multiply each row with each of `others`, shape (others, rows)."""
        numbers = self.numbers.take(others.columns, mode="clip")
        known = np.flatnonzero(numbers >= 0)
        numbers, owners, weights = numbers[known], others.owners[known], others.weights[known]
        is_common = numbers < len(self.common)
        shared, rare = np.flatnonzero(is_common), np.flatnonzero(~is_common)
        dense = np.zeros((len(others), len(self.common)), np.float32)
        dense[owners[shared], numbers[shared]] = weights[shared]
        products: Matrix = dense @ self.common
        products += self._multiply_rare(
            owners[rare], numbers[rare] - len(self.common), weights[rare], len(others)
        )
        return products

    def _multiply_rare(self, owners: Places, numbers: Columns, weights: Floats, others: int) -> Matrix:
        """Sum the products of entries in rare columns."""
        counts = self.counts[numbers]
        entries = list_ranges(self.starts[numbers], counts)
        cells = np.repeat(owners * self.row_count, counts) + self.owners[entries]
        parts = np.repeat(weights, counts) * self.weights[entries]
        sums: Matrix = np.bincount(cells, parts, minlength=others * self.row_count).astype(np.float32)
        return sums.reshape(others, self.row_count)
