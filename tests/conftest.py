"""A small link that heralds often, where things are, and how tests share the processors."""

import multiprocessing
import os
import re
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from prompt import Command, in_process

import qnetsim as qn

# Machines are shared, so that a slow example is no failure; and every run tries the same ones.
settings.register_profile("shared", deadline=None, derandomize=True)
settings.load_profile("shared")

ROOT = Path(__file__).resolve().parent.parent
MUNICH = ROOT / "scenarios" / "munich_2022.toml"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves coverage to the quick tests, and puts groups with slow ones first.

    Slow tests run what quick ones cover already, and tracing would make them several times slower.
    Of processes side by side, none is left with a slow group when the others are done.
    """
    slow = [item for item in items if item.get_closest_marker("slow")]
    for item in slow:
        item.add_marker(pytest.mark.no_cover)
    if hasattr(config, "workerinput"):
        first = {group(item.nodeid) for item in slow}
        items.sort(key=lambda item: group(item.nodeid) not in first)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deals tests out to processes in groups.

    By a scheduler of our own: pytest 9.2 no longer lets xdist 3.8 write ``xdist_group`` into ids.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return ByGroup(config, log)


def group(nodeid: str) -> str:
    """Returns the played link whose runs a test shares, else the file whose fixtures."""
    link = re.search(r"tests/statistics/.*[\[-](on [^-\]]+)", nodeid)
    return link[1] if link else nodeid.partition("::")[0]


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    """Fresh processes, so that runs go on side by side and untouched by what tests patch."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    workers = max(1, min(4, (os.cpu_count() or 1) // beside))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as executor:
        yield executor


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
