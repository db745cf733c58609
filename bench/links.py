"""The links that are measured."""

from __future__ import annotations

import tomllib
from pathlib import Path

from qnetsim import (
    DIQKD,
    BellStation,
    ClassicalChannel,
    Detector,
    Fibre,
    MemoryNode,
    Network,
    Party,
    Readout,
    Scenario,
    Simulation,
)
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.protocols.heralding import Resolution

SCENARIOS = Path(__file__).parents[1] / "scenarios"
MUNICH = SCENARIOS / "munich_2022.toml"
USTC = SCENARIOS / "ustc_2022.toml"
AMPLIFIER = SCENARIOS / "amplifier_heralded.toml"
ARM_LENGTH_M = 350.0
ANGLES_DEG = {"alice": [-22.5, 22.5, -45.0, 0.0], "bob": [22.5, -22.5]}

MILLI = 0.0633
"""The collection efficiency at which an attempt of ``symmetric`` heralds with p = 1e-3."""


def munich(seed: int) -> Simulation:
    """Returns the Munich 2022 experiment."""
    return Scenario.load(MUNICH).simulation(seed)


def ustc() -> PhotonicScenario:
    """Returns the USTC 2022 experiment."""
    return PhotonicScenario.load(USTC)


def ustc_rounds(rounds: int, *, drawn: bool) -> PhotonicScenario:
    """Returns single rounds of it, with settings drawn or each of the six pairs in turn."""
    data = tomllib.loads(USTC.read_text())
    ends = {"max_rounds": rounds} if drawn else {"rounds_per_setting": rounds // 6}
    data["run"] = {"resolution": "rounds", **ends}
    data["protocol"]["settings"] = "drawn" if drawn else "in-turn"
    return PhotonicScenario(data)


def amplifier(pulses: int) -> PhotonicScenario:
    """Returns the qubit amplifier, each pulse played."""
    whole = PhotonicScenario.load(AMPLIFIER)
    duration_s = pulses / whole.model.pair_source.pulse_rate_hz
    settings = ("run.resolution=attempt", "run.max_rounds=1000000000")
    return PhotonicScenario.load(AMPLIFIER, (*settings, f"run.duration_s={duration_s!r}"))


def symmetric(
    seed: int,
    resolution: Resolution,
    efficiencies: tuple[float, float] = (MILLI, MILLI),
    heralds: int | None = None,
) -> Simulation:
    """Returns a station half way between two nodes that need neither loading nor cooling.

    Args:
        seed: a non-negative integer.
        resolution: how attempts are played.
        efficiencies: each node's collection efficiency.
        heralds: stop after so many rounds.
    """
    network = Network()
    network.add("bsm", _station())
    for name, efficiency in zip(ANGLES_DEG, efficiencies, strict=True):
        network.add(name, _node(efficiency))
        network.connect(name, "bsm", Fibre(length_m=ARM_LENGTH_M, attenuation_db_per_km=4.3))
        network.connect(name, "bsm", ClassicalChannel(length_m=ARM_LENGTH_M))
    network.link("main", ("alice", "bob"), "bsm")
    return Simulation(network, protocol(), seed, resolution=resolution, max_rounds=heralds)


def _station() -> BellStation:
    return BellStation(
        detector=Detector(efficiency=1.0, dark_count_rate_hz=10.0, dead_time_s=50e-9),
        window_start_s=0.0,
        window_length_s=300e-9,
        photon_overlap=0.98,
        accept=["psi+", "psi-"],
    )


def _node(collection_efficiency: float) -> MemoryNode:
    return MemoryNode(
        excitation_probability=1.0,
        collection_efficiency=collection_efficiency,
        photon_lifetime_s=26.24e-9,
        atom_photon_fidelity=0.98,
        t2_s=330e-6,
        readout=Readout(duration_s=1e-6, error_plus=0.01, error_minus=0.01),
    )


def protocol() -> DIQKD:
    return DIQKD(
        link="main",
        parties=[
            Party(node=name, angles_deg=angles, input_bias=0.0)
            for name, angles in ANGLES_DEG.items()
        ],
        key_pairs=[(0, 0), (1, 1)],
        key_anticorrelated=True,
        chsh_terms=[(2, 1, 1), (2, 0, -1), (3, 0, -1), (3, 1, -1)],
        bound="two-basis",
    )
