"""Scenario files: TOML <-> validated models -> networks and runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from qnetsim import scenario_file
from qnetsim.arm import light_faults
from qnetsim.budget import Budget, Yield, budget_of, yield_of
from qnetsim.channels.classical import ClassicalChannel
from qnetsim.channels.converter import Converter
from qnetsim.channels.fibre import Fibre
from qnetsim.channels.free_space import FreeSpace
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.network import Link, Network, link_faults
from qnetsim.nodes.bsm import BellStation
from qnetsim.nodes.memory import MemoryNode
from qnetsim.photonic_scenario import MARK, PhotonicScenario
from qnetsim.protocols.diqkd import DIQKD
from qnetsim.protocols.expectation import link_expectation
from qnetsim.protocols.schedule import schedule_faults
from qnetsim.result import Result
from qnetsim.scenario_file import FromFile, Head, RunSeconds
from qnetsim.simulation import Report, Simulation, overlap_faults, protocol_faults
from qnetsim.spec import (
    LONGEST_RUN_S,
    Name,
    PositiveInteger,
    Spec,
    described,
    faults_of,
    suggestion,
)
from qnetsim.trace import Trace


class Run(Spec):
    """How long and how finely to simulate."""

    duration_s: RunSeconds | None = described(
        "simulated time; until max_rounds or 9e6 s where it is absent", default=None
    )
    max_rounds: PositiveInteger | None = described("stop after so many rounds", default=None)
    resolution: Literal["herald", "attempt"] = described(
        "skip the attempts that fail, or play each", default="herald"
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.duration_s is None and self.max_rounds is None:
            raise PydanticCustomError("endless", "needs a duration_s or max_rounds to end at")
        return self


class FibreRoute(Fibre):
    """A fibre and where it lies."""

    node: Name
    station: Name


class FreeSpaceRoute(FreeSpace):
    """Free space and where it lies."""

    node: Name
    station: Name


class ConverterRoute(Converter):
    """A frequency converter and in which channel it stands."""

    node: Name
    station: Name


class ClassicalRoute(ClassicalChannel):
    """A classical channel and where it lies."""

    node: Name
    station: Name


class ScenarioModel(Head):
    """A scenario file."""

    run: Run
    nodes: dict[Name, MemoryNode]
    stations: dict[Name, BellStation]
    fibres: dict[Name, FibreRoute] = Field(default={})
    free_space: dict[Name, FreeSpaceRoute] = Field(default={})
    converters: dict[Name, ConverterRoute] = Field(default={})
    classical: dict[Name, ClassicalRoute]
    links: dict[Name, Link]
    protocol: DIQKD


class Scenario(FromFile[ScenarioModel]):
    """A validated scenario, ready to run.

    Args:
        data: the parsed file.
        source: what messages call it.

    Raises:
        InvalidInputError: something is wrong with it; lists every fault.
    """

    describes = ScenarioModel
    counted = "heralds"
    """What its progress counts."""

    def __init__(self, data: Mapping[str, Any], source: str = "") -> None:
        faults = []
        try:
            self.model = ScenarioModel.model_validate(data)
        except ValidationError as error:
            faults = faults_of(error, ScenarioModel)
        faults += [*_wiring_faults(data), *_protocol_faults(data)]
        if not faults:
            faults += _light_faults(self.model)
        if faults:
            raise InvalidInputError(dict.fromkeys(faults), source)

    def network(self) -> Network:
        """Returns the scenario's network."""
        network = _parts(self.model)
        for name, link in self.model.links.items():
            network.link(name, (link.nodes[0], link.nodes[1]), link.station, link.multiplexing)
        return network

    def simulation(self, seed: int, trace: Trace | None = None) -> Simulation:
        """Returns the scenario as a simulation that has not begun."""
        return Simulation(
            self.network(),
            self.model.protocol,
            seed,
            resolution=self.model.run.resolution,
            name=self.model.name,
            trace=trace,
            max_rounds=self.model.run.max_rounds,
        )

    def run(self, seed: int, trace: Trace | None = None, report: Report | None = None) -> Result:
        """Simulates the scenario.

        Args:
            seed: a non-negative integer.
            trace: where to note what happens.
            report: see ``Simulation.run``.
        """
        simulation = self.simulation(seed, trace)
        result = simulation.run(self.model.run.duration_s, report)
        simulation.link.trace_open()
        return replace(result, published=self.published())

    @property
    def ends(self) -> tuple[float | None, int | None]:
        """At what simulated time, in s, and after how many rounds a run ends, as far as set."""
        return self.model.run.duration_s, self.model.run.max_rounds

    @property
    def horizon_s(self) -> float:
        """How long it runs, in s, over which the closed forms average what drifts."""
        return self.model.run.duration_s or LONGEST_RUN_S

    def expected(self) -> Yield | None:
        """Returns what the link and its protocol yield in closed form, ``None`` without one."""
        network, protocol = self.network(), self.model.protocol
        link = link_expectation(network, protocol.link, self.horizon_s)
        return None if link is None else yield_of(network, protocol, link)

    def budget(self) -> Budget:
        """Returns the photon budget of the protocol's link."""
        return budget_of(self.network(), self.model.protocol, self.horizon_s)


