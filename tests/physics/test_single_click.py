"""The single-photon station against an explicit Fock space, and its printed formulas.

The Fock simulation shares no formula with the module. Each photon is created in its port and its
wave packet, f2 = e^{i phi} (sqrt(I) f1 + sqrt(1-I) g); loss is a beam splitter to a vacuum mode
for each of the four input modes; the station is a unitary; detectors do not resolve f1 from g and
add dark counts; phase noise is a Gauss-Hermite mean over simulated phases. Eight modes.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache
from itertools import product

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnetsim.physics.single_click import (
    CAUSES,
    DETECTORS,
    OVER_COUNTED,
    SecondEmission,
    SingleClickAttempt,
    single_click_causes,
    single_click_states,
)

SWAP = qutip.swap(2, 2).full().real

# --- the station in Fock space -------------------------------------------------------------------

PORTS = PACKETS = (0, 1)  # ports 1, 2; f1, g
MODES = list(product(("kept", "lost"), PORTS, PACKETS))
MEMORIES = list(product((0, 1), repeat=2))


class Fock:
    """The eight modes with at most so many photons between them."""

    def __init__(self, photons: int) -> None:
        levels = [photons + 1] * len(MODES)
        operators = qutip.enr_destroy(levels, excitations=photons)
        self.a = {mode: a.to("Dense") for mode, a in zip(MODES, operators, strict=True)}
        self.vacuum = qutip.enr_fock(levels, photons, [0] * len(MODES)).to("Dense")
        self.counts = np.array(
            [
                sum(self.number("kept", port, packet) for packet in PACKETS).diag().real
                for port in PORTS
            ]
        ).round()  # photons in front of D1 and D2, whatever their packet
        flip = (1j * np.pi * sum(self.number("kept", 1, packet) for packet in PACKETS)).expm()
        self.beam_splitter = (np.pi / 4 * self.mixing(("kept", 0), ("kept", 1))).expm() * flip

    def number(self, *mode) -> qutip.Qobj:
        return self.a[mode].dag() * self.a[mode]

    def mixing(self, x: tuple, y: tuple) -> qutip.Qobj:
        """Generator G of exp(theta G): x -> cos(theta) x + sin(theta) y in both packets."""
        return sum(
            self.a[*y, packet].dag() * self.a[*x, packet]
            - self.a[*x, packet].dag() * self.a[*y, packet]
            for packet in PACKETS
        )

    @cache  # noqa: B019 (two spaces, kept for the whole run)
    def station(self, efficiencies: tuple[float, float]) -> qutip.Qobj:
        unitary = self.beam_splitter
        for port, efficiency in enumerate(efficiencies):
            angle = np.arccos(np.sqrt(efficiency))
            unitary = unitary * (angle * self.mixing(("kept", port), ("lost", port))).expm()
        return unitary

    def arriving(self, attempt: SingleClickAttempt, phases: NDArray) -> NDArray[np.complex128]:
        """Fock states (phase, Fock, 4) in front of the detectors for the memories' basis."""
        station = self.station(attempt.efficiencies)
        columns = []
        for m1, m2, phase in ((*m, phase) for phase in phases for m in MEMORIES):
            second = np.exp(1j * phase) * (
                np.sqrt(attempt.overlap) * self.a["kept", 1, 0].dag()
                + np.sqrt(1 - attempt.overlap) * self.a["kept", 1, 1].dag()
            )
            ket = second * self.vacuum if m2 else self.vacuum
            ket = self.a["kept", 0, 0].dag() * ket if m1 else ket
            columns.append((station * ket).full()[:, 0])
        return np.array(columns).reshape(len(phases), 4, -1).transpose(0, 2, 1)


