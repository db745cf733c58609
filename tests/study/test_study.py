"""Study files, their points, and the identities of tasks."""

from __future__ import annotations

import copy
import json
import math
import re
import shutil
import tomllib
import zipfile
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qnetsim as qn
from qnetsim.spec import Spec, keys_at
from qnetsim.study.definition import Axis, Block, Stop, StudyModel
from qnetsim.study.grid import Grid
from qnetsim.study.study import Study
from qnetsim.study.tally import counts_of
from qnetsim.study.task import block_seed, canonical, scenario_of, strong_id

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "scenarios"
MUNICH = qn.load_scenario(SCENARIOS / "munich_33km.toml")
CAVITY = qn.load_scenario(SCENARIOS / "cavity_array.toml")
SWAPPING = qn.load_scenario(SCENARIOS / "photonic_swapping.toml")
HEAD = {"name": "some", "title": "Some points", "block": {"max_rounds": 20}}

FILE = """
name = "two"
title = "Two links"
scenarios = ["munich_33km.toml", "cavity_array.toml"]
seed = 7
repeats = 3

[block]
max_rounds = 20

[set]
"nodes.*.preparation_s" = 1

[[axes]]
path = "link.length_m"
log = { from = 1e3, to = 1e5, points = 3 }

[[axes]]
zip = [
    { path = "link.station.photon_overlap", values = [1, 0.5] },
    { path = "nodes.*.memory_levels", linear = { from = 2, to = 3, points = 2 } },
]
"""


def study_of(axes: list[dict[str, Any]], *bases: Any, **more: Any) -> Study:
    return Study({**HEAD, "axes": axes, **more}, bases or [MUNICH])


def faults_of(axes: list[dict[str, Any]], *bases: Any, **more: Any) -> list[str]:
    with pytest.raises(qn.InvalidInputError) as caught:
        study_of(axes, *bases, **more)
    return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("munich_33km", "cavity_array"):
        shutil.copy(SCENARIOS / f"{name}.toml", tmp_path)
    path = tmp_path / "study.toml"
    path.write_text(FILE)
    return path


def slow_id(task: Any) -> str:
    """Returns a task's identity by way of the validated scenario as its model writes it."""
    return strong_id(scenario_of(task.data).model.model_dump(mode="json"), task.seed)


# --- points ---------------------------------------------------------------------------------------


def test_axes_are_crossed_in_the_file_s_order_and_zipped_ones_step_together(file: Path) -> None:
    study = qn.load_study(file)
    names, lengths = ["munich_33km", "cavity_array"], [1e3, 1e4, 1e5]
    steps = [(1.0, 2), (0.5, 3)]
    assert list(study.points()) == [
        {"scenario": name, "link.length_m": length_m,
         "link.station.photon_overlap": overlap, "nodes.*.memory_levels": levels}
        for name, length_m, (overlap, levels) in product(names, lengths, steps)
    ]  # fmt: skip
    assert len(study) == len(list(study.tasks())) == 12
    assert study.paths == tuple(next(study.points()))


def test_a_task_holds_the_scenario_of_its_point(file: Path) -> None:
    study = qn.load_study(file)
    tasks = list(study.tasks())
    assert [task.point for task in tasks] == list(study.points())
    for task in tasks:
        model = scenario_of(task.data).model
        assert model.name == task.scenario == task.point["scenario"]
        assert model.run.max_rounds == 20
        assert model.run.duration_s is None
        assert model.nodes["alice"].preparation_s == 1
        assert model.nodes["bob"].memory_levels == task.point["nodes.*.memory_levels"]
        fibres = sum(fibre.length_m for fibre in model.fibres.values())
        assert fibres == pytest.approx(task.point["link.length_m"])
        assert task.data == model.model_dump(mode="json")


def test_a_study_without_axes_is_its_scenario() -> None:
    (task,) = study_of([]).tasks()
    assert task.point == {}
    assert task.scenario == "munich_33km"


