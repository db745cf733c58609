"""Exact arithmetic on floats: positive semidefinite matrices and sums without rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

MARGIN = 2e-12
"""Least eigenvalue, relative to the largest entry, of a matrix that is proved positive."""
_HALF = 26
"""Half the binary digits of a rounded factor."""
_MOST_ROWS = 500
"""Sums of so many products of halves fit 64 bits."""


def is_positive(matrix: Real) -> bool:
    """Returns whether a symmetric matrix is proved to have no negative eigenvalue.

    A Cholesky factor L of the matrix less half the margin is found in floats and rounded to
    multiples of a power of 2; then the matrix less L L^T is computed in integers, without any
    rounding, and must be diagonally dominant. A matrix within the margin of a singular one is not
    proved, nor is one of more than 500 rows.

    Args:
        matrix: shape (n, n).
    """
    if len(matrix) > _MOST_ROWS or not np.isfinite(matrix).all() or (matrix != matrix.T).any():
        return False
    less = matrix - np.eye(len(matrix)) * MARGIN / 2 * np.abs(matrix).max()
    try:
        factor = np.linalg.cholesky(less)
    except np.linalg.LinAlgError:
        return False
    if not np.isfinite(factor).all():
        return False
    whole, bits = _integers(matrix)
    product, product_bits = _times_transpose(factor)
    common = max(bits, product_bits)
    rest = (whole << (common - bits)) - (product << (common - product_bits))
    diagonal = np.diagonal(rest)
    return bool((2 * diagonal >= np.abs(rest).sum(axis=1)).all())


def class_sums(matrix: Real, index: NDArray[np.int64], count: int) -> list[Fraction]:
    """Returns the exact sums of the entries that belong to each class.

    Args:
        matrix: shape (n, n).
        index: the class of each entry, shape (n, n).
        count: how many classes there are.
    """
    whole, bits = _integers(matrix)
    sums = np.zeros(count, dtype=object)
    np.add.at(sums, index.ravel(), whole.ravel())
    return [Fraction(int(total), 1 << bits) for total in sums]


def _times_transpose(factor: Real) -> tuple[NDArray[np.object_], int]:
    """Returns L L^T for a rounded factor L, times a power of 2 that makes integers, and that power.

    The digits of L are split into halves, so that machine integers hold their products' sums.
    """
    bits = 52 - int(np.frexp(np.abs(factor).max())[1])
    high, low = np.divmod(np.rint(np.ldexp(factor, bits)).astype(np.int64), 1 << _HALF)
    mixed = high @ low.T
    parts = [(high @ high.T, 2 * _HALF), (mixed + mixed.T, _HALF), (low @ low.T, 0)]
    return sum(part.astype(object) << power for part, power in parts), 2 * bits


def _integers(matrix: Real) -> tuple[NDArray[np.object_], int]:
    """Returns a matrix times a power of 2 that makes integers of it, and that power."""
    mantissas, powers = np.frexp(matrix)
    bits = 53 - int(powers[matrix != 0].min(initial=53))
    digits = np.ldexp(mantissas, 53).astype(np.int64).astype(object)
    shifts = np.maximum(powers + (bits - 53), 0).astype(object)
    return np.left_shift(digits, shifts), bits