def click_operators(
    counts: NDArray[np.float64], pd: float, resolving: bool, dead: int = 0
) -> NDArray[np.float64]:
    """Diagonals of the operators of the click sets, from the photons in front of D1 and D2."""
    none, one = (counts == n for n in (0, 1))
    silent = (1 - pd) * none
    blind = np.array([dead & 1, dead & 2], dtype=bool)
    silent[blind] = 1
    if not resolving:
        return np.array(
            [
                (1 - silent[0] if c & 1 else silent[0]) * (1 - silent[1] if c & 2 else silent[1])
                for c in range(4)
            ]
        )
    single = pd * none + (1 - pd) * one
    single[blind] = 0
    reads = [silent, single, 1 - silent - single]
    operators = np.zeros((8, *counts.shape[1:]))
    for r1, r2 in product(range(3), repeat=2):
        clicks = 1 * (r1 > 0) | 2 * (r2 > 0) | 4 * (r1 > 1 or r2 > 1)
        operators[clicks] += reads[r1][0] * reads[r2][1]
    return operators


@cache
def fock_space(photons: int = 2) -> Fock:
    return Fock(photons)


def noisy_phases(attempt: SingleClickAttempt) -> tuple[NDArray, NDArray]:
    if attempt.phase_noise_rad == 0:
        return np.array([attempt.phase_rad]), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return attempt.phase_rad + attempt.phase_noise_rad * nodes, weights / weights.sum()


@cache
def fock_kets(attempt: SingleClickAttempt, photons: int) -> tuple[NDArray, NDArray]:
    """The memories and their light in front of the detectors, by phase; each phase's weight."""
    phases, weights = noisy_phases(attempt)
    amplitudes = np.array(
        [
            np.prod([np.sqrt(a if excited else 1 - a) for a, excited in zip(*pair, strict=True)])
            for pair in ((attempt.excitations, memory) for memory in MEMORIES)
        ]
    )
    return fock_space(photons).arriving(attempt, phases) * amplitudes, weights


def fock_click_states(
    attempt: SingleClickAttempt, photons: int = 2, dead: int = 0
) -> NDArray[np.complex128]:
    kets, weights = fock_kets(attempt, photons)
    clicks = click_operators(
        fock_space(photons).counts, attempt.dark_probability, attempt.number_resolving, dead
    )
    return np.einsum("h,hfm,cf,hfn->cmn", weights, kets, clicks, kets.conj(), optimize=True)


def random_attempts(n: int, seed: int) -> list[SingleClickAttempt]:
    rng = np.random.default_rng(seed)
    return [
        SingleClickAttempt(
            (a1, a2), (e1, e2), overlap, pd, 2 * np.pi * turn, 2 * noise, bool(k % 2)
        )
        for k, (a1, a2, e1, e2, overlap, pd, turn, noise) in enumerate(rng.random((n, 8)).tolist())
    ]


CORNERS = [
    SingleClickAttempt((a, 0.3), (e1, e2), overlap, pd, number_resolving=resolving)
    for a, e1, e2, overlap, pd, resolving in product((0.0, 1.0), repeat=6)
]
RANDOM = random_attempts(100, seed=1)  # 50 for each kind of detector


def test_fock_beam_splitter_has_the_stated_convention():
    fock = fock_space()
    for packet in PACKETS:
        one, two = (fock.a["kept", port, packet].dag() * fock.vacuum for port in PORTS)
        for photon, sign in ((one, 1), (two, -1)):
            expected = (one + sign * two) / np.sqrt(2)
            assert (fock.beam_splitter * photon - expected).norm() < 1e-14


def test_fock_photons_keep_their_norm():
    for attempt in RANDOM[:6]:
        for ket in fock_space().arriving(attempt, np.array([0.0, attempt.phase_rad])):
            np.testing.assert_allclose(ket.conj().T @ ket, np.eye(4), rtol=0, atol=1e-14)
        for resolving in (False, True):
            total = click_operators(fock_space().counts, attempt.overlap, resolving).sum(axis=0)
            np.testing.assert_allclose(total, 1, rtol=0, atol=1e-14)


def test_raising_the_cutoff_of_the_fock_simulation_changes_nothing():
    for attempt in RANDOM[:4]:
        two, three = (fock_click_states(attempt, photons) for photons in (2, 3))
        np.testing.assert_allclose(two, three, rtol=0, atol=1e-13)


@pytest.mark.parametrize("attempt", RANDOM + CORNERS)
def test_click_states_equal_the_fock_simulation(attempt):
    states = single_click_states(attempt)
    assert states.shape == ((8 if attempt.number_resolving else 4), 4, 4)
    np.testing.assert_allclose(states, fock_click_states(attempt), rtol=0, atol=1e-12)


