"""What it costs to collect a study: throughput by processes, overhead a block, long stores."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import qnetsim as qn
from bench.measure import Figures, seconds, short
from qnetsim.study.appending import Store
from qnetsim.study.collect import collect
from qnetsim.study.executors import Processes
from qnetsim.study.store import Contents, header, line_of, study_line
from qnetsim.study.study import Study
from qnetsim.study.task import Task, block_seed

Report = dict[str, Any]

TASKS = 1000
BUSY_S = 0.05
ROWS = 1_000_000
BLOCKS = 10
MUNICH = Path(__file__).resolve().parent.parent / "scenarios" / "munich_2022.toml"


def throughput() -> Report:
    """Tasks a second of 50 ms each, by one process and by two; each keeps its processor busy."""
    study = _study(TASKS, 1)

    def rate(workers: int) -> float:
        with _folder() as folder, Processes(workers) as executor:
            _warm(executor, workers)
            return TASKS / seconds(lambda: collect(study, folder / "r", executor, run=busy))

    names = {"two": partial(rate, 2), "one": partial(rate, 1)}
    figures = Figures(names)
    return {"two_over": figures.ratios_of("two"), "tasks_per_s": figures.spread()}


def overhead() -> Report:
    """Real time and processor time of the collector for a task that takes none, by one process."""
    study = _study(TASKS, 1)

    def spent(clock: Any) -> float:
        with _folder() as folder, Processes(1) as executor:
            _warm(executor, 1)
            begin = clock()
            collect(study, folder / "r", executor, run=nothing)
            return float(clock() - begin) / TASKS

    figures = Figures(
        {"wall": partial(spent, time.perf_counter), "collector": partial(spent, time.process_time)}
    )
    return {"s_per_task": figures.spread()}


def store() -> Report:
    """Opens a store of a million rows, ten blocks a task: real time, processor time and memory."""
    study = _study(ROWS // BLOCKS, BLOCKS)
    with _folder() as folder:
        path = folder / "r.jsonl"
        with path.open("wb") as file:
            file.write(header() + study_line(study.definition()))
            for task in study.tasks():
                file.writelines(line_of(nothing(task, block)) for block in range(BLOCKS))
        figures = Figures({"open": lambda: seconds(lambda: Store(path, study).__exit__())})
        played = collect(study, path, run=nothing)
        resumed_s = seconds(lambda: collect(study, path, run=nothing))
        tracemalloc.start()
        contents = Contents(str(path))
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return {
            "rows": contents.count,
            "bytes_per_row": short(held / contents.count),
            "file_bytes_per_row": short(path.stat().st_size / contents.count),
            "wall_s": figures.spread(),
            "nothing_left_to_play_wall_s": short(resumed_s),
            "blocks_played": played.blocks_played,
        }


def busy(task: Task, block: int) -> dict[str, Any]:
    """A block that keeps its processor busy for 50 ms."""
    end = time.process_time() + BUSY_S
    while time.process_time() < end:
        pass
    return nothing(task, block)


def nothing(task: Task, block: int) -> dict[str, Any]:
    """A block of no time, with a row as long as Munich's."""
    seed = block_seed(task.strong_id, block)
    settings = {f"{x}{y}": {"n": 12, "a": 3, "b": -1, "ab": 7} for x in range(4) for y in range(2)}
    activity_s = {name: 0.123456789 * k for k, name in enumerate(("load", "cool", "try", "read"))}
    counts = {
        "heralds": 96,
        "attempts": 123456,
        "sim_time_s": seed * 1e-19,
        "attempting_s": seed * 1e-20,
        "rounds": settings,
        "activity_s": {"alice": activity_s, "bob": activity_s},
        "heralds_by_cause": {"photons": 90, "one dark count": 5, "two dark counts": 1},
        "fidelity": {"n": 96, "sum": 85.12345, "sum_sq": 75.4321},
    }
    return {"id": task.strong_id, "block": block, "seed": seed, "counts": counts}


def _study(points: int, repeats: int) -> Study:
    axes = [
        {"path": f"nodes.{node}.t2_s", "linear": {"from": 1e-4, "to": 1e-3, "points": count}}
        for node, count in (("alice", points // 100), ("bob", 100))
    ]
    said = {"name": "bench", "title": "bench", "repeats": repeats, "axes": axes}
    return Study({**said, "block": {"max_rounds": 100}}, [qn.load_scenario(MUNICH)])


def _warm(executor: Processes, workers: int) -> None:
    """Waits until workers have started and imported what they need."""
    for future in [executor.submit(_imported) for _ in range(workers)]:
        future.result()


def _imported() -> None:
    time.sleep(1.0)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
