"""What light does at a station: drawn and in closed form, by the parts, and in its limits."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import qutip
from hardware import expected, in_time, link, station
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import qnetsim as qn
from qnetsim.optics import dark_probability, optics_of, overlap_of, timing_of
from qnetsim.physics.barrett_kok import barrett_kok_states
from qnetsim.physics.interference import BELL_PATTERNS, click_states_by_cause
from qnetsim.protocols.expectation import protocol_expectation
from qnetsim.protocols.session import Timing
from qnetsim.protocols.skip import SkipAhead
from qnetsim.rng import Streams
from qnetsim.units import PS_PER_S

ACCEPTED = [clicks for pair in BELL_PATTERNS.values() for clicks in pair]
TWO_PHOTON = ["polarisation", "time-bin"]
CERTAIN = 1e-6

EMITTER = {
    "excitation_probability": 0.8,
    "collection_efficiency": 0.7,
    "second_emission_probability": 0.3,
    "pulse_s": 25e-9,
}


def herald_chances(net: qn.Network) -> dict[str, float]:
    """Returns the chance that an attempt heralds, by cause."""
    found = expected(net)
    return {cause: share * found.herald_probability for cause, share in found.causes.items()}


# --- which photons arrive ------------------------------------------------------------------------


@pytest.mark.parametrize("measurement", TWO_PHOTON)
def test_packets_are_drawn_as_often_as_their_law_says(measurement: str) -> None:
    net = link(station(measurement=measurement), EMITTER, EMITTER)
    optics = optics_of(net.arms("main"), net.station_of("main"))
    stream = Streams(4)["packets"]
    n, transmission = 100_000, 0.6
    drawn = []
    for _ in range(n):
        packet = optics.launch(1, stream)
        drawn.append(optics.carry(packet, transmission, stream) if packet else packet)
    law = dict(optics.arriving(1, transmission))
    assert math.fsum(law.values()) == pytest.approx(1, rel=1e-14)
    assert set(drawn) == set(law)
    counts = [drawn.count(packet) for packet in law]
    chances = np.array(list(law.values()))
    assert stats.chisquare(counts, n * chances).pvalue > CERTAIN / len(TWO_PHOTON)


@pytest.mark.parametrize("measurement", TWO_PHOTON)
def test_click_states_averaged_over_packets_are_those_with_each_loss_in_an_efficiency(
    measurement: str,
) -> None:
    """Every way of one or two emissions, weighted; the losses go into the efficiencies."""
    bsm = station({"efficiency": 0.8, "dark_count_rate_hz": 3e4}, measurement=measurement)
    net = link(bsm, EMITTER, EMITTER)
    there = in_time(net)
    transmissions = 0.6, 0.3
    laws = [there.optics.arriving(port, t) for port, t in enumerate(transmissions)]
    mixed = sum(
        share * other * there.states((packet, beside), 0)
        for packet, share in laws[0]
        for beside, other in laws[1]
    )
    e1, e2 = (0.8 * t * timing_of(net.arms("main"), bsm).acceptances[0] for t in transmissions)
    dark = -math.expm1(-3e4 * 1e-6)
    wanted = 0.0
    for emissions in product((0, 1, 2), repeat=2):
        weight = math.prod((0.2, 0.8 * 0.7, 0.8 * 0.3)[k] for k in emissions)
        first, second = (e if k else 0.0 for e, k in zip((e1, e2), emissions, strict=True))
        extra = [0.8 * t if k == 2 else None for t, k in zip(transmissions, emissions, strict=True)]
        in_bin = measurement == "time-bin"
        wanted = wanted + weight * click_states_by_cause(
            (first, second),
            1.0,
            dark,
            strays=[] if in_bin else [e for e in extra if e is not None],
            twins=(extra[0], extra[1]) if in_bin else (None, None),
        )
    np.testing.assert_allclose(mixed, wanted, rtol=0, atol=1e-13)


def test_stray_photons_come_late_with_the_others_of_their_node() -> None:
    """A 20 ns pulse: the window opens half-way through the first node's, before the second's."""
    bsm = station(window_start_s=10e-9, arrival_mismatch_s=30e-9)
    emitter = EMITTER | {"pulse_s": 20e-9}
    there = in_time(link(bsm, emitter, emitter))
    first, second = (
        1 - sum(row[0] for row in there.chances(packets, 0)) for packets in ((2, 0), (0, 2))
    )
    assert first == pytest.approx(0.5, rel=1e-12)
    assert second == pytest.approx(1, rel=1e-12)


def test_second_emission_in_a_time_bin_dephases_and_heralds_no_pair_of_one_node() -> None:
    """Where light of only one node arrives, two clicks lie in one bin; so nothing heralds."""
    alone = link(
        station(measurement="time-bin"), EMITTER, EMITTER | {"excitation_probability": 0.0}
    )
    assert expected(alone).herald_probability == 0
    p2 = 0.1
    # Strays lost on the way, because the window opens after the pulse.
    filtered = station(measurement="time-bin", window_start_s=30e-9)
    emitter = {"second_emission_probability": p2, "pulse_s": 20e-9}
    link_of_both = link(filtered, emitter, emitter)
    fidelity = expected(link_of_both).heralded_fidelity
    assert fidelity == pytest.approx((1 + (1 - p2) ** 2) / 2, rel=1e-12)
    polarised = link(station(window_start_s=30e-9), emitter, emitter)
    assert expected(polarised).heralded_fidelity == pytest.approx(1, rel=1e-12)


# --- overlap and noise ---------------------------------------------------------------------------


def overlap_with(alice: dict[str, Any], bob: dict[str, Any], **parts: Any) -> dict[str, float]:
    net = link(station(**parts), alice, bob)
    return overlap_of(net.arms("main"), net.station_of("main"))


def correlated_overlap(ta: float, tb: float, dephasing: float, detuning: float) -> float:
    """The integral of psi_a psi_b* (t) psi_a* psi_b (t') e^{-dephasing |t-t'|}, in rad/s."""
    rate = (1 / ta + 1 / tb) / 2

    def kernel(u: float) -> float:
        """Over the distance u of t and t', both orders."""
        return 2 * math.exp(-(rate + dephasing) * u) * math.cos(detuning * u)

    found, _ = integrate.quad(kernel, 0, 60 / rate, epsabs=1e-20, epsrel=1e-12, limit=2000)
    return found / (2 * rate) / (ta * tb)


