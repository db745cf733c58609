"""Lossy hardware, key rates of its tables, and thresholds, against independent computations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import entr

from qnetsim.security.chsh import chsh_deficit, chsh_entropy
from qnetsim.security.hardware import binned, correlator, pair_behaviour
from qnetsim.security.information import TSIRELSON, binary_entropy
from qnetsim.security.rates import (
    asymmetric_key_rate,
    chsh_key_rate,
    conditional_deficit,
    conditional_entropy,
    error_deficit,
    key_rate,
    optimal_flip,
    two_basis_key_rate,
)
from qnetsim.security.thresholds import threshold

Z, X = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
ETA_GRID = np.linspace(0.75, 0.95, 401)


def povm(angle, eta):
    observable = np.cos(angle) * Z + np.sin(angle) * X
    return [
        eta * (np.eye(2) + observable) / 2,
        eta * (np.eye(2) - observable) / 2,
        (1 - eta) * np.eye(2),
    ]


@pytest.mark.parametrize(("eta_a", "eta_b"), [(1.0, 1.0), (0.8, 0.8), (0.9, 0.6)])
def test_behaviour_is_that_of_density_matrices(eta_a, eta_b):
    theta, visibility, alice, bob = 0.4, 0.93, [0.1, 1.3], [0.5, -0.7, 0.2]
    psi = np.array([np.cos(theta), 0, 0, np.sin(theta)])
    rho = visibility * np.outer(psi, psi) + (1 - visibility) * np.eye(4) / 4
    table = pair_behaviour(theta, alice, bob, visibility, (eta_a, eta_b))
    assert table.shape == (2, 3, 3, 3)
    for x, y in np.ndindex(2, 3):
        expected = [
            [np.trace(rho @ np.kron(m, n)) for n in povm(bob[y], eta_b)]
            for m in povm(alice[x], eta_a)
        ]
        assert table[x, y] == pytest.approx(np.array(expected), abs=1e-15)


def test_depolarised_pair_errs_and_violates_as_it_should():
    error = np.array([0.0, 0.05])
    table = pair_behaviour(np.pi / 4, [0, np.pi / 2], [np.pi / 4, -np.pi / 4, 0], 1 - 2 * error)
    mean = correlator(table[..., :2, :2])
    assert mean[:, 0, 2] == pytest.approx(1 - 2 * error)
    s = mean[:, 0, 0] + mean[:, 0, 1] + mean[:, 1, 0] - mean[:, 1, 1]
    assert s == pytest.approx(TSIRELSON * (1 - 2 * error))


def test_a_round_without_a_click_counts_as_the_outcome_named():
    table = pair_behaviour(0.4, [0.1], [0.3], 1.0, (0.8, 0.7))[0, 0]
    plus, minus = binned(table, -2), binned(table, -1, outcome=1)
    assert plus == pytest.approx(np.array([table[0] + table[2], table[1]]))
    assert minus == pytest.approx(np.column_stack([table[:, 0], table[:, 1] + table[:, 2]]))


@given(st.lists(st.floats(0.01, 1), min_size=6, max_size=6), st.floats(0, 0.45))
def test_conditional_entropy_is_shannons(weights, flip):
    table = np.reshape(weights, (2, 3)) / sum(weights)
    noisy = (1 - flip) * table + flip * table[::-1]
    expected = (entr(noisy).sum() - entr(noisy.sum(axis=0)).sum()) / np.log(2)
    assert conditional_entropy(table, flip) == pytest.approx(expected, abs=1e-13)


def test_keeping_no_clicks_apart_never_costs_more_than_binning_them():
    table = pair_behaviour(0.5, [0.0], [0.0], 0.97, (ETA_GRID, ETA_GRID))[:, 0, 0]
    kept = binned(table, -2)
    assert (conditional_entropy(kept) <= conditional_entropy(binned(kept, -1)) + 1e-12).all()


def test_errors_without_preference_leave_the_binary_entropy():
    table = [[0.47, 0.03], [0.03, 0.47]]
    assert conditional_entropy(table) == pytest.approx(binary_entropy(0.06))
    assert conditional_deficit(table, 0.3) == pytest.approx(error_deficit(0.06, 0.3))


def test_rates_with_noise_are_entropies_less_the_cost_of_the_noisier_bits():
    s, q, flip = 2.6, 0.07, 0.2
    expected = chsh_entropy(s, flip) - binary_entropy(flip + (1 - 2 * flip) * q)
    assert chsh_key_rate(s, q, 0.5, flip) == pytest.approx(0.5 * expected, abs=1e-11)
    assert asymmetric_key_rate(s / 2, s / 2, q, 1.0, flip) >= expected
    assert two_basis_key_rate(s, q, q, 1.0, flip) >= expected


def test_best_noise_is_that_of_a_grid_and_makes_key_where_there_is_none_without():
    s, q = np.array([2.42, 2.6]), np.array([0.0725, 0.03])
    s[0] = TSIRELSON * (1 - 2 * q[0])
    best = optimal_flip(lambda flip: chsh_key_rate(s, q, 1.0, flip))
    grid = np.linspace(0, 0.5, 2001)
    rates = np.array([chsh_key_rate(s, q, 1.0, flip) for flip in grid])
    assert (chsh_key_rate(s, q, 1.0, best) >= rates.max(axis=0) - 1e-12).all()
    assert best == pytest.approx(grid[rates.argmax(axis=0)], abs=1e-3)
    assert chsh_key_rate(s, q, 1.0)[0] < 0 < chsh_key_rate(s, q, 1.0, best)[0]


def test_efficiency_threshold_is_where_the_rate_of_its_own_settings_ends():
    found = threshold("chsh", "eta", 1e-6, flip=0.3)
    p = found.parameters

    def excess(eta):
        alice, bob = [p["alice_0"], p["alice_1"]], [p["bob_0"], p["bob_1"], p["bob_key_0"]]
        table = binned(binned(pair_behaviour(p["state"], alice, bob, 1.0, (eta, eta)), -2), -1)
        mean = correlator(table)
        s = mean[0, 0] + mean[0, 1] + mean[1, 0] - mean[1, 1]
        rate = key_rate(chsh_deficit(s, 0.3), conditional_deficit(table[0, 2], 0.3), 1.0, 0.3)
        return rate / (1 - 0.6) ** 2 - 1e-6

    assert brentq(excess, 0.7, 1) == pytest.approx(found.value, abs=1e-8)


def test_no_random_settings_reach_a_lower_efficiency_than_the_threshold():
    found = threshold("chsh", "eta", 1e-6, flip=0.2)
    rng = np.random.default_rng(21)
    n = 5_000
    p, eta = found.parameters, found.value - 1e-4
    spread = 10 ** rng.uniform(-3, 0, (n, 1))
    angles = rng.normal(size=(n, 6)) * spread
    state = p["state"] * np.exp(angles[:, 0])
    alice = [p["alice_0"], p["alice_1"]] + angles[:, 1:3]
    bob = [p["bob_0"], p["bob_1"], p["bob_key_0"]] + angles[:, 3:]
    table = binned(binned(pair_behaviour(state, alice, bob, 1.0, (eta, eta)), -2), -1)
    mean = correlator(table)
    s = mean[:, 0, 0] + mean[:, 0, 1] + mean[:, 1, 0] - mean[:, 1, 1]
    eve = chsh_deficit(s, 0.2)
    assert (conditional_deficit(table[:, 0, 2], 0.2) - eve).max() < 1e-6


def test_thresholds_rise_and_fall_as_bounds_and_floors_do():
    assert threshold("two-basis", "qber", 1e-3).value < threshold("two-basis", "qber", 1e-6).value
    plain, kept = (threshold("chsh", "eta", 1e-4, keep_no_clicks=k).value for k in (False, True))
    assert kept < plain
    assert plain < threshold("chsh", "eta", 1e-4, state_angle=np.pi / 4).value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sdp", "qber", 1e-8), "unknown bound or quantity"),
        (("chsh", "length", 1e-8), "unknown bound or quantity"),
        (("chsh", "qber", 0.0), r"rate floor \(0.0\) must be positive"),
        (("chsh", "qber", 2.0), "no value of the quantity reaches the rate floor 2"),
        (("chsh", "eta", 2.0), "no value of the quantity reaches the rate floor 2"),
    ],
)
def test_impossible_thresholds_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        threshold(*arguments)


def test_impossible_tables_are_refused():
    with pytest.raises(ValueError, match=r"sum of probabilities \(0.8"):
        conditional_entropy([[0.4, 0.1], [0.1, 0.3]])
    with pytest.raises(ValueError, match=r"probability \(-0.1\)"):
        conditional_entropy([[0.6, -0.1], [0.1, 0.4]])
    with pytest.raises(ValueError, match=r"detection efficiency \(1.1\)"):
        pair_behaviour(0.4, [0.0], [0.0], 1.0, (1.1, 1.0))
