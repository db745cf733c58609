"""Suprema with a guarantee: never below the true one, and near it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.finite.bounding import likely_supremum, supremum
from qnetsim.security.finite.parameters import best_parameters


def hump(at, height, other):
    """A rising and a falling part with their maximum at a known place, and a second hump."""

    def upper(low, high):
        smooth = height - np.maximum(low - at, 0) ** 2 - np.maximum(at - high, 0) ** 2
        spike = other - 1e6 * np.maximum(np.maximum(low - 0.123456, 0.123456 - high), 0)
        return np.maximum(smooth, spike)

    return upper


@settings(deadline=None, derandomize=True, max_examples=60)
@given(at=st.floats(0, 1), height=st.floats(-5, 5))
def test_supremum_is_never_below_and_at_most_the_tolerance_above(at, height):
    found = supremum(hump(at, height, -9.0), 0.0, 1.0, 1e-8)
    assert height <= found <= height + 1e-8 + 1e-12
    assert likely_supremum(hump(at, height, -9.0), 0.0, 1.0) == pytest.approx(height, abs=1e-6)


def test_spike_between_the_grid_points_is_not_missed():
    """A search on grids does miss it."""
    upper = hump(0.7, 1.0, 1.5)
    assert 1.5 <= supremum(upper, 0.0, 1.0, 1e-6) <= 1.5 + 1e-6
    assert likely_supremum(upper, 0.0, 1.0) == pytest.approx(1.0)


def test_parameters_are_found_from_afar_and_along_a_narrow_valley():
    best = best_parameters(lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, [-1.5, 2.0])
    assert best == pytest.approx([1, 1], abs=0.1)
