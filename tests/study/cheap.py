"""Blocks that cost next to nothing, for tests of what plays and stores them.

A module of its own, since workers import it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from qnetsim.study.study import Study, load_study
from qnetsim.study.task import Task, block_seed

MUNICH = Path(__file__).resolve().parents[2] / "scenarios" / "munich_2022.toml"
FAILING = 40
"""One block in so many fails."""


def study(
    folder: Path, points: int, repeats: int = 3, more: str = "", name: str = "cheap"
) -> Study:
    """Returns a study of so many points; its file stays in the folder."""
    path = folder / f"{name}.toml"
    path.write_text(
        f"""
name = "{name}"
title = "cheap blocks"
scenarios = ["{MUNICH}"]
seed = 1
repeats = {repeats}
[block]
max_rounds = 1
{more}
[[axes]]
path = "nodes.alice.t2_s"
linear = {{ from = 1e-4, to = 1e-3, points = {points} }}
"""
    )
    return load_study(path)


def row(task: Task, block: int, **counts: Any) -> dict[str, Any]:
    seed = block_seed(task.strong_id, block)
    drawn = random.Random(seed)
    heralds = drawn.randrange(60, 140)
    said = {
        "heralds": heralds,
        "attempts": 1000 * heralds,
        "sim_time_s": drawn.uniform(1, 2),
        "attempting_s": drawn.uniform(0, 1),
        "rounds": {"00": {"n": heralds, "a": 0, "b": 0, "ab": 0}},
        **counts,
    }
    return {"id": task.strong_id, "block": block, "seed": seed, "counts": said}


def quick(task: Task, block: int) -> dict[str, Any]:
    """A block of no time."""
    return row(task, block)


def some_fail(task: Task, block: int) -> dict[str, Any]:
    """A block of 20 ms that takes no processor; some fail, in ways that pickle does not survive."""
    time.sleep(0.02)
    if block_seed(task.strong_id, block) % FAILING == 0:
        raise UnpicklableError(1, 2)
    return row(task, block)


def half_busy(task: Task, block: int) -> dict[str, Any]:
    """A block that keeps a processor busy for 50 ms."""
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    return row(task, block)


def noisy(task: Task, block: int) -> dict[str, Any]:
    """A block that prints, and tells its environment."""
    print("noise")
    sys.stdout.flush()
    os.write(1, b"noise\n")
    return row(task, block, threads=int(os.environ["OPENBLAS_NUM_THREADS"]))


def deadly(task: Task, block: int) -> dict[str, Any]:
    """A block whose worker is killed, always, where the point is the first one."""
    if task.point["nodes.alice.t2_s"] == 1e-4:
        os.kill(os.getpid(), signal.SIGKILL)
    return row(task, block)


def out_of_memory(task: Task, block: int) -> dict[str, Any]:
    """A block that its machine cannot play."""
    raise MemoryError("no memory")


def endless(task: Task, block: int) -> dict[str, Any]:
    """A block that takes ten minutes."""
    time.sleep(600)
    return row(task, block)


class UnpicklableError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"planted {first} {second}")
