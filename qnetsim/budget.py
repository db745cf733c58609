"""The photon budget of a link: every loss and every noise on the way to a click, and its price.

What a part costs is found by making it perfect, and it alone, and asking the closed forms again.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from qnetsim import units
from qnetsim.channels.free_space import FreeSpace
from qnetsim.errors import SimulationError
from qnetsim.network import Network
from qnetsim.optics import dark_probability, overlap_of, timing_of
from qnetsim.physics.noise import remaining_coherence
from qnetsim.protocols.diqkd import DIQKD
from qnetsim.protocols.expectation import link_expectation, protocol_expectation
from qnetsim.protocols.session import Timing
from qnetsim.result import key_rate
from qnetsim.spec import Spec

_LIFETIMES = 60.0
_ROUNDING = 1e-12
_ONE_PAIR = {"pair_probability": 1.0, "two_pairs_probability": 0.0}


class Yield(NamedTuple):
    """What a link and its protocol yield in closed form.

    Attributes:
        herald_rate_hz: heralds a second; rounds where nothing heralds.
        fidelity: right after a herald, with the Bell state that it names; ``None`` where the users
            hold photons, and perhaps none.
        chsh_s: S.
        qber: the error rate of the key pairs.
        key_rate_bits_per_round: asymptotic, by the protocol's bound; ``None`` without one.
        key_rate_bits_per_s: the same a second.
    """

    herald_rate_hz: float
    fidelity: float | None
    chsh_s: float
    qber: float
    key_rate_bits_per_round: float | None
    key_rate_bits_per_s: float | None


class Item(NamedTuple):
    """A loss or a noise.

    Attributes:
        part: where it stands.
        what: what it is.
        kind: ``loss`` or ``noise``.
        factor: what it leaves of a node's photons, at the station of the coincidences (of the
            photons where one heralds), or of the coherence.
        without: what the link would yield if it were perfect.
    """

    part: str
    what: str
    kind: str
    factor: float
    without: Yield


@dataclass(frozen=True)
class Budget:
    """The photon budget of a link.

    Attributes:
        link: its name.
        chains: for each node the chance that a pulse leads to a click, by what it is made of.
        present: what the link yields.
        items: its losses and noises.
    """

    link: str
    chains: dict[str, dict[str, float]]
    present: Yield
    items: list[Item]


class _Fault(NamedTuple):
    """An imperfection: where it stands, what it leaves, and the fields that undo it."""

    table: str
    name: str
    what: str
    kind: str
    factor: float
    perfect: dict[str, Any]


def budget_of(network: Network, protocol: DIQKD, duration_s: float) -> Budget:
    """Returns the photon budget of a protocol's link.

    Args:
        network: the hardware.
        protocol: what is played on it.
        duration_s: over how long a drift is averaged, in s.

    Raises:
        SimulationError: the link has no closed form.
    """
    link = protocol.link
    items = []
    for fault in _imperfections(network, link):
        perfect = _with(network, link, fault)
        without = _yield(perfect, protocol, duration_s)
        place = _path(network, link, fault)
        items.append(Item(place, fault.what, fault.kind, fault.factor, without))
    return Budget(link, _chains(network, link), _yield(network, protocol, duration_s), items)


def _path(network: Network, link: str, fault: _Fault) -> str:
    """Returns where a part stands, under the names that networks give channels."""
    if fault.table in ("nodes", "stations"):
        return f"{fault.table}.{fault.name}"
    station = network.links[link].station
    through_air = isinstance(network.fibres[fault.name, station], FreeSpace)
    table = "free_space" if through_air and fault.table == "fibres" else fault.table
    return f"{table}.{fault.name}_{station}"


def _yield(network: Network, protocol: DIQKD, duration_s: float) -> Yield:
    expected = link_expectation(network, protocol.link, duration_s)
    if expected is None:
        raise SimulationError("a link whose detectors are dead beyond an attempt has no budget")
    if not expected.states:
        return Yield(0.0, 0.0, 0.0, 0.5, 0.0, 0.0)
    figures = protocol_expectation(protocol, network.arms(protocol.link), expected.states)
    sifting = sum(figures.key_probabilities)
    rate = key_rate(protocol.bound, figures.chsh_s, figures.qbers, sifting)
    pairs = zip(figures.qbers, figures.key_probabilities, strict=True)
    return Yield(
        expected.herald_rate_hz,
        float(expected.heralded_fidelity),
        float(figures.chsh_s),
        float(sum(qber * chance for qber, chance in pairs) / sifting),
        rate,
        rate * expected.herald_rate_hz,
    )


def _chains(network: Network, link: str) -> dict[str, dict[str, float]]:
    arms, station = network.arms(link), network.station_of(link)
    acceptances = timing_of(arms, station).acceptances
    emits = station.source is None
    return {
        arm.name: {
            **({"excitation": arm.node.excitation_probability} if emits else {}),
            **arm.losses,
            "detector": station.detector.efficiency,
            "time window": accepted,
        }
        for arm, accepted in zip(arms, acceptances, strict=True)
    }


def _with(network: Network, link: str, fault: _Fault) -> Network:
    """Returns the network with one part made perfect."""
    perfect = copy.copy(network)
    table: dict[Any, Spec] = dict(getattr(network, fault.table))
    station = network.links[link].station
    key = fault.name if fault.table in ("nodes", "stations") else (fault.name, station)
    table[key] = table[key].model_copy(update=fault.perfect)
    setattr(perfect, fault.table, table)
    return perfect


def _imperfections(network: Network, link: str) -> Iterator[_Fault]:
    """Yields the imperfections that a link has, from the emitters to the key."""
    arms = network.arms(link)
    for arm in arms:
        yield from _node_losses(arm.name, network)
        yield from _channel_losses(arm.name, network.links[link].station, network)
    yield from _station_losses(network, link)
    yield from _station_noises(network, link)
    for index, arm in enumerate(arms):
        yield from _memory_noises(network, link, index, arm.name)


def _node_losses(name: str, network: Network) -> Iterator[_Fault]:
    node = network.nodes[name]
    yield from _below_one("nodes", name, node, "excitation_probability", "excitation")
    if node.collection < 1:
        collected = {
            "collection_efficiency": 1.0,
            "cavity": None,
            "photon_lifetime_s": node.wave_packet_s,
        }
        yield _Fault("nodes", name, "collection", "loss", node.collection, collected)


def _channel_losses(name: str, station: str, network: Network) -> Iterator[_Fault]:
    converter = network.converters.get((name, station))
    if converter is not None:
        yield from _below_one("converters", name, converter, "efficiency", "conversion")
        yield from _below_one("converters", name, converter, "filter_transmission", "filter")
        acceptance = converter.spectral_acceptance(network.nodes[name].wave_packet_s)
        if acceptance < 1:
            wide = {"filter_bandwidth_hz": None}
            yield _Fault("converters", name, "filter on the line", "loss", acceptance, wide)
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
            yield _Fault("fibres", name, what, "loss", factor, perfect[what])
    if arm.channel.drift_db_per_hour:
        still = {"drift_db_per_hour": 0.0}
        every_s = arm.channel.realign_every_s
        worst = arm.channel.coupling(units.to_ps(every_s) - 1) if every_s else 0.0
        yield _Fault("fibres", name, "drift of the coupling, at worst", "loss", worst, still)


def _station_losses(network: Network, link: str) -> Iterator[_Fault]:
    name = network.links[link].station
    station = network.stations[name]
    detector, source = station.detector, station.source

    def loss(what: str, factor: float, perfect: dict[str, Any]) -> _Fault:
        return _Fault("stations", name, what, "loss", factor, perfect)

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
    if source is None and len(set(station.accept)) < 2 and not station.blind_late:
        yield loss("Bell states accepted", 0.5, {"accept": ["psi+", "psi-"]})


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


def _station_noises(network: Network, link: str) -> Iterator[_Fault]:
    name = network.links[link].station
    station, arms = network.stations[name], network.arms(link)
    detector, window_s = station.detector, station.window_length_s

    def noise(what: str, factor: float, perfect: dict[str, Any]) -> _Fault:
        return _Fault("stations", name, what, "noise", factor, perfect)

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
        yield _Fault("nodes", arms[1].name, "unequal wave packets", "noise", left, alike)
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
            yield _Fault("converters", arm.name, "noise", "noise", 1 - converted, silent)


def _memory_noises(network: Network, link: str, index: int, name: str) -> Iterator[_Fault]:
    node = network.nodes[name]
    station, arms = network.station_of(link), network.arms(link)
    channel = arms[index].channel

    def noise(what: str, factor: float, **perfect: Any) -> _Fault:
        return _Fault("nodes", name, what, "noise", factor, perfect)

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
        yield _Fault("fibres", name, "rotation of polarisation", "noise", turned, still)
    if channel.rotation_jitter_deg:
        steady = {"rotation_jitter_deg": 0.0}
        left = channel.rotation_coherence
        yield _Fault("fibres", name, "mixing of polarisation", "noise", left, steady)
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


def _below_one(
    table: str, name: str, spec: Spec, field: str, what: str, kind: str = "loss"
) -> Iterator[_Fault]:
    value = getattr(spec, field)
    if value < 1:
        yield _Fault(table, name, what, kind, value, {field: 1.0})
