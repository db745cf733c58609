r"""Key lengths against collective attacks, from the asymptotic equipartition property.

Eve attacks all rounds alike, so that rounds are independent and the key rounds' smooth min-entropy
is (Dupuis, Fawzi and Renner, arXiv 1607.01796, for outcomes of d = 2 values; Tomamichel, Colbeck
and Renner, arXiv 0811.1221, have the larger constant 4 log2(2 + sqrt 2))

.. math:: H_\mathrm{min}^{\epsilon_s}(A^{n_k}|E) \ge n_k H(S_L)
    - 2 \log_2(1 + 2d)\, \sqrt{n_k (1 - 2 \log_2 \epsilon_s)} .

It is H_min >= H_alpha - log2(2/eps_s^2)/(alpha - 1) with H_alpha >= H - (alpha - 1) log2(1 + 2d)^2
for alpha - 1 < 1/log2(1 + 2d), at the best alpha; where n_k is too small for that alpha, the right
side is negative and holds as well. S_L is a confidence limit on S from the n_t test rounds, which
exceeds the true S with probability eps_estimate at most. Then the key has

.. math:: \ell = H_\mathrm{min}^{\epsilon_s} - \mathrm{leak}
    - \log_2 \frac{1}{\epsilon_\mathrm{hash}} - 2 \log_2 \frac{1}{2 \epsilon_\mathrm{PA}}

bits (leftover hash lemma, arXiv 1002.2436). That is the Munich experiment's length
(Nature 607, 687; arXiv 2110.00575). Soundness adds up as

.. math:: \epsilon_\mathrm{sound} = \max(\epsilon_\mathrm{estimate},
    \epsilon_\mathrm{PA} + 2 \epsilon_s) + \epsilon_\mathrm{hash} ,

for either the true S lies below S_L, where accepting has probability eps_estimate at most, or the
entropy is what it is said to be. Test rounds are other rounds than key rounds and are published.
n_k and n_t are fixed: where settings are random, rounds go on until there are as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qnetsim.security.finite.block import check_reachable
from qnetsim.security.finite.confidence import Method, lower_limit
from qnetsim.security.finite.terms import KeyLength, Term, capped
from qnetsim.security.information import FloatArray, within

_EQUIPARTITION = 2 * math.log2(1 + 2 * 2)
_MOST_EXTRA_BITS = 30

ASSUMPTIONS = (
    "all rounds are independent and alike",
    "each round's settings are fresh and drawn once the round's systems have left Eve",
    "key and test rounds have the numbers planned: with random settings, rounds are played until "
    "they are reached, and those beyond are dropped",
    "a round without a click counts with an outcome",
    "the classical channel is authenticated",
)


@dataclass(frozen=True)
class Sample:
    """A block of independent rounds and what was seen in it.

    Attributes:
        rounds: n; with random settings, about as many as it takes.
        key_rounds: n_k, rounds that make the raw key.
        test_rounds: n_t, rounds that play the CHSH game, uniformly over its four settings.
        win_threshold: the least share of tests won; the protocol aborts below it.
        leak_bits: all bits that either party publishes about the raw key, in both directions, but
            for the verification hash.

    Raises:
        ValueError: a value lies outside its range.
    """

    rounds: int
    key_rounds: float
    test_rounds: float
    win_threshold: float
    leak_bits: float

    def __post_init__(self) -> None:
        within(self.rounds, 1, np.inf, "number of rounds")
        within(self.key_rounds + self.test_rounds, 1, self.rounds, "key and test rounds")
        within(min(self.key_rounds, self.test_rounds), 1, np.inf, "key or test rounds")
        within(self.win_threshold, 0.0, 1.0, "win threshold")
        check_reachable(self.win_threshold)
        within(self.leak_bits, 0.0, np.inf, "leak in bits")


def collective_key_length(
    sample: Sample,
    entropy: Callable[[FloatArray], FloatArray],
    eps_sound: float,
    method: Method = "hoeffding",
) -> KeyLength:
    """Returns the key length against collective attacks, the split of eps_sound optimised.

    Args:
        sample: the block.
        entropy: a convex lower bound on the entropy of a key round's outcome in bits, from S:
            ``chsh_entropy``, or ``two_basis_entropy`` where both settings make key equally often.
        eps_sound: soundness error, in (0, 1).
        method: of the limit on S: "hoeffding" (as in the Munich experiment) or "clopper-pearson".

    Raises:
        ValueError: a value lies outside its range, or the method is Bayesian, which bounds no
            failure probability.
    """
    within(eps_sound, 1e-300, 1.0, "soundness error eps_sound")
    if method == "bayesian":
        raise ValueError("method (bayesian) must be hoeffding or clopper-pearson for a key")
    tests = sample.test_rounds
    won = math.floor(sample.win_threshold * tests + 1e-6)
    hash_bits = math.ceil(-math.log2(eps_sound)) + np.arange(1, _MOST_EXTRA_BITS)
    wholes = eps_sound - 2.0**-hash_bits
    limits = 8 * lower_limit(won, tests, wholes, method) - 4
    entropies = sample.key_rounds * entropy(np.append(limits, min(8 * won / tests - 4, 4.0)))
    best = int(np.argmax(entropies[:-1] - hash_bits))
    at_limit, seen = float(entropies[best]), float(entropies[-1])
    whole, fails = float(wholes[best]), float(hash_bits[best])
    eps_pa = _privacy_share(sample.key_rounds, whole) * whole
    eps_smooth = (whole - eps_pa) / 2
    entropy_terms = (
        Term("entropy", seen, "of the key rounds at the threshold"),
        Term("estimation", at_limit - seen, "S from a finite sample, eps_estimate"),
        Term(
            "equipartition",
            -_equipartition(sample.key_rounds, eps_smooth),
            "min-entropy of a finite block, eps_smooth",
        ),
    )
    return KeyLength(
        analysis=f"asymptotic equipartition, arXiv 1607.01796; {method} limit on S",
        attacks="collective",
        assumptions=ASSUMPTIONS,
        rounds=sample.rounds,
        terms=(
            *capped(entropy_terms, sample.key_rounds),
            Term("reconciliation", -sample.leak_bits, "all that was published to correct the key"),
            Term("verification", -fails, "the hash that compares the raw keys"),
            Term(
                "privacy amplification",
                2 + 2 * math.log2(eps_pa),
                "the key's distance from a uniform one, eps_pa",
            ),
        ),
        epsilons={
            "eps_sound": eps_sound,
            "eps_estimate": whole,
            "eps_pa": eps_pa,
            "eps_smooth": eps_smooth,
            "eps_hash": 2.0**-fails,
        },
        parameters={"s_limit": float(limits[best])},
    )


def _equipartition(key_rounds: float, eps_smooth: float) -> float:
    """What the smooth min-entropy lies below the von Neumann entropy, in bits."""
    return _EQUIPARTITION * math.sqrt(key_rounds * (1 - 2 * math.log2(eps_smooth)))


def _privacy_share(key_rounds: float, whole: float) -> float:
    """The share of privacy amplification that costs least; smoothing has the rest."""
    shares = np.logspace(-9, -0.05, 400)
    costs = [
        _equipartition(key_rounds, whole * (1 - share) / 2) - 2 * math.log2(share)
        for share in shares
    ]
    return float(shares[int(np.argmin(costs))])
