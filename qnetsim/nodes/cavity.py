"""The cavity that a memory node emits into."""

from __future__ import annotations

import math

from qnetsim.physics.cavity import CavityEmission, cavity_emission
from qnetsim.spec import Hertz, Probability, Spec, described


class Cavity(Spec):
    """An optical cavity around the emitter; frequencies are angular ones over 2 pi."""

    coupling_hz: Hertz = described("g/2 pi, half the vacuum Rabi frequency")
    decay_hz: Hertz = described("kappa/2 pi, the cavity's full line width")
    escape_efficiency: Probability = described(
        "share of the light in the cavity that leaves it through the output mirror"
    )
    coupling_efficiency: Probability = described("from the output mirror into the channel")

    def collection(self, lifetime_s: float) -> float:
        """Returns the chance that an excitation enters the channel as a photon.

        Args:
            lifetime_s: of the emitter's excited state in free space.
        """
        emission = self._emission(lifetime_s).efficiency
        return emission * self.escape_efficiency * self.coupling_efficiency

    def wave_packet_s(self, lifetime_s: float) -> float:
        """Returns the lifetime of the exponential wave packet of the same mean, in s."""
        return self._emission(lifetime_s).mean_time_s

    def oscillates(self, lifetime_s: float) -> bool:
        """Whether emitter and cavity exchange the excitation, so no exponential packet leaves."""
        linewidth_hz = 1 / (2 * math.pi * lifetime_s)
        return 4 * self.coupling_hz > abs(self.decay_hz - linewidth_hz)

    def _emission(self, lifetime_s: float) -> CavityEmission:
        two_pi = 2 * math.pi
        return cavity_emission(two_pi * self.coupling_hz, two_pi * self.decay_hz, 1 / lifetime_s)