@pytest.mark.parametrize("attempt", RANDOM)
def test_beside_dead_detectors_click_states_equal_the_fock_simulation(attempt):
    for dead in (0b01, 0b10, 0b11):
        states = single_click_states(attempt, dead)
        wanted = fock_click_states(attempt, dead=dead)
        np.testing.assert_allclose(states, wanted, rtol=0, atol=1e-12)


# --- second emissions ----------------------------------------------------------------------------


def fock_states_with_second_emissions(
    attempt: SingleClickAttempt, dead: int = 0
) -> NDArray[np.complex128]:
    """As ``fock_click_states``; either memory's first photon of two has eight modes of its own."""
    last, first = fock_space(2), fock_space(1)
    phases, weights = noisy_phases(attempt)
    sizes = len(phases), last.counts.shape[1], *[first.counts.shape[1]] * 2, 4
    kets = np.zeros(sizes, dtype=complex)
    for kinds in product(("dark", "once", "twice"), repeat=2):
        memory = 2 * (kinds[0] != "dark") + (kinds[1] != "dark")
        amplitude, efficiencies, strays = 1.0, [], []
        for port, (kind, a, e, twice) in enumerate(
            zip(kinds, *attempt[:2], attempt.second_emissions, strict=True)
        ):
            share = twice.probability
            weight = {"dark": 1 - a, "once": a * (1 - share), "twice": a * share}[kind]
            amplitude *= np.sqrt(weight)
            efficiencies.append(twice.second if kind == "twice" else e)
            photon = first.a["kept", port, 0].dag() * first.vacuum
            sent = photon if kind == "twice" else first.vacuum
            strays.append((first.station((twice.first, twice.first)) * sent).full()[:, 0])
        light = last.arriving(attempt._replace(efficiencies=tuple(efficiencies)), phases)
        kets[..., memory] += amplitude * np.einsum("hf,s,t->hfst", light[:, :, memory], *strays)
    one, two, three = last.counts, first.counts, first.counts
    counts = one[:, :, None, None] + two[:, None, :, None] + three[:, None, None, :]
    clicks = click_operators(counts, attempt.dark_probability, attempt.number_resolving, dead)
    kets = kets.reshape(len(phases), -1, 4)
    clicks = clicks.reshape(len(clicks), -1)
    return np.einsum("h,hfm,cf,hfn->cmn", weights, kets, clicks, kets.conj(), optimize=True)


def random_second_emissions(n: int, seed: int) -> list[SingleClickAttempt]:
    rng = np.random.default_rng(seed)
    return [
        attempt._replace(
            phase_noise_rad=attempt.phase_noise_rad if k < 6 else 0.0,
            second_emissions=tuple(SecondEmission(*rng.random(3)) for _ in range(2)),
        )
        for k, attempt in enumerate(random_attempts(n, seed + 1))
    ]


TWICE = random_second_emissions(100, seed=5)


@pytest.mark.parametrize("attempt", TWICE)
def test_second_emissions_equal_the_fock_simulation(attempt):
    for dead in (0, 0b10):
        wanted = fock_states_with_second_emissions(attempt, dead)
        states = single_click_states(attempt, dead)
        np.testing.assert_allclose(states, wanted, rtol=0, atol=1e-12)


def test_memory_that_emits_twice_heralds_itself():
    """Its light alone, all of it lost but the first photon: no coherence, and no second memory."""
    always = SecondEmission(1.0, first=0.4, second=0.0)
    attempt = SingleClickAttempt((0.5, 0.5), (0.9, 0.9), 1.0, 0.0)
    attempt = attempt._replace(second_emissions=(always, SecondEmission()))
    states = single_click_causes(attempt)["second emission"]
    both = 0.25 * (0.2 * 0.1 + 0.6 * 0.45 + 0.2 * 0.45)
    np.testing.assert_allclose(states[1], np.diag([0, 0, 0.05, both]), rtol=0, atol=1e-15)


# --- causes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempt", RANDOM)
def test_causes_without_coherence_equal_projections_of_the_fock_simulation(attempt):
    for dead in range(4):
        assert_causes_are_projections(attempt, dead)


