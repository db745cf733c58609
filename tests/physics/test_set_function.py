"""Arithmetic on differences against the same arithmetic on values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnetsim.physics import set_function

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)
sizes = st.integers(0, 5)
seeds = st.integers(0, 2**32 - 1)


def values(f: NDArray[np.float64]) -> NDArray[np.float64]:
    """f(S) for every set S, the sum of the differences of its subsets."""
    numbers = range(f.shape[-1])
    return np.stack([sum(f[..., t] for t in numbers if t & ~s == 0) for s in numbers], axis=-1)


def random_functions(size: int, seed: int) -> NDArray[np.float64]:
    """Two sets of three functions of either sign, whose values stay within (-1, 1)."""
    f = np.random.default_rng(seed).uniform(-1, 1, (2, 3, 1 << size))
    return 0.9 * f / np.abs(f).sum(axis=-1, keepdims=True)


@fixed
@given(size=sizes, seed=seeds)
def test_every_operation_is_that_on_the_values(size: int, seed: int) -> None:
    f, g = random_functions(size, seed)
    base = f.copy()
    base[..., 0] += 1
    for differences, wanted in (
        (set_function.product(f, g), values(f) * values(g)),
        (set_function.inverse(base), 1 / values(base)),
        (set_function.log1p(f), np.log1p(values(f))),
        (set_function.exp(5 * f), np.exp(5 * values(f))),
    ):
        np.testing.assert_allclose(values(differences), wanted, rtol=1e-11, atol=1e-12)


@fixed
@given(size=sizes, seed=seeds)
def test_leading_axes_broadcast(size: int, seed: int) -> None:
    f, g = random_functions(size, seed)
    every = set_function.product(f[:, None], g[None, :])
    for i in range(3):
        for j in range(3):
            np.testing.assert_array_equal(every[i, j], set_function.product(f[i], g[j]))


@pytest.mark.parametrize("scale", [Fraction(1, 10**3), Fraction(1, 10**8), Fraction(1, 10**30)])
def test_a_difference_of_high_order_keeps_its_digits(scale: Fraction) -> None:
    """1/(1 - x1 - ... - x5) in exact fractions: a fifth difference of 120 scale^5."""
    size = 5
    f = np.zeros(1 << size)
    f[0] = 1
    f[[1 << i for i in range(size)]] = -float(scale)
    exact = sum(
        (-1) ** (size - s.bit_count()) / (1 - s.bit_count() * scale) for s in range(1 << size)
    )
    assert set_function.inverse(f)[-1] == pytest.approx(float(exact), rel=1e-14)
    assert float(exact) == pytest.approx(120 * float(scale) ** size, rel=0.02)
