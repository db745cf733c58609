"""Filtered photon pairs against printed laws, grids, sampled clicks and time-bin states.

None of the references shares code with the module: the grid blurs amplitudes with a matrix, the
sampled clicks weigh true emission times, and the time-bin state puts two bosons with memories
through a beam splitter, mode by mode.
"""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats
from scipy.special import ndtr

from qnetsim.physics import wavepacket
from qnetsim.physics.wavepacket import Gate, PairTiming, WavePacket, acceptance, pair_timing

TAU = 26.24e-9

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=60)


def numbers(timing: PairTiming) -> NDArray[np.float64]:
    head = (*timing.acceptances, timing.overlap, timing.both)
    return np.array([*head, *timing.photon_dark, timing.dark_dark])


def random_pair(rng: np.random.Generator, decades: float = 0.7) -> tuple[WavePacket, WavePacket]:
    def packet() -> WavePacket:
        lifetime = TAU * 10 ** rng.uniform(-decades, decades)
        return WavePacket(lifetime, rng.uniform(0, 2 * TAU), rng.normal() * 3 / TAU)

    return packet(), packet()


# --- printed laws ---------------------------------------------------------------------------------


def test_all_of_time_gives_the_printed_overlap() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        a, b = random_pair(rng, decades=1.5)
        ta, tb = a.lifetime_s, b.lifetime_s
        earlier = ta if a.delay_s < b.delay_s else tb
        beat = 2 * (a.detuning_rad_per_s - b.detuning_rad_per_s) * ta * tb / (ta + tb)
        wanted = math.exp(-abs(a.delay_s - b.delay_s) / earlier) * 4 * ta * tb / (ta + tb) ** 2
        timing = pair_timing(a, b, Gate(-TAU, 1e5 * TAU))
        assert timing.overlap == pytest.approx(wanted / (1 + beat**2), rel=1e-12)
        assert timing.acceptances == pytest.approx((1, 1), rel=1e-12)
        assert numbers(timing)[3:] == pytest.approx(np.ones(4), rel=1e-12)


def test_a_coincidence_window_gives_the_printed_overlap_and_share() -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        tau, window = 10 ** rng.uniform(-10, -6), 10 ** rng.uniform(-3, 1.5)
        beat = rng.normal() * 10
        gate = Gate(-tau, 1e4 * tau, coincidence_s=window * tau)
        timing = pair_timing(WavePacket(tau), WavePacket(tau, 0.0, beat / tau), gate)
        kept = -math.expm1(-window)
        amplitude = (1 - np.exp(-(1 - 1j * beat) * window)) / (1 - 1j * beat)
        assert timing.both == pytest.approx(kept, rel=1e-12)
        assert timing.overlap == pytest.approx(amplitude.real / kept, abs=1e-12)


def test_detuned_photons_that_click_half_a_beat_apart_have_negative_overlap() -> None:
    # The printed law itself is not a probability: sin(x)/x of x = beat * window has its minimum,
    # -.2172, at x = 4.4934.
    gate = Gate(0, 50 * TAU, coincidence_s=1e-4 * TAU)
    timing = pair_timing(WavePacket(TAU), WavePacket(TAU, 0, 4.4934e4 / TAU), gate)
    assert timing.overlap == pytest.approx(-0.2172, abs=1e-4)


@pytest.mark.parametrize("score", [-8.0, -3.0, 0.0, 3.0])
@pytest.mark.parametrize("ratio", [1e-4, 0.1, 1.0, 30.0])
def test_a_gate_on_the_rising_edge_keeps_the_digits_of_a_tiny_acceptance(
    score: float, ratio: float
) -> None:
    """P(click < t) of an emission at s, averaged over s; 1e-19 at the smallest."""

    def risen(emission: float) -> float:
        return math.exp(-emission * ratio) * float(ndtr(score - emission)) * ratio

    pieces = np.linspace(0, 12, 13)
    wanted = sum(
        integrate.quad(risen, *piece, epsabs=0, epsrel=1e-12)[0] for piece in pairwise(pieces)
    )
    gate = Gate(-60 * TAU, (60 + score) * TAU, jitter_s=TAU)
    assert acceptance(WavePacket(TAU / ratio), gate) == pytest.approx(wanted, rel=1e-11)