@pytest.mark.parametrize(("ta_s", "tb_s"), [(20e-9, 20e-9), (12e-9, 30e-9)])
@pytest.mark.parametrize(("da_hz", "db_hz"), [(0.0, 5e6), (3e6, 9e6)])
def test_overlap_of_dephased_emitters_is_the_integral_over_their_correlations(
    ta_s: float, tb_s: float, da_hz: float, db_hz: float
) -> None:
    factors = overlap_with(
        {"photon_lifetime_s": ta_s, "optical_dephasing_hz": da_hz},
        {"photon_lifetime_s": tb_s, "optical_dephasing_hz": db_hz},
    )
    wanted = correlated_overlap(ta_s, tb_s, 2 * math.pi * (da_hz + db_hz), 0.0)
    assert math.prod(factors.values()) == pytest.approx(wanted, rel=1e-8)


def test_dephased_emitters_of_two_colours_overlap_a_little_more_than_is_claimed() -> None:
    """The factors are those of one colour; with a detuning too, their product is a lower bound."""
    for dephasing_hz, detuning_hz in product((1e6, 8e6, 40e6), (2e6, 8e6, 30e6)):
        factors = overlap_with({"optical_dephasing_hz": dephasing_hz}, {"detuning_hz": detuning_hz})
        two_pi = 2 * math.pi
        exact = correlated_overlap(20e-9, 20e-9, two_pi * dephasing_hz, two_pi * detuning_hz)
        assert math.prod(factors.values()) <= exact * (1 + 1e-9)
    assert math.prod(factors.values()) < 0.5 * exact  # far off where both are large


@pytest.mark.parametrize("sign", [1, -1])
def test_detuning_and_mismatch_enter_by_the_printed_overlap(sign: int) -> None:
    ta, tb, detuning_hz, mismatch = 15e-9, 25e-9, 6e6, 4e-9
    found = overlap_with(
        {"photon_lifetime_s": ta, "detuning_hz": 2e6},
        {"photon_lifetime_s": tb, "detuning_hz": 2e6 + sign * detuning_hz},
        arrival_mismatch_s=mismatch,
        window_length_s=2e-6,
    )["wave packets"]
    width = 2 * 2 * math.pi * detuning_hz * ta * tb / (ta + tb)
    wanted = math.exp(-mismatch / ta) * 4 * ta * tb / (ta + tb) ** 2 / (1 + width**2)
    assert found == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("measurement", "detectors"), [("polarisation", 4), ("time-bin", 2)])
