"""Collects a study: plays the blocks that its store lacks and appends their rows as they come."""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import ExitStack, suppress
from typing import NamedTuple

import qnetsim
from qnetsim.errors import CollectionError
from qnetsim.study.appending import Store
from qnetsim.study.block import run_block
from qnetsim.study.executors import Processes, cores, workers
from qnetsim.study.progress import Counts, Progress
from qnetsim.study.statistics import Ending
from qnetsim.study.store import Row, line_of
from qnetsim.study.study import Study
from qnetsim.study.task import Task, block_seed

Run = Callable[[Task, int], Row]

_TRIES = 3
"""How often a block may lose its worker, and how many blocks in a row may do so in the end."""
_IN_FLIGHT_PER_WORKER = 2
_REPORT_EVERY_S = 0.1
_FLUSH_EVERY_S = 5.0


Report = Callable[[Progress], bool]
"""Is told how far a collection is several times a second; says whether to go on."""


class Lost(NamedTuple):
    """A block that no worker brought back.

    Attributes:
        place: its point and number, in words.
        reason: why its last worker did not.
    """

    place: str
    reason: str


class Summary(NamedTuple):
    """What a collection came to.

    Attributes:
        progress: at its end.
        blocks_played: blocks that were played here.
        failed_points: points with a failed block, here or before.
        first_failure: which point failed first, and its error; empty where none did.
        lost: blocks given up because they lost their worker again and again; a further
            collection tries them again.
        interrupted: whether it was told to stop.
        notice: what was wrong with the store and mended, or ``None``.
    """

    progress: Progress
    blocks_played: int
    failed_points: int
    first_failure: str
    lost: Sequence[Lost]
    interrupted: bool
    notice: str | None


def collect(
    study: Study,
    store: str | os.PathLike[str],
    executor: Executor | None = None,
    *,
    report: Report | None = None,
    run: Run = run_block,
) -> Summary:
    """Plays what a store lacks of a study, and returns what came of it.

    A block whose worker is lost is tried again; a block that fails is a row with its error.

    Args:
        study: what to collect.
        store: the file that rows are kept in; made where there is none, gone on with where there
            is. It may hold other studies' rows as well.
        executor: what plays blocks; a process for each processor if ``None``. In a script, the
            call must then stand under ``if __name__ == "__main__"``.
        report: is told how far it is, and says whether to go on; blocks that workers are at are
            waited for, unless there are no workers.
        run: plays a block; a function that workers can import.

    Raises:
        InvalidInputError: the store cannot be used; nothing of it is changed.
        CollectionError: the disk is full, the executor is gone, or no worker stays alive; what was
            stored is kept.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(Store(store, study))
        if executor is None:
            executor = stack.enter_context(Processes(cores()))
        return _Collector(study, opened, executor, report, run).collect()


def play(run: Run, version: str, task: Task, block: int) -> bytes:
    """Plays a block in a worker; returns its row as a line of a store.

    Args:
        run: plays it.
        version: of qnetsim, where rows are collected.
        task: what to play.
        block: its number.

    Raises:
        CollectionError: this worker is of another version, or the row is another block's.
        MemoryError, OSError, ImportError: the machine's failures, not the block's.
    """
    if version != qnetsim.__version__:
        raise CollectionError(f"a worker has qnetsim {qnetsim.__version__}, and this is {version}")
    try:
        row = run(task, block)
        line = line_of(row)
    except (MemoryError, OSError, ImportError):
        raise
    except (Exception, SystemExit) as error:
        seed = block_seed(task.strong_id, block)
        reason = f"{type(error).__name__}: {error}"
        return line_of({"id": task.strong_id, "block": block, "seed": seed, "error": reason})
    if (row.get("id"), row.get("block")) != (task.strong_id, block):
        raise CollectionError("its row is another block's")
    return line


class _Point:
    """A point on its way: which blocks it has, which come next, whether it has enough."""

    def __init__(self, number: int, task: Task, study: Study) -> None:
        self.number, self.task = number, task
        self.ended = False
        self.error = ""
        self.blocks = 0
        self._ending = Ending(study.repeats, study.stop)
        self._repeats = study.repeats
        self._beyond: dict[int, Row] = {}
        self._first_missing = self._next = 0

    def take(self, row: Row) -> None:
        """Takes a block's row; whether the point ends is decided by those without a gap."""
        self.blocks += 1
        self._beyond[row["block"]] = row
        while not self.ended and (row := self._beyond.pop(self._first_missing, {})):
            self._first_missing += 1
            self.error = self.error or row.get("error", "")
            self.ended = self._ending.add(row)

    def next_block(self) -> int | None:
        """Returns the number of the next block to play, each once, or ``None``."""
        self._next = max(self._next, self._first_missing)
        while self._next in self._beyond:
            self._next += 1
        if self.ended or self._next >= self._repeats:
            return None
        self._next += 1
        return self._next - 1

    def failure(self) -> tuple[int, str] | None:
        """Returns where and why it failed, if it did."""
        return (self.number, f"{self.named()}: {self.error}") if self.error else None

    def named(self) -> str:
        """Returns what messages call it."""
        values = ", ".join(f"{path} = {value}" for path, value in self.task.point.items())
        return values or "the only point"


