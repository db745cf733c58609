"""When a photon clicks, and how far a fibre spreads it."""

from __future__ import annotations

import math

from qnetsim.physics.wavepacket import Gate, WavePacket, acceptance
from qnetsim.units import SPEED_OF_LIGHT_M_PER_S


def window_acceptance(lifetime_s: float, jitter_s: float, start_s: float, length_s: float) -> float:
    r"""Returns the chance that a detected photon's click falls into a time window.

    The emission delay is exponential with the lifetime tau and the detector adds Gaussian jitter
    of standard deviation sigma, so the click is exponentially modified Gaussian:

    .. math:: F(t) = \Phi(t/\sigma)
        - e^{\sigma^2/2\tau^2 - t/\tau}\, \Phi(t/\sigma - \sigma/\tau).

    Args:
        lifetime_s: tau in s.
        jitter_s: sigma in s; 0 for none.
        start_s: when the window opens after the excitation's arrival, in s; may be negative.
        length_s: how long it stays open, in s.

    Returns:
        F(start + length) - F(start), in [0, 1].
    """
    return acceptance(WavePacket(lifetime_s), Gate(start_s, length_s, jitter_s))


def natural_linewidth_m(wavelength_m: float, lifetime_s: float) -> float:
    r"""Returns the full width at half maximum of an exponential packet's spectrum, in m.

    .. math:: \Delta\lambda = \lambda^2 / (2 \pi c \tau).

    Args:
        wavelength_m: lambda in vacuum, in m.
        lifetime_s: tau, in s.
    """
    return wavelength_m**2 / (2 * math.pi * SPEED_OF_LIGHT_M_PER_S * lifetime_s)


def dispersion_spread_s(
    dispersion_ps_per_nm_km: float, length_m: float, spectral_width_m: float
) -> float:
    r"""Returns how far a fibre spreads the arrival of light in time, abs(D) L dlambda, in s.

    Args:
        dispersion_ps_per_nm_km: D; about 17 at 1550 nm in standard fibre.
        length_m: L, in m.
        spectral_width_m: dlambda, in m; the spread has the same measure of width.
    """
    return abs(dispersion_ps_per_nm_km) * 1e-6 * length_m * spectral_width_m
