"""Detectors, loss, analysers and the station's operators against QuTiP."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.physics import fock
from qnetsim.physics.fock import Detector
from qnetsim.physics.swapping import Station

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)
unit = st.floats(0, 1)


def mixer(angle: float, levels: tuple[int, int]) -> np.ndarray:
    """exp[angle (a1^+ a2 - a1 a2^+)]: in its Heisenberg picture a1 -> cos a1 + sin a2."""
    a1, a2 = (
        qutip.tensor(qutip.destroy(levels[0]), qutip.qeye(levels[1])),
        qutip.tensor(qutip.qeye(levels[0]), qutip.destroy(levels[1])),
    )
    return (angle * (a1.dag() * a2 - a1 * a2.dag())).expm().full().real


def up_to(photons: int, operators: np.ndarray) -> np.ndarray:
    """The elements between states of at most so many photons in both modes together."""
    size = operators.shape[-1]
    few = np.add.outer(np.arange(size), np.arange(size)) <= photons
    return operators * few[:, :, None, None] * few


# --- detectors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("resolves", [False, True])
@fixed
@given(efficiency=unit, dark=unit)
def test_a_detector_clicks_as_counting_each_photon_and_the_dark_count_says(
    resolves: bool, efficiency: float, dark: float
) -> None:
    detector = Detector(efficiency, dark, resolves)
    for n in range(6):
        counts = [comb(n, k) * efficiency**k * (1 - efficiency) ** (n - k) for k in range(n + 1)]
        lit = counts[1] * (1 - dark) if resolves and n else sum(counts[1:]) * (not resolves)
        assert detector.silent(5)[n] == pytest.approx(counts[0] * (1 - dark), abs=1e-15)
        assert detector.lit(5)[n] == pytest.approx(lit, abs=1e-14)
        assert detector.dark(5)[n] == pytest.approx(counts[0] * dark, abs=1e-15)
        assert detector.click(5)[n] == detector.lit(5)[n] + detector.dark(5)[n]


def test_a_threshold_detector_keeps_the_digits_of_a_small_click_probability() -> None:
    for efficiency in (1e-17, 1e-9, 0.3):
        lit = Detector(efficiency).lit(7)
        for n in range(8):
            exact = 1 - (1 - Fraction(efficiency)) ** n
            assert abs(Fraction(float(lit[n])) - exact) <= exact / 10**14


# --- loss and rotation ---------------------------------------------------------------------------


def conserving(operators: np.ndarray) -> np.ndarray:
    """Leaves out what changes the total number."""
    j, k, bra, ket = np.indices(operators.shape[-4:])
    return np.where(j + k == bra + ket, operators, 0.0)


def test_loss_is_a_beam_splitter_to_an_empty_mode() -> None:
    rng = np.random.default_rng(11)
    photons = 4
    size = photons + 1
    for _ in range(20):
        transmission, other = rng.random(2)
        operator = rng.normal(size=(size, size))
        whole = np.kron(operator, np.eye(size))
        turn = mixer(np.arccos(np.sqrt(transmission)), (size, size))
        empty = np.eye(size * size)[:, ::size]  # |n, 0>
        expected = empty.T @ turn.T @ whole @ turn @ empty
        second = np.diag(rng.random(size))
        turn2 = mixer(np.arccos(np.sqrt(other)), (size, size))
        expected2 = empty.T @ turn2.T @ np.kron(second, np.eye(size)) @ turn2 @ empty
        pulled = fock.pull_back_loss(
            np.einsum("jl,km->jklm", operator, second), (transmission, other)
        )
        wanted = np.einsum("jl,km->jklm", expected, expected2)
        np.testing.assert_allclose(pulled, conserving(wanted), rtol=0, atol=1e-12)


def test_losses_in_a_row_multiply_and_full_transmission_does_nothing() -> None:
    operators = conserving(np.random.default_rng(12).normal(size=(3, 4, 5, 4, 5)))
    twice = fock.pull_back_loss(fock.pull_back_loss(operators, (0.3, 0.9)), (0.6, 0.5))
    np.testing.assert_allclose(twice, fock.pull_back_loss(operators, (0.18, 0.45)), atol=1e-13)
    np.testing.assert_allclose(fock.pull_back_loss(operators, (1.0, 1.0)), operators, atol=0)


def test_turns_are_the_pauli_operators_of_qutip_on_every_photon() -> None:
    """Z gives a V photon a sign; X exchanges the polarisations: half a turn of H - V."""
    size = 4
    h, v = (
        qutip.tensor(qutip.destroy(size), qutip.qeye(size)),
        qutip.tensor(qutip.qeye(size), qutip.destroy(size)),
    )
    sign = (1j * np.pi * v.dag() * v).expm().full()
    difference = h - v
    swap = (0.5j * np.pi * difference.dag() * difference).expm().full()
    paulis = [np.eye(size**2), sign, swap, sign @ swap]
    # Of as many photons as there are levels the exponential knows too little.
    operators = conserving(np.random.default_rng(15).normal(size=[size] * 4))
    operators = up_to(size - 1, operators)
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    flat = operators.reshape(size**2, size**2)
    expected = sum(
        weight * pauli.conj().T @ flat @ pauli
        for weight, pauli in zip(weights, paulis, strict=True)
    )
    mixed = fock.mix_turns(operators, weights.tolist())
    np.testing.assert_allclose(mixed, expected.reshape(operators.shape), rtol=0, atol=1e-12)
    for turn, pauli in enumerate(paulis):
        alone = fock.mix_turns(operators, np.eye(4)[turn].tolist())
        wanted = (pauli.conj().T @ flat @ pauli).reshape(operators.shape)
        np.testing.assert_allclose(alone, wanted, rtol=0, atol=1e-12)


def test_rotations_are_those_of_qutip_and_orthogonal() -> None:
    photons = 6
    for angle in np.random.default_rng(13).uniform(-4, 4, 6):
        whole = mixer(angle, (photons + 1, photons + 1))
        for n, matrix in enumerate(fock.rotations(angle, photons)):
            at = [k * (photons + 1) + n - k for k in range(n + 1)]
            np.testing.assert_allclose(matrix, whole[np.ix_(at, at)], rtol=0, atol=1e-12)
    for n, matrix in enumerate(fock.rotations(0.7, 60)):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(n + 1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(50))
def test_an_analysers_outcomes_are_those_of_qutip_with_loss_modes(seed: int) -> None:
    rng = np.random.default_rng([14, seed])
    angle, (efficiency, dark) = rng.uniform(-4, 4), rng.random(2)
    photons = 3
    size = photons + 1
    # Polarisations first; then each loses to a mode of its own; then they turn.
    behind_loss = mixer(np.arccos(np.sqrt(efficiency)), (size, size)).reshape([size] * 4)
    turned = mixer(angle, (size, size)).reshape([size] * 4)
    state = np.einsum("hxa,vyb,pmhv->pmxyab", *[behind_loss[..., 0]] * 2, turned)
    has = np.arange(size) > 0
    click = np.where(has, 1.0, dark)
    expected = []
    for minus in (1 - click, click):
        for plus in (1 - click, click):
            weights = np.outer(plus, minus)
            expected.append(np.einsum("pm,pmxyab,pmxycd->abcd", weights, state, state))
    ours = fock.analyser(angle, Detector(efficiency, dark), photons)
    assert ours.shape == (1, 4, *[size] * 4)
    np.testing.assert_allclose(
        up_to(photons, ours[0]), up_to(photons, np.array(expected)), rtol=0, atol=1e-12
    )


@fixed
@given(angle=st.floats(-10, 10), efficiency=unit, dark=unit)
def test_an_analysers_outcomes_sum_to_the_identity_and_are_positive(angle, efficiency, dark):
    photons = 3
    operators = fock.analyser(angle, Detector(efficiency, dark, True), photons)[0]
    matrices = operators.reshape(4, 16, 16)
    assert np.linalg.eigvalsh(matrices).min() > -1e-14
    np.testing.assert_allclose(
        matrices.sum(axis=0),
        fock.number_projectors(photons).sum(axis=0).reshape(16, 16),
        atol=1e-13,
    )


# --- the station ---------------------------------------------------------------------------------


def fock_station(
    detector: Detector, transmissions: tuple[float, float], overlap: float, limits: tuple[int, int]
) -> np.ndarray:
    """One polarisation in QuTiP: modes a, c, the lost of either, and the other wave packet g.

    c, behind its loss, turns into sqrt(I) f + sqrt(1-I) g; a and f meet, and g meets vacuum.
    """
    size = sum(limits) + 1
    dims = [size] * 2
    lossy = [mixer(np.arccos(np.sqrt(t)), dims).reshape([size] * 4)[..., 0] for t in transmissions]
    packets = mixer(np.arccos(np.sqrt(overlap)), dims).reshape([size] * 4)[..., 0]
    half = mixer(np.pi / 4, dims).reshape([size] * 4)
    numbers = np.arange(size)
    chance = [detector.click(2 * size), detector.silent(2 * size)]
    # weights[1f, 2f, 1g, 2g]: detectors do not tell f from g.
    weights = np.multiply.outer(
        chance[0][np.add.outer(numbers, numbers)], chance[1][np.add.outer(numbers, numbers)]
    ).transpose(0, 2, 1, 3)
    on_g = np.einsum("uvwx,wxg,wxk->uvgk", weights, half[:, :, 0], half[:, :, 0])
    on_fg = np.einsum("uvgk,uvaf,uvbh->afgbhk", on_g, half, half, optimize=True)
    on_ac = np.einsum("afgbhk,fgc,hkd->acbd", on_fg, packets, packets, optimize=True)
    before = np.einsum(
        "acbd,alp,blq,cms,dmt->psqt", on_ac, lossy[0], lossy[0], lossy[1], lossy[1], optimize=True
    )
    j, k = limits
    return before[: j + 1, : k + 1, : j + 1, : k + 1]


@pytest.mark.parametrize("seed", range(50))
def test_a_stations_clicks_are_those_of_qutip_with_loss_and_wave_packets(seed: int) -> None:
    rng = np.random.default_rng([15, seed])
    efficiency, dark, first, second, overlap = rng.random(5)
    limits = ((1, 1), (2, 1), (1, 3), (2, 2), (3, 2))[seed % 5]
    detector = Detector(efficiency, dark, bool(rng.integers(2)))
    station = Station(detector, (first, second), overlap)
    ours = station.clicks(limits).sum(axis=0)
    expected = fock_station(detector, (first, second), overlap, limits)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10)


def test_outputs_of_a_station_swap_with_the_sign_of_the_arriving_arm() -> None:
    detector = Detector(0.7, 0.02)
    weights = np.outer(detector.click(4), detector.silent(4))
    first = fock.rotated_diagonal(np.pi / 4, weights, (2, 2))
    second = fock.rotated_diagonal(np.pi / 4, weights.T, (2, 2))
    sign = (-1.0) ** np.add.outer(np.arange(3), np.arange(3))[:, None, :, None]
    np.testing.assert_allclose(second, sign * first, rtol=0, atol=1e-14)
