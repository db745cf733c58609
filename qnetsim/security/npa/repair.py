"""From a solver's dual solution, nearly feasible, to one that proves a bound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qnetsim.security.npa.certificate import NodeDual
from qnetsim.security.npa.exact import MARGIN
from qnetsim.security.npa.relaxation import Relaxation

Real = NDArray[np.float64]


def repair(relaxation: Relaxation, t: float, matrices: Sequence[Real]) -> NodeDual:
    """Returns a dual solution near a solver's whose matrices are positive.

    The multipliers are those that fit best. What is left of each moment is spread over the entries
    where it stands, but for <1>, <Y Y*> and <Y* Y>, whose rest the certificate charges for; so does
    it for the diagonal that lifts the smallest eigenvalue above 0.

    Args:
        relaxation: of the problem.
        t: the quadrature node.
        matrices: the solver's, one for each block, shape (n, n).
    """
    sums, counts = _sums(relaxation, matrices)
    wanted = np.zeros(relaxation.size)
    for moment, value in relaxation.objective(Fraction(t)).items():
        wanted[moment] = float(value)
    rest = wanted - sums
    known = relaxation.known
    behaviour = np.flatnonzero(known.any(axis=0))
    multipliers = np.linalg.lstsq(known[:, behaviour].T, rest[behaviour], rcond=None)[0]
    rest -= known.T @ multipliers
    diagonal = _diagonal_moments(relaxation)
    rest[diagonal] = 0
    rest[relaxation.vanishing] = 0
    spread = rest / counts
    index = relaxation.matrix.of_entry
    largest = relaxation.largest(t)
    fixed = [
        _lifted(matrix + spread[block.ids][index], largest[block.ids][np.diagonal(index)])
        for matrix, block in zip(matrices, relaxation.blocks, strict=True)
    ]
    return NodeDual(tuple(fixed), np.asarray(multipliers, dtype=np.float64))


def _sums(relaxation: Relaxation, matrices: Sequence[Real]) -> tuple[Real, Real]:
    index, count = relaxation.matrix.of_entry, len(relaxation.matrix.moments)
    sums, counts = np.zeros(relaxation.size), np.zeros(relaxation.size)
    for matrix, block in zip(matrices, relaxation.blocks, strict=True):
        sums[block.ids] += np.bincount(index.ravel(), matrix.ravel(), count)
        counts[block.ids] += np.bincount(index.ravel(), minlength=count)
    return sums, counts


def _diagonal_moments(relaxation: Relaxation) -> NDArray[np.int64]:
    standing = np.unique(np.diagonal(relaxation.matrix.of_entry))
    return np.unique([block.ids[standing] for block in relaxation.blocks])


def _lifted(matrix: Real, largest: Real) -> Real:
    """Adds to the diagonal, less where moments can be large, until the matrix is positive."""
    matrix = (matrix + matrix.T) / 2
    unit = 1 / np.maximum(largest, 1)
    lowest = np.linalg.eigvalsh(matrix / np.sqrt(np.outer(unit, unit)))[0]
    lift = max(0.0, -float(lowest)) * unit
    return matrix + np.diag(lift + 2 * MARGIN * np.abs(matrix).max())
