"""Statistics of a Bell test against counting and a bootstrap."""

import math

import numpy as np
import pytest

from qnetsim.keys.sifting import Rounds
from qnetsim.protocols.bell_test import Estimate, chsh_value, correlators, error_rate


def played(n: int, seed: int = 1) -> Rounds:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 4, n), rng.integers(0, 2, n)
    a = rng.choice([-1, 1], n)
    equal = rng.random(n) < 0.2 + 0.1 * x
    return Rounds(np.arange(n), x, y, a, np.where(equal, a, -a))


def test_a_correlator_is_equal_less_different_over_all() -> None:
    rounds = played(5000)
    for (x, y), estimate in correlators(rounds).items():
        mask = (rounds.x == x) & (rounds.y == y)
        equal = int((rounds.a == rounds.b)[mask].sum())
        assert estimate.rounds == mask.sum()
        assert estimate.value == pytest.approx((2 * equal - mask.sum()) / mask.sum())


def test_standard_errors_are_the_spread_of_repeated_experiments() -> None:
    terms = [(2, 1, 1), (2, 0, -1), (3, 0, -1), (3, 1, -1)]
    values, errors, rates, rate_errors = [], [], [], []
    for seed in range(400):
        rounds = played(2000, seed)
        chsh = chsh_value(correlators(rounds), terms)
        qber = error_rate(rounds, [(0, 0), (1, 1)], anticorrelated=True)
        assert chsh is not None
        assert qber is not None
        values.append(chsh.value)
        errors.append(chsh.stderr)
        rates.append(qber.value)
        rate_errors.append(qber.stderr)
    # A spread from 400 repeats is known to 1/sqrt(800) = 3.5 %; 5 of those: a false alarm < 1e-6.
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.18)
    assert np.std(rates) == pytest.approx(np.mean(rate_errors), rel=0.18)


def test_chsh_is_unknown_where_a_setting_was_not_played() -> None:
    assert chsh_value({(0, 0): Estimate(0.7, 0.1, 10)}, [(0, 0, 1), (0, 1, 1)]) is None


def test_error_rate_counts_disagreement_with_what_is_meant() -> None:
    rounds = Rounds(
        *(np.array(c) for c in ([0, 1, 2], [0, 0, 1], [0, 0, 1], [1, 1, 1], [1, -1, 1]))
    )
    anticorrelated = error_rate(rounds, [(0, 0)], anticorrelated=True)
    assert anticorrelated == Estimate(0.5, math.sqrt(0.125), 2)
    alone = error_rate(rounds, [(1, 1)], anticorrelated=False)
    assert alone == pytest.approx((0.0, math.sqrt(2) / 3, 1))
    assert error_rate(rounds, [(3, 1)], anticorrelated=False) is None
