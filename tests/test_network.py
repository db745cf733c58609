"""Networks: wiring, faults and the graph."""

import pytest

import qnetsim as qn


def test_a_network_is_a_graph_with_its_parts_on_it(small_network: qn.Network) -> None:
    graph = small_network.graph()
    assert set(graph.nodes) == {"alice", "bob", "bsm"}
    assert graph.nodes["bsm"]["kind"] == "station"
    assert graph.nodes["alice"]["part"] is small_network.nodes["alice"]
    assert graph.edges["bob", "bsm", "fibre"]["length_m"] == 400
    assert set(graph["alice"]["bsm"]) == {"fibre", "classical"}


def test_a_link_without_its_channels_names_each_that_is_missing(
    small_network: qn.Network,
) -> None:
    small_network.add("charlie", small_network.nodes["alice"])
    with pytest.raises(qn.InvalidInputError) as caught:
        small_network.link("second", ("alice", "charlie"), "bsm")
    message = str(caught.value)
    assert "links.second: no fibre joins 'charlie' and 'bsm'" in message
    assert "links.second: no classical channel joins 'charlie' and 'bsm'" in message


def test_wrong_names_get_the_nearest_known_one(small_network: qn.Network) -> None:
    with pytest.raises(qn.InvalidInputError, match="did you mean 'alice'"):
        small_network.link("second", ("alise", "bob"), "bsm")
    with pytest.raises(qn.InvalidInputError, match="must name different nodes"):
        small_network.link("second", ("bob", "bob"), "bsm")
    with pytest.raises(qn.InvalidInputError, match="no station is called"):
        small_network.connect("bob", "bms", qn.ClassicalChannel(length_m=1.0))
    with pytest.raises(qn.InvalidInputError, match="taken"):
        small_network.add("bob", small_network.nodes["alice"])
    with pytest.raises(qn.InvalidInputError, match="a second channel"):
        small_network.connect("bob", "bsm", qn.ClassicalChannel(length_m=1.0))


def test_a_protocol_that_does_not_fit_lists_every_fault(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    wrong = protocol.model_copy(
        update={
            "key_pairs": [(0, 2)],
            "chsh_terms": [(9, 1, 1), (2, 0, -1), (3, 0, -1), (3, 1, -1)],
        }
    )
    with pytest.raises(qn.InvalidInputError) as caught:
        qn.Simulation(small_network, wrong, seed=1)
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["protocol.key_pairs.0.1", "protocol.chsh_terms.0.0", "protocol.key_pairs"]


def test_hardware_built_by_hand_answers_in_the_same_voice() -> None:
    with pytest.raises(qn.InvalidInputError) as caught:
        qn.Fibre(length_m=-3.0, attenuation_db_per_km="much", lenght=1)
    faults = {str(fault) for fault in caught.value.faults}
    assert "length_m = -3.0: must lie in [0, 1e+09]" in faults
    assert "lenght: unknown key; did you mean 'length_m'?" in faults
    assert any(fault.startswith("attenuation_db_per_km = 'much': must be") for fault in faults)


def test_a_run_without_an_end_is_refused(small_simulation: qn.Simulation) -> None:
    with pytest.raises(qn.SimulationError, match="needs a duration"):
        small_simulation.run()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"chsh_terms": [(0, 0, -1), (1, 1, -1), (0, 0, -1), (1, 1, -1)]}, "protocol.chsh_terms"),
        ({"chsh_terms": [(2, 1, 1)] * 4}, "protocol.chsh_terms"),
        (
            {"chsh_terms": [(2, 1, 1), (2, 0, 1), (3, 0, 1), (3, 1, 1)]},
            "protocol.chsh_terms",
        ),
        ({"key_pairs": [(0, 0), (0, 0)]}, "protocol.key_pairs"),
        ({"key_pairs": [(0, 0), (1, 0)]}, "protocol.key_pairs"),
        ({"bound": "chsh", "key_pairs": [(0, 0), (1, 1)]}, "protocol.key_pairs"),
    ],
)
def test_settings_for_which_the_bound_does_not_hold_are_refused(
    small_network: qn.Network, protocol: qn.DIQKD, changes: dict[str, object], path: str
) -> None:
    with pytest.raises(qn.InvalidInputError) as caught:
        qn.Simulation(small_network, protocol.model_copy(update=changes), seed=1)
    assert {fault.path for fault in caught.value.faults} == {path}


def test_two_key_bases_must_be_drawn_equally_often(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    biased = [party.model_copy(update={"input_bias": 0.4}) for party in protocol.parties]
    with pytest.raises(qn.InvalidInputError, match="equally often"):
        qn.Simulation(small_network, protocol.model_copy(update={"parties": biased}), seed=1)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"resolution": "heralds"}, "resolution"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"tick_s": 0.0}, "tick_s"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"duration_s": float("nan")}, "duration_s"),
        ({"duration_s": -1.0}, "duration_s"),
    ],
)
def test_arguments_out_of_their_range_are_refused(
    small_network: qn.Network, protocol: qn.DIQKD, arguments: dict[str, object], path: str
) -> None:
    wanted = {"seed": 1, "duration_s": 1e-3} | arguments
    with pytest.raises(qn.InvalidInputError) as caught:
        qn.simulate(small_network, protocol, **wanted)
    assert [fault.path for fault in caught.value.faults] == [path]


def test_parts_of_the_wrong_kind_and_names_that_are_none_are_refused(
    small_network: qn.Network,
) -> None:
    fibre = qn.Fibre(length_m=1.0, attenuation_db_per_km=0.2)
    with pytest.raises(qn.InvalidInputError, match="MemoryNode or a BellStation"):
        small_network.add("zz", fibre)
    with pytest.raises(qn.InvalidInputError, match="Fibre, a FreeSpace, a ClassicalChannel or"):
        small_network.connect("alice", "bsm", small_network.stations["bsm"])
    with pytest.raises(qn.InvalidInputError, match="must match"):
        small_network.add("a b.c!", small_network.nodes["alice"])
    with pytest.raises(qn.InvalidInputError, match="taken"):
        small_network.link("main", ("alice", "bob"), "bsm")
