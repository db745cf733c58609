"""The whole chain from data sheet to correlators, against QuTiP and the printed heralding map."""

import math

import numpy as np
import pytest
import qutip

import qnetsim as qn
from qnetsim.protocols.expectation import link_expectation, protocol_expectation
from qnetsim.protocols.session import Timing

PAULIS = [qutip.sigmax(), qutip.sigmay(), qutip.sigmaz()]


def printed_map(e1: float, e2: float, overlap: float, dark: float, sign: int) -> qutip.Qobj:
    """The state behind one accepted pattern, written out."""
    lit = np.zeros((4, 4))
    lit[1, 1] = lit[2, 2] = e1 * e2 / 16
    lit[1, 2] = lit[2, 1] = sign * overlap * e1 * e2 / 16
    lit[0, 0] = lit[3, 3] = dark * e1 * e2 * (1 + overlap) / 16
    lone = dark * (e1 * (1 - e2) + e2 * (1 - e1)) / 2 + dark**2 * (1 - e1) * (1 - e2)
    return qutip.Qobj((1 - dark) ** 2 * (lit + lone * np.eye(4) / 4), dims=[[2, 2], [2, 2]])


def on(qubit: int, operator: qutip.Qobj) -> qutip.Qobj:
    factors = [qutip.qeye(2), qutip.qeye(2)]
    factors[qubit] = operator
    return qutip.tensor(*factors)


def stored(rho: qutip.Qobj, qubit: int, node: qn.MemoryNode, age_s: float) -> qutip.Qobj:
    """White noise of the emission and Gaussian dephasing about z, as Kraus maps."""
    floor = 1 / (2 * node.memory_levels)
    visibility = (node.atom_photon_fidelity - floor) / (1 - floor)
    noisy = (1 + 3 * visibility) / 4 * rho + (1 - visibility) / 4 * sum(
        on(qubit, p) * rho * on(qubit, p) for p in PAULIS
    )
    keep = (1 + math.exp(-((age_s / node.t2_s) ** 2))) / 2
    z = on(qubit, qutip.sigmaz())
    return keep * noisy + (1 - keep) * z * noisy * z


def read(node: qn.MemoryNode, angle_deg: float) -> qutip.Qobj:
    angle = math.radians(angle_deg)
    ideal = math.cos(2 * angle) * qutip.sigmaz() + math.sin(2 * angle) * qutip.sigmax()
    e0, e1 = node.readout.error_plus, node.readout.error_minus
    return (1 - e0 - e1) * ideal + (e1 - e0) * qutip.qeye(2)


@pytest.mark.parametrize("bell_state", ["psi+", "psi-"])
def test_herald_probability_state_and_correlators_follow_from_the_parts(
    small_network: qn.Network, protocol: qn.DIQKD, bell_state: str
) -> None:
    station = small_network.stations["bsm"].model_copy(update={"accept": [bell_state]})
    small_network.stations["bsm"] = station
    atom = small_network.nodes["alice"]
    click = 0.8 * (1 - math.exp(-100 / 26))
    e1, e2 = (0.9 * 0.4 * 10 ** (-4.3 * km / 10) * click for km in (0.05, 0.4))
    dark = 1 - math.exp(-1000 * 100e-9)
    sign = {"psi+": 1, "psi-": -1}[bell_state]
    rho = printed_map(e1, e2, 0.95, dark, sign)
    expected = link_expectation(small_network, "main", 1.0)
    assert expected is not None
    assert expected.herald_probability == pytest.approx(2 * rho.tr(), rel=1e-12)

    timing = Timing.of(small_network.arms("main"), station)
    for qubit, km in ((0, 0.05), (1, 0.4)):
        flight_s = km * 1000 * 1.468 / 299792458
        rho = stored(rho, qubit, atom, 2 * flight_s + 100e-9)
        waited = timing.herald_arrival(qubit) - timing.emissions[qubit]
        assert waited * 1e-12 == pytest.approx(2 * flight_s + 100e-9, abs=2e-12)
    rho = rho / rho.tr()
    share, state = expected.states[bell_state]
    assert share == pytest.approx(1, abs=1e-15)
    assert np.allclose(state, rho.full(), atol=1e-8)

    figures = protocol_expectation(protocol, small_network.arms("main"), expected.states)
    first, second = protocol.parties
    for x, alpha in enumerate(first.angles_deg):
        for y, beta in enumerate(second.angles_deg):
            product = qutip.tensor(read(atom, alpha), read(atom, sign * beta))
            wanted = qutip.expect(product, rho)
            assert figures.correlators[x, y] == pytest.approx(wanted, abs=1e-8)
    assert figures.qbers == pytest.approx(
        [(1 + figures.correlators[0, 0]) / 2, (1 + figures.correlators[1, 1]) / 2]
    )
    assert figures.key_probabilities == pytest.approx([1 / 8, 1 / 8])


def test_accepting_both_bell_states_doubles_the_herald_probability(
    small_network: qn.Network,
) -> None:
    def probability(accept: list[str]) -> float:
        station = small_network.stations["bsm"].model_copy(update={"accept": accept})
        small_network.stations["bsm"] = station
        expected = link_expectation(small_network, "main", 1.0)
        assert expected is not None
        return expected.herald_probability

    assert probability(["psi+", "psi-"]) == pytest.approx(2 * probability(["psi+"]), rel=1e-13)


