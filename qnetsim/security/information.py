r"""Entropies in bits, and what every closed-form bound rests on: ranges, noise and rounding.

Noisy preprocessing flips each raw key bit with chance q. As q nears 1/2 all entropies near one bit
and a rate, their difference, vanishes as (1 - 2q)^2; so bounds and rates are worked out in
**deficits**, (1 - H)/(1 - 2q)^2, that keep all their digits up to q = 1/2 and have a limit there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

TSIRELSON = 2 * np.sqrt(2.0)
"""Largest quantum CHSH value."""

ROUNDING_BITS = 1e-12
"""Taken off every entropy (bits), so that none lies above the true bound: the error of either, seen
against 50-digit arithmetic, stays below 2e-14."""

_BELOW_ONE = 1 - 2.0**-53
_TINY = 1e-300
_SERIES_BELOW = 1 / 128


def binary_entropy(p: ArrayLike) -> FloatArray:
    """Returns h(p) = -p log2 p - (1 - p) log2(1 - p) in bits, with h(0) = h(1) = 0.

    Args:
        p: probability, any shape.

    Raises:
        ValueError: a value lies outside [0, 1] or is not a number.
    """
    p = within(p, 0.0, 1.0, "probability")
    return np.abs(p * _log2_or_zero(p) + (1 - p) * _log2_or_zero(1 - p))


def conjugate_entropy(square: FloatArray) -> FloatArray:
    """f(y) = 1 - h((1 + sqrt y)/2) bits of an outcome whose conjugate has squared correlator y."""
    return bias_information(np.sqrt(np.clip(square, 0.0, 1.0)))


def bias_information(bias: ArrayLike) -> FloatArray:
    """Returns 1 - h((1 + x)/2) bits of a bit whose bias is x, to its last digits at small x too.

    Args:
        bias: x, the mean of the outcomes +1 and -1, any shape, in [-1, 1].
    """
    x = np.asarray(bias, dtype=np.float64)
    information: FloatArray = (_excess(x) + _excess(-x)) / (2 * np.log(2))
    return information


def information_rise(bias: FloatArray, rise: FloatArray) -> FloatArray:
    """Returns g(sqrt(x^2 + rise)) - g(x) in bits, g being ``bias_information``.

    No term is a difference: a small rise keeps its digits.

    Args:
        bias: x, in [0, 1].
        rise: what is added to x^2, in [0, 1 - x^2].
    """
    x = np.minimum(bias, _BELOW_ONE)
    step = rise / np.maximum(np.sqrt(x**2 + rise) + x, _TINY)
    risen: FloatArray = (
        2 * step * np.arctanh(x)
        + (1 + x) * _excess(step / (1 + x))
        + (1 - x) * _excess(-step / (1 - x))
    ) / (2 * np.log(2))
    return risen


def contrast(flip: ArrayLike) -> FloatArray:
    """Returns 1 - 2q of noisy preprocessing, at least 1e-9, which stands for the limit q = 1/2.

    Args:
        flip: q, the chance that a raw key bit is flipped.

    Raises:
        ValueError: q lies outside [0, 1/2].
    """
    least: FloatArray = np.maximum(1 - 2 * within(flip, 0.0, 0.5, "flip probability"), 1e-9)
    return least


def conjugate_deficit(square: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    r"""Returns the deficit of a flipped bit whose conjugate has squared correlator y.

    .. math:: (1 - 2q)^{-2} [1 - f_q(y)], \quad
        f_q(y) = 1 + \phi\big(\sqrt{(1-2q)^2 + 4q(1-q)y}\big) - \phi(\sqrt y), \quad
        \phi(x) = h\big(\tfrac{1+x}{2}\big) .

    f_q rises with y and is convex in it: with G(y) = 1 - phi(sqrt y), the power series of
    (1 - y) G' and of (1 - y)^2 G'' have no positive coefficient but the first, so both fall.

    Args:
        square: y, any shape; clipped to [0, 1].
        flip: q, in [0, 1/2].

    References:
        Ho et al., arXiv 2005.13015; Woodhead, Acin and Pironio, arXiv 2007.16146.
    """
    y, c2 = np.clip(square, 0.0, 1.0), contrast(flip) ** 2
    return information_rise(np.sqrt(y), c2 * (1 - y)) / c2


def conjugate_slope(square: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns -d/dy of ``conjugate_deficit``, which is f_q'(y)/(1 - 2q)^2; large as y nears 1."""
    y, c2 = np.clip(square, 0.0, 1.0), contrast(flip) ** 2
    rise = c2 * (1 - y)
    return information_slope(y + rise) - information_slope_rise(y, rise) / c2