def assert_causes_are_projections(attempt: SingleClickAttempt, dead: int) -> None:
    """No photon at detectors that see; some, of two excited memories; some, of one."""
    causes = single_click_causes(attempt, dead)
    fock = fock_space()
    dark = fock.counts[[not dead & 1, not dead & 2]].sum(axis=0) == 0
    kets, weights = fock_kets(attempt, 2)
    clicks = click_operators(fock.counts, attempt.dark_probability, attempt.number_resolving, dead)
    for photons, names in ((dark, ["dark"]), (~dark, [c for c in CAUSES if c != "dark"])):
        seen = np.einsum("h,hfm->fm", weights, abs(kets) ** 2)
        chances = (clicks * photons) @ seen
        populations = sum(causes[name] for name in names).diagonal(axis1=1, axis2=2)
        np.testing.assert_allclose(populations, chances, rtol=0, atol=1e-13)
    assert not causes["both emitted"][:, :3].any()
    assert not causes["both emitted"][:, :, :3].any()
    for cause in ("photon", "distinguishable"):
        assert not causes[cause][:, [0, 3]].any()


@pytest.mark.parametrize("attempt", RANDOM)
def test_causes_are_positive_and_sum_to_the_total(attempt):
    causes = single_click_causes(attempt)
    assert tuple(causes) == CAUSES
    states = single_click_states(attempt)
    np.testing.assert_allclose(sum(causes.values()), states, rtol=0, atol=1e-15)
    for part in causes.values():
        np.testing.assert_array_equal(part, part.conj().transpose(0, 2, 1))
        assert np.linalg.eigvalsh(part).min() >= -1e-15


@pytest.mark.parametrize("attempt", [attempt._replace(dark_probability=0.0) for attempt in RANDOM])
def test_photon_leaves_a_pure_state_and_the_rest_no_coherence(attempt):
    causes = single_click_causes(attempt)
    off_diagonal = ~np.eye(4, dtype=bool)
    for cause in CAUSES[1:]:
        assert not causes[cause][:, off_diagonal].any()
    visibility = np.sqrt(attempt.overlap) * np.exp(-(attempt.phase_noise_rad**2) / 2)
    for clicks in (1, 2):
        photon, blurred = causes["photon"][clicks], causes["distinguishable"][clicks]
        weight, rest = np.trace(photon).real, np.trace(blurred).real
        assert np.trace(photon @ photon).real == pytest.approx(weight**2, rel=1e-13, abs=0)
        assert weight == pytest.approx(visibility * (weight + rest), rel=1e-13, abs=0)
        assert np.diag(photon) * rest == pytest.approx(np.diag(blurred) * weight, abs=1e-15)


@pytest.mark.parametrize("lost", [1e-14, 1e-10])
def test_small_loss_of_coherence_keeps_its_digits(lost):
    noise = (2 * lost) ** 0.5
    attempt = SingleClickAttempt((0.1, 0.2), (0.3, 0.4), 1.0, 0.0, phase_noise_rad=noise)
    causes = single_click_causes(attempt)
    share = np.trace(causes["distinguishable"][1]) / np.trace(causes["photon"][1])
    assert share.real == pytest.approx(lost, rel=2e-10, abs=0)


# --- the printed formulas, and digits at small probability ---------------------------------------


def printed(attempt: SingleClickAttempt, sign: int) -> NDArray[np.complex128]:
    """One click of one detector: the equation of single_click_states, as printed."""
    (a1, a2), (e1, e2) = attempt.excitations, attempt.efficiencies
    overlap, pd = attempt.overlap, attempt.dark_probability
    y = 1 - pd
    once, twice = (y, 0) if attempt.number_resolving else (1, 1)
    state = np.zeros((4, 4), dtype=complex)
    state[0, 0] = (1 - a1) * (1 - a2) * pd * y
    state[1, 1] = a2 * (1 - a1) * (e2 / 2 * once + (1 - e2) * pd) * y
    state[2, 2] = a1 * (1 - a2) * (e1 / 2 * once + (1 - e1) * pd) * y
    state[3, 3] = (a1 * a2 * y) * (
        e1 * e2 * (1 + overlap) / 4 * twice
        + (e1 + e2 - 2 * e1 * e2) / 2 * once
        + (1 - e1) * (1 - e2) * pd
    )
    coherence = sign / 2 * once * y * np.sqrt(a1 * (1 - a1) * a2 * (1 - a2) * e1 * e2 * overlap)
    state[1, 2] = coherence * np.exp(1j * attempt.phase_rad - attempt.phase_noise_rad**2 / 2)
    state[2, 1] = state[1, 2].conj()
    return state


