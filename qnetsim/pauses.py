"""What a link's time goes on, and the link that spends none on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from qnetsim import units
from qnetsim.imperfections import repaired
from qnetsim.network import Network
from qnetsim.nodes.memory import MemoryNode

Fields = dict[str, Any]

_AT_ONCE = {
    "group_index": 0.0,
    "electronics_s": 0.0,
    "jitter_mean_s": 0.0,
    "loss_probability": 0.0,
    "allowance_s": 0.0,
}


class Pause(NamedTuple):
    """An activity.

    Attributes:
        what: it is.
        without: the network in which it takes no time.
    """

    what: str
    without: Network


def pauses(network: Network, link: str) -> Iterator[Pause]:
    """Yields what a link's time goes on, whether or not it takes any, at both nodes at once.

    First what makes an attempt long, then what keeps the link from attempting.

    Args:
        network: the hardware.
        link: the link's name.
    """
    yield Pause("preparation", _nodes(network, link, lambda _: {"preparation_s": 0.0}))
    yield Pause("light and messages", _prompt(network, link))
    yield Pause("window and processing", _deciding_at_once(network, link))
    yield Pause("addressing", _nodes(network, link, lambda _: {"addressing_s": 0.0}))
    yield Pause("switching", _switched_at_once(network, link))
    for what, fields in _BETWEEN_ATTEMPTS.items():
        yield Pause(what, _nodes(network, link, fields))


def _cooling(node: MemoryNode) -> Fields:
    cooling = node.cooling
    return {"cooling": cooling and cooling.model_copy(update={"duration_s": 0.0})}


def _trap(node: MemoryNode, field: str) -> Fields:
    return {"trap": node.trap and node.trap.model_copy(update={field: 0.0})}


def _readout(node: MemoryNode) -> Fields:
    return {"readout": node.readout.model_copy(update={"delay_s": 0.0, "duration_s": 0.0})}


_BETWEEN_ATTEMPTS: dict[str, Callable[[MemoryNode], Fields]] = {
    "cooling": _cooling,
    "loading": lambda node: _trap(node, "loading_mean_s"),
    "readout": _readout,
    "shutter": lambda _: {"shutter_s": 0.0},
    "emptying": lambda node: _trap(node, "emptying_s"),
    "recalibration": lambda _: {"recalibration": None},
}


def _nodes(network: Network, link: str, fields: Callable[[MemoryNode], Fields]) -> Network:
    for name in network.links[link].nodes:
        network = repaired(network, "nodes", name, fields(network.nodes[name]))
    return network


def _prompt(network: Network, link: str) -> Network:
    """Returns the network whose light and messages take no time."""
    for arm in network.arms(link):
        end = arm.name, network.links[link].station
        network = repaired(network, "fibres", end, {"group_index": 0.0})
        network = repaired(network, "classical", end, _AT_ONCE)
    return network


def _switched_at_once(network: Network, link: str) -> Network:
    switch = network.station_of(link).switch
    at_once = switch and switch.model_copy(update={"switching_s": 0.0})
    return repaired(network, "stations", network.links[link].station, {"switch": at_once})


def _deciding_at_once(network: Network, link: str) -> Network:
    """Returns the network whose station decides a picosecond after the light, with its window."""
    station = network.station_of(link)
    early_ps = units.to_ps(station.processing_s) - station.decision_ps + 1
    at_once = {"processing_s": units.to_seconds(early_ps)}
    return repaired(network, "stations", network.links[link].station, at_once)
