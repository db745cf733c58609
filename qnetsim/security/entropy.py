r"""Entropy of a raw key bit given the eavesdropper, and the key rate it allows, from CHSH values.

The devices are black boxes: two settings and two outcomes a side in the test, any state and any
dimension, a purification held by Eve. A round without a click must be given an outcome. All bounds
hold for collective attacks; being convex in S, their tangents are min-tradeoff functions, so by
entropy accumulation (arXiv 1607.01796, 1607.01797) the rates hold asymptotically against general
attacks. They are analytic, with no semidefinite dual behind them; rounding alone is left to guard
against, for which every entropy is lowered by ``ROUNDING_BITS``.

S is the CHSH value with the sign under which the devices are meant to violate S <= 2. It is taken
as exact: a bound for a finite sample starts from a confidence limit on S, not from an estimate.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import (
    FloatArray,
    binary_entropy,
    chsh_value,
    conjugate_entropy,
    rounded_down,
    within,
)

_GOLDEN = (1 + np.sqrt(5.0)) / 2


def chsh_entropy(s: ArrayLike) -> FloatArray:
    r"""Returns the least entropy of one test setting's outcome, H(A0|E) in bits, at CHSH value S.

    .. math:: H(A_0|E) \ge 1 - h\Big(\tfrac{1 + \sqrt{S^2/4 - 1}}{2}\Big), \quad 2 < S \le 2\sqrt2,

    and 0 for S <= 2. It is tight: a Bell-diagonal state reaches it at every S. A0 is either setting
    of the test. Collective attacks; see the module for general ones.

    Args:
        s: CHSH value, any shape. An estimate may exceed 2 sqrt 2 by chance and counts as 2 sqrt 2.

    Raises:
        ValueError: abs(S) exceeds 4, the algebraic limit, or is not a number.

    References:
        Pironio et al., arXiv 0903.4460; Acin et al., arXiv quant-ph/0702152.
    """
    s = chsh_value(s)
    return rounded_down(conjugate_entropy(np.maximum(s, 2.0) ** 2 / 4 - 1))


def two_basis_entropy(s: ArrayLike) -> FloatArray:
    r"""Returns the least mean entropy of both test settings' outcomes in bits at CHSH value S.

    Write A0, A1 = c Z +- d X on Alice's qubit, d^2 = 1 - c^2. The uncertainty relation bounds each
    H(Ai|E) by f(e_i^2), f(y) = 1 - h((1 + sqrt y)/2), with e_i the best correlator of Ai's
    conjugate. As f is convex in y, the mean is at least f of (e_0^2 + e_1^2)/2 = d^2 z^2 + c^2 x^2,
    where z, x <= 1 are the best correlators of Z and X, and c z + d x >= S/2. That is least at
    z = 1 (or, exchanging the names, at x = 1):

    .. math:: \tfrac12 [H(A_0|E) + H(A_1|E)] \ge \mathrm{conv}_S f(E(S)), \quad
        E(S) = \min_c\; d^2 + c^2 \Big(\frac{S/2 - c}{d}\Big)^2,

    conv the lower convex hull, for Eve may mix qubit strategies. The minimum is stationary where

    .. math:: c = u - 1/u, \quad S = 8u - 4/u - 2u^3, \quad E = (3 - u^2 - u^{-2})(u^4 - 2u^2 + 2),

    with u from the golden ratio (S = 2) down to sqrt 2 (S = 2 sqrt 2). f(E(S)) is concave up to
    S = 2.188 and convex beyond, so its hull is the tangent from (2, 0), which touches at S = 2.265,
    and the curve from there on. Perhaps not tight: the best mixture of qubit strategies found lies
    up to .0125 bit above, at S = 2.60.

    Args:
        s: CHSH value, any shape. An estimate may exceed 2 sqrt 2 by chance and counts as 2 sqrt 2.

    Returns:
        The bound, 0 for S <= 2; it presumes that both settings make key equally often and that the
        setting becomes public. Collective attacks; see the module for general ones.

    Raises:
        ValueError: abs(S) exceeds 4, the algebraic limit, or is not a number.

    References:
        Masini, Pironio and Woodhead, arXiv 2107.08894 (E in closed form: the authors' program,
        github.com/MicheleMasini1996/diqkd-2input2output); Berta et al., arXiv 0909.0950.
    """
    s = chsh_value(s)
    touch, slope = _tangent_from_local()
    u = _hull_parameter(np.maximum(s, touch))
    return rounded_down(np.where(s < touch, slope * (s - 2), conjugate_entropy(_least_square(u))))


def chsh_key_rate(s: ArrayLike, q: ArrayLike, sifting: ArrayLike) -> FloatArray:
    """Returns the asymptotic key rate from one basis, sifting (H(A0|E) - h(Q)), in bits per round.

    Devetak and Winter's rate (arXiv quant-ph/0306078), one-way reconciliation at the Shannon limit,
    no noise added to the key. The raw key is that of the party whose key setting A0 is one of its
    two in the CHSH test. Collective attacks, and general ones as the rounds grow without limit. Not
    clipped: a negative rate means no key.

    Args:
        s: CHSH value, as for ``chsh_entropy``.
        q: probability that the key bits of the two parties differ.
        sifting: fraction of rounds that make key.

    Raises:
        ValueError: abs(S) exceeds 4, or q or sifting lies outside [0, 1].
    """
    return within(sifting, 0.0, 1.0, "sifting") * (chsh_entropy(s) - binary_entropy(q))


def two_basis_key_rate(
    s: ArrayLike, q0: ArrayLike, q1: ArrayLike, sifting: ArrayLike
) -> FloatArray:
    """Returns the asymptotic key rate from two bases in bits per round.

    It is sifting (H - (h(q0) + h(q1))/2) with H from ``two_basis_entropy``, on the assumptions of
    ``chsh_key_rate``: the party whose raw key it is makes it from both its settings in the CHSH
    test, equally often. Collective attacks, and general ones as the rounds grow without limit.

    Args:
        s: CHSH value, as for ``two_basis_entropy``.
        q0: probability that the key bits of the two parties differ in the first basis.
        q1: the same in the second.
        sifting: fraction of rounds that make key, in either basis.

    Raises:
        ValueError: abs(S) exceeds 4, or q0, q1 or sifting lies outside [0, 1].
    """
    leaked = (binary_entropy(q0) + binary_entropy(q1)) / 2
    return within(sifting, 0.0, 1.0, "sifting") * (two_basis_entropy(s) - leaked)


def _least_square(u: FloatArray) -> FloatArray:
    """E, the least mean squared correlator, at the stationary point u."""
    return (3 - u**2 - u**-2) * (u**4 - 2 * u**2 + 2)


def _hull_parameter(s: FloatArray) -> FloatArray:
    """Solves 8u - 4/u - 2u^3 = s; concave and falling, so Newton from _GOLDEN is monotone."""
    u = np.full_like(s, _GOLDEN)
    for _ in range(8):  # six reach rounding at S = 2 sqrt 2, the farthest target
        u = u - (8 * u - 4 / u - 2 * u**3 - s) / (8 + 4 / u**2 - 6 * u**2)
    return u


@cache
def _tangent_from_local() -> tuple[float, float]:
    """Where the tangent from (2, 0) touches f(E(S)), and its slope: the least chord, in S."""
    from scipy.optimize import minimize_scalar

    def chord(s: float) -> float:
        return float(conjugate_entropy(_least_square(_hull_parameter(np.array(s)))) / (s - 2))

    # The chord is stationary here: an error of 1e-7 in S costs 1e-14 in the slope.
    least = minimize_scalar(chord, bounds=(2.1, 2.5), method="bounded", options={"xatol": 1e-9})
    return float(least.x), float(least.fun)
