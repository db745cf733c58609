"""Links that herald in one attempt out of twenty, and how to play them in both resolutions.

Nothing about them is symmetric: arms, photons, memories, readouts and settings differ. One herald
in thirteen is a dark count's, and the memories dephase while the herald travels.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import qnetsim as qn
from qnetsim.keys.sifting import Rounds
from qnetsim.protocols.expectation import LinkExpectation, ProtocolExpectation
from qnetsim.result import Heralds

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

# --- the links -----------------------------------------------------------------------------------

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
    alice: dict[str, Any] | None = None,
    bob: dict[str, Any] | None = None,
    drift: dict[str, tuple[float, float]] | None = None,
    dead_time_s: float = 0.0,
) -> qn.Network:
    """Returns a link.

    Args:
        collection: collection efficiency of both nodes, which sets the herald probability.
        alice: what else Alice's node has.
        bob: what else Bob's node has.
        drift: for each node's fibre what it loses between realignments, in dB, and their
            distance in s.
        dead_time_s: of the detectors.
    """
    net = qn.Network()
    net.add(
        "bsm",
        qn.BellStation(
            detector=qn.Detector(
                efficiency=0.85, dark_count_rate_hz=5e4, dead_time_s=dead_time_s, jitter_s=0.3e-9
            ),
            window_start_s=0.0,
            window_length_s=100e-9,
            photon_overlap=0.9,
            accept=["psi+", "psi-"],
        ),
    )
    for name, more in (("alice", alice or {}), ("bob", bob or {})):
        parts = {
            "collection_efficiency": collection,
            "readout": qn.Readout(**READOUT[name]),
            **NODE[name],
            **more,
        }
        net.add(name, qn.MemoryNode(**parts))
        net.connect(name, "bsm", _fibre(LENGTH_M[name], *(drift or {}).get(name, ())))
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=LENGTH_M[name]))
    net.link("main", ("alice", "bob"), "bsm")
    return net


def _fibre(length_m: float, drift_db: float = 0.0, realign_s: float | None = None) -> qn.Fibre:
    return qn.Fibre(
        length_m=length_m,
        attenuation_db_per_km=4.3,
        drift_db_per_hour=drift_db / realign_s * 3600 if realign_s else 0.0,
        realign_every_s=realign_s,
    )


def _cooled(duration_s: float, every_attempts: int) -> dict[str, Any]:
    return {"cooling": qn.Cooling(duration_s=duration_s, every_attempts=every_attempts)}


def _trapped(loading_s: float, lifetime_s: float, emptying_s: float = 0.0) -> dict[str, Any]:
    trap = qn.Trap(loading_mean_s=loading_s, lifetime_s=lifetime_s, emptying_s=emptying_s)
    return {"trap": trap}


def _readout(name: str, **more: Any) -> dict[str, Any]:
    return {"readout": qn.Readout(**(READOUT[name] | more))}


ALICE_LOADING_S = 5e-4


def _steady() -> qn.Network:
    return network(0.588)


def _rare() -> qn.Network:
    return network(0.0532)


def _cooling() -> qn.Network:
    return network(0.588, alice=_cooled(200e-6, 13), bob=_cooled(150e-6, 8))


def _loss_and_reload() -> qn.Network:
    """Particles are lost about as often as a herald comes, and every readout empties the trap."""
    return network(
        0.588,
        alice={
            **_cooled(200e-6, 8),
            **_trapped(ALICE_LOADING_S, 3e-3, 1e-4),
            **_readout("alice", destructive=True, outcome_if_lost=-1),
        },
        bob={
            **_cooled(150e-6, 12),
            **_trapped(8e-4, 4e-3, 5e-5),
            **_readout("bob", destructive=True),
            "shutter_s": 1e-4,
        },
    )


def _drift() -> qn.Network:
    """Fifty heralds between realignments, in which the herald probability falls by five."""
    return network(0.857, drift={"alice": (4.5, 0.0531), "bob": (2.5, 0.0377)})


def _dead_time() -> qn.Network:
    """A readout so long that only a session's first attempt can still find detectors blind."""
    return network(
        0.99,
        alice=_readout("alice", duration_s=66e-6),
        bob=_readout("bob", duration_s=66e-6),
        dead_time_s=DEAD_TIME_S,
    )