@pytest.mark.parametrize("attempt", RANDOM + CORNERS)
def test_one_click_leaves_the_printed_state(attempt):
    states = single_click_states(attempt)
    for clicks, sign in ((1, 1), (2, -1)):
        np.testing.assert_allclose(states[clicks], printed(attempt, sign), rtol=0, atol=1e-15)


Polynomial = dict[tuple[int, int], Decimal]


def times(*factors: Polynomial) -> Polynomial:
    """Product of polynomials in z1, z2, given by {(power of z1, power of z2): coefficient}."""
    result = {(0, 0): Decimal(1)}
    for factor in factors:
        terms = product(result.items(), factor.items())
        result = {}
        for ((i, j), x), ((m, n), y) in terms:
            result[i + m, j + n] = result.get((i + m, j + n), Decimal(0)) + x * y
    return result


def plus(p: Polynomial, q: Polynomial) -> Polynomial:
    return {k: p.get(k, Decimal(0)) + q.get(k, Decimal(0)) for k in p | q}


def exact_counts(attempt: SingleClickAttempt) -> dict[tuple[int, int], dict[tuple, Decimal]]:
    """Returns <m| rho |n> for each pair of counts, from generating functions at 60 digits.

    The mean of z1^n1 z2^n2 for bosons in orthogonal inputs is a permanent of
    T = 1 - (amplitude)^dagger (1 - z) (amplitude), a polynomial whose coefficients are wanted;
    dark counts multiply it by 1 - pd + pd z for each detector. Phase 0, no phase noise.
    """
    (a1, a2), (e1, e2) = (map(Decimal, pair) for pair in attempt[:2])
    overlap, pd = Decimal(attempt.overlap), Decimal(attempt.dark_probability)
    one = {(0, 0): Decimal(1)}

    def alone(e):
        return {(0, 0): 1 - e, (1, 0): e / 2, (0, 1): e / 2}

    hop = (e1 * e2 * overlap).sqrt() / 2
    cross = {(1, 0): hop, (0, 1): -hop}
    both = plus(times(alone(e1), alone(e2)), times(cross, cross))
    means = {(0, 0): one, (1, 1): alone(e2), (2, 2): alone(e1), (3, 3): both}
    means |= {(1, 2): cross, (2, 1): cross}
    amplitude = [((a1 if m1 else 1 - a1) * (a2 if m2 else 1 - a2)).sqrt() for m1, m2 in MEMORIES]
    darkness = ({(0, 0): 1 - pd, (1, 0): pd}, {(0, 0): 1 - pd, (0, 1): pd})
    result: dict[tuple[int, int], dict[tuple, Decimal]] = {}
    for (m, n), mean in means.items():
        prior = {(0, 0): amplitude[m] * amplitude[n]}
        for counts, value in times(mean, prior, *darkness).items():
            result.setdefault(counts, {})[m, n] = value
    return result


SMALL = [
    SingleClickAttempt((a, a * ratio), (e, e * ratio), overlap, pd, number_resolving=resolving)
    for a, e, ratio, overlap, pd in (
        (1e-3, 1e-6, 0.4, 0.9, 1e-9),
        (1e-8, 1e-7, 0.5, 1.0, 1e-12),
        (0.3, 1e-6, 0.3, 0.0, 0.0),
        (0.05, 3e-4, 0.7, 0.3, 2e-8),
        (0.5, 0.9, 0.6, 0.95, 1e-15),
        (1 - 1e-9, 1 - 1e-10, 1.0, 1 - 1e-11, 1e-9),
    )
    for resolving in (False, True)
]


