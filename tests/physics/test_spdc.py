"""Pair sources and threshold detectors against a Fock space and against long arithmetic.

The Fock simulation shares no formula with the module. Pairs are created one by one from
exp(a^T M b)|0>; an analyser is a rotation of two modes and loss a beam splitter to a vacuum mode
behind each port, both exponentials of QuTiP's operators; detectors look at photon numbers. Photon
numbers of Alice and Bob are equal throughout, so everything is done for each number of pairs.

Long arithmetic (decimal, 80 digits) takes 4 x 4 determinants and the plain alternating sum.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache
from itertools import product

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnetsim.physics.spdc import (
    PairState,
    Receiver,
    SpdcSource,
    linear,
    pair_clicks,
    pulse_clicks,
)

Setting = tuple[tuple[float, float], tuple[float, float]]
"""(angle, phase) of the polarisation cos(angle) H + e^{i phase} sin(angle) V, for either party."""


def vector(angle: float, phase: float) -> NDArray[np.complex128]:
    return linear(angle) * np.array([1, np.exp(1j * phase)])


def clicks(source: SpdcSource, setting: Setting, receivers: tuple[Receiver, Receiver]):
    analysers = (vector(*setting[0]), vector(*setting[1]))
    return pulse_clicks(source, analysers, receivers)


def random_case(
    rng: np.random.Generator, most_pairs: float, noisy: bool
) -> tuple[SpdcSource, Setting, tuple[Receiver, Receiver]]:
    coherence, visibility = rng.random(2) if noisy else (1.0, 1.0)
    state = PairState(*(2 * np.pi * rng.random(2)), coherence, visibility)
    (a, b), (c, d) = 2 * np.pi * rng.random((2, 2))
    receivers = tuple(Receiver(tuple(rng.random(2)), rng.random() / 10) for _ in range(2))
    source = SpdcSource(state, most_pairs * rng.random(), modes=1)
    return source, ((a, b), (c, d)), receivers


# --- Fock space ----------------------------------------------------------------------------------

KEPT_H, KEPT_V, LOST_H, LOST_V = range(4)
Blocks = list[NDArray[np.complex128]]
"""An array for each number of photons, its first index one party's states."""


@cache
def photon_space(most: int) -> tuple[list[qutip.Qobj], list[NDArray[np.int64]], NDArray[np.int64]]:
    """Annihilators of one party's four modes, the states of each photon number, all numbers."""
    annihilators = qutip.enr_destroy([most + 1] * 4, most)
    _, _, states = qutip.enr_state_dictionaries([most + 1] * 4, most)
    numbers = np.array([states[i] for i in range(len(states))])
    blocks = [np.flatnonzero(numbers.sum(axis=1) == n) for n in range(most + 1)]
    return annihilators, blocks, numbers


def emitted(most: int) -> Blocks:
    """The isometries from the n + 1 states of n photons in the emitted modes to all states."""
    _, blocks, numbers = photon_space(most)
    lost = numbers[:, [LOST_H, LOST_V]].sum(axis=1)
    return [np.eye(len(block), dtype=complex)[:, lost[block] == 0] for block in blocks]


@cache
def spectra(one: int, other: int, most: int) -> list[tuple[NDArray, NDArray]]:
    """Eigenvalues and vectors of i G, one -> cos one + sin other under exp(angle G)."""
    a, blocks, _ = photon_space(most)
    generator = (a[other].dag() * a[one] - a[one].dag() * a[other]).full()
    return [np.linalg.eigh(1j * generator[np.ix_(block, block)]) for block in blocks]


def mixed(states: Blocks, one: int, other: int, angle: float) -> Blocks:
    """Applies exp(angle G)."""
    return [
        v @ (np.exp(-1j * angle * w)[:, None] * (v.conj().T @ psi))
        for psi, (w, v) in zip(states, spectra(one, other, len(states) - 1), strict=True)
    ]


def phased(states: Blocks, phase: float) -> Blocks:
    """Applies exp(i phase n_V)."""
    _, blocks, numbers = photon_space(len(states) - 1)
    return [
        np.exp(1j * phase * numbers[block, KEPT_V])[:, None] * psi
        for psi, block in zip(states, blocks, strict=True)
    ]


