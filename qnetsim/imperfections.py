"""What of a link is not perfect: each loss and each noise, and the fields that undo it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from qnetsim import units
from qnetsim.channels.free_space import FreeSpace
from qnetsim.network import Network
from qnetsim.optics import dark_probability, overlap_of, timing_of
from qnetsim.physics.noise import remaining_coherence
from qnetsim.protocols.session import Timing
from qnetsim.spec import Spec

_LIFETIMES = 60.0
_ROUNDING = 1e-12
_ONE_PAIR = {"pair_probability": 1.0, "two_pairs_probability": 0.0}


class Imperfection(NamedTuple):
    """A loss or a noise.

    Attributes:
        table: of the network, in which its part stands.
        name: the part's, or that of the node at whose channel it is.
        what: what it is.
        kind: ``loss`` or ``noise``.
        factor: what it leaves; see ``budget.Item``.
        perfect: the part's fields that undo it.
    """

    table: str
    name: str
    what: str
    kind: str
    factor: float
    perfect: dict[str, Any]

    def path(self, network: Network, link: str) -> str:
        """Returns where its part stands, under the names that networks give channels."""
        if self.table in ("nodes", "stations"):
            return f"{self.table}.{self.name}"
        station = network.links[link].station
        through_air = isinstance(network.fibres[self.name, station], FreeSpace)
        table = "free_space" if through_air and self.table == "fibres" else self.table
        return f"{table}.{self.name}_{station}"

    def mended(self, network: Network, link: str) -> Network:
        """Returns the network with this, and nothing else, made perfect."""
        key = self.name
        if self.table not in ("nodes", "stations"):
            return repaired(network, self.table, (key, network.links[link].station), self.perfect)
        return repaired(network, self.table, key, self.perfect)


def repaired(network: Network, table: str, key: Any, fields: dict[str, Any]) -> Network:
    """Returns a network in which one part's fields are replaced, beyond what they may be in files.

    Args:
        network: the hardware, which stays as it is.
        table: in which the part stands.
        key: of the part there.
        fields: with their values.
    """
    perfect = copy.copy(network)
    parts: dict[Any, Spec] = dict(getattr(network, table))
    parts[key] = parts[key].model_copy(update=fields)
    setattr(perfect, table, parts)
    return perfect


def imperfections(network: Network, link: str) -> Iterator[Imperfection]:
    """Yields the imperfections that a link has, from the emitters to the key.

    Args:
        network: the hardware.
        link: the link's name.
    """
    arms = network.arms(link)
    for arm in arms:
        yield from _node_losses(arm.name, network)
        yield from _channel_losses(arm.name, network.links[link].station, network)
    yield from _station_losses(network, link)
    yield from _switch_losses(network, link)
    yield from _station_noises(network, link)
    for index, arm in enumerate(arms):
        yield from _memory_noises(network, link, index, arm.name)
        yield from _crosstalk(network, arm.name)


def _node_losses(name: str, network: Network) -> Iterator[Imperfection]:
    node = network.nodes[name]
    yield from _below_one("nodes", name, node, "excitation_probability", "excitation")
    if node.collection < 1:
        collected = {
            "collection_efficiency": 1.0,
            "cavity": None,
            "photon_lifetime_s": node.wave_packet_s,
        }
        yield Imperfection("nodes", name, "collection", "loss", node.collection, collected)


def _channel_losses(name: str, station: str, network: Network) -> Iterator[Imperfection]:
    converter = network.converters.get((name, station))
    if converter is not None:
        yield from _below_one("converters", name, converter, "efficiency", "conversion")
        yield from _below_one("converters", name, converter, "filter_transmission", "filter")
        acceptance = converter.spectral_acceptance(network.nodes[name].wave_packet_s)
        if acceptance < 1:
            wide = {"filter_bandwidth_hz": None}
            yield Imperfection("converters", name, "filter on the line", "loss", acceptance, wide)
    arm = network.arm(name, station)
    perfect: dict[str, dict[str, Any]] = {
        "attenuation": {"attenuation_db_per_km": 0.0, "type": None},
        "connectors": {"insertion_loss_db": 0.0},
        "telescopes": {"insertion_loss_db": 0.0},
        "extinction": {"extinction_db_per_km": 0.0},
        "diffraction and pointing": {"receiver_radius_m": math.inf},
    }
    for what, factor in arm.channel.losses(arm.carried_m).items():
        if factor < 1:
            yield Imperfection("fibres", name, what, "loss", factor, perfect[what])
    in_time = math.fsum(chance for _, chance in arm.classical.lateness())
    if in_time < 1 - _ROUNDING:
        prompt = {"jitter_mean_s": 0.0, "loss_probability": 0.0}
        yield Imperfection("classical", name, "late and lost messages", "loss", in_time, prompt)
    if arm.channel.drift_db_per_hour:
        still = {"drift_db_per_hour": 0.0}
        every_s = arm.channel.realign_every_s
        worst = arm.channel.coupling(units.to_ps(every_s) - 1) if every_s else 0.0
        yield Imperfection("fibres", name, "drift of the coupling, at worst", "loss", worst, still)


def _station_losses(network: Network, link: str) -> Iterator[Imperfection]:
    name = network.links[link].station
    station = network.stations[name]
    detector, source = station.detector, station.source

    def loss(what: str, factor: float, perfect: dict[str, Any]) -> Imperfection:
        return Imperfection("stations", name, what, "loss", factor, perfect)

    timing = timing_of(network.arms(link), station)
    if station.measurement == "single-photon":
        clicks, accepted = detector.efficiency, sum(timing.acceptances) / 2
    else:
        clicks, accepted = detector.efficiency**2, math.prod(timing.acceptances)
    if clicks < 1:
        all_seeing = detector.model_copy(update={"efficiency": 1.0})
        yield loss("detectors", clicks, {"detector": all_seeing})
    if accepted < 1 - _ROUNDING:
        yield loss("time window", accepted, _open_window(network, link))
    if timing.both < 1 - _ROUNDING:
        yield loss("coincidence window", timing.both, {"coincidence_s": None})
    if source is not None and source.pair_probability < 1:
        on_demand = source.model_copy(update=_ONE_PAIR)
        yield loss("pairs of the source", source.pair_probability, {"source": on_demand})
    everywhere = station.model_copy(update={"absent_detectors": []})
    if station.absent_detectors:
        seen = len(station.heralds) / len(everywhere.heralds)
        yield loss("absent detectors", seen, {"absent_detectors": []})
    if source is None and len(set(station.accept)) < 2:
        both: dict[str, Any] = {"accept": ["psi+", "psi-"]}
        if station.blind_late:
            both["detector"] = detector.model_copy(update={"dead_time_s": 0.0})
        yield loss("Bell states accepted", 0.5, both)


def _switch_losses(network: Network, link: str) -> Iterator[Imperfection]:
    name = network.links[link].station
    station = network.stations[name]
    if station.switch is not None and station.switch.insertion_loss_db:
        passed = units.transmission(station.switch.insertion_loss_db)
        passed = passed if station.measurement == "single-photon" else passed**2
        clear = station.switch.model_copy(update={"insertion_loss_db": 0.0})
        yield Imperfection("stations", name, "switch", "loss", passed, {"switch": clear})


def _open_window(network: Network, link: str) -> dict[str, Any]:
    """Returns a window that takes every photon, with the same dark counts and duration."""
    station = network.station_of(link)
    detector = station.detector
    margin_s = 10 * detector.jitter_s
    lifetimes = [arm.node.wave_packet_s for arm in network.arms(link)]
    if station.source is not None:
        lifetimes = [station.source.photon_lifetime_s]
    start_s = min(station.window_start_s, -margin_s - abs(station.arrival_mismatch_s))
    length_s = max(station.window_length_s, _LIFETIMES * max(lifetimes) + 2 * margin_s - start_s)
    shorter = station.window_length_s / length_s
    ends_later_s = start_s + length_s - station.window_start_s - station.window_length_s
    # The noise photons of converters stay as they are, so the dark counts make up for them too.
    arms = network.arms(link)
    light_hz = detector.efficiency * sum(arm.noise_rate_hz for arm in arms) / len(station.detectors)
    counts_hz = (detector.dark_count_rate_hz + light_hz) * shorter - light_hz
    rarer = {"dark_count_rate_hz": counts_hz}
    return {
        "window_start_s": start_s,
        "window_length_s": length_s,
        "processing_s": station.processing_s - ends_later_s,
        "detector": detector.model_copy(update=rarer),
    }


def _station_noises(network: Network, link: str) -> Iterator[Imperfection]:
    name = network.links[link].station
    station, arms = network.stations[name], network.arms(link)
    detector, window_s = station.detector, station.window_length_s

    def noise(what: str, factor: float, perfect: dict[str, Any]) -> Imperfection:
        return Imperfection("stations", name, what, "noise", factor, perfect)

    overlap = overlap_of(arms, station)
    modes = overlap.get("modes", 1.0)
    if modes < 1:
        yield noise("overlap of modes", modes, {"photon_overlap": 1.0})
    if station.arrival_mismatch_s and overlap:
        yield noise("arrival mismatch", overlap["wave packets"], {"arrival_mismatch_s": 0.0})
    first, second = (arm.node.wave_packet_s for arm in arms)
    if station.source is None and not math.isclose(first, second, rel_tol=1e-9):
        alike = {
            "photon_lifetime_s": first,
            "collection_efficiency": arms[1].node.collection,
            "cavity": None,
        }
        left = overlap["wave packets"]
        yield Imperfection("nodes", arms[1].name, "unequal wave packets", "noise", left, alike)
    if station.phase_noise_rad:
        left = math.exp(-(station.phase_noise_rad**2) / 2)
        yield noise("phase noise", left, {"phase_noise_rad": 0.0})
    dark = detector.dark_probability(window_s)
    if dark:
        quiet = detector.model_copy(update={"dark_count_rate_hz": 0.0})
        yield noise("dark counts", 1 - dark, {"detector": quiet})
    if detector.afterpulse_probability:
        once = detector.model_copy(update={"afterpulse_probability": 0.0})
        yield noise("afterpulses", 1 - detector.afterpulse_probability, {"detector": once})
    converted = dark_probability(arms, station) - dark
    for arm in arms:
        if arm.noise_rate_hz:
            silent = {"noise_rate_hz": 0.0}
            yield Imperfection("converters", arm.name, "noise", "noise", 1 - converted, silent)


def _memory_noises(network: Network, link: str, index: int, name: str) -> Iterator[Imperfection]:
    node = network.nodes[name]
    station, arms = network.station_of(link), network.arms(link)
    channel = arms[index].channel

    def noise(what: str, factor: float, **perfect: Any) -> Imperfection:
        return Imperfection("nodes", name, what, "noise", factor, perfect)

    yield from _below_one("nodes", name, node, "atom_photon_fidelity", "atom-photon state", "noise")
    twice = node.second_emission_probability
    if twice:
        yield noise("second emission", 1 - twice, second_emission_probability=0.0)
    overlap = overlap_of(arms, station)
    if node.optical_dephasing_hz:
        yield noise("optical dephasing", overlap["optical dephasing"], optical_dephasing_hz=0.0)
    if node.detuning_hz:
        yield noise("detuning", overlap["wave packets"], detuning_hz=0.0)
    if channel.rotation_deg or channel.rotation_drift_deg_per_hour:
        still = {"rotation_deg": 0.0, "rotation_drift_deg_per_hour": 0.0}
        turned = math.cos(channel.rotation_rad(0)) ** 2
        yield Imperfection("fibres", name, "rotation of polarisation", "noise", turned, still)
    if channel.rotation_jitter_deg:
        steady = {"rotation_jitter_deg": 0.0}
        left = channel.rotation_coherence
        yield Imperfection("fibres", name, "mixing of polarisation", "noise", left, steady)
    timing = Timing.of(arms, station)
    age_ps = timing.herald_arrival(index) - timing.emissions[index]
    age_s = units.to_seconds(age_ps) + node.readout.delay_s
    if node.t2_s is not None:
        left = remaining_coherence(age_s, node.t2_s, node.t2_exponent)
        yield noise("dephasing (T2)", left, t2_s=None)
    if node.t1_s is not None:
        yield noise("decay (T1)", math.exp(-age_s / node.t1_s), t1_s=None)
    errors = sum(node.readout_errors)
    if errors:
        faithful = node.readout.model_copy(update={"error_plus": 0.0, "error_minus": 0.0})
        yield noise("readout", 1 - errors, readout=faithful)


def _crosstalk(network: Network, name: str) -> Iterator[Imperfection]:
    chance = network.nodes[name].crosstalk_probability
    if chance and network.nodes[name].slots > 1:
        what, apart = "crosstalk of a neighbour's pulse", {"crosstalk_probability": 0.0}
        yield Imperfection("nodes", name, what, "noise", 1 - chance, apart)


def _below_one(
    table: str, name: str, spec: Spec, field: str, what: str, kind: str = "loss"
) -> Iterator[Imperfection]:
    value = getattr(spec, field)
    if value < 1:
        yield Imperfection(table, name, what, kind, value, {field: 1.0})