def information_slope(square: FloatArray) -> FloatArray:
    """Returns G'(y), G(y) = ``bias_information`` of sqrt y; it stays finite as y nears 1."""
    x = np.sqrt(np.clip(square, _TINY, _BELOW_ONE))
    slope: FloatArray = np.arctanh(x) / (2 * np.log(2) * x)
    return slope


def information_slope_rise(square: FloatArray, rise: FloatArray) -> FloatArray:
    """Returns G'(y + rise) - G'(y), a small rise keeping its digits.

    Args:
        square: y, in [0, 1].
        rise: in [0, 1 - y].
    """
    direct = information_slope(square + rise) - information_slope(square)
    little = np.minimum(rise, 0.01 * (1 - square))
    if (rise > little).all():
        return direct
    # Gauss and Legendre's rule of three nodes for the mean of G'' over a little rise.
    step = np.sqrt(0.6) * little / 2
    ends = _information_curvature(square + little / 2 - step) + _information_curvature(
        square + little / 2 + step
    )
    mean = (5 * ends + 8 * _information_curvature(square + little / 2)) / 18
    risen: FloatArray = np.where(rise > little, direct, rise * mean)
    return risen


def rounded_down(bits: FloatArray) -> FloatArray:
    """Returns bits less the rounding, 0 or more."""
    rounded: FloatArray = np.maximum(bits - ROUNDING_BITS, 0.0)
    return rounded


def rounded_up(deficit: FloatArray) -> FloatArray:
    """Returns a deficit with the rounding added."""
    return deficit + ROUNDING_BITS


def noisy_entropy(deficit: FloatArray, flip: ArrayLike) -> FloatArray:
    """Returns the entropy 1 - (1 - 2q)^2 deficit in bits, rounded down."""
    return rounded_down(1 - contrast(flip) ** 2 * deficit)


def chsh_value(s: ArrayLike) -> FloatArray:
    """Returns S within the quantum limit; raises ValueError beyond the algebraic one."""
    quantum: FloatArray = np.minimum(within(s, -4.0, 4.0, "CHSH value"), TSIRELSON)
    return quantum


def within(value: ArrayLike, low: float, high: float, name: str) -> FloatArray:
    """Returns a value as an array; raises ValueError if it lies outside [low, high] or is NaN."""
    array = np.asarray(value, dtype=np.float64)
    outside = ~((array >= low) & (array <= high))
    if outside.any():
        raise ValueError(f"{name} ({array[outside][0]}) must lie within [{low:g}, {high:g}]")
    return array


def _log2_or_zero(x: FloatArray) -> FloatArray:
    return np.log2(np.where(x > 0, x, 1.0))


def _excess(a: FloatArray) -> FloatArray:
    """(1 + a) ln(1 + a) - a for a >= -1, about a^2/2 at small a."""
    a = np.asarray(a)
    excess: FloatArray = np.asarray((1 + a) * np.log1p(np.maximum(a, -_BELOW_ONE)) - a)
    small = np.abs(a) < _SERIES_BELOW
    if small.any():
        little = a[small]
        series = np.zeros_like(little)
        for k in range(8, 1, -1):
            series = 1 / (k * (k - 1)) - little * series
        excess[small] = little**2 * series
    return excess


def _information_curvature(y: FloatArray) -> FloatArray:
    """G''(y)."""
    floored = np.clip(y, _SERIES_BELOW, _BELOW_ONE)
    direct = (1 / (1 - floored) / (2 * np.log(2)) - information_slope(floored)) / (2 * floored)
    series = np.zeros_like(y)
    for n in range(7, 0, -1):
        series = n / (2 * n + 1) + y * series
    curvature: FloatArray = np.where(y < _SERIES_BELOW, series / (2 * np.log(2)), direct)
    return curvature
