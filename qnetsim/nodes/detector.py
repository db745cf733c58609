"""Single-photon detectors."""

from __future__ import annotations

import math

from qnetsim.physics.afterpulse import Afterpulsing
from qnetsim.spec import PositiveSeconds, Probability, RateHz, Seconds, Spec, described


class Detector(Spec):
    """A single-photon detector: its data sheet."""

    efficiency: Probability = described("chance that a photon which reaches it makes it click")
    dark_count_rate_hz: RateHz = described("clicks without light")
    dead_time_s: Seconds = described("how long it is blind after a click", default=0.0)
    jitter_s: Seconds = described("standard deviation of the click's time", default=0.0)
    afterpulse_probability: Probability = described(
        "chance that a click is followed by another without light", default=0.0
    )
    afterpulse_lifetime_s: PositiveSeconds = described(
        "mean of the exponential time from the end of the dead time to an afterpulse",
        default=30e-9,
    )
    number_resolving: bool = described(
        "whether it counts photons; else it clicks or not", default=False
    )

    @property
    def afterpulsing(self) -> Afterpulsing:
        """How it clicks again."""
        return Afterpulsing(
            self.afterpulse_probability, self.afterpulse_lifetime_s, self.dead_time_s
        )

    def dark_probability(self, window_s: float, light_hz: float = 0.0) -> float:
        """Returns the chance 1 - exp(-R w) of a count without signal in a window of w seconds.

        Args:
            window_s: w, in s.
            light_hz: stray photons a second that reach it, which it detects with its efficiency.
        """
        rate_hz = self.dark_count_rate_hz + self.efficiency * light_hz
        return -math.expm1(-rate_hz * window_s)
