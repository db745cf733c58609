"""What the light of a link's two nodes does at its station, from the data sheets of its parts."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from qnetsim.arm import Arm
from qnetsim.nodes.bsm import BellStation, MidpointSource
from qnetsim.nodes.station import Optics, PacketLaw
from qnetsim.physics.afterpulse import afterpulse_in_window
from qnetsim.physics.barrett_kok import with_detector_memory
from qnetsim.physics.emission import pulse_acceptance
from qnetsim.physics.interference import (
    CAUSES,
    N_CLICK_SETS,
    Kept,
    blind,
    click_states_by_cause,
)
from qnetsim.physics.midpoint import CAUSES as MIDPOINT_CAUSES
from qnetsim.physics.midpoint import midpoint_click_states
from qnetsim.physics.single_click import (
    BOTH_EMITTED,
    SecondEmission,
    SingleClickAttempt,
    single_click_causes,
)
from qnetsim.physics.wavepacket import Gate, PairTiming, WavePacket, pair_timing
from qnetsim.rng import Stream

Arms = tuple[Arm, Arm]

_QUBIT, _STRAY, _TOLD = 1, 2, 4
_DARK_COUNT = CAUSES.index("dark count")


def optics_of(arms: Arms, station: BellStation) -> Optics:
    """Returns what light does in a link."""
    if station.source is not None:
        return MidpointOptics(arms, station, station.source)
    if station.measurement == "single-photon":
        return SinglePhotonOptics(arms, station)
    return TwoPhotonOptics(arms, station)


def timing_of(arms: Arms, station: BellStation) -> PairTiming:
    """Returns what the station's time window does to the photons of a link."""
    gate = Gate(
        station.window_start_s,
        station.window_length_s,
        station.detector.jitter_s,
        station.coincidence_s,
    )
    if station.source is not None:
        packet = WavePacket(station.source.photon_lifetime_s)
        return pair_timing(packet, packet, gate)
    first, second = (arm.node for arm in arms)
    detuning = 2 * math.pi * (second.detuning_hz - first.detuning_hz)
    return pair_timing(
        WavePacket(first.wave_packet_s),
        WavePacket(second.wave_packet_s, station.arrival_mismatch_s, detuning),
        gate,
    )


def overlap_of(arms: Arms, station: BellStation) -> dict[str, float]:
    r"""Returns the factors of the photons' overlap I, by what causes them.

    Pure dephasing of the emitters at rates gamma* costs, for photons that decay at the mean rate
    G, the factor G/(G + sum of gamma*): the average of e^{-\gamma |t-t'|} over the two emission
    times of photons that meet. Time bins pay it twice, since early and late excitations dephase on
    their own. It is that of all photons of one colour; a time window would raise it, and a
    detuning too, so that the product is a lower bound then. Photons of a source in the middle do
    not meet.
    """
    if station.source is not None:
        return {}
    nodes = [arm.node for arm in arms]
    mean_rate = sum(1 / node.wave_packet_s for node in nodes) / 2
    power = 2 if station.measurement == "time-bin" else 1
    dephasing = 2 * math.pi * sum(node.optical_dephasing_hz for node in nodes)
    return {
        "modes": 1.0 if station.photon_overlap is None else station.photon_overlap,
        "wave packets": timing_of(arms, station).overlap,
        "optical dephasing": (mean_rate / (mean_rate + dephasing)) ** power,
    }


def dark_probability(arms: Arms, station: BellStation) -> float:
    """Returns the chance that a detector counts in the window what no node sent."""
    light_hz = sum(arm.noise_rate_hz for arm in arms) / len(station.detectors)
    return station.detector.dark_probability(station.window_length_s, light_hz)


def _late_afterpulse(arms: Arms, station: BellStation) -> float:
    """Returns the chance that a detector which clicks early clicks late for it."""
    separation_s, detector = station.bin_separation_s, station.detector
    if separation_s is None or not detector.afterpulse_probability:
        return 0.0
    window = station.window_start_s, station.window_length_s
    chances = [
        afterpulse_in_window(
            detector.afterpulsing, (arm.node.wave_packet_s, detector.jitter_s), window, separation_s
        )
        for arm in arms
    ]
    return sum(chances) / len(chances)


def _stray_efficiencies(arms: Arms, station: BellStation) -> tuple[float, float]:
    """Returns the chance that either node's first photon of two clicks, once it is there."""
    detector = station.detector
    first, second = (
        detector.efficiency
        * pulse_acceptance(
            arm.node.pulse_s,
            detector.jitter_s,
            station.window_start_s - late_s,
            station.window_length_s,
        )
        for arm, late_s in zip(arms, (0.0, station.arrival_mismatch_s), strict=True)
    )
    return first, second


def _phase_noise_rad(station: BellStation, dephasing: float) -> float:
    """Returns the phase noise where one photon heralds, that of the emitters included.

    The coherence that it leaves loses e^{-gamma t} since the pulse: the factor by which dephasing
    lowers I, of which the root of I holds only the root.
    """
    return math.sqrt(station.phase_noise_rad**2 - math.log(dephasing))


