"""The two-photon station against an explicit Fock space, and its printed formula.

The Fock simulation shares no formula with the module. Each photon is created in its port, its
polarisation and its wave packet, f2 = sqrt(I) e^{i phase} f1 + sqrt(1-I) g; loss is a beam
splitter to a vacuum mode for each of the eight input modes; the station is a unitary; detectors
do not resolve f1 from g and click if they hold a photon or a dark count. Sixteen modes with at
most two photons: 153 states.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnetsim.physics.interference import (
    BELL_PATTERNS,
    DETECTORS,
    N_CLICK_SETS,
    blind,
    click_names,
    click_set,
    two_photon_click_states,
)

ACCEPTED = [(clicks, name) for name, pair in BELL_PATTERNS.items() for clicks in pair]
BELL = {"psi+": np.array([0, 1, 1, 0]) / np.sqrt(2), "psi-": np.array([0, 1, -1, 0]) / np.sqrt(2)}
SWAP = qutip.swap(2, 2).full().real

# --- the station in Fock space -------------------------------------------------------------------

PORTS = POLARISATIONS = PACKETS = (0, 1)  # ports 1, 2; H, V; f1, g
MODES = list(product(("kept", "lost"), PORTS, POLARISATIONS, PACKETS))
LEVELS = [3] * len(MODES)
DETECTOR_MODES = [(0, 0), (0, 1), (1, 0), (1, 1)]  # (port, polarisation) of H1, V1, H2, V2


@cache
def annihilators() -> dict[tuple, qutip.Qobj]:
    operators = qutip.enr_destroy(LEVELS, excitations=2)
    return {mode: a.to("Dense") for mode, a in zip(MODES, operators, strict=True)}


@cache
def vacuum() -> qutip.Qobj:
    return qutip.enr_fock(LEVELS, 2, [0] * len(MODES)).to("Dense")


@cache
def mixing(modes_from: tuple[tuple, ...], modes_to: tuple[tuple, ...]) -> qutip.Qobj:
    """Generator G of exp(theta G): from -> cos(theta) from + sin(theta) to, pair by pair."""
    a = annihilators()
    pairs = zip(modes_from, modes_to, strict=True)
    return sum(a[y].dag() * a[x] - a[x].dag() * a[y] for x, y in pairs)


def port_modes(kind: str, port: int) -> tuple[tuple, ...]:
    return tuple(mode for mode in MODES if mode[:2] == (kind, port))


@cache
def beam_splitter() -> qutip.Qobj:
    """50:50, port 1 -> (1 + 2)/sqrt(2), port 2 -> (1 - 2)/sqrt(2)."""
    a = annihilators()
    in_port_2 = sum(a[mode].dag() * a[mode] for mode in port_modes("kept", 1))
    flip = (1j * np.pi * in_port_2).expm()
    rotate = (np.pi / 4 * mixing(port_modes("kept", 0), port_modes("kept", 1))).expm()
    return rotate * flip


def loss(port: int, efficiency: float) -> qutip.Qobj:
    angle = np.arccos(np.sqrt(efficiency))
    return (angle * mixing(port_modes("kept", port), port_modes("lost", port))).expm()


@cache
def arriving(e1: float, e2: float, overlap: float, phase: float) -> NDArray[np.complex128]:
    """Fock states (153, 4) in front of the detectors for photons HH, HV, VH, VV."""
    a = annihilators()
    station = beam_splitter() * loss(0, e1) * loss(1, e2)
    columns = []
    for p1, p2 in product(POLARISATIONS, POLARISATIONS):
        first = a["kept", 0, p1, 0].dag()
        second = (
            np.sqrt(overlap) * np.exp(1j * phase) * a["kept", 1, p2, 0].dag()
            + np.sqrt(1 - overlap) * a["kept", 1, p2, 1].dag()
        )
        columns.append((station * (first * (second * vacuum()))).full()[:, 0])
    return np.stack(columns, axis=1)


@cache
def holds_no_photon() -> NDArray[np.bool_]:
    """(4, 153): whether a detector, whatever the wave packet, holds no photon in a Fock state."""
    a = annihilators()
    numbers = [
        sum(a["kept", *at, packet].dag() * a["kept", *at, packet] for packet in PACKETS).diag()
        for at in DETECTOR_MODES
    ]
    return np.array(numbers).real < 0.5


def click_operators(pd: float, dead: int) -> NDArray[np.float64]:
    """Diagonals (16, 153) of the operators of the click sets; a dead detector never clicks."""
    operators = np.ones((N_CLICK_SETS, holds_no_photon().shape[1]))
    for clicks, d in product(range(N_CLICK_SETS), range(4)):
        silent = np.ones_like(operators[0]) if dead >> d & 1 else (1 - pd) * holds_no_photon()[d]
        operators[clicks] *= 1 - silent if clicks >> d & 1 else silent
    return operators


@cache
def emitted(visibility_1: float, visibility_2: float) -> NDArray[np.complex128]:
    """(4, 4, 4, 4): memories, photons, and again; V |phi+><phi+| + (1-V) 1/4 for each arm."""
    bell = qutip.ket2dm(qutip.bell_state("00"))
    white = qutip.tensor(qutip.qeye(2), qutip.qeye(2)) / 4
    arms = [v * bell + (1 - v) * white for v in (visibility_1, visibility_2)]
    return qutip.tensor(*arms).permute([0, 2, 1, 3]).full().reshape(4, 4, 4, 4)


def fock_click_states(
    efficiencies: tuple[float, float],
    overlap: float,
    pd: float,
    *,
    phase: float = 0.0,
    dead: int = 0,
    visibilities: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.complex128]:
    fock = arriving(*efficiencies, overlap, phase)
    on_photons = np.einsum("fp,sf,fq->spq", fock.conj(), click_operators(pd, dead), fock)
    return np.einsum("spq,mqnp->smn", on_photons, emitted(*visibilities))


def random_points(n: int, seed: int) -> list[tuple[float, float, float, float]]:
    return [tuple(map(float, row)) for row in np.random.default_rng(seed).random((n, 4))]


CORNERS = list(product((0.0, 1.0), repeat=4))
POINTS = random_points(50, seed=1) + CORNERS


def test_fock_beam_splitter_has_the_stated_convention():
    a = annihilators()
    for polarisation, packet in product(POLARISATIONS, PACKETS):
        one, two = (a["kept", port, polarisation, packet].dag() * vacuum() for port in PORTS)
        for photon, sign in ((one, 1), (two, -1)):
            expected = (one + sign * two) / np.sqrt(2)
            assert (beam_splitter() * photon - expected).norm() < 1e-14


def test_fock_photons_keep_their_norm_and_overlap():
    for e1, e2, overlap, phase in random_points(5, seed=2):
        fock = arriving(e1, e2, overlap, phase)
        np.testing.assert_allclose(fock.conj().T @ fock, np.eye(4), rtol=0, atol=1e-14)
        np.testing.assert_allclose(
            click_operators(phase, dead=0).sum(axis=0), 1, rtol=0, atol=1e-14
        )


@pytest.mark.parametrize(("e1", "e2", "overlap", "pd"), POINTS)
def test_all_sixteen_click_states_equal_the_fock_simulation(e1, e2, overlap, pd):
    states = two_photon_click_states((e1, e2), overlap, pd)
    assert states.shape == (16, 4, 4)
    np.testing.assert_allclose(states, fock_click_states((e1, e2), overlap, pd), rtol=0, atol=1e-12)


def test_phase_of_the_overlap_changes_no_click_state():
    for (e1, e2, overlap, pd), turn in zip(
        random_points(10, seed=3), np.random.default_rng(4).random(10), strict=True
    ):
        fock = fock_click_states((e1, e2), overlap, pd, phase=2 * np.pi * float(turn))
        states = two_photon_click_states((e1, e2), overlap, pd)
        np.testing.assert_allclose(states, fock, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dead", range(N_CLICK_SETS))
def test_dead_detectors_equal_the_fock_simulation_without_them(dead):
    for e1, e2, overlap, pd in POINTS[:6] + CORNERS:
        states = two_photon_click_states((e1, e2), overlap, pd)
        seen = blind(states, dead)
        fock = fock_click_states((e1, e2), overlap, pd, dead=dead)
        np.testing.assert_allclose(seen, fock, rtol=0, atol=1e-12)
        np.testing.assert_allclose(seen.sum(axis=0), states.sum(axis=0), rtol=0, atol=1e-15)
        assert not any(seen[clicks].any() for clicks in range(N_CLICK_SETS) if clicks & dead)


def depolarise(states: NDArray[np.float64], memory: int, v: float) -> NDArray[np.float64]:
    """Applies rho -> v rho + (1-v) 1/2 (x) tr_memory(rho) to one memory of each state."""
    r = states.reshape(-1, 2, 2, 2, 2)
    if memory == 0:
        white = np.einsum("ij,skakb->siajb", np.eye(2) / 2, r)
    else:
        white = np.einsum("ij,sakbk->saibj", np.eye(2) / 2, r)
    return v * states + (1 - v) * white.reshape(states.shape)


@pytest.mark.parametrize("arms", [(0,), (1,), (0, 1)])
def test_white_photon_is_a_depolarised_memory(arms):
    rng = np.random.default_rng(5)
    for e1, e2, overlap, pd in random_points(8, seed=6):
        visibilities = [1.0, 1.0]
        states = two_photon_click_states((e1, e2), overlap, pd)
        for arm in arms:
            visibilities[arm] = float(rng.random())
            states = depolarise(states, arm, visibilities[arm])
        fock = fock_click_states((e1, e2), overlap, pd, visibilities=tuple(visibilities))
        np.testing.assert_allclose(states, fock, rtol=0, atol=1e-12)


def test_photon_of_no_visibility_heralds_a_white_memory():
    """Depolarising to V = 0, not merely less: memory 1 is 1/2 whatever clicked."""
    fock = fock_click_states((0.7, 0.4), 0.8, 0.1, visibilities=(0.0, 1.0))
    states = depolarise(two_photon_click_states((0.7, 0.4), 0.8, 0.1), 0, 0.0)
    np.testing.assert_allclose(states, fock, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fock[:, :2, :2], fock[:, 2:, 2:], rtol=0, atol=1e-15)
    np.testing.assert_allclose(fock[:, :2, 2:], 0, rtol=0, atol=1e-15)


# --- the printed formula, and digits at small probability ----------------------------------------


@pytest.mark.parametrize(("clicks", "name"), ACCEPTED)
def test_accepted_patterns_follow_the_printed_formula(clicks, name):
    sign = {"psi+": 1, "psi-": -1}[name]
    for e1, e2, overlap, pd in POINTS:
        # The equation of two_photon_click_states, as printed.
        anti = np.zeros((4, 4))
        anti[1, 1] = anti[2, 2] = 1
        anti[1, 2] = anti[2, 1] = sign * overlap
        corners = np.diag([1, 0, 0, 1])
        white = pd * (e1 * (1 - e2) + e2 * (1 - e1)) / 2 + pd**2 * (1 - e1) * (1 - e2)
        printed = (1 - pd) ** 2 * (
            e1 * e2 / 16 * anti
            + pd * e1 * e2 * (1 + overlap) / 16 * corners
            + white * np.eye(4) / 4
        )
        state = two_photon_click_states((e1, e2), overlap, pd)[clicks]
        np.testing.assert_allclose(state, printed, rtol=0, atol=1e-15)


def exact_silence(
    m: tuple[int, int], n: tuple[int, int], quiet: tuple[int, ...], e1, e2, overlap, pd
) -> Fraction:
    """Returns <m| rho |n> of the memories when the detectors `quiet` are silent, rational.

    Two bosons in orthogonal inputs: the permanent of one-photon amplitudes of
    X = 1 - (amplitude into the quiet detectors)^dagger (the same).
    """
    reached = [[0, 0], [0, 0]]  # [polarisation][port]
    for d in quiet:
        port, polarisation = DETECTOR_MODES[d]
        reached[polarisation][port] = 1

    def direct(e, out, into):
        return 1 - e * Fraction(sum(reached[into]), 2) if out == into else Fraction(0)

    exchange = Fraction(0)
    if m[0] == n[1] and m[1] == n[0]:  # the sign of port 2 is that of the 50:50 beam splitter
        hop = [Fraction(reached[p][0] - reached[p][1], 2) for p in (n[0], n[1])]
        exchange = e1 * e2 * overlap * hop[0] * hop[1]
    amplitude = direct(e1, m[0], n[0]) * direct(e2, m[1], n[1]) + exchange
    return (1 - pd) ** len(quiet) * amplitude / 4


def exact_click_state(clicks: int, e1, e2, overlap, pd) -> list[list[Fraction]]:
    """Inclusion and exclusion over silent sets, in rational numbers."""
    lit = [d for d in range(4) if clicks >> d & 1]
    unlit = tuple(d for d in range(4) if not clicks >> d & 1)
    basis = list(product((0, 1), repeat=2))
    return [
        [
            sum(
                (-1) ** k * exact_silence(m, n, unlit + more, e1, e2, overlap, pd)
                for k in range(len(lit) + 1)
                for more in combinations(lit, k)
            )
            for n in basis
        ]
        for m in basis
    ]


SMALL = [(1e-6, 1e-6, overlap, 1e-9) for overlap in (0.0, 0.3, 0.95, 1.0)] + [
    (1e-6, 1e-6, 0.9, 0.0),
    (3e-9, 2e-4, 0.9, 7e-13),
    (3e-3, 2e-3, 0.9, 1e-6),
]


@pytest.mark.parametrize("case", SMALL)
def test_small_probabilities_keep_twelve_digits(case):
    states = two_photon_click_states(case[:2], *case[2:])
    e1, e2, overlap, pd = map(Fraction, case)
    for clicks in range(N_CLICK_SETS):
        exact = exact_click_state(clicks, e1, e2, overlap, pd)
        probability = sum(exact[i][i] for i in range(4))
        assert abs(Fraction(float(np.trace(states[clicks]))) - probability) <= probability / 10**12
        for i, j in product(range(4), range(4)):
            error = abs(Fraction(float(states[clicks, i, j])) - exact[i][j])
            assert error <= abs(exact[i][j]) / 10**12


# --- properties ----------------------------------------------------------------------------------

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=200)
unit = st.floats(0, 1)
bright = st.floats(1e-6, 1)


def fidelity(states: NDArray[np.float64], clicks: int, name: str) -> float:
    return float(BELL[name] @ states[clicks] @ BELL[name] / np.trace(states[clicks]))


@fixed
@given(unit, unit, unit, unit)
def test_probabilities_sum_to_one(e1, e2, overlap, pd):
    states = two_photon_click_states((e1, e2), overlap, pd)
    assert np.trace(states.sum(axis=0)) == pytest.approx(1, rel=0, abs=1e-14)


@fixed
@given(unit, unit, unit, unit)
def test_station_leaves_the_memories_white_if_its_clicks_are_forgotten(e1, e2, overlap, pd):
    states = two_photon_click_states((e1, e2), overlap, pd)
    np.testing.assert_allclose(states.sum(axis=0), np.eye(4) / 4, rtol=0, atol=1e-14)


@fixed
@given(unit, unit, unit, unit)
def test_states_are_symmetric_and_positive_semidefinite(e1, e2, overlap, pd):
    states = two_photon_click_states((e1, e2), overlap, pd)
    assert np.array_equal(states, states.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(states).min() >= -1e-15


@fixed
@given(unit, unit, unit, unit, unit, unit)
def test_states_are_linear_in_each_efficiency(low, high, weight, other, overlap, pd):
    middle = weight * low + (1 - weight) * high
    for order in (1, -1):

        def states(e, order=order):
            return two_photon_click_states((e, other)[::order], overlap, pd)

        between = weight * states(low) + (1 - weight) * states(high)
        np.testing.assert_allclose(states(middle), between, rtol=0, atol=1e-15)


@fixed
@given(bright, bright, unit)
def test_fidelity_without_dark_counts_is_half_of_one_plus_overlap(e1, e2, overlap):
    states = two_photon_click_states((e1, e2), overlap, 0.0)
    for clicks, name in ACCEPTED:
        assert fidelity(states, clicks, name) == pytest.approx((1 + overlap) / 2, rel=1e-14, abs=0)


@fixed
@given(bright, bright, unit)
def test_half_of_the_coincidences_herald_without_dark_counts(e1, e2, overlap):
    states = two_photon_click_states((e1, e2), overlap, 0.0)
    accepted = sum(np.trace(states[clicks]) for clicks, _ in ACCEPTED)
    assert accepted == pytest.approx(e1 * e2 / 2, rel=1e-14, abs=0)


@fixed
@given(unit, unit, unit, unit)
def test_swapping_the_arms_swaps_the_memories(e1, e2, overlap, pd):
    states = two_photon_click_states((e1, e2), overlap, pd)
    swapped = two_photon_click_states((e2, e1), overlap, pd)
    np.testing.assert_allclose(swapped, SWAP @ states @ SWAP, rtol=0, atol=1e-15)


@fixed
@given(bright, bright, st.tuples(unit, unit).map(sorted), st.floats(0, 0.99))
def test_more_overlap_never_lowers_fidelity(e1, e2, overlaps, pd):
    less, more = (two_photon_click_states((e1, e2), overlap, pd) for overlap in overlaps)
    for clicks, name in ACCEPTED:
        assert fidelity(more, clicks, name) >= fidelity(less, clicks, name) - 1e-14


# --- click sets ----------------------------------------------------------------------------------


def test_click_sets_are_bit_masks_in_the_order_of_the_detectors():
    assert DETECTORS == ("H1", "V1", "H2", "V2")
    assert [click_set([name]) for name in DETECTORS] == [1, 2, 4, 8]
    assert click_set([]) == 0
    assert click_set(["V2", "H1", "V2"]) == 0b1001


def test_click_names_undo_click_sets():
    assert click_names(0b1001) == ("H1", "V2")
    assert [click_set(click_names(clicks)) for clicks in range(16)] == list(range(16))


def test_unknown_detector_is_refused():
    with pytest.raises(ValueError):  # noqa: PT011 - the contract is the type
        click_set(["H3"])


def test_bell_patterns_are_one_click_of_each_polarisation():
    """Both in one port name psi+, one in each port psi-."""
    ports = {
        name: {frozenset(click_names(clicks)) for clicks in pair}
        for name, pair in BELL_PATTERNS.items()
    }
    assert ports == {
        "psi+": {frozenset({"H1", "V1"}), frozenset({"H2", "V2"})},
        "psi-": {frozenset({"H1", "V2"}), frozenset({"V1", "H2"})},
    }


@pytest.mark.parametrize("dead", range(N_CLICK_SETS))
def test_blinding_twice_is_blinding_by_the_union(dead):
    states = two_photon_click_states((0.6, 0.3), 0.8, 0.05)
    for also in range(N_CLICK_SETS):
        twice = blind(blind(states, dead), also)
        np.testing.assert_allclose(twice, blind(states, dead | also), rtol=0, atol=1e-15)
