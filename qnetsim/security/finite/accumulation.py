r"""Key lengths against general attacks by entropy accumulation, from any affine entropy bound.

A min-tradeoff function is an affine lower bound g on the entropy of a round, averaged over test
and other rounds, in terms of the tests' mean score omega in [0, 1]. A tangent of the CHSH entropy
is one, as that bounds the outcomes of both test settings. The certificate of a semidefinite dual,
lam0 + lam.p, bounds those of the key setting alone: 1 - gamma times it is one, whatever settings
tests play, once its scores are scaled (``affine_tradeoff``). With f its extension to rounds of
which a share gamma are tests,

.. math:: f(\delta_\perp) = g(1), \quad
    f(\delta_c) = g(1) - \frac{g(1) - g(c)}{\gamma},

the theorem of Dupuis and Fawzi (arXiv 1805.11652, Section V) reads, for 1 < alpha < 2, an event
Omega that implies f >= f_0, and U the scores,

.. math:: H^\uparrow_\alpha(A^n U^n | X^n Y^n T^n E)_{|\Omega} \ge n f_0
    + n \inf_\omega [\eta(\omega) - g(\omega) - (\alpha - 1) V(\omega)] - n (\alpha - 1)^2 K
    - \frac{\alpha}{\alpha - 1} \log_2 \frac{1}{\Pr\Omega},

.. math:: V = \frac{\ln 2}{2} \Big(\log_2 33 + \sqrt{2 + \mathrm{Var} f}\Big)^2, \quad
    K = \frac{2^{(\alpha-1) D}}{6 (2-\alpha)^3 \ln 2} \ln^3 (2^D + e^2), \quad
    D = 2 + \max f - \min_\mathrm{quantum} f,

33 = 2 d^2 + 1 for the d = 4 values of a round's two bits, eta any bound above g (form with eta and
the constants as in arXiv 2109.14600, Eqs. 69, 70 and 101). What follows it is tighter than there:
the scores are few and counted (``Block.score_bits``; a chain rule for Renyi entropies) where a
second accumulation bounded their max-entropy, and the key is hashed from the Renyi entropy itself
where it was smoothed first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.chsh import chsh_entropy, chsh_slope
from qnetsim.security.finite.block import (
    QUANTUM_WIN,
    Block,
    check_reachable,
    hashing_term,
    published_terms,
    split,
)
from qnetsim.security.finite.bounding import likely_supremum, supremum
from qnetsim.security.finite.parameters import best_parameters
from qnetsim.security.finite.terms import KeyLength, Term, capped
from qnetsim.security.information import FloatArray, within

_OUTCOME_BITS = 2
_VARIANCE_CONSTANT = math.log2(33)
_TOLERANCE_BITS = 1e-7

ASSUMPTIONS = (
    "each round's settings and whether it is a test are fresh, independent of the past, and drawn "
    "once the round's systems have left Eve",
    "settings and tests are announced after the last round's systems are delivered, so that Eve "
    "chooses none of them by what was announced",
    "the device of the party whose bits make the raw key learns its setting and not whether the "
    "round is a test",
    "a round without a click counts with an outcome",
    "the classical channel is authenticated",
)


@dataclass(frozen=True)
class Tradeoff:
    """An affine lower bound on the entropy of a round, over the mean score of the tests.

    The entropy is that of the raw key's bit averaged over all rounds, tests with whatever settings
    among them; a bound for the key setting alone counts 1 - gamma times.

    Attributes:
        lost: its value at mean score 0, in bits.
        won: its value at mean score 1, the larger one.
        least: the least mean score that quantum devices reach, or a lower number.
        most: the largest, or a larger number, up to 1.
        entropy: a lower bound on the entropy that rises with the mean score and lies nowhere
            below the affine one on [least, most]; it may be the affine one, cut at 0.
        binary: whether each test scores 0 or 1; else the scores are counted at a bit a test, which
            covers a party's binary outcome.
        most_tests: the largest test fraction that it holds for.
    """

    lost: float
    won: float
    least: float
    most: float
    entropy: Callable[[FloatArray], FloatArray]
    binary: bool
    most_tests: float

    def value(self, score: ArrayLike) -> FloatArray:
        """Returns the affine bound at a mean score, in bits."""
        return self.lost + (self.won - self.lost) * np.asarray(score, dtype=np.float64)

    def spread(self, score: FloatArray, test_fraction: float) -> FloatArray:
        """Returns the largest variance of f at a mean score; exact for binary scores."""
        drop = (self.won - self.lost) * (1 - score)
        return drop * ((self.won - self.lost) / test_fraction - drop)


def chsh_tradeoff(s: float) -> Tradeoff:
    """Returns the tangent of ``chsh_entropy`` at a CHSH value, over the chance to win.

    Args:
        s: where it touches, in (2, 2 sqrt 2).
    """
    value, slope = float(chsh_entropy(s)), 8 * float(chsh_slope(s))
    lost = value - slope * (0.5 + float(within(s, 2.0, 2.83, "CHSH value")) / 8)
    return Tradeoff(
        lost,
        lost + slope,
        1 - QUANTUM_WIN,
        QUANTUM_WIN,
        lambda win: chsh_entropy(np.clip(8 * win - 4, -4, 4)),
        binary=True,
        most_tests=1.0,
    )


def affine_tradeoff(
    constant: float, coefficients: FloatArray, settings: FloatArray, test_fraction: float
) -> tuple[Tradeoff, FloatArray]:
    """Returns an affine bound on key rounds' entropy as a tradeoff, with the score of each outcome.

    The tradeoff is 1 - gamma times the bound: the bits of tests make raw key too, and under other
    settings than the key's the bound says nothing of them.

    Args:
        constant: lam0, in bits.
        coefficients: lam[x, y, a, b]: the entropy of the key setting's outcome is at least lam0 +
            sum of lam P(a, b|x, y). Both outcomes are binary: the constants of the theorem count
            on it.
        settings: chance of each pair of settings in a test, [x, y], adding up to 1. A pair that is
            never played must have no coefficient.
        test_fraction: gamma, of the block that it is for or larger.

    Returns:
        The tradeoff and the scores [x, y, a, b] in [0, 1].

    Raises:
        ValueError: the settings' chances do not add up to 1, outcomes are not binary, a coefficient
            is never tested, or all values are the same.
    """
    if coefficients.shape[2:] != (2, 2):
        raise ValueError(f"outcomes in the tests {coefficients.shape[2:]} must be binary, (2, 2)")
    chance = within(settings, 0.0, 1.0, "chance of settings")
    within(chance.sum(), 1 - 1e-9, 1 + 1e-9, "sum of the settings' chances")
    if np.any(coefficients[chance == 0]):
        raise ValueError("settings that no test plays have a coefficient in the affine bound")
    weight = np.where(chance > 0, chance, 1.0)[:, :, None, None]
    kept = 1 - float(within(test_fraction, 0.0, 1.0, "test fraction"))
    values = kept * (constant + np.where(chance[:, :, None, None] > 0, coefficients / weight, 0.0))
    played = values[chance > 0]
    lost, won = float(played.min()), float(played.max())
    if won == lost:
        raise ValueError("the affine bound is constant: no test can tell anything")
    tradeoff = Tradeoff(
        lost,
        won,
        0.0,
        1.0,
        lambda score: np.maximum(lost + (won - lost) * score, 0.0),
        binary=False,
        most_tests=test_fraction,
    )
    return tradeoff, np.clip((values - lost) / (won - lost), 0.0, 1.0)


def accumulated_key_length(block: Block, tradeoff: Tradeoff, eps_sound: float) -> KeyLength:
    """Returns the key length that an affine entropy bound allows against general attacks.

    Renyi order and split are optimised.

    Args:
        block: what is fixed before the first round; ``win_threshold`` is a mean score.
        tradeoff: the affine bound; for CHSH ``best_chsh_key_length`` finds the best tangent.
        eps_sound: soundness error, in (0, 1).

    Raises:
        ValueError: a value lies outside its range, the block tests more often than the affine bound
            holds for, or no quantum device reaches the win threshold.
    """
    check_reachable(block.win_threshold, tradeoff.most)
    within(block.test_fraction, 0.0, tradeoff.most_tests, "test fraction of the block")

    def terms(excess: float, tests_share: float, certain: bool) -> KeyLength:
        return _key_length(block, tradeoff, eps_sound, 1 + excess, tests_share, certain)

    def loss(x: FloatArray) -> float:
        return -terms(*_unpacked(x), certain=False).bits

    start = [math.log10(math.sqrt(3 / block.rounds)), -3.0]
    return terms(*_unpacked(best_parameters(loss, start)), certain=True)


def best_chsh_key_length(block: Block, eps_sound: float) -> KeyLength:
    """Returns ``accumulated_key_length`` with the best tangent of ``chsh_entropy``."""
    check_reachable(block.win_threshold)

    def loss(x: FloatArray) -> float:
        tangent = chsh_tradeoff(float(np.clip(x[2], 2.001, 2.828)))
        return -_key_length(
            block, tangent, eps_sound, 1 + _unpacked(x)[0], _unpacked(x)[1], certain=False
        ).bits

    threshold = 8 * block.win_threshold - 4
    start = [math.log10(math.sqrt(3 / block.rounds)), -3.0, min(max(threshold, 2.05), 2.8)]
    best = best_parameters(loss, start)
    tangent = float(np.clip(best[2], 2.001, 2.828))
    return accumulated_key_length(block, chsh_tradeoff(tangent), eps_sound)


def second_order_bits(
    tradeoff: Tradeoff, test_fraction: float, order: float, certain: bool = True
) -> tuple[float, float]:
    """Returns what accumulation takes from each round: the terms in V (and eta - g), and in K.

    Args:
        tradeoff: the affine bound.
        test_fraction: gamma.
        order: alpha, in (1, 2).
        certain: whether the infimum over the scores is bounded or only searched for.
    """
    excess = order - 1

    def lost(low: FloatArray, high: FloatArray) -> FloatArray:
        root = _VARIANCE_CONSTANT + np.sqrt(2 + tradeoff.spread(low, test_fraction))
        above = tradeoff.entropy(low) - tradeoff.value(high)
        return excess * math.log(2) / 2 * root**2 - above

    first = (
        supremum(lost, tradeoff.least, tradeoff.most, _TOLERANCE_BITS)
        if certain
        else likely_supremum(lost, tradeoff.least, tradeoff.most)
    )
    width = _OUTCOME_BITS + tradeoff.won - float(tradeoff.value(tradeoff.least))
    cube = (math.log(2) * width + math.log1p(math.e**2 * 2.0**-width)) ** 3
    third = 2 ** (excess * width) * cube / (6 * (2 - order) ** 3 * math.log(2))
    return first, excess**2 * third


def _key_length(
    block: Block,
    tradeoff: Tradeoff,
    eps_sound: float,
    order: float,
    tests_share: float,
    certain: bool,
) -> KeyLength:
    shares = split(eps_sound, order, tests_share)
    variance, third = second_order_bits(tradeoff, block.test_fraction, order, certain)
    scores, *published = published_terms(block, shares)
    if not tradeoff.binary:
        scores = Term(scores.name, -float(block.tests_most(shares.tests)), scores.pays_for)
    n = block.rounds
    entropy = (
        Term("entropy", n * float(tradeoff.value(block.win_threshold)), "first order"),
        Term("second order", -n * variance, "memory and statistics, V"),
        Term("third order", -n * third, "memory and statistics, K"),
    )
    return KeyLength(
        analysis="entropy accumulation, Dupuis and Fawzi, arXiv 1805.11652; hashing by "
        "arXiv 2105.05342",
        attacks="general",
        assumptions=ASSUMPTIONS,
        rounds=n,
        terms=(
            *capped(entropy, n),
            scores,
            *published,
            hashing_term(order, shares.pa),
        ),
        epsilons=shares.epsilons(),
        parameters={"renyi_excess": order - 1, "lost": tradeoff.lost, "won": tradeoff.won},
    )


def _unpacked(x: FloatArray) -> tuple[float, float]:
    """Excess of the Renyi order over 1, and the share of the test rounds' number."""
    return 10 ** float(np.clip(x[0], -8, -0.1)), 10 ** float(np.clip(x[1], -12, -0.5))
