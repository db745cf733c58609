"""One side of a link: a node, and what lies between it and the station."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from qnetsim import units
from qnetsim.channels.channel import PhotonChannel
from qnetsim.channels.classical import ClassicalChannel
from qnetsim.channels.converter import Converter
from qnetsim.errors import Fault
from qnetsim.nodes.bsm import BellStation, MidpointSource, Switch
from qnetsim.nodes.memory import MemoryNode

_COLOUR_TOLERANCE_M = 1e-9
LIFETIMES = 7.0
"""After so many lifetimes a thousandth of a photon is left."""

_ENCODINGS = {"single-photon": "number", "midpoint": "absorbing"}


@dataclass(frozen=True)
class Arm:
    """One side of a link: a node and its channels to the station.

    Attributes:
        name: the node's name.
        node: the node.
        channel: what carries its photons.
        classical: what carries messages.
        converter: what converts its photons' frequency, or ``None``.
        switch: of the station, through which its photons pass, or ``None``.
    """

    name: str
    node: MemoryNode
    channel: PhotonChannel
    classical: ClassicalChannel
    converter: Converter | None = None
    switch: Switch | None = None

    @property
    def emitted_m(self) -> float | None:
        """Wavelength of the node's photons, in m, or ``None`` where it is not given."""
        return self.node.line.wavelength_m

    @property
    def arriving_m(self) -> float | None:
        """Wavelength of the photons that reach the station, likewise."""
        return self.converter.output_wavelength_m if self.converter else self.emitted_m

    @property
    def carried_m(self) -> float | None:
        """Wavelength of the photons in the channel, likewise."""
        converted = self.converter is not None and self.converter.at == "node"
        return self.arriving_m if converted else self.emitted_m

    @cached_property
    def losses(self) -> dict[str, float]:
        """The factors of the best transmission from emission to the station, by their cause."""
        factors = {"collection": self.node.collection}
        converter = self.converter
        if converter is not None:
            factors["conversion"] = converter.efficiency
            factors["converter's filter"] = converter.filter_transmission
            acceptance = converter.spectral_acceptance(self.node.wave_packet_s)
            factors["filter on the photon's line"] = acceptance
        if self.switch is not None:
            factors["switch"] = units.transmission(self.switch.insertion_loss_db)
        return factors | self.channel.losses(self.carried_m)

    @cached_property
    def best_transmission(self) -> float:
        """The chance that an emitted photon reaches the station with perfect coupling."""
        return math.prod(self.losses.values())

    @cached_property
    def noise_rate_hz(self) -> float:
        """Noise photons a second that reach the station with perfect coupling."""
        if self.converter is None:
            return 0.0
        passed = math.prod(self.channel.losses(self.carried_m).values())
        passed = passed if self.converter.at == "node" else 1.0
        return self.converter.noise_rate_hz * passed * self.losses.get("switch", 1.0)

    def transmission(self, time_ps: int) -> float:
        """Returns the chance that a photon emitted at a time in ps reaches the station."""
        return self.best_transmission * self.channel.coupling(time_ps)


PathOf = Callable[[str, str], str]
"""Gives the path of a node's part: of its kind (``nodes``, ``fibres``, ``converters``)."""


def light_faults(arms: Iterable[Arm], station: BellStation, path_of: PathOf) -> Iterator[Fault]:
    """Yields what the light of a link does not fit: its parts' colours and encodings.

    Args:
        arms: the link's sides.
        station: its station.
        path_of: where a part stands.
    """
    arms = list(arms)
    arrived: dict[str, float | None] = {}
    for arm in arms:
        yield from _encoding_faults(arm, station, path_of)
        if station.source is not None:
            yield from _source_faults(arm, station.source, path_of)
        yield from _colour_faults(arm, path_of)
        if station.bin_separation_s is not None:
            path, mixed = path_of("nodes", arm.name), "early photons click in the late bin"
            yield from tail_faults(arm, station.bin_separation_s, path, mixed)
        arrived[arm.name] = arm.arriving_m
    yield from _strong_coupling_faults(arms, path_of)
    (first, one), (second, other) = arrived.items()
    if station.source is None and one and other and not _same_colour(one, other):
        bound = f"cannot interfere with {first}'s photons of {_nm(one)}"
        yield Fault(path_of("nodes", second), f"photons of {_nm(other)}", bound)


