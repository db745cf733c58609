"""How to play a link in both resolutions."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from parts import PROTOCOL
from variants import VARIANTS, Variant

import qnetsim as qn
from qnetsim.keys.sifting import Rounds
from qnetsim.protocols.expectation import LinkExpectation, ProtocolExpectation
from qnetsim.protocols.heralds import Heralds


def params(*names: str) -> list[Any]:
    """Returns variants' names as parameters of tests, the slow ones marked.

    Their ids begin with ``on``, by which one process gets all tests of a link.
    """
    return [
        pytest.param(name, id=f"on {name}", marks=[pytest.mark.slow] if VARIANTS[name].slow else [])
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
        expected_link: the closed form, in a run's first part alone: it takes seconds where a
            link drifts.
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
            pool.submit(
                play, name, resolution, offset + seed, variant.heralds // len(seeds), part == 0
            )
            for part, seed in enumerate(seeds)
        ]
        for resolution, seeds in SEEDS.items()
    }
    runs = {resolution: [part.result() for part in parts] for resolution, parts in pending.items()}
    return Played(name, variant, runs)


def play(name: str, resolution: str, seed: int, heralds: int, closed: bool = False) -> Part:
    """Plays a link until it has so many rounds, a multiple of ``BATCHES``.

    Args:
        name: the link's.
        resolution: in which it is played.
        seed: of its random numbers.
        heralds: how many rounds.
        closed: whether the part is to have closed forms.
    """
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
        link.schedule.timing.period,
        result.expected_link if closed else None,
        result.expected if closed else None,
    )


def _books(simulation: qn.Simulation) -> dict[str, int]:
    spent = simulation.link.spent()
    books = {"time": simulation.timeline.now, "attempts": spent.attempts}
    books |= {"attempting": spent.attempting_ps}
    for cycles in simulation.link.cycles:
        for cycle in cycles:
            for activity, spent_ps in cycle.activity_ps().items():
                key = f"{cycle.node} {activity}"
                books[key] = books.get(key, 0) + spent_ps
    return books
