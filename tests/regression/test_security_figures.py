"""Thresholds that were only computed: this code's own digits, kept so that a change is seen."""

import math

import pytest

from qnetsim.security.thresholds import threshold

FLOOR = 1e-8


@pytest.mark.parametrize(("flip", "value"), [(0.3, 0.091924), (0.49, 0.092434), (0.5, 0.092435)])
def test_error_threshold_of_two_bases_with_noise(flip, value):
    assert threshold("two-basis", "qber", FLOOR, flip=flip).value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("bound", "keep", "value"),
    [
        ("chsh", False, 0.883665),
        ("chsh", True, 0.864899),
        ("asymmetric", False, 0.883433),
        pytest.param("asymmetric", True, 0.864650, marks=pytest.mark.slow),
        ("two-basis", False, 0.894906),
        ("two-basis", True, 0.880043),
        ("biased", False, 0.856160),
        pytest.param("biased", True, 0.842147, marks=pytest.mark.slow),
    ],
)
def test_efficiency_threshold_without_noise_at_the_best_state(bound, keep, value):
    found = threshold(bound, "eta", FLOOR, keep_no_clicks=keep)
    assert found.value == pytest.approx(value, abs=2e-6)


def test_efficiency_threshold_of_the_actual_table_of_a_maximally_entangled_pair():
    """Below the .923137 of h(Q): that a missing click reads +1 makes errors lean one way."""
    found = threshold("chsh", "eta", FLOOR, state_angle=math.pi / 4)
    assert found.value == pytest.approx(0.923098, abs=1e-6)
