"""The parties: settings, records, and what they know."""

import gc
import math

import numpy as np
import pytest

import qnetsim as qn
from qnetsim.protocols.diqkd import InputGenerator, PartyProcess
from qnetsim.rng import Streams
from qnetsim.timeline import Timeline


@pytest.mark.parametrize("bias", [0.0, 1e-5, 0.1])
def test_settings_come_with_the_stated_bias(bias: float) -> None:
    n = 400_000
    party = qn.Party(node="alice", angles_deg=[0.0, 1.0, 2.0, 3.0], input_bias=bias)
    generator = InputGenerator(4, bias, Streams(5)["alice.inputs"])
    counts = np.bincount([generator.draw() for _ in range(n)], minlength=4)
    assert sum(party.setting_probability(x) for x in range(4)) == pytest.approx(1)
    for setting, count in enumerate(counts):
        p = party.setting_probability(setting)
        # 5.2 standard errors, four settings: a false alarm of 1e-6.
        assert abs(count - n * p) < 5.2 * math.sqrt(n * p * (1 - p))


def test_the_number_of_settings_must_be_a_power_of_two() -> None:
    with pytest.raises(qn.InvalidInputError, match=r"angles_deg.*2, 4 or 8"):
        qn.Party(node="alice", angles_deg=[0.0, 1.0, 2.0], input_bias=0.0)


def reachable(root: object, walls: tuple[type, ...]) -> list[object]:
    """Returns what an object refers to, through anything but the walls, modules and classes."""
    seen: dict[int, object] = {}
    todo = [root]
    while todo:
        item = todo.pop()
        if (
            id(item) in seen
            or isinstance(item, (type, *walls))
            or type(item).__name__
            in (
                "module",
                "function",
                "builtin_function_or_method",
            )
        ):
            continue
        seen[id(item)] = item
        todo.extend(gc.get_referents(item))
    return list(seen.values())


def test_a_party_holds_no_reference_to_the_other(small_simulation: qn.Simulation) -> None:
    small_simulation.run(1.0)
    parties = small_simulation._parties
    for party, other in (parties, parties[::-1]):
        found = reachable(party, walls=(Timeline,))
        assert not any(isinstance(item, PartyProcess) and item is not party for item in found)
        assert not any(item is other.record for item in found)
    parties[0].told_by = [parties[1]]
    assert any(item is parties[1] for item in reachable(parties[0], walls=(Timeline,)))


def test_psi_minus_turns_the_second_partys_angles_round() -> None:
    party = qn.Party(node="bob", angles_deg=[22.5, -22.5], input_bias=0.0)
    process = PartyProcess(party, {"psi+": 1, "psi-": -1}, Timeline(1))
    assert process._angles["psi-"] == [-angle for angle in process._angles["psi+"]]


def test_both_bell_states_give_the_same_statistics(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    from qnetsim.protocols.expectation import link_expectation, protocol_expectation

    expected = link_expectation(small_network, "main", 1.0)
    assert expected is not None
    assert set(expected.states) == {"psi+", "psi-"}
    one_sided = []
    for name, (share, state) in expected.states.items():
        assert share == pytest.approx(0.5)
        figures = protocol_expectation(protocol, small_network.arms("main"), {name: (1.0, state)})
        one_sided.append(figures.chsh_s)
    assert one_sided[0] == pytest.approx(one_sided[1])
