"""Outcomes, CHSH values, and rounds drawn in bulk or in order, against enumeration and counting."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from qnetsim.physics.pair_bell_test import (
    chsh_value,
    correlators,
    draw_counts,
    draw_rounds,
    outcome_table,
)
from qnetsim.physics.spdc import PairState, Receiver, linear, pair_clicks

FALSE_ALARM = 1e-6
OUTCOMES = (1, -1)
fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)

# --- outcomes ------------------------------------------------------------------------------------

rules = st.lists(st.floats(0, 1), min_size=4, max_size=4)


@fixed
@given(alice=rules, bob=st.lists(st.floats(0, 1), min_size=2, max_size=2), seed=st.integers(0, 99))
def test_each_party_reads_its_own_clicks(alice: list[float], bob: list[float], seed: int) -> None:
    clicks = np.random.default_rng(seed).dirichlet(np.ones(8), size=(2, 3)).reshape(2, 3, 4, 2)
    wanted = np.zeros((2, 3, 2, 2))
    for c, d, i, j in product(range(4), range(2), range(2), range(2)):
        p_a = alice[c] if OUTCOMES[i] == 1 else 1 - alice[c]
        p_b = bob[d] if OUTCOMES[j] == 1 else 1 - bob[d]
        wanted[:, :, i, j] += clicks[:, :, c, d] * p_a * p_b
    table = outcome_table(clicks, (alice, bob))
    np.testing.assert_allclose(table, wanted, rtol=0, atol=1e-15)
    mean = sum(
        a * b * table[..., i, j] for i, a in enumerate(OUTCOMES) for j, b in enumerate(OUTCOMES)
    )
    np.testing.assert_allclose(correlators(table), mean, rtol=0, atol=1e-15)


def test_no_click_may_stand_for_either_outcome() -> None:
    clicks = np.array([[0.9, 0.05], [0.03, 0.02]])
    np.testing.assert_array_equal(outcome_table(clicks, ((1, 0), (1, 0))), clicks)
    np.testing.assert_array_equal(outcome_table(clicks, ((0, 1), (0, 1))), clicks[::-1, ::-1])


def test_perfect_pairs_reach_tsirelsons_bound() -> None:
    receivers = (Receiver((1.0, 1.0)), Receiver((1.0, 1.0)))
    alice, bob = linear([0, np.pi / 4])[:, None], linear([3 * np.pi / 8, 5 * np.pi / 8])
    clicks = pair_clicks(PairState(np.pi / 4), (alice, bob), receivers)
    table = outcome_table(clicks, ((1, 1, 0, 0), (1, 1, 0, 0)))
    assert chsh_value(correlators(table)) == pytest.approx(2 * math.sqrt(2), abs=1e-14)


def test_no_local_strategy_exceeds_two() -> None:
    for a0, a1, b0, b1 in product(OUTCOMES, repeat=4):
        assert abs(chsh_value(np.outer([a0, a1], [b0, b1]).astype(float))) == 2


@fixed
@given(eta=st.floats(0, 1))
def test_loss_lowers_s_as_enumeration_says(eta: float) -> None:
    """No click read as +1: S = 2 sqrt2 eta^2 + 2 (1 - eta)^2 for the optimal analysers."""
    receivers = (Receiver((eta,)), Receiver((eta,)))
    alice, bob = linear([0, np.pi / 4])[:, None], linear([3 * np.pi / 8, 5 * np.pi / 8])
    clicks = pair_clicks(PairState(np.pi / 4), (alice, bob), receivers)
    s = chsh_value(correlators(outcome_table(clicks, ((1, 0), (1, 0)))))
    assert s == pytest.approx(2 * math.sqrt(2) * eta**2 + 2 * (1 - eta) ** 2, abs=1e-12)


# --- drawing -------------------------------------------------------------------------------------

TABLE = np.array(
    [
        [[[0.93, 0.02], [0.02, 0.03]], [[1 - 1.5e-4, 1e-4], [3e-5, 2e-5]]],
        [[[0.25, 0.25], [0.25, 0.25]], [[1 - 2.1e-5, 1.4e-5], [5e-6, 2e-6]]],
    ]
)
"""Down to an eighth of a cell of 2^-16."""

IN_TURN = [(x, y, 20_000_000) for x in range(2) for y in range(2)]


def tally(chunks, shape: tuple[int, int]) -> NDArray[np.int64]:
    counts = np.zeros((*shape, 2, 2), dtype=np.int64)
    for x, y, a, b in chunks:
        assert x.dtype == y.dtype == a.dtype == b.dtype == np.int8
        assert np.all(x == x[0]) and np.all(y == y[0])  # noqa: PT018
        for (i, alice), (j, bob) in product(enumerate(OUTCOMES), repeat=2):
            counts[x[0], y[0], i, j] += np.count_nonzero((a == alice) & (b == bob))
    return counts


def assert_law(counts: NDArray[np.int64], table: NDArray[np.float64]) -> None:
    """Each setting's counts pass a chi-square test; all expected counts are 40 or more."""
    for x, y in np.ndindex(*table.shape[:2]):
        observed, law = counts[x, y].ravel(), table[x, y].ravel()
        assert observed.sum() * law.min() >= 40
        test = stats.chisquare(observed, observed.sum() * law)
        assert test.pvalue > FALSE_ALARM / 4, (x, y, observed)