def test_a_link_that_cannot_herald_expects_none(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    dark = small_network.stations["bsm"].detector.model_copy(
        update={"efficiency": 0.0, "dark_count_rate_hz": 0.0}
    )
    station = small_network.stations["bsm"].model_copy(update={"detector": dark})
    small_network.stations["bsm"] = station
    result = qn.simulate(small_network, protocol, seed=1, duration_s=0.1)
    summary = result.summary()
    assert summary["heralds"] == 0
    assert summary["expected_herald_rate_hz"] == 0
    assert summary["attempts"] == pytest.approx(0.1 / 4.1e-6, rel=0.05)
    assert summary["duty_cycle"]["attempting"] == pytest.approx(1, abs=1e-4)
    assert summary["expected_duty_cycle"] == 1
    assert summary["expected_chsh_s"] is None


@pytest.mark.parametrize("duration_s", [2000.0, 2001.0, 1000.5, 20.01])
def test_drift_is_averaged_whatever_the_run_has_to_do_with_the_realignments(
    small_network: qn.Network, duration_s: float
) -> None:
    drifting = small_network.fibres["alice", "bsm"].model_copy(
        update={"drift_db_per_hour": 36_000.0, "realign_every_s": 1.0}
    )
    small_network.fibres["alice", "bsm"] = drifting
    expected = link_expectation(small_network, "main", duration_s)
    assert expected is not None
    one_tooth = link_expectation(small_network, "main", 1.0)
    assert one_tooth is not None
    assert expected.herald_rate_hz == pytest.approx(one_tooth.herald_rate_hz, rel=5e-3)


def test_heralds_of_attempts_without_a_particle_count_with_their_causes_and_states(
    small_network: qn.Network,
) -> None:
    """A loss shows only at the end of a burst; until then dark counts herald white memories."""
    lossy = {
        "trap": qn.Trap(loading_mean_s=1e-4, lifetime_s=1e-3),
        "cooling": qn.Cooling(duration_s=1e-6, every_attempts=1000),
    }
    noisy = small_network.stations["bsm"].detector.model_copy(update={"dark_count_rate_hz": 3e4})
    station = small_network.stations["bsm"].model_copy(update={"detector": noisy})
    small_network.stations["bsm"] = station
    before = link_expectation(small_network, "main", 1.0)
    node = small_network.nodes["bob"]
    small_network.nodes["bob"] = qn.MemoryNode(**(dict(node) | lossy))
    after = link_expectation(small_network, "main", 1.0)
    assert before is not None
    assert after is not None
    assert after.herald_probability == pytest.approx(before.herald_probability, rel=1e-12)
    assert sum(after.causes.values()) == pytest.approx(1, rel=1e-12)
    assert sum(share for share, _ in after.heralded.values()) == pytest.approx(1, rel=1e-12)
    assert after.causes["dark count"] > 1.1 * before.causes["dark count"]
    assert after.heralded_fidelity < before.heralded_fidelity - 0.005


@pytest.mark.parametrize(
    "late",
    [{"jitter_mean_s": 1e-6}, {"loss_probability": 1.0, "retransmit_after_s": 1e-6}],
)
def test_a_herald_that_never_comes_in_time_is_none(
    small_network: qn.Network, protocol: qn.DIQKD, late: dict[str, float]
) -> None:
    small_network.classical["bob", "bsm"] = qn.ClassicalChannel(length_m=400.0, **late)
    result = qn.simulate(small_network, protocol, seed=1, duration_s=0.01)
    assert result.heralds_missed > 0
    assert len(result.heralds) == 0
    assert result.expected_link is not None
    assert result.expected_link.herald_rate_hz == 0


@pytest.mark.parametrize("seed", range(60))
def test_links_without_noise_have_a_key_rate(small_network: qn.Network, seed: int) -> None:
    """A perfect correlator is 1 to the last digit or one beyond it."""
    rng = np.random.default_rng(seed)
    station = small_network.stations["bsm"]
    quiet = station.detector.model_copy(update={"dark_count_rate_hz": 0.0})
    changes = {"detector": quiet, "photon_overlap": rng.random()}
    small_network.stations["bsm"] = station.model_copy(update=changes)
    for name, node in small_network.nodes.items():
        perfect = {
            "atom_photon_fidelity": 1.0,
            "t2_s": None,
            "collection_efficiency": rng.random(),
            "readout": qn.Readout(duration_s=1e-6),
        }
        small_network.nodes[name] = node.model_copy(update=perfect)
    along_the_poles = qn.DIQKD(
        link="main",
        parties=[
            qn.Party(node="alice", angles_deg=[0.0, 45.0], input_bias=0.0),
            qn.Party(node="bob", angles_deg=[22.5, -22.5, 0.0, 0.0], input_bias=0.0),
        ],
        key_pairs=[(0, 2)],
        key_anticorrelated=True,
        chsh_terms=[(0, 0, -1), (0, 1, -1), (1, 0, 1), (1, 1, -1)],
        bound="chsh",
    )
    figures = qn.simulate(small_network, along_the_poles, seed=seed, max_rounds=2).summary()
    assert 0 <= figures["expected_qber"] <= 1
    assert figures["expected_key_rate_bits_per_round"] >= 0
