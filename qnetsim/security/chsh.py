r"""Entropy of a raw key bit given the eavesdropper, from the CHSH value.

The devices are black boxes: two settings and two outcomes a side in the test, any state and any
dimension, a purification held by Eve. A round without a click must be given an outcome. This bound
and those of ``asymmetric``, ``two_basis`` and ``biased`` hold for collective attacks; being convex
in the statistics, their tangents are min-tradeoff functions, so by entropy accumulation (arXiv
1607.01796, 1607.01797) the rates hold asymptotically against general attacks. They are analytic,
with no semidefinite dual behind them; rounding alone is left to guard against, for which every
entropy is lowered by ``ROUNDING_BITS``.

S is the CHSH value with the sign under which the devices are meant to violate S <= 2. It is taken
as exact: a bound for a finite sample starts from a confidence limit on S, not from an estimate.
"""

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


def chsh_entropy(s: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    r"""Returns the least entropy of one test setting's outcome, H(A0|E) in bits, at CHSH value S.

    .. math:: H(A_0|E) \ge 1 + \phi\big(\sqrt{(1-2q)^2 + 4q(1-q)x^2}\big) - \phi(x), \quad
        x = \sqrt{S^2/4 - 1}, \quad \phi(x) = h\big(\tfrac{1+x}{2}\big), \quad 2 < S \le 2\sqrt2,

    for a bit that is flipped with chance q before it becomes key (noisy preprocessing), and h(q)
    for S <= 2; without noise it is 1 - phi(x) and 0. It is tight: a Bell-diagonal state reaches it
    at every S. A0 is either setting of the test. Collective attacks; see the module for general
    ones.

    Args:
        s: CHSH value, any shape. An estimate may exceed 2 sqrt 2 by chance and counts as 2 sqrt 2.
        flip: q, the chance that the raw key bit is flipped, in [0, 1/2]; broadcasts with s.

    Raises:
        ValueError: abs(S) exceeds 4, the algebraic limit, or q lies outside [0, 1/2].

    References:
        Pironio et al., arXiv 0903.4460; Acin et al., arXiv quant-ph/0702152; with noise Ho et al.,
        arXiv 2005.13015.
    """
    return noisy_entropy(conjugate_deficit(_square(s), flip), flip)


def chsh_deficit(s: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns (1 - H)/(1 - 2q)^2 of ``chsh_entropy``, rounded up, to its last digits."""
    return rounded_up(conjugate_deficit(_square(s), flip))


def chsh_slope(s: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns dH/dS of ``chsh_entropy`` in bits; 0 up to S = 2, where H has a kink.

    It grows without limit as S nears 2 sqrt 2, where it stays finite for want of digits.
    """
    s = chsh_value(s)
    slope = contrast(flip) ** 2 * conjugate_slope(_square(s), flip) * s / 2
    return np.where(s > 2, slope, 0.0)


def _square(s: ArrayLike) -> FloatArray:
    """The least squared correlator of A0's conjugate."""
    square: FloatArray = np.maximum(chsh_value(s), 2.0) ** 2 / 4 - 1
    return square
