"""State and settings optimised for given hardware."""

import numpy as np
import pytest

from qnetsim.security.information import TSIRELSON
from qnetsim.security.semidefinite import Asked
from qnetsim.security.settings import ANGLES, Hardware, optimised_settings

BEST = np.array([np.pi / 4, 0.0, np.pi / 2, np.pi / 4, -np.pi / 4, 0.0])


def test_perfect_detectors_are_led_to_the_largest_violation():
    start = BEST + 0.15 * np.array([-1, 1, 0.5, -1, 0.3, 0.2])
    seen = []
    found = optimised_settings(
        Hardware((1.0, 1.0), 0.98, keep_no_clicks=False), start, 0.0, Asked(4, "1+A+B+AB"), 5,
        seen.append,
    )  # fmt: skip
    assert found.rate > seen[0].rate + 0.05
    assert found.rate == max(one.rate for one in seen)
    state, a0, a1, b0, b1, key = found.angles
    assert len(found.angles) == len(ANGLES)
    assert np.sin(2 * state) == pytest.approx(1, abs=1e-3)
    value = np.cos(a0 - b0) + np.cos(a0 - b1) + np.cos(a1 - b0) - np.cos(a1 - b1)
    assert value == pytest.approx(TSIRELSON, abs=1e-2)
    assert key == pytest.approx(a0, abs=2e-2)


def test_no_program_at_all_is_refused():
    with pytest.raises(ValueError, match=r"number of programs \(0"):
        optimised_settings(Hardware((1.0, 1.0), 1.0, False), BEST, 0.0, Asked(4), 0)