def test_a_late_gate_keeps_the_digits_of_a_tiny_acceptance() -> None:
    for jitter in (0.0, 0.1 * TAU):
        kept = acceptance(WavePacket(TAU), Gate(600 * TAU, 1e-9 * TAU, jitter))
        wanted = math.exp((jitter / TAU) ** 2 / 2 - 600) * 1e-9
        assert kept == pytest.approx(wanted, rel=1e-8)


def test_coincident_shares_are_the_integral_over_scipys_click_law() -> None:
    rng = np.random.default_rng(3)
    for _ in range(6):
        packets = random_pair(rng)
        jitter, start = TAU * 10 ** rng.uniform(-1, 0.5), rng.uniform(-1, 1) * TAU
        gate = Gate(start, rng.uniform(1, 4) * TAU, jitter, rng.uniform(0.1, 1) * TAU)
        laws = [
            stats.exponnorm(p.lifetime_s / jitter, loc=p.delay_s, scale=jitter) for p in packets
        ]

        def mean(law, share, gate=gate) -> float:
            """Expectation, over the clicks in the gate, of the share in the window about them."""
            start, end, window = gate.start_s, gate.end_s, gate.window_s

            def integrand(t: float) -> float:
                return law.pdf(t) * share(max(t - window, start), min(t + window, end))

            ends = np.unique([*np.linspace(start, end, 4), start + window, end - window])
            total = sum(
                integrate.quad(integrand, low, high, epsabs=0, epsrel=1e-10)[0]
                for low, high in pairwise(ends)
            )
            return total / (law.cdf(end) - law.cdf(start))

        def other(low: float, high: float, law=laws[1], gate=gate) -> float:
            kept = law.cdf(gate.end_s) - law.cdf(gate.start_s)
            return (law.cdf(high) - law.cdf(low)) / kept

        def dark(low: float, high: float, gate=gate) -> float:
            return (high - low) / gate.length_s

        timing = pair_timing(*packets, gate)
        assert timing.both == pytest.approx(mean(laws[0], other), rel=1e-8)
        for law, share in zip(laws, timing.photon_dark, strict=True):
            assert share == pytest.approx(mean(law, dark), rel=1e-8)
        uniform = stats.uniform(gate.start_s, gate.length_s)
        assert timing.dark_dark == pytest.approx(mean(uniform, dark), rel=1e-8)


# --- direct integration of amplitudes on a grid ---------------------------------------------------


def amplitude(packet: WavePacket, time_s: NDArray[np.float64]) -> NDArray[np.complex128]:
    tau, since = packet.lifetime_s, time_s - packet.delay_s
    wave = np.exp(-np.maximum(since, 0) / (2 * tau) - 1j * packet.detuning_rad_per_s * time_s)
    return np.where(since >= 0, wave / math.sqrt(tau), 0)


def on_a_grid(packets: tuple[WavePacket, WavePacket], gate: Gate, cells: int) -> list[float]:
    """Overlap and coincident share by midpoints; the window is a whole number of cells."""
    step = gate.length_s / cells
    clicks = gate.start_s + (np.arange(cells) + 0.5) * step

    def seen(p: WavePacket, q: WavePacket) -> NDArray[np.complex128]:
        front = max(p.delay_s, q.delay_s)
        width = (gate.end_s + 9 * gate.jitter_s - front) / (4 * cells)
        emitted = front + (np.arange(4 * cells) + 0.5) * width
        if not gate.jitter_s:
            return amplitude(p, clicks) * amplitude(q, clicks).conj()
        blur = stats.norm.pdf(clicks[:, None] - emitted, scale=gate.jitter_s) * width
        return blur @ (amplitude(p, emitted) * amplitude(q, emitted).conj())

    first, second = packets
    beat, one, two = seen(first, second), seen(first, first).real, seen(second, second).real
    lag = np.abs(np.subtract.outer(np.arange(cells), np.arange(cells)))
    window = round(gate.window_s / step)
    accepted = (lag < window) + 0.5 * (lag == window)
    weight = one @ accepted @ two
    coherence = (beat @ accepted @ beat.conj()).real
    return [coherence / weight, weight / (one.sum() * two.sum())]