def test_ranges_of_whole_numbers_are_rounded_and_hold_each_once() -> None:
    axis = {"path": "nodes.*.cooling.every_attempts", "log": {"from": 1, "to": 10, "points": 9}}
    found = [p[axis["path"]] for p in study_of([axis]).points()]
    assert found == [1, 2, 3, 4, 6, 7, 10]
    assert all(type(value) is int for value in found)


def test_ranges_end_where_they_say() -> None:
    def values(**form: Any) -> list[Any]:
        return Axis(path="x", **form).raw_values(integers=False)

    assert values(log={"from": 1e3, "to": 1e5, "points": 5}) == [
        1000.0, 3162.27766017, 10000.0, 31622.7766017, 100000.0,
    ]  # fmt: skip
    assert values(linear={"from": 0.1, "to": 0.3, "points": 3}) == [0.1, 0.2, 0.3]
    assert values(linear={"from": 5, "to": 1, "points": 1}) == [5.0]
    assert values(linear={"from": 2.0, "to": 1.0, "points": 2}) == [2.0, 1.0]


def test_the_definition_remakes_every_task(file: Path) -> None:
    study = qn.load_study(file)
    told = json.loads(json.dumps(study.definition()))
    again = Study.from_definition(told)
    assert list(again.tasks()) == list(study.tasks())
    assert again.definition() == told == study.definition()


def test_settings_change_the_study_and_its_scenarios(file: Path) -> None:
    settings = ["repeats=5", "stop.heralds=100", "set.nodes.*.t2_s=1e-3", "block.max_rounds=7",
                "axes.0.log.points=2"]  # fmt: skip
    study = qn.load_study(file, settings)
    assert study.repeats == 5
    assert study.stop is not None
    assert study.stop.heralds == 100
    assert len(study) == 8
    for task in study.tasks():
        assert task.data["nodes"]["bob"]["t2_s"] == 1e-3
        assert task.data["run"]["max_rounds"] == 7


# --- identities -----------------------------------------------------------------------------------


VALUES = st.one_of(st.integers(0, 1), st.floats(0, 1), st.sampled_from([1e-300, 0.1 + 0.2, 1 / 3]))
KNOBS = {
    "nodes.*.excitation_probability": VALUES,
    "nodes.bob.atom_photon_fidelity": st.floats(0.3, 1),
    "link.station.photon_overlap": VALUES,
    "link.length_m": st.one_of(st.integers(0, 10**5), st.floats(0, 1e5)),
    "link.classical.jitter_mean_s": st.floats(0, 1e-3),
    "nodes.alice.memory_levels": st.integers(2, 4),
    "protocol.parties.1.input_bias": st.floats(-1e-6, 1e-6),
    "protocol.parties.0.angles_deg": st.lists(st.integers(-45, 45), min_size=2, max_size=4,
                                              unique=True),
    "stations.bsm.accept": st.sampled_from([["psi+"], ["psi-"], ["psi+", "psi-"]]),
    "nodes.*.trap": st.sampled_from([{"loading_mean_s": 1},
                                     {"loading_mean_s": 2, "lifetime_s": 7}]),
    "nodes.bob.recalibration": st.sampled_from([{"every_s": 1, "duration_s": 0.1}]),
}  # fmt: skip


@st.composite
def axes_of(draw: st.DrawFn) -> list[dict[str, Any]]:
    paths = draw(st.lists(st.sampled_from(sorted(KNOBS)), unique=True, max_size=4))
    return [
        {"path": path,
         "values": draw(st.lists(KNOBS[path], min_size=1, max_size=3, unique_by=repr))}
        for path in paths
    ]  # fmt: skip