@pytest.mark.parametrize("attempt", SMALL)
def test_small_probabilities_keep_twelve_digits(attempt):
    states = single_click_states(attempt)
    with localcontext(prec=60):
        exact = [[[Decimal(0)] * 4 for _ in range(4)] for _ in states]
        for (n1, n2), entries in exact_counts(attempt).items():
            clicks = 1 * (n1 > 0) | 2 * (n2 > 0)
            if attempt.number_resolving and max(n1, n2) > 1:
                clicks |= OVER_COUNTED
            for (m, n), value in entries.items():
                exact[clicks][m][n] += value
        for clicks, m, n in np.ndindex(states.shape):
            wanted = exact[clicks][m][n]
            # The one difference: coherences of both ways to light both detectors. It is 0.
            zero = abs(wanted) < Decimal("1e-50")
            error = abs(Decimal(float(states[clicks, m, n].real)) - wanted)
            assert error <= (Decimal("1e-50") if zero else abs(wanted) / 10**12)
            assert states[clicks, m, n].imag == 0


# --- limits --------------------------------------------------------------------------------------


def bell_fidelity(states: NDArray[np.complex128], clicks: int, phase: float = 0.0) -> float:
    """With (|10> +- e^{i phase} |01>)/sqrt(2)."""
    sign = {1: 1, 2: -1}[clicks]
    ket = np.array([0, sign * np.exp(1j * phase), 1, 0]) / np.sqrt(2)
    return float((ket.conj() @ states[clicks] @ ket / np.trace(states[clicks])).real)


@pytest.mark.parametrize("resolving", [False, True])
@pytest.mark.parametrize("a", [1e-6, 0.01, 0.1, 0.5, 0.9])
def test_fidelity_of_equal_arms_tends_to_one_minus_excitation_at_high_loss(a, resolving):
    """F = (1-a)/(1 - a e/2), or (1-a)/(1 - a e) where bunched pairs are told apart."""
    for e in (1.0, 0.5, 1e-2, 1e-6, 1e-12):
        attempt = SingleClickAttempt((a, a), (e, e), 1.0, 0.0, 0.7, number_resolving=resolving)
        for clicks in (1, 2):
            fidelity = bell_fidelity(single_click_states(attempt), clicks, phase=0.7)
            seen = a * e if resolving else a * e / 2
            assert fidelity == pytest.approx((1 - a) / (1 - seen), rel=1e-13, abs=0)
            assert abs(fidelity - (1 - a)) <= a * e + 1e-15


def test_number_resolving_detectors_make_a_lossless_herald_perfect():
    attempt = SingleClickAttempt((0.4, 0.4), (1.0, 1.0), 1.0, 0.0, number_resolving=True)
    assert bell_fidelity(single_click_states(attempt), 1) == pytest.approx(1, abs=1e-15)


def test_dark_counts_herald_any_memory_where_no_light_arrives():
    attempt = SingleClickAttempt((0.2, 0.3), (0.0, 0.0), 1.0, 0.1)
    prior = np.diag(np.kron([0.8, 0.2], [0.7, 0.3]))
    states = single_click_states(attempt)
    np.testing.assert_allclose(states[1], 0.09 * prior, rtol=0, atol=1e-16)
    np.testing.assert_allclose(single_click_causes(attempt)["dark"], states, rtol=0, atol=0)


def test_a_photon_in_a_dead_detector_spoils_no_count():
    """Of two bunched photons D1 gets both or none: beside a dead D2 a dark count heralds both."""
    attempt = SingleClickAttempt((1.0, 1.0), (1.0, 1.0), 1.0, 0.1, number_resolving=True)
    causes = single_click_causes(attempt, dead=0b10)
    assert np.trace(causes["dark"][1]) == pytest.approx(0.05, abs=1e-15)
    assert np.trace(causes["both emitted"][OVER_COUNTED | 1]) == pytest.approx(0.5, abs=1e-15)
    assert not np.trace(single_click_states(attempt)[1])


def test_a_dark_count_beside_a_photon_in_a_dead_detector_keeps_its_coherence():
    attempt = SingleClickAttempt((0.5, 0.5), (1.0, 1.0), 1.0, 0.1, number_resolving=True)
    dark = single_click_causes(attempt, dead=0b10)["dark"][1]
    assert dark[1, 2] == pytest.approx(-0.1 / 8, abs=1e-15)