def _all_at_once() -> qn.Network:
    return network(
        1.0,
        alice={
            **_cooled(200e-6, 8),
            **_trapped(ALICE_LOADING_S, 3e-3, 1e-4),
            **_readout("alice", destructive=True),
        },
        bob={**_cooled(150e-6, 12), **_trapped(8e-4, 4e-3), "shutter_s": 1e-4},
        drift={"alice": (3.0, 0.1531), "bob": (2.0, 0.1077)},
        dead_time_s=DEAD_TIME_S,
    )


class Variant(NamedTuple):
    """A link to be played in both resolutions.

    Attributes:
        network: builds it.
        heralds: how many each resolution plays.
        chance: of a herald in an attempt with both particles there, averaged over the drift; of
            a herald in any attempt where detectors have a dead time.
        slow: whether that takes more than ten seconds.
    """

    network: Callable[[], qn.Network]
    heralds: int = 200_000
    chance: float = 0.05
    slow: bool = True


VARIANTS: dict[str, Variant] = {
    "steady, few heralds": Variant(_steady, heralds=10_000, slow=False),
    "steady": Variant(_steady),
    "rare heralds": Variant(_rare, heralds=2_000, chance=1e-3),
    "cooling": Variant(_cooling),
    "loss and reload": Variant(_loss_and_reload),
    "drift": Variant(_drift),
    "dead time": Variant(_dead_time),
    "all at once": Variant(_all_at_once, heralds=10_000, chance=0.04),
}


def params(*names: str) -> list[Any]:
    """Returns variants' names as parameters of tests, the slow ones marked."""
    return [
        pytest.param(name, marks=[pytest.mark.slow] if VARIANTS[name].slow else [])
        for name in names
    ]


def on(*names: str) -> pytest.MarkDecorator:
    """Makes a test look at some variants only."""
    return pytest.mark.parametrize("played", params(*names), indirect=True)


# --- playing them --------------------------------------------------------------------------------

SEEDS = {"attempt": (1, 2), "herald": (3, 4)}
"""One for each part of a run; the resolutions' differ, so that their runs are independent."""

BATCHES = 200


class Part(NamedTuple):
    """What came of one simulation.

    Attributes:
        heralds: its heralds.
        rounds: its rounds.
        books: what a herald took on average, batch by batch: ``time``, ``attempts``,
            ``attempting`` and each node's activities; times in ps.
        period_ps: from attempt to attempt.
        expected_link: the closed form.
        expected: likewise.
    """

    heralds: Heralds
    rounds: Rounds
    books: dict[str, NDArray[np.float64]]
    period_ps: int
    expected_link: LinkExpectation | None
    expected: ProtocolExpectation | None


Run = list[Part]
"""Independent simulations of one link in one resolution."""


class Played(NamedTuple):
    """A link and its run in each resolution."""

    name: str
    variant: Variant
    runs: dict[str, Run]


def play_both(name: str, pool: Executor) -> Played:
    """Plays a link in both resolutions, all parts side by side."""
    variant = VARIANTS[name]
    offset = 10 * list(VARIANTS).index(name)
    pending = {
        resolution: [
            pool.submit(play, name, resolution, offset + seed, variant.heralds // len(seeds))
            for seed in seeds
        ]
        for resolution, seeds in SEEDS.items()
    }
    runs = {resolution: [part.result() for part in parts] for resolution, parts in pending.items()}
    return Played(name, variant, runs)


def play(name: str, resolution: str, seed: int, heralds: int) -> Part:
    """Plays a link until it has so many rounds, a multiple of ``BATCHES``."""
    simulation = qn.Simulation(
        VARIANTS[name].network(), PROTOCOL, seed, resolution=resolution, max_rounds=heralds
    )
    link = simulation.link
    books = [_books(simulation)]
    batch = heralds // BATCHES
    for rounds in range(batch, heralds + 1, batch):
        link.max_rounds = rounds
        simulation.timeline.play(None)
        books.append(_books(simulation))
    result = simulation.result()
    return Part(
        result.heralds,
        result.rounds,
        {key: np.diff([page.get(key, 0) for page in books]) / batch for key in books[-1]},
        link.timing.period,
        result.expected_link,
        result.expected,
    )


def _books(simulation: qn.Simulation) -> dict[str, int]:
    attempts, attempting_ps = simulation.link.progress()
    books = {"time": simulation.timeline.now, "attempts": attempts, "attempting": attempting_ps}
    for cycle in simulation.link.cycles:
        for activity, spent_ps in cycle.activity_ps().items():
            books[f"{cycle.slot.name} {activity}"] = spent_ps
    return books
