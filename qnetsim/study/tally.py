"""What is counted in a block, so that blocks add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnetsim.photonic_result import PhotonicResult
from qnetsim.protocols.bell_test import Estimate
from qnetsim.result import Result

Counts = Mapping[str, Any]
"""A nested dictionary of numbers (``counts_of`` says which)."""

_OUTCOMES = np.array([1, -1])


def counts_of(result: Result | PhotonicResult) -> dict[str, Any]:
    """Returns the counts of a run, under names of ``summary`` where those mean the same.

    ``heralds`` (rounds where nothing heralds), ``heralds_missed``, ``attempts``, ``sim_time_s``,
    ``attempting_s``; ``activity_s`` by node and activity; ``heralds_by_cause``; ``rounds`` by
    settings XY, each with their number (``n``) and the sums of the outcomes and of their product
    (``a``, ``b``, ``ab``); ``fidelity`` with ``n``, ``sum`` and ``sum_sq``; and, of an array of
    slots, ``array`` with what became of its attempts.
    """
    if isinstance(result, PhotonicResult):
        return _of_pulses(result)
    heralds = result.heralds
    causes = {cause: int(np.count_nonzero(heralds.cause == cause)) for cause in result.causes}
    counts = {
        "heralds": len(heralds),
        "heralds_missed": result.heralds_missed,
        "attempts": result.attempts,
        "sim_time_s": result.sim_time_s,
        "attempting_s": result.attempting_s,
        "activity_s": result.activity_s,
        "heralds_by_cause": causes,
        "rounds": _by_setting(_tables(result)),
        "fidelity": _moments(result.heralded_fidelity),
    }
    openings = result.openings
    return counts if openings is None else {**counts, "array": openings._asdict()}


def add(first: Counts, second: Counts) -> dict[str, Any]:
    """Returns the sum of two nested dictionaries of numbers; what one lacks counts as 0.

    Sums of floats depend on their order in the last digit: totals are made in the order of blocks.
    """
    total = dict(first)
    for key, value in second.items():
        if isinstance(value, Mapping):
            total[key] = add(first.get(key, {}), value)
        else:
            total[key] = first.get(key, 0) + value
    return total


def table_of(counts: Counts) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Returns how often each pair of outcomes came, by settings: shape (2, 2), in order +1, -1."""
    tables = {}
    for name, sums in counts["rounds"].items():
        n, a, b, ab = (sums[key] for key in ("n", "a", "b", "ab"))
        x, y = (int(part) for part in name)
        cells = [[n + a + b + ab, n + a - b - ab], [n - a + b - ab, n - a - b + ab]]
        tables[x, y] = np.array(cells) / 4
    return tables


def _of_pulses(result: PhotonicResult) -> dict[str, Any]:
    settings = np.ndindex(result.rounds.shape[:2])
    made = result.counts.sum(axis=(0, 1, 2, 4, 5)).tolist() if result.heralded else ()
    causes = result.law.causes if result.heralded else ()
    return {
        "heralds": int(result.rounds.sum()),
        "heralds_missed": 0,
        "attempts": result.pulses,
        "sim_time_s": result.sim_time_s,
        "attempting_s": result.sim_time_s,
        "activity_s": {},
        "heralds_by_cause": dict(zip(causes, made, strict=True)),
        "rounds": _by_setting({(x, y): result.rounds[x, y] for x, y in settings}),
        "fidelity": _moments(result.heralded_fidelity),
    }


def _tables(result: Result) -> dict[tuple[int, int], NDArray[np.int64]]:
    """Returns how often each pair of outcomes came, by the settings that were played."""
    rounds = result.rounds
    if not len(rounds.x):
        return {}
    shape = (int(rounds.x.max()) + 1, int(rounds.y.max()) + 1, 2, 2)
    cells = np.ravel_multi_index(
        (rounds.x, rounds.y, (1 - rounds.a) // 2, (1 - rounds.b) // 2), shape
    )
    tables = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
    return {(x, y): tables[x, y] for x, y in np.ndindex(shape[:2])}


def _by_setting(
    tables: Mapping[tuple[int, int], NDArray[np.int64]],
) -> dict[str, dict[str, int]]:
    """Returns the sums of each pair of settings that was played."""
    return {
        f"{x}{y}": {
            "n": int(table.sum()),
            "a": int(_OUTCOMES @ table.sum(axis=1)),
            "b": int(_OUTCOMES @ table.sum(axis=0)),
            "ab": int(_OUTCOMES @ table @ _OUTCOMES),
        }
        for (x, y), table in tables.items()
        if table.any()
    }


def _moments(fidelity: Estimate | None) -> dict[str, float]:
    """Returns the sums of fidelities and of their squares, from their mean and its error."""
    if fidelity is None:
        return {"n": 0, "sum": 0.0, "sum_sq": 0.0}
    mean, stderr, n = fidelity
    return {"n": n, "sum": n * mean, "sum_sq": n * (n * stderr**2 + mean**2)}
