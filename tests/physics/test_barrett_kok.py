"""Two rounds of the single-photon station: against the two-photon station, and in Fock space.

The Fock simulation plays both rounds at once and shares no formula with the module: photons are
created in a time bin, a port and a wave packet, f2 = e^{i phase of the bin} (sqrt(I) f1 +
sqrt(1-I) g), in sixteen modes with those of the loss.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnetsim.physics import interference
from qnetsim.physics.barrett_kok import (
    TIME_BIN_DETECTORS,
    barrett_kok_states,
    with_detector_memory,
)
from qnetsim.physics.interference import BELL_PATTERNS, click_names, two_photon_click_states
from qnetsim.physics.noise import dephase
from qnetsim.physics.single_click import SingleClickAttempt, single_click_states

HERALDS = sorted(clicks for pair in BELL_PATTERNS.values() for clicks in pair)
EARLY, LATE = 0, 1


def random_points(n: int, seed: int) -> list[tuple[float, float, float, float]]:
    return [tuple(row) for row in np.random.default_rng(seed).random((n, 4)).tolist()]


POINTS = random_points(50, seed=1) + list(product((0.0, 1.0), repeat=4))

# --- the same map as the two-photon station ------------------------------------------------------


def test_time_bins_take_the_place_of_polarisations():
    names = {"H": "early", "V": "late"}
    renamed = tuple(f"D{port} {names[letter]}" for letter, port in interference.DETECTORS)
    assert renamed == TIME_BIN_DETECTORS


def test_one_click_in_each_round_is_a_bell_pattern():
    one_each = [
        clicks
        for clicks in range(16)
        if sorted(TIME_BIN_DETECTORS[d][3:] for d in range(4) if clicks >> d & 1)
        == ["early", "late"]
    ]
    assert one_each == HERALDS
    for clicks in BELL_PATTERNS["psi+"]:  # both of one detector
        assert len({name[1] for name in click_names(clicks)}) == 1


@pytest.mark.parametrize(("e1", "e2", "overlap", "pd"), POINTS)
def test_all_sixteen_click_states_equal_those_of_the_two_photon_station(e1, e2, overlap, pd):
    states = barrett_kok_states((e1, e2), overlap, pd)
    assert states.shape == (16, 4, 4)
    expected = two_photon_click_states((e1, e2), overlap, pd)
    np.testing.assert_allclose(states, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("point", [(1e-6, 2e-6, 0.9, 1e-9), (3e-9, 2e-4, 0.0, 7e-13)])
def test_small_probabilities_have_the_digits_of_the_two_photon_station(point):
    states = barrett_kok_states(point[:2], *point[2:])
    expected = two_photon_click_states(point[:2], *point[2:])
    np.testing.assert_allclose(states, expected, rtol=1e-13, atol=0)


def test_phase_drift_turns_the_second_memory_and_its_noise_dephases_it():
    rng = np.random.default_rng(2)
    for e1, e2, overlap, pd in POINTS:
        drift, noise = 2 * np.pi * rng.random(), 2 * rng.random()
        turn = np.diag(np.exp([0, 1j * drift, 0, 1j * drift]))
        states = barrett_kok_states(
            (e1, e2), overlap, pd, phase_drift_rad=drift, phase_drift_noise_rad=noise
        )
        for clicks, state in enumerate(two_photon_click_states((e1, e2), overlap, pd)):
            expected = dephase(turn @ state @ turn.conj(), 1, np.exp(-(noise**2) / 2))
            np.testing.assert_allclose(states[clicks], expected, rtol=0, atol=1e-14)


# --- both rounds in Fock space -------------------------------------------------------------------

BINS = PORTS = PACKETS = (0, 1)
MODES = list(product(("kept", "lost"), BINS, PORTS, PACKETS))
LEVELS = [3] * len(MODES)
DETECTORS_IN_BINS = [(0, EARLY), (0, LATE), (1, EARLY), (1, LATE)]  # in the order of the bits
BIN_OF_MEMORY = {0: EARLY, 1: LATE}  # a memory in |0> after the flip was in |1> in the early bin


@cache
def annihilators() -> dict[tuple, qutip.Qobj]:
    operators = qutip.enr_destroy(LEVELS, excitations=2)
    return {mode: a.to("Dense") for mode, a in zip(MODES, operators, strict=True)}


def mixing(modes_from: list[tuple], modes_to: list[tuple]) -> qutip.Qobj:
    """Generator G of exp(theta G): from -> cos(theta) from + sin(theta) to, pair by pair."""
    a = annihilators()
    pairs = zip(modes_from, modes_to, strict=True)
    return sum(a[y].dag() * a[x] - a[x].dag() * a[y] for x, y in pairs)


def in_port(kind: str, port: int) -> list[tuple]:
    return [(kind, time_bin, port, packet) for time_bin, packet in product(BINS, PACKETS)]


@cache
def beam_splitter() -> qutip.Qobj:
    a = annihilators()
    flip = (1j * np.pi * sum(a[mode].dag() * a[mode] for mode in in_port("kept", 1))).expm()
    return (np.pi / 4 * mixing(in_port("kept", 0), in_port("kept", 1))).expm() * flip


def fock_click_states(
    efficiencies: tuple[float, float], overlap: float, pd: float, phases: tuple[float, float]
) -> NDArray[np.complex128]:
    a = annihilators()
    station = beam_splitter()
    for port, efficiency in enumerate(efficiencies):
        angle = np.arccos(np.sqrt(efficiency))
        station = station * (angle * mixing(in_port("kept", port), in_port("lost", port))).expm()
    vacuum = qutip.enr_fock(LEVELS, 2, [0] * len(MODES)).to("Dense")
    kets = []
    for bin_1, bin_2 in product(BIN_OF_MEMORY.values(), repeat=2):
        second = np.exp(1j * phases[bin_2]) * (
            np.sqrt(overlap) * a["kept", bin_2, 1, 0].dag()
            + np.sqrt(1 - overlap) * a["kept", bin_2, 1, 1].dag()
        )
        ket = station * (a["kept", bin_1, 0, 0].dag() * (second * vacuum))
        kets.append(ket.full()[:, 0] / 2)
    operators = np.ones((16, len(kets[0])))
    for d, (port, time_bin) in enumerate(DETECTORS_IN_BINS):
        modes = [a["kept", time_bin, port, packet] for packet in PACKETS]
        empty = sum(mode.dag() * mode for mode in modes).diag().real < 0.5
        for clicks in range(16):
            silent = (1 - pd) * empty
            operators[clicks] *= 1 - silent if clicks >> d & 1 else silent
    fock = np.array(kets)
    return np.einsum("mf,cf,nf->cmn", fock, operators, fock.conj())


@pytest.mark.parametrize(("e1", "e2", "overlap", "pd"), random_points(10, seed=3))
def test_click_states_equal_both_rounds_in_fock_space(e1, e2, overlap, pd):
    rng = np.random.default_rng(int(1e6 * e1))
    early, late = 2 * np.pi * rng.random(2)
    states = barrett_kok_states((e1, e2), overlap, pd, phase_drift_rad=late - early)
    fock = fock_click_states((e1, e2), overlap, pd, (early, late))
    np.testing.assert_allclose(states, fock, rtol=0, atol=1e-12)


def test_rounds_multiply_element_by_element():
    """In the printed order, each round at its own phase: only their difference is left."""
    optics = SingleClickAttempt((0.5, 0.5), (0.7, 0.4), 0.8, 0.05)
    flip = qutip.tensor(qutip.sigmax(), qutip.sigmax()).full()
    early, late = (single_click_states(optics._replace(phase_rad=phase)) for phase in (1.3, 2.1))
    states = barrett_kok_states((0.7, 0.4), 0.8, 0.05, phase_drift_rad=2.1 - 1.3)
    for first, second in product(range(4), repeat=2):
        clicks = sum(
            1 << TIME_BIN_DETECTORS.index(f"D{d + 1} {name}")
            for name, lit in (("early", first), ("late", second))
            for d in range(2)
            if lit >> d & 1
        )
        expected = 4 * (flip @ early[first] @ flip) * late[second]
        np.testing.assert_allclose(states[clicks], expected, rtol=0, atol=1e-15)


# --- laws ----------------------------------------------------------------------------------------

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)
unit = st.floats(0, 1)
bright = st.floats(1e-6, 1)


@fixed
@given(bright, bright, unit, st.floats(-10, 10), st.floats(0, 10))
def test_half_of_the_coincidences_herald_without_dark_counts(e1, e2, overlap, drift, noise):
    states = barrett_kok_states(
        (e1, e2), overlap, 0.0, phase_drift_rad=drift, phase_drift_noise_rad=noise
    )
    probability = np.trace(states[HERALDS].sum(axis=0)).real
    assert probability == pytest.approx(e1 * e2 / 2, rel=1e-13, abs=0)


@fixed
@given(unit, unit, unit, unit, st.floats(-10, 10), st.floats(0, 10))
def test_states_are_positive_semidefinite_and_their_traces_sum_to_one(
    e1, e2, overlap, pd, drift, noise
):
    states = barrett_kok_states(
        (e1, e2), overlap, pd, phase_drift_rad=drift, phase_drift_noise_rad=noise
    )
    assert np.trace(states.sum(axis=0)).real == pytest.approx(1, abs=1e-14)
    assert np.linalg.eigvalsh(states).min() >= -1e-15


# --- detectors that remember ---------------------------------------------------------------------


def enumerated_memory(states, blind_late: bool, afterpulse: float):
    """Every click set, with every choice of afterpulses, written as sets of names."""
    out = np.zeros_like(states)
    for clicks in range(16):
        lit = {TIME_BIN_DETECTORS[d] for d in range(4) if clicks >> d & 1}
        for pulses in product((False, True), repeat=2):
            seen, chance = set(lit), 1.0
            for detector, pulse in zip(("D1", "D2"), pulses, strict=True):
                late = f"{detector} late"
                ready = f"{detector} early" in lit and not blind_late
                if f"{detector} early" in lit and blind_late:
                    seen.discard(late)
                probability = afterpulse if ready else 0.0
                chance *= probability if pulse else 1 - probability
                if pulse:
                    seen.add(late)
            out[sum(1 << TIME_BIN_DETECTORS.index(name) for name in seen)] += (
                chance * states[clicks]
            )
    return out


@pytest.mark.parametrize("blind_late", [False, True])
@pytest.mark.parametrize("afterpulse", [0.0, 0.03, 1.0])
def test_detector_memory_equals_its_enumeration(blind_late, afterpulse):
    rng = np.random.default_rng(4)
    for dtype in (float, complex):
        states = rng.random((16, 4, 4)).astype(dtype)
        seen = with_detector_memory(states, blind_late=blind_late, afterpulse=afterpulse)
        assert seen.dtype == dtype
        expected = enumerated_memory(states, blind_late, afterpulse)
        np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-14)
        np.testing.assert_allclose(seen.sum(axis=0), states.sum(axis=0), rtol=0, atol=1e-14)


def test_detector_memory_acts_on_each_of_several_maps():
    maps = np.random.default_rng(5).random((2, 3, 16, 4, 4))
    seen = with_detector_memory(maps, afterpulse=0.1)
    for k in np.ndindex(2, 3):
        np.testing.assert_array_equal(seen[k], with_detector_memory(maps[k], afterpulse=0.1))


def test_detectors_without_memory_change_nothing():
    states = barrett_kok_states((0.7, 0.4), 0.8, 0.05)
    assert np.array_equal(with_detector_memory(states), states)


def test_blind_late_bin_costs_the_heralds_of_one_detector():
    states = barrett_kok_states((0.7, 0.4), 0.8, 0.0)
    seen = with_detector_memory(states, blind_late=True, afterpulse=0.2)
    for clicks in BELL_PATTERNS["psi+"]:
        assert not seen[clicks].any()
    for clicks in BELL_PATTERNS["psi-"]:
        assert np.array_equal(seen[clicks], states[clicks])


def test_afterpulse_of_a_lone_early_photon_heralds_falsely():
    states = barrett_kok_states((0.7, 0.0), 0.8, 0.0)
    seen = with_detector_memory(states, afterpulse=0.03)
    probability = sum(np.trace(seen[clicks]).real for clicks in BELL_PATTERNS["psi+"])
    assert probability == pytest.approx(0.7 / 2 * 0.03, rel=1e-13)
    assert not any(seen[clicks].any() for clicks in BELL_PATTERNS["psi-"])
