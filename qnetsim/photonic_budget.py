"""The photon budget of an all-photonic link: as ``budget``, from the law of its pulses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from qnetsim.budget import LINEAR_OPTICS, Attempts, Budget, Item, Yield, bell_measurement
from qnetsim.channels.fibre import Fibre
from qnetsim.nodes.photonic import Pairs, PhotonPair, PhotonRelay, PhotonUser
from qnetsim.photonic_result import PhotonicResult
from qnetsim.protocols.pulsed import PulsedDIQKD, PulsedLink, pulse_law
from qnetsim.security.npa.certificate import Certificate
from qnetsim.spec import Spec

_NAMES = ("alice", "bob")
_BALANCED = 0.5


class _Fault(NamedTuple):
    """An imperfection: where it stands, what it leaves, and the link without it."""

    part: str
    what: str
    kind: str
    factor: float
    perfect: PulsedLink


def photonic_budget(
    name: str, link: PulsedLink, protocol: PulsedDIQKD, certificate: Certificate | None = None
) -> Budget:
    """Returns the photon budget of an all-photonic link.

    Args:
        name: of the link.
        link: the hardware.
        protocol: what the users do.
        certificate: proves the protocol's bound 'sdp'.
    """
    present = yield_of(link, protocol, certificate)
    items = [
        Item(
            fault.part,
            fault.what,
            fault.kind,
            fault.factor,
            yield_of(fault.perfect, protocol, certificate),
        )
        for fault in _imperfections(link)
    ]
    items += [
        bell_measurement(f"{user}.relay.station", present, present.herald_rate_hz / LINEAR_OPTICS)
        for user, spec in zip(_NAMES, link.users, strict=True)
        if spec.active_relay
    ]
    chains = {user: _chain(link, side) for side, user in enumerate(_NAMES)}
    pulses_hz = link.source.pulse_rate_hz
    return Budget(name, Attempts(pulses_hz, 1.0, pulses_hz), chains, present, items)


def expected(
    link: PulsedLink,
    protocol: PulsedDIQKD,
    name: str = "",
    certificate: Certificate | None = None,
) -> PhotonicResult:
    """Returns the closed forms of a link, as the result of a run without a pulse."""
    law = pulse_law(link)
    return PhotonicResult(
        scenario=name,
        seed=0,
        resolution="",
        partial=False,
        pulse_rate_hz=link.source.pulse_rate_hz,
        pulses=0,
        wall_time_s=0.0,
        heralded=link.heralded,
        counts=np.zeros(law.table.shape, dtype=np.int64),
        law=law,
        protocol=protocol,
        no_click=(link.users[0].no_click, link.users[1].no_click),
        certificate=certificate,
    )


def yield_of(
    link: PulsedLink, protocol: PulsedDIQKD, certificate: Certificate | None = None
) -> Yield:
    """Returns what an all-photonic link and its protocol yield.

    Args:
        link: the hardware.
        protocol: what the users do.
        certificate: proves the protocol's bound 'sdp'.
    """
    figures = expected(link, protocol, certificate=certificate)
    rate_hz = figures.law.herald_probability * link.source.pulse_rate_hz
    qbers = [qber for qber in figures.expected_qbers if qber is not None]
    key = figures.expected_key_rate_bits_per_round
    return Yield(
        rate_hz,
        figures.law.heralded_fidelity,
        figures.expected_chsh or 0.0,
        sum(qbers) / len(qbers) if qbers else 0.5,
        key,
        None if key is None else key * rate_hz,
    )


def _chain(link: PulsedLink, side: int) -> dict[str, float]:
    """Returns the factors from a pair to a click; behind a relay those of the arriving photon."""
    user = link.users[side]
    losses = link.fibres[side].losses(link.source.wavelength_m)
    factors = {"coupling": link.source.coupling_efficiency, **losses}
    relay = user.active_relay
    if relay is not None:
        station = relay.station
        factors["station's optics"] = station.optics_transmission
        factors["station's detectors"] = station.detector.efficiency
        return factors
    if user.herald == "non-demolition" and user.non_demolition:
        factors["announcement"] = user.non_demolition.detection_probability
        factors["survival"] = user.non_demolition.survival_probability
    factors["optics"] = user.optics_transmission
    factors["detectors"] = user.detector.efficiency
    return factors


def _imperfections(link: PulsedLink) -> Iterator[_Fault]:
    for fault in _of_pairs(link.source):
        source = link.source.model_copy(update=fault.update)
        yield fault.at("pair_source", link._replace(source=source))
    for side, name in enumerate(_NAMES):
        yield from _along_fibres(link, side, name)
        for path, fault in _of_user(link.users[side]):
            users = list(link.users)
            users[side] = users[side].model_copy(update=fault.update)
            yield fault.at(f"{name}{path}", link._replace(users=(users[0], users[1])))


def _along_fibres(link: PulsedLink, side: int, name: str) -> Iterator[_Fault]:
    for fault in _of_fibre(link.fibres[side], link.source.wavelength_m):
        fibres = list(link.fibres)
        fibres[side] = fibres[side].model_copy(update=fault.update)
        yield fault.at(f"fibres.{name}", link._replace(fibres=(fibres[0], fibres[1])))
    relay_fibre = link.relay_fibres[side]
    for fault in _of_fibre(relay_fibre, link.source.wavelength_m) if relay_fibre else ():
        relayed = list(link.relay_fibres)
        relayed[side] = relay_fibre.model_copy(update=fault.update) if relay_fibre else None
        perfect = link._replace(relay_fibres=(relayed[0], relayed[1]))
        yield fault.at(f"fibres.{name}_relay", perfect)


class _Repair(NamedTuple):
    """What of a spec is imperfect, what it leaves, and the fields that make it perfect."""

    what: str
    kind: str
    factor: float
    update: dict[str, Any]

    def at(self, part: str, perfect: PulsedLink) -> _Fault:
        return _Fault(part, self.what, self.kind, self.factor, perfect)

    def inside(self, parent: Spec, field: str) -> _Repair:
        """Returns the repair of the spec that holds this one in a field."""
        inner = getattr(parent, field).model_copy(update=self.update)
        return self._replace(update={field: inner})


def _share(spec: Spec, field: str, what: str, kind: str = "loss") -> Iterator[_Repair]:
    """Yields the repair of a share that should be 1."""
    value = getattr(spec, field)
    if value < 1:
        yield _Repair(what, kind, value, {field: 1.0})


def _of_pairs(pairs: Pairs) -> Iterator[_Repair]:
    if (pairs.statistics, pairs.mean_pairs) != ("single", 1.0):
        on_demand = {"statistics": "single", "mean_pairs": 1.0}
        yield _Repair("pairs of a pulse", "loss", min(pairs.mean_pairs, 1.0), on_demand)
    yield from _share(pairs, "coupling_efficiency", "coupling")
    yield from _share(pairs, "visibility", "white noise of pairs", "noise")
    yield from _share(pairs, "coherence", "coherence of pairs", "noise")


def _of_photons(photons: PhotonPair) -> Iterator[_Repair]:
    passed = photons.splitter_transmission
    if passed != _BALANCED:
        one_of_two = 2 * passed * (1 - passed)
        balanced = {"splitter_transmission": _BALANCED}
        yield _Repair("splitter (1/2 at best)", "loss", one_of_two, balanced)
    if photons.mean_photons < 1:
        on_demand = {"mean_photons": 1.0, "g2": 0.0}
        yield _Repair("photons of a pulse", "loss", photons.mean_photons, on_demand)
    if photons.g2:
        yield _Repair("second photons (g2)", "noise", 1 - photons.g2, {"g2": 0.0})


def _of_fibre(fibre: Fibre, wavelength_m: float | None) -> Iterator[_Repair]:
    undo: dict[str, dict[str, Any]] = {
        "attenuation": {"attenuation_db_per_km": 0.0, "type": None},
        "connectors": {"insertion_loss_db": 0.0},
    }
    for what, factor in fibre.losses(wavelength_m).items():
        if factor < 1:
            yield _Repair(what, "loss", factor, undo[what])


def _of_detectors(spec: Any) -> Iterator[_Repair]:
    """Yields the repairs of what holds detectors, their optics and a window."""
    yield from _share(spec, "optics_transmission", "optics")
    for repair in _share(spec.detector, "efficiency", "detectors"):
        yield repair.inside(spec, "detector")
    dark = spec.detector.dark_probability(spec.window_s)
    if dark:
        quiet = _Repair("dark counts", "noise", 1 - dark, {"dark_count_rate_hz": 0.0})
        yield quiet.inside(spec, "detector")


def _of_user(user: PhotonUser) -> Iterator[tuple[str, _Repair]]:
    for repair in _of_detectors(user):
        yield "", repair
    relay = user.active_relay
    for path, repair in _of_relay(relay) if relay else ():
        yield f".relay.{path}", repair.inside(user, "relay")
    detector = user.non_demolition
    if user.herald == "non-demolition" and detector:
        repairs = [
            *_share(detector, "detection_probability", "announcement"),
            *_share(detector, "survival_probability", "survival"),
        ]
        false = detector.false_herald_probability
        if false:
            none = {"false_herald_probability": 0.0}
            repairs.append(_Repair("false heralds", "noise", 1 - false, none))
        for repair in repairs:
            yield ".non_demolition", repair.inside(user, "non_demolition")


def _of_relay(relay: PhotonRelay) -> Iterator[tuple[str, _Repair]]:
    local, station = relay.local, relay.station
    repairs = _of_pairs(local) if isinstance(local, Pairs) else _of_photons(local)
    for repair in repairs:
        yield relay.source, repair.inside(relay, relay.source)
    for repair in _of_detectors(station):
        both = repair.factor**2 if repair.kind == "loss" else repair.factor
        yield "station", repair._replace(factor=both).inside(relay, "station")
    for repair in _share(station, "photon_overlap", "overlap of modes", "noise"):
        yield "station", repair.inside(relay, "station")
    if len(station.accept) < 2:
        other = _Repair("Bell states accepted", "loss", 0.5, {"accept": ["psi+", "psi-"]})
        yield "station", other.inside(relay, "station")