def _early_alone(clicks: int) -> int:
    """Returns how many detectors of a time-bin click set clicked early and not late."""
    return sum(clicks >> bit & 0b11 == 0b01 for bit in (0, 2))


class TwoPhotonOptics:
    """Two photons interfere; a packet is 1 for a node's photon, 2 for a stray one, 3 for both.

    A time-bin qubit emits its stray photon in the bin of the other one. Where it is lost on the
    way it has still told the memory's states apart: 5.

    Args:
        arms: the link's sides.
        station: its station.
    """

    causes = CAUSES
    dark = 0

    def __init__(self, arms: Arms, station: BellStation) -> None:
        self._nodes = tuple(arm.node for arm in arms)
        self._emission = [
            (
                node.excitation_probability,
                node.excitation_probability * node.second_emission_probability,
            )
            for node in self._nodes
        ]
        self._station = station
        timing = timing_of(arms, station)
        detector = station.detector
        self._efficiencies = tuple(detector.efficiency * share for share in timing.acceptances)
        self._stray_efficiencies = _stray_efficiencies(arms, station)
        self._coincident_overlap = math.prod(overlap_of(arms, station).values())
        gated = station.model_copy(update={"coincidence_s": None})
        self._overlap = math.prod(overlap_of(arms, gated).values())
        self._dark = dark_probability(arms, station)
        self._afterpulse = _late_afterpulse(arms, station)
        self._twins = station.measurement == "time-bin"
        self._lone_twin = _QUBIT | _TOLD if self._twins else _QUBIT
        self._kept = Kept(timing.both, *timing.photon_dark, timing.dark_dark)

    def launch(self, port: int, stream: Stream) -> int:
        """Draws which photons a pulse makes a node emit."""
        once, twice = self._emission[port]
        uniform = stream.uniform()
        if uniform >= once:
            return 0
        return _QUBIT | _STRAY if uniform < twice else _QUBIT

    def carry(self, packet: int, transmission: float, stream: Stream) -> int:
        """Draws which photons pass a channel."""
        if packet == _QUBIT:
            return packet if stream.uniform() < transmission else 0
        passed = 0
        for photon in (_QUBIT, _STRAY):
            if packet & photon and stream.uniform() < transmission:
                passed |= photon
        return self._lone_twin if packet & _STRAY and passed == _QUBIT else passed

    def arriving(self, port: int, transmission: float) -> PacketLaw:
        """Returns which photons can reach the station, with their chances."""
        return self._arriving(port, transmission, transmission)

    def corners(self, port: int, transmission: float) -> list[PacketLaw]:
        """Returns the laws with each photon's transmission at 0 and at its best.

        An event's chance is linear in each photon's transmission, so it is largest at a corner.
        """
        ends = (0.0, transmission)
        strays = ends if self._nodes[port].second_emission_probability else (0.0,)
        return [self._arriving(port, qubit, stray) for qubit, stray in product(ends, strays)]

    def click_states(self, packets: tuple[int, int], dead: int = 0) -> NDArray[np.float64]:
        """Returns the memories' states by cause and click set."""
        first, second = (
            efficiency if packet & _QUBIT else 0.0
            for packet, efficiency in zip(packets, self._efficiencies, strict=True)
        )
        first_stray, second_stray = (
            efficiency if packet & _STRAY else 0.0 if packet & _TOLD else None
            for packet, efficiency in zip(packets, self._stray_efficiencies, strict=True)
        )
        strays = first_stray, second_stray
        detector = self._station.detector
        states = click_states_by_cause(
            (first, second),
            self._overlap,
            self._dark,
            strays=() if self._twins else [e for e in strays if e is not None],
            twins=strays if self._twins else (None, None),
            number_resolving=detector.number_resolving,
            kept=self._kept,
            coincident_overlap=self._coincident_overlap,
            dead=dead,
        )
        if self._station.bin_separation_s is not None:
            states = self._remembered(states)
        return states

    def _remembered(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the click states once a detector's early click has changed what it does late.

        What an afterpulse lights counts as a dark count's.
        """
        sets = states.reshape(-1, N_CLICK_SETS, 4, 4)
        if self._station.blind_late:
            return with_detector_memory(sets, blind_late=True).reshape(states.shape)
        after = with_detector_memory(sets, afterpulse=self._afterpulse).reshape(states.shape)
        alone = np.array([_early_alone(clicks) for clicks in range(states.shape[1])])
        kept = (1 - self._afterpulse) ** alone[:, None, None] * states
        kept[_DARK_COUNT] += (after - kept).sum(axis=0)
        return kept

    def _arriving(self, port: int, qubit: float, stray: float) -> PacketLaw:
        node = self._nodes[port]
        chance, twice = node.excitation_probability, node.second_emission_probability
        law = [
            (0, 1 - chance * (qubit + twice * stray * (1 - qubit))),
            (_QUBIT, chance * qubit * (1 - twice * (stray if not self._twins else 1.0))),
            (_QUBIT | _TOLD, chance * qubit * twice * (1 - stray) if self._twins else 0.0),
            (_STRAY, chance * twice * stray * (1 - qubit)),
            (_QUBIT | _STRAY, chance * twice * qubit * stray),
        ]
        return [(packet, share) for packet, share in law if share > 0]


class SinglePhotonOptics:
    """One photon of either node heralds.

    Nothing is drawn on the light's way: a packet is the transmissions that a node's photon and its
    stray one have passed.

    Args:
        arms: the link's sides.
        station: its station.
    """

    causes = (
        "true pair",
        "distinguishable photons",
        BOTH_EMITTED,
        "second emission",
        "dark count",
    )
    dark = 0.0, 0.0

    def __init__(self, arms: Arms, station: BellStation) -> None:
        self._nodes = [arm.node for arm in arms]
        detector = station.detector
        self._clicks = [
            detector.efficiency * share for share in timing_of(arms, station).acceptances
        ]
        self._stray_clicks = _stray_efficiencies(arms, station)
        factors = overlap_of(arms, station)
        self._overlap = math.prod(factors.values())
        self._phase_noise_rad = _phase_noise_rad(station, factors["optical dephasing"])
        self._dark = dark_probability(arms, station)
        self._station = station

    def launch(self, port: int, stream: Stream) -> tuple[float, float]:
        """Returns the light as it is sent."""
        return 1.0, 1.0

    def carry(
        self, packet: tuple[float, float], transmission: float, stream: Stream
    ) -> tuple[float, float]:
        """Returns the light behind a channel."""
        return packet[0] * transmission, packet[1] * transmission

    def arriving(self, port: int, transmission: float) -> PacketLaw:
        """Returns the light that arrives."""
        return [((transmission, transmission), 1.0)]

    def corners(self, port: int, transmission: float) -> list[PacketLaw]:
        """Returns the light with each photon's transmission at 0 and at its best.

        An event's chance is linear in each photon's transmission, or never falls as one rises.
        """
        ends = (0.0, transmission)
        strays = ends if self._nodes[port].second_emission_probability else (0.0,)
        return [[(packet, 1.0)] for packet in product(ends, strays)]

    def click_states(
        self, packets: tuple[tuple[float, float], tuple[float, float]], dead: int = 0
    ) -> NDArray[np.complex128]:
        """Returns the memories' states by cause and click set."""
        (once, twice), (other_once, other_twice) = (
            self._emissions(port, packet) for port, packet in enumerate(packets)
        )
        first, second = (node.bright_population or 0.0 for node in self._nodes)
        attempt = SingleClickAttempt(
            (first, second),
            (once, other_once),
            self._overlap,
            self._dark,
            phase_noise_rad=self._phase_noise_rad,
            number_resolving=self._station.detector.number_resolving,
            second_emissions=(twice, other_twice),
        )
        return np.stack(list(single_click_causes(attempt, dead).values()))

    def _emissions(self, port: int, packet: tuple[float, float]) -> tuple[float, SecondEmission]:
        """Returns what a bright memory's only photon, or its two, do."""
        node = self._nodes[port]
        excited = node.excitation_probability
        twice = excited * node.second_emission_probability
        last, stray = packet[0] * self._clicks[port], packet[1] * self._stray_clicks[port]
        emits = (excited - twice) / (1 - twice) if twice < 1 else 0.0
        return emits * last, SecondEmission(twice, stray, last)


class MidpointOptics:
    """A pair source between absorbing memories; whether it sent a pair is drawn at the memories.

    Nothing is drawn on the light's way either: a packet is the transmission that it has passed.

    Args:
        arms: the link's sides.
        station: what stands between them, the memories' detectors included.
        source: the pair source.
    """

    causes = MIDPOINT_CAUSES
    dark = 0.0

    def __init__(self, arms: Arms, station: BellStation, source: MidpointSource) -> None:
        accepted = timing_of(arms, station).acceptances
        self._clicks = tuple(station.detector.efficiency * share for share in accepted)
        self._dark = dark_probability(arms, station)
        self._source = source

    def launch(self, port: int, stream: Stream) -> float:
        """Returns the light as it is sent."""
        return 1.0

    def carry(self, packet: float, transmission: float, stream: Stream) -> float:
        """Returns the light behind a channel."""
        return packet * transmission

    def arriving(self, port: int, transmission: float) -> PacketLaw:
        """Returns the light that arrives."""
        return [(transmission, 1.0)]

    def corners(self, port: int, transmission: float) -> list[PacketLaw]:
        """Returns no light and the most.

        An event's chance is linear in each transmission, or never falls as one rises.
        """
        return [[(0.0, 1.0)], [(transmission, 1.0)]]

    def click_states(self, packets: tuple[float, float], dead: int = 0) -> NDArray[np.float64]:
        """Returns the memories' states by cause and announcements."""
        first, second = (t * share for t, share in zip(packets, self._clicks, strict=True))
        pulse = self._source.pulse
        return blind(midpoint_click_states(pulse, (first, second), self._dark), dead)