@given(axes_of(), st.integers(0, 2**63 - 1))
def test_a_spliced_identity_is_that_of_the_validated_scenario(
    axes: list[dict[str, Any]], seed: int
) -> None:
    try:
        study = study_of(axes, seed=seed)
    except qn.InvalidInputError:
        return
    tasks = list(study.tasks())
    for task in tasks:
        try:
            assert slow_id(task) == task.strong_id == strong_id(task.data, seed)
        except qn.InvalidInputError:
            assert len(axes) > 1  # what only a combination breaks
    assert len({task.strong_id for task in tasks}) == len(tasks) == len(study)


def only_id(*bases: Any, **more: Any) -> str:
    (task,) = study_of([], *bases, **more).tasks()
    return task.strong_id


def test_identities_hang_on_what_is_simulated_alone() -> None:
    data = MUNICH.model.model_dump(mode="json")
    same = copy.deepcopy(data)
    same |= {"name": "other", "title": "Other", "source": "mine", "published": {}}
    same["run"] = {"duration_s": 3.0, "resolution": data["run"]["resolution"]}
    same["nodes"] = {name: dict(reversed(node.items())) for name, node in
                     reversed(data["nodes"].items())}  # fmt: skip
    del same["nodes"]["alice"]["shutter_s"], same["nodes"]["alice"]["recalibration"]
    same["nodes"]["alice"]["t2_exponent"] = int(data["nodes"]["alice"]["t2_exponent"])
    assert data["nodes"]["alice"]["t2_exponent"] == same["nodes"]["alice"]["t2_exponent"]
    assert only_id(qn.Scenario(same)) == only_id()
    assert only_id(name="else", title="Else", repeats=9, stop={"heralds": 5}) == only_id()


@pytest.mark.parametrize(
    "more",
    [
        {"seed": 2},
        {"block": {"max_rounds": 21}},
        {"block": {"max_rounds": 20, "duration_s": 1e4}},
        {"set": {"run.resolution": "attempt"}},
        {"set": {"nodes.alice.t2_s": 1e-3}},
        {"set": {"protocol.bound": "chsh", "protocol.key_pairs": [[0, 0]]}},
    ],
)
def test_whatever_changes_rows_changes_the_identity(more: dict[str, Any]) -> None:
    assert only_id(**more) != only_id()


