"""The Bell-state station: two photons interfere, and a coincidence heralds."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from qnetsim import units
from qnetsim.nodes.detector import Detector
from qnetsim.physics.interference import (
    BELL_PATTERNS,
    DETECTORS,
    N_CLICK_SETS,
    blind,
    two_photon_click_states,
)
from qnetsim.physics.photon import window_acceptance
from qnetsim.rng import Stream
from qnetsim.spec import PositiveSeconds, Probability, Seconds, Spec, described, within

_CLICKED = [[d for d in range(len(DETECTORS)) if k >> d & 1] for k in range(N_CLICK_SETS)]

WindowStart = Annotated[float, AfterValidator(within(-1, 1))]


class BellStation(Spec):
    """A two-photon polarisation Bell-state measurement with four equal threshold detectors.

    Only clicks inside the time window count: the window gates the detectors.
    """

    detector: Detector
    window_start_s: WindowStart = described(
        "when the window opens after the excitation pulse's light would arrive"
    )
    window_length_s: PositiveSeconds = described("how long the window stays open")
    photon_overlap: Probability = described("I = |<f1|f2>|^2 of the photons' modes")
    accept: Annotated[list[Literal["psi+", "psi-"]], Field(min_length=1, max_length=2)] = described(
        "the Bell states that herald"
    )
    processing_s: Seconds = described("from the window's end to the herald", default=0.0)

    @property
    def decision_ps(self) -> int:
        """From the pulse's light arriving until the station has decided, in ps; at least 1."""
        window_end = units.to_ps(self.window_start_s + self.window_length_s)
        return max(1, window_end) + units.to_ps(self.processing_s)

    @property
    def heralds(self) -> dict[int, str]:
        """The accepted click sets, each with the Bell state that it names."""
        return {clicks: name for name in sorted(set(self.accept)) for clicks in BELL_PATTERNS[name]}

    def click_efficiency(self, photon_lifetime_s: float) -> float:
        """Returns the chance that a photon which arrives clicks inside the window."""
        return self.detector.efficiency * window_acceptance(
            photon_lifetime_s,
            self.detector.jitter_s,
            self.window_start_s,
            self.window_length_s,
        )

    def click_states(
        self, arrivals: int, photon_lifetimes_s: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Returns the click states, shape (16, 4, 4), given which photons arrived.

        Args:
            arrivals: bit i is set where photon i reached the station.
            photon_lifetimes_s: the lifetimes of the two emitters.
        """
        e1, e2 = (
            self.click_efficiency(lifetime) if arrivals >> i & 1 else 0.0
            for i, lifetime in enumerate(photon_lifetimes_s)
        )
        dark = self.detector.dark_probability(self.window_length_s)
        return two_photon_click_states((e1, e2), self.photon_overlap, dark)


class Station:
    """A Bell-state station in time: which photons are in it, which detectors are blind.

    A detector that is blind when the window opens misses the whole window; a click blinds it for
    its dead time from the opening of its window.

    Args:
        spec: the hardware.
        photon_lifetimes_s: lifetimes of the two emitters' excited states, in s.
        stream: where clicks are drawn from.
    """

    def __init__(
        self, spec: BellStation, photon_lifetimes_s: tuple[float, float], stream: Stream
    ) -> None:
        self.spec = spec
        self._states = [spec.click_states(k, photon_lifetimes_s) for k in range(4)]
        self._stream = stream
        self._arrivals = 0
        self._dead_ps = units.to_ps(spec.detector.dead_time_s)
        self._blind_until = [0] * len(DETECTORS)
        self._all_see_from = 0
        self._cumulative: dict[tuple[int, int], list[float]] = {}

    def receive(self, port: int) -> None:
        """Lets a photon into a port."""
        self._arrivals |= 1 << port

    def blind_at(self, opening_ps: int) -> int:
        """Returns the click set of the detectors that are blind when a window opens."""
        if opening_ps >= self._all_see_from:
            return 0
        blind_until = self._blind_until
        return sum(1 << d for d, until in enumerate(blind_until) if until > opening_ps)

    def sight_returns_ps(self, opening_ps: int) -> int:
        """Returns when the next blind detector sees again, in ps."""
        later = [until for until in self._blind_until if until > opening_ps]
        return min(later, default=units.NEVER_PS)

    def blind(self, clicks: int, opening_ps: int) -> None:
        """Starts the dead time of the detectors that clicked in a window."""
        until = self._all_see_from = opening_ps + self._dead_ps
        for d in _CLICKED[clicks]:
            self._blind_until[d] = until

    def close(self, opening_ps: int, foretold: int | None = None) -> tuple[int, int, int]:
        """Closes the window; returns the photons in it, the clicks, and the blind detectors.

        Args:
            opening_ps: when the window opened.
            foretold: the clicks, where they were drawn before.
        """
        arrivals, self._arrivals = self._arrivals, 0
        blinded = self.blind_at(opening_ps) if self._dead_ps else 0
        clicks = self._draw(arrivals, blinded) if foretold is None else foretold
        if clicks and self._dead_ps:
            self.blind(clicks, opening_ps)
        return arrivals, clicks, blinded

    def probabilities(self, blinded: int) -> NDArray[np.float64]:
        """Returns the chance of each click set for each set of arrivals, shape (4, 16)."""
        return np.stack(
            [np.trace(blind(states, blinded), axis1=1, axis2=2) for states in self._states]
        )

    def memory_state(self, arrivals: int, clicks: int, blinded: int) -> NDArray[np.float64]:
        """Returns the memories' normalised state, shape (4, 4), behind a click set."""
        state = blind(self._states[arrivals], blinded)[clicks]
        normalised: NDArray[np.float64] = state / np.trace(state)
        return normalised

    def _draw(self, arrivals: int, blinded: int) -> int:
        key = arrivals, blinded
        if key not in self._cumulative:
            self._cumulative[key] = np.cumsum(self.probabilities(blinded)[arrivals]).tolist()
        uniform = self._stream.uniform()
        for clicks, cumulative in enumerate(self._cumulative[key]):
            if uniform < cumulative:
                return clicks
        return 0
