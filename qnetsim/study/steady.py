"""The rate of a simulated link in its steady state, with an error that knows of reloads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np

from qnetsim.nodes.memory import Trap
from qnetsim.protocols.bell_test import Estimate
from qnetsim.result import Result

_BLOCKS = 16
_INSTANT = 1e-6


def reload_variance(traps: Sequence[Trap | None], duration_s: float) -> float:
    r"""Returns how much the share of time scatters in which every particle is there.

    Each trap loses and loads its particle independently of the others, in the steady state. With D
    a trap's mean loading time, L its lifetime, r = D/L and k = 1/D + 1/L, the covariance of all
    particles' presence a time t apart, over its mean squared, is the product of 1 + r exp(-k t),
    less 1. Its mean over all pairs of instants of a run of length T is

    .. math::
        \sum_{S \neq \emptyset} \Bigl(\prod_{i \in S} r_i\Bigr)
        g\Bigl(T \sum_{i \in S} k_i\Bigr), \quad g(x) = \frac{2 (x - 1 + e^{-x})}{x^2}

    with S the sets of traps.

    Args:
        traps: of the nodes; one that never loses its particle or loads at once scatters nothing.
        duration_s: T, in s.

    Returns:
        The variance of that share over its mean squared.
    """
    reloading = [
        (trap.loading_mean_s / trap.lifetime_s, 1 / trap.loading_mean_s + 1 / trap.lifetime_s)
        for trap in traps
        if trap is not None and trap.lifetime_s is not None and trap.loading_mean_s
    ]
    subsets = chain.from_iterable(
        combinations(reloading, size) for size in range(1, len(reloading) + 1)
    )
    return math.fsum(
        math.prod(ratio for ratio, _ in subset)
        * _mean_decay(duration_s * math.fsum(rate_per_s for _, rate_per_s in subset))
        for subset in subsets
    )


def _mean_decay(x: float) -> float:
    """Returns the mean of exp(-x |u - v|) over u and v in [0, 1]."""
    return 2 * (x + math.expm1(-x)) / x**2 if x > _INSTANT else 1.0


def steady_rate(result: Result, traps: Sequence[Trap | None]) -> Estimate | None:
    """Returns the heralds a second after a start-up, with the larger of two errors.

    One is what the scatter of its blocks shows, the other that of so many heralds and reloads: a
    few blocks show too little where a reload outlasts them, and now and then by chance.

    Args:
        result: of the run.
        traps: of the link's nodes.
    """
    edges = np.linspace(0, result.sim_time_s, _BLOCKS + 2)
    counts = np.histogram(result.heralds.time_s, edges)[0][1:]
    block_s, total = float(edges[1]), int(counts.sum())
    if not total:
        return None
    mean = float(np.mean(counts))
    foretold = mean * math.sqrt(1 / total + reload_variance(traps, _BLOCKS * block_s))
    scatter = float(np.std(counts, ddof=1)) / math.sqrt(_BLOCKS)
    return Estimate(mean / block_s, max(foretold, scatter) / block_s, total)
