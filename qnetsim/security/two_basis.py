r"""Mean entropy of two raw key bits, one from each of a party's settings in the CHSH test."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import (
    FloatArray,
    chsh_value,
    conjugate_deficit,
    conjugate_slope,
    contrast,
    noisy_entropy,
    rounded_up,
)
from qnetsim.security.search import bisected

_GOLDEN = (1 + np.sqrt(5.0)) / 2
_HALVINGS = 26
"""The chord of the hull is stationary: an error of 1e-8 in u costs less than 1e-15 in it."""
_NODES = 8193
"""Of the table of touching points for longer arrays of flips: it costs less than 2e-13."""


def two_basis_entropy(s: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    r"""Returns the least mean entropy of both test settings' outcomes in bits at CHSH value S.

    Write A0, A1 = c Z +- d X on Alice's qubit, d^2 = 1 - c^2. The uncertainty relation bounds each
    H(Ai|E) by f_q(e_i^2), f_q from ``information.conjugate_deficit``, with e_i the best correlator
    of Ai's conjugate. As f_q is convex in its argument, the mean is at least f_q of
    (e_0^2 + e_1^2)/2 = d^2 z^2 + c^2 x^2, where z, x <= 1 are the best correlators of Z and X, and
    c z + d x >= S/2. That is least at z = 1 (or, exchanging the names, at x = 1):

    .. math:: \tfrac12 [H(A_0|E) + H(A_1|E)] \ge \mathrm{conv}_S f_q(E(S)), \quad
        E(S) = \min_c\; d^2 + c^2 \Big(\frac{S/2 - c}{d}\Big)^2,

    conv the lower convex hull, for Eve may mix qubit strategies. The minimum is stationary where

    .. math:: c = u - 1/u, \quad S = 8u - 4/u - 2u^3, \quad E = (3 - u^2 - u^{-2})(u^4 - 2u^2 + 2),

    with u from the golden ratio (S = 2) down to sqrt 2 (S = 2 sqrt 2). f_q(E(S)) is first concave
    and then convex, so its hull is the tangent from (2, h(q)) and the curve from there on: without
    noise concave up to S = 2.188, with the tangent touching at S = 2.265. Perhaps not tight: the
    best mixture of qubit strategies found without noise lies up to .0125 bit above, at S = 2.60.

    Args:
        s: CHSH value, any shape. An estimate may exceed 2 sqrt 2 by chance and counts as 2 sqrt 2.
        flip: q, the chance that a raw key bit is flipped, in [0, 1/2]; broadcasts with s.

    Returns:
        The bound, h(q) for S <= 2; it presumes that both settings make key equally often and that
        the setting becomes public. Collective attacks; general ones as in ``chsh_entropy``.

    Raises:
        ValueError: abs(S) exceeds 4, the algebraic limit, or q lies outside [0, 1/2].

    References:
        Masini, Pironio and Woodhead, arXiv 2107.08894 (E in closed form: the authors' program,
        github.com/MicheleMasini1996/diqkd-2input2output); Berta et al., arXiv 0909.0950.
    """
    return noisy_entropy(_deficit(s, flip), flip)


def two_basis_deficit(s: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns (1 - H)/(1 - 2q)^2 of ``two_basis_entropy``, rounded up, to its last digits."""
    return rounded_up(_deficit(s, flip))


def two_basis_slope(s: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns dH/dS of ``two_basis_entropy`` in bits; 0 up to S = 2, where H has a kink."""
    s, c2 = chsh_value(s), contrast(flip) ** 2
    touch, slope = _tangent(flip)
    u = _hull_parameter(np.maximum(s, touch))
    return np.where(s > 2, c2 * np.where(s < touch, slope, _curve(u, flip)[2]), 0.0)


def _deficit(s: ArrayLike, flip: ArrayLike) -> FloatArray:
    s = chsh_value(s)
    touch, slope = _tangent(flip)
    u = _hull_parameter(np.maximum(s, touch))
    mixed = conjugate_deficit(0.0, flip) - slope * (np.maximum(s, 2) - 2)
    return np.where(s < touch, mixed, conjugate_deficit(_least_square(u), flip))


def _tangent(flip: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Where the tangent from (2, h(q)) touches f_q(E(S)), in S, and its slope over (1 - 2q)^2."""
    local = conjugate_deficit(0.0, flip)
    if local.size > _NODES:
        nodes = np.linspace(0, 1, _NODES)
        u = np.interp(np.cbrt(2 * np.asarray(flip)), nodes, _touching(nodes**3 / 2))
    else:
        u = _touching(flip)
    touch, deficit, _ = _curve(u, flip)
    return touch, (local - deficit) / (touch - 2)


def _touching(flip: ArrayLike) -> FloatArray:
    """Returns u where the tangent touches."""
    local = conjugate_deficit(0.0, flip)

    def beyond(u: FloatArray) -> FloatArray:
        s, deficit, slope = _curve(u, flip)
        return slope * (s - 2) - (local - deficit)

    start = np.broadcast_to(_GOLDEN, local.shape)
    return bisected(beyond, start, start * 0 + np.sqrt(2), _HALVINGS)


def _curve(u: FloatArray, flip: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """S, the deficit and minus its slope in S, at the stationary point u: dE/dS = c^2 m/s."""
    c = u - 1 / u
    s = 8 * u - 4 / u - 2 * u**3
    square = _least_square(u)
    growth = c**2 * (s / 2 - c) / (1 - c**2)
    return s, conjugate_deficit(square, flip), conjugate_slope(square, flip) * growth


def _least_square(u: FloatArray) -> FloatArray:
    """E, the least mean squared correlator, at the stationary point u."""
    return (3 - u**2 - u**-2) * (u**4 - 2 * u**2 + 2)


def _hull_parameter(s: FloatArray) -> FloatArray:
    """Solves 8u - 4/u - 2u^3 = s; concave and falling, so Newton from _GOLDEN is monotone."""
    u = np.full_like(s, _GOLDEN)
    for _ in range(8):  # six reach rounding at S = 2 sqrt 2, the farthest target
        u = u - (8 * u - 4 / u - 2 * u**3 - s) / (8 + 4 / u**2 - 6 * u**2)
    return u
