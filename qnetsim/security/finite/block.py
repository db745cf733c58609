r"""A block of rounds of which a random share tests the devices, and how its failures add up.

Each round is a test with probability gamma, independently of all else. In a test both parties pick
one of two settings each, uniformly, and win or lose the CHSH game; in all other rounds the party
whose raw key it is measures one of its test settings. Flag and settings are drawn once the round's
systems have left Eve and are announced after the last round. All bits of the one party make the raw
key, test rounds included, and the other party corrects them all. So the Oxford experiment divides
its rounds (arXiv 2109.14600, S4). The protocol aborts if more tests are lost than allowed.

Soundness adds up as

.. math:: \epsilon_\mathrm{sound} = \epsilon_\mathrm{PA} + \epsilon_\mathrm{tests}
    + 2 \epsilon_\mathrm{hash} :

the key's distance from a uniform one; the chance of more test rounds than counted on; and the
chance that the verification hash agrees though the raw keys do not, once for the correctness of the
key and once for its secrecy, which presumes that the tests were scored on the true bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qnetsim.security.finite.confidence import likely_most
from qnetsim.security.finite.terms import Term
from qnetsim.security.information import binary_entropy, within

QUANTUM_WIN = 0.5 + math.sqrt(0.125)
"""The largest chance to win the CHSH game, at S = 2 sqrt 2."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Block:
    """What is fixed before the first round.

    Attributes:
        rounds: n.
        test_fraction: gamma, the chance that a round is a test, in (0, 1/2].
        win_threshold: the least mean score of the tests, of n gamma tests: the protocol aborts if
            they lose more than n gamma (1 - win_threshold) together.
        leak_bits: all bits that either party publishes about the raw key, in both directions, but
            for the verification hash.

    Raises:
        ValueError: a value lies outside its range.
    """

    rounds: int
    test_fraction: float
    win_threshold: float
    leak_bits: float

    def __post_init__(self) -> None:
        within(self.rounds, 1, np.inf, "number of rounds")
        within(self.test_fraction, 1e-12, 0.5, "test fraction")
        within(self.win_threshold, 0.0, 1.0, "win threshold")
        within(self.leak_bits, 0.0, np.inf, "leak in bits")

    @property
    def lost_most(self) -> int:
        """How many tests may be lost at most."""
        lost = self.rounds * self.test_fraction * (1 - self.win_threshold)
        return math.floor(lost + 1e-6)

    def tests_most(self, eps: float) -> int:
        """Returns the number of tests that is exceeded with probability eps at most."""
        return likely_most(self.rounds, self.test_fraction, eps)

    def score_bits(self, eps: float) -> float:
        r"""Returns the bits that name which tests were lost, given which rounds were tests.

        At most J of k are: log2 of sum_{j <= J} C(k, j) is k h(J/k) at most for J <= k/2.
        """
        tests = self.tests_most(eps)
        share = min(self.lost_most / tests, 0.5) if tests else 0.0
        return tests * float(binary_entropy(share))


@dataclass(frozen=True)
class Split:
    """The shares of eps_sound.

    Attributes:
        pa: distance of the key from a uniform one.
        tests: chance of more tests than counted on.
        hash_bits: length of the verification hash, which fails with 2^-hash_bits.
    """

    pa: float
    tests: float
    hash_bits: int

    def epsilons(self) -> Mapping[str, float]:
        """Returns the failure probabilities by name, with their sum."""
        fails = 2.0**-self.hash_bits
        return {
            "eps_sound": self.pa + self.tests + 2 * fails,
            "eps_pa": self.pa,
            "eps_tests": self.tests,
            "eps_hash": fails,
        }


