"""What an entropy bound is asked for: how the raw key is made and what is known of the devices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

from qnetsim.security.npa.words import ONE, Word, alice, bob, multiply

Polynomial = dict[Word, Fraction]
"""A sum of words, each with its coefficient."""

Chances = tuple[float, float]

MOST_INPUTS = 8


@dataclass(frozen=True)
class RawKey:
    """How a raw key bit comes about.

    Alice's bit is her outcome for an input, flipped with a chance of its own (noisy
    preprocessing). With post-selection either party keeps a round by the luck of its outcome.

    Attributes:
        alice: Alice's input in key rounds.
        flip: q in [0, 1/2), the chance that Alice flips the bit.
        kept_alice: the chances that she keeps a round with outcome +1 and -1; each above 0.
        bob: Bob's input in key rounds; needed where he post-selects.
        kept_bob: the same as Alice's for him.
    """

    alice: int
    flip: float
    kept_alice: Chances = (1.0, 1.0)
    bob: int | None = None
    kept_bob: Chances = (1.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 <= self.flip < 0.5:
            raise ValueError(f"flip ({self.flip}) must lie within [0, 0.5)")
        for chance in (*self.kept_alice, *self.kept_bob):
            if not 0 < chance <= 1:
                raise ValueError(f"chance to keep a round ({chance}) must lie within (0, 1]")
        if self.bob is None and self.kept_bob != (1.0, 1.0):
            raise ValueError("Bob's input in key rounds is needed where he post-selects")

    @property
    def contrast(self) -> Fraction:
        """1 - 2 q, what noisy preprocessing leaves of the bit; without rounding."""
        return 1 - 2 * Fraction(self.flip)

    @property
    def least_kept(self) -> float:
        """The least chance that a round is kept, whatever its outcomes."""
        return min(self.kept_alice) * min(self.kept_bob)

    def kept(self) -> Polynomial:
        """Returns K, the operator whose mean is the share of rounds that are kept."""
        return self._with_bob(*self.kept_alice)

    def difference(self) -> Polynomial:
        """Returns D: kept rounds with outcome +1 less those with -1; M_a = (K + a (1-2q) D)/2."""
        plus, minus = self.kept_alice
        return self._with_bob(plus, -minus)

    def _with_bob(self, plus: float, minus: float) -> Polynomial:
        mine = _spread(alice(self.alice), plus, minus)
        its = {ONE: Fraction(1)} if self.bob is None else _spread(bob(self.bob), *self.kept_bob)
        products = {multiply(u, v): c * d for (u, c), (v, d) in product(mine.items(), its.items())}
        return {word: coefficient for word, coefficient in products.items() if coefficient}


def _spread(word: Word, plus: float, minus: float) -> Polynomial:
    one, other = Fraction(plus), Fraction(minus)
    return {ONE: (one + other) / 2, word: (one - other) / 2}


@dataclass(frozen=True)
class Constraint:
    """Something known of the devices: a sum of correlators and marginals.

    Attributes:
        name: what it is called.
        terms: different words, none of them empty, with at most one observable of each party and
            nothing of Eve's, and finite coefficients.

    Raises:
        ValueError: they are not.
    """

    name: str
    terms: tuple[tuple[Word, float], ...]

    def __post_init__(self) -> None:
        words = [word for word, _ in self.terms]
        seen = all(len(a) <= 1 and len(b) <= 1 and (a or b) and not y for a, b, y in words)
        finite = all(math.isfinite(coefficient) for _, coefficient in self.terms)
        if not (words and seen and finite and len(set(words)) == len(words)):
            raise ValueError(
                f"constraint {self.name} must be a sum of different means of one observable of a "
                "party or of either, with finite coefficients"
            )

    @cached_property
    def largest(self) -> float:
        """The largest value that any devices could give it."""
        return sum(abs(coefficient) for _, coefficient in self.terms)


@dataclass(frozen=True)
class Problem:
    """The least entropy of raw keys given Eve, among all quantum devices that fit what is known.

    Attributes:
        inputs: how many of Alice's and of Bob's inputs are looked at.
        level: the words of the moment matrix (``words.words_of``).
        keys: the raw keys, each with its share of the key rounds; shares add up to 1.
        constraints: what is known, in the order in which values are given.
    """

    inputs: tuple[int, int]
    level: str
    keys: tuple[tuple[float, RawKey], ...]
    constraints: tuple[Constraint, ...]

    def __post_init__(self) -> None:
        shares = [share for share, _ in self.keys]
        if not (all(share > 0 for share in shares) and abs(sum(shares) - 1) < 1e-12):
            raise ValueError(f"the shares of the raw keys {shares} must be above 0 and add up to 1")
        if not all(1 <= count <= MOST_INPUTS for count in self.inputs):
            raise ValueError(f"inputs {self.inputs} must be 1 to {MOST_INPUTS} for either party")


def chsh_constraint() -> tuple[Constraint]:
    """Returns the CHSH value <A0 B0> + <A0 B1> + <A1 B0> - <A1 B1>, known alone."""
    terms = [
        (multiply(alice(x), bob(y)), -1.0 if x and y else 1.0)
        for x, y in product(range(2), range(2))
    ]
    return (Constraint("S", tuple(terms)),)


def full_statistics(inputs: tuple[int, int]) -> tuple[Constraint, ...]:
    """Returns the constraints that fix every marginal and correlator.

    Args:
        inputs: how many inputs Alice and Bob have.

    Returns:
        Alice's marginals, Bob's, and the correlators, Bob's input running fastest.
    """
    words = {f"A{x}": alice(x) for x in range(inputs[0])}
    words |= {f"B{y}": bob(y) for y in range(inputs[1])}
    words |= {f"A{x}B{y}": multiply(alice(x), bob(y)) for x, y in product(*map(range, inputs))}
    return tuple(Constraint(name, ((word, 1.0),)) for name, word in words.items())