@cache
def creations(most: int) -> list[list[NDArray[np.complex128]]]:
    """The operators that emit an H or V photon, from the states of n - 1 photons to those of n."""
    a, blocks, _ = photon_space(most)
    operators = [a[mode].dag().full() for mode in (KEPT_H, KEPT_V)]
    into = emitted(most)
    return [
        [into[n].T @ create[np.ix_(blocks[n], blocks[n - 1])] @ into[n - 1] for create in operators]
        for n in range(1, most + 1)
    ]


def pairs(source: SpdcSource, most: int) -> Blocks:
    """Amplitudes of 0 to ``most`` pairs, normalised, by Alice's and Bob's emitted states."""
    theta = source.state.angle_rad
    weights = np.array([np.cos(theta), np.sin(theta)])
    mean = source.mean_pairs * weights**2
    t = np.sqrt(mean / (1 + mean)) * np.sign(weights) * [1, np.exp(1j * source.state.phase_rad)]
    amplitudes = [np.ones((1, 1), dtype=complex)]
    for n, (create_h, create_v) in enumerate(creations(most), start=1):
        psi = amplitudes[-1]
        more = t[0] * create_h @ psi @ create_v.T + t[1] * create_v @ psi @ create_h.T
        amplitudes.append(more / n)
    norm = math.sqrt(sum(np.sum(np.abs(psi) ** 2) for psi in amplitudes))
    return [psi / norm for psi in amplitudes]


def measured(states: Blocks, setting: tuple[float, float], receiver: Receiver) -> Blocks:
    """Turns the analyser's polarisation onto H, then loses photons behind either port."""
    angle, phase = setting
    states = mixed(phased(states, -phase), KEPT_V, KEPT_H, angle)
    ports = ((KEPT_H, LOST_H), (KEPT_V, LOST_V))
    for (kept, lost), eta in zip(ports, receiver.efficiencies, strict=True):
        states = mixed(states, kept, lost, np.arccos(np.sqrt(eta)))
    return states


def lit_by_photons(amplitudes: Blocks, alice: Blocks, bob: Blocks) -> NDArray[np.float64]:
    """(4, 4): the probability of either side's ports that hold a detected photon."""
    _, blocks, numbers = photon_space(len(amplitudes) - 1)
    table = np.zeros((4, 4))
    for psi, first, second, block in zip(amplitudes, alice, bob, blocks, strict=True):
        held = (numbers[block, KEPT_H] > 0) + 2 * (numbers[block, KEPT_V] > 0)
        chances = np.abs(first @ psi @ second.T) ** 2
        np.add.at(table, (held[:, None], held[None, :]), chances)
    return table


