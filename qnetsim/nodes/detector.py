"""Threshold single-photon detectors."""

from __future__ import annotations

import math

from qnetsim.spec import Probability, RateHz, Seconds, Spec, described


class Detector(Spec):
    """A threshold detector: it clicks or not, and cannot count photons."""

    efficiency: Probability = described("chance that a photon which reaches it makes it click")
    dark_count_rate_hz: RateHz = described("clicks without light")
    dead_time_s: Seconds = described("how long it is blind after a click", default=0.0)
    jitter_s: Seconds = described("standard deviation of the click's time", default=0.0)

    def dark_probability(self, window_s: float) -> float:
        """Returns the chance 1 - exp(-R w) of a dark count in a window of w seconds."""
        return -math.expm1(-self.dark_count_rate_hz * window_s)
