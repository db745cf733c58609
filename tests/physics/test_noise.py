"""Noise maps against QuTiP."""

import math

import numpy as np
import pytest
import qutip
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.physics import noise

PAULIS = {"x": qutip.sigmax(), "y": qutip.sigmay(), "z": qutip.sigmaz()}
probability = st.floats(0, 1)


def on_qubit(operator: qutip.Qobj, qubit: int) -> qutip.Qobj:
    factors = [qutip.qeye(2)] * 2
    factors[qubit] = operator
    return qutip.tensor(*factors)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("qubit", [0, 1])
def test_dephasing_is_what_a_master_equation_gives(axis: str, qubit: int) -> None:
    rho = qutip.rand_dm([2, 2], seed=7)
    rate, time = 1.3, 0.6
    jump = math.sqrt(rate / 2) * on_qubit(PAULIS[axis], qubit)
    options = {"atol": 1e-12, "rtol": 1e-10}
    zero = 0 * on_qubit(qutip.qeye(2), qubit)
    evolved = qutip.mesolve(zero, rho, [0, time], [jump], options=options).final_state
    ours = noise.dephase(rho.full(), qubit, math.exp(-rate * time), axis)
    assert np.allclose(ours, evolved.full(), atol=1e-8)


@pytest.mark.parametrize("qubit", [0, 1])
def test_depolarising_replaces_the_qubit_by_white_noise(qubit: int) -> None:
    rho = qutip.rand_dm([2, 2], seed=8)
    rest = rho.ptrace(1 - qubit)
    white = qutip.qeye(2) / 2
    replaced = qutip.tensor(white, rest) if qubit == 0 else qutip.tensor(rest, white)
    wanted = 0.3 * rho + 0.7 * replaced
    assert np.allclose(noise.depolarise(rho.full(), qubit, 0.3), wanted.full(), atol=1e-14)


@given(coherence=probability, visibility=probability, seed=st.integers(0, 1000))
def test_noise_keeps_states_states(coherence: float, visibility: float, seed: int) -> None:
    rho = qutip.rand_dm([2, 2], seed=seed).full()
    for image in (
        noise.dephase(rho, 0, coherence, "y"),
        noise.depolarise(rho, 1, visibility),
        noise.relax(rho, 0, visibility),
        noise.rotate(rho, 1, 7 * coherence),
    ):
        assert np.trace(image) == pytest.approx(1)
        assert np.allclose(image, image.conj().T)
        assert np.linalg.eigvalsh(image).min() > -1e-12


@pytest.mark.parametrize("qubit", [0, 1])
def test_relaxation_is_what_a_master_equation_gives(qubit: int) -> None:
    rho = qutip.rand_dm([2, 2], seed=9)
    rate, time = 0.8, 0.7
    decay = on_qubit(qutip.basis(2, 0) * qutip.basis(2, 1).dag(), qubit)
    options = {"atol": 1e-12, "rtol": 1e-10}
    zero = 0 * on_qubit(qutip.qeye(2), qubit)
    jump = math.sqrt(rate) * decay
    evolved = qutip.mesolve(zero, rho, [0, time], [jump], options=options).final_state
    ours = noise.relax(rho.full(), qubit, math.exp(-rate * time))
    assert np.allclose(ours, evolved.full(), atol=1e-8)


@pytest.mark.parametrize("qubit", [0, 1])
@pytest.mark.parametrize("survival", [0.0, 0.3, 1.0])
def test_relaxation_is_amplitude_damping_by_its_kraus_operators(
    qubit: int, survival: float
) -> None:
    rho = qutip.rand_dm([2, 2], seed=10)
    kraus = [
        qutip.Qobj([[1, 0], [0, math.sqrt(survival)]]),
        qutip.Qobj([[0, math.sqrt(1 - survival)], [0, 0]]),
    ]
    wanted = sum(on_qubit(k, qubit) * rho * on_qubit(k, qubit).dag() for k in kraus)
    assert np.allclose(noise.relax(rho.full(), qubit, survival), wanted.full(), atol=1e-14)


