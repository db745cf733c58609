"""Statistics of a Bell test: correlators, the CHSH value, error rates, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from qnetsim.keys.sifting import Rounds


class Estimate(NamedTuple):
    """An observed value and its standard error.

    Attributes:
        value: the value.
        stderr: its standard error.
        rounds: how many rounds it comes from.
    """

    value: float
    stderr: float
    rounds: int


def share_stderr(count: int, total: int) -> float:
    """Returns the standard error of a share, sqrt(p (1 - p)/n) with p = (k + 1)/(n + 2).

    Laplace's p in place of k/n: a few rounds that all agree are not known exactly.

    Args:
        count: k, how many.
        total: n, out of how many; 1 or more.
    """
    share = (count + 1) / (total + 2)
    return math.sqrt(share * (1 - share) / total)


def correlators(rounds: Rounds) -> dict[tuple[int, int], Estimate]:
    """Returns E_xy = mean of a b for each pair of settings that was played.

    The standard error is twice that of the share of equal outcomes (see ``share_stderr``).
    """
    equal = rounds.a == rounds.b
    estimates = {}
    for x, y in sorted(set(zip(rounds.x.tolist(), rounds.y.tolist(), strict=True))):
        chosen = equal[(rounds.x == x) & (rounds.y == y)]
        count, total = int(chosen.sum()), len(chosen)
        estimates[x, y] = Estimate(2 * count / total - 1, 2 * share_stderr(count, total), total)
    return estimates


def chsh_value(
    estimates: Mapping[tuple[int, int], Estimate], terms: Iterable[tuple[int, int, int]]
) -> Estimate | None:
    """Returns S, the signed sum of four correlators, or ``None`` where one was not played.

    Args:
        estimates: the correlators by settings (x, y).
        terms: x, y and sign of each.
    """
    chosen = [(estimates.get((x, y)), sign) for x, y, sign in terms]
    value, variance, rounds = 0.0, 0.0, 0
    for estimate, sign in chosen:
        if estimate is None:
            return None
        value += sign * estimate.value
        variance += estimate.stderr**2
        rounds += estimate.rounds
    return Estimate(value, math.sqrt(variance), rounds)


def error_rate(
    rounds: Rounds, pairs: Iterable[tuple[int, int]], anticorrelated: bool
) -> Estimate | None:
    """Returns the share of key rounds whose outcomes disagree, or ``None`` if there are none.

    The standard error is that of ``share_stderr``.

    Args:
        rounds: the rounds.
        pairs: the settings (x, y) that make key.
        anticorrelated: whether the outcomes differ where there is no error.
    """
    mask = np.zeros(rounds.x.shape, dtype=bool)
    for x, y in pairs:
        mask |= (rounds.x == x) & (rounds.y == y)
    total = int(mask.sum())
    if not total:
        return None
    equal = rounds.a[mask] == rounds.b[mask]
    errors = int(equal.sum()) if anticorrelated else total - int(equal.sum())
    rate = errors / total
    return Estimate(rate, share_stderr(errors, total), total)
