"""Free space against integrals over the aperture, the beam's direction and the wave front."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

import qnetsim as qn

WAVELENGTH_M = 1550e-9
TAKEN = "diffraction and pointing"


def free_space(**values: float) -> qn.FreeSpace:
    parts = {"length_m": 2e4, "waist_m": 0.05, "receiver_radius_m": 0.15}
    return qn.FreeSpace(**(parts | values))


def width_m(channel: qn.FreeSpace) -> float:
    spread = WAVELENGTH_M * channel.length_m / (math.pi * channel.waist_m**2)
    return channel.waist_m * math.hypot(1, spread)


@pytest.mark.parametrize("length_m", [0.0, 3e3, 2e4, 1e6])
def test_without_jitter_the_aperture_takes_the_beams_power_inside_it(length_m: float) -> None:
    channel = free_space(length_m=length_m)
    w, radius = width_m(channel), channel.receiver_radius_m

    def intensity(y: float, x: float) -> float:
        return 2 / (math.pi * w**2) * math.exp(-2 * (x**2 + y**2) / w**2)

    def edge(x: float) -> float:
        return math.sqrt(max(radius**2 - x**2, 0.0))

    wanted, _ = integrate.dblquad(intensity, 0, radius, 0, edge, epsabs=1e-13)
    assert channel.losses(WAVELENGTH_M)[TAKEN] == pytest.approx(4 * wanted, rel=1e-7)


@pytest.mark.parametrize("jitter_rad", [1e-7, 2e-6, 1e-5, 1e-3])
def test_jitter_averages_the_power_of_a_displaced_beam_inside_the_aperture(
    jitter_rad: float,
) -> None:
    """A displaced Gaussian's power in a circle is a non-central chi-square distribution."""
    channel = free_space(pointing_jitter_rad=jitter_rad)
    sigma_m, shift_m = width_m(channel) / 2, jitter_rad * channel.length_m
    radius = channel.receiver_radius_m

    def taken(offset: float) -> float:
        """Times the Rayleigh density of an offset in units of the shift."""
        power = stats.ncx2.cdf((radius / sigma_m) ** 2, 2, (offset * shift_m / sigma_m) ** 2)
        return float(power) * offset * math.exp(-(offset**2) / 2)

    reach = min(9.0, (radius + 9 * sigma_m) / shift_m)
    wanted, _ = integrate.quad(taken, 0, reach, epsabs=1e-13, limit=300)
    found = channel.losses(WAVELENGTH_M)[TAKEN]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_jitter_is_that_of_either_axis() -> None:
    channel = free_space(pointing_jitter_rad=5e-6)
    rng = np.random.default_rng(7)
    n = 400_000
    beam = rng.normal(0, width_m(channel) / 2, (n, 2))
    pointing = rng.normal(0, 5e-6 * channel.length_m, (n, 2))
    share = (np.hypot(*(beam + pointing).T) < channel.receiver_radius_m).mean()
    wanted = channel.losses(WAVELENGTH_M)[TAKEN]
    # 4.9 standard errors: a false alarm of 1e-6.
    assert abs(share - wanted) < 4.9 * math.sqrt(wanted * (1 - wanted) / n)


@pytest.mark.parametrize("length_m", [2e3, 2e4])
def test_the_beam_spreads_as_fresnels_integral_of_its_wave_front_says(length_m: float) -> None:
    channel = free_space(length_m=length_m)
    k = 2 * math.pi / WAVELENGTH_M
    radii = np.linspace(0, 8 * channel.waist_m, 40_001)
    front = np.exp(-((radii / channel.waist_m) ** 2) + 0.5j * k * radii**2 / length_m) * radii

    def intensity(r: float) -> float:
        wave = front * special.j0(k * r * radii / length_m)
        return abs(np.trapezoid(wave, radii)) ** 2

    r = 0.8 * width_m(channel)
    found_m = math.sqrt(-2 * r**2 / math.log(intensity(r) / intensity(0.0)))
    assert width_m(channel) == pytest.approx(found_m, rel=1e-6)


def test_every_loss_counts_once() -> None:
    lossy = free_space(extinction_db_per_km=0.2, insertion_loss_db=3.0)
    clear = free_space()
    assert lossy.losses(WAVELENGTH_M) == pytest.approx(
        {"extinction": 10**-0.4, TAKEN: clear.losses(WAVELENGTH_M)[TAKEN], "telescopes": 10**-0.3}
    )


def test_light_travels_through_air_nearly_as_fast_as_through_nothing() -> None:
    assert free_space().delay_ps == pytest.approx(2e4 * 1.0003 / 299792458 * 1e12, abs=1)


def test_the_wavelength_must_be_known() -> None:
    with pytest.raises(ValueError, match="needs the wavelength of the photons in free space"):
        free_space().losses(None)


lengths = st.floats(0, 1e6)


@given(lengths, lengths, st.floats(0, 1e-3), st.floats(0, 1e-3), st.floats(1e-3, 2))
def test_a_longer_or_shakier_path_or_a_smaller_telescope_takes_no_more(
    one_m: float, other_m: float, one_rad: float, other_rad: float, radius_m: float
) -> None:
    (near, far), (still, shaky) = sorted([one_m, other_m]), sorted([one_rad, other_rad])
    more, less = (
        free_space(length_m=length, pointing_jitter_rad=jitter, receiver_radius_m=radius)
        for length, jitter, radius in ((near, still, 1.1 * radius_m), (far, shaky, radius_m))
    )
    high, low = (channel.losses(WAVELENGTH_M)[TAKEN] for channel in (more, less))
    assert 0 <= low <= high <= 1
