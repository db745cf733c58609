"""The first photon of a double emission against sampled clicks, an integral and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from qnetsim.physics.emission import pulse_acceptance

NS = 1e-9
CASES = [
    (20 * NS, 0.35 * NS, 17.4 * NS, 95 * NS),
    (20 * NS, 5 * NS, -3 * NS, 10 * NS),
    (4 * NS, 8 * NS, 2 * NS, 30 * NS),
    (0.0, 2 * NS, 1 * NS, 3 * NS),
    (15 * NS, 0.0, 5 * NS, 7 * NS),
]


@pytest.mark.parametrize(("pulse", "jitter", "start", "length"), CASES)
def test_acceptance_is_the_share_of_sampled_clicks(
    pulse: float, jitter: float, start: float, length: float
) -> None:
    rng = np.random.default_rng(3)
    n = 1_000_000
    clicks = rng.uniform(0, pulse, n) + rng.normal(0, jitter, n)
    share = np.mean((clicks >= start) & (clicks < start + length))
    wanted = pulse_acceptance(pulse, jitter, start, length)
    # 5.2 standard errors of five cases: a false alarm of 1e-6.
    assert abs(share - wanted) <= 5.2 * math.sqrt(wanted * (1 - wanted) / n)


@pytest.mark.parametrize(("pulse", "jitter", "start", "length"), CASES)
def test_acceptance_is_the_integral_over_emission_times(
    pulse: float, jitter: float, start: float, length: float
) -> None:
    if not pulse or not jitter:
        clicks = stats.norm(0, jitter) if jitter else stats.uniform(0, pulse)
        wanted = clicks.cdf(start + length) - clicks.cdf(start)
    else:
        law = stats.norm(0, jitter)

        def kept(emitted: float) -> float:
            return float(law.cdf(start + length - emitted) - law.cdf(start - emitted))

        wanted = integrate.quad(kept, 0, pulse, epsabs=1e-14, limit=500)[0] / pulse
    assert pulse_acceptance(pulse, jitter, start, length) == pytest.approx(wanted, abs=1e-10)


def test_a_window_after_the_pulse_keeps_only_what_jitter_carries_there() -> None:
    assert pulse_acceptance(10 * NS, 0.0, 10 * NS, 50 * NS) == 0
    assert 0 < pulse_acceptance(10 * NS, 1 * NS, 12 * NS, 50 * NS) < 0.01
    assert pulse_acceptance(10 * NS, 1 * NS, 25 * NS, 50 * NS) == pytest.approx(0, abs=1e-15)


def test_an_instantaneous_pulse_clicks_at_once() -> None:
    assert pulse_acceptance(0.0, 0.0, 0.0, 1 * NS) == 1
    assert pulse_acceptance(0.0, 0.0, 0.1 * NS, 1 * NS) == 0
    assert pulse_acceptance(0.0, 0.0, -2 * NS, 1 * NS) == 0


@pytest.mark.parametrize("jitter", [0.0, 0.3 * NS, 4 * NS])
@pytest.mark.parametrize("pulse", [5e-324, 1e-300, 1e-24, 1e-18])
def test_a_brief_pulse_is_an_instantaneous_one(pulse: float, jitter: float) -> None:
    for start in (-1 * NS, 0.5 * NS):
        brief, none = (pulse_acceptance(length, jitter, start, 3 * NS) for length in (pulse, 0.0))
        assert brief == pytest.approx(none, abs=1e-9)


@pytest.mark.parametrize("jitter", [0.3 * NS, 4 * NS])
def test_digits_are_kept_where_the_pulse_is_much_shorter_than_the_jitter(jitter: float) -> None:
    for ratio in (0.99e-5, 1.01e-5, 1e-3):
        pulse = ratio * jitter
        mean, _ = integrate.quad(
            lambda t, p=pulse: stats.norm.cdf((1 * NS - p * t) / jitter), 0, 1, epsabs=1e-15
        )
        assert pulse_acceptance(pulse, jitter, -99 * NS, 100 * NS) == pytest.approx(mean, abs=1e-11)


fixed = settings(derandomize=True, database=None, deadline=None)
seconds = st.floats(0, 1e-6)
signed = st.floats(-1e-6, 1e-6)


@fixed
@given(seconds, seconds, signed, seconds, seconds)
def test_neighbouring_windows_add_up_and_a_longer_one_keeps_no_less(
    pulse: float, jitter: float, start: float, first: float, second: float
) -> None:
    one, two, whole = (
        pulse_acceptance(pulse, jitter, opened, length)
        for opened, length in (
            (start, first),
            (start + first, second),
            (start, first + second),
        )
    )
    assert 0 <= one <= whole + 1e-9
    assert whole <= 1
    assert one + two == pytest.approx(whole, abs=1e-9)


@fixed
@given(st.floats(1e-9, 1e-6), seconds, seconds)
def test_a_later_window_to_the_end_of_time_keeps_no_more(
    pulse: float, jitter: float, start: float
) -> None:
    early, late = (pulse_acceptance(pulse, jitter, t, 1.0) for t in (start / 2, start))
    assert late <= early + 1e-9
