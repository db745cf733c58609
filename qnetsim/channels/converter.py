"""Frequency converters: they carry a photon to another wavelength, and add noise."""

from __future__ import annotations

import math
from typing import Literal

from qnetsim.spec import Hertz, Probability, RateHz, Spec, Wavelength, described


class Converter(Spec):
    """A quantum frequency converter with its filter."""

    input_wavelength_m: Wavelength = described("wavelength of the photons that it takes")
    output_wavelength_m: Wavelength = described("wavelength of the photons that it gives")
    efficiency: Probability = described("from its input to its output, without the filter")
    filter_transmission: Probability = described("of light at the filter's centre", default=1.0)
    filter_bandwidth_hz: Hertz | None = described(
        "full width at half maximum of the filter's Lorentzian line, which cuts the photon's own; "
        "as wide as any photon where it is absent",
        default=None,
    )
    noise_rate_hz: RateHz = described(
        "noise photons a second that leave its filter, of random polarisation", default=0.0
    )
    at: Literal["node", "station"] = described(
        "the end of the fibre where it stands", default="node"
    )

    def spectral_acceptance(self, photon_lifetime_s: float) -> float:
        """Returns the share B/(B + G) of an exponential photon's spectrum that the filter passes.

        The photon's spectrum is a Lorentzian of width G = 1/(2 pi tau), the filter's one of width
        B; the filter's own transmission counts apart.
        """
        if self.filter_bandwidth_hz is None:
            return 1.0
        linewidth_hz = 1 / (2 * math.pi * photon_lifetime_s)
        return self.filter_bandwidth_hz / (self.filter_bandwidth_hz + linewidth_hz)
