"""Products of rows whose common columns are dense, beside the product of the matrices written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.topics.model.hybrid_rows import HybridRows
from paperround.topics.model.sparse import Matrix, Row, Rows

COLUMNS = 40


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    """Matrices from empty to full, some with a column that nearly every row has."""
    dice = np.random.default_rng(draw(st.integers(0, 1000)))
    shape = draw(st.integers(0, 50)), COLUMNS
    matrix = dice.normal(size=shape) * (dice.random(shape) < draw(st.sampled_from((0, 0.02, 0.2, 1))))
    matrix[:, 3] = dice.random(shape[0]) * draw(st.sampled_from((0, 1)))
    return matrix.astype(np.float32)


def sparse(matrix: Matrix) -> Rows:
    return Rows.of([Row(np.flatnonzero(row).astype(np.int32), row[np.flatnonzero(row)]) for row in matrix])


@given(matrices(), matrices(), st.integers(1, COLUMNS))
def test_the_product_is_that_of_the_dense_matrices(papers: Matrix, topics: Matrix, known: int) -> None:
    papers[:, known:] = 0  # so that topics have columns behind the last one of any paper
    product = HybridRows.of(sparse(papers)).product(sparse(topics))
    assert product.shape == (len(topics), len(papers))
    assert product.dtype == np.float32
    assert product == pytest.approx(topics @ papers.T, abs=1e-4)
    assert product == pytest.approx(sparse(papers).product(sparse(topics)), abs=1e-4)


@given(matrices(), st.lists(st.tuples(st.integers(0, 49), st.integers(0, COLUMNS + 5)), max_size=30))
def test_single_cells_are_those_of_the_dense_matrix(matrix: Matrix, cells: list[tuple[int, int]]) -> None:
    wanted = [(place, column) for place, column in cells if place < len(matrix)]
    places = np.array([place for place, _ in wanted], np.int64)
    columns = np.array([column for _, column in wanted], np.int32)
    written_out = np.pad(matrix, ((0, 0), (0, 6)))
    assert np.array_equal(sparse(matrix).weights_at(places, columns), written_out[places, columns])
