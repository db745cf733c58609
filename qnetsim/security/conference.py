r"""Conference keys: one key for N parties from Greenberger-Horne-Zeilinger states.

Alice's outcomes in her setting A0 are the raw key, and each of the N - 1 Bobs corrects towards her;
the rate is Devetak and Winter's with the entropy that a multipartite Bell test certifies,
H(A0|E) - h(Q), for the largest error rate Q between Alice and a Bob. Devices are black boxes as in
``qnetsim.security.chsh``; collective attacks, and by entropy accumulation the same rates hold
asymptotically against general ones, as every entropy here is convex in what is tested.

The rates are those of states whose qubits each passed the same depolarising channel, which
replaces a qubit by white noise with chance p. The error rate of any two parties is then
Q = (1 - (1-p)^2)/2, so that 1 - p = sqrt(1 - 2Q).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import (
    TSIRELSON,
    FloatArray,
    binary_entropy,
    conjugate_entropy,
    rounded_down,
    within,
)
from qnetsim.security.rates import chsh_key_rate

HOLZ_LOCAL, HOLZ_QUANTUM = 1.0, 1.5
"""Largest value of the Holz expression for three parties: local, quantum."""

_HOLZ_ALGEBRAIC = 4.0


def parity_chsh_value(q: ArrayLike, parties: int) -> FloatArray:
    r"""Returns the parity-CHSH value of depolarised GHZ states.

    Alice and the first Bob test CHSH; the others measure one setting, and their outcomes' product C
    flips the sign of A1:

    .. math:: S = \langle A_0 (B_0 + B_1) \rangle + \langle A_1 (B_0 - B_1) C \rangle
        = \sqrt2\,[(1-p)^2 + (1-p)^N]

    with A0 = Z, A1 and all in C X, B0 and B1 (Z +- X)/sqrt 2. The chance to win the game
    a + b = x(y + c) mod 2 is 1/2 + S/8.

    ``chsh_entropy`` bounds H(A0|E) at this S. Once the others have measured, Alice, the first Bob
    and Eve hold a state that depends on C, with CHSH values S(C) up to that sign, whose mean is S.
    The CHSH bound f holds for either and is convex: H(A0|E) >= H(A0|E C) >= f(S). In key rounds the
    others measure something else, which changes nothing for Alice and Eve.

    Args:
        q: error rate between any two parties, any shape.
        parties: N, Alice included; for two, S is the CHSH value.

    Raises:
        ValueError: q lies outside [0, 1/2] or parties is below 2.

    References:
        Ribeiro, Murta and Wehner, arXiv 1708.00798 (definition 8); for N = 2 Pironio et al.,
        arXiv 0903.4460.
    """
    within(parties, 2, np.inf, "number of parties")
    square = 1 - 2 * within(q, 0.0, 0.5, "error rate")
    value: FloatArray = TSIRELSON / 2 * (square + square ** (parties / 2))
    return value


def parity_chsh_key_rate(q: ArrayLike, parties: int) -> FloatArray:
    """Returns the asymptotic conference key rate in bits per GHZ state, from parity-CHSH.

    Args:
        q: error rate between any two parties, any shape; see ``parity_chsh_value``.
        parties: N, Alice included.

    Raises:
        ValueError: q lies outside [0, 1/2] or parties is below 2.
    """
    return chsh_key_rate(parity_chsh_value(q, parties), q, 1.0)


def pairwise_key_rate(q: ArrayLike, parties: int) -> FloatArray:
    """Returns the rate of a conference key made of N - 1 pairwise keys, in bits per round.

    A round hands out one Bell pair, whose qubits are as noisy as those of the GHZ state would be.
    Alice shares it with one Bob after the other, so that each key has 1/(N - 1) of the rounds; the
    conference key is as long as one of them. A network that hands out all N - 1 pairs in a round
    makes N - 1 times as much, which no GHZ state beats.

    Args:
        q: error rate of a pair, any shape.
        parties: N, Alice included.

    Raises:
        ValueError: q lies outside [0, 1/2] or parties is below 2.
    """
    return parity_chsh_key_rate(q, 2) / (within(parties, 2, np.inf, "number of parties") - 1)


def conference_advantage_below(parties: int) -> float:
    """Returns the error rate below which one GHZ state a round beats one pair a round.

    It is where ``parity_chsh_key_rate`` and ``pairwise_key_rate`` cross.

    Args:
        parties: N, Alice included, 3 or more.

    Raises:
        ValueError: parties is below 3.
    """
    from scipy.optimize import brentq

    within(parties, 3, np.inf, "number of parties")

    def advantage(q: float) -> float:
        return float(parity_chsh_key_rate(q, parties) - pairwise_key_rate(q, parties))

    return float(brentq(advantage, 0.0, 0.07, xtol=1e-12))


def holz_value(q: ArrayLike) -> FloatArray:
    r"""Returns the Holz value of depolarised three-party GHZ states.

    .. math:: \beta = \langle A_1 B_+ C_+ \rangle - \langle A_0 B_- \rangle - \langle A_0 C_-
        \rangle - \langle B_- C_- \rangle, \quad B_\pm = (B_0 \pm B_1)/2,

    is at most 1 for local and 3/2 for quantum devices. With A0 = Z, A1 = X and both Bobs'
    B_+ = sqrt(1 - s^2) X, B_- = -s Z it is w + 2sv - s^2(w + v), v = (1-p)^2, w = (1-p)^3; here at
    the best s, v/(v + w).

    Args:
        q: error rate between any two parties, any shape.

    Raises:
        ValueError: q lies outside [0, 1/2].

    References:
        Holz, Kampermann and Bruss, arXiv 1910.11360.
    """
    v = 1 - 2 * within(q, 0.0, 0.5, "error rate")
    w = v**1.5
    return w + np.divide(v**2, v + w, out=np.zeros_like(v), where=v > 0)


def holz_entropy(beta: ArrayLike) -> FloatArray:
    r"""Returns the least entropy H(A0|E) in bits at a three-party Holz value.

    .. math:: H(A_0|E) \ge 1 - h\Big(\tfrac{1+x}{2}\Big), \quad x^2 - (\beta-1)x - (\beta-1) = 0,

    and 0 for beta <= 1. Eve may know which qubits the devices measure (Jordan's lemma). Let A0' be
    orthogonal to A0, A1 = cos(t) A0 + sin(t) A0', B+ = c_B X and B- = s_B Z, C likewise, s_B and
    s_C >= 0. By the uncertainty relation H(A0|E) >= 1 - h((1 + x)/2) for x = <A0' X X>. A0 commutes
    with all of beta but the term in A0', so that, with P = s_B s_C and k = c_B c_C, beta is at most

    .. math:: -P + \sqrt{(s_B+s_C)^2 + k^2\cos^2 t} + k x \sin t
        = -P + (1+P)(\cos g + x \sin g), \quad \sin g \le \tfrac{1-P}{1+P},

    since (s_B + s_C)^2 + k^2 = (1 + P)^2; or the same with -s_C, at most sqrt(1 + x^2). Neither
    exceeds x + 1/(1 + x), the first at t = pi/2 and s_B = s_C = 1/(1 + x). So x is no less than the
    root, and as the entropy at the root is convex in beta, Eve gains nothing by mixing. A mixture
    of two GHZ states that differ in phase reaches the bound.

    Args:
        beta: Holz value, any shape. An estimate above 3/2 counts as 3/2.

    Raises:
        ValueError: abs(beta) exceeds 4, the algebraic limit, or is not a number.

    References:
        Grasselli, Murta, Kampermann and Bruss, arXiv 2209.12828, prove it too.
    """
    beta = within(beta, -_HOLZ_ALGEBRAIC, _HOLZ_ALGEBRAIC, "Holz value")
    excess = np.clip(beta, HOLZ_LOCAL, HOLZ_QUANTUM) - HOLZ_LOCAL
    return rounded_down(conjugate_entropy(((excess + np.sqrt(excess**2 + 4 * excess)) / 2) ** 2))


def holz_key_rate(q: ArrayLike) -> FloatArray:
    """Returns the asymptotic three-party conference key rate in bits per GHZ state, from Holz.

    Args:
        q: error rate between any two parties, any shape; see ``holz_value``.

    Raises:
        ValueError: q lies outside [0, 1/2].
    """
    return holz_entropy(holz_value(q)) - binary_entropy(q)