def combined(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The click sets of two independent causes together: either lights a detector."""
    table = np.zeros((4, 4))
    for a, b, c, d in product(range(4), repeat=4):
        table[a | c, b | d] += first[a, b] * second[c, d]
    return table


def dark_counts(receivers: tuple[Receiver, Receiver]) -> NDArray[np.float64]:
    (_, p), (_, q) = receivers
    each = [[(1 - x) ** 2, x * (1 - x), x * (1 - x), x**2] for x in (p, q)]
    return np.outer(*each)


PAULI_TURNS = list(product((False, True), repeat=2))
"""Random unitaries: a turn by a right angle or none, then the sign of V flipped or not."""


def turned(states: Blocks, turn: bool, flip: bool) -> Blocks:
    states = mixed(states, KEPT_H, KEPT_V, np.pi / 2) if turn else states
    return phased(states, np.pi) if flip else states


def noise_weights(state: PairState) -> NDArray[np.float64]:
    """(4, 4): the chances of Alice's and Bob's turns."""
    weights = np.full((4, 4), (1 - state.visibility) / 16)
    weights[0, 0] += state.visibility * (1 + state.coherence) / 2
    weights[1, 0] += state.visibility * (1 - state.coherence) / 2
    return weights


def fock_clicks(source: SpdcSource, setting: Setting, receivers, most: int) -> NDArray[np.float64]:
    """One mode: the click table with at most so many pairs."""
    amplitudes = pairs(source, most)
    sides = [
        [measured(turned(emitted(most), *turns), s, receiver) for turns in PAULI_TURNS]
        for s, receiver in zip(setting, receivers, strict=True)
    ]
    table = np.zeros((4, 4))
    for (i, j), weight in np.ndenumerate(noise_weights(source.state)):
        if weight:
            table += weight * lit_by_photons(amplitudes, sides[0][i], sides[1][j])
    return combined(table, dark_counts(receivers))


def test_fock_analyser_sends_its_polarisation_to_the_first_port():
    a, blocks, _ = photon_space(1)
    angle, phase = 0.7, 1.9
    one_photon = [a[mode].dag().full()[np.ix_(blocks[1], blocks[0])] for mode in (KEPT_H, KEPT_V)]
    polarised = np.tensordot(vector(angle, phase), one_photon, axes=1)
    out = mixed(phased([np.zeros((1, 1)), polarised], -phase), KEPT_V, KEPT_H, angle)
    np.testing.assert_allclose(out[1], one_photon[0], atol=1e-14)


def test_fock_rotation_is_the_exponential_of_qutips_operators():
    a, blocks, _ = photon_space(3)
    generator = a[LOST_H].dag() * a[KEPT_H] - a[KEPT_H].dag() * a[LOST_H]
    whole = (0.3 * generator).expm().full()
    rotated = mixed([np.eye(len(block)) for block in blocks], KEPT_H, LOST_H, 0.3)
    for block, out in zip(blocks, rotated, strict=True):
        np.testing.assert_allclose(out, whole[np.ix_(block, block)], atol=1e-13)


def test_fock_noise_gives_one_pair_the_stated_state():
    rng = np.random.default_rng(5)
    _, blocks, numbers = photon_space(1)
    order = [int(np.flatnonzero(numbers[blocks[1], mode])[0]) for mode in (KEPT_H, KEPT_V)]
    sides = [turned(emitted(1), *turns)[1][order] for turns in PAULI_TURNS]
    for _ in range(5):
        source, _, _ = random_case(rng, 1e-9, noisy=True)
        pair = pairs(source, 1)[1]
        rho = np.zeros((4, 4), dtype=complex)
        for (i, j), weight in np.ndenumerate(noise_weights(source.state)):
            psi = (sides[i] @ pair @ sides[j].T).ravel()
            rho += weight * np.outer(psi, psi.conj())
        np.testing.assert_allclose(rho / np.trace(rho), pair_density(source.state), atol=1e-8)


def pair_density(state: PairState) -> NDArray[np.complex128]:
    """V rho_C + (1 - V) 1/4 in the basis HH, HV, VH, VV."""
    psi = np.zeros(4, dtype=complex)
    psi[1] = np.cos(state.angle_rad)
    psi[2] = np.exp(1j * state.phase_rad) * np.sin(state.angle_rad)
    rho = np.outer(psi, psi.conj())
    rho[[1, 2], [2, 1]] *= state.coherence
    return state.visibility * rho + (1 - state.visibility) * np.eye(4) / 4


@pytest.mark.parametrize("seed", range(5))
def test_fifty_random_pulses_of_one_mode_equal_the_fock_simulation(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        case = random_case(rng, 0.02, noisy=False)
        np.testing.assert_allclose(clicks(*case), fock_clicks(*case, most=6), rtol=0, atol=1e-10)


def test_fock_cut_off_is_converged():
    """At the strongest pump of these tests a pair more changes nothing; two less would."""
    rng = np.random.default_rng(10)
    source, setting, receivers = random_case(rng, 0.0, noisy=False)
    source = source._replace(mean_pairs=0.02)
    four, six, seven = (fock_clicks(source, setting, receivers, most) for most in (4, 6, 7))
    assert np.abs(six - seven).max() < 1e-11
    assert np.abs(four - seven).max() > 10 * np.abs(six - seven).max()


def test_noise_equals_random_unitaries_in_fock_space():
    rng = np.random.default_rng(12)
    for _ in range(10):
        case = random_case(rng, 0.02, noisy=True)
        np.testing.assert_allclose(clicks(*case), fock_clicks(*case, most=6), rtol=0, atol=1e-10)


@pytest.mark.parametrize("modes", [2, 3])
def test_modes_are_independent_sources_on_the_same_detectors(modes):
    rng = np.random.default_rng(modes)
    no_dark = np.zeros((4, 4))
    no_dark[0, 0] = 1
    for noisy in (False, True):
        source, setting, receivers = random_case(rng, 0.02, noisy)
        quiet = tuple(receiver._replace(dark_probability=0.0) for receiver in receivers)
        one = fock_clicks(source, setting, quiet, most=6)
        together = dark_counts(receivers)
        for _ in range(modes):
            together = combined(together, one)
        many = source._replace(mean_pairs=modes * source.mean_pairs, modes=modes)
        np.testing.assert_allclose(clicks(many, setting, receivers), together, rtol=0, atol=1e-10)


# --- one pair, and many independent ones ---------------------------------------------------------


def one_pair(state: PairState, setting: Setting, receivers) -> NDArray[np.float64]:
    """(4, 4): Born's rule for two qubits, then a coin for each photon's loss."""
    rho = qutip.Qobj(pair_density(state), dims=[[2, 2], [2, 2]])
    projectors = []
    for angle, phase in setting:
        passed = qutip.Qobj(vector(angle, phase)).proj()
        projectors.append((passed, qutip.qeye(2) - passed))
    table = np.zeros((4, 4))
    for i, j in product(range(2), repeat=2):
        p = qutip.expect(rho, qutip.tensor(projectors[0][i], projectors[1][j]))
        for seen_a, seen_b in product((False, True), repeat=2):
            eta_a, eta_b = receivers[0].efficiencies[i], receivers[1].efficiencies[j]
            chance = (eta_a if seen_a else 1 - eta_a) * (eta_b if seen_b else 1 - eta_b)
            table[seen_a << i, seen_b << j] += p * chance
    return table


def test_one_pair_follows_borns_rule():
    rng = np.random.default_rng(20)
    for _ in range(50):
        source, setting, receivers = random_case(rng, 1.0, noisy=True)
        wanted = combined(one_pair(source.state, setting, receivers), dark_counts(receivers))
        got = pair_clicks(source.state, [vector(*s) for s in setting], receivers)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)


def test_poisson_pairs_are_independent_pairs():
    """Enumerated up to 60 pairs; more than 3 of mean come with a chance below 1e-16 beyond."""
    rng = np.random.default_rng(21)
    for _ in range(50):
        source, setting, receivers = random_case(rng, 3.0, noisy=True)
        one = one_pair(source.state, setting, receivers)
        power, total = dark_counts(receivers), np.zeros((4, 4))
        for n in range(60):
            total += math.exp(-source.mean_pairs) * source.mean_pairs**n / math.factorial(n) * power
            power = combined(power, one)
        got = clicks(source._replace(modes=math.inf), setting, receivers)
        np.testing.assert_allclose(got, total, rtol=0, atol=1e-13)


def test_many_modes_tend_to_poisson_pairs():
    rng = np.random.default_rng(22)
    source, setting, receivers = random_case(rng, 0.5, noisy=True)
    limit = clicks(source._replace(modes=math.inf), setting, receivers)
    gaps = [
        np.abs(clicks(source._replace(modes=k), setting, receivers) / limit - 1).max()
        for k in (1e3, 1e6, 1e9)
    ]
    np.testing.assert_allclose(np.array(gaps[1:]) / gaps[:-1], 1e-3, rtol=0.01)


# --- long arithmetic -----------------------------------------------------------------------------


def long_cos_sin(x: float) -> tuple[Decimal, Decimal]:
    """Taylor series of the exact value of a double."""
    angle, term, sums = Decimal(x), Decimal(1), [Decimal(0), Decimal(0)]
    for n in range(1, 200):
        sums[(n - 1) % 2] += term if (n - 1) % 4 < 2 else -term
        term = term * angle / n
    return sums[0], sums[1]


def long_matrix(entries) -> list[list[Decimal]]:
    """A complex matrix as a real one of twice the size, [[Re, -Im], [Im, Re]]."""
    top = [[z[0] for z in row] + [-z[1] for z in row] for row in entries]
    return top + [[z[1] for z in row] + [z[0] for z in row] for row in entries]


def times(*matrices):
    result = matrices[0]
    for m in matrices[1:]:
        columns = list(zip(*m, strict=True))
        result = [
            [sum(x * y for x, y in zip(row, col, strict=True)) for col in columns] for row in result
        ]
    return result


def transposed(m):
    return [list(column) for column in zip(*m, strict=True)]


def determinant(m) -> Decimal:
    m, value = [list(row) for row in m], Decimal(1)
    for k in range(len(m)):
        pivot = max(range(k, len(m)), key=lambda i: abs(m[i][k]))
        m[k], m[pivot] = m[pivot], m[k]
        value *= m[k][k] if pivot == k else -m[k][k]
        for i in range(k + 1, len(m)):
            factor = m[i][k] / m[k][k]
            m[i] = [x - factor * y for x, y in zip(m[i], m[k], strict=True)]
    return value


def long_loss(angle: float, phase: float, kept: tuple[Decimal, Decimal]):
    """K = k1 u u^dagger + k2 v v^dagger, v across u."""
    (c, s), (x, y) = long_cos_sin(angle), long_cos_sin(phase)
    k1, k2 = kept
    # u = (c, s e^{i phase}), v = (-s e^{-i phase}, c).
    cross = (k1 - k2) * c * s
    return long_matrix(
        [
            [(k1 * c * c + k2 * s * s, Decimal(0)), (cross * x, -cross * y)],
            [(cross * x, cross * y), (k1 * s * s + k2 * c * c, Decimal(0))],
        ]
    )


ONE = [[Decimal(int(i == j)) for j in range(4)] for i in range(4)]
ZERO = (Decimal(0), Decimal(0))
PAULIS = [[[1, 0], [0, 1]], [[1, 0], [0, -1]], [[0, 1], [1, 0]], [[0, -1], [1, 0]]]


def long_modes(source: SpdcSource) -> list[tuple[Decimal, list[list[Decimal]]]]:
    """Weights and real forms of M of one of K modes under the noise."""
    state = source.state
    (c, s), (x, y) = long_cos_sin(state.angle_rad), long_cos_sin(state.phase_rad)
    mean = Decimal(source.mean_pairs) / Decimal(source.modes)
    t1, t2 = ((mean * w * w / (1 + mean * w * w)).sqrt().copy_sign(w) for w in (c, s))
    ideal = long_matrix([[ZERO, (t1, Decimal(0))], [(t2 * x, t2 * y), ZERO]])
    v, coherence = Decimal(state.visibility), Decimal(state.coherence)
    paulis = [long_matrix([[(Decimal(z), Decimal(0)) for z in row] for row in p]) for p in PAULIS]
    modes = [(v * (1 + coherence) / 2, ideal), (v * (1 - coherence) / 2, times(paulis[1], ideal))]
    if v < 1:
        modes += [((1 - v) / 16, times(p, ideal, transposed(q))) for p in paulis for q in paulis]
    return [(weight, m) for weight, m in modes if weight]


def long_no_click(source: SpdcSource, kept) -> Decimal:
    """P(no click of photons); ``kept`` are the real forms of K_A and of K_B^T."""
    first, second = kept
    total = Decimal(0)
    if math.isinf(source.modes):
        # A weak source of one mode: 1 - q is the exact derivative of its no-click probability.
        tiny = source._replace(mean_pairs=Decimal(10) ** -60, modes=1)
        return (Decimal(source.mean_pairs) * (long_no_click(tiny, kept) - 1) * 10**60).exp()
    for weight, m in long_modes(source):
        lost = times(first, m, second)
        ratio = determinant(minus(ONE, times(m, transposed(m)))) / determinant(
            minus(ONE, times(lost, transposed(lost)))
        )
        total += weight * ratio.sqrt()
    return total ** Decimal(source.modes)


def minus(a, b):
    return [
        [x - y for x, y in zip(row, other, strict=True)] for row, other in zip(a, b, strict=True)
    ]


def long_clicks(source: SpdcSource, setting: Setting, receivers) -> NDArray[np.object_]:
    """(4, 4) Decimals: no-click probabilities, then the plain alternating sum."""
    with localcontext() as context:
        context.prec = 160 if math.isinf(source.modes) else 80
        silent = np.empty((4, 4), dtype=object)
        for a, b in product(range(4), repeat=2):  # the detectors that may click
            kept, y = [], Decimal(1)
            # K is Hermitian: its transpose is its conjugate, with the opposite phase.
            (angle_a, phase_a), (angle_b, phase_b) = setting
            bases = (angle_a, phase_a), (angle_b, -phase_b)
            for allowed, s, (efficiencies, dark) in zip((a, b), bases, receivers, strict=True):
                k = [
                    Decimal(1) if allowed >> port & 1 else (1 - Decimal(eta)).sqrt()
                    for port, eta in enumerate(efficiencies)
                ]
                y *= (1 - Decimal(dark)) ** (2 - allowed.bit_count())
                kept.append(long_loss(*s, tuple(k)))
            silent[a, b] = y * long_no_click(source, kept)
        table = np.empty((4, 4), dtype=object)
        for a, b in product(range(4), repeat=2):
            table[a, b] = sum(
                (-1) ** ((a ^ c).bit_count() + (b ^ d).bit_count()) * silent[c, d]
                for c, d in product(range(4), repeat=2)
                if c & ~a == 0 and d & ~b == 0
            )
        return table


def extreme_case(
    rng: np.random.Generator,
) -> tuple[SpdcSource, Setting, tuple[Receiver, Receiver]]:
    """Parameters over many orders of magnitude, with the special values among them."""

    def share(*special: float) -> float:
        return float(rng.choice([*special, rng.random(), 10 ** rng.uniform(-12, 0)]))

    coherence, visibility = (1.0, 1.0) if rng.random() < 0.7 else (share(0.0), 1 - share(0.0))
    angle = float(rng.choice([np.pi / 4, 2 * np.pi * rng.random(), 10 ** rng.uniform(-6, 0)]))
    state = PairState(
        angle, float(rng.choice([0.0, np.pi, 6 * rng.random()])), coherence, visibility
    )
    modes = float(rng.choice([1, 1, 2, 5, 1000, math.inf]))
    source = SpdcSource(state, float(10 ** rng.uniform(-12, 0.7)), modes)
    setting = [
        (float(rng.choice([0.0, np.pi / 4, np.pi / 2, 6 * rng.random()])), float(phase))
        for phase in rng.choice([0.0, 0.0, 2.0], 2)
    ]
    receivers = [
        Receiver((share(0.0, 1.0, 0.9), share(0.0, 1.0, 0.9)), share(0.0, 0.0)) for _ in range(2)
    ]
    return source, (setting[0], setting[1]), (receivers[0], receivers[1])


def relative_errors(case) -> list[tuple[float, float]]:
    """(probability, relative error) of every click set that has a probability."""
    exact, got = long_clicks(*case), clicks(*case)
    return [
        (float(p), abs(float((Decimal(float(q)) - p) / p)))
        for p, q in zip(exact.ravel(), got.ravel(), strict=True)
        if p > Decimal("1e-30")
    ]


@pytest.mark.parametrize("seed", range(4))
def test_probabilities_keep_their_digits(seed):
    """Relative 1e-12 from 1e-12 on and 1e-10 from 1e-15 on, over 120 parameter sets."""
    rng = np.random.default_rng(100 + seed)
    errors = [error for _ in range(30) for error in relative_errors(extreme_case(rng))]
    assert sum(1e-15 < p < 1e-9 for p, _ in errors) > 20
    assert max(e for p, e in errors if p >= 1e-12) < 1e-12
    assert max(e for p, e in errors if p >= 1e-15) < 1e-10


def test_digits_survive_where_noisy_pairs_of_one_mode_never_light_a_set():
    """Here Alice's first detector and both of Bob's need a dark count of Bob's at 3.9e-10."""
    state = PairState(0.019883781781473264, coherence=0.0, visibility=0.93)
    case = (
        SpdcSource(state, 2.24, modes=1),
        ((0.0, 0.0), (np.pi / 2, 0.0)),
        (Receiver((0.9, 1.0)), Receiver((0.639, 0.331), 3.9e-10)),
    )
    errors = relative_errors(case)
    assert any(1e-10 < p < 1e-9 for p, _ in errors)
    assert max(error for _, error in errors) < 1e-12


def test_digits_survive_where_two_pairs_interfere_destructively():
    """Behind diagonal analysers two pairs of one mode never light all four detectors.

    Three pairs do: mu^3/16 is left of terms that are mu^2/8 each, the worst case.
    """
    source = SpdcSource(PairState(np.pi / 4), 1e-5, modes=1)
    setting = ((np.pi / 8, 0.0), (np.pi / 8, 0.0))
    case = (source, setting, (Receiver((1.0, 1.0)), Receiver((1.0, 1.0))))
    exact = float(long_clicks(*case)[3, 3])
    assert exact == pytest.approx(1e-15 / 16, rel=1e-4)
    assert clicks(*case)[3, 3] == pytest.approx(exact, rel=1e-9)
    poisson = clicks(source._replace(modes=math.inf), *case[1:])
    assert poisson[3, 3] == pytest.approx(1e-10 / 8, rel=1e-4)


# --- laws ----------------------------------------------------------------------------------------

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=100)
probability = st.floats(0, 1)
angles = st.floats(-10, 10)
two_settings = st.tuples(*[st.tuples(angles, angles)] * 2)
receivers_of_two = st.builds(
    Receiver, st.tuples(probability, probability), st.floats(0, 1, exclude_max=True)
)
sources = st.builds(
    SpdcSource,
    st.builds(PairState, angles, angles, probability, probability),
    st.one_of(st.just(0.0), st.floats(1e-12, 10)),
    st.one_of(st.just(math.inf), st.floats(1, 1e6)),
)


