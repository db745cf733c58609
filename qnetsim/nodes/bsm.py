"""The Bell-state station: photons interfere, and clicks herald."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qnetsim import units
from qnetsim.nodes.detector import Detector
from qnetsim.physics.interference import BELL_PATTERNS, DETECTORS, click_set
from qnetsim.physics.midpoint import PairPulse
from qnetsim.physics.noise import white_noise_visibility
from qnetsim.spec import (
    Decibels,
    PositiveInteger,
    PositiveSeconds,
    Probability,
    Radians,
    Seconds,
    Spec,
    Wavelength,
    described,
    within,
)

WindowStart = Annotated[float, AfterValidator(within(-1, 1))]
BellState = Literal["psi+", "psi-"]
DetectorName = Literal["H1", "V1", "H2", "V2", "D1", "D2"]

_BOTH_ABSORBED: Mapping[str, tuple[int, ...]] = {"psi+": (0b11,)}
SINGLE_CLICK_PATTERNS: Mapping[str, tuple[int, ...]] = {"psi+": (0b01,), "psi-": (0b10,)}
"""One click at either detector of a single-photon station."""


_SOURCE = "source belongs to the midpoint measurement, and to it alone"


class MidpointSource(Spec):
    """A pulsed source of polarisation-entangled photon pairs, in the state psi+."""

    pair_probability: Probability = described("chance that a pulse makes one pair")
    two_pairs_probability: Probability = described(
        "chance that it makes two, independent of each other", default=0.0
    )
    fidelity: Annotated[float, AfterValidator(within(0.25, 1))] = described(
        "of a pair with psi+; what it lacks is white noise"
    )
    wavelength_m: Wavelength | None = described("of its photons", default=None)
    photon_lifetime_s: PositiveSeconds = described("of its photons' exponential wave packets")

    @property
    def pulse(self) -> PairPulse:
        """What it sends in a pulse."""
        visibility = white_noise_visibility(self.fidelity, 2)
        return PairPulse(self.pair_probability, self.two_pairs_probability, visibility)


class Switch(Spec):
    """An optical switch: it leads the light of modes to Bell-state measurements."""

    switching_s: Seconds = described("from one setting to the next, while nothing passes")
    insertion_loss_db: Decibels = described("loss of either node's light in it", default=0.0)


class BellStation(Spec):
    """What stands between two nodes: a Bell-state measurement, or a source of photon pairs.

    Only clicks inside the time window count: the window gates the detectors, which are equal.
    """

    measurement: Literal["polarisation", "time-bin", "single-photon", "midpoint"] = described(
        "two photons' polarisation at four detectors H1, V1, H2, V2; two photons' time bins at two "
        "detectors D1, D2; one photon at D1 or D2; or none here: a pair source stands in the "
        "middle, and D1 and D2 announce at the nodes that their memories absorbed a photon",
        default="polarisation",
    )
    source: MidpointSource | None = described("midpoint: the pair source", default=None)
    detector: Detector
    absent_detectors: list[DetectorName] = described("detectors that are not there", default=[])
    window_start_s: WindowStart = described(
        "when the window opens after the excitation pulse's light would arrive"
    )
    window_length_s: PositiveSeconds = described("how long the window stays open")
    coincidence_s: PositiveSeconds | None = described(
        "two clicks this far apart at most are a coincidence; any two in the window where absent",
        default=None,
    )
    bin_separation_s: PositiveSeconds | None = described(
        "time-bin: from the early to the late pulse", default=None
    )
    photon_overlap: Probability | None = described(
        "I = |<f1|f2>|^2 of the photons' modes apart from time and colour, which are derived; not "
        "for a midpoint source, whose photons do not meet",
        default=None,
    )
    arrival_mismatch_s: WindowStart = described(
        "by how much the second node's photons come late", default=0.0
    )
    phase_noise_rad: Radians = described(
        "standard deviation of the optical phase between the nodes (single-photon) or of its "
        "change from the early bin to the late one (time-bin)",
        default=0.0,
    )
    accept: Annotated[list[BellState], Field(min_length=1, max_length=2)] = described(
        "the Bell states that herald"
    )
    processing_s: Seconds = described("from the window's end to the herald", default=0.0)
    bell_measurements: PositiveInteger | None = described(
        "sets of detectors side by side; one for each of the link's modes where it is absent",
        default=None,
    )
    switch: Switch | None = described(
        "what shares them among the modes, or successive attempts among them; none if absent",
        default=None,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for bound in (*self._time_faults(), *self._detector_faults()):
            raise PydanticCustomError("station", "{bound}", {"bound": bound})
        return self

    def _time_faults(self) -> Iterator[str]:
        window, kind = f"window_length_s = {self.window_length_s:g}", self.measurement
        if self.window_length_s < self.detector.jitter_s:
            yield f"{window}: must be the detector's jitter_s, {self.detector.jitter_s:g}, or more"
        if (kind == "time-bin") != (self.bin_separation_s is not None):
            yield "bin_separation_s belongs to the time-bin measurement, and to it alone"
        if self.bin_separation_s and self.bin_separation_s < self.window_length_s:
            yield f"{window}: must be bin_separation_s, {self.bin_separation_s:g}, or less"
        if self.phase_noise_rad and kind == "polarisation":
            yield "phase_noise_rad: a polarisation measurement does not see the nodes' phase"
        if self.coincidence_s and self.coincidence_s < self.detector.jitter_s:
            yield (
                f"coincidence_s = {self.coincidence_s:g}: must be the detector's jitter_s, "
                f"{self.detector.jitter_s:g}, or more"
            )
        if kind != "midpoint" and self.photon_overlap is None:
            yield "photon_overlap is missing"
        for key in ("photon_overlap", "arrival_mismatch_s", "phase_noise_rad"):
            if kind == "midpoint" and getattr(self, key):
                yield f"{key}: photons of a midpoint source do not meet"
        if self.coincidence_s and kind != "polarisation":
            yield "coincidence_s belongs to the polarisation measurement, and to it alone"

    def _detector_faults(self) -> Iterator[str]:
        if self.measurement == "midpoint":
            yield from self._midpoint_faults()
        elif self.source is not None:
            yield _SOURCE
        if self.detector.number_resolving and self.blind_late:
            yield "detector.number_resolving: not modelled with a dead time beyond the late bin"
        if self.detector.number_resolving and self.detector.afterpulse_probability:
            yield "detector.number_resolving: not modelled with afterpulses"
        unknown = [name for name in self.absent_detectors if name not in self.detectors]
        if unknown:
            yield f"absent_detectors: {unknown[0]!r} is none of {', '.join(self.detectors)}"
            return
        for state in self.accept:
            if all(clicks & self.absent_clicks for clicks in self._patterns[state]):
                names = ", ".join(self.absent_detectors)
                yield f"accept: {state!r} needs a detector that is absent: {names}"
            elif state == "psi+" and self.blind_late:
                yield "accept: 'psi+' needs a detector that clicks early to see the late bin too"

    def _midpoint_faults(self) -> Iterator[str]:
        if self.source is None:
            yield _SOURCE
        if set(self.accept) != {"psi+"}:
            yield "accept: a midpoint source makes 'psi+'"
        for key in ("switch", "bell_measurements"):
            if getattr(self, key) is not None:
                yield f"{key}: a midpoint source measures nothing"

    @property
    def blind_late(self) -> bool:
        """Whether a detector that clicks in the early bin misses the late one."""
        separation_s = self.bin_separation_s
        return separation_s is not None and self.detector.dead_time_s > separation_s

    @property
    def detectors(self) -> Mapping[str, int]:
        """The detectors of this measurement, each with the click set that it can light."""
        if self.measurement == "polarisation":
            return {name: click_set([name]) for name in DETECTORS}
        if self.measurement == "time-bin":
            return {"D1": 0b0011, "D2": 0b1100}
        return {"D1": 0b01, "D2": 0b10}

    @property
    def absent_clicks(self) -> int:
        """The click set that the absent detectors would light."""
        return sum(self.detectors[name] for name in set(self.absent_detectors))

    @property
    def decision_ps(self) -> int:
        """From the pulse's light arriving until the station has decided, in ps; at least 1."""
        window_end = units.to_ps(self.window_start_s + self.window_length_s)
        window_end += units.to_ps(self.bin_separation_s or 0.0)
        return max(1, window_end) + units.to_ps(self.processing_s)

    @property
    def heralds(self) -> dict[int, str]:
        """The accepted click sets, each with the Bell state that it names."""
        return {
            clicks: name
            for name in sorted(set(self.accept))
            for clicks in self._patterns[name]
            if not clicks & self.absent_clicks
        }

    @property
    def _patterns(self) -> Mapping[str, tuple[int, ...]]:
        if self.measurement == "midpoint":
            return _BOTH_ABSORBED
        return SINGLE_CLICK_PATTERNS if self.measurement == "single-photon" else BELL_PATTERNS