def _encoding_faults(arm: Arm, station: BellStation, path_of: PathOf) -> Iterator[Fault]:
    wanted = _ENCODINGS.get(station.measurement, station.measurement)
    encoding = arm.node.encoding
    if encoding != wanted:
        path = path_of("nodes", arm.name) + ".encoding"
        yield Fault(path, repr(encoding), f"must be {wanted!r}, which its station measures")
    if arm.channel.rotates and wanted not in ("polarisation", "absorbing"):
        bound = f"a rotation of polarisation is not modelled for a {wanted} qubit"
        yield Fault(path_of("fibres", arm.name), "", bound)


def _source_faults(arm: Arm, source: MidpointSource, path_of: PathOf) -> Iterator[Fault]:
    if arm.converter is not None:
        bound = "a converter is not modelled in a link with a source in the middle"
        yield Fault(path_of("converters", arm.name), "", bound)
    sent, wanted = source.wavelength_m, arm.emitted_m
    if sent and wanted and not _same_colour(sent, wanted):
        bound = f"cannot absorb the source's photons of {_nm(sent)}"
        yield Fault(path_of("nodes", arm.name) + ".wavelength_m", _nm(wanted), bound)


def _colour_faults(arm: Arm, path_of: PathOf) -> Iterator[Fault]:
    converter = arm.converter
    if converter is not None:
        path = path_of("converters", arm.name) + ".input_wavelength_m"
        wanted = converter.input_wavelength_m
        if arm.emitted_m is None:
            path = path_of("nodes", arm.name) + ".wavelength_m"
            yield Fault(path, "", "is missing: its converter needs to know it")
            return
        if not _same_colour(wanted, arm.emitted_m):
            bound = f"must be the wavelength of {arm.name}'s photons, {_nm(arm.emitted_m)}"
            yield Fault(path, f"{wanted:g}", bound)
    try:
        arm.channel.losses(arm.carried_m)
    except ValueError as error:
        value = "" if arm.carried_m is None else _nm(arm.carried_m)
        yield Fault(path_of("fibres", arm.name), value, str(error))


def tail_faults(arm: Arm, within_s: float, path: str, otherwise: str) -> Iterator[Fault]:
    """Yields where a node's wave packet outlasts what it must be over in.

    Args:
        arm: the node's side.
        within_s: the time from its photon to what must not see it, in s.
        path: where the node stands.
        otherwise: what happens where its tail is too long.
    """
    longest_s = within_s / LIFETIMES
    if arm.node.wave_packet_s > longest_s:
        bound = f"must be {longest_s:g} or less, or {otherwise}"
        yield Fault(f"{path}.photon_lifetime_s", f"{arm.node.wave_packet_s:g}", bound)


def _strong_coupling_faults(arms: list[Arm], path_of: PathOf) -> Iterator[Fault]:
    """Yields where a wave packet that is not exponential would meet another one."""
    lines = [(arm.node.cavity, arm.node.line.lifetime_s) for arm in arms]
    if len(set(lines)) < 2:
        return
    for arm in arms:
        cavity, lifetime_s = arm.node.cavity, arm.node.line.lifetime_s
        if cavity is not None and lifetime_s and cavity.oscillates(lifetime_s):
            bound = "oscillates: its photons are modelled beside those of an equal node only"
            yield Fault(path_of("nodes", arm.name) + ".cavity", "", bound)


def _same_colour(first_m: float, second_m: float) -> bool:
    return abs(first_m - second_m) <= _COLOUR_TOLERANCE_M


def _nm(wavelength_m: float) -> str:
    return f"{wavelength_m * 1e9:g} nm"
