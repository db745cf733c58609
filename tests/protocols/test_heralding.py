"""The heralded link: what it keeps in mind."""

import pytest

import qnetsim as qn
from qnetsim.protocols import heralds


def test_heralds_whose_states_all_differ_keep_a_bounded_memory(
    small_network: qn.Network, protocol: qn.DIQKD, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heralds, "_BRANCHES_KEPT", 32)
    turning = small_network.fibres["bob", "bsm"].model_copy(
        update={"rotation_drift_deg_per_hour": 1000.0}
    )
    small_network.fibres["bob", "bsm"] = turning
    simulation = qn.Simulation(small_network, protocol, seed=1, max_rounds=100)
    simulation.timeline.play(None)
    assert len(simulation.link.heralds._branches) <= 32
    assert len(simulation.link.heralds.states) >= 100
    assert list(simulation.link.heralds.log.state) == list(
        range(len(simulation.link.heralds.states))
    )
