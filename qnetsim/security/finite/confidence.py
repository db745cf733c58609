r"""Limits on a chance from counts: Hoeffding, Clopper-Pearson, and Bayes with a uniform prior.

The trials are independent with the same chance p, which suits collective attacks; against general
attacks devices may remember, and no such limit enters. A limit on the winning chance w of the CHSH
game is one on S = 8w - 4.

Hoeffding's and Clopper and Pearson's limits fail with probability eps at most whatever p is. The
Bayesian one is a statement about p given the counts: p lies beyond it with probability eps if the
prior was uniform. As a procedure it may fail a little more often than eps, at p near 0 or 1 above
all, so that no secrecy bound here rests on it. It is how the Munich experiment (Nature 607, 687)
states its worst case: its S of 2.4256 and error rate of .107 are these limits at eps = .025.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import FloatArray, within

Method = Literal["hoeffding", "clopper-pearson", "bayesian"]


def lower_limit(
    successes: ArrayLike, trials: ArrayLike, eps: ArrayLike, method: Method
) -> FloatArray:
    r"""Returns the value that a chance does not fall below but with probability eps.

    .. math:: \frac kn - \sqrt{\frac{\ln(1/\epsilon)}{2n}}, \quad
        B^{-1}_{k, n-k+1}(\epsilon), \quad B^{-1}_{k+1, n-k+1}(\epsilon)

    for Hoeffding, Clopper-Pearson and Bayes, B^{-1} the quantile function of the beta distribution.

    Args:
        successes: k, counted, any shape; broadcasts with the others.
        trials: n.
        eps: the failure probability, one-sided.
        method: "hoeffding", "clopper-pearson" or "bayesian".

    Raises:
        ValueError: no trials, more successes than trials, eps outside (0, 1), an unknown method.
    """
    from scipy.special import betaincinv

    k, n, eps = _counts(successes, trials, eps)
    if method == "hoeffding":
        return np.maximum(k / n - np.sqrt(np.log(1 / eps) / (2 * n)), 0.0)
    if method == "clopper-pearson":
        return np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, eps), 0.0)
    if method == "bayesian":
        return np.asarray(betaincinv(k + 1, n - k + 1, eps), dtype=np.float64)
    raise ValueError(f"method ({method}) must be hoeffding, clopper-pearson or bayesian")


def upper_limit(
    successes: ArrayLike, trials: ArrayLike, eps: ArrayLike, method: Method
) -> FloatArray:
    """Returns the value that a chance does not exceed but with probability eps.

    It is one minus ``lower_limit`` of the failures; the arguments are the same.
    """
    failures = np.asarray(trials, dtype=np.float64) - np.asarray(successes, dtype=np.float64)
    return 1 - lower_limit(failures, trials, eps, method)


def likely_most(trials: int, chance: float, eps: float) -> int:
    """Returns the least k that a binomial variable exceeds with probability eps at most.

    Args:
        trials: n.
        chance: p, of each trial.
        eps: the probability of exceeding k.

    Raises:
        ValueError: chance lies outside [0, 1] or eps outside (0, 1).
    """
    from scipy.special import betainc

    within(chance, 0.0, 1.0, "chance")
    _inside(np.asarray(eps), "failure probability")
    low, high = -1, trials
    while high - low > 1:
        middle = (low + high) // 2
        exceeding = betainc(middle + 1.0, float(trials - middle), chance)
        low, high = (low, middle) if exceeding <= eps else (middle, high)
    return high


def _counts(
    successes: ArrayLike, trials: ArrayLike, eps: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = within(trials, 1.0, np.inf, "number of trials")
    share = within(np.asarray(successes, dtype=np.float64) / n, 0.0, 1.0, "share of successes")
    return share * n, n, _inside(np.asarray(eps, dtype=np.float64), "failure probability")


def _inside(value: FloatArray, name: str) -> FloatArray:
    if not np.all((value > 0) & (value < 1)):
        raise ValueError(f"{name} ({value}) must lie between 0 and 1")
    return value
