"""Processes that are replaced when they are killed, and that end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path

import cheap
import psutil
import pytest

from qnetsim.errors import InvalidInputError
from qnetsim.study.executors import Processes, cores, executor_of
from qnetsim.study.executors import workers as workers_of

WAIT_S = 60.0


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(2) as executor:
        yield executor


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_code_3() -> None:
    os._exit(3)


def leave() -> None:
    sys.exit("left")


def raise_unpicklable() -> None:
    raise cheap.UnpicklableError(1, 2)


def leave_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(600,)).start()


def fork_and_die() -> None:
    if not os.fork():  # holds the line to the main process
        time.sleep(15)
        os._exit(0)
    os._exit(5)


def threads() -> tuple[str, str]:
    return os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]


def masked() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def print_aloud() -> None:
    print("noise", flush=True)
    os.write(1, b"noise\n")
    os.system("echo noise")


def test_calls_return_and_raise_as_they_would_here(processes: Processes) -> None:
    assert processes.submit(divmod, 7, 2).result(WAIT_S) == (3, 1)
    assert list(processes.map(abs, [-1, 2, -3])) == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        processes.submit(divmod, 1, 0).result(WAIT_S)


def test_what_pickle_cannot_take_is_an_error_and_no_end(processes: Processes) -> None:
    with pytest.raises(RuntimeError, match="UnpicklableError: planted 1 2"):
        processes.submit(raise_unpicklable).result(WAIT_S)
    with pytest.raises(Exception, match="pickle"):
        processes.submit(lambda: None)
    with pytest.raises(TypeError, match="cannot pickle"):
        processes.submit(open, os.devnull).result(WAIT_S)
    with pytest.raises(SystemExit):
        processes.submit(leave).result(WAIT_S)
    assert processes.submit(abs, -1).result(WAIT_S) == 1


def test_a_killed_worker_breaks_its_own_call_alone_and_is_replaced(processes: Processes) -> None:
    slow = processes.submit(time.sleep, 0.5)
    lost: list[Future[None]] = [processes.submit(kill_me), processes.submit(exit_code_3)]
    after = [processes.submit(abs, -k) for k in range(5)]
    with pytest.raises(BrokenExecutor, match="ended by SIGKILL, as the system does when memory"):
        lost[0].result(WAIT_S)
    with pytest.raises(BrokenExecutor, match="ended with exit code 3"):
        lost[1].result(WAIT_S)
    assert [future.result(WAIT_S) for future in after] == list(range(5))
    assert slow.result(WAIT_S) is None


def test_what_a_call_leaves_behind_is_not_waited_for() -> None:
    begin = time.monotonic()
    with Processes(1) as executor:
        with pytest.raises(BrokenExecutor, match="ended with exit code 5"):
            executor.submit(fork_and_die).result(WAIT_S)
        executor.submit(leave_a_thread).result(WAIT_S)
    assert time.monotonic() - begin < 14


def test_a_worker_killed_while_idle_costs_no_call(processes: Processes) -> None:
    pids = {processes.submit(os.getpid).result(WAIT_S) for _ in range(10)}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # all its threads, without reaping it
    others = {processes.submit(os.getpid).result(WAIT_S) for _ in range(4)}
    assert not pids & others


def test_workers_have_one_thread_of_linear_algebra_and_are_deaf_to_ctrl_c(
    processes: Processes,
) -> None:
    assert processes.submit(threads).result(WAIT_S) == ("1", "1")
    assert signal.SIGINT in processes.submit(masked).result(WAIT_S)


def test_the_first_worker_of_a_program_is_deaf_to_ctrl_c_as_well() -> None:
    script = (
        "import signal; from qnetsim.study.executors import Processes\n"
        "with Processes(1) as executor:\n"
        "    print(executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "SIGINT" in done.stdout


def test_what_workers_print_is_no_result(
    processes: Processes, capfd: pytest.CaptureFixture[str]
) -> None:
    processes.submit(print_aloud).result(WAIT_S)
    assert "noise" not in capfd.readouterr().out


def test_the_end_waits_for_calls_or_kills_what_is_at_work() -> None:
    environment = dict(os.environ)
    executor = Processes(1)
    future = executor.submit(abs, -3)
    executor.shutdown()
    assert os.environ == environment, "this process keeps its own"
    assert future.result(0) == 3
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, -3)
    with pytest.raises(KeyboardInterrupt), Processes(1) as executor:  # noqa: PT012
        pid = executor.submit(os.getpid).result(WAIT_S)
        working = executor.submit(time.sleep, 600)
        waiting = executor.submit(time.sleep, 600)
        while not working.running():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert waiting.cancelled()
    assert isinstance(working.exception(0), BrokenExecutor)
    assert not psutil.pid_exists(pid)


def test_workers_end_with_the_process_that_started_them_even_if_it_is_killed() -> None:
    script = (
        "import time; from qnetsim.study.executors import Processes\n"
        "if __name__ == '__main__':\n"
        "    executor = Processes(2)\n"
        "    for _ in range(2): executor.submit(time.sleep, 600)\n"
        "    time.sleep(600)\n"
    )
    main = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + WAIT_S
        workers: list[psutil.Process] = []
        while len(workers) < 3:  # and what multiprocessing starts beside them
            assert time.monotonic() < deadline
            time.sleep(0.05)
            workers = psutil.Process(main.pid).children(recursive=True)
        time.sleep(1.0)  # until they are at their calls
    finally:
        main.kill()
        main.wait()
    _, alive = psutil.wait_procs(workers, timeout=WAIT_S)
    assert not alive


def test_there_are_as_many_processes_as_this_one_may_use_unless_said(tmp_path: Path) -> None:
    assert cores() >= 1
    with executor_of("processes", None) as executor:
        assert workers_of(executor) == cores()
    with executor_of("processes", 3) as executor:
        assert workers_of(executor) == 3


@pytest.mark.parametrize(
    ("name", "workers", "reason"),
    [
        ("threads", None, "--executor = threads: must be processes or dask://HOST:PORT"),
        ("dask://here", None, "--executor = dask://here: must read dask://HOST:PORT"),
        ("dask://here:", None, "must read dask://HOST:PORT"),
        ("dask://here:8786", 2, "a cluster has its own workers: leave out --workers"),
        ("processes", 0, "workers = 0: must be at least 1"),
    ],
)
def test_other_executors_are_refused(name: str, workers: int | None, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        executor_of(name, workers)
    assert reason in str(refused.value)