@fixed
@given(
    source=sources,
    setting=two_settings,
    receivers=st.tuples(receivers_of_two, receivers_of_two),
)
def test_click_sets_have_probabilities_that_add_up(source, setting, receivers):
    table = clicks(source, setting, receivers)
    assert table.shape == (4, 4)
    assert table.min() >= 0
    assert table.sum() == pytest.approx(1, abs=1e-12)


@fixed
@given(
    source=sources,
    setting=two_settings,
    other=st.tuples(angles, angles),
    receivers=st.tuples(receivers_of_two, receivers_of_two, receivers_of_two),
)
def test_neither_party_sees_what_the_other_does(source, setting, other, receivers):
    alice, bob, bobs_other = receivers
    one = clicks(source, setting, (alice, bob)).sum(axis=1)
    two = clicks(source, (setting[0], other), (alice, bobs_other)).sum(axis=1)
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-12)


@fixed
@given(source=sources, setting=two_settings, receiver=receivers_of_two)
def test_a_polariser_is_an_analyser_whose_other_port_is_not_watched(source, setting, receiver):
    """Its table is the marginal; so is a mixed one, a polariser on one side only."""
    single = Receiver(receiver.efficiencies[:1], receiver.dark_probability)
    both = clicks(source, setting, (receiver, receiver))
    alice_passed = both.reshape(2, 2, 4).sum(axis=0)
    wanted = alice_passed.reshape(2, 2, 2).sum(axis=1)
    got = clicks(source, setting, (single, single))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13)
    mixed_table = clicks(source, setting, (single, receiver))
    np.testing.assert_allclose(mixed_table, alice_passed, rtol=0, atol=1e-13)


