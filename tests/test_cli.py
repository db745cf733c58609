"""The command: what it prints where, its exit codes, and that it never shows a traceback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prompt import Command, Done, sets

import qnetsim

QUICK = ["nodes.alice.collection_efficiency=0.3", "nodes.bob.collection_efficiency=0.3"]
QUICK += ["nodes.alice.trap.loading_mean_s=0.001", "nodes.bob.trap.loading_mean_s=0.001"]
SHORT = ["--set", "run.duration_s=1e-3"]
QNETSIM = [sys.executable, "-m", "qnetsim"]


def parsed(text: str) -> dict[str, Any]:
    """Reads JSON as the standard has it: without NaN and infinities."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    figures: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return figures


# --- results -------------------------------------------------------------------------------------


def test_a_run_prints_a_table_to_standard_output_and_nothing_else(
    command: Command, munich: Path
) -> None:
    done = command("run", munich, *SHORT)
    assert (done.code, done.err) == (0, "")
    assert "munich_2022, seed 1, herald resolution" in done.out
    assert "CHSH value S" in done.out
    assert "2.578" in done.out, "the published value stands beside it"


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (["run.resolution=attempt"], True),
        (["published.chsh_s.value=2.5", "title=Munich"], True),
        (["nodes.bob.t2_s=331e-6"], False),
        (["protocol.parties.0.input_bias=0.0"], False),
        (["fibres.bob_bsm.insertion_loss_db=1.0", "run.resolution=attempt"], False),
    ],
)
def test_published_figures_stand_beside_their_own_link_only(
    command: Command, munich: Path, settings: list[str], shown: bool
) -> None:
    done = command("run", munich, *SHORT, *sets(*settings))
    assert done.code == 0
    assert ("published" in done.out) == shown
    assert ("2.578" in done.out or "2.500" in done.out) == shown


def test_published_figures_of_a_photonic_link_are_those_of_its_own_length(
    command: Command, munich: Path
) -> None:
    path, few = munich.parent / "ustc_2022.toml", ["run.rounds_per_setting=1000"]
    assert "466" in command("run", path, *sets(*few)).out
    longer = sets(*few, "fibres.alice.length_m=40", "fibres.bob.length_m=40")
    done = command("run", path, *longer)
    assert done.code == 0
    assert "published" not in done.out


def test_json_holds_the_documented_keys(command: Command, munich: Path) -> None:
    done = command("run", munich, "--json", "--seed", 7, *sets(*QUICK, "run.duration_s=20"))
    assert (done.code, done.err) == (0, "")
    figures = parsed(done.out)
    assert {
        "scenario", "seed", "resolution", "partial", "sim_time_s", "wall_time_s", "attempts",
        "heralds", "herald_rate_hz", "expected_herald_rate_hz", "duty_cycle", "rounds", "chsh_s",
        "chsh_s_stderr", "expected_chsh_s", "qber", "qber_stderr", "expected_qber", "qber_0",
        "qber_1", "correlators", "state_fidelity", "published_formula_fidelity",
        "key_rate_bits_per_round", "key_rate_bits_per_s", "expected_key_rate_bits_per_round",
        "expected_key_rate_bits_per_s",
    } <= set(figures)  # fmt: skip
    assert figures["scenario"] == "munich_2022"
    assert (figures["seed"], figures["resolution"], figures["partial"]) == (7, "herald", False)
    assert figures["sim_time_s"] == 20.0
    assert figures["heralds"] >= figures["rounds"] > 100
    assert [key for key, value in figures.items() if value is None] == ["array"]  # a single pair
    assert set(figures["correlators"]) == {"00", "01", "10", "11", "20", "21", "30", "31"}
    for correlator in figures["correlators"].values():
        assert set(correlator) == {"value", "stderr", "rounds", "expected"}


