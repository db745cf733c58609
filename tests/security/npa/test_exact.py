"""Exact arithmetic on floats: sums without rounding, proofs that a matrix is positive."""

from fractions import Fraction

import numpy as np
import pytest

from qnetsim.security.npa.exact import class_sums, is_positive


def gram(size, rank, seed):
    a = np.random.default_rng(seed).normal(size=(size, rank))
    matrix = a @ a.T
    return (matrix + matrix.T) / 2


def test_sums_have_no_rounding():
    matrix = np.array([[1e16, 1.0, -1e16], [2.0**-60, 3.0, 0.0], [5e-30, -3.0, 0.0]])
    index = np.zeros((3, 3), dtype=np.int64)
    index[1, 1] = 1
    exact = [sum(Fraction(v) for v in matrix.ravel()) - 3, Fraction(3)]
    assert class_sums(matrix, index, 2) == exact


@pytest.mark.parametrize("size", [1, 5, 40])
def test_positive_matrices_are_proved(size):
    assert is_positive(gram(size, size, 3) + 1e-8 * np.eye(size))


@pytest.mark.parametrize("dent", [1e-10, 1e-6, 1.0])
def test_a_negative_eigenvalue_is_never_taken_for_positive(dent):
    matrix = gram(20, 20, 4)
    values, vectors = np.linalg.eigh(matrix)
    values[0] = -dent
    dented = (vectors * values) @ vectors.T
    assert not is_positive((dented + dented.T) / 2)


def test_what_is_not_symmetric_or_finite_is_not_proved():
    lopsided = np.eye(3)
    lopsided[0, 1] = 1e-15
    assert not is_positive(lopsided)
    assert not is_positive(np.diag([1.0, np.nan]))
    assert not is_positive(np.diag([1.0, np.inf]))


def test_a_singular_matrix_is_left_unproved():
    assert not is_positive(gram(12, 5, 6))


@pytest.mark.parametrize("unit", [1e-120, 1e-9, 1.0, 1e12, 1e120])
@pytest.mark.parametrize("size", [2, 12])
def test_proofs_depend_neither_on_the_unit_nor_on_small_entries(size, unit):
    matrix = gram(size, size, 7) + np.eye(size)
    matrix[0, 1] = matrix[1, 0] = 1e-30
    assert is_positive(matrix * unit)
    below = np.linalg.eigvalsh(matrix)[0] * (1 + 1e-9)
    assert not is_positive((matrix - below * np.eye(size)) * unit)


def test_more_rows_than_machine_integers_can_sum_are_left_unproved():
    assert is_positive(np.eye(60))
    assert not is_positive(np.eye(501))


def pivots(matrix):
    """Of Gaussian elimination in rational arithmetic: all positive for a positive matrix alone."""
    rows = [[Fraction(value) for value in row] for row in matrix.tolist()]
    found = []
    while rows:
        first, *rest = rows
        found.append(first[0])
        if found[-1] <= 0:
            break
        rows = [
            [b - row[0] / first[0] * a for a, b in zip(first, row, strict=True)][1:] for row in rest
        ]
    return found


def test_what_is_proved_is_positive_in_rational_arithmetic():
    rng = np.random.default_rng(8)
    verdicts = []
    for seed in range(300):
        matrix = gram(4, 3, seed) + 10.0 ** rng.uniform(-14, -9) * rng.choice([-1, 1]) * np.eye(4)
        verdicts.append(is_positive(matrix))
        assert not verdicts[-1] or min(pivots(matrix)) > 0
    assert 30 < sum(verdicts) < 270