def load_scenario(
    path: str | os.PathLike[str], settings: Iterable[str] = ()
) -> Scenario | PhotonicScenario:
    """Reads a scenario file of either kind, as its content says.

    Args:
        path: a TOML file.
        settings: changes to it, each ``path.to.parameter=value``.

    Raises:
        InvalidInputError: the file cannot be read or something is wrong with it.
    """
    return scenario_file.load(_kind_of, path, settings)


def _kind_of(data: Mapping[str, Any]) -> type[Scenario | PhotonicScenario]:
    return PhotonicScenario if MARK in data else Scenario


def _parts(model: ScenarioModel) -> Network:
    """Returns a network with a scenario's parts, and no link yet."""
    network = Network()
    for parts in (model.nodes, model.stations):
        for name, part in parts.items():
            network.add(name, part)
    for routes in (model.fibres, model.free_space, model.classical, model.converters):
        for route in routes.values():
            network.connect(route.node, route.station, route)
    return network


def _light_faults(model: ScenarioModel) -> Iterator[Fault]:
    """Yields what does not fit the light or the modes of a link, under the names in the file."""
    network = _parts(model)
    for name, link in model.links.items():
        arms = [network.arm(node, link.station) for node in link.nodes]

        def path_of(kind: str, node: str, station: str = link.station) -> str:
            if kind == "nodes":
                return f"nodes.{node}"
            for table in ("fibres", "free_space") if kind == "fibres" else (kind,):
                for name, route in getattr(model, table).items():
                    if (route.node, route.station) == (node, station):
                        return f"{table}.{name}"
            return kind

        station = model.stations[link.station]
        faults = list(light_faults(arms, station, path_of))
        yield from faults or schedule_faults(
            (arms[0], arms[1]), station, link.multiplexing, f"links.{name}", link.station
        )
        if name == model.protocol.link:
            yield from overlap_faults(model.protocol, [arm.node.slots for arm in arms])


def _wiring_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Yields what does not fit together, as far as the names in the file tell."""
    nodes, stations = _table(data, "nodes"), _table(data, "stations")
    for name in sorted(set(nodes) & set(stations)):
        yield Fault(f"stations.{name}", "", "a node has this name")
    for kinds in (("fibres", "free_space"), ("classical",), ("converters",)):
        yield from _route_faults(data, kinds)
    fibres = _joined(data, ("fibres", "free_space"))
    classical = _joined(data, ("classical",))
    for node, station in _joined(data, ("converters",)):
        if node in nodes and station in stations and (node, station) not in fibres:
            bound = f"no fibre joins '{node}' and '{station}'"
            yield Fault("converters", "", bound)
    for station in stations:
        if all(station != end for _, end in fibres):
            yield Fault(f"stations.{station}", "", "no fibre reaches it")
    for name, link in _table(data, "links").items():
        ends, station = _ends(link), _text(link, "station")
        if ends and station:
            path = f"links.{name}"
            yield from link_faults(path, ends, station, nodes, stations, fibres, classical)


def _protocol_faults(data: Mapping[str, Any]) -> list[Fault]:
    """Returns what does not fit between a well-formed protocol and the links."""
    try:
        protocol = DIQKD.model_validate(data.get("protocol"))
    except ValidationError:
        return []
    parties = [party.node for party in protocol.parties]
    links = {name: _ends(link) or parties for name, link in _table(data, "links").items()}
    return protocol_faults(protocol, links)


def _route_faults(data: Mapping[str, Any], kinds: tuple[str, ...]) -> Iterator[Fault]:
    """Yields what is wrong with the ends of channels of which one joins a node and a station."""
    known = {"node": _table(data, "nodes"), "station": _table(data, "stations")}
    for kind in kinds:
        for name, route in _table(data, kind).items():
            for end, names in known.items():
                value = _text(route, end)
                if value and value not in names:
                    bound = f"no {end} is called that{suggestion(value, names)}"
                    yield Fault(f"{kind}.{name}.{end}", repr(value), bound)
    joined = [ends for ends in _joined(data, kinds) if all(ends)]
    for node, station in sorted({ends for ends in joined if joined.count(ends) > 1}):
        yield Fault(kinds[0], "", f"more than one joins '{node}' and '{station}'")


def _joined(data: Mapping[str, Any], kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    """Returns the (node, station) pairs that channels of some kinds join."""
    routes = [route for kind in kinds for route in _table(data, kind).values()]
    return [(_text(route, "node"), _text(route, "station")) for route in routes]


def _table(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = data.get(key)
    return table if isinstance(table, dict) else {}


def _ends(link: Any) -> list[str]:
    """Returns the nodes that a link names; none where it is malformed."""
    ends = link.get("nodes") if isinstance(link, dict) else None
    if isinstance(ends, list) and all(isinstance(end, str) for end in ends):
        return ends
    return []


def _text(table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
