"""States and measurements against QuTiP."""

import math

import numpy as np
import pytest
import qutip

from qnetsim.physics import states


def random_state(seed: int, n_qubits: int = 2) -> np.ndarray:
    return qutip.rand_dm([2] * n_qubits, seed=seed).full()


@pytest.mark.parametrize(
    ("name", "qutip_name"), [("phi+", "00"), ("phi-", "01"), ("psi+", "10"), ("psi-", "11")]
)
def test_bell_states_are_those_of_qutip(name: str, qutip_name: str) -> None:
    ket = qutip.bell_state(qutip_name)
    assert np.allclose(states.bell_state(name), (ket @ ket.dag()).full(), atol=1e-15)


def test_psi_plus_gives_the_correlators_of_a_linear_analyser() -> None:
    psi_plus = states.bell_state("psi+")
    for a, b in np.random.default_rng(1).uniform(-2, 2, (20, 2)):
        product = np.kron(states.polarisation_observable(a), states.polarisation_observable(b))
        assert states.expectation(psi_plus, product) == pytest.approx(-math.cos(2 * (a + b)))


@pytest.mark.parametrize("qubit", [0, 1, 2])
def test_a_readout_with_errors_agrees_with_qutip_for_any_qubit(qubit: int) -> None:
    rng = np.random.default_rng(qubit)
    for seed in range(10):
        rho = random_state(seed, 3)
        angle, e0, e1 = rng.uniform(-3, 3), *rng.uniform(0, 0.5, 2)
        observable = math.cos(2 * angle) * qutip.sigmaz() + math.sin(2 * angle) * qutip.sigmax()
        up = (qutip.qeye(2) + observable) / 2
        factors = [qutip.qeye(2)] * 3
        kraus = []
        for projector in (up, qutip.qeye(2) - up):
            factors[qubit] = projector
            kraus.append(qutip.tensor(*factors).full())
        plus, minus = (k @ rho @ k for k in kraus)
        read = (1 - e0) * plus + e1 * minus
        p_plus, after_plus, after_minus = states.measure(
            rho, qubit, states.polarisation_observable(angle), (e0, e1)
        )
        assert p_plus == pytest.approx(np.trace(read).real, abs=1e-12)
        assert np.allclose(after_plus, read / np.trace(read), atol=1e-12)
        assert np.allclose(p_plus * after_plus + (1 - p_plus) * after_minus, plus + minus)


def test_readout_errors_scale_and_shift_the_mean() -> None:
    rho = random_state(3, 1)
    observable = states.polarisation_observable(0.4)
    mean = states.expectation(rho, observable)
    p_plus, _, _ = states.measure(rho, 0, observable, (0.03, 0.11))
    assert 2 * p_plus - 1 == pytest.approx((1 - 0.03 - 0.11) * mean + (0.11 - 0.03))


def test_an_impossible_outcome_leaves_the_state_alone() -> None:
    up = np.diag([1.0, 0.0]).astype(complex)
    p_plus, _, after_minus = states.measure(up, 0, states.polarisation_observable(0.0))
    assert p_plus == 1
    assert np.array_equal(after_minus, up)


def test_a_state_becomes_a_qutip_object_with_a_dimension_for_each_qubit() -> None:
    qobj = states.to_qobj(states.bell_state("psi-"))
    assert qobj.dims == [[2, 2], [2, 2]]
    assert qutip.fidelity(qobj, qutip.bell_state("11").proj()) == pytest.approx(1)
    assert states.fidelity(qobj.full(), states.bell_state("psi-")) == pytest.approx(1)
