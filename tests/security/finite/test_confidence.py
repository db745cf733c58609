"""Confidence limits: coverage from exact binomial sums, and quantiles by other roads."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from qnetsim.security.finite.confidence import likely_most, lower_limit, upper_limit

METHODS = ["hoeffding", "clopper-pearson", "bayesian"]
repeatable = settings(deadline=None, derandomize=True, max_examples=50)


def binomial(n, p):
    """Every probability of a binomial variable."""
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


@pytest.mark.parametrize("method", ["hoeffding", "clopper-pearson"])
@pytest.mark.parametrize("eps", [0.2, 0.025, 1e-4])
@pytest.mark.parametrize("n", [1, 7, 60])
def test_limits_fail_with_eps_at_most_whatever_the_chance(method, eps, n):
    k = np.arange(n + 1)
    low, high = (limit(k, n, eps, method) for limit in (lower_limit, upper_limit))
    for p in np.linspace(0, 1, 201):
        chances = binomial(n, p)
        assert chances[low > p].sum() <= eps * (1 + 1e-9)
        assert chances[high < p].sum() <= eps * (1 + 1e-9)


def test_bayesian_limits_can_fail_far_more_often_than_eps():
    """Which is why no key rests on them: a chance of 1e-4 lies below every lower limit."""
    assert lower_limit(np.arange(61), 60, 0.025, "bayesian").min() > 1e-4


@pytest.mark.parametrize(("k", "n"), [(3, 10), (40, 50), (50, 50)])
def test_clopper_pearson_limit_solves_the_exact_binomial_tail(k, n):
    eps = 0.01

    def tail(p):
        return binomial(n, p)[k:].sum() - eps

    expected = brentq(tail, 1e-9, 1 - 1e-9, xtol=1e-14)
    assert lower_limit(k, n, eps, "clopper-pearson") == pytest.approx(expected, abs=1e-9)


def test_bayesian_limit_is_the_quantile_of_the_normalised_likelihood():
    k, n = 41, 50
    limit = float(lower_limit(k, n, 0.025, "bayesian"))
    below, whole = (quad(lambda p: p**k * (1 - p) ** (n - k), 0, end)[0] for end in (limit, 1))
    assert below / whole == pytest.approx(0.025, rel=1e-8)


def test_nothing_seen_leaves_the_limit_of_no_knowledge():
    assert lower_limit(0, 10, 0.1, "clopper-pearson") == 0
    assert upper_limit(10, 10, 0.1, "clopper-pearson") == 1
    assert lower_limit(1, 10, 0.1, "hoeffding") == 0


@repeatable
@given(
    method=st.sampled_from(METHODS),
    n=st.integers(2, 10**6),
    share=st.floats(0, 1),
    eps=st.floats(1e-12, 0.4),
)
def test_limits_bracket_the_share_and_widen_as_eps_falls(method, n, share, eps):
    k = round(share * n)
    low, lower = lower_limit(k, n, [eps, eps / 2], method)
    assert low <= k / n + 1e-12 or method == "bayesian"
    assert lower <= low <= upper_limit(k, n, eps, method) + 1e-12


@pytest.mark.parametrize(("n", "p", "eps"), [(12, 0.3, 0.05), (40, 0.9, 1e-6), (9, 0.5, 0.9)])
def test_likely_most_is_the_least_number_that_is_so_rarely_exceeded(n, p, eps):
    exact = Fraction(p)
    chances = [math.comb(n, k) * exact**k * (1 - exact) ** (n - k) for k in range(n + 1)]
    k = likely_most(n, p, eps)
    assert sum(chances[k + 1 :]) <= eps
    assert k == 0 or sum(chances[k:]) > eps


@pytest.mark.parametrize("n", [10**6, 10**9, 4 * 10**10, 10**14])
def test_likely_most_of_long_blocks_lies_below_chernoffs_bound_and_near_the_normal_law(n):
    """Wherever integers of 32 bits end."""
    p, eps = 0.01, 1e-13
    k = likely_most(n, p, eps)
    share, deviations = k / n, (k - n * p) / math.sqrt(n * p * (1 - p))
    divergence = share * math.log(share / p) + (1 - share) * math.log((1 - share) / (1 - p))
    assert n * divergence <= math.log(1 / eps) + 1e-3
    assert deviations == pytest.approx(7.349, abs=0.1)


@pytest.mark.parametrize(
    ("k", "n", "eps", "method", "fault"),
    [
        (3, 2, 0.1, "hoeffding", "share of successes"),
        (0, 0, 0.1, "hoeffding", "number of trials"),
        (1, 2, 0.0, "hoeffding", "failure probability"),
        (1, 2, float("nan"), "hoeffding", "failure probability"),
        (1, 2, 0.1, "wald", "method"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_no_count_or_no_probability_is_refused(k, n, eps, method, fault):
    with pytest.raises(ValueError, match=fault):
        lower_limit(k, n, eps, method)
