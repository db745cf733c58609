"""A block of a task, and the row that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnetsim.photonic_scenario import MARK, PhotonicScenario
from qnetsim.scenario import Scenario
from qnetsim.study.tally import counts_of
from qnetsim.study.task import Task, block_seed, scenario_of

Row = dict[str, Any]
"""``id``, ``block``, ``seed``, and either ``counts`` or ``error``."""

_ready: dict[str, Scenario | PhotonicScenario] = {}
"""The scenario of the task that this process worked on last, by its identity."""


def run_block(task: Task, block: int) -> Row:
    """Returns the row of a block, which depends on the task's identity and the number alone.

    A block that the simulator refuses or fails at gives a row with its error. What the machine
    fails at (memory, files) is no property of the block and is raised.

    Args:
        task: what to simulate.
        block: its number, from 0.

    Raises:
        MemoryError: there was too little.
        OSError: a file could not be read.
    """
    seed = block_seed(task.strong_id, block)
    key = {"id": task.strong_id, "block": block, "seed": seed}
    try:
        return {**key, "counts": counts_of(_scenario(task).run(seed))}
    except (MemoryError, OSError):
        raise
    except Exception as error:  # whatever it is, the study goes on and its report says so
        text = "; ".join(line.strip() for line in str(error).splitlines())
        return {**key, "error": f"{type(error).__name__}: {text}"}


def _scenario(task: Task) -> Scenario | PhotonicScenario:
    """Returns a task's scenario; validated once for blocks that follow each other."""
    if task.strong_id not in _ready:
        scenario = scenario_of(_played(task.data))
        _ready.clear()
        _ready[task.strong_id] = scenario
    return _ready[task.strong_id]


def _played(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a scenario without the certificate of its key.

    It changes no count, and the file need not be wherever a block is played.
    """
    if MARK not in data:
        return data
    return {**data, "protocol": {**data["protocol"], "bound": "none", "certificate": None}}
