"""Exact arithmetic on floats: positive semidefinite matrices and sums without rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

MARGIN = 2e-12
"""Least eigenvalue, relative to the largest entry, of a matrix that is proved positive."""


def is_positive(matrix: Real) -> bool:
    """Returns whether a symmetric matrix is proved to have no negative eigenvalue.

    A Cholesky factor L of the matrix less half the margin is found in floats; then the matrix less
    L L^T is computed in integers, without any rounding, and must be diagonally dominant. A matrix
    within the margin of a singular one is not proved.

    Args:
        matrix: shape (n, n).
    """
    if not np.isfinite(matrix).all() or (matrix != matrix.T).any():
        return False
    less = matrix - np.eye(len(matrix)) * MARGIN / 2 * np.abs(matrix).max()
    try:
        factor = np.linalg.cholesky(less)
    except np.linalg.LinAlgError:
        return False
    (whole, left), bits = _integers(matrix, factor)
    rest = (whole << bits) - left @ left.T
    diagonal = np.diagonal(rest)
    return bool((2 * diagonal >= np.abs(rest).sum(axis=1)).all())


def class_sums(matrix: Real, index: NDArray[np.int64], count: int) -> list[Fraction]:
    """Returns the exact sums of the entries that belong to each class.

    Args:
        matrix: shape (n, n).
        index: the class of each entry, shape (n, n).
        count: how many classes there are.
    """
    (whole,), bits = _integers(matrix)
    sums = np.zeros(count, dtype=object)
    np.add.at(sums, index.ravel(), whole.ravel())
    return [Fraction(int(total), 1 << bits) for total in sums]


def _integers(*matrices: Real) -> tuple[list[NDArray[np.object_]], int]:
    """Returns matrices times a power of 2 that makes integers of them, and that power."""
    exponents = [np.frexp(matrix)[1][matrix != 0] for matrix in matrices]
    bits = 53 - min((int(e.min()) for e in exponents if e.size), default=53)
    whole = []
    for matrix in matrices:
        mantissas, powers = np.frexp(matrix)
        digits = np.ldexp(mantissas, 53).astype(np.int64).astype(object)
        shifts = np.maximum(powers + (bits - 53), 0).astype(object)
        whole.append(np.left_shift(digits, shifts))
    return whole, bits
