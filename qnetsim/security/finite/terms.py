"""The length of a key and the table of what it is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ROUNDING_BITS = 1e-4
"""More than a sum of double-precision terms is off for any block that a laboratory can play."""


@dataclass(frozen=True)
class Term:
    """One entry of a key's table: bits gained (positive) or paid (negative)."""

    name: str
    bits: float
    pays_for: str


def capped(entropy: tuple[Term, ...], raw_bits: float) -> tuple[Term, ...]:
    """Returns the terms of an entropy, or the raw key's bits in their place if they exceed those.

    Where every quantum device passes with probability eps_sound at most, a bound holds whatever it
    says and may say anything; no key is longer than what it is hashed from.
    """
    if math.fsum(term.bits for term in entropy) <= raw_bits:
        return entropy
    return (Term("entropy", raw_bits, "no more than the raw key's bits; the bound exceeds them"),)


@dataclass(frozen=True)
class KeyLength:
    """What a block yields, and what that number is worth.

    Attributes:
        analysis: which theorem the length comes from, with its source.
        attacks: "collective" or "general".
        assumptions: what the analysis presumes beside quantum mechanics and isolated laboratories.
        rounds: n, the rounds of the block.
        terms: the table; its bits add up to ``bits``.
        epsilons: every failure probability; ``eps_sound`` is what the others add up to.
        parameters: what the optimiser chose (Renyi order less 1, tangent point, tilt, ...).
    """

    analysis: str
    attacks: str
    assumptions: tuple[str, ...]
    rounds: int
    terms: tuple[Term, ...]
    epsilons: Mapping[str, float]
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def bits(self) -> float:
        """The sum of all terms, which may be negative: then there is no key."""
        return math.fsum(term.bits for term in self.terms)

    @property
    def key_length_bits(self) -> int:
        """Length of the key in bits, 0 or more, rounded down."""
        return max(0, math.floor(self.bits - _ROUNDING_BITS))

    def summary(self) -> dict[str, Any]:
        """Returns the table and what the length is worth, for output as JSON."""
        return {
            "analysis": self.analysis,
            "attacks": self.attacks,
            "assumptions": list(self.assumptions),
            "rounds": self.rounds,
            "terms": [
                {"name": term.name, "bits": term.bits, "pays_for": term.pays_for}
                for term in self.terms
            ],
            "epsilons": dict(self.epsilons),
            "parameters": dict(self.parameters),
        }

    @property
    def rate_bits_per_round(self) -> float:
        """Key bits for each round of the block."""
        return self.key_length_bits / self.rounds
