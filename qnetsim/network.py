"""Wires nodes, stations and channels into a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from qnetsim.channels.classical import ClassicalChannel
from qnetsim.channels.fibre import Fibre
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.nodes.bsm import BellStation
from qnetsim.nodes.memory import MemoryNode
from qnetsim.spec import NAME_PATTERN, Name, Spec, described, suggestion

if TYPE_CHECKING:
    import networkx


class Link(Spec):
    """Two memory nodes that make entanglement through a station."""

    nodes: Annotated[list[Name], Field(min_length=2, max_length=2)] = described(
        "the nodes; the first one's photons enter port 1 of the station"
    )
    station: Name = described("the station in the middle")


class Arm(NamedTuple):
    """One side of a link: a node and its channels to the station."""

    name: str
    node: MemoryNode
    fibre: Fibre
    classical: ClassicalChannel


class Network:
    """Nodes, stations and the channels between them, by name.

    It describes and does not run: one network can be simulated many times.

    Example:
        >>> net = Network()
        >>> net.connect("alice", "bsm", Fibre(length_m=10, attenuation_db_per_km=4.3))
        Traceback (most recent call last):
        qnetsim.errors.InvalidInputError: fibres.alice_bsm: no node is called 'alice'
    """

    def __init__(self) -> None:
        self.nodes: dict[str, MemoryNode] = {}
        self.stations: dict[str, BellStation] = {}
        self.fibres: dict[tuple[str, str], Fibre] = {}
        self.classical: dict[tuple[str, str], ClassicalChannel] = {}
        self.links: dict[str, Link] = {}

    def add(self, name: str, part: MemoryNode | BellStation) -> str:
        """Adds a node or a station and returns its name.

        Raises:
            InvalidInputError: the name is taken or no name, or the part is neither.
        """
        if not isinstance(part, MemoryNode | BellStation):
            kind = type(part).__name__
            raise InvalidInputError([Fault(name, kind, "must be a MemoryNode or a BellStation")])
        if not re.fullmatch(NAME_PATTERN, name):
            raise InvalidInputError([Fault("name", repr(name), f"must match {NAME_PATTERN}")])
        if name in self.nodes or name in self.stations:
            raise InvalidInputError([Fault(name, "", "the name is taken")])
        if isinstance(part, MemoryNode):
            self.nodes[name] = part
        else:
            self.stations[name] = part
        return name

    def connect(self, node: str, station: str, channel: Fibre | ClassicalChannel) -> None:
        """Lays a fibre or a classical channel between a node and a station.

        Raises:
            InvalidInputError: an end is unknown, or such a channel lies there already.
        """
        if not isinstance(channel, Fibre | ClassicalChannel):
            bound = "must be a Fibre or a ClassicalChannel"
            raise InvalidInputError([Fault("channel", type(channel).__name__, bound)])
        kind = "fibres" if isinstance(channel, Fibre) else "classical"
        laid: dict[tuple[str, str], Any] = getattr(self, kind)
        path = f"{kind}.{node}_{station}"
        _raise_any(_channel_faults(path, node, station, self.nodes, self.stations, laid))
        laid[node, station] = channel

    def link(self, name: str, nodes: tuple[str, str], station: str) -> str:
        """Makes two nodes attempt entanglement through a station; returns the link's name.

        Raises:
            InvalidInputError: the name is taken, a part is unknown, or a channel is missing.
        """
        link = Link(nodes=list(nodes), station=station)
        if name in self.links:
            raise InvalidInputError([Fault(f"links.{name}", "", "the name is taken")])
        _raise_any(
            link_faults(
                f"links.{name}", nodes, station, self.nodes, self.stations, self.fibres,
                self.classical,
            )
        )  # fmt: skip
        self.links[name] = link
        return name

    def arms(self, link: str) -> tuple[Arm, Arm]:
        """Returns the two sides of a link."""
        wanted = self.links[link]
        first, second = (
            Arm(
                name,
                self.nodes[name],
                self.fibres[name, wanted.station],
                self.classical[name, wanted.station],
            )
            for name in wanted.nodes
        )
        return first, second

    def station_of(self, link: str) -> BellStation:
        """Returns the station of a link."""
        return self.stations[self.links[link].station]

    def graph(self) -> networkx.MultiGraph:
        """Returns the network as a graph: ``part`` on nodes, ``channel`` on edges."""
        import networkx

        graph = networkx.MultiGraph()
        for kind, parts in (("node", self.nodes), ("station", self.stations)):
            for name, part in parts.items():
                graph.add_node(name, kind=kind, part=part)
        for kind, channels in (("fibre", self.fibres), ("classical", self.classical)):
            for (node, station), channel in channels.items():
                graph.add_edge(
                    node, station, key=kind, kind=kind, channel=channel, length_m=channel.length_m
                )
        return graph


def _raise_any(faults: Iterable[Fault]) -> None:
    found = list(faults)
    if found:
        raise InvalidInputError(found)


def _channel_faults(
    path: str,
    node: str,
    station: str,
    nodes: Iterable[str],
    stations: Iterable[str],
    laid: Mapping[tuple[str, str], Any],
) -> Iterator[Fault]:
    """Yields what is wrong with a channel between a node and a station."""
    for kind, name, known in (("node", node, nodes), ("station", station, stations)):
        if name not in known:
            yield Fault(path, "", f"no {kind} is called '{name}'{suggestion(name, known)}")
    if (node, station) in laid:
        yield Fault(path, "", f"a second channel of its kind between '{node}' and '{station}'")


def link_faults(
    path: str,
    link_nodes: Iterable[str],
    station: str,
    nodes: Iterable[str],
    stations: Iterable[str],
    fibres: Iterable[tuple[str, str]],
    classical: Iterable[tuple[str, str]],
) -> Iterator[Fault]:
    """Yields what is wrong with a link, given the names of what there is.

    Args:
        path: where the link stands.
        link_nodes: the names of its nodes.
        station: the name of its station.
        nodes: the names of the network's nodes.
        stations: the names of its stations.
        fibres: the (node, station) pairs that fibres join.
        classical: the (node, station) pairs that classical channels join.
    """
    ends = list(link_nodes)
    if len(set(ends)) < len(ends):
        yield Fault(f"{path}.nodes", repr(ends), "must name different nodes")
    if station not in stations:
        yield Fault(
            f"{path}.station", repr(station), "no station is called that"
            + suggestion(station, stations),
        )  # fmt: skip
    for i, name in enumerate(ends):
        if name not in nodes:
            bound = "no node is called that" + suggestion(name, nodes)
            yield Fault(f"{path}.nodes.{i}", repr(name), bound)
        elif station in stations:
            for kind, laid in (("fibre", fibres), ("classical channel", classical)):
                if (name, station) not in laid:
                    bound = f"no {kind} joins '{name}' and '{station}'"
                    yield Fault(path, "", bound)
