r"""Random post-selection and noisy preprocessing of key rounds, and the entropy they leave.

Either party keeps a round with outcome a with a chance k_a of its own; what both keep is key. Then
Alice flips each key bit with chance q. With P the law of a key round,

.. math:: p_V = \sum_{ab} k_a k_b P_{ab}, \quad
    \tilde P_{ab} = \frac1{p_V} \sum_{a'} N_{aa'} k_{a'} k_b P_{a'b}, \quad
    H(A|B) = -\sum_{ab} \tilde P_{ab} \log_2 \frac{\tilde P_{ab}}{\tilde P_b} .

References:
    Xu, Zhang, Zhang and Pan, arXiv 2110.02701; Ho et al., PRL 124, 230502 (2020).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


class KeyRoundEntropy(NamedTuple):
    """What post-selection and noise leave of key rounds.

    Attributes:
        kept: p_V, the share of rounds that both parties keep.
        entropy_bits: H(A|B) of a round that is kept, in bits.
        kept_stderr: standard error of ``kept`` for a number of rounds; 0 without one.
        entropy_stderr: of ``entropy_bits``.
    """

    kept: float
    entropy_bits: float
    kept_stderr: float = 0.0
    entropy_stderr: float = 0.0


def key_round_entropy(
    table: Real,
    kept_chances: tuple[tuple[float, float], tuple[float, float]],
    flip: float,
    rounds: int = 0,
) -> KeyRoundEntropy:
    """Returns the share of key rounds that is kept, and its entropy given Bob's outcome.

    Standard errors are those of the first order in the deviations (the delta method).

    Args:
        table: P(a, b) of a key round or its observed shares, shape (2, 2), in the order +1, -1.
        kept_chances: for each party the chance that it keeps an outcome, in the same order.
        flip: q, the chance that Alice flips a bit.
        rounds: how many rounds the shares were observed in; 0 for a law.
    """
    weights = np.outer(*kept_chances)
    kept = float((weights * table).sum())
    if not kept:
        return KeyRoundEntropy(0.0, 0.0)
    flips = np.array([[1 - flip, flip], [flip, 1 - flip]])
    noisy = flips @ (weights * table / kept)
    given = np.divide(noisy, noisy.sum(axis=0), out=np.ones((2, 2)), where=noisy > 0)
    bits = -np.log2(given)
    entropy = float((noisy * bits).sum())
    slope = weights * (flips.T @ bits - entropy) / kept
    return KeyRoundEntropy(
        kept, entropy, _stderr(table, weights, rounds), _stderr(table, slope, rounds)
    )


def _stderr(table: Real, slope: Real, rounds: int) -> float:
    if not rounds:
        return 0.0
    mean = (slope * table).sum()
    return float(np.sqrt((table * (slope - mean) ** 2).sum() / rounds))
