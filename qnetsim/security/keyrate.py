"""Every bound by its name: secret bits a round from statistics, and what that number is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from qnetsim.security import asymmetric, biased, chsh, rates, two_basis
from qnetsim.security.conference import (
    holz_entropy,
    holz_key_rate,
    holz_value,
    parity_chsh_key_rate,
    parity_chsh_value,
)
from qnetsim.security.information import FloatArray, binary_entropy, within

Flip = float | Literal["best"]
"""Flip probability of noisy preprocessing; ``"best"`` is the one of the highest rate."""

COLLECTIVE = "collective; asymptotically general, by entropy accumulation (arXiv 1607.01797)"
POST_SELECTED = "collective: which rounds are kept is announced, and may tell of earlier ones"
OVERLAPPING = (
    "collective: rounds of several slots overlap, and entropy accumulation takes them in turn"
)
_EVERY_ROUND = "every round counts: one without a click has an outcome"
_CHOSEN_ROUNDS = (
    "which key rounds are kept is chosen inside the laboratories, by outcome and chance"
)

_APART = "a round is the same in every slot, and tells the others nothing while they are at theirs"

_DEVICES = (
    "quantum mechanics",
    "devices leak nothing but what the protocol announces",
    "settings independent of the devices",
    _EVERY_ROUND,
)
_ASYMPTOTIC = (
    "statistics known exactly: no finite-block correction",
    "error correction at the Shannon limit, one-way",
)


class Bound(NamedTuple):
    """An entropy bound, in words.

    Attributes:
        summary: a line.
        source: where it comes from.
        attacks: which it holds against.
        assumes: what it presumes beside isolated devices and their independence of the settings.
    """

    summary: str
    source: str
    attacks: str = COLLECTIVE
    assumes: tuple[str, ...] = ()

    @property
    def assumptions(self) -> list[str]:
        """All that a rate by it presumes."""
        return [*_DEVICES, *self.assumes, *_ASYMPTOTIC]


BOUNDS: Mapping[str, Bound] = {
    "chsh": Bound(
        "one key basis, S alone; tight; noisy preprocessing",
        "Pironio et al., arXiv 0903.4460; with noise Ho et al., arXiv 2005.13015",
        assumes=("the key setting is one of its party's two in the CHSH test",),
    ),
    "asymmetric": Bound(
        "one key basis, the two halves of S weighted at best; tight; noisy preprocessing",
        "Woodhead, Acin and Pironio, arXiv 2007.16146",
        assumes=("the key setting is the one of the weighted half",),
    ),
    "two-basis": Bound(
        "two key bases used equally often, S alone; noisy preprocessing",
        "Masini, Pironio and Woodhead, arXiv 2107.08894",
        assumes=("both test settings of one party make key, equally often, and become public",),
    ),
    "biased": Bound(
        "one key basis, S and the key outcome's bias; noisy preprocessing",
        "Masini, Pironio and Woodhead, arXiv 2107.08894",
        assumes=("the key setting is one of its party's two in the CHSH test",),
    ),
    "sdp": Bound(
        "S alone or full statistics; one or two key bases, noise, post-selection; certified dual",
        "Brown, Fawzi and Fawzi, arXiv 2106.13692, on the hierarchy of arXiv 0803.4290",
    ),
    "parity-chsh": Bound(
        "conference key of N parties from depolarised GHZ states",
        "Ribeiro, Murta and Wehner, arXiv 1708.00798",
        assumes=("every qubit passed the same depolarising channel",),
    ),
    "holz": Bound(
        "conference key of three parties from depolarised GHZ states",
        "Holz, Kampermann and Bruss, arXiv 1910.11360; proof Grasselli et al., arXiv 2209.12828",
        assumes=("every qubit passed the same depolarising channel",),
    ),
}


def worth_of(bound: str, *, post_selected: bool, overlapping: bool = False) -> dict[str, Any]:
    """Returns the ``attacks`` and ``assumptions`` of a rate, for output as JSON.

    Args:
        bound: its name in ``BOUNDS``.
        post_selected: whether the parties drop key rounds.
        overlapping: whether one round may begin before another is over, as with several slots.
    """
    found = BOUNDS[bound]
    if overlapping:
        return {"attacks": OVERLAPPING, "assumptions": [*found.assumptions, _APART]}
    if not post_selected:
        return {"attacks": found.attacks, "assumptions": found.assumptions}
    kept = [_CHOSEN_ROUNDS if text == _EVERY_ROUND else text for text in found.assumptions]
    return {"attacks": POST_SELECTED, "assumptions": kept}


@dataclass(frozen=True)
class KeyRate:
    """Secret bits a round, and what they are worth.

    Attributes:
        bound: its name in ``BOUNDS``.
        rate: secret bits a round, sifting and post-selection included; negative means no key.
        entropy_bits: H(A|E) of a key round that is kept, never above the truth.
        ec_bits: H(A|B) of it, which error correction reveals.
        sifting: share of rounds that make key.
        kept: share of key rounds that post-selection keeps.
        certificate_error_bits: how far a certified entropy lies below the solver's value; 0 for
            closed forms, ``None`` where a certificate was applied and nothing solved.
        parameters: what was chosen or optimised.
        certified: whether the entropy is proved; not only checked numerically.
    """

    bound: str
    rate: float
    entropy_bits: float
    ec_bits: float
    sifting: float
    kept: float = 1.0
    certificate_error_bits: float | None = 0.0
    parameters: tuple[tuple[str, float | str], ...] = ()
    certified: bool = True

    @property
    def rate_bits_per_round(self) -> float:
        """Secret bits a round, 0 or more."""
        return max(0.0, self.rate)

    def summary(self) -> dict[str, Any]:
        """Returns the figures under the documented keys of ``qnetsim keyrate --json``."""
        return {
            "bound": self.bound,
            "rate_bits_per_round": self.rate_bits_per_round,
            "entropy_bits": self.entropy_bits,
            "ec_bits": self.ec_bits,
            "sifting": self.sifting,
            "kept": self.kept,
            "certified": self.certified,
            "certificate_error_bits": self.certificate_error_bits,
            **dict(self.parameters),
            **worth_of(self.bound, post_selected=self.kept != 1),
        }


def chsh_rate(s: float, q: float, sifting: float, flip: Flip) -> KeyRate:
    """Returns the rate of one key basis by ``chsh.chsh_entropy``.

    Args:
        s: CHSH value.
        q: error rate of the key, before the flip.
        sifting: share of rounds that make key.
        flip: flip probability of noisy preprocessing.

    Raises:
        ValueError: a value lies outside its range.
    """
    flip = _chosen(flip, lambda f: rates.chsh_key_rate(s, q, sifting, f))
    rate = _some(float(rates.chsh_key_rate(s, q, sifting, flip)), flip)
    entropy = float(chsh.chsh_entropy(s, flip))
    return KeyRate("chsh", rate, entropy, _errors([q], flip), sifting, parameters=_flip(flip))


def two_basis_rate(s: float, qbers: Sequence[float], sifting: float, flip: Flip) -> KeyRate:
    """Returns the rate of two key bases by ``two_basis.two_basis_entropy``.

    Args:
        s: CHSH value.
        qbers: error rate of either basis, before the flip.
        sifting: share of rounds that make key, in either basis.
        flip: flip probability of noisy preprocessing.

    Raises:
        ValueError: a value lies outside its range.
    """
    first, second = qbers
    flip = _chosen(flip, lambda f: rates.two_basis_key_rate(s, first, second, sifting, f))
    rate = _some(float(rates.two_basis_key_rate(s, first, second, sifting, flip)), flip)
    entropy = float(two_basis.two_basis_entropy(s, flip))
    return KeyRate(
        "two-basis", rate, entropy, _errors(qbers, flip), sifting, parameters=_flip(flip)
    )


def asymmetric_rate(halves: tuple[float, float], q: float, sifting: float, flip: Flip) -> KeyRate:
    """Returns the rate of one key basis by ``asymmetric.asymmetric_entropy`` at its best weight.

    Args:
        halves: <A0 B0> + <A0 B1> of the key setting A0, and <A1 B0> - <A1 B1>.
        q: error rate of the key, before the flip.
        sifting: share of rounds that make key.
        flip: flip probability of noisy preprocessing.

    Raises:
        ValueError: a value lies outside its range.
    """
    flip = _chosen(flip, lambda f: rates.asymmetric_key_rate(*halves, q, sifting, f))
    rate = _some(float(rates.asymmetric_key_rate(*halves, q, sifting, flip)), flip)
    alpha = float(asymmetric.optimal_alpha(*halves, flip))
    entropy = float(asymmetric.asymmetric_entropy(alpha * halves[0] + halves[1], alpha, flip))
    parameters = (*_flip(flip), ("alpha", alpha))
    return KeyRate("asymmetric", rate, entropy, _errors([q], flip), sifting, parameters=parameters)


def biased_rate(s: float, bias: float, q: float, sifting: float, flip: Flip) -> KeyRate:
    """Returns the rate of one key basis by ``biased.biased_entropy``.

    Args:
        s: CHSH value.
        bias: mean outcome of the key setting.
        q: error rate of the key, before the flip. Bob's bits being biased too, he knows more:
            ``rates.conditional_entropy`` of the whole table gives a better rate.
        sifting: share of rounds that make key.
        flip: flip probability of noisy preprocessing.

    Raises:
        ValueError: a value lies outside its range.
    """

    def rate_at(f: float | FloatArray) -> FloatArray:
        deficit = biased.biased_deficit(s, bias, f)
        return rates.key_rate(deficit, rates.error_deficit(q, f), sifting, f)

    flip = _chosen(flip, rate_at)
    rate = _some(float(rate_at(flip)), flip)
    entropy = float(biased.biased_entropy(s, bias, flip))
    return KeyRate(
        "biased",
        rate,
        entropy,
        _errors([q], flip),
        sifting,
        parameters=_flip(flip),
        certified=not flip or abs(s) - 2 <= biased.NEVER_STEEPER * (1 - abs(bias)),
    )


def parity_chsh_rate(parties: int, q: float) -> KeyRate:
    """Returns the rate of a conference key in bits per GHZ state.

    Args:
        parties: N, Alice included.
        q: error rate of any two, 1 - p = sqrt(1 - 2Q) of each qubit's channel.

    Raises:
        ValueError: a value lies outside its range.
    """
    rate = float(parity_chsh_key_rate(q, parties))
    s = float(parity_chsh_value(q, parties))
    parameters = (("parties", parties), ("parity_chsh_value", s))
    entropy = float(chsh.chsh_entropy(s))
    return KeyRate("parity-chsh", rate, entropy, _errors([q], 0.0), 1.0, parameters=parameters)


def holz_rate(q: float) -> KeyRate:
    """Returns the rate of a three-party conference key in bits per GHZ state, from Holz.

    Args:
        q: error rate of any two parties, as for ``parity_chsh_rate``.

    Raises:
        ValueError: it lies outside [0, 1/2].
    """
    beta = float(holz_value(q))
    entropy, rate = float(holz_entropy(beta)), float(holz_key_rate(q))
    parameters = (("parties", 3), ("holz_value", beta))
    return KeyRate("holz", rate, entropy, _errors([q], 0.0), 1.0, parameters=parameters)


def _chosen(flip: Flip, rate: Callable[[FloatArray], FloatArray]) -> float:
    """A flip probability, the best one where that is asked for; 0 where none gives a key."""
    if flip != "best":
        return flip
    best = rates.optimal_flip(rate)
    return float(best) if rate(best) > 0 else 0.0


def _errors(qbers: Sequence[float], flip: float) -> float:
    """H(A|B), on average over the bases."""
    noisy = flip + (1 - 2 * flip) * within(qbers, 0.0, 1.0, "error rate")
    return float(np.mean(binary_entropy(noisy)))


def _flip(flip: float) -> tuple[tuple[str, float], ...]:
    return (("flip", flip),)


def _some(rate: float, flip: float) -> float:
    """A rate; 0 where the bit is all noise, which thresholds take for a limit."""
    return rate if flip < 0.5 else 0.0
