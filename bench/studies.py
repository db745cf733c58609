"""How studies are planned, and what a block costs besides simulating."""

from __future__ import annotations

import json
import resource
import statistics
import time
from typing import Any

from bench.links import MUNICH
from bench.measure import output_of, python, seconds, short
from qnetsim import Study, load_scenario
from qnetsim.study.tally import counts_of
from qnetsim.study.task import block_seed, scenario_of

POINTS = 100
BLOCKS = 20
ROUNDS = 200


def plan() -> dict[str, Any]:
    """A million tasks with their identities, planned in a fresh process."""
    code = "from bench import studies; studies.print_plan()"
    return dict(json.loads(output_of(python(code))))


def print_plan() -> None:
    """Plans them here and prints how long that took, and the process's peak memory."""
    counted = 0

    def work() -> None:
        nonlocal counted
        for task in million().tasks():
            counted += bool(task.strong_id)

    took_s = seconds(work)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"tasks": counted, "wall_s": short(took_s), "peak_mb": short(peak_mb)}))


def million() -> Study:
    """Returns a study of a million points of the Munich link, over three axes."""
    spaced = {"from": 1e-3, "to": 1.0, "points": POINTS}
    axes = [
        {"path": "link.length_m", "log": {"from": 1e3, "to": 1e5, "points": POINTS}},
        {"path": "nodes.*.t2_s", "log": spaced},
        {"path": "link.station.photon_overlap", "linear": spaced},
    ]
    return _study(axes)


def blocks() -> dict[str, Any]:
    """What a block of the Munich link takes in all, and besides its events."""
    (task,) = _study([]).tasks()
    scenario = scenario_of(task.data)

    def spent(block: int) -> tuple[float, float]:
        begin = time.perf_counter()
        result = scenario.run(block_seed(task.strong_id, block))
        counts_of(result)
        in_all = time.perf_counter() - begin
        return in_all, in_all - result.wall_time_s

    spent(0)
    in_all, besides = zip(*map(spent, range(BLOCKS)), strict=True)
    return {
        "block_s": short(statistics.median(in_all)),
        "besides_events_s": short(statistics.median(besides)),
    }


def _study(axes: list[dict[str, Any]]) -> Study:
    head = {"name": "bench", "title": "Bench", "block": {"max_rounds": ROUNDS}}
    return Study({**head, "axes": axes}, [load_scenario(MUNICH)])
