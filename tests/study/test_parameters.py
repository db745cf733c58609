"""Paths into scenarios."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from qnetsim import InvalidInputError, load_scenario
from qnetsim.photonic_scenario import PhotonicModel, PhotonicScenario
from qnetsim.protocols.pulsed import PulsedLink
from qnetsim.report import photonic_rate, rate
from qnetsim.scenario import Scenario, ScenarioModel
from qnetsim.study.parameters import assign, describe, expand, read, resolve


@pytest.fixture
def link(root: Path) -> dict[str, Any]:
    return load_scenario(root / "scenarios/munich_33km.toml").model.model_dump(mode="json")


@pytest.fixture
def photonic(root: Path) -> dict[str, Any]:
    return load_scenario(root / "scenarios/photonic_swapping.toml").model.model_dump(mode="json")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("nodes.alice.t2_s", ["nodes.alice.t2_s"]),
        ("nodes.*.t2_s", ["nodes.alice.t2_s", "nodes.bob.t2_s"]),
        ("*.bsm.photon_overlap", ["stations.bsm.photon_overlap"]),
        ("protocol.parties.*.input_bias",
         ["protocol.parties.0.input_bias", "protocol.parties.1.input_bias"]),
        ("nodes.*.readout.duration_s",
         ["nodes.alice.readout.duration_s", "nodes.bob.readout.duration_s"]),
        ("link.node.trap.lifetime_s",
         ["nodes.alice.trap.lifetime_s", "nodes.bob.trap.lifetime_s"]),
        ("link.station.detector.efficiency", ["stations.bsm.detector.efficiency"]),
        ("link.converter.efficiency",
         ["converters.alice_bsm.efficiency", "converters.bob_bsm.efficiency"]),
        ("link.fibre.attenuation_db_per_km",
         ["fibres.alice_bsm.attenuation_db_per_km", "fibres.bob_bsm.attenuation_db_per_km"]),
        ("link.classical.jitter_mean_s",
         ["classical.alice_bsm.jitter_mean_s", "classical.bob_bsm.jitter_mean_s"]),
        ("link.length_m",
         ["fibres.alice_bsm.length_m", "fibres.bob_bsm.length_m",
          "classical.alice_bsm.length_m", "classical.bob_bsm.length_m"]),
    ],
)  # fmt: skip
def test_a_path_names_parameters(link: dict[str, Any], path: str, named: list[str]) -> None:
    assert resolve(link, path, ScenarioModel) == named


@pytest.mark.parametrize(
    ("path", "bound"),
    [
        ("nods.alice.t2_s", "unknown path: no 'nods' at the top; did you mean 'nodes'?"),
        ("nodes.alcie.t2_s", "did you mean 'alice'?"),
        ("nodes.*.t3_s", "'nodes.alice' has no 't3_s'; did you mean 't2_s'?"),
        ("nodes.alice.t2_s.x", "'nodes.alice.t2_s' is no table"),
        ("free_space.*.length_m", "matches nothing here"),
        ("nodes.*", "must end with the name of a parameter"),
        ("nodes..t2_s", "has no ''"),
        ("link.fiber.length_m", "did you mean 'fibre'?"),
        ("link.free_space.length_m", "the link 'main' has no free_space"),
        ("link.converter.eficiency", "did you mean 'efficiency'?"),
        ("link", "no 'link' at the top; did you mean 'links'?"),
        ("protocol.parties.2.input_bias", "has no '2'; known here: 0, 1"),
        ("", "no '' at the top"),
    ],
)
def test_a_path_that_names_nothing_is_refused(link: dict[str, Any], path: str, bound: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        resolve(link, path, ScenarioModel)
    (fault,) = caught.value.faults
    assert fault.path == path
    assert bound in fault.bound


def test_a_wildcard_passes_over_parts_without_the_table(link: dict[str, Any]) -> None:
    one_trap = assign(link, {"nodes.bob.trap": None})
    for path in ("nodes.*.trap.lifetime_s", "link.node.trap.lifetime_s"):
        assert resolve(one_trap, path, ScenarioModel) == ["nodes.alice.trap.lifetime_s"]
    assert resolve(one_trap, "nodes.bob.trap.lifetime_s", ScenarioModel)
    with pytest.raises(InvalidInputError, match=r"'nodes.alice.cavity' is absent"):
        resolve(link, "nodes.*.cavity.coupling_hz", ScenarioModel)


def test_only_parts_of_the_protocol_s_link_are_the_link_s(link: dict[str, Any]) -> None:
    more = copy.deepcopy(link)
    for table in ("fibres", "classical"):
        more[table]["carol_bsm"] = {**more[table]["bob_bsm"], "node": "carol"}
    more["nodes"]["carol"] = more["nodes"]["bob"]
    assert resolve(more, "link.length_m", ScenarioModel) == resolve(
        link, "link.length_m", ScenarioModel
    )
    assert len(resolve(more, "fibres.*.length_m", ScenarioModel)) == 3


@pytest.mark.parametrize("name", ["munich_33km", "munich_2022", "cavity_array"])
def test_a_link_s_length_is_spread_as_the_plot_of_rates_does(root: Path, name: str) -> None:
    scenario = load_scenario(root / f"scenarios/{name}.toml")
    assert isinstance(scenario, Scenario)
    data = scenario.model.model_dump(mode="json")
    longer = Scenario(assign(data, expand(data, "link.length_m", 12_345, ScenarioModel))).network()
    other = rate.stretched(scenario.network(), scenario.model.protocol.link, 12_345)
    for table in ("fibres", "classical"):
        lengths = [{k: v.length_m for k, v in getattr(n, table).items()} for n in (longer, other)]
        assert lengths[0] == pytest.approx(lengths[1], rel=1e-15)


def test_a_length_of_0_is_split_in_halves(link: dict[str, Any]) -> None:
    none = assign(link, expand(link, "link.length_m", 0, ScenarioModel))
    assert read(none, "link.length_m", ScenarioModel) == [0.0]
    assert set(expand(none, "link.length_m", 10, ScenarioModel).values()) == {5.0}


def test_a_photonic_link_s_length_is_spread_as_its_plot_does(photonic: dict[str, Any]) -> None:
    def link_of(data: dict[str, Any]) -> PulsedLink:
        return PhotonicScenario(data).link()

    longer = assign(photonic, expand(photonic, "link.length_m", 777.0, PhotonicModel))
    assert link_of(longer) == photonic_rate.stretched(link_of(photonic), 777.0)
    assert read(longer, "link.length_m", PhotonicModel)[0] == pytest.approx(777.0)
    assert resolve(photonic, "link.node.window_s", PhotonicModel) == [
        "alice.window_s", "bob.window_s",
    ]  # fmt: skip
    with pytest.raises(InvalidInputError, match="known here: fibre, length_m, node"):
        resolve(photonic, "link.converter.efficiency", PhotonicModel)


@pytest.mark.parametrize("value", ["far", True, None, [1.0]])
def test_a_length_is_a_number(link: dict[str, Any], value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"link.length_m.*must be a number"):
        expand(link, "link.length_m", value, ScenarioModel)


def test_assigning_changes_nothing_else(link: dict[str, Any]) -> None:
    before = copy.deepcopy(link)
    changed = assign(link, {"nodes.alice.t2_s": 1.0, "protocol.parties.1.input_bias": 0.25,
                            "nodes.bob.cavity.coupling_hz": 1e6})  # fmt: skip
    assert link == before
    assert changed["nodes"]["alice"]["t2_s"] == 1.0
    assert changed["protocol"]["parties"][1]["input_bias"] == 0.25
    assert changed["nodes"]["bob"]["cavity"] == {"coupling_hz": 1e6}
    assert changed["nodes"]["bob"]["trap"] is link["nodes"]["bob"]["trap"]


@pytest.mark.parametrize(
    ("path", "kind", "bounds"),
    [
        ("nodes.*.excitation_probability", "number", (0, 1)),
        ("link.converter.efficiency", "number", (0, 1)),
        ("link.length_m", "number", (0, 1e9)),
        ("nodes.alice.memory_levels", "integer", None),
        ("protocol.bound", "text", (None, None)),
        ("nodes.alice.readout.destructive", "true or false", (None, None)),
        ("link.fibre.group_index", "number", (1, 10)),
    ],
)
def test_a_model_describes_its_parameters(path: str, kind: str, bounds: Any) -> None:
    told = describe(ScenarioModel, path)
    assert told.kind == kind
    assert told.description
    assert bounds is None or (told.low, told.high) == bounds


def test_a_photonic_model_describes_its_parameters() -> None:
    assert describe(PhotonicModel, "link.length_m").description == "length"
    assert describe(PhotonicModel, "alice.detector.efficiency").high == 1
    with pytest.raises(InvalidInputError, match="did you mean 'efficiency'"):
        describe(PhotonicModel, "alice.detector.eficiency")
