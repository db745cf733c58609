"""Afterpulses in a later window, against a Monte Carlo of clicks."""

import numpy as np
import pytest

from qnetsim.physics.afterpulse import Afterpulsing, afterpulse_in_window

N = 2_000_000


@pytest.mark.parametrize("seed", range(6))
def test_the_chance_of_an_afterpulse_equals_a_monte_carlo(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lifetime, jitter = rng.uniform(5e-9, 40e-9), rng.choice([0.0, 2e-9])
    start, length = rng.uniform(0, 20e-9), rng.uniform(20e-9, 100e-9)
    later = length + rng.uniform(0, 80e-9)
    afterpulsing = Afterpulsing(rng.uniform(0.1, 0.9), rng.uniform(20e-9, 80e-9), 15e-9)
    clicks = rng.exponential(lifetime, N) + jitter * rng.standard_normal(N)
    clicks = clicks[(clicks > start) & (clicks < start + length)]
    again = (
        clicks + afterpulsing.dead_time_s + rng.exponential(afterpulsing.lifetime_s, len(clicks))
    )
    happens = rng.random(len(clicks)) < afterpulsing.probability
    late = (again > start + later) & (again < start + later + length)
    share = np.mean(happens & late)
    found = afterpulse_in_window(afterpulsing, (lifetime, jitter), (start, length), later)
    # 5.3 standard errors on six draws: a false alarm below 1e-6.
    assert abs(found - share) < 5.3 * np.sqrt(share / len(clicks)) + 1e-5


def test_a_window_beyond_the_lifetime_sees_none() -> None:
    afterpulsing = Afterpulsing(0.5, 10e-9, 20e-9)
    assert afterpulse_in_window(afterpulsing, (20e-9, 0.0), (0.0, 50e-9), 1e-6) < 1e-20


def test_a_window_without_light_has_no_clicks_to_follow() -> None:
    afterpulsing = Afterpulsing(0.5, 10e-9, 0.0)
    assert afterpulse_in_window(afterpulsing, (1e-9, 0.0), (-2e-9, 1e-9), 5e-9) == 0
