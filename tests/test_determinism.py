"""The same scenario and seed give the same bytes, the wall clock aside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnetsim import Result, Scenario, Simulation, Trace

QUICK = ["nodes.alice.collection_efficiency=0.3", "nodes.bob.collection_efficiency=0.3"]
QUICK += ["nodes.alice.trap.loading_mean_s=0.01", "nodes.bob.trap.loading_mean_s=0.01"]
RUNS = {
    "herald": [*QUICK, "run.duration_s=10"],
    "attempt": [*QUICK, "run.duration_s=0.5", "run.resolution=attempt"],
}
# What takes other paths: heralds of both kinds, remembered clicks, a fibre that drifts, no losses.
VARIANTS = {
    "as it is": [],
    "both Bell states": ['stations.bsm.accept=["psi-", "psi+"]'],
    "long dead time": ["stations.bsm.detector.dead_time_s=50e-6"],
    "drift": ["fibres.bob_bsm.drift_db_per_hour=9", "fibres.bob_bsm.realign_every_s=0.1"],
    "readout keeps the atom": [
        "nodes.alice.readout.destructive=false",
        "nodes.bob.readout.destructive=false",
    ],
}

by_resolution = pytest.mark.parametrize("resolution", RUNS)


def without_wall_time(text: str) -> str:
    kept, count = re.subn(r'"wall_time_s": [0-9.e+-]+', '"wall_time_s": 0', text)
    assert count == 1
    return kept


def output(result: Result) -> str:
    """Returns what ``--json`` would print, the wall time aside."""
    return without_wall_time(json.dumps(result.summary(), indent=2) + "\n")


def printed(path: Path, settings: list[str], seed: int = 1, **environment: str) -> str:
    """Returns what ``--json`` prints in a process of its own, the wall time aside."""
    command = [sys.executable, "-m", "qnetsim", "run", str(path), "--json", f"--seed={seed}"]
    command += [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run(
        command,
        capture_output=True,
        check=True,
        timeout=120,
        env={**os.environ, **environment},
        cwd=path.parent,
    )
    assert done.stderr == b""
    return without_wall_time(done.stdout.decode())


def run(path: Path, settings: list[str], seed: int = 1) -> Result:
    return Scenario.load(path, settings).run(seed)


@by_resolution
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_seed_gives_the_same_bytes(munich: Path, resolution: str, variant: str) -> None:
    settings = RUNS[resolution] + VARIANTS[variant]
    first, second = (run(munich, settings, seed=11) for _ in range(2))
    assert len(first.rounds.x) > 3
    assert output(first) == output(second)
    for one, other in ((asdict(first.heralds), asdict(second.heralds)),
                       (first.rounds._asdict(), second.rounds._asdict())):  # fmt: skip
        for name, column in one.items():
            np.testing.assert_array_equal(column, other[name], err_msg=name)


@by_resolution
def test_another_process_gives_the_same_bytes(
    tmp_path: Path, munich: Path, resolution: str
) -> None:
    copied = tmp_path / "renamed.toml"
    copied.write_bytes(munich.read_bytes())
    here = output(run(munich, RUNS[resolution], seed=5))
    for path, hash_seed in ((munich, "1"), (copied, "2")):
        there = printed(path, RUNS[resolution], seed=5, PYTHONHASHSEED=hash_seed)
        assert there == here


@by_resolution
def test_another_seed_gives_other_numbers(munich: Path, resolution: str) -> None:
    outputs = {output(run(munich, RUNS[resolution], seed)) for seed in (0, 1, 2, 2**64 + 1)}
    assert len(outputs) == 4


@by_resolution
def test_the_run_before_changes_nothing(munich: Path, resolution: str) -> None:
    """No module holds any state: the same numbers come after others have been drawn."""
    alone = output(run(munich, RUNS[resolution], seed=3))
    scenario = Scenario.load(munich, RUNS[resolution])
    scenario.run(8)
    np.random.default_rng(0).random(10)
    assert output(scenario.run(3)) == alone
    assert output(scenario.run(3)) == alone


# --- what must not matter ------------------------------------------------------------------------


def with_node(text: str, place: str, extra: str = "") -> str:
    """Returns the scenario with a copy of Bob's node, called carol, before or after the others."""
    start, end = text.index("[nodes.bob]"), text.index("# ---- The channels")
    carol = text[start:end].replace("nodes.bob", "nodes.carol") + extra
    at = text.index("[nodes.alice]") if place == "before" else end
    return text[:at] + carol + text[at:]


FIBRES = """
[fibres.carol_bsm]
node = "carol"
station = "bsm"
length_m = 5.0
attenuation_db_per_km = 4.3

[classical.carol_bsm]
node = "carol"
station = "bsm"
length_m = 5.0
"""


@by_resolution
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("extra", ["", FIBRES], ids=["unconnected", "connected, in no link"])
def test_a_node_that_takes_part_in_nothing_changes_no_byte(
    tmp_path: Path, munich: Path, resolution: str, place: str, extra: str
) -> None:
    text = munich.read_text(encoding="utf-8")
    wider = tmp_path / "wider.toml"
    wider.write_text(with_node(text, place, extra), encoding="utf-8")
    assert "carol" in Scenario.load(wider).network().nodes
    settings = RUNS[resolution]
    assert output(run(wider, settings)) == output(run(munich, settings))


def test_nor_does_it_in_what_the_command_prints(tmp_path: Path, munich: Path) -> None:
    wider = tmp_path / "wider.toml"
    wider.write_text(with_node(munich.read_text(encoding="utf-8"), "before"), encoding="utf-8")
    settings = ["run.duration_s=20000"]
    assert printed(wider, settings) == printed(munich, settings)


@by_resolution
def test_the_order_of_tables_in_the_file_changes_no_byte(munich: Path, resolution: str) -> None:
    data: dict[str, Any] = tomllib.loads(munich.read_text(encoding="utf-8"))
    data["run"] = {"duration_s": 0.5, "resolution": resolution}
    for node in data["nodes"].values():
        node["collection_efficiency"] = 0.3
        node["trap"]["loading_mean_s"] = 0.01

    def backwards(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: backwards(value[key]) for key in reversed(value)}

    assert output(Scenario(backwards(data)).run(2)) == output(Scenario(data).run(2))


@by_resolution
def test_neither_a_trace_nor_progress_changes_a_byte(munich: Path, resolution: str) -> None:
    scenario = Scenario.load(munich, RUNS[resolution])
    calls: list[tuple[float, int]] = []

    def report(sim_time_s: float, heralds: int) -> bool:
        calls.append((sim_time_s, heralds))
        return True

    trace = Trace()
    watched = scenario.run(4, trace, report)
    assert trace.spans
    assert output(watched) == output(scenario.run(4))
    assert calls == sorted(calls)


@by_resolution
def test_a_run_in_two_parts_is_the_run_in_one(munich: Path, resolution: str) -> None:
    scenario = Scenario.load(munich, RUNS[resolution])
    duration_s = scenario.model.run.duration_s
    assert duration_s is not None

    def figures(simulation: Simulation, *durations: float) -> dict[str, Any]:
        for each in durations:
            result = simulation.run(each)
        return {key: value for key, value in result.summary().items() if key != "wall_time_s"}

    whole = figures(scenario.simulation(6), duration_s)
    assert figures(scenario.simulation(6), duration_s / 4, duration_s * 3 / 4) == whole