@pytest.mark.parametrize("resolution", ["herald", "attempt"])
@pytest.mark.parametrize("duration_s", [1e-3, 0.0123, 0.3])
def test_the_shares_of_a_nodes_time_add_up_to_one(
    command: Command, munich: Path, resolution: str, duration_s: float
) -> None:
    settings = sets(*QUICK, f"run.resolution={resolution}", f"run.duration_s={duration_s}")
    duty_cycle = parsed(command("run", munich, "--json", *settings).out)["duty_cycle"]
    assert set(duty_cycle["nodes"]) == {"alice", "bob"}
    for shares in duty_cycle["nodes"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
        assert min(shares.values()) >= 0
    assert 0 <= duty_cycle["attempting"] <= 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_run_without_rounds_says_what_it_cannot_know(
    command: Command, munich: Path, form: list[str]
) -> None:
    done = command("run", munich, *SHORT, *form)
    assert (done.code, done.err) == (0, "")
    if not form:
        assert "nan" not in done.out.lower().replace("nanosecond", "")
        return
    figures = parsed(done.out)
    assert (figures["heralds"], figures["rounds"], figures["correlators"]) == (0, 0, {})
    for key in ("chsh_s", "chsh_s_stderr", "qber", "qber_0", "qber_1_stderr"):
        assert figures[key] is None
    assert figures["key_rate_bits_per_round"] is None
    assert figures["key_rate_bits_per_s"] is None
    assert figures["expected_chsh_s"] > 2


def test_the_seed_is_one_unless_given(command: Command, munich: Path) -> None:
    settings = sets(*QUICK, "run.duration_s=0.5")

    def attempts(*seed: object) -> int:
        return int(parsed(command("run", munich, "--json", *settings, *seed).out)["attempts"])

    assert attempts() == attempts("--seed", 1) != attempts("--seed", 2)
    assert attempts("--seed", 2**200) > 0


def test_help_and_version(command: Command) -> None:
    top = command("--help")
    assert top.code == 0
    assert "run" in top.out
    of_run = command("run", "-h")
    assert of_run.code == 0
    for option in ("--seed", "--set", "--json", "--trace", "SCENARIO", "Ctrl-C"):
        assert option in of_run.out
    assert command("--version") == Done(0, f"qnetsim, version {qnetsim.__version__}\n", "")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_installed_script_and_the_module_do_the_same(munich: Path, form: list[str]) -> None:
    script = Path(sys.executable).with_name("qnetsim")
    arguments = ["run", str(munich), *SHORT, *form]
    outputs = []
    for program in ([str(script)], QNETSIM):
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append([line for line in done.stdout.splitlines() if "wall" not in line])
    assert outputs[0] == outputs[1]


# --- refusals ------------------------------------------------------------------------------------


def test_a_refusal_is_one_message_on_standard_error_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, munich: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(
        "run", munich, "--json", "--trace", "nowhere/t.json",
        *sets("nodes.bob.t2_s=-1", "nodes.bob.t3_s=1", "run.resolution=fine"),
    )  # fmt: skip
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        f"qnetsim: {munich}: 4 faults",
        "  --set nodes.bob.t3_s: unknown path; did you mean 't2_s'?",
        "  run.resolution = 'fine': must be one of 'herald' or 'attempt'",
        "  nodes.bob.t2_s = -1: must lie in [1e-12, 3.2e+09]",
        "  --trace = nowhere/t.json: cannot be written: No such file or directory",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "number"),
    [(".05", "0.05"), ("5.", "5.0"), ("-.5e3", "-500.0"), ("+.5", "0.5"), ("007", "7")],
)
def test_a_number_that_toml_writes_otherwise_is_told_how(
    command: Command, munich: Path, written: str, number: str
) -> None:
    done = command("run", munich, *sets(f"nodes.bob.t2_s={written}"))
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        f"qnetsim: {munich}: 1 fault",
        f"  --set nodes.bob.t2_s = {written}: is no number in TOML: write {number}",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[run", "is not TOML: Expected ']' at the end of a table declaration (at end"),
        (b"\xff\xfe", "is not TOML: 'utf-8' codec can't decode"),
        (b"", "9 faults\n  name: is missing"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(
    tmp_path: Path, command: Command, content: bytes | None, message: str
) -> None:
    path = tmp_path / "scenario.toml"
    if content is not None:
        path.write_bytes(content)
    done = command("run", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"qnetsim: {path}: {message}")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument 'SCENARIO'"),
        (["walk"], "No such command 'walk'"),
        (["run", "x", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["run", "x", "--seed", "one"], "'one' is not a valid integer"),
        (["run", "x", "--seed", "9" * 5000], "is not a valid integer"),
        (["run", "x", "--fast"], "No such option"),
        (["run", "x", "y"], "unexpected extra argument"),
        (["run", "x", "--set"], "requires an argument"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_wrong_arguments_are_refused(command: Command, arguments: list[str], message: str) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


def too_long(_: Path) -> Path:
    return Path("t" * 250)  # the name fits, but not with the mark of an unfinished file


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (lambda folder: folder / "no" / "t.json", "No such file or directory"),
        (lambda folder: folder, "it is no regular file"),
        (lambda _: Path(os.devnull), "it is no regular file"),
        (too_long, "File name too long"),
        (lambda _: Path("/proc/t.json"), ""),
        (lambda folder: folder / "file" / "t.json", "Not a directory"),
    ],
    ids=["missing folder", "folder", "device", "long name", "unwritable", "inside a file"],
)
def test_a_trace_that_could_not_be_written_is_refused_before_the_run(
    tmp_path: Path, command: Command, munich: Path, place: Callable[[Path], Path], reason: str
) -> None:
    (tmp_path / "file").touch()
    path = place(tmp_path)
    done = command("run", munich, "--trace", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"qnetsim: --trace = {path}: cannot be written: {reason}")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_read_only_folder_takes_no_trace(tmp_path: Path, command: Command, munich: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    done = command("run", munich, "--trace", tmp_path / "t.json")
    assert (done.code, done.out) == (2, "")
    assert "cannot be written: Permission denied" in done.err


def test_a_failure_that_is_nobodys_fault_exits_with_one(
    monkeypatch: pytest.MonkeyPatch, command: Command, munich: Path
) -> None:
    def fail(*_: object) -> None:
        raise qnetsim.SimulationError("the clock stands still")

    monkeypatch.setattr(qnetsim.Scenario, "run", fail)
    assert command("run", munich) == Done(1, "", "qnetsim: the clock stands still\n")


# --- where the output goes -----------------------------------------------------------------------


def shell(script: str, **environment: str) -> Done:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_command(munich: Path, *arguments: str) -> str:
    return shlex.join([*QNETSIM, "run", str(munich), *SHORT, *arguments])


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_leaves_early_causes_no_traceback(munich: Path, form: list[str]) -> None:
    first = shell(f"{run_command(munich, *form)} | head -1")
    assert first.err == ""
    assert len(first.out.splitlines()) == 1
    gone = shell(f"{run_command(munich, *form)} | true")
    assert (gone.code, gone.out, gone.err) == (1, "", "")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_full_disk_is_one_message(munich: Path, form: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = shell(f"{run_command(munich, *form)} > /dev/full")
    assert done == Done(1, "", "qnetsim: [Errno 28] No space left on device\n")


def test_closed_standard_output_causes_no_traceback(munich: Path) -> None:
    assert shell(f"{run_command(munich)} >&-") == Done(0, "", "")


def test_a_terminal_without_unicode_gets_escapes(munich: Path) -> None:
    settings = sets("published.chsh_s.source=Zürich")
    done = shell(run_command(munich, *settings), PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert r"Z\xfcrich" in done.out
    refused = shell(run_command(munich, *sets("name=Zürich")), PYTHONIOENCODING="ascii")
    assert (refused.code, refused.out) == (2, "")
    assert "rich': must match pattern" in refused.err


def test_bytes_that_are_no_text_are_refused(munich: Path) -> None:
    done = shell(f"{run_command(munich)} --set $'name=\\xff'")
    assert (done.code, done.out) == (2, "")
    assert "name = '\\udcff': must be a valid string" in done.err
