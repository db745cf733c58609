"""Links from their parts: perfect ones, but for what a test puts in."""

from __future__ import annotations

from typing import Any

import qnetsim as qn
from qnetsim.arm import Arm
from qnetsim.channels.channel import PhotonChannel
from qnetsim.nodes.station import Station
from qnetsim.optics import optics_of
from qnetsim.protocols.expectation import LinkExpectation, link_expectation
from qnetsim.rng import Streams

NODES = ("alice", "bob")
Parts = dict[str, Any]

ENCODINGS = {"polarisation": "polarisation", "time-bin": "time-bin", "single-photon": "number"}


def node(**parts: Any) -> qn.MemoryNode:
    perfect: Parts = {
        "excitation_probability": 1.0,
        "collection_efficiency": 1.0,
        "photon_lifetime_s": 20e-9,
        "readout": qn.Readout(duration_s=1e-6),
    }
    return qn.MemoryNode(**(perfect | parts))


def station(detector: Parts | None = None, **parts: Any) -> qn.BellStation:
    """A window of fifty lifetimes and both Bell states."""
    perfect: Parts = {
        "detector": qn.Detector(
            **({"efficiency": 1.0, "dark_count_rate_hz": 0.0} | (detector or {}))
        ),
        "window_start_s": 0.0,
        "window_length_s": 1e-6,
        "photon_overlap": 1.0,
        "accept": ["psi+", "psi-"],
    }
    if parts.get("measurement") == "midpoint":
        del perfect["photon_overlap"]
    if parts.get("measurement") == "time-bin":
        perfect["bin_separation_s"] = 2e-6
    return qn.BellStation(**(perfect | parts))


def link(
    bsm: qn.BellStation | None = None,
    alice: Parts | None = None,
    bob: Parts | None = None,
    *,
    fibres: dict[str, PhotonChannel] | None = None,
    converters: dict[str, qn.Converter] | None = None,
    arm_length_m: float = 1.0,
) -> qn.Network:
    """Returns a network with the link ``main``.

    Args:
        bsm: its station.
        alice: what Alice's node has, unlike a perfect one.
        bob: what Bob's has.
        fibres: what carries the photons of a node; by default a perfect fibre.
        converters: the converter of a node.
        arm_length_m: how far a node is from the station.
    """
    bsm = bsm or station()
    net = qn.Network()
    net.add("bsm", bsm)
    encoding = {"encoding": ENCODINGS[bsm.measurement]}
    if bsm.measurement == "single-photon":
        encoding["bright_population"] = 0.1
    for name, parts in zip(NODES, (alice, bob), strict=True):
        net.add(name, node(**(encoding | (parts or {}))))
        fibre = qn.Fibre(length_m=arm_length_m, attenuation_db_per_km=0.0)
        net.connect(name, "bsm", (fibres or {}).get(name, fibre))
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=arm_length_m))
        if name in (converters or {}):
            net.connect(name, "bsm", converters[name])
    net.link("main", NODES, "bsm")
    return net


def arm(name: str, net: qn.Network) -> Arm:
    return net.arm(name, "bsm")


def in_time(net: qn.Network) -> Station:
    """Returns the station of a link as it is in a simulation."""
    arms = net.arms("main")
    spec = net.station_of("main")
    return Station(spec, optics_of(arms, spec), Streams(3)["station"])


def expected(net: qn.Network) -> LinkExpectation:
    found = link_expectation(net, "main", 1.0)
    assert found is not None
    return found