def test_counts_follow_the_table() -> None:
    counts = draw_counts(TABLE, 20_000_000, np.random.default_rng(1))
    np.testing.assert_array_equal(counts.sum(axis=(-2, -1)), 20_000_000)
    assert_law(counts, TABLE)


def test_rounds_in_order_follow_the_same_table() -> None:
    counts = tally(draw_rounds(TABLE, IN_TURN, np.random.default_rng(2)), (2, 2))
    np.testing.assert_array_equal(counts.sum(axis=(-2, -1)), 20_000_000)
    assert_law(counts, TABLE)


def test_rounds_are_independent_of_the_round_before() -> None:
    """Pairs of consecutive rounds have the product law, within chunks and across them."""
    table = np.array([[[[0.4, 0.3], [0.2, 0.1]]]])
    rng = np.random.default_rng(3)
    codes = np.concatenate(
        [(a < 0) * 2 + (b < 0) for _, _, a, b in draw_rounds(table, [(0, 0, 2_000_001)], rng, 1001)]
    )
    pairs = np.bincount(codes[:-1:2] * 4 + codes[1::2], minlength=16)
    law = np.outer(table.ravel(), table.ravel()).ravel()
    assert stats.chisquare(pairs, law * pairs.sum()).pvalue > FALSE_ALARM


def test_settings_come_as_scheduled_in_chunks_of_bounded_size() -> None:
    schedule = [(0, 1, 2500), (1, 0, 1000), (0, 1, 1)]
    chunks = list(draw_rounds(TABLE, schedule, np.random.default_rng(4), chunk=1000))
    assert [(c.x[0], c.y[0], len(c.a)) for c in chunks] == [
        (0, 1, 1000), (0, 1, 1000), (0, 1, 500), (1, 0, 1000), (0, 1, 1),
    ]  # fmt: skip
    for chunk in chunks:
        assert {len(column) for column in chunk} == {len(chunk.a)}


def test_a_schedule_of_any_length_starts_at_once() -> None:
    first = next(draw_rounds(TABLE, [(0, 0, 10**15)], np.random.default_rng(5)))
    assert len(first.a) == 1 << 18


@pytest.mark.parametrize("certain", range(4))
def test_what_is_certain_happens(certain: int) -> None:
    table = np.zeros(4)
    table[certain] = 1
    rng = np.random.default_rng(6)
    counts = tally(draw_rounds(table.reshape(1, 1, 2, 2), [(0, 0, 10_000)], rng), (1, 1))
    assert counts.ravel()[certain] == 10_000
    assert draw_counts(table.reshape(1, 1, 2, 2), 10_000, rng).ravel()[certain] == 10_000


def test_the_same_seed_gives_the_same_rounds() -> None:
    one, two = (
        list(draw_rounds(TABLE, [(0, 0, 5000)], np.random.default_rng(7))) for _ in range(2)
    )
    for first, second in zip(one, two, strict=True):
        for left, right in zip(first, second, strict=True):
            np.testing.assert_array_equal(left, right)


def test_as_many_rounds_as_the_experiment_had_are_counted() -> None:
    counts = draw_counts(np.full((2, 3, 2, 2), 0.25), 240_000_000, np.random.default_rng(8))
    np.testing.assert_array_equal(counts.sum(axis=(2, 3)), 240_000_000)


def test_rounds_come_in_chunks_that_do_not_grow_with_their_number() -> None:
    sizes = [
        len(c.a) for c in draw_rounds(TABLE, [(0, 0, 2_500_000)], np.random.default_rng(9), 1000)
    ]
    assert max(sizes) == 1000
    assert sum(sizes) == 2_500_000