def test_a_certificate_counts_by_its_bytes_and_not_by_its_place(tmp_path: Path) -> None:
    ids, folders = [], [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        shutil.copytree(SCENARIOS / "certificates", folder / "certificates")
        shutil.copy(SCENARIOS / "ustc_2022.toml", folder)
    with zipfile.ZipFile(folders[2] / "certificates" / "ustc_2022_20m.npz", "a") as other:
        other.comment = b"the same, in other bytes"
    for folder in folders:
        base = qn.load_scenario(folder / "ustc_2022.toml")
        (task,) = study_of([], base, block={"rounds_per_setting": 1000}).tasks()
        assert str(folder) not in canonical(task.data, 1)
        assert task.data["protocol"]["certificate"].startswith(str(folder))
        ids.append(task.strong_id)
    assert ids[0] == ids[1]
    assert ids[1] != ids[2]


def test_seeds_of_blocks_are_64_bits_that_differ() -> None:
    seeds = {block_seed(name * 64, block) for name in "ab" for block in range(1000)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**64 for seed in seeds)
    assert math.log2(max(seeds)) > 63
    assert block_seed("ab" * 32, 3) == 12987077667167097194


# --- what is wrong with a study -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ([{"path": "nodes.*.t3_s", "values": [1]}],
         "axes.0.path = 'nodes.*.t3_s': unknown path: 'nodes.alice' has no 't3_s'; "
         "did you mean 't2_s'?"),
        ([{"path": "free_space.*.length_m", "values": [1]}], "matches nothing here"),
        ([{"path": "nodes.*.t2_s", "values": []}], "axes.0.values = []: must have at least 1"),
        ([{"path": "nodes.*.t2_s", "values": [1, "x"]}],
         "axes.0.values.1 = 'x': must be a number"),
        ([{"path": "nodes.*.t2_s", "values": [math.nan]}],
         "axes.0.values.0 = nan: must be a finite number"),
        ([{"path": "nodes.*.memory_levels", "values": [2.5]}],
         "axes.0.values.0 = 2.5: must be a whole number"),
        ([{"path": "link.station.photon_overlap", "linear": {"from": 0, "to": 2, "points": 3}}],
         "axes.0.linear.2 = 2.0: must lie in [0, 1]"),
        ([{"path": "nodes.*.t2_s"}], "axes.0: needs a path and one of values, linear or log"),
        ([{"path": "nodes.*.t2_s", "values": [1], "log": {"from": 1, "to": 2, "points": 2}}],
         "axes.0: needs a path and one of values, linear or log"),
        ([{"path": "nodes.*.t2_s", "log": {"from": 0, "to": 2, "points": 2}}],
         "axes.0.log: must have a 'from' above 0, not 0"),
        ([{"path": "nodes.*.t2_s", "log": {"form": 1, "to": 2, "points": 2}}],
         "axes.0.log.form: unknown key; did you mean 'from'?"),
        ([{"path": "nodes.*.t2_s", "linear": {"from": 0, "to": 2, "points": 0}}],
         "axes.0.linear.points = 0: must lie in [1, 10000]"),
        ([{"path": "nodes.*.t2_s", "value": [1]}], "axes.0.value: unknown key; did you mean"),
        ([{"path": "nodes.*.t2_s", "values": [1, 2, 1.0]}], "is the same as value 0"),
        ([{"path": "name", "values": ["x"]}], "axes.0.path = 'name': changes nothing that is"),
        ([{"path": "run.max_rounds", "values": [1]}], "is for [block] to say"),
        ([{"zip": [{"path": "nodes.*.t2_s", "values": [1, 2]},
                   {"path": "nodes.*.memory_levels", "values": [2]}]}],
         "axes.0.zip = 2 and 1: must step equally many values each"),
        ([{"zip": []}], "axes.0.zip = []: must have at least 1 item, not 0"),
        ([{"zip": [{"path": "nodes.*.t2_s", "values": [1]}], "path": "x"}],
         "axes.0: has a zip: path and values belong inside it"),
        ([{"zip": [{"path": "nodes.*.t2_s", "values": [1]},
                   {"path": "nodes.bob.t2_s", "values": [2]}]}],
         "axes.0.zip.1.path = 'nodes.bob.t2_s': sets nodes.bob.t2_s twice"),
        ([{"path": "nodes.*.t2_s", "values": [1, 2]}, {"path": "nodes.bob.t2_s", "values": [3]}],
         "axes.1: changes nodes.bob.t2_s, which axes.0 changes too"),
        ([{"path": "link.length_m", "values": [1]}, {"path": "fibres.*.length_m", "values": [3]}],
         "which axes.0 changes too"),
        ([{"path": "nodes.bob.t2_s", "values": [MUNICH.model.nodes["bob"].t2_s]},
          {"path": "nodes.*.t2_s", "values": [3]}],
         "axes.1: changes nodes.bob.t2_s, which axes.0 changes too"),
        ([{"path": "nodes.bob", "values": [{}]}], "axes.0.values.0 = {}: makes nodes.bob."),
        ([{"path": "link.length_m", "values": [-1]}], "axes.0.values.0 = -1: must lie in [0,"),
        ([{"path": "link.length_m", "values": ["1 km"]}],
         "axes.0.values.0 = '1 km': must be a number"),
        ([{"path": "nodes.alice.cavity.coupling_hz", "values": [1e6]}],
         "axes.0.values.0 = 1000000.0: makes nodes.alice.cavity"),
        ([{"path": f"nodes.{n}.{k}", "linear": {"from": 1, "to": 2, "points": 60}}
          for n in ("alice", "bob") for k in ("t2_s", "t1_s")],
         "axes = 12960000 points: must be 10000000 at most"),
        ([{"path": "link.length_m", "values": [1e3], "log": {"from": 1, "to": 2, "points": 2}}],
         "axes.0: needs a path and one of values, linear or log, not values and log"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_axis_is_said_where_it_stands(
    axes: list[dict[str, Any]], told: str
) -> None:
    assert any(told in fault for fault in faults_of(axes)), faults_of(axes)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"repeats": 0}, "repeats = 0: must lie in [1, 1e+09]"),
        ({"block": {}}, "block: needs a duration_s, max_rounds or rounds_per_setting to end at"),
        ({"block": {"max_round": 1}}, "block.max_round: unknown key; did you mean 'max_rounds'?"),
        ({"block": {"rounds_per_setting": 5}}, "block.rounds_per_setting: unknown key"),
        ({"stop": {}}, "stop: needs heralds, rounds or a relative_error to stop at"),
        ({"stop": {"relative_error": 0.0}}, "stop.relative_error = 0.0: must lie in (0, 1]"),
        ({"stop": {"relative_error": math.nan}}, "must be a finite number"),
        ({"seed": -1}, "seed = -1: must lie in [0, 9.22337e+18]"),
        ({"set": {"nodes.*.t3_s": 1}}, "set.nodes.*.t3_s: unknown path: 'nodes.alice' has no"),
        ({"set": {"nodes.*.t2_s": "long"}}, "set.nodes.*.t2_s = 'long': must be a number"),
        ({"set": {"run.max_rounds": 4}}, "set.run.max_rounds: is for [block] to say"),
        (
            {"set": {"nodes.*.t2_s": 1, "nodes.bob.t2_s": 2}},
            "set.nodes.bob.t2_s: changes nodes.bob.t2_s, which set.nodes.*.t2_s changes too",
        ),
        (
            {"set": {"fibres.bob_bsm.length_m": 1e3, "link.length_m": 1e4}},
            "set.link.length_m: changes fibres.bob_bsm.length_m, which",
        ),
        (
            {
                "set": {
                    "nodes.bob.readout": {"duration_s": 1e-6},
                    "nodes.*.readout.duration_s": 1e-5,
                }
            },
            "set.nodes.bob.readout: changes nodes.bob.readout.duration_s, which",
        ),
        ({"axis": []}, "axis: unknown key; did you mean 'axes'?"),
    ],
)
def test_what_is_wrong_with_the_rest_likewise(more: dict[str, Any], told: str) -> None:
    assert any(told in fault for fault in faults_of([], **more)), faults_of([], **more)