@fixed
@given(source=sources, turn=angles, a=angles, b=angles, receiver=receivers_of_two)
def test_singlets_look_alike_from_every_angle(source, turn, a, b, receiver):
    state = source.state._replace(
        angle_rad=-np.pi / 4, phase_rad=0.0, coherence=1.0, visibility=1.0
    )
    singlets = source._replace(state=state)
    here, turned = (
        clicks(singlets, ((a + t, 0.0), (b + t, 0.0)), (receiver, receiver)) for t in (0.0, turn)
    )
    np.testing.assert_allclose(here, turned, rtol=0, atol=1e-12)


@fixed
@given(source=sources)
def test_settings_are_arrays(source):
    first, second = linear([0.1, 0.7]), linear([0.2, 0.5, 1.1])
    receivers = (Receiver((0.9,), 1e-6), Receiver((0.8, 0.7)))
    for function, light in ((pulse_clicks, source), (pair_clicks, source.state)):
        table = function(light, (first[:, None], second), receivers)
        assert table.shape == (2, 3, 2, 4)
        for x, y in product(range(2), range(3)):
            one = function(light, (first[x], second[y]), receivers)
            np.testing.assert_allclose(table[x, y], one, rtol=1e-12, atol=1e-18)


def test_a_mean_pair_number_is_a_mean_pair_number():
    """Split as stated: without loss a polarisation's vacuum probability gives its mean."""
    both = (Receiver((1.0, 0.0)), Receiver((1.0, 0.0)))
    state = PairState(0.3)
    for modes, mean in product((1, 4, math.inf), (0.01, 2.0)):
        table = clicks(SpdcSource(state, mean, modes), ((0.0, 0.0), (np.pi / 2, 0.0)), both)
        share = mean * math.cos(0.3) ** 2
        empty = math.exp(-share) if math.isinf(modes) else (1 + share / modes) ** -modes
        assert table[0, 0] == pytest.approx(empty, rel=1e-12)
        assert table[1, 1] == pytest.approx(1 - empty, rel=1e-12)