def test_relaxation_and_dephasing_of_one_memory_do_not_care_for_their_order() -> None:
    rho = qutip.rand_dm([2, 2], seed=11).full()
    first = noise.relax(noise.dephase(rho, 1, 0.6), 1, 0.4)
    second = noise.dephase(noise.relax(rho, 1, 0.4), 1, 0.6)
    assert np.allclose(first, second, atol=1e-14)


@pytest.mark.parametrize("qubit", [0, 1])
def test_rotation_is_that_about_y_by_twice_the_angle(qubit: int) -> None:
    rho = qutip.rand_dm([2, 2], seed=12)
    angle = 0.37
    unitary = on_qubit((-1j * angle * qutip.sigmay()).expm(), qubit)
    wanted = unitary * rho * unitary.dag()
    assert np.allclose(noise.rotate(rho.full(), qubit, angle), wanted.full(), atol=1e-14)


def test_rotation_turns_horizontal_towards_vertical() -> None:
    angle = 0.2
    turned = noise.rotate(qutip.basis(2, 0).proj().full(), 0, angle)
    ket = np.array([math.cos(angle), math.sin(angle)])
    assert np.allclose(turned, np.outer(ket, ket), atol=1e-15)


@given(angle=st.floats(-3, 3), name=st.sampled_from(["00", "11"]))
def test_rotation_of_a_photon_is_the_opposite_one_of_its_memory(angle: float, name: str) -> None:
    """(1 x R)|phi+> = (R^T x 1)|phi+>; psi-, which is blind to joint rotations, turns alike."""
    rho = qutip.ket2dm(qutip.bell_state(name)).full()
    of_photon = noise.rotate(rho, 1, angle)
    of_memory = noise.rotate(rho, 0, -angle)
    assert np.allclose(of_photon, of_memory, atol=1e-14)


@given(angle=st.floats(-3, 3))
def test_one_turned_arm_keeps_the_square_of_the_cosine(angle: float) -> None:
    for name in ("00", "01", "10", "11"):
        bell = qutip.ket2dm(qutip.bell_state(name)).full()
        fidelity = np.trace(bell @ noise.rotate(bell, 0, angle)).real
        assert fidelity == pytest.approx(math.cos(angle) ** 2, abs=1e-14)


@given(first=probability, second=probability)
def test_losses_of_coherence_multiply(first: float, second: float) -> None:
    rho = qutip.rand_dm([2, 2], seed=5).full()
    twice = noise.dephase(noise.dephase(rho, 0, first), 0, second)
    assert np.allclose(twice, noise.dephase(rho, 0, first * second), atol=1e-12)


def test_gaussian_dephasing_starts_slower_than_exponential() -> None:
    assert noise.remaining_coherence(33e-6, 330e-6, 2) == pytest.approx(math.exp(-0.01))
    assert noise.remaining_coherence(33e-6, 330e-6, 1) == pytest.approx(math.exp(-0.1))
    assert noise.remaining_coherence(1.0, None, 2) == 1


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_visibility_is_that_of_white_noise_on_photon_and_all_levels(levels: int) -> None:
    psi = (
        qutip.tensor(qutip.basis(2, 0), qutip.basis(levels, 0))
        + qutip.tensor(qutip.basis(2, 1), qutip.basis(levels, 1))
    ).unit()
    for visibility in (0.0, 0.4, 0.9424, 1.0):
        white = qutip.tensor(qutip.qeye(2), qutip.qeye(levels)) / (2 * levels)
        rho = visibility * psi.proj() + (1 - visibility) * white
        fidelity = qutip.expect(rho, psi)
        assert noise.white_noise_visibility(fidelity, levels) == pytest.approx(visibility)


def test_two_qutrits_with_white_noise_have_the_published_fidelity_formula() -> None:
    psi = (
        qutip.tensor(qutip.basis(3, 0), qutip.basis(3, 1))
        + qutip.tensor(qutip.basis(3, 1), qutip.basis(3, 0))
    ).unit()
    visibility = 0.8785
    rho = (
        visibility * psi.proj() + (1 - visibility) * qutip.tensor(qutip.qeye(3), qutip.qeye(3)) / 9
    )
    assert qutip.expect(rho, psi) == pytest.approx((1 + 8 * visibility) / 9)
