"""Entropy accumulation from affine bounds: the bounds themselves, the constants, the limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.finite.accumulation import (
    accumulated_key_length,
    affine_tradeoff,
    best_chsh_key_length,
    chsh_tradeoff,
    second_order_bits,
)
from qnetsim.security.finite.block import Block
from qnetsim.security.finite.renyi import renyi_key_length
from qnetsim.security.finite.smoothed import smoothed_key_length
from qnetsim.security.information import TSIRELSON, binary_entropy

QUARTERS = np.full((2, 2), 0.25)
repeatable = settings(deadline=None, derandomize=True, max_examples=60)


def chsh_coefficients(s):
    """The tangent of the CHSH entropy as an affine bound on P(a, b|x, y)."""
    slope = (chsh_entropy(s + 1e-6) - chsh_entropy(s - 1e-6)) / 2e-6
    signs = np.array([1, -1])
    terms = np.array([[1, 1], [1, -1]])[:, :, None, None] * signs[:, None] * signs
    return float(chsh_entropy(s) - slope * s), slope * terms


def isotropic(s):
    """Behaviour of CHSH value s with unbiased outcomes."""
    signs = np.array([1, -1])
    game = np.array([[1, 1], [1, -1]])[:, :, None, None] * signs[:, None] * signs
    return (1 + game * s / 4) / 4


@repeatable
@given(touch=st.floats(2.01, 2.82), s=st.floats(-TSIRELSON, TSIRELSON))
def test_tangent_lies_nowhere_above_the_entropy_and_touches_it(touch, s):
    tradeoff = chsh_tradeoff(touch)
    assert tradeoff.value(0.5 + s / 8) <= chsh_entropy(s) + 1e-9
    assert tradeoff.value(0.5 + touch / 8) == pytest.approx(float(chsh_entropy(touch)), abs=1e-9)


def test_scores_of_an_affine_bound_average_to_its_value():
    rng = np.random.default_rng(2)
    coefficients, chances = rng.normal(size=(2, 3, 2, 2)), rng.dirichlet(np.ones(6)).reshape(2, 3)
    tradeoff, scores = affine_tradeoff(0.3, coefficients, chances, 0.0)
    for _ in range(20):
        behaviour = rng.dirichlet(np.ones(4), size=(2, 3)).reshape(2, 3, 2, 2)
        mean = (chances[:, :, None, None] * behaviour * scores).sum()
        expected = 0.3 + (coefficients * behaviour).sum()
        assert tradeoff.value(mean) == pytest.approx(expected, abs=1e-12)
    assert scores.min() == 0
    assert scores.max() == 1


def test_affine_chsh_bound_has_the_scores_of_the_game():
    tradeoff, scores = affine_tradeoff(*chsh_coefficients(2.6), QUARTERS, 0.0)
    assert set(np.unique(scores)) == {0.0, 1.0}
    assert tradeoff.value(0.5 + 2.6 / 8) == pytest.approx(float(chsh_entropy(2.6)), abs=1e-9)
    assert (isotropic(2.6) * scores / 4).sum() == pytest.approx(0.5 + 2.6 / 8)


def test_bounds_that_no_test_can_check_are_refused():
    unplayed = np.array([[0.5, 0.5], [0.0, 0.0]])
    with pytest.raises(ValueError, match="no test plays"):
        affine_tradeoff(*chsh_coefficients(2.6), unplayed, 0.1)
    with pytest.raises(ValueError, match="constant"):
        affine_tradeoff(0.1, np.zeros((2, 2, 2, 2)), QUARTERS, 0.1)
    with pytest.raises(ValueError, match="binary"):
        affine_tradeoff(0.1, np.ones((2, 2, 2, 3)), QUARTERS, 0.1)
    with pytest.raises(ValueError, match="sum of the settings"):
        affine_tradeoff(*chsh_coefficients(2.6), QUARTERS / 2, 0.1)
    with pytest.raises(ValueError, match="test fraction"):
        affine_tradeoff(*chsh_coefficients(2.6), QUARTERS, 1.1)


def test_affine_bound_claims_no_entropy_of_tests_whose_outcome_is_known():
    """Ideal devices, and a third setting with a fixed outcome in nine tests of ten."""
    constant, game = chsh_coefficients(2.8)
    coefficients, behaviour = np.zeros((3, 2, 2, 2)), np.full((3, 2, 2, 2), 0.5)
    coefficients[:2], behaviour[:2] = game, isotropic(TSIRELSON)
    behaviour[2, :, 1] = 0
    chances = np.array([[0.025, 0.025], [0.025, 0.025], [0.45, 0.45]])
    gamma, known = 0.5, 0.9
    tradeoff, scores = affine_tradeoff(constant, coefficients, chances, gamma)
    mean = (chances[:, :, None, None] * behaviour * scores).sum()
    claimed = constant + (coefficients * behaviour).sum()
    assert tradeoff.value(mean) == pytest.approx((1 - gamma) * claimed)
    assert tradeoff.value(mean) <= 1 - gamma * known < claimed


def test_affine_bound_is_refused_for_blocks_that_test_more_often_than_it_is_for():
    tradeoff, _ = affine_tradeoff(*chsh_coefficients(2.6), QUARTERS, 0.1)
    assert accumulated_key_length(Block(10**9, 0.1, 0.83, 0.0), tradeoff, 1e-9).bits > 0
    with pytest.raises(ValueError, match="test fraction of the block"):
        accumulated_key_length(Block(10**9, 0.11, 0.83, 0.0), tradeoff, 1e-9)


def test_second_order_is_the_variance_formula_at_the_worst_score():
    """Against a plain grid over the chance to win, with f written out as three values."""
    gamma, order, tradeoff = 0.05, 1.0006, chsh_tradeoff(2.5)
    f = np.array([tradeoff.won - (tradeoff.won - tradeoff.lost) / gamma, tradeoff.won])
    worst = -np.inf
    for win in np.linspace(0.5 - 0.125**0.5, 0.5 + 0.125**0.5, 4001):
        p = np.array([gamma * (1 - win), 1 - gamma * (1 - win)])
        variance = p @ f**2 - (p @ f) ** 2
        v = math.log(2) / 2 * (math.log2(33) + math.sqrt(2 + variance)) ** 2
        worst = max(worst, (order - 1) * v - float(chsh_entropy(8 * win - 4)) + p @ f)
    found, _ = second_order_bits(tradeoff, gamma, order)
    assert worst <= found < worst + 1e-5


def test_spread_is_no_smaller_than_the_variance_of_any_scores():
    """And the same for scores that are won or lost."""
    rng, gamma, tradeoff = np.random.default_rng(8), 0.07, chsh_tradeoff(2.5)
    for number in (2, 2, 5, 16):
        scores = np.append(rng.random(number - 2), [0.0, 1.0])
        p = rng.dirichlet(np.ones(number))
        f = tradeoff.won - (tradeoff.won - tradeoff.value(scores)) / gamma
        law, values = np.append(gamma * p, 1 - gamma), np.append(f, tradeoff.won)
        variance = law @ values**2 - (law @ values) ** 2
        assert law @ values == pytest.approx(float(tradeoff.value(p @ scores)), abs=1e-9)
        spread = float(tradeoff.spread(np.array(p @ scores), gamma))
        assert variance <= spread * (1 + 1e-9)
        assert number > 2 or variance == pytest.approx(spread, rel=1e-9)


def test_third_order_is_the_formula():
    tradeoff, order = chsh_tradeoff(2.5), 1.01
    width = 2 + tradeoff.won - float(tradeoff.value(0.5 - 0.125**0.5))
    cube = math.log(2**width + math.e**2) ** 3
    expected = 0.01**2 * 2 ** (0.01 * width) * cube / (6 * 0.99**3 * math.log(2))
    assert second_order_bits(tradeoff, 0.1, order)[1] == pytest.approx(expected, rel=1e-9)


def test_affine_bound_gives_less_key_than_the_game_it_comes_from_and_not_much_less():
    """It knows neither the entropy off the tangent nor that of tests nor that scores are few."""
    block = Block(10**8, 0.02, 0.5 + 2.6 / 8, 0.0)
    game = accumulated_key_length(block, chsh_tradeoff(2.58), 1e-10)
    affine = accumulated_key_length(
        block, affine_tradeoff(*chsh_coefficients(2.58), QUARTERS, 0.02)[0], 1e-10
    )
    assert 0 < game.bits - affine.bits < 2 * 0.02 * block.rounds


@pytest.mark.parametrize("s", [2.3, 2.7])
def test_long_blocks_approach_the_asymptotic_rate_less_the_scores(s):
    """The cost falls with the square root of n."""
    gamma = 1e-2
    short, long = (
        best_chsh_key_length(Block(n, gamma, 0.5 + s / 8, 0.0), 1e-10).rate_bits_per_round
        for n in (10**9, 4 * 10**9)
    )
    score = gamma * float(binary_entropy(0.5 - s / 8))
    assert short < long < float(chsh_entropy(s)) - score
    assert 2 * long - short == pytest.approx(float(chsh_entropy(s)) - score, abs=5e-4)


@settings(deadline=None, derandomize=True, max_examples=3)
@given(n=st.integers(10**5, 10**9), gamma=st.floats(0.005, 0.3), eps=st.floats(1e-18, 1e-3))
def test_longer_blocks_and_laxer_soundness_make_more_key(n, gamma, eps):
    def rate(rounds, sound):
        return best_chsh_key_length(Block(rounds, gamma, 0.83, 0.0), sound).bits / rounds

    assert rate(n, eps) <= rate(3 * n, eps) + 1e-6
    assert rate(n, eps) <= rate(n, min(16 * eps, 0.5)) + 1e-6


@pytest.mark.parametrize(("n", "win"), [(400_000, 0.835), (3_000_000, 0.82), (10**8, 0.80)])
def test_each_analysis_is_tighter_than_the_one_before(n, win):
    block = Block(n, 0.05, win, 0.2 * n)
    lengths = [
        smoothed_key_length(block, 1e-10, 1e-13).bits,
        best_chsh_key_length(block, 1e-10).bits,
        renyi_key_length(block, 1e-10).bits,
    ]
    assert lengths == sorted(lengths)
    assert lengths[-1] < n * float(chsh_entropy(8 * win - 4)) - block.leak_bits


LENGTHS = [
    renyi_key_length,
    best_chsh_key_length,
    lambda block, eps: accumulated_key_length(block, chsh_tradeoff(2.8), eps),
    lambda block, eps: smoothed_key_length(block, eps, eps / 1e3),
]


@pytest.mark.parametrize("length", LENGTHS)
def test_win_thresholds_that_no_quantum_device_reaches_are_refused(length):
    with pytest.raises(ValueError, match="no quantum device reaches more"):
        length(Block(10**6, 0.05, 0.8536, 0.0), 1e-10)
    assert length(Block(10**6, 0.05, 0.5 + TSIRELSON / 8, 0.0), 1e-10).key_length_bits > 0


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("n", "gamma"), [(50, 0.5), (10**4, 0.01), (10**5, 1e-4)])
def test_no_key_is_longer_than_its_raw_key_however_little_the_theorem_says(length, n, gamma):
    """So few tests that passing is rarer than eps_sound for all devices, or nearly."""
    for eps in (0.5, 0.99):
        key = length(Block(n, gamma, 0.8535, 0.0), eps)
        assert key.key_length_bits <= n
        assert key.bits == pytest.approx(sum(term.bits for term in key.terms))


@pytest.mark.parametrize("length", LENGTHS)
def test_attacks_that_no_length_covers_are_excluded_by_name(length):
    """Eve must not send states by what was announced; devices must not know what is a test."""
    stated = " ".join(length(Block(10**5, 0.05, 0.83, 0.0), 1e-3).assumptions)
    for words in ("announced after the last round", "left Eve", "not whether the round is a test"):
        assert words in stated


@pytest.mark.parametrize("length", LENGTHS)
def test_failure_probabilities_as_small_as_numbers_go_are_taken(length):
    block = Block(10**9, 0.05, 0.84, 0.0)
    assert 0 < length(block, 1e-290).bits < length(block, 1e-100).bits


def test_smoothed_split_respects_its_constraints():
    epsilons = smoothed_key_length(Block(1_500_000, 0.05, 0.82, 0.0), 1e-10, 2**-61).epsilons
    sound = max(epsilons["eps_ea"], epsilons["eps_pa"] + 2 * epsilons["eps_smooth"])
    assert sound + 4 * epsilons["eps_hash"] == pytest.approx(1e-10, rel=1e-9)
    parts = (epsilons[f"eps_{name}"] for name in ("smooth_min", "smooth_max", "chain"))
    assert sum(w * part for w, part in zip((1, 2, 1), parts, strict=True)) == pytest.approx(
        epsilons["eps_smooth"], rel=1e-9
    )
