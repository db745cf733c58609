"""Roots and maxima of many functions of one argument at once, and tables of such results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qnetsim.security.information import FloatArray

_GOLDEN = (np.sqrt(5.0) - 1) / 2


def bisected(
    function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, steps: int
) -> FloatArray:
    """Returns where functions turn positive between low and high, within (high - low)/2^steps.

    Args:
        function: maps arrays of one shape to arrays of that shape, element by element; negative
            near low, positive near high. Where it is positive throughout, low is approached.
        low: one end, which may lie above the other.
        high: the other end.
        steps: how often the interval is halved.
    """
    for _ in range(steps):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def maximised(
    function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, steps: int
) -> FloatArray:
    """Returns where functions with one maximum between low and high have it (golden section).

    Args:
        function: maps arrays of one shape to arrays of that shape, element by element.
        low: the lower end.
        high: the upper end.
        steps: how often the interval shrinks, by .618 each time.
    """
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(steps):
        rises = at_left < at_right
        low, high = np.where(rises, left, low), np.where(rises, high, right)
        fresh = np.where(rises, low + _GOLDEN * (high - low), high - _GOLDEN * (high - low))
        left, right = np.where(rises, right, fresh), np.where(rises, fresh, left)
        at_fresh = function(fresh)
        at_left, at_right = (
            np.where(rises, at_right, at_fresh),
            np.where(rises, at_fresh, at_left),
        )
    return (low + high) / 2


def splined(
    function: Callable[[FloatArray, FloatArray], FloatArray],
    nodes: tuple[FloatArray, FloatArray],
    points: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Returns a smooth function of two arguments at many points, by cubic splines through a table.

    Args:
        function: maps two arrays of one shape to an array of that shape, element by element.
        nodes: where each argument is tabulated, rising, from the least point to the greatest.
        points: the arguments, of one shape.
    """
    from scipy.interpolate import RectBivariateSpline

    table = function(*np.meshgrid(*nodes, indexing="ij"))
    splines: FloatArray = RectBivariateSpline(*nodes, table).ev(*points)
    return splines
