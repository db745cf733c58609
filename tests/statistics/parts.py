"""Parts of links that herald in one attempt out of ten or so, and what they are put together to.

Nothing about them is symmetric: arms, photons, memories, readouts and settings differ. One herald
in thirteen is a dark count's, and the memories dephase while the herald travels.
"""

from __future__ import annotations

from typing import Any

import qnetsim as qn

Parts = dict[str, Any]

PROTOCOL = qn.DIQKD(
    link="main",
    parties=[
        qn.Party(node="alice", angles_deg=[-22.5, 22.5, -45.0, 0.0], input_bias=0.02),
        qn.Party(node="bob", angles_deg=[22.5, -22.5], input_bias=-0.02),
    ],
    key_pairs=[(0, 0), (1, 1)],
    key_anticorrelated=True,
    chsh_terms=[(2, 1, 1), (2, 0, -1), (3, 0, -1), (3, 1, -1)],
    bound="two-basis",
)

PERIOD_S = 44.99672e-6
"""From attempt to attempt: the longer preparation, 500 m there and back, and the window."""

DEAD_TIME_S = 3.5 * PERIOD_S

READOUT = {
    "alice": {"duration_s": 3e-6, "error_plus": 0.03, "error_minus": 0.05},
    "bob": {"duration_s": 2e-6, "delay_s": 1e-6, "error_plus": 0.04, "error_minus": 0.01},
}

NODE = {
    "alice": {
        "excitation_probability": 0.9,
        "photon_lifetime_s": 26e-9,
        "atom_photon_fidelity": 0.96,
        "memory_levels": 3,
        "t2_s": 9e-6,
        "dephasing_axis": "y",
        "preparation_s": 40e-6,
    },
    "bob": {
        "excitation_probability": 0.85,
        "photon_lifetime_s": 20e-9,
        "atom_photon_fidelity": 0.93,
        "t2_s": 12e-6,
        "t2_exponent": 1.0,
        "dephasing_axis": "y",
        "preparation_s": 31e-6,
    },
}

LENGTH_M = {"alice": 200.0, "bob": 500.0}


def network(
    collection: float,
    *,
    alice: Parts | None = None,
    bob: Parts | None = None,
    drift: dict[str, tuple[float, float]] | None = None,
    detector: Parts | None = None,
    station: Parts | None = None,
    fibres: dict[str, Parts] | None = None,
    converters: dict[str, qn.Converter] | None = None,
    classical: dict[str, Parts] | None = None,
) -> qn.Network:
    """Returns a link.

    Args:
        collection: collection efficiency of both nodes, which sets the herald probability.
        alice: what else Alice's node has.
        bob: what else Bob's node has.
        drift: for each node's fibre what it loses between realignments, in dB, and their
            distance in s.
        detector: what else the detectors have.
        station: what else the station has.
        fibres: what else a node's fibre has.
        converters: a node's converter.
        classical: what else a node's classical channel has.
    """
    net = qn.Network()
    detectors = {"efficiency": 0.85, "dark_count_rate_hz": 5e4, "jitter_s": 0.3e-9}
    parts = {
        "detector": qn.Detector(**(detectors | (detector or {}))),
        "window_start_s": 0.0,
        "window_length_s": 100e-9,
        "photon_overlap": 0.9,
        "accept": ["psi+", "psi-"],
    }
    net.add("bsm", qn.BellStation(**(parts | (station or {}))))
    for name, more in (("alice", alice or {}), ("bob", bob or {})):
        parts = {"collection_efficiency": collection, "readout": qn.Readout(**READOUT[name])}
        net.add(name, qn.MemoryNode(**(parts | NODE[name] | more)))
        fibre = _drifting(*(drift or {}).get(name, (0.0, None))) | (fibres or {}).get(name, {})
        length_m = LENGTH_M[name]
        net.connect(
            name, "bsm", qn.Fibre(length_m=length_m, **({"attenuation_db_per_km": 4.3} | fibre))
        )
        messages = (classical or {}).get(name, {})
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=length_m, **messages))
        if name in (converters or {}):
            net.connect(name, "bsm", converters[name])
    net.link("main", ("alice", "bob"), "bsm")
    return net


def _drifting(drift_db: float, realign_s: float | None) -> Parts:
    if realign_s is None:
        return {}
    return {"drift_db_per_hour": drift_db / realign_s * 3600, "realign_every_s": realign_s}


def cooled(duration_s: float, every_attempts: int) -> Parts:
    return {"cooling": qn.Cooling(duration_s=duration_s, every_attempts=every_attempts)}


def trapped(loading_s: float, lifetime_s: float, emptying_s: float = 0.0) -> Parts:
    trap = qn.Trap(loading_mean_s=loading_s, lifetime_s=lifetime_s, emptying_s=emptying_s)
    return {"trap": trap}


def readout(name: str, **more: Any) -> Parts:
    return {"readout": qn.Readout(**(READOUT[name] | more))}
