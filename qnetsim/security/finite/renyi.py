r"""Key lengths against general attacks from the Renyi entropy of CHSH rounds, without expansion.

Entropy accumulation (``accumulation``) expands Renyi entropies around von Neumann's and pays for
remainders. Here the Renyi entropy of a round is bounded as it is, weighted by the score of the
tests: the f-weighted entropies of Arqand, Hahn and Tan (arXiv 2405.05912), for CHSH in closed form.
Hahn, Philip, Tan and Brown (arXiv 2507.07365) solve Renyi problems of CHSH in closed form too; what
follows was derived by itself and is not compared with theirs.

**One round.** Let rho be Alice's and Bob's qubits (Jordan's lemma; Eve knows the block and purifies
it), H_alpha the sandwiched entropy with Eve's marginal, 1 < alpha <= 2, beta = 1/alpha,

.. math:: Q(A|E) = 2^{-(\alpha - 1) H_\alpha(A|E)} =
    \sum_a \mathrm{tr} \big(\rho_E^{(1-\alpha)/2\alpha} \rho_E^a \rho_E^{(1-\alpha)/2\alpha}
    \big)^\alpha .

1. *Raw bit of test setting A0.* The uncertainty relation for dual entropies (Coles et al., arXiv
   1112.0543), H_alpha(A0|E) + H_beta(A0'|B) >= 1 with A0' conjugate to A0 and Petz's H_beta, its
   marginal optimised, which is dual to H_alpha (Tomamichel, Berta, Hayashi, arXiv 1311.3887), and
   data processing through Bob's best observable, correlated with A0' by e >= sqrt(S^2/4 - 1), give

   .. math:: Q(A_0|E) \le G(S) = 2^{-(\alpha-1)} [p^\beta + (1-p)^\beta]^\alpha, \quad
       p = \tfrac12 \big(1 + \sqrt{S^2/4 - 1}\big) .

2. *Bit and score of a test.* rho may be taken Bell-diagonal with correlations t_x, t_z (both may
   flip their outcomes, and complex conjugate rho, with Eve's knowledge). A test's outcomes a, b
   leave Eve a pure state, so that with tau = rho^beta

   .. math:: Q_{ab} = \langle ab|\tau|ab\rangle^\alpha ,

   equal for (a, b) and the flipped pair. With the score weighted by 1 for a win and w <= 1 for a
   loss, t^alpha <= T^(alpha - 1) t, tau >= rho, and loss the chance 1/2 - S/8,

   .. math:: Q_w(AU|E) \le 2^{-(\alpha-1)} T^{\alpha-1} [T - (1-w)\,\mathrm{loss}], \quad
       T = \mathrm{tr} \rho^\beta .

   As |t_x| + |t_z| >= 1 + sqrt(S^2/4 - 1) = 2p, and as sums of concave functions grow when the two
   middle eigenvalues are averaged, T is at most the sum over the eigenvalues (1 + 2p + c)/4,
   (1 - c)/4 twice, (1 - 2p + c)/4 for some c <= 1, which its tangent at c = p^2 bounds. Also
   Q_w <= win + w loss, since no entropy is negative; and Q_w is Q_1, at most G, less (1 - w) times
   the lost part, at least 2^(-(alpha-1)) loss^alpha (Jensen). The least of the three holds.

**All rounds.** With L = 2^(-(alpha-1) tilt) the weight of a lost test, J the most tests lost and

.. math:: h = -\frac{1}{\alpha-1} \log_2 \sup_S [(1-\gamma) G(S) + \gamma Q_L(S)],

one has

.. math:: H^\uparrow_\alpha(A^n U^n | X^n Y^n T^n E)_{|\Omega} \ge n h - J\,\mathrm{tilt}
    - \frac{\alpha}{\alpha - 1} \log_2 \frac{1}{\Pr\Omega} ,

E being what Eve holds before the first round. For let R be the devices with all that they are yet
to be sent, s = (1 - alpha)/2 alpha, and rho_ER^{a_1} the state after a first round with outcome and
score a_1. With X = rho_E^s rho_ER^{a_1} rho_E^s, c = tr X_E^alpha and the state
omega = X_E^{(alpha-1)/2} X X_E^{(alpha-1)/2}/c one has omega_E^s = c^{-s} X_E^{(1-alpha)/2}, hence

.. math:: Q(A_1 A_2|E) = \sum_{a_1} c_{a_1} Q(A_2|E)_{\omega_{a_1}} , \quad
    \sum_{a_1} c_{a_1} = Q(A_1|E) ,

A_2 being all later rounds: by induction Q of all rounds, every lost test weighted by L, is at most
the n-th power of the supremum over a round's states. Flags and settings, drawn independently of E
and R, average Q. In Omega the weights are L^J at least, which leaves Q restricted to Omega; its
states divided by Pr Omega give the last term, Eve's marginal being the unconditioned one. (It is
the chain rule of Dupuis, Fawzi and Renner, arXiv 1607.01796, Corollary 3.5, for classical A.)

The supremum over S runs over qubit strategies; a mixture is an average, hence no larger. Order and
tilt are free. G is concave in S: N = [p^b + (1-p)^b]^(1/b), b = beta >= 1/2, is concave in e^2, for
with e = tanh(theta) that says (1-b) sinh cosh^2 >= [sinh(theta) - sinh((2b-1) theta)]/2, whose
right side is at most (1-b) theta cosh(theta).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.chsh import chsh_slope
from qnetsim.security.finite.accumulation import ASSUMPTIONS
from qnetsim.security.finite.block import (
    Block,
    check_reachable,
    hashing_term,
    published_terms,
    split,
)
from qnetsim.security.finite.bounding import likely_supremum, supremum
from qnetsim.security.finite.parameters import best_parameters
from qnetsim.security.finite.terms import KeyLength, Term, capped
from qnetsim.security.information import TSIRELSON, FloatArray, chsh_value, within

_TOLERANCE_BITS = 1e-8
_ROUNDING = 4e-15
"""Added to the supremum, ten times what rounding takes from it."""


def chsh_renyi_entropy(s: ArrayLike, order: ArrayLike) -> FloatArray:
    """Returns a lower bound on the sandwiched Renyi entropy of a test setting's outcome, in bits.

    It is -log2 G(S)/(alpha - 1) with G from the module's first step, G being concave in S so that
    mixtures are covered; von Neumann's ``chsh_entropy`` is its limit. Eve's marginal is that of the
    state ("arrow down"). Tight for alpha near 1.

    Args:
        s: CHSH value, any shape.
        order: alpha, in (1, 2]; broadcasts with s.

    Raises:
        ValueError: abs(S) exceeds 4 or alpha lies outside [1 + 1e-9, 2].
    """
    alpha = within(order, 1 + 1e-9, 2.0, "Renyi order")
    bits: FloatArray = -_log_kept(chsh_value(s), alpha) / ((alpha - 1) * np.log(2))
    return bits


def tilted_entropy(order: float, tilt: float, test_fraction: float, certain: bool = True) -> float:
    """Returns h of the module: the weighted Renyi entropy of a round in bits.

    Args:
        order: alpha, in (1, 2].
        tilt: bits of the register of a lost test, 0 or more.
        test_fraction: gamma.
        certain: whether the supremum over S is bounded or only searched for.
    """
    weight = 2.0 ** (-(order - 1) * tilt)

    def average(low: FloatArray, high: FloatArray) -> FloatArray:
        tested = _tested(low, 0.5 - high / 8, order, weight)
        return (1 - test_fraction) * _kept(low, order) + test_fraction * tested

    local = 1 - test_fraction * (1 - weight) / 4
    most = (
        supremum(average, 2.0, TSIRELSON, _TOLERANCE_BITS * math.log(2) * (order - 1))
        if certain
        else likely_supremum(average, 2.0, TSIRELSON)
    )
    return -math.log2(max(most, local) + _ROUNDING) / (order - 1)


def best_test_fraction(block_of: Callable[[float], Block], eps_sound: float) -> float:
    """Returns about the test fraction, in [1e-4, 1/2], that makes the longest key.

    Args:
        block_of: makes the block with a given test fraction.
        eps_sound: soundness error, in (0, 1).
    """

    def loss(x: FloatArray) -> float:
        return -_key_length(block_of(_fraction(x)), eps_sound, x, certain=False).bits

    rounds = block_of(0.1).rounds
    gamma = max(0.05, rounds**-0.2)
    start = [math.log10(1 / math.sqrt(rounds)), math.log10(10 / gamma), -3.0, math.log10(gamma)]
    return _fraction(best_parameters(loss, start))


def renyi_key_length(block: Block, eps_sound: float) -> KeyLength:
    """Returns the key length of CHSH rounds against general attacks by Renyi entropies.

    Renyi order, tilt and split are optimised.

    Args:
        block: what is fixed before the first round.
        eps_sound: soundness error, in (0, 1).

    Raises:
        ValueError: a value lies outside its range, or no quantum device reaches the win threshold.
    """
    check_reachable(block.win_threshold)

    def loss(x: FloatArray) -> float:
        return -_key_length(block, eps_sound, x, certain=False).bits

    touch = np.clip(8 * block.win_threshold - 4, 2.01, 2.82)
    tilt = math.log10(8 * float(chsh_slope(touch)) / block.test_fraction)
    starts = [[math.log10(math.sqrt(r / block.rounds)), tilt, -3.0] for r in (0.3, 3)]
    best = min((best_parameters(loss, start) for start in starts), key=loss)
    return _key_length(block, eps_sound, best, certain=True)


def _key_length(block: Block, eps_sound: float, x: FloatArray, certain: bool) -> KeyLength:
    order = 1 + 10 ** float(np.clip(x[0], -8, 0))
    tilt = 10 ** float(np.clip(x[1], -2, 8))
    shares = split(eps_sound, order, 10 ** float(np.clip(x[2], -12, -0.5)))
    entropy = Term(
        "entropy",
        block.rounds * tilted_entropy(order, tilt, block.test_fraction, certain)
        - block.lost_most * tilt,
        "n h less the tilt of the tests lost: statistics and memory are in it",
    )
    return KeyLength(
        analysis="Renyi entropies of CHSH rounds (arXiv 1607.01796, 2405.05912); hashing by "
        "arXiv 2105.05342",
        attacks="general",
        assumptions=ASSUMPTIONS,
        rounds=block.rounds,
        terms=(
            *capped((entropy,), block.rounds),
            *published_terms(block, shares),
            hashing_term(order, shares.pa),
        ),
        epsilons=shares.epsilons(),
        parameters={"renyi_excess": order - 1, "tilt_bits": tilt},
    )


def _fraction(x: FloatArray) -> float:
    return 10 ** float(np.clip(x[3], -4, math.log10(0.5)))


def _log_kept(s: FloatArray, alpha: FloatArray) -> FloatArray:
    """Natural logarithm of G."""
    p = _guess(s)
    norm = np.log(p ** (1 / alpha) + (1 - p) ** (1 / alpha))
    kept: FloatArray = alpha * norm - (alpha - 1) * np.log(2)
    return kept


def _kept(s: FloatArray, order: float) -> FloatArray:
    """G."""
    return np.exp(_log_kept(s, np.asarray(order)))


def _tested(s: FloatArray, loss: FloatArray, order: float, weight: float) -> FloatArray:
    """Q_w of bit and score at CHSH value s, and less as more is lost."""
    plain = 1 - (1 - weight) * loss
    trace = _trace(_guess(s), 1 / order)
    joint = (trace / 2) ** (order - 1) * (trace - (1 - weight) * loss)
    alone = _kept(s, order) - (1 - weight) * (loss / 2) ** (order - 1) * loss
    return np.minimum(np.minimum(plain, joint), alone)


def _trace(mean: FloatArray, b: float) -> FloatArray:
    """Bounds tr rho^b where the larger two correlations have this mean, 1/2 or more."""
    p, r = (1 + mean) / 2, (1 - mean) / 2
    slope = (np.sqrt(r) * p ** (b - 0.5) - np.sqrt(p) * r ** (b - 0.5)) ** 2
    bounded: FloatArray = (p**b + r**b) ** 2 + b * slope
    return bounded


def _guess(s: FloatArray) -> FloatArray:
    """p, the chance to guess A0's conjugate."""
    guess: FloatArray = (1 + np.sqrt(np.clip(np.maximum(s, 2.0) ** 2 / 4 - 1, 0, 1))) / 2
    return guess
