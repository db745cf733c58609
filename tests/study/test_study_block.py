"""Blocks, their rows and what adds up in them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qnetsim as qn
from qnetsim.result import Result
from qnetsim.study.block import run_block
from qnetsim.study.study import Study
from qnetsim.study.tally import add, counts_of, table_of
from qnetsim.study.task import block_seed, scenario_of

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
COUNTS = st.dictionaries(
    st.sampled_from("abc"),
    st.one_of(st.integers(), st.dictionaries(st.sampled_from("xy"), st.integers())),
)


def task_of(name: str, block: dict[str, Any], **changes: Any) -> Any:
    data = {"name": "one", "title": "One point", "block": block, "set": changes}
    (task,) = Study(data, [qn.load_scenario(SCENARIOS / f"{name}.toml")]).tasks()
    return task


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("cavity_array", {"max_rounds": 20}),
        ("munich_2022", {"duration_s": 600.0}),
        ("photonic_swapping", {"max_rounds": 100}),
        ("ustc_2022", {"rounds_per_setting": 1000}),
    ],
)
def test_a_row_can_be_played_again_anywhere(name: str, block: dict[str, Any]) -> None:
    task = task_of(name, block)
    row = run_block(task, 3)
    assert set(row) == {"id", "block", "seed", "counts"}
    assert (row["id"], row["block"]) == (task.strong_id, 3)
    assert row["seed"] == block_seed(task.strong_id, 3)
    line = json.dumps(row, sort_keys=True, allow_nan=False)
    run_block(task_of("cavity_array", {"max_rounds": 1}), 0)
    assert json.dumps(run_block(task, 3), sort_keys=True) == line
    assert json.loads(line) == row
    assert run_block(task, 4)["counts"] != row["counts"]
    assert counts_of(scenario_of(task.data).run(row["seed"])) == row["counts"]


def test_a_block_needs_no_certificate_where_it_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of("ustc_2022", {"rounds_per_setting": 1000})
    row = run_block(task, 0)
    monkeypatch.setattr("qnetsim.study.block._ready", {})
    elsewhere = {**task.data["protocol"], "certificate": str(tmp_path / "nowhere.npz")}
    assert run_block(replace(task, data={**task.data, "protocol": elsewhere}), 0) == row


def test_a_block_that_fails_is_a_row_with_its_error() -> None:
    task = task_of("cavity_array", {"max_rounds": 1})
    broken = replace(task, strong_id="f" * 64, data={**task.data, "links": {}})
    row = run_block(broken, 0)
    assert set(row) == {"id", "block", "seed", "error"}
    assert row["error"].startswith("InvalidInputError: protocol.link = 'main': no link is called")
    assert "\n" not in row["error"]
    assert run_block(broken, 0) == row


def test_what_the_machine_fails_at_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("qnetsim.study.block.counts_of", fail)
    with pytest.raises(MemoryError):
        run_block(task_of("cavity_array", {"max_rounds": 1}), 0)


def test_a_link_s_counts_are_those_of_its_summary() -> None:
    result = scenario_of(task_of("munich_2022", {"max_rounds": 100}).data).run(5)
    assert isinstance(result, Result)
    counts, summary = counts_of(result), result.summary()
    for key in ("heralds", "heralds_missed", "attempts", "sim_time_s"):
        assert counts[key] == summary[key]
    causes = {cause: told["heralds"] for cause, told in summary["heralds_by_cause"].items()}
    assert counts["heralds_by_cause"] == causes
    for node, activities in summary["duty_cycle"]["nodes"].items():
        for activity, share in activities.items():
            spent_s = counts["activity_s"][node][activity]
            assert spent_s / counts["sim_time_s"] == pytest.approx(share)
    for settings, told in summary["correlators"].items():
        sums = counts["rounds"][settings]
        assert sums["n"] == told["rounds"]
        assert sums["ab"] / sums["n"] == pytest.approx(told["value"])
    rounds = result.rounds
    for (x, y), table in table_of(counts).items():
        mask = (rounds.x == x) & (rounds.y == y)
        assert table[0, 1] == ((rounds.a == 1) & (rounds.b == -1) & mask).sum()
        assert table[1, 0] == ((rounds.a == -1) & (rounds.b == 1) & mask).sum()
    fidelity = counts["fidelity"]
    assert fidelity["sum"] / fidelity["n"] == pytest.approx(summary["heralded_fidelity"])


def test_a_photonic_link_s_counts_are_those_of_its_result() -> None:
    result = scenario_of(task_of("photonic_swapping", {"max_rounds": 100}).data).run(5)
    counts, summary = counts_of(result), result.summary()
    for key in ("heralds", "attempts", "sim_time_s"):
        assert counts[key] == summary[key]
    causes = {cause: told["heralds"] for cause, told in summary["heralds_by_cause"].items()}
    assert counts["heralds_by_cause"] == causes
    for settings, table in table_of(counts).items():
        assert (table == result.rounds[settings]).all()


@given(COUNTS, COUNTS, COUNTS)
def test_counts_add_up_in_any_order_and_what_is_absent_is_0(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    shapes = [{k: type(v) for k, v in c.items()} for c in (one, two, three)]
    if any(a[k] is not b[k] for a in shapes for b in shapes for k in a.keys() & b.keys()):
        return
    assert add(one, {}) == add({}, one) == one
    assert add(one, two) == add(two, one)
    assert add(add(one, two), three) == add(one, add(two, three))


def test_adding_leaves_both_as_they_are() -> None:
    one, two = {"a": {"x": 1}}, {"a": {"x": 2, "y": 3}, "b": 0.5}
    assert add(one, two) == {"a": {"x": 3, "y": 3}, "b": 0.5}
    assert one == {"a": {"x": 1}}
    assert two == {"a": {"x": 2, "y": 3}, "b": 0.5}
