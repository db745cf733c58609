"""Outcomes, CHSH values, and rounds drawn in bulk or in order, against enumeration and counting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from qnetsim.physics.pair_bell_test import (
    RoundChunk,
    chsh_value,
    correlators,
    count_rounds,
    draw_counts,
    draw_rounds,
    drawn_settings,
    held_settings,
    outcome_table,
)
from qnetsim.physics.spdc import PairState, Receiver, linear, pair_clicks

FALSE_ALARM = 1e-6
Real = NDArray[np.float64]
Inputs = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Chunks = Callable[[int, int], Iterator[RoundChunk]]
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
"""Down to a 2000th of a cell of 2^-8."""

CHUNK = 1 << 18


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def held(rounds: int, seed: int, table: Real = TABLE) -> Iterator[RoundChunk]:
    """Rounds with each pair of settings in turn."""
    schedule = [(x, y, rounds) for x, y in np.ndindex(*table.shape[:2])]
    return draw_rounds(table, held_settings(schedule, CHUNK), rng(seed))


def drawn(rounds: int, seed: int, table: Real = TABLE) -> Iterator[RoundChunk]:
    """Rounds with settings drawn."""
    parties = rng(seed + 1), rng(seed + 2)
    inputs = drawn_settings((table.shape[0], table.shape[1]), rounds, parties, CHUNK)
    return draw_rounds(table, inputs, rng(seed))


def tally(chunks: Iterator[RoundChunk], shape: tuple[int, int] = (2, 2)) -> NDArray[np.int64]:
    """Counts every outcome at every setting by itself."""
    counts = np.zeros((*shape, 2, 2), dtype=np.int64)
    for x, y, a, b in chunks:
        assert x.dtype == y.dtype == np.uint8
        assert a.dtype == b.dtype == np.int8
        for setting in np.ndindex(shape):
            there = (x == setting[0]) & (y == setting[1])
            for (i, alice), (j, bob) in product(enumerate(OUTCOMES), repeat=2):
                cell = there & (a == alice) & (b == bob)
                counts[*setting, i, j] += np.count_nonzero(cell)
    return counts


def assert_law(counts: NDArray[np.int64], table: NDArray[np.float64]) -> None:
    """Each setting's counts pass a chi-square test; all expected counts are 40 or more."""
    for x, y in np.ndindex(*table.shape[:2]):
        observed, law = counts[x, y].ravel(), table[x, y].ravel()
        assert observed.sum() * law.min() >= 40
        test = stats.chisquare(observed, observed.sum() * law)
        assert test.pvalue > FALSE_ALARM / 4, (x, y, observed)


def test_counts_follow_the_table() -> None:
    counts = draw_counts(TABLE, 20_000_000, rng(1))
    np.testing.assert_array_equal(counts.sum(axis=(-2, -1)), 20_000_000)
    assert_law(counts, TABLE)


def test_rounds_in_order_follow_the_same_table() -> None:
    counts = tally(held(20_000_000, 2))
    np.testing.assert_array_equal(counts.sum(axis=(-2, -1)), 20_000_000)
    assert_law(counts, TABLE)


def test_rounds_of_drawn_settings_follow_the_same_table() -> None:
    counts = tally(drawn(80_000_000, 20))
    assert counts.sum() == 80_000_000
    assert stats.chisquare(counts.sum(axis=(2, 3)).ravel()).pvalue > FALSE_ALARM
    assert_law(counts, TABLE)


@pytest.mark.parametrize("settings", [(2, 3), (8, 8), (5, 7), (1, 2)])
def test_rounds_are_counted_by_settings_and_outcomes(settings: tuple[int, int]) -> None:
    table = rng(30).dirichlet(np.ones(4), size=settings).reshape(*settings, 2, 2)
    for chunks in (held, drawn):
        counted = sum(count_rounds(chunk, settings) for chunk in chunks(10_001, 31, table))
        np.testing.assert_array_equal(counted, tally(chunks(10_001, 31, table), settings))


