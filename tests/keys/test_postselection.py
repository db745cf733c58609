"""Post-selected noisy key rounds against counting them one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.keys.postselection import key_round_entropy

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)
unit = st.floats(0, 1)
inner = st.floats(0.01, 0.99)
weights = st.tuples(inner, inner, inner, inner)


def law(entries) -> np.ndarray:
    table = np.array(entries).reshape(2, 2)
    return table / table.sum()


@fixed
@given(entries=weights, keep=st.tuples(inner, inner, inner, inner), flip=unit)
def test_it_is_the_entropy_of_the_enumerated_rounds(entries, keep, flip):
    table, chances = law(entries), (keep[:2], keep[2:])
    joint: dict[tuple[int, int], float] = {}
    for (a, b), p in np.ndenumerate(table):
        for flipped, chance in ((0, 1 - flip), (1, flip)):
            key = (a ^ flipped, b)
            joint[key] = joint.get(key, 0.0) + p * chances[0][a] * chances[1][b] * chance
    kept = sum(joint.values())
    entropy = 0.0
    for (_, b), p in joint.items():
        of_bob = joint[0, b] + joint[1, b]
        entropy -= p / kept * math.log2(p / of_bob) if p else 0.0
    found = key_round_entropy(table, chances, flip)
    assert found[:2] == pytest.approx((kept, entropy), rel=1e-12, abs=1e-12)
    assert found[2:] == (0, 0)


@fixed
@given(entries=weights)
def test_a_fair_flip_leaves_one_bit_and_certain_outcomes_none(entries):
    assert key_round_entropy(law(entries), ((1, 1), (1, 1)), 0.5).entropy_bits == pytest.approx(1)
    assert key_round_entropy(np.eye(2) / 2, ((1, 1), (1, 1)), 0.0) == (1, 0, 0, 0)
    assert key_round_entropy(law(entries), ((0, 0), (1, 1)), 0.1) == (0, 0, 0, 0)


def test_standard_errors_are_the_spread_of_drawn_rounds():
    """4000 draws: the spread of each figure is known to 1.1 %, five times which is allowed."""
    table, chances, rounds = law((0.6, 0.05, 0.03, 0.32)), ((0.7, 1.0), (0.8, 1.0)), 20_000
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(rounds, table.ravel(), 4000).reshape(-1, 2, 2) / rounds
    found = np.array([key_round_entropy(shares, chances, 0.1, rounds) for shares in drawn])
    np.testing.assert_allclose(found[:, :2].std(axis=0), found[:, 2:].mean(axis=0), rtol=0.056)