# --- properties ----------------------------------------------------------------------------------

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=150)
unit = st.floats(0, 1)
pairs = st.tuples(unit, unit)
phases = st.floats(-10, 10)
sets_of_detectors = st.integers(0, 3)
attempts = st.builds(
    SingleClickAttempt,
    pairs,
    pairs,
    unit,
    unit,
    phases,
    st.floats(0, 10),
    st.booleans(),
    st.tuples(*[st.builds(SecondEmission, unit, unit, unit)] * 2),
)


@fixed
@given(attempts, sets_of_detectors)
def test_forgetting_the_clicks_leaves_the_prepared_populations(attempt, dead):
    a1, a2 = attempt.excitations
    prior = np.diag(np.kron([1 - a1, a1], [1 - a2, a2]))
    total = single_click_states(attempt, dead).sum(axis=0)
    np.testing.assert_allclose(total, prior, rtol=0, atol=1e-14)


@fixed
@given(attempts, sets_of_detectors)
def test_states_and_causes_are_hermitian_and_positive_semidefinite(attempt, dead):
    for states in (
        single_click_states(attempt, dead),
        *single_click_causes(attempt, dead).values(),
    ):
        assert np.array_equal(states, states.conj().transpose(0, 2, 1))
        assert np.linalg.eigvalsh(states).min() >= -1e-15


@fixed
@given(attempts)
def test_threshold_detectors_see_number_resolved_clicks_without_their_numbers(attempt):
    threshold = single_click_states(attempt._replace(number_resolving=False))
    counted = single_click_states(attempt._replace(number_resolving=True))
    np.testing.assert_allclose(counted[:4] + counted[4:], threshold, rtol=0, atol=1e-15)


@fixed
@given(attempts)
def test_swapping_the_arms_swaps_the_memories(attempt):
    swapped = attempt._replace(
        excitations=attempt.excitations[::-1],
        efficiencies=attempt.efficiencies[::-1],
        phase_rad=-attempt.phase_rad,
        second_emissions=attempt.second_emissions[::-1],
    )
    states = SWAP @ single_click_states(attempt) @ SWAP
    np.testing.assert_allclose(single_click_states(swapped), states, rtol=0, atol=1e-15)


@fixed
@given(attempts, phases)
def test_optical_phase_turns_the_second_memory_about_z(attempt, turn):
    rotation = np.diag(np.exp([0, 1j * turn, 0, 1j * turn]))
    turned = single_click_states(attempt._replace(phase_rad=attempt.phase_rad + turn))
    states = rotation @ single_click_states(attempt) @ rotation.conj()
    np.testing.assert_allclose(turned, states, rtol=0, atol=1e-14)


@fixed
@given(attempts)
def test_half_a_turn_of_phase_exchanges_the_detectors(attempt):
    turned = single_click_states(attempt._replace(phase_rad=attempt.phase_rad + np.pi))
    states = single_click_states(attempt)
    exchanged = [(c & 4) | (c & 1) << 1 | (c & 2) >> 1 for c in range(len(states))]
    np.testing.assert_allclose(turned, states[exchanged], rtol=0, atol=1e-14)


@fixed
@given(attempts, st.tuples(unit, unit).map(sorted))
def test_more_overlap_gives_more_coherence_and_fewer_pairs_of_clicks(attempt, overlaps):
    less, more = (single_click_states(attempt._replace(overlap=i)) for i in overlaps)
    assert abs(more[1, 1, 2]) >= abs(less[1, 1, 2]) - 1e-15
    assert np.trace(more[3]).real <= np.trace(less[3]).real + 1e-15


def test_click_sets_are_bit_masks_in_the_order_of_the_detectors():
    assert DETECTORS == ("D1", "D2")
    first = SingleClickAttempt((1.0, 0.0), (1.0, 1.0), 1.0, 0.0)
    np.testing.assert_allclose(
        np.trace(single_click_states(first), axis1=1, axis2=2), [0, 0.5, 0.5, 0]
    )
    pair = SingleClickAttempt((1.0, 1.0), (1.0, 1.0), 1.0, 0.0, number_resolving=True)
    np.testing.assert_allclose(
        np.trace(single_click_states(pair), axis1=1, axis2=2), [0, 0, 0, 0, 0, 0.5, 0.5, 0]
    )