def split(eps_sound: float, order: float, tests_share: float) -> Split:
    """Returns eps_sound in shares: the hash costs a bit for each halving, the rest pays for PA.

    Args:
        eps_sound: what the shares add up to.
        order: alpha > 1. Privacy amplification costs alpha/(alpha - 1) bits for each halving of its
            share, so that the hash gets about (alpha - 1)/alpha of the whole.
        tests_share: the share of the test rounds' number, in (0, 1/2).
    """
    within(eps_sound, 1e-300, 1.0, "soundness error eps_sound")
    hash_bits = math.ceil(1 + math.log2(order / (order - 1)) - math.log2(eps_sound))
    tests = eps_sound * tests_share
    return Split(eps_sound - tests - 2 * 2.0**-hash_bits, tests, hash_bits)


def published_terms(block: Block, shares: Split) -> tuple[Term, ...]:
    """Returns what was published, and what the test scores might tell."""
    return (
        Term(
            "test scores",
            -block.score_bits(shares.tests),
            "past rounds' bits may hide in which tests are lost",
        ),
        Term("reconciliation", -block.leak_bits, "all that was published to correct the raw key"),
        Term("verification", -float(shares.hash_bits), "the hash that compares the raw keys"),
    )


def hashing_term(order: float, eps_pa: float) -> Term:
    r"""Returns what privacy amplification by two-universal hashing takes from a Renyi entropy.

    For a sandwiched entropy of order 1 < alpha <= 2, hashing to l bits leaves

    .. math:: \tfrac12 \|\rho_{KSE} - \omega_K \otimes \rho_{SE}\|_1 \le
        2^{2/\alpha - 2}\, 2^{\frac{\alpha-1}{\alpha}(\ell - H^\uparrow_\alpha(A|E))}

    (Dupuis, arXiv 2105.05342, Theorem 8), so that l = H - alpha/(alpha-1) log2(1/eps) + 2. The
    conditioning on not aborting, p, takes alpha/(alpha-1) log2(1/p) off the entropy and the
    definition of secrecy multiplies the distance by p: they cancel, whatever p is.
    """
    bits = 2 + order / (order - 1) * math.log2(eps_pa)
    return Term("privacy amplification", bits, "the key's distance from a uniform one, eps_pa")


def check_reachable(win_threshold: float, most: float = QUANTUM_WIN) -> None:
    """Raises ValueError for a threshold that no quantum device reaches on average.

    Args:
        win_threshold: of a block.
        most: the largest mean score of quantum devices.
    """
    if not win_threshold <= most + _ROUNDING:
        limit = f"must be {most:.6g} at most: no quantum device reaches more"
        raise ValueError(f"win threshold ({win_threshold:.6g}) {limit}")


def shannon_bits(rounds: int, test_fraction: float, s: float, q: float) -> float:
    r"""Returns the Shannon limit on what corrects the raw key of honest devices, in bits.

    .. math:: n [(1 - \gamma) h(Q) + \gamma\, h(\tfrac12 - \tfrac S8)] ,

    tests being corrected with the score that was aimed at.

    Args:
        rounds: n.
        test_fraction: gamma.
        s: CHSH value of the honest devices.
        q: their error rate in key rounds.

    Raises:
        ValueError: a value lies outside its range.
    """
    loss = 0.5 - within(s, -4.0, 4.0, "CHSH value") / 8
    tests = within(test_fraction, 0.0, 1.0, "test fraction")
    return rounds * float((1 - tests) * binary_entropy(q) + tests * binary_entropy(loss))


def honest_threshold(rounds: int, test_fraction: float, s: float, eps_complete: float) -> float:
    """Returns the win threshold that honest devices miss with probability eps_complete at most.

    Args:
        rounds: n.
        test_fraction: gamma.
        s: CHSH value of the honest devices, whose rounds are independent.
        eps_complete: chance that they abort for losing too many tests; a failure of the
            reconciliation is not in it.

    Raises:
        ValueError: a value lies outside its range.
    """
    loss = test_fraction * float(0.5 - within(s, -4.0, 4.0, "CHSH value") / 8)
    lost = likely_most(rounds, loss, eps_complete)
    return max(0.0, 1 - lost / (rounds * test_fraction))
