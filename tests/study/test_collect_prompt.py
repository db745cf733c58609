"""``qnetsim collect`` and ``qnetsim combine`` at the prompt."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import cheap
import pytest
from prompt import Command
from test_collect import AtOnce

from qnetsim.cli import progress as shown
from qnetsim.study.collect import collect
from qnetsim.study.combine import combine
from qnetsim.study.progress import Progress
from qnetsim.study.store import read_store

START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {folder!r})
import cheap
from qnetsim.study import collect
collect.collect.__kwdefaults__["run"] = cheap.{run}
from qnetsim.cli import main
main()
"""
WAIT_S = 60.0
ONE = ("--workers", "1")
"""Each worker starts an interpreter."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    cheap.study(tmp_path, 6, 2)
    return tmp_path / "cheap.toml"


def start(run: str, *arguments: object, **kwargs: object) -> subprocess.Popen[bytes]:
    code = START.format(folder=str(Path(__file__).parent), run=run)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)  # type: ignore[call-overload, no-any-return]


def test_a_study_is_collected_and_combined_at_the_prompt(
    study: Path, tmp_path: Path, command: Command
) -> None:
    store = tmp_path / "r.jsonl"
    done = command("collect", study, "--resume", store, "--workers", 1, "--set", "repeats=1")
    assert done.code == 0
    assert done.out.startswith(f"{store}: 6 of 6 points done, 6 blocks (6 of them now), 6 rounds, ")
    assert done.err == ""
    store.write_bytes(store.read_bytes()[:-9])
    combined = command("combine", store, store)
    assert combined.code == 0
    assert combined.err == f"{store}: the last line is torn, and left out ({torn(store)} bytes)\n"
    whole = tmp_path / "all.jsonl"
    whole.write_text(combined.out)
    assert read_store(whole).count == 5
    assert command("combine", whole).out == combined.out


def torn(path: Path) -> int:
    return len(path.read_bytes().splitlines(keepends=True)[-1])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Missing option '--resume'"),
        (["--resume", "r.jsonl", "--workers", "0"], "'0' is neither 'auto' nor in 1..1024."),
        (["--resume", "r.jsonl", "--workers", "-2"], "'-2' is neither 'auto' nor in 1..1024."),
        (["--resume", "r.jsonl", "--workers", "two"], "'two' is neither 'auto' nor in"),
        (["--resume", "r.jsonl", "--executor", "slurm"], "must be processes or dask://HOST:PORT"),
        (["--resume", "."], "cannot be written: it is no regular file"),
        (["--resume", "missing/r.jsonl"], "cannot be written: No such file or directory"),
        (["--resume", "cheap.toml"], "cheap.toml: is no store of qnetsim's"),
        (["--resume", "r.jsonl", "--set", "repeats=0"], "repeats = 0: must"),
    ],
)
def test_wrong_input_is_refused_in_one_message(
    study: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(study.parent)
    before = study.read_bytes()
    done = command("collect", study, *arguments)
    assert done.code == 2
    assert reason in done.err
    assert "Traceback" not in done.err
    assert sorted(path.name for path in study.parent.iterdir()) == ["cheap.toml"]
    assert study.read_bytes() == before


def test_rows_do_not_go_where_standard_output_goes(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    script = "from qnetsim.cli import main; main()"
    with out.open("wb") as file:
        command = [sys.executable, "-c", script, "collect", study, "--resume", "/dev/stdout"]
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, timeout=WAIT_S)
    assert done.returncode == 2
    assert b"/dev/stdout: is where standard output goes" in done.stderr
    assert out.read_bytes() == b""


def test_failed_points_are_told_at_the_end_and_the_others_are_there(
    tmp_path: Path, study: Path
) -> None:
    cheap.study(tmp_path, 40, 3)
    store = tmp_path / "r.jsonl"
    out, err = (run := start("some_fail", "collect", study, "--resume", store, *ONE)).communicate()
    assert run.returncode == 1
    failed = sum("error" in row for row in read_store(store).rows)
    assert f"{failed} of 40 points failed: first: nodes.alice.t2_s = " in err.decode()
    assert err.decode().endswith(": UnpicklableError: planted 1 2\n")
    assert out.decode().startswith(f"{store}: 40 of 40 points done, ")


def test_a_full_disk_is_one_message_and_the_same_command_goes_on(
    study: Path, tmp_path: Path
) -> None:
    def small_files() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole.stat().st_size - 700,) * 2)

    whole, store = tmp_path / "whole.jsonl", tmp_path / "r.jsonl"
    collect(loaded := cheap.load_study(study), whole, AtOnce(), run=cheap.quick)
    run = start("quick", "collect", study, "--resume", store, *ONE, preexec_fn=small_files)
    _, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 1
    assert err.decode() == (
        f"qnetsim: {store}: cannot be written: File too large. "
        "The rows before are kept; the same command goes on from there\n"
    )
    assert 0 < read_store(store).count < 12
    assert read_store(store).notice is None
    collect(loaded, store, AtOnce(), run=cheap.quick)
    assert list(combine([store]).lines) == list(combine([whole]).lines)


def test_the_second_ctrl_c_leaves_the_blocks_that_workers_are_at(
    study: Path, tmp_path: Path
) -> None:
    screen, terminal = pty.openpty()
    code = START.format(folder=str(Path(__file__).parent), run="endless")
    store = tmp_path / "r.jsonl"
    arguments = ["collect", study, "--resume", store, *ONE]
    run = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stderr=terminal)
    os.close(terminal)
    seen = read_until(screen, "0 of 6 points")
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    seen += read_until(screen, "Ctrl-C again leaves them")
    assert run.poll() is None
    run.send_signal(signal.SIGINT)
    assert run.wait(WAIT_S) == 130
    seen += read_until(screen, f"interrupted: the same command goes on with {store}")
    os.close(screen)
    assert "Traceback" not in seen
    assert read_store(store).count == 0


def read_until(screen: int, text: str) -> str:
    seen, deadline = "", time.monotonic() + WAIT_S
    while text not in " ".join(seen.split()):
        assert time.monotonic() < deadline, seen
        try:
            seen += os.read(screen, 4096).decode()
        except OSError:
            break
    assert text in " ".join(seen.split())
    return seen


def test_the_first_ctrl_c_keeps_what_workers_were_at(tmp_path: Path, study: Path) -> None:
    cheap.study(tmp_path, 100, 20)
    store = tmp_path / "r.jsonl"
    run = start("some_fail", "collect", study, "--resume", store, *ONE)
    deadline = time.monotonic() + WAIT_S
    while not store.exists() or store.read_bytes().count(b"\n") < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 130
    assert err.decode().startswith("stopping: waiting for the blocks that workers are at")
    assert err.decode().endswith(f"interrupted: the same command goes on with {store}\n")
    played = int(out.decode().split(" blocks")[0].rsplit(" ", 1)[1])
    assert read_store(store).count == played < 2000


def test_off_a_terminal_progress_is_a_plain_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shown, "_PLAIN_EVERY_S", 0.0)
    with shown.progress([]) as report:
        assert report(Progress(1000, 123, 1230, 45600, 45000, 1234.5, 0.1234, 750.0, 2))
        assert report(Progress(1000, 0, 0, 0, 0, None, 0.0, None, None))
    with shown.progress([2]) as report:
        assert not report(Progress(10, 9, 90, 9, 9, 0.25, 0.9, 3.0, 1))
    assert capfd.readouterr().err.splitlines() == [
        " 12.3%  123 of 1,000 points, 45,600 rounds, 1,234 heralds/s, 12 min left",
        "  0.0%  0 of 1,000 points, 0 rounds",
        " 90.0%  9 of 10 points, 9 rounds, 0.2 heralds/s, 3 s left",
        "stopping: waiting for the blocks that workers are at; Ctrl-C again leaves them",
    ]


def test_that_there_are_no_workers_is_said_after_some_seconds_and_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = Progress(10, 0, 0, 0, 0, None, 0.0, None, 0)
    monkeypatch.setattr(shown, "_PLAIN_EVERY_S", float("inf"))
    assert shown.shown(alone) == "0 of 10 points, 0 rounds, no workers"
    with shown.progress([]) as report:
        for second in (0.0, 4.9, 5.1, 60.0):
            monkeypatch.setattr(shown.time, "monotonic", lambda now=second: now)
            report(alone)
            assert bool(said := capfd.readouterr().err) == (second == 5.1)
            assert said in ("", "waiting: the cluster has no workers\n")
        report(alone._replace(workers=1))
        report(alone)
        assert capfd.readouterr().err == ""


def test_a_row_can_be_computed_again_from_its_store_alone(
    study: Path, tmp_path: Path, command: Command
) -> None:
    from qnetsim.study.block import run_block
    from qnetsim.study.study import Study

    store = tmp_path / "r.jsonl"
    assert command("collect", study, "--resume", store, "--workers", 1).code == 0
    contents = read_store(store)
    again = Study.from_definition(contents.studies[0])
    for task in again.tasks():
        rows = contents.rows_of(task.strong_id)
        assert rows == [json.loads(json.dumps(run_block(task, k))) for k in range(2)]