def test_converters_noise_spreads_over_the_detectors_and_is_detected_with_their_efficiency(
    measurement: str, detectors: int
) -> None:
    noisy = qn.Converter(
        input_wavelength_m=780e-9, output_wavelength_m=1517e-9, efficiency=1.0, noise_rate_hz=4e5,
    )  # fmt: skip
    red = {"wavelength_m": 780e-9}
    bsm = station({"efficiency": 0.6, "dark_count_rate_hz": 1e3}, measurement=measurement)
    fibre = qn.Fibre(length_m=1000.0, attenuation_db_per_km=3.0103)
    net = link(bsm, red, red, fibres={"alice": fibre}, converters={"alice": noisy, "bob": noisy})
    light_hz = 4e5 * (0.5 + 1) / detectors
    wanted = -math.expm1(-(1e3 + 0.6 * light_hz) * 1e-6)
    assert dark_probability(net.arms("main"), bsm) == pytest.approx(wanted, rel=1e-6)


# --- what befalls a photon befalls its memory ----------------------------------------------------


def turned(angles_deg: tuple[float, float], name: str) -> qutip.Qobj:
    """Memories behind a Bell measurement of photons that were turned on their way, in QuTiP."""
    pair = qutip.bell_state("00")
    both = qutip.tensor(pair, pair).permute([0, 2, 1, 3])  # memories, photons
    turns = [(-1j * math.radians(a) * qutip.sigmay()).expm() for a in angles_deg]
    both = qutip.tensor(qutip.qeye(2), qutip.qeye(2), *turns) * both
    bell = qutip.bell_state({"psi+": "10", "psi-": "11"}[name])
    memories = qutip.tensor(qutip.qeye(2), qutip.qeye(2), bell.dag()) * both
    return qutip.ket2dm(qutip.Qobj(memories.full(), dims=[[2, 2], [1, 1]]).unit())


@pytest.mark.parametrize("angles_deg", [(8.0, 0.0), (0.0, -13.0), (5.0, 21.0)])
@pytest.mark.parametrize("name", ["psi+", "psi-"])
def test_a_rotation_on_the_way_turns_the_memories_as_qutip_says(
    angles_deg: tuple[float, float], name: str
) -> None:
    fibres = {
        node: qn.Fibre(length_m=1.0, attenuation_db_per_km=0.0, rotation_deg=angle)
        for node, angle in zip(("alice", "bob"), angles_deg, strict=True)
    }
    _, state = expected(link(fibres=fibres)).heralded[name]
    np.testing.assert_allclose(state, turned(angles_deg, name).full(), rtol=0, atol=1e-12)


