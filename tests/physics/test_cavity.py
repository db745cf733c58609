"""An emitter in a cavity against QuTiP's master equation, the printed efficiency and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from qnetsim.physics.cavity import cavity_emission

MHZ = 2e6 * math.pi


def random_cavities(n: int, seed: int, decades: float) -> list[tuple[float, float, float]]:
    """Returns (g, kappa, Gamma) about 10 MHz, over so many decades."""
    rng = np.random.default_rng(seed)
    size = 10 * MHZ * 10 ** (decades * rng.uniform(-0.5, 0.5, (n, 3)))
    return [tuple(map(float, row)) for row in size]


def printed_efficiency(g: float, kappa: float, gamma: float) -> float:
    cooperativity = 4 * g**2 / (kappa * gamma)
    return kappa / (kappa + gamma) * cooperativity / (1 + cooperativity)


@pytest.mark.parametrize(("g", "kappa", "gamma"), random_cavities(4, seed=1, decades=1))
def test_efficiency_and_mean_time_are_those_of_the_master_equation(
    g: float, kappa: float, gamma: float
) -> None:
    """Emitter and cavity mode up to two photons; the flux kappa <n> leaves through the mirrors."""
    lower = qutip.tensor(qutip.sigmam(), qutip.qeye(3))
    photon = qutip.tensor(qutip.qeye(2), qutip.destroy(3))
    hamiltonian = g * (lower.dag() * photon + lower * photon.dag())
    slowest = 2 * min(-np.linalg.eigvals([[-gamma / 2, -1j * g], [-1j * g, -kappa / 2]]).real)
    times = np.linspace(0, 40 / slowest, 60_001)
    excited = qutip.tensor(qutip.basis(2, 0), qutip.basis(3, 0))
    flux = qutip.mesolve(
        hamiltonian,
        excited,
        times,
        [math.sqrt(kappa) * photon, math.sqrt(gamma) * lower],
        e_ops=[kappa * photon.dag() * photon],
        options={"atol": 1e-12, "rtol": 1e-10, "nsteps": 100_000},
    ).expect[0]
    weights = np.full(len(times), 2.0)
    weights[1::2], weights[[0, -1]] = 4.0, 1.0  # Simpson
    weights *= (times[1] - times[0]) / 3
    found = cavity_emission(g, kappa, gamma)
    assert found.efficiency == pytest.approx(float(weights @ flux), rel=1e-6)
    mean_s = float(weights @ (times * flux) / (weights @ flux))
    assert found.mean_time_s == pytest.approx(mean_s, rel=1e-6)


@pytest.mark.parametrize(("g", "kappa", "gamma"), random_cavities(50, seed=2, decades=3))
def test_efficiency_and_mean_time_are_those_of_the_amplitudes(
    g: float, kappa: float, gamma: float
) -> None:
    """The amplitudes' equations, diagonalised: |c|^2 is a sum of four exponentials."""
    values, vectors = np.linalg.eig(np.array([[-gamma / 2, -1j * g], [-1j * g, -kappa / 2]]))
    in_cavity = vectors[1] * np.linalg.solve(vectors, [1.0, 0.0])
    rates = -(values[:, None] + values.conj())
    weights = kappa * in_cavity[:, None] * in_cavity.conj()
    efficiency, first_moment = (float((weights / rates**k).sum().real) for k in (1, 2))
    found = cavity_emission(g, kappa, gamma)
    assert found.efficiency == pytest.approx(efficiency, rel=1e-10)
    assert found.mean_time_s == pytest.approx(first_moment / efficiency, rel=1e-10)


def test_amplitudes_integrated_step_by_step_give_the_same() -> None:
    g, kappa, gamma = 4 * MHZ, 7 * MHZ, 6.07 * MHZ

    def step(t: float, y: np.ndarray) -> list[float]:
        e, c = y[:2]
        flux = kappa * abs(c) ** 2
        return [-gamma / 2 * e - 1j * g * c, -kappa / 2 * c - 1j * g * e, flux, t * flux]

    end = solve_ivp(step, (0, 3e-6), np.array([1, 0, 0, 0], complex), rtol=1e-11, atol=1e-16).y
    found = cavity_emission(g, kappa, gamma)
    assert found.efficiency == pytest.approx(end[2, -1].real, rel=1e-8)
    assert found.mean_time_s == pytest.approx((end[3, -1] / end[2, -1]).real, rel=1e-8)


decades = st.floats(-4, 4).map(lambda x: 10 * MHZ * 10**x)
fixed = settings(derandomize=True, database=None, deadline=None, max_examples=200)


@fixed
@given(decades, decades, decades)
def test_efficiency_is_the_printed_one_over_eight_decades(
    g: float, kappa: float, gamma: float
) -> None:
    found = cavity_emission(g, kappa, gamma)
    assert found.efficiency == pytest.approx(printed_efficiency(g, kappa, gamma), rel=1e-9)
    assert 0 < found.efficiency <= 1 + 1e-12
    assert found.mean_time_s > 0


@fixed
@given(decades, decades, decades, st.floats(1, 10))
def test_stronger_coupling_emits_more_and_faster(
    g: float, kappa: float, gamma: float, factor: float
) -> None:
    weak, strong = (cavity_emission(x, kappa, gamma) for x in (g, factor * g))
    assert strong.efficiency >= weak.efficiency * (1 - 1e-9)
    assert strong.mean_time_s <= weak.mean_time_s * (1 + 1e-9)


def test_a_leaky_cavity_emits_at_the_purcell_enhanced_rate() -> None:
    """kappa above all else: an exponential of rate (1 + C) Gamma and efficiency C/(1 + C)."""
    gamma, kappa = 6 * MHZ, 6e5 * MHZ
    for cooperativity in (0.1, 1.0, 30.0):
        g = math.sqrt(cooperativity * kappa * gamma) / 2
        found = cavity_emission(g, kappa, gamma)
        assert found.efficiency == pytest.approx(cooperativity / (1 + cooperativity), rel=1e-4)
        assert found.mean_time_s == pytest.approx(1 / ((1 + cooperativity) * gamma), rel=1e-3)


def test_strong_coupling_shares_the_excitation_between_emitter_and_cavity() -> None:
    """g above all else: half of the time in each, so both decay at (kappa + Gamma)/2."""
    gamma, kappa = 6 * MHZ, 10 * MHZ
    found = cavity_emission(1e4 * MHZ, kappa, gamma)
    assert found.efficiency == pytest.approx(kappa / (kappa + gamma), rel=1e-6)
    assert found.mean_time_s == pytest.approx(2 / (kappa + gamma), rel=1e-6)


def test_a_bare_emitter_decays_into_free_space() -> None:
    """What little leaves a cavity that hardly couples comes when the emitter and it decay."""
    gamma, kappa = 6 * MHZ, 10 * MHZ
    found = cavity_emission(1e-4 * MHZ, kappa, gamma)
    assert found.efficiency < 1e-8
    rates = np.array([gamma, kappa, (gamma + kappa) / 2])
    # c(t) is the difference of two exponentials: |c|^2 integrates to sums over three rates.
    moments = [float(np.dot([1, 1, -2], rates**-k)) for k in (1.0, 2.0)]
    assert found.mean_time_s == pytest.approx(moments[1] / moments[0], rel=1e-6)