@pytest.mark.parametrize("jitter", [0.0, 0.15, 1.2])
@pytest.mark.parametrize("window", [0.1, 0.3, None])
def test_overlap_is_the_direct_integral_over_amplitudes(
    jitter: float, window: float | None
) -> None:
    rng = np.random.default_rng(4)
    length = 4 * TAU
    for _ in range(2):
        # Fronts on cell borders, so that midpoints converge as the square of the step.
        delays = rng.integers(0, 20, 2) * length / 100
        start = rng.integers(-10, 30) * length / 100
        a, b = (
            packet._replace(delay_s=delay)
            for packet, delay in zip(random_pair(rng, decades=0.4), delays, strict=True)
        )
        gate = Gate(start, length, jitter * TAU, None if window is None else window * length)
        coarse, fine = (np.array(on_a_grid((a, b), gate, cells)) for cells in (300, 600))
        timing = pair_timing(a, b, gate)
        found = np.array([timing.overlap, timing.both])
        assert found == pytest.approx(fine, abs=5e-4)
        assert found == pytest.approx((4 * fine - coarse) / 3, abs=2e-7)


# --- sampled clicks -------------------------------------------------------------------------------


@pytest.mark.parametrize("jitter", [0.0, 0.2 * TAU, 2 * TAU])
def test_every_share_and_the_overlap_are_those_of_sampled_clicks(jitter: float) -> None:
    """Emission times follow the incoherent law, either photon first; the overlap weighs them."""
    rng = np.random.default_rng(5)
    n = 400_000
    a, b = WavePacket(TAU), WavePacket(1.6 * TAU, 0.5 * TAU, 1.5 / TAU)
    gate = Gate(0.2 * TAU, 3 * TAU, jitter, 0.8 * TAU)

    def agree(value: float, draws: NDArray[np.float64]) -> None:
        # 5.2 standard errors: a false alarm of 1e-6 over the five or so comparisons here.
        assert abs(value - draws.mean()) < 5.2 * draws.std() / math.sqrt(draws.size)

    one, two = (p.delay_s + rng.exponential(p.lifetime_s, n) for p in (a, b))
    exchanged = rng.random(n) < 0.5
    at = np.where(exchanged, two, one), np.where(exchanged, one, two)
    direct = amplitude(a, at[0]) * amplitude(b, at[1])
    swapped = amplitude(b, at[0]) * amplitude(a, at[1])
    turned = 2 * (direct * swapped.conj()).real / (np.abs(direct) ** 2 + np.abs(swapped) ** 2)
    clicks = [time + rng.normal(0, jitter, n) for time in at]
    gated = [(t >= gate.start_s) & (t <= gate.end_s) for t in clicks]
    close = np.abs(clicks[0] - clicks[1]) <= gate.window_s
    darks = rng.uniform(gate.start_s, gate.end_s, n)
    timing = pair_timing(a, b, gate)
    agree(timing.overlap, turned[gated[0] & gated[1] & close])
    agree(timing.both, close[gated[0] & gated[1]].astype(float))
    for photon, own in enumerate((~exchanged, exchanged)):
        agree(timing.acceptances[photon], gated[0][own].astype(float))
        kept = own & gated[0]
        near = np.abs(clicks[0] - darks)[kept] <= gate.window_s
        agree(timing.photon_dark[photon], near.astype(float))


# --- two photons, time bin by time bin, through a beam splitter -----------------------------------

DETECTORS = list(product((0, 1), (0, 1)))  # port, polarisation
MEMORIES = list(product((0, 1), (0, 1)))


def heralded(
    packets: tuple[WavePacket, WavePacket], gate: Gate, bins: int
) -> NDArray[np.complex128]:
    """Memory states (4, 4, 4, 4) behind pairs of detectors; two photons in one always count.

    Modes are (port, polarisation, bin). Two bosons in modes u and v have the amplitude
    u_i v_j + u_j v_i in |1_i 1_j>, and sqrt(2) u_i v_i in |2_i>.
    """
    step = gate.length_s / bins
    middle = gate.start_s + (np.arange(bins) + 0.5) * step
    splitter = np.array([[1, 1], [1, -1]]) / math.sqrt(2)

    def behind_splitter(photon: int, polarisation: int) -> NDArray[np.complex128]:
        modes = np.zeros((2, 2, bins), dtype=complex)
        wave = amplitude(packets[photon], middle) * math.sqrt(step)
        modes[:, polarisation] = np.multiply.outer(splitter[:, photon], wave)
        return modes

    pairs = [(behind_splitter(0, p1), behind_splitter(1, p2)) for p1, p2 in MEMORIES]
    lag = np.abs(np.subtract.outer(np.arange(bins), np.arange(bins)))
    states = np.zeros((4, 4, 4, 4), dtype=complex)
    for (m, d), (n, e) in product(enumerate(DETECTORS), enumerate(DETECTORS)):
        kets = np.array([np.outer(u[d], v[e]) + np.outer(v[d], u[e]) for u, v in pairs])
        accepted = np.full((bins, bins), 0.5) if d == e else lag * step <= gate.window_s
        states[m, n] = np.einsum("aij,bij,ij->ab", kets, kets.conj(), accepted)
    return states


