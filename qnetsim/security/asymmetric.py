r"""Entropy of a raw key bit from a CHSH test whose two halves are weighted differently.

With the key setting first, the two halves are E1 = <A1 B1> + <A1 B2> and E2 = <A2 B1> - <A2 B2>,
and s = alpha E1 + E2. At the best alpha for given E1 and E2 this is the bound from both halves
(called generalised CHSH where they are bounded at once, arXiv 2009.01784).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import (
    FloatArray,
    conjugate_deficit,
    conjugate_slope,
    contrast,
    noisy_entropy,
    rounded_up,
    within,
)
from qnetsim.security.search import bisected, maximised, splined

_HALVINGS = 26
"""The chord of the hull is stationary: an error of 1e-8 in w costs less than 1e-15 in it."""
_NODES = (257, 65)
"""Of the table of touching points for longer arrays, over alpha and q."""
_TINY = np.finfo(float).tiny


def asymmetric_entropy(s: ArrayLike, alpha: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    r"""Returns the least entropy H(A1|E) in bits at s = alpha (<A1B1> + <A1B2>) + <A2B1> - <A2B2>.

    .. math:: H(A_1|E) \ge f_q(s^2/4 - \alpha^2), \quad
        \max(2\alpha, 2) < s \le 2\sqrt{1 + \alpha^2},

    f_q from ``information.conjugate_deficit``. It holds as it stands for alpha >= 1. For
    alpha < 1 a key setting whose outcome is fixed reaches s = 2, so that the bound is the tangent
    from (2, h(q)) and the curve from where it touches. With alpha = 1 it is ``chsh_entropy``.
    Collective attacks; general ones as there.

    Args:
        s: any shape. An estimate may exceed the quantum limit by chance and counts as it.
        alpha: the weight of the key setting's half, 0 or more; broadcasts with s.
        flip: q, the chance that the raw key bit is flipped, in [0, 1/2]; broadcasts with s.

    Raises:
        ValueError: abs(s) exceeds 2 alpha + 2, alpha is negative or infinite, or q lies outside
            [0, 1/2].

    References:
        Woodhead, Acin and Pironio, arXiv 2007.16146; Sekatski et al., arXiv 2009.01784.
    """
    return noisy_entropy(_deficit(s, alpha, flip), flip)


def asymmetric_deficit(s: ArrayLike, alpha: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns (1 - H)/(1 - 2q)^2 of ``asymmetric_entropy``, rounded up, to its last digits."""
    return rounded_up(_deficit(s, alpha, flip))


def asymmetric_slope(s: ArrayLike, alpha: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns dH/ds of ``asymmetric_entropy`` in bits; 0 up to s = max(2 alpha, 2)."""
    s, alpha = _asymmetric_value(s, alpha)
    touch, chord = _tangent(alpha, flip)
    slope = np.where(s < touch, chord, conjugate_slope(s**2 / 4 - alpha**2, flip) * s / 2)
    return np.where(s > 2 * np.maximum(alpha, 1), contrast(flip) ** 2 * slope, 0.0)


def optimal_alpha(e1: ArrayLike, e2: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    r"""Returns the alpha whose bound is highest at given halves of the test.

    From 1 on the best is in closed form, :math:`\alpha = E_1 E_2/(4 - E_1^2)`, with
    :math:`H = f_q(E_2^2/(4 - E_1^2))`; below, it is searched for. Any alpha gives a valid bound.

    Args:
        e1: <A1 B1> + <A1 B2>, A1 being the key setting, any shape.
        e2: <A2 B1> - <A2 B2>; broadcasts with e1.
        flip: q, in [0, 1/2]; broadcasts with e1.

    Raises:
        ValueError: abs(E1) or abs(E2) exceeds 2, or q lies outside [0, 1/2].
    """
    e1, e2 = within(e1, -2.0, 2.0, "first half"), within(e2, -2.0, 2.0, "second half")
    e1, e2, flip = np.broadcast_arrays(e1, e2, np.asarray(flip, dtype=np.float64))

    def negative_deficit(alpha: FloatArray) -> FloatArray:
        return -_deficit(alpha * e1 + e2, alpha, flip)

    # Below the least alpha there is no violation, and nothing to tell one alpha from another.
    least = np.divide(2 - e2, e1, out=np.ones_like(e1), where=e1 > 0)
    searched = maximised(negative_deficit, np.minimum(least, 1.0), np.ones_like(e1), steps=30)
    stationary = np.divide(e1 * e2, 4 - e1**2, out=np.ones_like(e1), where=e1**2 < 4)
    return np.where(stationary >= 1, stationary, searched)


def _deficit(s: ArrayLike, alpha: ArrayLike, flip: ArrayLike) -> FloatArray:
    s, alpha = _asymmetric_value(s, alpha)
    touch, slope = _tangent(alpha, flip)
    mixed = conjugate_deficit(0.0, flip) - slope * (np.maximum(s, 2) - 2)
    square = np.maximum(s, 2 * alpha) ** 2 / 4 - alpha**2
    return np.where(s < touch, mixed, conjugate_deficit(square, flip))


def _asymmetric_value(s: ArrayLike, alpha: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Returns s within the quantum limit, and alpha; raises beyond the algebraic limit."""
    alpha = within(alpha, 0.0, np.finfo(float).max, "alpha")
    relative = within(np.asarray(s) / (2 * alpha + 2), -1.0, 1.0, "s/(2 alpha + 2)")
    return np.minimum(relative * (2 * alpha + 2), 2 * np.sqrt(1 + alpha**2)), alpha


def _tangent(alpha: FloatArray, flip: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Up to where in s the bound is the tangent from (2, h(q)), and its slope over (1 - 2q)^2."""
    local = conjugate_deficit(0.0, flip)
    alpha = np.minimum(alpha, 1.0)
    square, root = np.broadcast_arrays(alpha**2, np.cbrt(2 * np.asarray(flip, dtype=np.float64)))
    if square.size > np.prod(_NODES):
        angle = np.broadcast_to(np.arccos(alpha), square.shape)
        nodes = np.linspace(0, np.pi / 2, _NODES[0]), np.linspace(0, 1, _NODES[1])
        w = splined(lambda a, x: _touching(np.cos(a) ** 2, x**3 / 2), nodes, (angle, root))
    else:
        w = _touching(square, flip)
    y = _from_inverse_log(w)
    touch = 2 * np.sqrt(y + square)
    slope = (local - conjugate_deficit(y, flip)) / np.maximum(touch - 2, _TINY)
    return np.where(alpha < 1, touch, 0.0), slope


def _touching(square: FloatArray, flip: ArrayLike) -> FloatArray:
    """Returns w of y = s^2/4 - alpha^2 where the tangent touches, at alpha^2."""
    local = conjugate_deficit(0.0, flip)

    def beyond(w: FloatArray) -> FloatArray:
        y = _from_inverse_log(w)
        s = 2 * np.sqrt(y + square)
        rise = local - conjugate_deficit(y, flip)
        excess: FloatArray = conjugate_slope(y, flip) * s / 2 * (s - 2) - rise
        return excess

    nearest = 1 / (1 - np.log(np.maximum(square, _TINY)))
    return bisected(beyond, nearest, np.zeros_like(nearest), _HALVINGS)


def _from_inverse_log(w: FloatArray) -> FloatArray:
    """Returns y of w = 1/(1 - ln(1 - y)), for 1 - y falls exponentially as alpha nears 0."""
    y: FloatArray = -np.expm1(1 - 1 / np.clip(w, 1e-3, 1.0))
    return y
