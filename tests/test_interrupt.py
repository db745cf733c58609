"""Ctrl-C: what was simulated so far, marked as partial, and exit code 130."""

from __future__ import annotations

import importlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import qnetsim
from qnetsim.cli import main
from qnetsim.cli.common import interruptible

ENDLESS = ["--set", "run.resolution=attempt"]  # 75 h of every attempt would take days
# A shell's background job, as a test run may be, has Ctrl-C switched off.
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from qnetsim.cli import main
main()
"""
DEAF = """
import sys, time
import qnetsim
def run(self, seed, trace=None, report=None):
    print("simulated", file=sys.stderr, flush=True)
    while report(0.0, 0):
        time.sleep(0.01)
    print("asked to stop", file=sys.stderr, flush=True)
    time.sleep(600)
qnetsim.Scenario.run = run
"""
"""A run that hears a first Ctrl-C and goes on."""

WAIT_S = 30.0
AT_ONCE_S = 5.0


class OnTerminal:
    """A run of the command whose standard error is a terminal, so that progress shows at once."""

    def __init__(self, *arguments: str, start: str = START) -> None:
        self._screen, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, "run", *arguments],
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
        os.close(terminal)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._read()

    def press_ctrl_c(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, timeout_s: float = WAIT_S) -> tuple[int, str]:
        """Returns the exit code and what stands on standard output."""
        out, _ = self.process.communicate(timeout=timeout_s)
        while self._read():
            pass
        return self.process.returncode, out.decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        os.close(self._screen)

    def _read(self) -> bool:
        try:
            text = os.read(self._screen, 4096).decode()
        except OSError:  # the other end is closed
            return False
        self.shown += text
        return bool(text)


@pytest.fixture
def started() -> Iterator[list[OnTerminal]]:
    runs: list[OnTerminal] = []
    yield runs
    for run in runs:
        run.close()


def start(started: list[OnTerminal], *arguments: object) -> OnTerminal:
    started.append(OnTerminal(*map(str, arguments)))
    return started[-1]


def test_ctrl_c_prints_the_json_so_far_marked_as_partial(
    started: list[OnTerminal], munich: Path
) -> None:
    run = start(started, munich, "--json", *ENDLESS)
    run.wait_for("simulated")
    run.press_ctrl_c()
    code, out = run.end(AT_ONCE_S)
    assert code == 130
    figures = json.loads(out)
    assert figures["partial"] is True
    assert 0 < figures["sim_time_s"] < 270000
    for shares in figures["duty_cycle"]["nodes"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
    assert "Traceback" not in run.shown


def test_ctrl_c_prints_the_table_so_far_marked_as_partial(
    started: list[OnTerminal], tmp_path: Path, munich: Path
) -> None:
    path = tmp_path / "t.json"
    run = start(started, munich, *ENDLESS, "--trace", path)
    run.wait_for("simulated")
    run.press_ctrl_c()
    code, out = run.end(AT_ONCE_S)
    assert code == 130
    assert "PARTIAL" in out
    assert "attempts" in out
    assert "simulated," not in out, "progress is no result"
    assert "traceEvents" in json.loads(path.read_text()), "the trace so far is written too"


def test_the_progress_line_counts_and_is_gone_at_the_end(
    started: list[OnTerminal], munich: Path
) -> None:
    settings = ["--set", "run.duration_s=9", "--set", "nodes.alice.trap.loading_mean_s=1e-3",
                "--set", "nodes.bob.trap.loading_mean_s=1e-3"]  # fmt: skip
    run = start(started, munich, "--json", *ENDLESS, *settings)
    code, out = run.end()
    assert code == 0
    assert json.loads(out)["partial"] is False
    lines = run.shown.split("\r\x1b[K")
    assert lines[0] == lines[-1] == "", "each line overwrites the one before, the last with nothing"
    assert len(lines) > 3
    shares = [float(line.split("%")[0]) for line in lines[1:-1]]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 100
    assert all(line.endswith("s left") for line in lines[1:-1])


def test_a_second_ctrl_c_kills_at_once(started: list[OnTerminal], munich: Path) -> None:
    run = OnTerminal(str(munich), "--json", start=DEAF + START)
    started.append(run)
    run.wait_for("simulated")
    run.press_ctrl_c()
    run.wait_for("asked to stop")
    run.press_ctrl_c()
    code, _ = run.end(AT_ONCE_S)
    assert code == 130
    assert "Traceback" not in run.shown


def test_the_second_ctrl_c_interrupts_where_the_first_only_asks() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible() as caught:  # noqa: PT012
        assert caught == []
        os.kill(os.getpid(), signal.SIGINT)
        assert caught == [signal.SIGINT]
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_outside_of_a_run_is_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_before_the_run_prints_no_result(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], munich: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(qnetsim.Scenario, "__init__", interrupt)
    monkeypatch.setattr(sys, "argv", ["qnetsim", "run", str(munich)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    out, err = capfd.readouterr()
    assert out == ""
    assert err.strip() == "interrupted"


def test_without_a_terminal_progress_is_plain_lines_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], munich: Path
) -> None:
    run = importlib.import_module("qnetsim.cli.run")
    monkeypatch.setattr(run, "_PLAIN_PROGRESS_EVERY_S", 0.0)
    limits = ["--set", "run.max_rounds=6000", "--set", "run.duration_s=9e6"]
    monkeypatch.setattr(sys, "argv", ["qnetsim", "run", str(munich), "--json", *limits])
    main()
    out, err = capfd.readouterr()
    assert json.loads(out)["rounds"] == 6000
    assert len(err.splitlines()) > 2
    assert "\r" not in err
    assert "\x1b" not in err
    share, rest = err.splitlines()[-1].split("%")
    assert 50 < float(share) <= 100, "the nearer of the two ends counts"
    assert "s simulated" in rest
    assert "heralds" in rest
