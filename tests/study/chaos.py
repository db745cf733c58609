"""Kills a collection and its workers at random moments and goes on with it each time.

By hand, at full size, with blocks as short as in the tests or with those of a study file:

    python tests/study/chaos.py --points 1000 --kills 30
    python tests/study/chaos.py --points 1000 --kills 30 --executor dask
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cheap
import psutil

from qnetsim.study.collect import collect
from qnetsim.study.combine import combine
from qnetsim.study.executors import executor_of
from qnetsim.study.store import read_store
from qnetsim.study.study import load_study

HERE = Path(__file__).resolve().parent
STOP = "[stop]\nheralds = 220"
WAIT_S = 60.0
STARTING_S = 8.0
"""A nanny whose worker dies while it starts gives up, and the cluster has one worker less."""

Children = Callable[[int], list[psutil.Process]]


class Chaos:
    """A collection that is killed and gone on with.

    Args:
        folder: where its files lie.
        points: of its study, of up to three blocks each.
        executor: its name, or ``processes``.
        seed: of the moments and of who is killed.
    """

    def __init__(self, folder: Path, points: int, executor: str, seed: int) -> None:
        self.folder, self.executor = folder, executor
        cheap.study(folder, points, 3, STOP)
        self.store = folder / "r.jsonl"
        self.random = random.Random(seed)
        self.killed = {"main": 0, "worker": 0}
        self.rows = 0
        self.main: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(HERE / "chaos.py"), "--collect", str(self.store)]
        return subprocess.Popen(
            [*command, "--executor", self.executor],
            env={**os.environ, "PYTHONPATH": str(HERE)},
            stderr=subprocess.DEVNULL,
        )

    def kill(self, times: int, longest_s: float, workers_of: Children) -> None:
        """Kills the collection or one of its workers, some times, and goes on with it."""
        self.main = self.start()
        while sum(self.killed.values()) < times:
            time.sleep(self.random.uniform(0, longest_s))
            if self.main.poll() is not None:
                assert self.main.returncode == 0, "ended by itself, and not well"
                return
            if self.random.random() < 0.6:
                for victim in workers_of(self.main.pid)[:1]:
                    with contextless():
                        victim.kill()
                        self.killed["worker"] += 1
                continue
            children = psutil.Process(self.main.pid).children(recursive=True)
            self.main.kill()
            self.main.wait()
            self.killed["main"] += 1
            _, alive = psutil.wait_procs(children, timeout=WAIT_S)
            assert not alive, "workers outlived the process that started them"
            self.check()
            self.main = self.start()

    def check(self) -> None:
        """Sees that no row was lost that was there before."""
        if self.store.exists() and self.store.stat().st_size:
            count = read_store(self.store).count
            assert count >= self.rows
            self.rows = count

    def finish(self) -> None:
        assert self.main is not None
        assert self.main.wait(600) == 0
        self.check()

    def verdict(self) -> str:
        """Compares with an undisturbed collection by threads; returns what was seen."""
        alone = self.folder / "undisturbed.jsonl"
        with ThreadPoolExecutor(8) as pool:
            collect(load_study(self.folder / "cheap.toml"), alone, pool, run=cheap.some_fail)
        ours, theirs = (b"".join(combine([p]).lines) for p in (self.store, alone))
        assert ours == theirs, "rows were lost, or are there twice, or differ"
        rows = [json.loads(line) for line in ours.splitlines()[2:]]
        keys = {(row["id"], row["block"]) for row in rows}
        assert len(keys) == len(rows)
        errors = [row["error"] for row in rows if "error" in row]
        assert set(errors) == {"UnpicklableError: planted 1 2"}, "a killed block was taken to fail"
        return (
            f"killed {self.killed}, {self.rows} rows stored, {len(rows)} combined, "
            f"{len(errors)} failed blocks as planned, byte-identical ({len(ours)} bytes)"
        )

    def end(self) -> None:
        if self.main is not None and self.main.poll() is None:
            self.main.kill()
            self.main.wait()


@contextmanager
def contextless() -> Iterator[None]:
    """Takes it that a victim is gone already."""
    try:
        yield
    except psutil.NoSuchProcess:
        return


def spawned(pid: int) -> list[psutil.Process]:
    """Returns the worker processes of a collection, not what multiprocessing starts beside them."""
    found = []
    with contextless():
        for child in psutil.Process(pid).children():
            with contextless():
                if any("spawn_main" in word for word in child.cmdline()):
                    found.append(child)
    random.shuffle(found)
    return found


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    """Yields the address of a Dask scheduler and its workers' nannies."""
    dask = [sys.executable, "-m", "dask"]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    started = [subprocess.Popen([*dask, *scheduler, "--scheduler-file", str(file)], **quiet)]
    deadline = time.monotonic() + WAIT_S
    while not file.exists() or not file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for _ in range(workers):
        worker = ["worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard"]
        started.append(subprocess.Popen([*dask, *worker], cwd=folder, **quiet))
    address = json.loads(file.read_text())["address"].removeprefix("tcp://")
    try:
        yield f"dask://{address}", [psutil.Process(process.pid) for process in started]
    finally:
        families = [
            psutil.Process(p.pid).children(recursive=True) for p in started if p.poll() is None
        ]
        for process in started:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for child in (child for family in families for child in family):
            with contextless():
                child.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest-s", type=float, default=3.0)
    parser.add_argument("--executor", default="processes")
    parser.add_argument("--collect", type=Path)
    given = parser.parse_args()
    if given.collect is not None:
        study = load_study(given.collect.parent / "cheap.toml")
        workers = 2 if given.executor == "processes" else None
        with executor_of(given.executor, workers) as executor:
            summary = collect(study, given.collect, executor, run=cheap.some_fail)
        sys.exit(bool(summary.lost))
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        print(disturb(Path(folder), given.points, given.kills, given))
        print(f"{time.monotonic() - begin:.0f} s")


def disturb(folder: Path, points: int, kills: int, given: argparse.Namespace) -> str:
    if given.executor != "dask":
        return played(Chaos(folder, points, given.executor, given.seed), kills, given, spawned)
    with cluster(folder, 2) as (address, processes):

        def workers(_: int) -> list[psutil.Process]:
            found = [w for nanny in processes[1:] for w in nanny.children() if spawned_by(w)]
            return [w for w in found if time.time() - w.create_time() > STARTING_S]

        return played(Chaos(folder, points, address, given.seed), kills, given, workers)


def spawned_by(process: psutil.Process) -> bool:
    with contextless():
        return any("spawn_main" in word for word in process.cmdline())
    return False


def played(chaos: Chaos, kills: int, given: argparse.Namespace, workers_of: Children) -> str:
    try:
        chaos.kill(kills, given.longest_s, workers_of)
        chaos.finish()
        return chaos.verdict()
    finally:
        chaos.end()


if __name__ == "__main__":
    main()
