"""All-photonic links: pair sources, the users' analysers, and what heralds in front of them.

Each is described by its data-sheet figures. A pulse stands for itself: detectors must be ready
again, and windows over, before the next one.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from qnetsim.nodes.detector import Detector
from qnetsim.physics.spdc import MOST_MEAN_PAIRS
from qnetsim.spec import (
    NonNegative,
    PositiveInteger,
    Probability,
    Seconds,
    Spec,
    Wavelength,
    described,
    within,
)

AngleDeg = Annotated[float, AfterValidator(within(-360, 360))]
PulseRate = Annotated[float, AfterValidator(within(1e-3, 1e12))]
MeanPairs = Annotated[float, AfterValidator(within(0, MOST_MEAN_PAIRS))]
Outcome = Literal[-1, 1]
BellName = Literal["psi+", "psi-"]


class Pairs(Spec):
    """What a pair source emits in a pulse."""

    statistics: Literal["thermal", "poisson", "single"] = described(
        "down-conversion in a few modes, or in very many; or one pair at most"
    )
    mean_pairs: MeanPairs = described(
        "mean number of pairs in a pulse; where there is one at most, its chance"
    )
    state: Literal["hv+vh", "hh+vv"] = described(
        "the two terms, Alice's photon or the station's first"
    )
    coupling_efficiency: Probability = described(
        "chance that a photon of a pair gets into its channel, alike for both", default=1.0
    )
    visibility: Probability = described(
        "share of the pair's state that is not white noise", default=1.0
    )
    coherence: Probability = described(
        "what is left of the coherence between its two terms", default=1.0
    )
    angle_deg: AngleDeg = described(
        "the first term has its cosine for an amplitude, the second its sine", default=45.0
    )

    @model_validator(mode="after")
    def _one_at_most(self) -> Self:
        if self.statistics == "single" and self.mean_pairs > 1:
            bound = "mean_pairs must lie in [0, 1] for the statistics 'single'"
            raise PydanticCustomError("pairs", "{bound}", {"bound": bound})
        return self

    @property
    def balanced(self) -> bool:
        """Whether both terms have the same share."""
        return self.angle_deg % 90 == 45

    @property
    def opposed(self) -> bool:
        """Whether a minus stands between the two terms."""
        return self.angle_deg % 180 > 90

    @property
    def first_share(self) -> float:
        """The share of the first term."""
        return 0.5 if self.balanced else math.cos(math.radians(self.angle_deg)) ** 2


class PairSource(Pairs):
    """The pulsed source of the pairs that the two users share."""

    pulse_rate_hz: PulseRate = described("pulses a second")
    wavelength_m: Wavelength | None = described(
        "of the photons; needed where a fibre's attenuation comes from a table", default=None
    )
    modes: PositiveInteger = described("equal modes that share the pairs, if thermal", default=1)


class PhotonPair(Spec):
    """Two single-photon sources, of H and of V, on one beam splitter: a qubit amplifier's."""

    splitter_transmission: Probability = described("to the user; the rest goes to the station")
    mean_photons: Probability = described(
        "mean number in a pulse of either source, at the splitter"
    )
    g2: NonNegative = described("second-order correlation <n(n-1)>/<n>^2", default=0.0)

    @model_validator(mode="after")
    def _two_at_most(self) -> Self:
        two = self.g2 * self.mean_photons**2 / 2
        if not 0 <= 2 * two <= self.mean_photons <= 1 + two:
            bound = "no source of two photons at most has these mean_photons and g2"
            raise PydanticCustomError("photons", "{bound}", {"bound": bound})
        return self


class PhotonStation(Spec):
    """A Bell-state station: beam splitter, polarising ones, four equal detectors."""

    detector: Detector
    window_s: Seconds = described("how long dark counts are taken for photons")
    optics_transmission: Probability = described("from its input to a detector", default=1.0)
    photon_overlap: Probability = described(
        "abs(<f1|f2>)^2 of the wave packets of the two arms", default=1.0
    )
    accept: Annotated[list[BellName], Field(min_length=1)] = described(
        "Bell states whose clicks herald", default=["psi+", "psi-"]
    )

    @field_validator("accept")
    @classmethod
    def _each_once(cls, names: list[BellName]) -> list[BellName]:
        if len(set(names)) < len(names):
            raise PydanticCustomError("twice", "must name each state once")
        return names


class PhotonRelay(Spec):
    """A station that passes what arrives on to the photons of a local source."""

    source: Literal["photons", "pairs"] = described(
        "two single photons (a qubit amplifier), or pairs (entanglement swapping)"
    )
    photons: PhotonPair | None = described("the single photons", default=None)
    pairs: Pairs | None = described("the pairs", default=None)
    station: PhotonStation

    @model_validator(mode="after")
    def _has_its_source(self) -> Self:
        if getattr(self, self.source) is None:
            bound = f"needs a table '{self.source}', its source"
            raise PydanticCustomError("source", "{bound}", {"bound": bound})
        return self

    @property
    def local(self) -> PhotonPair | Pairs:
        """The local source that is in use."""
        local = getattr(self, self.source)
        assert isinstance(local, PhotonPair | Pairs)
        return local


class NonDemolitionDetector(Spec):
    """A detector that announces a photon and lets it pass with its polarisation."""

    detection_probability: Probability = described("chance that a photon is announced")
    survival_probability: Probability = described(
        "chance that an announced photon goes on", default=1.0
    )
    false_herald_probability: Probability = described(
        "chance of a herald without a photon", default=0.0
    )


class PhotonUser(Spec):
    """A user: a linear analyser, detectors behind it, and perhaps a herald in front of it."""

    angles_deg: Annotated[list[AngleDeg], Field(min_length=2, max_length=8)] = described(
        "polarisation that the analyser passes, against H, for each setting: 2 to 8 of them"
    )
    detectors: Literal[1, 2] = described(
        "1: behind the port that passes, and a click has the outcome that no_click has not; "
        "2: behind both ports, and a click has +1 where light passes, -1 at the other port"
    )
    detector: Detector
    window_s: Seconds = described("how long dark counts are taken for photons")
    optics_transmission: Probability = described(
        "from the end of the channel, or the relay's source, to a detector", default=1.0
    )
    no_click: Outcome = described("outcome of a round without a click")
    both_click: Outcome = described("outcome where both of two detectors click", default=1)
    herald: Literal["none", "relay", "non-demolition"] = described(
        "which of the heralds below is in use", default="none"
    )
    relay: PhotonRelay | None = described("a relay", default=None)
    non_demolition: NonDemolitionDetector | None = described(
        "a non-demolition detector", default=None
    )

    @model_validator(mode="after")
    def _has_its_herald(self) -> Self:
        table = self.herald.replace("-", "_")
        if table != "none" and getattr(self, table) is None:
            bound = f"needs a table '{table}' for the herald {self.herald!r}"
            raise PydanticCustomError("herald", "{bound}", {"bound": bound})
        return self

    @property
    def active_relay(self) -> PhotonRelay | None:
        """The relay, if it is in use."""
        return self.relay if self.herald == "relay" else None

    @property
    def rule(self) -> tuple[float, float, float, float]:
        """The chance that no click, the passed port, the other one and both are read as +1.

        One detector's click has the outcome that no click has not.
        """
        none, both = float(self.no_click > 0), float(self.both_click > 0)
        if self.detectors == 1:
            return none, 1 - none, none, 1 - none
        return none, 1.0, 0.0, both
