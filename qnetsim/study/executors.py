"""Where blocks are played: processes on this machine, or a Dask cluster.

Both stand behind ``concurrent.futures.Executor``. A future whose worker was lost raises
``BrokenExecutor``, and the executor goes on: the same call can be submitted again. Nothing here
imports numpy, so that workers can be told how many threads to use before they load it.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, ParamSpec, TypeVar

from qnetsim.errors import CollectionError, Fault, InvalidInputError

P = ParamSpec("P")
T = TypeVar("T")

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
DASK = "dask://"

_CONTEXT = get_context("spawn")  # a fork would inherit locks, threads and open files
_ANSWER_S = 10.0
_LOOK_S = 1.0
_TALKATIVE = (
    "distributed.client",
    "distributed.core",
    "distributed.batched",
    "tornado.application",
)
"""Loggers of Dask that print tracebacks where a message says the same."""
_starting = threading.Lock()


def cores() -> int:
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def executor_of(name: str, workers: int | None) -> Executor:
    """Returns what plays blocks.

    Args:
        name: ``processes``, or ``dask://HOST:PORT`` of a Dask scheduler.
        workers: processes; as many as there are processors if ``None``. A cluster has its own.

    Raises:
        InvalidInputError: there is no such executor, or no scheduler answers.
    """
    if name == "processes":
        return Processes(cores() if workers is None else workers)
    if not name.startswith(DASK):
        bound = "must be processes or dask://HOST:PORT"
    elif workers is not None:
        bound = "a cluster has its own workers: leave out --workers"
    else:
        return Cluster(name)
    raise InvalidInputError([Fault("--executor", name, bound)])


def workers(executor: Executor) -> int | None:
    """Returns how many calls an executor plays at once; ``None`` where that cannot be told."""
    return executor.workers if isinstance(executor, Processes | Cluster) else None


class Processes(Executor):
    """Worker processes on this machine, each with one thread of linear algebra.

    A worker that is killed is replaced, and only the call that it was at raises
    ``BrokenExecutor``. Workers end with the process that started them, however that ends.

    Args:
        count: how many.

    Attributes:
        workers: how many.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise InvalidInputError([Fault("workers", str(count), "must be at least 1")])
        self.workers = count
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._ended = self._killed = False
        self._threads = [threading.Thread(target=self._attend, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Plays a call in a worker; function and arguments must be such that pickle takes them."""
        if self._ended:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[T] = Future()
        self._calls.put(_Call(future, pickle.dumps((fn, args, kwargs))))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends all workers.

        Args:
            wait: for the calls submitted before; else workers are killed at once.
            cancel_futures: cancels the calls that no worker is at yet.
        """
        self._ended = True
        if cancel_futures or not wait:
            self._cancel()
        for _ in self._threads:
            self._calls.put(None)
        if not wait:
            with _starting:
                self._killed = True
                for worker in self._workers:
                    worker.process.kill()
        for thread in self._threads:
            thread.join()

    def __exit__(self, kind: object, *_: object) -> None:
        """Ends all workers; at once where an exception is raised."""
        self.shutdown(wait=kind is None)

    def _cancel(self) -> None:
        with suppress(queue.Empty):
            while True:
                if (call := self._calls.get_nowait()) is not None:
                    call.future.cancel()
                    call.future.set_running_or_notify_cancel()

    def _attend(self) -> None:
        """Hands one worker its calls, one by one, and replaces it when it is lost."""
        worker = None
        while (call := self._calls.get()) is not None:
            if not call.future.set_running_or_notify_cancel():
                continue
            try:
                if worker is None or not worker.lives():
                    worker = self._started(instead_of=worker)
                good, value = worker.answer(call.pickled)
            except (EOFError, OSError):
                good, value = False, BrokenExecutor(worker.fate() if worker else "none starts")
            except Exception as error:  # what came back cannot be read
                good, value = False, error
            if good:
                call.future.set_result(value)
            else:
                call.future.set_exception(value)
        if worker is not None:
            worker.end()

    def _started(self, instead_of: _Worker | None) -> _Worker:
        with _starting:
            if instead_of is not None:
                self._workers.remove(instead_of)
                instead_of.process.kill()
                instead_of.end()
            if self._killed:
                raise EOFError
            self._workers.append(worker := _Worker())
        return worker


class _Call(NamedTuple):
    """A call that waits for a worker."""

    future: Future[Any]
    pickled: bytes


class _Worker:
    """A worker process and the line to it; made under the lock ``_starting``."""

    def __init__(self) -> None:
        self._line, there = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_serve, args=(there,), daemon=True)
        # Ctrl-C on a terminal is for the main process alone: what is started now inherits this. The
        # tracker, which any process needs, would unblock it when it starts.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        try:
            self.process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            there.close()

    def lives(self) -> bool:
        """Returns whether an idle worker is there; no more once its end of the line is closed."""
        return not self._line.poll() and self.process.exitcode is None

    def answer(self, pickled: bytes) -> tuple[bool, Any]:
        """Returns whether a call returned, and what it returned or raised."""
        self._line.send_bytes(pickled)
        while not self._line.poll(_LOOK_S):  # what it started may hold the line longer than it
            if self.process.exitcode is not None and not self._line.poll():
                raise EOFError
        answer: tuple[bool, Any] = pickle.loads(self._line.recv_bytes())
        return answer

    def fate(self) -> str:
        """Returns in words how a lost worker ended."""
        self.process.join(_ANSWER_S)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"a worker process ended with exit code {code}"
        more = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
        return f"a worker process was ended by {signal.Signals(-code).name}{more}"

    def end(self) -> None:
        """Lets an idle worker end, whatever threads its calls have left behind."""
        self._line.close()
        self.process.join(_LOOK_S)
        self.process.kill()
        self.process.join()


def _serve(line: Connection) -> None:
    """Answers calls in a worker process until its parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # standard output is for results
    with suppress(EOFError, OSError):
        while True:
            line.send_bytes(_answered(line.recv_bytes()))


def _answered(pickled: bytes) -> bytes:
    """Makes a call; returns, pickled, whether it returned, and what it returned or raised."""
    try:
        fn, args, kwargs = pickle.loads(pickled)
        return pickle.dumps((True, fn(*args, **kwargs)))
    except BaseException as error:
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)
        except Exception:
            answer = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


class Cluster(Executor):
    """The workers of a Dask scheduler; install the extra ``cluster`` for it.

    Args:
        name: ``dask://HOST:PORT``.

    Raises:
        InvalidInputError: no scheduler answers there.
        CollectionError: Dask is not installed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        place = name.removeprefix(DASK)
        if not place.rpartition(":")[0] or not place.rpartition(":")[2].isdecimal():
            raise InvalidInputError([Fault("--executor", name, "must read dask://HOST:PORT")])
        try:
            distributed: Any = importlib.import_module("distributed")
        except ModuleNotFoundError:
            raise CollectionError("Dask is not installed: pip install 'qnetsim[cluster]'") from None
        for logger in _TALKATIVE:
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        try:
            self._client = distributed.Client(
                f"tcp://{place}", timeout=_ANSWER_S, set_as_default=False
            )
        except (OSError, ValueError) as error:
            bound = f"no Dask scheduler answers there: {error}"
            raise InvalidInputError([Fault("--executor", name, bound)]) from None
        self._theirs: dict[Future[Any], Any] = {}
        self._workers, self._counted = 0, -math.inf

    @property
    def workers(self) -> int:
        """How many calls its workers play at once; workers may come and go.

        To be asked again and again: calls that are out raise once the scheduler is gone.
        """
        if self._client.status == "closed":  # of which Dask does not tell its futures
            for future in list(self._theirs):
                _settle(future, error=self._gone())
        elif time.monotonic() - self._counted > _LOOK_S:
            self._counted = time.monotonic()
            with suppress(Exception):
                self._workers = sum(self._client.nthreads().values())
        return self._workers

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Plays a call in a worker of the cluster.

        Raises:
            BrokenExecutor: the scheduler is gone.
        """
        # Not by Dask's own executor, whose futures never end once a result could not be fetched.
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            theirs = self._client.submit(fn, *args, pure=False, **kwargs)
        except Exception as error:
            raise self._gone() from error
        self._theirs[future] = theirs
        future.add_done_callback(self._theirs.pop)
        theirs.add_done_callback(lambda done: _hand_over(done, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leaves the cluster, which goes on.

        Args:
            wait: for the calls submitted before; else, or without workers, they are given up.
            cancel_futures: has no effect: which calls workers are at is not known here.
        """
        if wait and self.workers:
            futures.wait(list(self._theirs))
        with suppress(Exception):
            self._client.cancel(list(self._theirs.values()))
        with suppress(Exception):
            self._client.close(timeout=_ANSWER_S)

    def _gone(self) -> BrokenExecutor:
        return BrokenExecutor(f"the scheduler at {self._name} is gone")

    def __exit__(self, kind: object, *_: object) -> None:
        """Leaves the cluster; at once where an exception is raised."""
        self.shutdown(wait=kind is None)


def _hand_over(done: Any, future: Future[Any]) -> None:
    """Settles a future by one of Dask's, whose lost workers become ``BrokenExecutor``."""
    from distributed import CancelledError as TheirCancelled
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        result = done.result()
    except (KilledWorker, CommClosedError, TheirCancelled) as error:
        _settle(future, error=BrokenExecutor(f"a worker of the cluster was lost: {error}"))
    except Exception as error:
        _settle(future, error=error)
    else:
        _settle(future, result)


def _settle(future: Future[Any], result: Any = None, error: Exception | None = None) -> None:
    with suppress(futures.InvalidStateError):  # settled before
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
