"""Key lengths against collective attacks: limits, monotony, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import gammaln

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.finite import collective
from qnetsim.security.finite.collective import Sample, collective_key_length
from qnetsim.security.information import binary_entropy

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


@pytest.mark.parametrize("method", METHODS)
def test_failure_probabilities_as_small_as_numbers_go_are_taken(method):
    assert 0 < bits(10**8, 1e-300, method=method) < bits(10**8, 1e-200, method=method)


def test_entropy_above_a_bit_a_round_makes_no_key_longer_than_the_raw_key():
    sample = Sample(10**4, 2500, 5000, 0.85, 0.0)
    assert collective_key_length(sample, lambda s: 9 + 0 * s, 0.9).key_length_bits <= 2500


def test_numbers_of_key_and_test_rounds_are_stated_to_be_waited_for():
    sample = Sample(10**4, 2500, 5000, 0.85, 0.0)
    stated = collective_key_length(sample, chsh_entropy, 1e-5).assumptions
    assert any("rounds are played until" in text for text in stated)


@pytest.mark.parametrize("n", [30, 300, 3000])
@pytest.mark.parametrize("chance", [0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("eps", [0.1, 1e-3, 1e-6])
def test_independent_bits_have_the_smooth_min_entropy_of_the_equipartition(n, chance, eps):
    """Biased bits that Eve knows nothing else of, their likeliest strings cut to a level.

    Cutting eps^2/2 of the probability is a purified distance of eps at most.
    """
    ones = np.arange(n + 1)
    strings = gammaln(n + 1) - gammaln(ones + 1) - gammaln(n - ones + 1)
    each = ones * np.log(chance) + (n - ones) * np.log1p(-chance)

    def excess(level):
        return np.exp(strings + each) @ -np.expm1(np.minimum(level - each, 0)) - eps**2 / 2

    level = brentq(excess, each.min() - 1, each.max(), xtol=1e-9)
    entropy = n * float(binary_entropy(chance))
    assert -level / np.log(2) >= entropy - collective._equipartition(n, eps)


def test_equipartition_rests_on_a_renyi_inequality_that_random_states_obey():
    """H_alpha >= H - (alpha - 1) log2(1 + 2d)^2 for a bit about which Eve holds a qubit."""
    rng, constant = np.random.default_rng(4), collective._EQUIPARTITION / 2
    for _ in range(300):
        parts = _bit_and_qubit(rng)
        alpha = 1 + 10 ** rng.uniform(-2, -np.log10(constant))
        eve = parts.sum(0)
        power = _power(eve, (1 - alpha) / (2 * alpha))
        kept = (np.linalg.eigvalsh(power @ parts @ power).clip(0) ** alpha).sum()
        renyi = -np.log2(kept) / (alpha - 1)
        entropy = sum(map(_entropy, parts)) - _entropy(eve)
        assert renyi >= entropy - (alpha - 1) * constant**2


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
        ((10, 5.0, 5.0, 0.8536, 0.0), "no quantum device reaches more"),
        ((10, 5.0, 5.0, 0.8, -1.0), "leak"),
    ],
)
def test_samples_out_of_range_are_refused_by_name(sample, fault):
    with pytest.raises(ValueError, match=fault):
        Sample(*sample)


def _bit_and_qubit(rng):
    """Eve's two subnormalised states, likely or not, pure or not."""
    chance = 10 ** rng.uniform(-4, np.log10(0.5))
    parts = []
    for weight in (chance, 1 - chance):
        values = 10 ** rng.uniform(-5, 0, size=2)
        noise = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
        basis = np.linalg.qr(noise)[0]
        parts.append(weight * (basis * (values / values.sum())) @ basis.conj().T)
    return np.array(parts)


def _power(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.conj().T


def _entropy(matrix):
    values = np.linalg.eigvalsh(matrix)
    return -(values * np.log2(values)).sum()
