"""The converter's filter on a photon's line, against integrals in frequency and in time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

import qnetsim as qn


def converter(**values: object) -> qn.Converter:
    parts = {"input_wavelength_m": 780e-9, "output_wavelength_m": 1517e-9, "efficiency": 0.57}
    return qn.Converter(**(parts | values))


CASES = [(26.24e-9, 27e6), (26.24e-9, 1e6), (7.39e-9, 27e6), (330e-9, 3e9), (1e-9, 1e5)]


@pytest.mark.parametrize(("lifetime_s", "filter_hz"), CASES)
def test_acceptance_is_the_photons_spectrum_through_the_filters_line(
    lifetime_s: float, filter_hz: float
) -> None:
    line_hz = 1 / (2 * math.pi * lifetime_s)

    def passed(angle: float) -> float:
        """The photon's normalised spectrum is uniform in the angle arctan(2 nu/line)."""
        detuning_hz = line_hz / 2 * math.tan(angle)
        return 1 / (1 + (2 * detuning_hz / filter_hz) ** 2) / math.pi

    wanted, _ = integrate.quad(passed, -math.pi / 2, math.pi / 2, epsabs=1e-13, limit=500)
    found = converter(filter_bandwidth_hz=filter_hz).spectral_acceptance(lifetime_s)
    assert found == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize(("lifetime_s", "filter_hz"), CASES[:4])
def test_acceptance_is_the_energy_that_a_filter_cavity_lets_through(
    lifetime_s: float, filter_hz: float
) -> None:
    """The packet e^{-t/2 tau} through the cavity's response (k/2) e^{-k t/2}, k = 2 pi B."""
    slow, fast = sorted([1 / (2 * lifetime_s), math.pi * filter_hz])
    early, late = np.linspace(0, 40 / fast, 400_001), np.geomspace(40 / fast, 60 / slow, 400_001)
    times = np.unique(np.concatenate([early, late]))
    half = math.pi * filter_hz
    out = half / math.sqrt(lifetime_s) * (np.exp(-slow * times) - np.exp(-fast * times))
    energy = np.trapezoid((out / (fast - slow)) ** 2, times)
    found = converter(filter_bandwidth_hz=filter_hz).spectral_acceptance(lifetime_s)
    assert found == pytest.approx(float(energy), rel=1e-6)


def test_the_munich_filter_passes_four_fifths_of_its_photons_line() -> None:
    """27 MHz on rubidium's 6.07 MHz."""
    found = converter(filter_bandwidth_hz=27e6).spectral_acceptance(26.24e-9)
    assert found == pytest.approx(27 / 33.07, rel=1e-3)


def test_a_converter_without_a_filter_passes_any_line() -> None:
    assert converter().spectral_acceptance(1e-15) == 1


@given(st.floats(1e-10, 1e-3), st.floats(1e-10, 1e-3), st.floats(1e3, 1e12), st.floats(1e3, 1e12))
def test_a_longer_photon_or_a_wider_filter_loses_no_more(
    one_s: float, other_s: float, one_hz: float, other_hz: float
) -> None:
    (short, long), (narrow, wide) = sorted([one_s, other_s]), sorted([one_hz, other_hz])
    low, high = (
        converter(filter_bandwidth_hz=width).spectral_acceptance(lifetime)
        for width, lifetime in ((narrow, short), (wide, long))
    )
    assert 0 < low <= high * (1 + 1e-15)
    assert high <= 1