def test_changes_mean_the_same_in_any_order_as_a_store_sorts_them() -> None:
    changes = {"nodes.bob.trap": None, "nodes.*.trap.lifetime_s": 9.0}
    told = faults_of([], set=changes)
    assert told == faults_of([], set=dict(reversed(changes.items())))
    assert "which set.nodes.*.trap.lifetime_s changes too" in told[0]


def test_a_scenario_in_place_of_a_study_is_called_one() -> None:
    with pytest.raises(qn.InvalidInputError, match="is a scenario; a study names") as caught:
        qn.load_study(SCENARIOS / "munich_33km.toml")
    assert len(caught.value.faults) == 1


def test_all_faults_come_in_one_message_and_many_of_an_axis_are_counted() -> None:
    told = faults_of(
        [{"path": "nodes.*.t2_s", "linear": {"from": -9, "to": -1, "points": 9}},
         {"path": "nodes.*.memory_levels", "values": [0, 1, 2]}],
        MUNICH, CAVITY,
    )  # fmt: skip
    assert sum("(in cavity_array)" in fault for fault in told) == len(told) / 2
    assert any(fault.startswith("axes.0: has 4 faults more") for fault in told)
    assert any(fault.startswith("axes.1.values.0 = 0: ") for fault in told)


def test_a_path_that_one_scenario_lacks_is_refused_by_its_name() -> None:
    told = faults_of([{"path": "link.converter.efficiency", "values": [0.5]}], MUNICH, CAVITY)
    assert told == [
        "axes.0.path = 'link.converter.efficiency': the link 'main' has no converter "
        "(in cavity_array)"
    ]