def foretold(packets: tuple[WavePacket, WavePacket], gate: Gate) -> NDArray[np.float64]:
    """The same from ``pair_timing``, as its docstring says."""
    timing = pair_timing(*packets, gate)
    gate_alone = pair_timing(*packets, gate._replace(coincidence_s=None))
    states = np.zeros((4, 4, 4, 4))
    for (m, d), (n, e) in product(enumerate(DETECTORS), enumerate(DETECTORS)):
        (port, polarisation), (other_port, other_polarisation) = d, e
        if polarisation != other_polarisation:
            sign = 1 if port == other_port else -1
            states[m, n, [1, 2], [1, 2]] = timing.both
            states[m, n, [1, 2], [2, 1]] = sign * timing.both * timing.overlap
        else:
            corner = 3 * polarisation
            states[m, n, corner, corner] = (
                1 + gate_alone.overlap
                if port == other_port
                else 2 * timing.both * (1 - timing.overlap)
            )
    return states * math.prod(timing.acceptances) / 4


@pytest.mark.parametrize("window", [None, 0.3])
def test_time_bin_photons_herald_memories_with_that_coherence(window: float | None) -> None:
    rng = np.random.default_rng(6)
    length = 4 * TAU
    for _ in range(4):
        a = WavePacket(TAU, 0.0, rng.normal() / TAU)
        b = WavePacket(TAU * rng.uniform(0.7, 1.4), rng.integers(-8, 8) * length / 40)
        start = rng.integers(-5, 5) * length / 40
        deviations = []
        for bins in (40, 80):
            # A whole number of bins and a half, so that no pair of bins lies on the border.
            held = None if window is None else (window * bins + 0.5) * length / bins
            gate = Gate(start, length, coincidence_s=held)
            deviations.append(heralded((a, b), gate, bins) - foretold((a, b), gate))
        coarse, fine = deviations
        assert np.abs(coarse).max() < 2e-3
        assert np.abs(4 * fine - coarse).max() / 3 < 1e-5


# --- laws -----------------------------------------------------------------------------------------

lifetimes = st.floats(-2, 2).map(lambda decades: TAU * 10**decades)
times = st.floats(-4, 4).map(lambda share: share * TAU)
lengths = st.floats(-2, 3).map(lambda decades: TAU * 10**decades)
jitters = st.one_of(st.just(0.0), st.floats(-4, 2).map(lambda decades: TAU * 10**decades))
beats = st.one_of(st.just(0.0), st.floats(-30, 30).map(lambda turns: turns / TAU))
packets = st.builds(WavePacket, lifetimes, times, beats)
gates = st.builds(Gate, times, lengths, jitters, st.one_of(st.none(), lengths))

ROUNDING = 1e-12


@fixed
@given(packets, packets, gates)
def test_every_figure_lies_in_its_range(a: WavePacket, b: WavePacket, gate: Gate) -> None:
    timing = pair_timing(a, b, gate)
    assert np.isfinite(numbers(timing)).all()
    assert -1 <= timing.overlap <= 1
    assert (np.delete(numbers(timing), 2) >= 0).all()
    assert (np.delete(numbers(timing), 2) <= 1).all()
    assert pair_timing(a, b, gate._replace(coincidence_s=None)).overlap >= 0


@fixed
@given(packets, gates)
def test_equal_packets_overlap_fully_whatever_the_gate(a: WavePacket, gate: Gate) -> None:
    timing = pair_timing(a, a, gate)
    assume(timing.both > 0)
    assert timing.overlap == pytest.approx(1, abs=ROUNDING)


