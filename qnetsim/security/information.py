"""Entropies in bits, and what every closed-form bound rests on: ranges and rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

TSIRELSON = 2 * np.sqrt(2.0)
"""Largest quantum CHSH value."""

ROUNDING_BITS = 1e-12
"""Taken off every entropy (bits), so that none lies above the true bound: the error of either, seen
against 50-digit arithmetic, stays below 2e-14."""


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
    return 1 - binary_entropy((1 + np.sqrt(np.clip(square, 0.0, 1.0))) / 2)


def rounded_down(bits: FloatArray) -> FloatArray:
    """Returns bits less the rounding, 0 or more."""
    rounded: FloatArray = np.maximum(bits - ROUNDING_BITS, 0.0)
    return rounded


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
