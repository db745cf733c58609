"""Key lengths against collective attacks: limits, monotony, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.finite.collective import Sample, collective_key_length

repeatable = settings(deadline=None, derandomize=True, max_examples=30)
METHODS = ["hoeffding", "clopper-pearson"]


def bits(n, eps, s=2.6, method="hoeffding"):
    sample = Sample(n, n / 4, n / 2, 0.5 + s / 8, 0.1 * n)
    return collective_key_length(sample, chsh_entropy, eps, method).bits


@repeatable
@given(n=st.integers(10**4, 10**12), eps=st.floats(1e-20, 0.1), method=st.sampled_from(METHODS))
def test_longer_blocks_and_laxer_soundness_make_more_key(n, eps, method):
    assert bits(n, eps, method=method) / n <= bits(2 * n, eps, method=method) / 2 / n + 1e-5
    assert bits(n, eps, method=method) <= bits(n, 2 * eps, method=method) + 0.1


@pytest.mark.parametrize("method", METHODS)
def test_long_blocks_approach_the_asymptotic_rate(method):
    n = 10**14
    expected = float(chsh_entropy(2.6)) / 4 - 0.1
    assert bits(n, 1e-10, method=method) / n == pytest.approx(expected, abs=1e-5)


def test_failure_probabilities_add_up_to_eps_sound():
    sample = Sample(10**6, 2.5e5, 5e5, 0.82, 1e4)
    found = collective_key_length(sample, chsh_entropy, 1e-8).epsilons
    secret = max(found["eps_estimate"], found["eps_pa"] + 2 * found["eps_smooth"])
    assert secret + found["eps_hash"] == pytest.approx(1e-8, rel=1e-12)


def test_clopper_pearson_limit_costs_less_than_hoeffdings():
    assert bits(10**5, 1e-6, method="clopper-pearson") > bits(10**5, 1e-6)


def test_split_is_the_best_of_many():
    """The same formula over a grid of splits, written out."""
    n, eps, s = 10**5, 1e-6, 2.6
    best = -np.inf
    for hashed in np.logspace(-4, -0.3, 30) * eps:
        for pa in np.logspace(-4, -0.3, 60) * (eps - hashed):
            smooth = (eps - hashed - pa) / 2
            limit = s - 8 * np.sqrt(np.log(1 / (eps - hashed)) / n)
            length = (
                n / 4 * chsh_entropy(limit)
                - 2 * np.log2(5) * np.sqrt(n / 4 * np.log2(2 / smooth**2))
                - 0.1 * n
                + np.log2(hashed)
                - 2 * np.log2(1 / (2 * pa))
            )
            best = max(best, float(length))
    assert bits(n, eps, s) == pytest.approx(best, abs=1.5)


def test_bayesian_limits_make_no_key():
    with pytest.raises(ValueError, match="bayesian"):
        bits(10**5, 1e-6, method="bayesian")


@pytest.mark.parametrize(
    ("sample", "fault"),
    [
        ((0, 1.0, 1.0, 0.8, 0.0), "number of rounds"),
        ((10, 6.0, 6.0, 0.8, 0.0), "key and test rounds"),
        ((10, 6.0, 0.0, 0.8, 0.0), "key or test rounds"),
        ((10, 5.0, 5.0, 1.8, 0.0), "win threshold"),
        ((10, 5.0, 5.0, 0.8, -1.0), "leak"),
    ],
)
def test_samples_out_of_range_are_refused_by_name(sample, fault):
    with pytest.raises(ValueError, match=fault):
        Sample(*sample)
