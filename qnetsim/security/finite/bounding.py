"""Suprema with a guarantee, of functions of one variable that are made of monotone parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qnetsim.security.information import FloatArray

_CELLS = 256
_SPLIT = 8
_POINTS = 65


def supremum(
    upper: Callable[[FloatArray, FloatArray], FloatArray],
    low: float,
    high: float,
    tolerance: float,
) -> float:
    """Returns a number that the supremum on [low, high] does not exceed, and misses by little.

    Branch and bound: cells whose upper bound lies above the best value by more than the tolerance
    are split until there are none.

    Args:
        upper: maps the lower and upper ends of cells to upper bounds on the function there; with
            both ends equal, its value. Rising parts are taken at the upper end, falling ones at
            the lower.
        low: lower end of the range.
        high: upper end.
        tolerance: how much above the supremum the result may lie.
    """
    ends = np.linspace(low, high, _CELLS + 1)
    left, right = ends[:-1], ends[1:]
    best = float(np.max(upper(ends, ends)))
    while left.size:
        best = max(best, float(np.max(upper(left, left))))
        open_cells = upper(left, right) > best + tolerance
        steps = np.linspace(0, 1, _SPLIT + 1)
        ends = left[open_cells, None] + (right - left)[open_cells, None] * steps
        ends[:, -1] = right[open_cells]
        left, right = ends[:, :-1].ravel(), ends[:, 1:].ravel()
    return best + tolerance


def likely_supremum(
    upper: Callable[[FloatArray, FloatArray], FloatArray], low: float, high: float
) -> float:
    """Returns about the supremum, from nested grids: fast enough for an optimiser, no bound."""
    for _ in range(3):
        points = np.linspace(low, high, _POINTS)
        values = upper(points, points)
        top = int(np.argmax(values))
        low, high = points[max(top - 1, 0)], points[min(top + 1, _POINTS - 1)]
    return float(values[top])
