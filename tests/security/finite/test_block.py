"""Blocks: what is counted, how failures add up, and what privacy amplification costs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from qnetsim.security.finite.block import Block, hashing_term, honest_threshold, split
from qnetsim.security.finite.terms import KeyLength, Term, capped

repeatable = settings(deadline=None, derandomize=True, max_examples=60)


@repeatable
@given(
    eps=st.floats(1e-30, 0.5),
    excess=st.floats(1e-6, 1),
    share=st.floats(1e-9, 0.3),
)
def test_failure_probabilities_add_up_to_eps_sound_with_the_hash_counted_twice(eps, excess, share):
    shares = split(eps, 1 + excess, share)
    named = shares.epsilons()
    assert named["eps_sound"] == pytest.approx(eps, rel=1e-12)
    assert named["eps_pa"] + named["eps_tests"] + 2 * named["eps_hash"] == named["eps_sound"]
    assert shares.pa > 0
    assert 2 * named["eps_hash"] <= eps * excess / (1 + excess) * (1 + 1e-9)


@pytest.mark.parametrize("lost", [0, 3, 10])
def test_score_bits_name_every_pattern_of_lost_tests(lost):
    block = Block(400, 0.1, 1 - lost / 40, 0.0)
    assert block.lost_most == lost
    tests = block.tests_most(1e-3)
    patterns = sum(math.comb(tests, j) for j in range(lost + 1))
    assert math.log2(patterns) <= block.score_bits(1e-3) < math.log2(patterns) + 6


def test_blocks_without_a_test_have_no_scores_to_pay_for():
    for block in (Block(1000, 1e-12, 0.8, 0.0), Block(1, 1e-6, 0.8, 0.0)):
        assert block.tests_most(0.1) == block.score_bits(0.1) == 0


def test_more_tests_than_counted_on_come_with_eps_at_most():
    tests = Block(400, 0.1, 0.8, 0.0).tests_most(1e-6)
    exceeding = sum(math.comb(400, k) * 0.1**k * 0.9 ** (400 - k) for k in range(tests + 1, 401))
    assert exceeding <= 1e-6


@pytest.mark.parametrize("eps", [0.3, 1e-2, 1e-5])
def test_honest_devices_miss_their_threshold_with_eps_complete_at_most(eps):
    n, gamma, s = 500, 0.2, 2.5
    lost = Block(n, gamma, honest_threshold(n, gamma, s, eps), 0.0).lost_most
    loss = gamma * (0.5 - s / 8)
    chances = [math.comb(n, k) * loss**k * (1 - loss) ** (n - k) for k in range(n + 1)]
    assert sum(chances[lost + 1 :]) <= eps < sum(chances[lost:])


@pytest.mark.parametrize("alpha", [1.2, 1.6, 2.0])
def test_hashing_is_as_secret_as_the_leftover_hash_lemma_for_renyi_entropies_says(alpha):
    """All linear functions of two bits, random states of a qubit that Eve holds."""
    rng = np.random.default_rng(5)
    strings = list(itertools.product((0, 1), repeat=2))
    for _ in range(6):
        states = _random_ensemble(rng, 4)
        distance = np.mean([_distance(states, strings, row) for row in strings])
        length, entropy = 1, _renyi_entropy(states, alpha)
        eps = 2 ** (2 / alpha - 2) * 2 ** ((alpha - 1) / alpha * (length - entropy))
        assert distance <= eps * (1 + 1e-6)
        assert hashing_term(alpha, eps).bits == pytest.approx(length - entropy, abs=1e-9)


def test_sum_of_the_table_rounded_down_is_the_length_and_never_negative():
    def made_of(*bits):
        terms = tuple(Term("x", b, "y") for b in bits)
        return KeyLength("a", "general", (), 10, terms, {})

    assert made_of(5.75, -2.25).bits == 3.5
    assert made_of(5.75, -2.25).key_length_bits == 3
    assert made_of(5.75, -2.25).rate_bits_per_round == 0.3
    assert made_of(1.0, -2.25).bits == -1.25
    assert made_of(1.0, -2.25).key_length_bits == 0


def test_entropy_is_cut_at_the_raw_keys_bits_even_where_floats_are_coarse():
    few, many = (Term("x", 5.0, "y"), Term("z", 4.0, "y")), (Term("x", 1e23, "y"),)
    assert capped(few, 9.0) == few
    for terms in (few, many):
        assert KeyLength("a", "general", (), 8, capped(terms, 8.0), {}).key_length_bits <= 8


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        ((0, 0.1, 0.8, 0.0), "rounds"),
        ((100, 0.0, 0.8, 0.0), "test fraction"),
        ((100, 0.6, 0.8, 0.0), "test fraction"),
        ((100, 0.1, 1.1, 0.0), "win threshold"),
        ((100, 0.1, 0.8, -1.0), "leak"),
        ((100, 0.1, float("nan"), 0.0), "win threshold"),
    ],
)
def test_blocks_out_of_range_are_refused_by_name(block, fault):
    with pytest.raises(ValueError, match=fault):
        Block(*block)


def _random_ensemble(rng, number):
    """Subnormalised qubit states that add up to a state."""
    vectors = rng.normal(size=(number, 2, 2)) + 1j * rng.normal(size=(number, 2, 2))
    states = vectors @ vectors.conj().transpose(0, 2, 1) * rng.exponential(size=(number, 1, 1))
    return states / np.trace(states.sum(0)).real


def _distance(states, strings, row):
    """Half the trace norm between key and Eve's state, and a uniform key and hers."""
    difference = sum(
        (-1) ** (np.dot(row, string) % 2) * state
        for string, state in zip(strings, states, strict=True)
    )
    return np.abs(np.linalg.eigvalsh(difference)).sum() / 2


def _renyi_entropy(states, alpha):
    """The sandwiched entropy, its conditioning state optimised."""

    def loss(x):
        root = np.array([[x[0], x[1] + 1j * x[2]], [0, x[3]]])
        values, vectors = np.linalg.eigh(root @ root.conj().T + 1e-9 * np.eye(2))
        values = (values / values.sum()) ** ((1 - alpha) / (2 * alpha))
        power = (vectors * values) @ vectors.conj().T
        spectra = np.linalg.eigvalsh(power @ states @ power).clip(0)
        return np.log2((spectra**alpha).sum()) / (alpha - 1)

    return -minimize(loss, [1, 0, 0, 1], method="Nelder-Mead", options={"maxiter": 250}).fun