@fixed
@given(packets, packets, gates)
def test_exchanging_the_photons_exchanges_their_figures(
    a: WavePacket, b: WavePacket, gate: Gate
) -> None:
    there, back = pair_timing(a, b, gate), pair_timing(b, a, gate)
    exchanged = back._replace(
        acceptances=back.acceptances[::-1], photon_dark=back.photon_dark[::-1]
    )
    assert numbers(there) == pytest.approx(numbers(exchanged), abs=ROUNDING)


@fixed
@given(packets, packets, gates, times, beats, st.floats(0.1, 10))
def test_only_relative_times_and_frequencies_matter(
    a: WavePacket, b: WavePacket, gate: Gate, shift: float, detuning: float, scale: float
) -> None:
    def moved(packet: WavePacket) -> WavePacket:
        lifetime, delay, own = packet
        return WavePacket(lifetime * scale, (delay + shift) * scale, (own + detuning) / scale)

    window = None if gate.coincidence_s is None else gate.coincidence_s * scale
    later = Gate(
        (gate.start_s + shift) * scale, gate.length_s * scale, gate.jitter_s * scale, window
    )
    wanted = numbers(pair_timing(a, b, gate))
    assert numbers(pair_timing(moved(a), moved(b), later)) == pytest.approx(wanted, abs=1e-9)


@fixed
@given(packets, packets, gates, st.floats(1, 10), st.floats(1, 10))
def test_a_longer_gate_or_window_keeps_no_less(
    a: WavePacket, b: WavePacket, gate: Gate, longer: float, wider: float
) -> None:
    kept = pair_timing(a, b, gate)
    for photon, acceptance_now in enumerate(kept.acceptances):
        open_longer = pair_timing(a, b, gate._replace(length_s=gate.length_s * longer))
        assert open_longer.acceptances[photon] >= acceptance_now * (1 - ROUNDING)
    assume(gate.coincidence_s is not None)
    held_longer = pair_timing(a, b, gate._replace(coincidence_s=gate.window_s * wider))
    assert (numbers(held_longer)[3:] >= numbers(kept)[3:] - ROUNDING).all()


@fixed
@given(packets, packets, gates)
def test_a_window_as_long_as_the_gate_is_none(a: WavePacket, b: WavePacket, gate: Gate) -> None:
    alone = pair_timing(a, b, gate._replace(coincidence_s=None))
    assert alone == pair_timing(a, b, gate._replace(coincidence_s=gate.length_s))
    assert alone.dark_dark == 1
    for kept, share in zip(alone.acceptances, alone.photon_dark, strict=True):
        assert kept < 1e-250 or share == pytest.approx(1, abs=1e-9)


@fixed
@given(packets, packets, times, lengths)
def test_simultaneous_clicks_of_exact_detectors_tell_no_photons_apart(
    a: WavePacket, b: WavePacket, start: float, length: float
) -> None:
    timing = pair_timing(a, b, Gate(start, length, coincidence_s=1e-7 * TAU))
    # Fronts apart by less than the window are the exception: what lies between them is not shared.
    fronts = max(start, a.delay_s), max(start, b.delay_s)
    assume(fronts[0] == fronts[1] or abs(fronts[0] - fronts[1]) > 1e-3 * TAU)
    assume(timing.both > 0 and max(fronts) < start + length - 1e-3 * TAU)
    assert timing.overlap == pytest.approx(1, abs=1e-3)


@fixed
@given(packets, packets, gates, st.floats(0.01, 1))
def test_a_shorter_window_purifies_photons_of_one_frequency(
    a: WavePacket, b: WavePacket, gate: Gate, shorter: float
) -> None:
    """True of an open gate or exact detectors; the next test has a case where it is not."""
    assume(gate.jitter_s == 0 or gate.start_s < min(a.delay_s, b.delay_s) - 8 * gate.jitter_s)
    assume(gate.jitter_s == 0 or gate.length_s > 80 * TAU)
    a, b = a._replace(detuning_rad_per_s=0.0), b._replace(detuning_rad_per_s=0.0)
    wide = pair_timing(a, b, gate)
    narrow = pair_timing(a, b, gate._replace(coincidence_s=gate.window_s * shorter))
    assume(narrow.both > 1e-9)
    assert narrow.overlap >= wide.overlap - 1e-9


