"""A small link that heralds often, and where things are."""

from pathlib import Path

import pytest
from hypothesis import settings
from prompt import Command, in_process

import qnetsim as qn

# Machines are shared, so that a slow example is no failure; and every run tries the same ones.
settings.register_profile("shared", deadline=None, derandomize=True)
settings.load_profile("shared")

ROOT = Path(__file__).resolve().parent.parent
MUNICH = ROOT / "scenarios" / "munich_2022.toml"


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def munich() -> Path:
    return MUNICH


@pytest.fixture
def small_network() -> qn.Network:
    atom = qn.MemoryNode(
        excitation_probability=0.9,
        collection_efficiency=0.4,
        photon_lifetime_s=26e-9,
        atom_photon_fidelity=0.97,
        t2_s=100e-6,
        readout=qn.Readout(duration_s=1e-6, error_plus=0.01, error_minus=0.02),
    )
    network = qn.Network()
    network.add(
        "bsm",
        qn.BellStation(
            detector=qn.Detector(efficiency=0.8, dark_count_rate_hz=1000.0),
            window_start_s=0.0,
            window_length_s=100e-9,
            photon_overlap=0.95,
            accept=["psi+", "psi-"],
        ),
    )
    for name, length_m in (("alice", 50.0), ("bob", 400.0)):
        network.add(name, atom)
        network.connect(name, "bsm", qn.Fibre(length_m=length_m, attenuation_db_per_km=4.3))
        network.connect(name, "bsm", qn.ClassicalChannel(length_m=length_m))
    network.link("main", ("alice", "bob"), "bsm")
    return network


@pytest.fixture
def protocol() -> qn.DIQKD:
    return qn.DIQKD(
        link="main",
        parties=[
            qn.Party(node="alice", angles_deg=[-22.5, 22.5, -45.0, 0.0], input_bias=0.0),
            qn.Party(node="bob", angles_deg=[22.5, -22.5], input_bias=0.0),
        ],
        key_pairs=[(0, 0), (1, 1)],
        key_anticorrelated=True,
        chsh_terms=[(2, 1, 1), (2, 0, -1), (3, 0, -1), (3, 1, -1)],
        bound="two-basis",
    )


@pytest.fixture
def small_simulation(small_network: qn.Network, protocol: qn.DIQKD) -> qn.Simulation:
    return qn.Simulation(small_network, protocol, seed=3)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process."""
    return in_process(monkeypatch, capfd)
