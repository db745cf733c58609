"""What a herald of many slots costs to simulate, beside one of a single slot."""

from __future__ import annotations

from typing import Any

import qnetsim as qn
from bench.links import protocol
from bench.measure import Figures

SEED = 1
HERALDS = 20_000
LENGTH_M = 100_000.0


def heralds_of_arrays() -> dict[str, Any]:
    """Heralds a second at 100 km, from the first event to the last, with 1 and with 1000 slots."""
    figures = Figures({f"slots_{n}": lambda n=n: _heralds_per_s(n) for n in (1, 30, 1000)})
    return {"slots_1_over": figures.ratios_of("slots_1"), "heralds_per_s": figures.spread()}


def _heralds_per_s(slots: int) -> float:
    simulation = qn.Simulation(_array(slots), protocol(), SEED, max_rounds=HERALDS)
    result = simulation.run()
    return len(result.heralds) / result.wall_time_s


def _array(slots: int) -> qn.Network:
    net = qn.Network()
    net.add(
        "bsm",
        qn.BellStation(
            detector=qn.Detector(efficiency=0.9, dark_count_rate_hz=10.0),
            window_start_s=0.0,
            window_length_s=200e-9,
            photon_overlap=0.95,
            accept=["psi+", "psi-"],
        ),
    )
    for name in ("alice", "bob"):
        node = qn.MemoryNode(
            slots=slots,
            addressing_s=1e-6,
            excitation_probability=0.95,
            collection_efficiency=0.35,
            photon_lifetime_s=20e-9,
            readout=qn.Readout(duration_s=1e-3),
        )
        net.add(name, node)
        net.connect(name, "bsm", qn.Fibre(length_m=LENGTH_M / 2, attenuation_db_per_km=0.2))
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=LENGTH_M / 2))
    net.link("main", ("alice", "bob"), "bsm")
    return net
