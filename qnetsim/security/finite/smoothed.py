r"""Key lengths against general attacks as the Oxford experiment proved them.

Proposition 2 of arXiv 2109.14600 (supplement, Eq. 73): the accumulated entropy of Alice's bits and
Bob's test bits (Dupuis and Fawzi, arXiv 1805.11652) is smoothed; the max-entropy of Bob's test bits
is taken off, bounded by a second accumulation (Dupuis, Fawzi and Renner, arXiv 1607.01796); and
Trevisan's extractor draws the key. ``accumulation`` and ``renyi`` pay less for each of the three.
"""

from __future__ import annotations

import math

import numpy as np

from qnetsim.security.finite.accumulation import (
    ASSUMPTIONS,
    Tradeoff,
    chsh_tradeoff,
    second_order_bits,
)
from qnetsim.security.finite.block import Block, check_reachable
from qnetsim.security.finite.parameters import best_parameters
from qnetsim.security.finite.terms import KeyLength, Term, capped
from qnetsim.security.information import FloatArray, within

MESSAGES_BITS = 258
"""Four tags of 64 bits and two bits that say whether they agree (Eq. 93)."""

_EXTRACTOR_BITS = 6
_MAX_ENTROPY_CONSTANT = math.log2(5)
_FREE = [0.0, 0.0, 3.0, 2.0, 3.0]


def smoothed_key_length(block: Block, eps_sound: float, eps_hash: float) -> KeyLength:
    r"""Returns the key length of Proposition 2 of arXiv 2109.14600, every free parameter optimised.

    .. math:: \epsilon_\mathrm{sound} = \max(\epsilon_\mathrm{EA},
        \epsilon_\mathrm{PA} + 2 \epsilon_s) + 4 \epsilon_\mathrm{hash}, \quad
        \epsilon_s > \epsilon_s' + 2 \epsilon_s''.

    Args:
        block: what is fixed before the first round; ``leak_bits`` is the syndrome's length alone.
        eps_sound: soundness error, in (0, 1).
        eps_hash: collision probability of the hash behind verification and tags, below
            eps_sound/4; the experiment's is 2^-61.

    Raises:
        ValueError: a value lies outside its range, or no quantum device reaches the win threshold.
    """
    check_reachable(block.win_threshold)
    within(eps_sound, 1e-300, 1.0, "soundness error eps_sound")
    within(eps_hash, 0.0, 0.2499 * eps_sound, "collision probability eps_hash")

    def loss(x: FloatArray) -> float:
        return -_key_length(block, eps_sound, eps_hash, x, certain=False).bits

    orders = [math.log10(math.sqrt(r / block.rounds)) for r in (1, 20)]
    touch = min(max(8 * block.win_threshold - 4, 2.05), 2.8)
    best = best_parameters(loss, [touch, *orders, *_FREE[2:]])
    return _key_length(block, eps_sound, eps_hash, best, certain=True)


def _key_length(
    block: Block, eps_sound: float, eps_hash: float, x: FloatArray, certain: bool
) -> KeyLength:
    touch = float(np.clip(x[0], 2.001, 2.828))
    order, order_max = 1 + _power(x[1], -0.1), 1 + _power(x[2], math.log10(0.43))
    epsilons = _epsilons(eps_sound, eps_hash, x[3:])
    tradeoff = chsh_tradeoff(touch)
    entropy = (
        *_entropy_terms(block, tradeoff, order, epsilons, certain),
        *_test_bits_terms(block, order_max, epsilons),
        Term("chain rule", -3 * _smoothing(epsilons["eps_chain"]), "splitting off the test bits"),
    )
    terms = (
        *capped(entropy, block.rounds),
        Term("reconciliation", -block.leak_bits, "the syndrome"),
        Term("messages", -float(MESSAGES_BITS), "verification and authentication tags"),
        Term(
            "privacy amplification",
            -_EXTRACTOR_BITS + 5 * math.log2(epsilons["eps_pa"]),
            "the key's distance from a uniform one, eps_pa",
        ),
    )
    input_bits = math.fsum(term.bits for term in terms)
    return KeyLength(
        analysis="entropy accumulation as in arXiv 2109.14600, Proposition 2; Trevisan's extractor",
        attacks="general",
        assumptions=ASSUMPTIONS,
        rounds=block.rounds,
        terms=(*terms, Term("extractor", -_extractor_loss(input_bits), "Trevisan's construction")),
        epsilons=epsilons,
        parameters={
            "renyi_excess": order - 1,
            "renyi_excess_max": order_max - 1,
            "tangent_s": touch,
        },
    )


def _entropy_terms(
    block: Block, tradeoff: Tradeoff, order: float, epsilons: dict[str, float], certain: bool
) -> tuple[Term, ...]:
    """The smooth min-entropy of both parties' bits."""
    n, excess = block.rounds, order - 1
    variance, third = second_order_bits(tradeoff, block.test_fraction, order, certain)
    aborts = -order * math.log2(epsilons["eps_ea"])
    return (
        Term("entropy", n * float(tradeoff.value(block.win_threshold)), "first order"),
        Term("second order", -n * variance, "memory and statistics, V"),
        Term("third order", -n * third, "memory and statistics, K"),
        Term(
            "smoothing and aborts",
            -(_smoothing(epsilons["eps_smooth_min"]) + aborts) / excess,
            "min-entropy from a Renyi entropy, given that the protocol did not abort",
        ),
    )


def _test_bits_terms(block: Block, order: float, epsilons: dict[str, float]) -> tuple[Term, ...]:
    """The smooth max-entropy of Bob's test bits."""
    n, excess = block.rounds, order - 1
    aborts = -order * math.log2(epsilons["eps_ea"])
    return (
        Term("test bits", -n * block.test_fraction, "Bob's bits of the test rounds, first order"),
        Term("test bits, second order", -n * excess * _MAX_ENTROPY_CONSTANT**2, "their memory"),
        Term(
            "test bits, smoothing and aborts",
            -(_smoothing(epsilons["eps_smooth_max"]) + aborts) / excess,
            "max-entropy from a Renyi entropy, given that the protocol did not abort",
        ),
    )


def _epsilons(eps_sound: float, eps_hash: float, x: FloatArray) -> dict[str, float]:
    """The split: smoothing against extraction, then min-, max-entropy and chain rule."""
    whole = eps_sound - 4 * eps_hash
    extract, maximal, chain = (1 / (1 + math.exp(float(np.clip(v, -40, 40)))) for v in x)
    eps_pa = whole * extract
    smooth = (whole - eps_pa) / 2
    eps_max, eps_chain = smooth * maximal / 2, smooth * (1 - maximal) * chain
    return {
        "eps_sound": eps_sound,
        "eps_ea": whole,
        "eps_pa": eps_pa,
        "eps_smooth": smooth,
        "eps_smooth_min": smooth - 2 * eps_max - eps_chain,
        "eps_smooth_max": eps_max,
        "eps_chain": eps_chain,
        "eps_hash": eps_hash,
    }


def _smoothing(eps: float) -> float:
    """-log2(1 - sqrt(1 - eps^2)), without cancellation."""
    return math.log2(1 + math.sqrt(1 - eps**2)) - 2 * math.log2(eps)


def _extractor_loss(bits: float) -> float:
    """Returns x - l where l + 4 log2 l = x: what Trevisan's seed design costs (Eqs. 52, 53)."""
    length = max(bits, 1.0)
    for _ in range(60):
        length = max(bits - 4 * math.log2(length), 1.0)
    return 4 * math.log2(length)


def _power(exponent: float, most: float) -> float:
    return float(10 ** np.clip(exponent, -8, most))
