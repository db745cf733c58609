"""The time filter against scipy's law and a Monte Carlo; line width against a transform."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qnetsim.physics.photon import dispersion_spread_s, natural_linewidth_m, window_acceptance
from qnetsim.units import SPEED_OF_LIGHT_M_PER_S

LIFETIME = 26.24e-9


@pytest.mark.parametrize("jitter", [0.1e-9, 0.35e-9, 5e-9, 40e-9, 300e-9])
@pytest.mark.parametrize(("start", "length"), [(0.0, 95e-9), (17.4e-9, 95e-9), (-1e-7, 1e-6)])
def test_acceptance_is_the_exponentially_modified_gaussian(
    jitter: float, start: float, length: float
) -> None:
    law = stats.exponnorm(LIFETIME / jitter, scale=jitter)
    wanted = law.cdf(start + length) - law.cdf(start)
    assert window_acceptance(LIFETIME, jitter, start, length) == pytest.approx(wanted, abs=1e-9)


def test_acceptance_is_the_share_of_sampled_clicks() -> None:
    rng = np.random.default_rng(11)
    n = 1_000_000
    clicks = rng.exponential(LIFETIME, n) + rng.normal(0, 4e-9, n)
    share = np.mean((clicks >= 17.4e-9) & (clicks < 112.4e-9))
    wanted = window_acceptance(LIFETIME, 4e-9, 17.4e-9, 95e-9)
    # 4.9 standard errors: a false alarm of 1e-6.
    assert abs(share - wanted) < 4.9 * math.sqrt(wanted * (1 - wanted) / n)


def test_without_jitter_the_window_cuts_an_exponential() -> None:
    kept = window_acceptance(LIFETIME, 0.0, LIFETIME, 2 * LIFETIME)
    assert kept == pytest.approx(math.exp(-1) - math.exp(-3))


def test_a_window_before_the_photon_keeps_nothing_and_a_long_one_everything() -> None:
    assert window_acceptance(LIFETIME, 0.0, -50e-9, 50e-9) == 0
    assert window_acceptance(LIFETIME, 0.3e-9, -1e-6, 1e-3) == pytest.approx(1)


@given(
    jitter=st.floats(0, 1e-6),
    start=st.floats(-1e-6, 1e-6),
    first=st.floats(1e-12, 1e-6),
    second=st.floats(1e-12, 1e-6),
)
def test_neighbouring_windows_add_up(
    jitter: float, start: float, first: float, second: float
) -> None:
    parts = window_acceptance(LIFETIME, jitter, start, first) + window_acceptance(
        LIFETIME, jitter, start + first, second
    )
    whole = window_acceptance(LIFETIME, jitter, start, first + second)
    assert 0 <= whole <= 1
    assert parts == pytest.approx(whole, abs=1e-9)


def test_natural_line_width_is_that_of_the_packets_spectrum() -> None:
    time = (np.arange(1 << 17) + 0.5) * LIFETIME / 400
    spectrum = np.abs(np.fft.rfft(np.exp(-time / (2 * LIFETIME)), 1 << 19)) ** 2
    frequency = np.fft.rfftfreq(1 << 19, time[1] - time[0])
    half_width_hz = np.interp(-0.5, -spectrum[:4000] / spectrum[0], frequency[:4000])
    wanted = 2 * half_width_hz * (780.241e-9) ** 2 / SPEED_OF_LIGHT_M_PER_S
    assert natural_linewidth_m(780.241e-9, LIFETIME) == pytest.approx(wanted, rel=1e-4)
    assert 2 * half_width_hz == pytest.approx(6.065e6, rel=1e-3)


def test_dispersion_spreads_an_atoms_photon_by_nothing_and_a_broadband_pair_by_much() -> None:
    assert dispersion_spread_s(17, 1e3, 1e-9) == pytest.approx(17e-12)
    assert dispersion_spread_s(-17, 1e3, 1e-9) == pytest.approx(17e-12)
    atom = dispersion_spread_s(17, 33e3, natural_linewidth_m(1517e-9, LIFETIME))
    assert atom < 1e-5 * LIFETIME
    # 10 nm about 1560 nm over 20 km: longer than the 50 ps that detectors resolve.
    assert dispersion_spread_s(17, 20e3, 10e-9) == pytest.approx(3.4e-9)