def test_two_scenarios_need_two_names() -> None:
    assert any("is the name of another" in fault for fault in faults_of([], MUNICH, MUNICH))


def test_a_photonic_scenario_is_studied_alike() -> None:
    axes = [{"path": "link.length_m", "values": [0, 1000]},
            {"path": "*.detector.efficiency", "values": [0.9, 1]}]  # fmt: skip
    tasks = list(study_of(axes, SWAPPING).tasks())
    assert [slow_id(task) for task in tasks] == [task.strong_id for task in tasks]
    assert len(tasks) == 4


def test_a_missing_scenario_and_a_wrong_key_are_told_together(file: Path) -> None:
    file.write_text(FILE.replace("cavity_array.toml", "cavity.toml").replace("repeats", "repeat"))
    with pytest.raises(qn.InvalidInputError) as caught:
        qn.load_study(file)
    told = str(caught.value)
    assert told.startswith(f"{file}: 2 faults")
    assert "scenarios.1 = 'cavity.toml': cannot be read: No such file or directory" in told
    assert "repeat: unknown key; did you mean 'repeats'?" in told


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("repeat=3", "--set repeat: unknown path; did you mean 'repeats'?"),
        ("repeats=three", "repeats = 'three': must be a whole number"),
        ("repeats", "must read path.to.parameter=value"),
        ("axes.7.path=x", "--set axes.7: unknown path; known here: 0, 1"),
        ("axes.0.log.form=3", "--set axes.0.log.form: unknown path; did you mean 'from'?"),
        ("set.nodes.*.t3_s=1", "set.nodes.*.t3_s: unknown path"),
        ("stop.heralds=0", "stop.heralds = 0: must lie in [1, 1e+09]"),
    ],
)
def test_wrong_settings_are_refused(file: Path, setting: str, told: str) -> None:
    with pytest.raises(qn.InvalidInputError) as caught:
        qn.load_study(file, [setting])
    assert told in str(caught.value)


def test_a_fault_inside_a_scenario_names_its_file(file: Path) -> None:
    place = file.parent / "cavity_array.toml"
    place.write_text(place.read_text().replace("[run]", '[run]\nresolution = "none"'))
    with pytest.raises(qn.InvalidInputError, match=r"scenarios.1 \(cavity_array.toml\): run.resol"):
        qn.load_study(file)


def test_no_point_is_validated_when_tasks_are_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [k / 1000 for k in range(1, 101)]
    study = study_of([{"path": "nodes.*.t2_s", "values": values},
                      {"path": "link.station.photon_overlap", "values": values}])  # fmt: skip
    monkeypatch.setattr(Grid, "_validated", None)
    monkeypatch.setattr("qnetsim.scenario.ScenarioModel.model_validate", None)
    assert len({task.strong_id for task in study.tasks()}) == 10_000


# --- the reference page ---------------------------------------------------------------------------


def documented(heading: str) -> set[str]:
    page = (ROOT / "docs" / "reference" / "study.md").read_text()
    section = page.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "model"),
    [("top of the file", StudyModel), ("`[block]`", Block), ("`[stop]`", Stop),
     ("`[[axes]]`", Axis)],
)  # fmt: skip
def test_the_reference_page_names_every_key(heading: str, model: type[Spec]) -> None:
    assert documented(heading) == set(keys_at(model, ()))


def test_the_reference_page_names_every_count_and_its_example_is_a_study() -> None:
    axes = [{"path": "nodes.*.slots", "values": [2]}]
    (task,) = study_of(axes, CAVITY, block={"max_rounds": 1}).tasks()
    counts = counts_of(scenario_of(task.data).run(1))
    assert documented("Identities and rows") == set(counts)
    page = (ROOT / "docs" / "reference" / "study.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(Study(tomllib.loads(example), [MUNICH])) == 10
