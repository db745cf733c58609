"""Wires nodes, stations and channels into a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from qnetsim.arm import Arm, light_faults
from qnetsim.channels.channel import PhotonChannel
from qnetsim.channels.classical import ClassicalChannel
from qnetsim.channels.converter import Converter
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.multiplexing import Multiplexing
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
    multiplexing: Multiplexing = described(
        "modes and how attempts follow each other in them", default=Multiplexing()
    )


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
        self.fibres: dict[tuple[str, str], PhotonChannel] = {}
        self.classical: dict[tuple[str, str], ClassicalChannel] = {}
        self.converters: dict[tuple[str, str], Converter] = {}
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

    def connect(
        self, node: str, station: str, channel: PhotonChannel | ClassicalChannel | Converter
    ) -> None:
        """Lays a channel between a node and a station, or puts a converter into one.

        Raises:
            InvalidInputError: an end is unknown, or such a part lies there already.
        """
        kind = next((k for k, part in _CHANNELS.items() if isinstance(channel, part)), None)
        if kind is None:
            bound = "must be a Fibre, a FreeSpace, a ClassicalChannel or a Converter"
            raise InvalidInputError([Fault("channel", type(channel).__name__, bound)])
        path = f"{kind}.{node}_{station}"
        laid: dict[tuple[str, str], Any] = getattr(self, kind)
        _raise_any(_channel_faults(path, node, station, self.nodes, self.stations, laid))
        laid[node, station] = channel

    def link(
        self,
        name: str,
        nodes: tuple[str, str],
        station: str,
        multiplexing: Multiplexing | None = None,
    ) -> str:
        """Makes two nodes attempt entanglement through a station; returns the link's name.

        Raises:
            InvalidInputError: the name is taken, a part is unknown, a channel is missing, or the
                parts do not fit each other.
        """
        multiplexing = multiplexing or Multiplexing()
        link = Link(nodes=list(nodes), station=station, multiplexing=multiplexing)
        if name in self.links:
            raise InvalidInputError([Fault(f"links.{name}", "", "the name is taken")])
        _raise_any(
            link_faults(
                f"links.{name}", nodes, station, self.nodes, self.stations, self.fibres,
                self.classical,
            )
        )  # fmt: skip
        arms = [self.arm(node, station) for node in nodes]
        _raise_any(
            light_faults(
                arms, self.stations[station], lambda kind, node: _path(kind, node, station)
            )
        )
        self.links[name] = link
        return name

    def arms(self, link: str) -> tuple[Arm, Arm]:
        """Returns the two sides of a link."""
        wanted = self.links[link]
        first, second = (self.arm(name, wanted.station) for name in wanted.nodes)
        return first, second

    def arm(self, node: str, station: str) -> Arm:
        """Returns a node and its channels to a station."""
        ends = node, station
        return Arm(
            node,
            self.nodes[node],
            self.fibres[ends],
            self.classical[ends],
            self.converters.get(ends),
            self.stations[station].switch,
        )

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


_CHANNELS = {"fibres": PhotonChannel, "classical": ClassicalChannel, "converters": Converter}


def _path(kind: str, node: str, station: str) -> str:
    return f"nodes.{node}" if kind == "nodes" else f"{kind}.{node}_{station}"


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