def test_behind_a_gate_that_jitter_blurs_a_shorter_window_can_spoil_the_overlap() -> None:
    a, b = WavePacket(1.0), WavePacket(0.31, 1.9)
    gate = Gate(2.2, 7.8, jitter_s=1.1)
    narrow, wide = (
        pair_timing(a, b, gate._replace(coincidence_s=window)).overlap for window in (0.2, 1.0)
    )
    assert narrow < wide - 0.01
    for jitter in (0.0, 0.1):
        exact, long = (
            pair_timing(a, b, gate._replace(jitter_s=jitter, coincidence_s=window)).overlap
            for window in (0.2, 1.0)
        )
        assert exact >= long


@fixed
@given(lifetimes, st.floats(0.1, 30), jitters, st.floats(0.02, 0.98))
def test_a_shorter_window_purifies_a_beat_up_to_half_its_period(
    lifetime: float, beat: float, jitter: float, shorter: float
) -> None:
    half_period = math.pi * lifetime / beat
    a, b = WavePacket(lifetime), WavePacket(lifetime, 0.0, beat / lifetime)
    reach = lifetime + jitter
    gate = Gate(-10 * reach, 60 * reach, jitter, half_period)
    wide = pair_timing(a, b, gate)
    narrow = pair_timing(a, b, gate._replace(coincidence_s=half_period * shorter))
    assert narrow.overlap >= wide.overlap - 1e-9


def test_a_window_of_a_whole_beat_beats_one_of_three_quarters() -> None:
    """So that mean fidelity does not always rise as the window shrinks."""
    a, b = WavePacket(TAU), WavePacket(TAU, 0.0, 10 / TAU)
    three_quarters, whole = (
        pair_timing(a, b, Gate(0, 60 * TAU, coincidence_s=turns * TAU * math.tau / 10)).overlap
        for turns in (0.75, 1.0)
    )
    assert three_quarters < -0.1 < 0 < whole


# --- ends of the range ----------------------------------------------------------------------------


@pytest.mark.parametrize("window", [None, TAU / 2])
@pytest.mark.parametrize("start", [-2 * TAU, -1e4 * TAU, 600 * TAU, 1e5 * TAU])
@pytest.mark.parametrize("jitter", [0.0, 1e-3 * TAU])
def test_a_gate_that_keeps_nothing_has_shares_of_nothing(
    window: float | None, start: float, jitter: float
) -> None:
    gate = Gate(start, TAU, jitter, window)
    timing = pair_timing(WavePacket(TAU), WavePacket(TAU, 0.0, 1 / TAU), gate)
    assert max(timing.acceptances) < 1e-250
    assert timing[1:] == (0, 0, (0, 0), 0.75 if window else 1)


def test_one_photon_that_never_comes_leaves_the_other_its_dark_coincidences() -> None:
    gate = Gate(0, 4 * TAU, coincidence_s=TAU)
    timing = pair_timing(WavePacket(TAU), WavePacket(TAU, 10 * TAU), gate)
    assert timing.acceptances == pytest.approx((-math.expm1(-4), 0))
    assert (timing.overlap, timing.both, timing.photon_dark[1]) == (0, 0, 0)
    assert 0.25 < timing.photon_dark[0] < 0.5
    assert timing.dark_dark == pytest.approx(1 - 0.75**2)


def test_nodes_suffice_over_six_decades_of_every_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    cases = []
    for _ in range(60):
        tau = TAU * 10 ** rng.uniform(-2, 2)
        jitter = TAU * 10 ** rng.uniform(-4, 2) * rng.choice([0, 1], p=[0.2, 0.8])
        scale = rng.choice([TAU, max(jitter, 1e-3 * TAU)])
        late = rng.choice([0, 1]) * rng.normal() * TAU * 10 ** rng.uniform(-3, 1.5)
        beat = rng.choice([0, 1]) * rng.normal() * 10 ** rng.uniform(-1, 5) / TAU
        window = rng.choice([scale, TAU]) * 10 ** rng.uniform(-3, 1)
        gate = Gate(rng.normal() * 5 * scale, scale * 10 ** rng.uniform(-3, 5), jitter, window)
        cases.append((WavePacket(TAU), WavePacket(tau, late, beat), gate))
    found = np.array([numbers(pair_timing(*case)) for case in cases])
    monkeypatch.setattr(wavepacket, "_ORDER", 24)
    monkeypatch.setattr(wavepacket, "_EDGE_PIECES", 9)
    finer = np.array([numbers(pair_timing(*case)) for case in cases])
    assert np.abs(found - finer).max() < 1e-12
