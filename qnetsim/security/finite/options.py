"""Keys from blocks described by named numbers, as a command line or a scenario gives them.

No failure probability has a default: what is missing is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from qnetsim.security.finite.block import (
    QUANTUM_WIN,
    Block,
    honest_threshold,
    shannon_bits,
)
from qnetsim.security.finite.collective import Sample, collective_key_length
from qnetsim.security.finite.confidence import likely_most
from qnetsim.security.finite.renyi import best_test_fraction, renyi_key_length
from qnetsim.security.finite.terms import KeyLength
from qnetsim.security.information import TSIRELSON, FloatArray, binary_entropy, within
from qnetsim.security.two_basis import two_basis_entropy

COMMON = {
    "n": "rounds of the block",
    "eps_sound": "soundness error: correctness and secrecy together",
    "eps_complete": "chance that honest devices abort for losing too many tests",
}
LEAK = {
    "f_ec": "bits published to correct the raw key, over the Shannon limit",
    "leak_bits": "those bits themselves",
}
GENERAL = {"test_fraction": "share of rounds that are tests; the best one if not given"}
COLLECTIVE = {
    "key_share": "share of rounds that make key",
    "test_share": "share of rounds that play the CHSH game",
}

_LARGEST_BLOCK = 2**50


def parsed_options(text: str) -> dict[str, float]:
    """Returns name=number pairs, separated by commas, as a dictionary.

    Raises:
        ValueError: a part is no such pair, or a name comes twice.
    """
    options: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or name in options:
            raise ValueError(f"finite-block option ({part}) must be name=number, each name once")
        try:
            options[name] = float(number)
        except ValueError:
            raise ValueError(f"finite-block option {name} ({number}) must be a number") from None
    return options


def block_key_length(bound: str, s: float, q: float, options: Mapping[str, float]) -> KeyLength:
    """Returns the key length against the attacks that a bound's finite keys are proved for.

    Args:
        bound: ``chsh`` against general attacks, or ``two-basis`` against collective ones.
        s: CHSH value of the honest devices.
        q: their mean error rate in key rounds.
        options: as in ``general_key_length`` or ``sampled_key_length``.

    Raises:
        ValueError: as those do.
    """
    if bound == "chsh":
        return general_key_length(s, q, options)
    return sampled_key_length(s, q, two_basis_entropy, options)


def general_key_length(s: float, q: float, options: Mapping[str, float]) -> KeyLength:
    """Returns the key length of one basis and CHSH tests against general attacks.

    The honest devices play S and Q; the win threshold follows from eps_complete.

    Args:
        s: CHSH value of the honest devices.
        q: their error rate in key rounds.
        options: names as in ``COMMON`` and ``GENERAL``, and one of ``LEAK``.

    Raises:
        ValueError: a name is missing or unknown, a value lies outside its range, or eps_complete is
            so lax that no quantum device reaches the win threshold.
    """
    _checked(options, COMMON, GENERAL)
    within(s, -TSIRELSON, TSIRELSON, "CHSH value of the honest devices")
    rounds = _rounds(options)

    def block(fraction: float) -> Block:
        return Block(
            rounds,
            fraction,
            honest_threshold(rounds, fraction, s, options["eps_complete"]),
            _leak(options, shannon_bits(rounds, fraction, s, q)),
        )

    fraction = options.get("test_fraction")
    if fraction is None:
        fraction = best_test_fraction(block, options["eps_sound"])
    within(fraction, 1e-12, 0.5, "test fraction")
    planned = block(fraction)
    _check_complete(options["eps_complete"], planned.win_threshold)
    return renyi_key_length(planned, options["eps_sound"])


def sampled_key_length(
    s: float,
    q: float,
    entropy: Callable[[FloatArray], FloatArray],
    options: Mapping[str, float],
) -> KeyLength:
    """Returns the key length against collective attacks.

    Rounds are played until there are key_share n key rounds and test_share n test rounds, or both
    numbers are fixed otherwise; eps_complete does not contain a chance to miss them.

    Args:
        s: CHSH value of the honest devices.
        q: their mean error rate in key rounds.
        entropy: bound on the entropy of a key round from S, as in ``collective_key_length``.
        options: names as in ``COMMON`` and ``COLLECTIVE``, and one of ``LEAK``.

    Raises:
        ValueError: a name is missing or unknown, a value lies outside its range, or eps_complete is
            so lax that no quantum device reaches the win threshold.
    """
    _checked(options, COMMON | COLLECTIVE, {})
    within(s, -TSIRELSON, TSIRELSON, "CHSH value of the honest devices")
    rounds, loss = _rounds(options), 0.5 - s / 8
    key, tests = (
        rounds * float(within(options[name], 1 / rounds, 1.0, name)) for name in COLLECTIVE
    )
    lost = likely_most(int(tests), loss, options["eps_complete"])
    threshold = 1 - lost / tests
    _check_complete(options["eps_complete"], threshold)
    leak = _leak(options, key * float(binary_entropy(q)))
    sample = Sample(rounds, key, tests, threshold, leak)
    return collective_key_length(sample, entropy, options["eps_sound"], "clopper-pearson")


def smallest_block(length: Callable[[int], KeyLength], precision: float = 1e-3) -> int:
    """Returns about the smallest number of rounds that makes a key.

    Args:
        length: the key length of so many rounds, presumed to change its sign once.
        precision: relative.

    Raises:
        ValueError: 2^50 rounds make no key.
    """
    low, high = 100.0, 200.0
    while length(round(high)).bits <= 0:
        low, high = high, 2 * high
        if high > _LARGEST_BLOCK:
            raise ValueError(f"no block of up to {_LARGEST_BLOCK} rounds makes a key")
    while high > low * (1 + precision):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if length(round(middle)).bits > 0 else (middle, high)
    return round(high)


def _checked(
    options: Mapping[str, float], needed: Mapping[str, str], free: Mapping[str, str]
) -> None:
    missing = [name for name in needed if name not in options]
    if not any(name in options for name in LEAK):
        missing.append(" or ".join(LEAK))
    if missing:
        raise ValueError(f"finite-block options missing: {', '.join(missing)}")
    unknown = [name for name in options if name not in {**needed, **free, **LEAK}]
    if unknown:
        raise ValueError(f"unknown finite-block options: {', '.join(unknown)}")
    if all(name in options for name in LEAK):
        raise ValueError(f"finite-block options {' and '.join(LEAK)} exclude each other")


def _check_complete(eps_complete: float, threshold: float) -> None:
    """A block of one test or more and eps_complete up to .1 pass."""
    if threshold > QUANTUM_WIN:
        raise ValueError(
            f"eps_complete ({eps_complete:g}) is too lax for so few tests: the share "
            f"{threshold:.6g} of them would have to be won, where no quantum device wins more than "
            f"{QUANTUM_WIN:.6g}"
        )


def _rounds(options: Mapping[str, float]) -> int:
    return int(within(options["n"], 1, _LARGEST_BLOCK, "number of rounds n"))


def _leak(options: Mapping[str, float], shannon_bits: float) -> float:
    if "leak_bits" in options:
        return float(within(options["leak_bits"], shannon_bits, _LARGEST_BLOCK, "leak_bits"))
    return float(within(options["f_ec"], 1.0, 1e6, "efficiency f_ec")) * shannon_bits