class _Job:
    """A block to be played."""

    def __init__(self, point: _Point, block: int) -> None:
        self.point, self.block = point, block
        self.tries = 0


class _Collector:
    def __init__(
        self, study: Study, store: Store, executor: Executor, report: Report | None, run: Run
    ) -> None:
        self._study, self._store, self._executor = study, store, executor
        self._report, self._run = report, run
        self._tasks = enumerate(study.tasks())
        self._points: deque[_Point] = deque()  # have blocks to play
        self._open: dict[str, _Point] = {}  # have not ended
        self._again: deque[_Job] = deque()
        self._flight: dict[Future[bytes], _Job] = {}
        self._done: queue.SimpleQueue[Future[bytes]] = queue.SimpleQueue()
        self._stopped = False
        self._lost: list[Lost] = []
        self._lost_in_a_row = 0
        self._counts = Counts(study)
        self._flushed = time.monotonic()

    def collect(self) -> Summary:
        self._fill()
        while self._flight and not (self._stopped and self._progress().workers == 0):
            with suppress(queue.Empty):
                future = self._done.get(timeout=_REPORT_EVERY_S)
                self._take(future)
            now = time.monotonic()
            if now - self._flushed > _FLUSH_EVERY_S:
                self._flushed = now
                self._store.flush()
            self._tell()
            self._fill()
        counts = self._counts
        self._tell()
        return Summary(
            self._progress(),
            counts.played,
            counts.failed_points,
            counts.first_failure[1],
            self._lost,
            self._stopped,
            self._store.notice,
        )

    def _progress(self) -> Progress:
        return self._counts.progress(workers(self._executor))

    def _tell(self) -> None:
        going = self._report is None or self._report(self._progress())
        if not going and not self._stopped:
            self._stopped = True
            for future in self._flight:
                future.cancel()  # what waits for a worker; what a worker is at goes on

    def _fill(self) -> None:
        known = workers(self._executor)
        most = _IN_FLIGHT_PER_WORKER * (cores() if known is None else max(known, 1))
        while not self._stopped and len(self._flight) < most and (job := self._job(most)):
            try:
                future = self._executor.submit(
                    play, self._run, qnetsim.__version__, job.point.task, job.block
                )
            except BrokenExecutor as error:
                raise self._gone(str(error)) from error
            self._flight[future] = job
            future.add_done_callback(self._done.put)

    def _job(self, most: int) -> _Job | None:
        """Returns the next block to play, or ``None``.

        Where points can end early, of many in turn, so that few blocks turn out surplus; else of
        one after the other, for which a worker need not make a scenario anew.
        """
        while self._again:
            if not (job := self._again.popleft()).point.ended:
                return job
        while len(self._points) < most and (point := self._opened()):
            self._points.append(point)
        while self._points:
            point = self._points.popleft()
            if (block := point.next_block()) is not None:
                if self._study.stop is None:
                    self._points.appendleft(point)
                else:
                    self._points.append(point)
                return _Job(point, block)
        return None

    def _opened(self) -> _Point | None:
        """Returns the next point that the store has not all blocks of."""
        for number, task in self._tasks:
            if task.strong_id in self._open:  # the same point twice
                self._counts.ended_before += 1
                continue
            point = _Point(number, task, self._study)
            for row in self._store.done(task.strong_id):
                point.take(row)
                self._counts.add(row)
            if not point.ended:
                self._open[task.strong_id] = point
                return point
            self._counts.end(point.blocks, point.failure())
            if number % 1000 == 999:
                self._tell()
                if self._stopped:
                    break
        return None

    def _take(self, future: Future[bytes]) -> None:
        job = self._flight.pop(future)
        try:
            line = future.result()
        except CancelledError:
            return
        except (BrokenExecutor, MemoryError, OSError, ImportError) as error:
            self._try_again(job, f"{error}" or type(error).__name__)
            return
        except Exception as error:
            raise CollectionError(f"{self._place(job)}: cannot be played: {error}") from error
        self._lost_in_a_row = 0
        if job.point.ended:
            return
        row = self._store.append(line)
        self._counts.add(row, here=True)
        job.point.take(row)
        if job.point.ended:
            self._end(job.point)

    def _end(self, point: _Point) -> None:
        del self._open[point.task.strong_id]
        self._counts.end(point.blocks, point.failure())
        for future, job in self._flight.items():
            if job.point is point:
                future.cancel()

    def _try_again(self, job: _Job, reason: str) -> None:
        job.tries += 1
        if job.tries < _TRIES:
            self._again.append(job)
            return
        self._lost.append(Lost(self._place(job), reason))
        self._lost_in_a_row += 1
        if self._lost_in_a_row == _TRIES:
            raise self._gone(f"blocks lose their workers again and again: {reason}")

    def _place(self, job: _Job) -> str:
        return f"block {job.block} of {job.point.named()}"

    def _gone(self, reason: str) -> CollectionError:
        return CollectionError(f"{reason}. What is stored is kept: the same command goes on")