def test_a_drifting_rotation_starts_over_when_it_is_compensated() -> None:
    fibre = qn.Fibre(
        length_m=1.0, attenuation_db_per_km=0.0, rotation_deg=2.0,
        rotation_drift_deg_per_hour=-6.0, recompensate_every_s=1800.0,
    )  # fmt: skip
    hour_ps = 3600 * PS_PER_S
    degrees = [math.degrees(fibre.rotation_rad(share * hour_ps // 4)) for share in range(4)]
    assert degrees == pytest.approx([2.0, 0.5, 2.0, 0.5])
    assert fibre.drifts


def test_phase_noise_between_the_bins_is_that_of_two_rounds_of_single_photons() -> None:
    noise = 0.4
    bsm = station(
        {"efficiency": 0.6, "dark_count_rate_hz": 2e4}, measurement="time-bin",
        phase_noise_rad=noise, photon_overlap=0.9,
    )  # fmt: skip
    found = expected(link(bsm, {"collection_efficiency": 0.5})).heralded
    dark = -math.expm1(-2e4 * 1e-6)
    states = barrett_kok_states((0.3, 0.6), 0.9, dark, phase_drift_noise_rad=noise)
    for name, pair in BELL_PATTERNS.items():
        wanted = states[list(pair)].sum(axis=0)
        np.testing.assert_allclose(found[name][1], wanted / np.trace(wanted), rtol=0, atol=1e-9)


# --- the bound of the skip -----------------------------------------------------------------------

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=60)
unit = st.floats(0, 1)

STATIONS = {
    "polarisation": station({"dark_count_rate_hz": 2e5}),
    "counting": station({"dark_count_rate_hz": 2e5, "number_resolving": True}),
    "time-bin": station({"dark_count_rate_hz": 2e5}, measurement="time-bin"),
    "single-photon": station({"dark_count_rate_hz": 2e5}, measurement="single-photon"),
    "any click": station({"dark_count_rate_hz": 2e5, "dead_time_s": 1.0}),
    "any count": station({"dark_count_rate_hz": 2e5, "dead_time_s": 1.0, "number_resolving": True}),
}


@pytest.mark.parametrize("kind", STATIONS)
def test_no_lower_transmission_has_more_events_than_the_skips_bound(kind: str) -> None:
    bsm = STATIONS[kind]
    emitter = {} if kind == "single-photon" else EMITTER | {"second_emission_probability": 0.8}
    net = link(bsm, emitter, emitter)
    arms = net.arms("main")
    skip = SkipAhead(arms, in_time(net), Timing.of(arms, bsm), Streams(1)["skip"])

    @fixed
    @given(st.tuples(unit, unit), st.tuples(unit, unit), st.sampled_from([0, 0b0001, 0b0110]))
    def below(best: tuple[float, float], share: tuple[float, float], blinded: int) -> None:
        blinded = blinded if kind.startswith("any") else 0
        lower = best[0] * share[0], best[1] * share[1]
        assert skip._chance(lower, blinded) <= skip._bound(best, blinded) * (1 + 1e-12)

    below()


def test_the_chance_at_the_best_transmission_would_be_too_low_a_bound() -> None:
    """Counting detectors refuse two photons in one: with less light they can herald more."""
    net = link(STATIONS["counting"], *[EMITTER | {"second_emission_probability": 1.0}] * 2)
    arms = net.arms("main")
    timing = Timing.of(arms, STATIONS["counting"])
    skip = SkipAhead(arms, in_time(net), timing, Streams(1)["skip"])
    less, most = (skip._chance((t, t), 0) for t in (0.7, 1.0))
    assert most < less < skip._bound((1.0, 1.0), 0)


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["psi+", "psi-"])
@pytest.mark.parametrize("measurement", TWO_PHOTON)
def test_perfect_parts_herald_the_bell_state_exactly(measurement: str, name: str) -> None:
    found = expected(link(station(measurement=measurement, accept=[name])))
    assert found.heralded_fidelity == pytest.approx(1, abs=1e-12)
    assert found.herald_probability == pytest.approx(0.25, rel=1e-12)
    assert found.causes["true pair"] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("measurement", TWO_PHOTON)
def test_loss_alone_costs_no_fidelity(measurement: str) -> None:
    lossy = {"collection_efficiency": 1e-4}
    found = expected(link(station({"efficiency": 0.3}, measurement=measurement), lossy, lossy))
    assert found.heralded_fidelity == pytest.approx(1, abs=1e-12)
    assert found.herald_probability == pytest.approx((0.3e-4) ** 2 / 2, rel=1e-12)


def test_counting_detectors_make_a_lossless_single_photon_herald_exact() -> None:
    bsm = station({"number_resolving": True}, measurement="single-photon")
    found = expected(link(bsm, {"bright_population": 0.4}, {"bright_population": 0.4}))
    assert found.heralded_fidelity == pytest.approx(1, abs=1e-12)
    assert found.herald_probability == pytest.approx(2 * 0.4 * 0.6, rel=1e-12)


@pytest.mark.parametrize("dead", ["detector", "collection", "excitation"])
@pytest.mark.parametrize("measurement", TWO_PHOTON)
def test_without_light_only_dark_counts_herald_and_the_memories_are_white(
    measurement: str, dead: str, protocol: qn.DIQKD
) -> None:
    detector = {"efficiency": 0.0 if dead == "detector" else 0.9, "dark_count_rate_hz": 1e4}
    emitter = {
        "collection": EMITTER | {"collection_efficiency": 0.0},
        "excitation": EMITTER | {"excitation_probability": 0.0},
    }.get(dead, EMITTER)
    net = link(station(detector, measurement=measurement), emitter, emitter)
    found = expected(net)
    dark = -math.expm1(-1e4 * 1e-6)
    assert found.herald_probability == pytest.approx(4 * dark**2 * (1 - dark) ** 2, rel=1e-12)
    assert found.causes["dark count"] == 1
    for _, state in found.heralded.values():
        np.testing.assert_allclose(state, np.eye(4) / 4, rtol=0, atol=1e-15)
    figures = protocol_expectation(protocol, net.arms("main"), found.states)
    assert figures.chsh_s == pytest.approx(0, abs=1e-14)
    assert figures.qbers == pytest.approx([0.5, 0.5], abs=1e-14)


def test_accepting_psi_minus_at_munich_doubles_the_herald_probability_exactly(munich: Any) -> None:
    one, two = (
        expected(qn.Scenario.load(munich, [f"stations.bsm.accept={accept}"]).network())
        for accept in ('["psi+"]', '["psi+", "psi-"]')
    )
    assert two.herald_probability == pytest.approx(2 * one.herald_probability, rel=1e-15)
    assert two.causes == pytest.approx(one.causes, rel=1e-14)


@fixed
@given(st.sampled_from(TWO_PHOTON), *[unit] * 5, st.floats(0, 1e6))
def test_loss_never_raises_the_rate_of_true_pairs(
    measurement: str, e1: float, e2: float, kept: float, p2: float, overlap: float, dark_hz: float
) -> None:
    """The true pairs of threshold detectors go with t (1 - p2 s t/2) of an arm's transmission t.

    That grows up to t = 1: even if the other photon of a double emission always clicks (s = 1),
    it spoils the pattern in one case of two.
    """

    def chance(share: float) -> float:
        bsm = station({"dark_count_rate_hz": dark_hz}, measurement=measurement,
                      photon_overlap=overlap)  # fmt: skip
        more = {"second_emission_probability": p2}
        first = {"collection_efficiency": e1 * share, **more}
        return herald_chances(link(bsm, first, {"collection_efficiency": e2, **more})).get(
            "true pair", 0.0
        )

    assert chance(kept) <= chance(1.0) * (1 + 1e-12)


def test_loss_can_raise_the_rate_of_true_pairs_that_counting_detectors_accept() -> None:
    """t (1 - p2 s t) falls beyond t = 1/(2 p2 s): a detector that counts twice spoils it too."""
    counting = station({"number_resolving": True})

    def chance(collection: float, p2: float) -> float:
        first = {"collection_efficiency": collection, "second_emission_probability": p2}
        return herald_chances(link(counting, first))["true pair"]

    assert chance(0.625, 0.8) > chance(1.0, 0.8)
    assert chance(0.625, 0.5) < chance(1.0, 0.5)


@fixed
@given(
    st.tuples(st.floats(5e-9, 50e-9), st.floats(5e-9, 50e-9)),
    st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    st.tuples(st.floats(1e-9, 3e-7), st.floats(1e-9, 3e-7)),
    st.floats(0, 50e6),
    unit,
    st.floats(0, 0.25),
)
def test_a_longer_window_never_lowers_the_herald_rate_of_an_attempt(
    lifetimes: tuple[float, float],
    efficiencies: tuple[float, float],
    lengths: tuple[float, float],
    detuning_hz: float,
    overlap: float,
    pd: float,
) -> None:
    """For efficiencies to the click of at most 1/2 and dark probabilities of at most 1/4.

    With M = e1 e2 (1 + I) a pattern has the chance
    f = (1-pd)^2 {e1 e2/8 + pd [M/8 + (e1 + e2)/2 - e1 e2] + pd^2 (1-e1)(1-e2)}.
    A longer window raises e1, e2 and pd, and never lowers M, because what |G|^2 loses to
    interference is at most what the geometric mean of the packets' gains allows. df/dM >= 0.
    At fixed M, df/de1 and df/dpd are linear in e1 and in e2, so their least values lie in the
    corners of [0, 1/2]^2, where they are not negative for pd <= 1/4.
    """
    short_s, long_s = sorted(lengths)
    dark_hz = -math.log1p(-pd) / long_s
    detector = {"dark_count_rate_hz": dark_hz}
    nodes = [
        {"photon_lifetime_s": lifetime, "collection_efficiency": efficiency}
        for lifetime, efficiency in zip(lifetimes, efficiencies, strict=True)
    ]
    nodes[1]["detuning_hz"] = detuning_hz
    short, long = (
        expected(link(station(detector, window_length_s=w, photon_overlap=overlap), *nodes))
        for w in (short_s, long_s)
    )
    assert short.herald_probability <= long.herald_probability * (1 + 1e-12) + 1e-300


def test_the_corners_of_the_longer_windows_proof_are_not_negative() -> None:
    for e1, e2 in product((0.0, 0.5), repeat=2):
        for overlap, pd in product((0.0, 1.0), np.linspace(0, 0.25, 26)):
            m = e1 * e2 * (1 + overlap)
            a, b = e1 * e2 / 8, m / 8 + (e1 + e2) / 2 - e1 * e2
            c = (1 - e1) * (1 - e2)
            by_dark = (b - 2 * a) + pd * (2 * c - 3 * b) - 4 * pd**2 * c
            by_first = e2 / 8 + pd * (1 - 2 * e2) / 2 - pd**2 * (1 - e2)
            assert by_dark >= 0
            assert by_first >= -1e-17
            plain = click_states_by_cause((e1, e2), overlap, pd).sum(axis=0)
            f = (1 - pd) ** 2 * (a + pd * b + pd**2 * c)
            assert np.trace(plain[ACCEPTED[0]]) == pytest.approx(f, abs=1e-16)


def test_beyond_those_bounds_a_longer_window_can_herald_less() -> None:
    """All photons are in already, and dark counts spoil the patterns."""
    bright = station({"dark_count_rate_hz": 1e5}, photon_overlap=0.5)
    brighter = station({"dark_count_rate_hz": 1e5}, photon_overlap=0.5, window_length_s=2e-6)
    assert expected(link(brighter)).herald_probability < expected(link(bright)).herald_probability
    dark = {"collection_efficiency": 0.0}
    noisy, noisier = (
        expected(link(station({"dark_count_rate_hz": 1e6}, window_length_s=w), dark, dark))
        for w in (1e-6, 2e-6)
    )
    assert noisier.herald_probability < noisy.herald_probability


@pytest.mark.parametrize("measurement", ["polarisation", "time-bin", "single-photon"])
def test_optical_dephasing_equals_a_monte_carlo_of_random_phases(measurement: str) -> None:
    """A phase that diffuses since the pulse: its coherence falls by exp(-2 pi gamma* t)."""
    rng = np.random.default_rng(8)
    n, tau, gammas = 1_000_000, 10e-9, 2 * math.pi * np.array([3e6, 5e6])
    t, later = rng.exponential(tau, (2, n))
    between = t + later if measurement == "time-bin" else np.abs(t - later)
    coherence, error = diffused(rng, gammas, between)
    encoding = {"single-photon": "number"}.get(measurement, measurement)
    parts: dict[str, Any] = {"encoding": encoding, "photon_lifetime_s": tau}
    if encoding == "number":
        parts["bright_population"] = 0.1
    first = parts | {"optical_dephasing_hz": 3e6}
    second = parts | {"optical_dephasing_hz": 5e6}
    bsm = station(measurement=measurement)
    factor = overlap_of(link(bsm, first, second).arms("main"), bsm)["optical dephasing"]
    # 5.3 standard errors on four figures: a false alarm below 1e-6.
    assert abs(factor - coherence) < 5.3 * error
    if measurement == "single-photon":
        since_the_pulse, error = diffused(rng, gammas, t)
        _, state = expected(link(bsm, first, second)).heralded["psi+"]
        visibility = abs(state[1, 2]) / math.sqrt(state[1, 1].real * state[2, 2].real)
        assert abs(visibility - since_the_pulse) < 5.3 * error


def diffused(
    rng: np.random.Generator, gammas: np.ndarray, times: np.ndarray
) -> tuple[float, float]:
    """The mean coherence after phases diffused for these times, and its standard error."""
    phases = rng.standard_normal(len(times)) * np.sqrt(2 * gammas.sum() * times)
    return float(np.mean(np.cos(phases))), float(np.std(np.cos(phases)) / math.sqrt(len(times)))