@pytest.mark.parametrize("settings", range(1, 9))
def test_drawn_settings_are_uniform_and_independent_of_those_before(settings: int) -> None:
    """Eight settings in a row, first and every later one, whatever numbers they were read from."""
    inputs = drawn_settings((settings, 2), 4_000_003, (rng(40), rng(41)), 1 << 16)
    x, y = (np.concatenate(each) for each in zip(*inputs, strict=True))
    assert len(x) == len(y) == 4_000_003
    assert x.max(initial=0) == settings - 1
    rows = x[: len(x) // 8 * 8].reshape(-1, 8)
    others = [rows[:, k] for k in range(1, 8)]
    for other in (*others, y[: len(rows) * 8 : 8]):
        seen = np.bincount(rows[:, 0] * (other.max() + 1) + other)
        assert len(seen) == settings * (other.max() + 1)
        # 8 x 8 tests share the chance of a false alarm.
        assert len(seen) == 1 or stats.chisquare(seen).pvalue > FALSE_ALARM / 64


def test_a_party_s_settings_come_from_its_own_generator_alone() -> None:
    def settings_of(seeds: tuple[int, int], other: int) -> list[NDArray[np.uint8]]:
        parties = rng(seeds[0]), rng(seeds[1])
        return [x for x, _ in drawn_settings((3, other), 5000, parties, 1000)]

    first = settings_of((1, 2), 2)
    np.testing.assert_array_equal(first, settings_of((1, 3), 5))
    assert not np.array_equal(first, settings_of((2, 1), 2))


def test_rounds_are_independent_of_the_round_before() -> None:
    """Pairs of consecutive rounds have the product law, within chunks and across them."""
    table = np.array([[[[0.4, 0.3], [0.2, 0.1]]]])
    inputs = held_settings([(0, 0, 2_000_001)], 1001)
    chunks = draw_rounds(table, inputs, rng(3))
    codes = np.concatenate([(a < 0) * 2 + (b < 0) for _, _, a, b in chunks])
    pairs = np.bincount(codes[:-1:2] * 4 + codes[1::2], minlength=16)
    law = np.outer(table.ravel(), table.ravel()).ravel()
    assert stats.chisquare(pairs, law * pairs.sum()).pvalue > FALSE_ALARM


def test_settings_come_as_scheduled_in_chunks_of_bounded_size() -> None:
    schedule = [(0, 1, 2500), (1, 0, 1000), (0, 1, 1)]
    chunks = list(draw_rounds(TABLE, held_settings(schedule, 1000), rng(4)))
    assert [(c.x[0], c.y[0], len(c.a)) for c in chunks] == [
        (0, 1, 1000), (0, 1, 1000), (0, 1, 500), (1, 0, 1000), (0, 1, 1),
    ]  # fmt: skip
    for chunk in chunks:
        assert {len(column) for column in chunk} == {len(chunk.a)}
        assert np.ptp(chunk.x) == np.ptp(chunk.y) == 0


@pytest.mark.parametrize(
    "inputs",
    [
        held_settings([(0, 0, 10**15)], CHUNK),
        drawn_settings((2, 2), 10**15, (rng(5), rng(6)), CHUNK),
    ],
)
def test_a_stream_of_any_length_starts_at_once(inputs: Iterator[Inputs]) -> None:
    first = next(draw_rounds(TABLE, inputs, rng(5)))
    assert len(first.a) == CHUNK


@pytest.mark.parametrize("certain", range(4))
def test_what_is_certain_happens(certain: int) -> None:
    table = np.zeros((1, 1, 4))
    table[0, 0, certain] = 1
    table = table.reshape(1, 1, 2, 2)
    assert tally(held(10_000, 6, table), (1, 1)).ravel()[certain] == 10_000
    assert draw_counts(table, 10_000, rng(6)).ravel()[certain] == 10_000


@pytest.mark.parametrize("chunks", [held, drawn])
def test_the_same_seed_gives_the_same_rounds(chunks: Chunks) -> None:
    one, two = list(chunks(5000, 7)), list(chunks(5000, 7))
    for first, second in zip(one, two, strict=True):
        for left, right in zip(first, second, strict=True):
            np.testing.assert_array_equal(left, right)


def test_as_many_rounds_as_the_experiment_had_are_counted() -> None:
    counts = draw_counts(np.full((2, 3, 2, 2), 0.25), 240_000_000, rng(8))
    np.testing.assert_array_equal(counts.sum(axis=(2, 3)), 240_000_000)


@pytest.mark.parametrize("chunks", [held, drawn])
def test_rounds_come_in_chunks_that_do_not_grow_with_their_number(chunks: Chunks) -> None:
    sizes = [len(chunk.a) for chunk in chunks(2_500_000, 9)]
    assert max(sizes) == CHUNK
    assert sum(sizes) == 2_500_000 * (4 if chunks is held else 1)
