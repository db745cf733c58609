"""Scenario files: what is read, what ``--set`` changes, and every way of being wrong."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qnetsim import InvalidInputError, Result, Scenario, load_scenario

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def data(munich: Path) -> dict[str, Any]:
    return tomllib.loads(munich.read_text(encoding="utf-8"))


@pytest.fixture
def quick(data: dict[str, Any]) -> dict[str, Any]:
    """Munich with heralds within milliseconds."""
    for node in data["nodes"].values():
        node["collection_efficiency"] = 0.3
        node["trap"]["loading_mean_s"] = 0.001
    data["run"] = {"duration_s": 1.0}
    return data


def faults(data: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        Scenario(data)
    return [str(fault) for fault in caught.value.faults]


def load_faults(path: Path, *settings: str) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        Scenario.load(path, settings)
    return [str(fault) for fault in caught.value.faults]


# --- what is read --------------------------------------------------------------------------------


def test_the_munich_file_becomes_the_network_that_it_describes(munich: Path) -> None:
    scenario = Scenario.load(munich)
    network = scenario.network()
    assert set(network.nodes) == {"alice", "bob"}
    assert network.fibres["bob", "bsm"].length_m == 700.0
    assert network.links["main"].nodes == ["alice", "bob"]
    assert [arm.name for arm in network.arms("main")] == ["alice", "bob"]
    assert scenario.model.run.duration_s == 270000.0
    assert scenario.model.nodes["bob"].shutter_s == 5e-3


def test_a_path_may_be_a_text(munich: Path) -> None:
    assert Scenario.load(str(munich)).model == Scenario.load(munich).model


def test_reading_changes_neither_the_data_nor_the_file(munich: Path, data: dict[str, Any]) -> None:
    text, before = munich.read_bytes(), copy.deepcopy(data)
    Scenario(data).run(1).summary()
    Scenario.load(munich, ["nodes.alice.t2_s=1"])
    assert data == before
    assert munich.read_bytes() == text
    assert Scenario.load(munich).model.nodes["alice"].t2_s == 330e-6


def test_published_figures_come_with_the_result(munich: Path) -> None:
    result = Scenario.load(munich, ["run.duration_s=1"]).run(1)
    assert result.published["chsh_s"].value == 2.578
    assert result.published["correlators.20"].stderr == 0.041
    assert result.published["duty_cycle"].stderr is None


@pytest.mark.parametrize(
    ("setting", "left_out"),
    [
        ("run.duration_s=20000", True),
        ("run.max_rounds=100", True),
        ("run={duration_s=20000.0}", True),
        ("run.resolution=herald", False),
        ("title=Munich", False),
    ],
)
def test_published_figures_that_grow_with_the_run_stand_beside_the_files_own_run_only(
    munich: Path, setting: str, left_out: bool
) -> None:
    every, kept = Scenario.load(munich).published(), Scenario.load(munich, [setting]).published()
    assert {"herald_rate_hz", "published_formula_fidelity", "correlators.20"} < set(kept)
    grow = {"sim_time_s", "heralds"}
    assert grow < set(every)
    assert set(every) - set(kept) == (grow if left_out else set())


def test_rounds_for_each_setting_of_pulses_are_an_end_too(munich: Path) -> None:
    figures = [f"{key}={{value=1.0, source='abstract'}}" for key in ("rounds", "attempts", "qber")]
    settings = [f"published={{{', '.join(figures)}}}"]
    ustc = munich.parent / "ustc_2022.toml"
    assert set(load_scenario(ustc, settings).published()) == {"rounds", "attempts", "qber"}
    settings.append("run.rounds_per_setting=1000")
    assert set(load_scenario(ustc, settings).published()) == {"qber"}


def test_publications_are_optional(data: dict[str, Any]) -> None:
    del data["published"]
    del data["published_correlators"]
    assert Scenario(data).published() == {}


def test_a_run_ends_at_its_rounds_or_its_duration_whichever_comes_first(
    quick: dict[str, Any],
) -> None:
    def run(**limits: float) -> Result:
        return Scenario({**quick, "run": limits}).run(3)

    by_time = run(duration_s=0.5)
    assert by_time.sim_time_s == 0.5
    rounds = len(by_time.rounds.x)
    assert rounds > 1
    assert len(run(duration_s=0.5, max_rounds=10**9).rounds.x) == rounds
    for limits in ({"max_rounds": rounds - 1}, {"max_rounds": rounds - 1, "duration_s": 9e6}):
        by_rounds = run(**limits)
        assert len(by_rounds.rounds.x) == rounds - 1
        assert by_rounds.sim_time_s < 0.5
        assert not by_rounds.partial


def test_what_never_heralds_still_ends_at_the_longest_run(quick: dict[str, Any]) -> None:
    for node in quick["nodes"].values():
        node["excitation_probability"] = 0.0
        node["trap"] = {"loading_mean_s": 1e5}
    quick["stations"]["bsm"]["detector"]["dark_count_rate_hz"] = 0.0
    quick["run"] = {"max_rounds": 1}
    result = Scenario(quick).run(1)
    assert len(result.rounds.x) == 0
    assert result.sim_time_s <= 9e6


def test_heralds_at_the_end_of_the_longest_run_have_their_time(quick: dict[str, Any]) -> None:
    for node in quick["nodes"].values():
        node["trap"] = {"loading_mean_s": 1e5}
    quick["run"] = {"duration_s": 9e6}
    times = Scenario(quick).run(1).heralds.time_s
    assert 20 < len(times) < 120  # both traps load in 1.5e5 s on average
    assert (times[1:] > times[:-1]).all()
    assert 8e6 < times[-1] <= 9e6


# --- files that cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "bound"),
    [
        (b"name = ", "is not TOML: Invalid value (at end of document)"),
        (b"[a]\n[a]\n", "is not TOML: Cannot declare ('a',) twice (at line 2, column 3)"),
        (b"a = 1\na = 2\n", "is not TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"name = '\xff'", "is not TOML: 'utf-8' codec can't decode byte 0xff in position 8"),
        (b"a = " + b"9" * 5000, "is not TOML: Exceeds the limit (4300 digits)"),
        (b"a = " + b"[" * 100_000, "is not TOML: maximum recursion depth exceeded"),
        (b"<html></html>", "is not TOML: Invalid statement"),
        (b"\x00\x01\x02", "is not TOML: Invalid statement"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_is_not_toml_is_refused_with_the_place(
    tmp_path: Path, content: bytes, bound: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    (fault,) = load_faults(path)
    assert fault.startswith(f"{path}: {bound}")


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert load_faults(missing) == [f"{missing}: cannot be read: No such file or directory"]
    assert load_faults(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]
    assert load_faults(tmp_path / ("a" * 300))[0].endswith("File name too long")
    assert load_faults(Path("a\0b")) == [r"a\x00b: is not TOML: embedded null byte"]


def test_an_empty_file_lacks_every_section(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    sections = "name title source run nodes stations classical links protocol"
    assert load_faults(path) == [f"{section}: is missing" for section in sections.split()]


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda d: d["nodes"]["alice"].update(collection_eficiency=0.1),
            "nodes.alice.collection_eficiency: unknown key; did you mean 'collection_efficiency'?",
        ),
        (lambda d: d.update(node={}), "node: unknown key; did you mean 'nodes'?"),
        (lambda d: d.pop("title"), "title: is missing"),
        (lambda d: d["nodes"]["bob"].pop("readout"), "nodes.bob.readout: is missing"),
        (
            lambda d: d["nodes"]["alice"].update(excitation_probability=1.4),
            "nodes.alice.excitation_probability = 1.4: must lie in [0, 1]",
        ),
        (
            lambda d: d["fibres"]["bob_bsm"].update(length_m=-700.0),
            "fibres.bob_bsm.length_m = -700.0: must lie in [0, 1e+09]",
        ),
        (
            lambda d: d["classical"]["bob_bsm"].update(group_index=0.9),
            "classical.bob_bsm.group_index = 0.9: must lie in [1, 10]",
        ),
        (
            lambda d: d["nodes"]["bob"].update(t2_s="330e-6"),
            "nodes.bob.t2_s = '330e-6': must be a number",
        ),
        (
            lambda d: d["nodes"]["bob"].update(memory_levels=3.0),
            "nodes.bob.memory_levels = 3.0: must be a whole number",
        ),
        (
            lambda d: d["nodes"]["bob"].update(dephasing_axis="w"),
            "nodes.bob.dephasing_axis = 'w': must be one of 'x', 'y' or 'z'",
        ),
        (
            lambda d: d["nodes"]["bob"]["readout"].update(destructive=1),
            "nodes.bob.readout.destructive = 1: must be true or false",
        ),
        (lambda d: d["nodes"]["bob"].update(trap=3), "nodes.bob.trap = 3: must be a table"),
        (
            lambda d: d["stations"]["bsm"].update(accept=[]),
            "stations.bsm.accept = []: must have at least 1 item, not 0",
        ),
        (
            lambda d: d["protocol"]["parties"][0]["angles_deg"].pop(),
            "protocol.parties.0.angles_deg = [-22.5, 22.5, -45.0]: "
            "must have 2, 4 or 8 entries: settings are bits",
        ),
        (lambda d: d["run"].pop("duration_s"), "run: needs a duration_s or max_rounds to end at"),
        (
            lambda d: d["run"].update(duration_s=9.1e6),
            "run.duration_s = 9100000.0: must lie in [1e-12, 9e+06]",
        ),
        (
            lambda d: d["published_correlators"].update({"2": d["published_correlators"]["20"]}),
            "published_correlators.2 = '2': must match pattern '^[0-9]{2}$'",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_path_value_and_bound(
    data: dict[str, Any], change: Change, expected: str
) -> None:
    change(data)
    assert faults(data) == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda d: d["stations"].update(spare=d["stations"]["bsm"]),
            ["stations.spare: no fibre reaches it"],
        ),
        (
            lambda d: d["fibres"].clear(),
            [
                "stations.bsm: no fibre reaches it",
                "links.main: no fibre joins 'alice' and 'bsm'",
                "links.main: no fibre joins 'bob' and 'bsm'",
            ],
        ),
        (
            lambda d: d["classical"].pop("bob_bsm"),
            ["links.main: no classical channel joins 'bob' and 'bsm'"],
        ),
        (
            lambda d: d["fibres"]["bob_bsm"].update(node="bobb"),
            [
                "fibres.bob_bsm.node = 'bobb': no node is called that; did you mean 'bob'?",
                "links.main: no fibre joins 'bob' and 'bsm'",
            ],
        ),
        (
            lambda d: d["fibres"].update(second=d["fibres"]["bob_bsm"]),
            ["fibres: more than one joins 'bob' and 'bsm'"],
        ),
        (
            lambda d: [route.pop("node") for route in d["fibres"].values()],
            [
                "fibres.alice_bsm.node: is missing",
                "fibres.bob_bsm.node: is missing",
                "links.main: no fibre joins 'alice' and 'bsm'",
                "links.main: no fibre joins 'bob' and 'bsm'",
            ],
        ),
        (
            lambda d: d["nodes"].update(bsm=d["nodes"]["bob"]),
            ["stations.bsm: a node has this name"],
        ),
        (
            lambda d: d["links"]["main"].update(station="bms"),
            ["links.main.station = 'bms': no station is called that; did you mean 'bsm'?"],
        ),
        (
            lambda d: d["links"]["main"].update(nodes=["alice", "alice"]),
            [
                "links.main.nodes = ['alice', 'alice']: must name different nodes",
                "protocol.parties = ['alice', 'bob']: "
                "must be the nodes of the link in order, ['alice', 'alice']",
            ],
        ),
        (
            lambda d: d["links"]["main"].update(nodes=["bob", "carol"]),
            [
                "links.main.nodes.1 = 'carol': no node is called that; known here: alice, bob",
                "protocol.parties = ['alice', 'bob']: "
                "must be the nodes of the link in order, ['bob', 'carol']",
            ],
        ),
        (
            lambda d: d["protocol"].update(link="mian"),
            ["protocol.link = 'mian': no link is called that; did you mean 'main'?"],
        ),
        (
            lambda d: d["protocol"].update(
                chsh_terms=[[4, 1, 1], [2, 2, -1], [3, 0, -1], [3, 1, 1]]
            ),
            [
                "protocol.chsh_terms.0.0 = 4: must be below the 4 settings of party 0",
                "protocol.chsh_terms.1.1 = 2: must be below the 2 settings of party 1",
            ],
        ),
        (
            lambda d: d["protocol"].update(bound="chsh"),
            ["protocol.key_pairs = [(0, 0), (1, 1)]: must have 1 for the bound 'chsh'"],
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    data: dict[str, Any], change: Change, expected: list[str]
) -> None:
    change(data)
    assert faults(data) == expected


def test_one_message_lists_faults_of_every_kind(tmp_path: Path, munich: Path) -> None:
    text = munich.read_text(encoding="utf-8")
    for old, new in [
        ("length_m = 700.0", "length_m = -700.0"),
        ("t2_s = 330e-6", "t2 = 330e-6"),
        ("duration_s = 270000.0", ""),
        ('bound = "two-basis"', 'bound = "chsh"'),
        ("efficiency = 0.6", 'efficiency = "high"'),
        ("[links.main]", "[links.other]"),
        ("[published]", "[stations.spare]\n[published]"),
    ]:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        Scenario.load(path, ["nodes.carol.t2_s=1", "stations.bsm.photon_overlap=1.5"])
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: {len(lines) - 1} faults"
    for expected in [
        "--set nodes.carol: unknown path; known here: alice, bob",
        "run: needs a duration_s or max_rounds to end at",
        "nodes.alice.t2: unknown key; did you mean 't2_s'?",
        "nodes.bob.t2: unknown key; did you mean 't2_s'?",
        "stations.bsm.photon_overlap = 1.5: must lie in [0, 1]",
        "stations.bsm.detector.efficiency = 'high': must be a number",
        "stations.spare.detector: is missing",
        "stations.spare: no fibre reaches it",
        "fibres.bob_bsm.length_m = -700.0: must lie in [0, 1e+09]",
        "classical.bob_bsm.length_m = -700.0: must lie in [0, 1e+09]",
        "protocol.link = 'main': no link is called that; known here: other",
        "protocol.key_pairs = [(0, 0), (1, 1)]: must have 1 for the bound 'chsh'",
    ]:
        assert lines.count(f"  {expected}") == 1, expected
    assert len(set(lines)) == len(lines), "no fault is listed twice"


def test_the_message_names_the_source_if_there_is_one(data: dict[str, Any]) -> None:
    del data["title"]
    with pytest.raises(InvalidInputError, match=r"^title: is missing$"):
        Scenario(data)
    with pytest.raises(InvalidInputError, match=r"^notebook: 1 fault\n  title: is missing$"):
        Scenario(data, "notebook")


# --- settings ------------------------------------------------------------------------------------


def value_at(path: Path, place: str, *settings: str) -> Any:
    """Returns what stands at a place of a scenario loaded with settings."""
    value: Any = Scenario.load(path, settings).model
    for part in place.split("."):
        if isinstance(value, list | tuple):
            value = value[int(part)]
        else:
            value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("nodes.alice.t2_s=1e-3", 1e-3),
        ("nodes.alice.t2_s = 2", 2.0),
        ("nodes.alice.readout.destructive=false", False),
        ("run.resolution=attempt", "attempt"),
        ('run.resolution="attempt"', "attempt"),
        ("title=two atoms = one link", "two atoms = one link"),
        ('stations.bsm.accept=["psi+", "psi-"]', ["psi+", "psi-"]),
        ("protocol.parties.0.angles_deg.1=3", 3.0),
        ("protocol.parties.1.angles_deg=[1, 2, 3, 4]", [1, 2, 3, 4]),
        ("protocol.parties.1.angles_deg=[1,\n2]", [1, 2]),
        ("protocol.key_pairs.0.0=1", 1),
        ("protocol.parties.0.node=alice", "alice"),
        ("nodes.alice.readout.delay_s=1e-6", 1e-6),  # optional and absent
        ("fibres.bob_bsm.realign_every_s=3600", 3600.0),
        ("run.max_rounds=10", 10),
        ("published.chsh_s.value=2.5", 2.5),
        ("published_correlators.20.value=-0.5", -0.5),
    ],
)
def test_a_setting_changes_just_what_it_names(munich: Path, setting: str, value: Any) -> None:
    place = setting.partition("=")[0].strip()
    assert value_at(munich, place, setting) == value


def test_settings_fill_optional_tables_that_the_file_leaves_out(
    tmp_path: Path, munich: Path
) -> None:
    text = munich.read_text(encoding="utf-8")
    path = tmp_path / "scenario.toml"
    start, end = text.index("[nodes.alice.trap]"), text.index("[nodes.alice.readout]")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    assert value_at(path, "nodes.alice.cooling") is None
    settings = ["nodes.alice.cooling.duration_s=1e-4", "nodes.alice.cooling.every_attempts=7"]
    assert value_at(path, "nodes.alice.cooling.every_attempts", *settings) == 7
    assert load_faults(path, settings[0]) == ["nodes.alice.cooling.every_attempts: is missing"]
    whole = "nodes.alice.trap={loading_mean_s = 2, emptying_s = 0.5}"
    assert value_at(path, "nodes.alice.trap.emptying_s", whole) == 0.5


def test_a_later_setting_wins(munich: Path) -> None:
    settings = ["nodes.alice.t2_s=1", "nodes.bob.t2_s=5", "nodes.alice.t2_s=2"]
    assert value_at(munich, "nodes.alice.t2_s", *settings) == 2
    assert value_at(munich, "nodes.bob.t2_s", *settings) == 5


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("nodes.alcie.t2_s=1", "--set nodes.alcie: unknown path; did you mean 'alice'?"),
        ("nodes.alice.t2=1", "--set nodes.alice.t2: unknown path; did you mean 't2_s'?"),
        (
            "bogus=1",
            "--set bogus: unknown path; known here: classical, converters, fibres, free_space",
        ),
        ("name.x=1", "--set name.x: unknown path"),
        ("name.x.y=1", "--set name.x: unknown path"),
        ("nodes.alice.t2_exponent.x=1", "--set nodes.alice.t2_exponent.x: unknown path"),
        ("nodes.alice.shutter_s.x=1", "--set nodes.alice.shutter_s.x: unknown path"),
        (
            "protocol.parties.2.node=a",
            "--set protocol.parties.2: unknown path; known here: 0, 1",
        ),
        (
            "protocol.parties.-1.node=a",
            "--set protocol.parties.-1: unknown path; did you mean '1'?",
        ),
        ("protocol.parties.x.node=a", "--set protocol.parties.x: unknown path; known here: 0, 1"),
        (f"protocol.parties.{'9' * 5000}=1", "--set protocol.parties.9999"),
        ("nodes.alice.t2_s", "--set = 'nodes.alice.t2_s': must read path.to.parameter=value"),
        ("=1", "--set = '=1': must read path.to.parameter=value"),
        ("", "--set = '': must read path.to.parameter=value"),
        ("nodes..t2_s=1", "--set = 'nodes..t2_s=1': must read path.to.parameter=value"),
        ("nodes.alice.t2_s=", "nodes.alice.t2_s = '': must be a number"),
        ("nodes.alice.t2_s=1 2", "nodes.alice.t2_s = '1 2': must be a number"),
        ("nodes.alice.t2_s=-1", "nodes.alice.t2_s = -1: must lie in [1e-12, 3.2e+09]"),
        ("nodes.alice.t2_s=nan", "nodes.alice.t2_s = nan: must be a finite number"),
        (f"nodes.alice.t2_s={'9' * 5000}", "nodes.alice.t2_s = '99999"),
        (f"nodes.alice.t2_s=0x{'f' * 5000}", "nodes.alice.t2_s = (too long to show): must be a"),
        (f"nodes.alice.t2_s={'[' * 9999}", "nodes.alice.t2_s = '[[[["),
        (
            'nodes.alice.t2_s=1\nname="x"',
            r"""--set nodes.alice.t2_s = 1\nname="x": must be a single value: give each """,
        ),
        (
            "nodes.alice.t2_s=1\n[nodes.bob]\nt2_s=2",
            r"--set nodes.alice.t2_s = 1\n[nodes.bob]\nt2_s=2: must be a single value: give each ",
        ),
        ("nodes.alice=3", "nodes.alice = 3: must be a table"),
        ("nodes=3", "nodes = 3: must be a table"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_setting_is_refused(munich: Path, setting: str, fault: str) -> None:
    assert load_faults(munich, setting)[0].startswith(fault)


def test_a_setting_inside_a_key_that_is_unknown_itself_is_refused(
    tmp_path: Path, munich: Path
) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(munich.read_text(encoding="utf-8") + "[extra.deep]\nx = 1\n", encoding="utf-8")
    assert load_faults(path, "extra.deep.y=1")[0].startswith("--set extra.deep.y: unknown path")
    assert load_faults(path, "extra.deep.x=2")[0].startswith("extra: unknown key")


def test_every_wrong_setting_is_listed(munich: Path) -> None:
    found = load_faults(munich, "a=1", "b", "nodes.bob.t2_s=x")
    assert [fault.split(":")[0] for fault in found] == [
        "--set a",
        "--set = 'b'",
        "nodes.bob.t2_s = 'x'",
    ]
