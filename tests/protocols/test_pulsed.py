"""Photonic links: the law of a pulse from its specifications, and pulses drawn from it."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import stats

from qnetsim.channels.fibre import Fibre
from qnetsim.nodes.photonic import NonDemolitionDetector, PairSource, PhotonUser
from qnetsim.physics.amplifier import amplify
from qnetsim.physics.fock import Detector
from qnetsim.physics.spdc import (
    PairState,
    Receiver,
    SpdcSource,
    linear,
    pulse_clicks,
)
from qnetsim.physics.swapping import Station, swap_herald_probability
from qnetsim.protocols import pulses
from qnetsim.protocols.pulse_law import PulseLaw
from qnetsim.protocols.pulsed import PulsedLink, pulse_law
from qnetsim.protocols.pulses import Plan, play
from qnetsim.rng import Streams

ALARM = 1e-6
"""The chance that a test rejects a true law."""

Table = dict[str, Any]

QUIET: Table = {"efficiency": 0.9, "dark_count_rate_hz": 0.0}
PERFECT: Table = {"efficiency": 1.0, "dark_count_rate_hz": 0.0}
NOISY: Table = {"efficiency": 0.8, "dark_count_rate_hz": 1e7}
LIT: Table = {"detection_probability": 1.0, "false_herald_probability": 1.0}
"""A non-demolition detector that always heralds and does nothing."""


def user(**changes: Any) -> PhotonUser:
    values: Table = {
        "angles_deg": [0.0, 45.0],
        "detectors": 2,
        "detector": PERFECT,
        "window_s": 1e-9,
        "no_click": 1,
    }
    return PhotonUser(**(values | changes))


def bob(**changes: Any) -> PhotonUser:
    return user(**({"angles_deg": [22.5, -22.5, 0.0]} | changes))


def source(**changes: Any) -> PairSource:
    values = {"statistics": "single", "mean_pairs": 1.0, "state": "hh+vv", "pulse_rate_hz": 1e6}
    return PairSource(**(values | changes))


def amplifier(t: float, detector: Table = PERFECT, **changes: Any) -> Table:
    photons = {"splitter_transmission": t, "mean_photons": 1.0} | changes
    station = {"detector": detector, "window_s": 1e-9}
    return {"source": "photons", "photons": photons, "station": station}


def swapper(detector: Table = PERFECT, overlap: float = 1.0, **changes: Any) -> Table:
    pairs = {"statistics": "single", "mean_pairs": 1.0, "state": "hh+vv"} | changes
    station = {"detector": detector, "window_s": 1e-9, "photon_overlap": overlap}
    return {"source": "pairs", "pairs": pairs, "station": station}


def link(
    pairs: PairSource, alice: PhotonUser, other: PhotonUser, km: tuple[float, ...] = (0.0, 0.0)
) -> PulsedLink:
    fibres = [Fibre(length_m=1000 * x, attenuation_db_per_km=0.2) for x in km]
    local = (fibres[2:] or [None])[0]
    return PulsedLink(pairs, (alice, other), (fibres[0], fibres[1]), (None, local))


def means(law: PulseLaw, cause: str = "") -> np.ndarray:
    """E by x and y, of all rounds or of those that one cause made."""
    table = law.rounds
    if cause:
        table = law.table[:, :, :, law.causes.index(cause)].sum(axis=2)
        table = table / table.sum(axis=(2, 3), keepdims=True)
    return np.einsum("xyab,ab->xy", table, [[1, -1], [-1, 1]])


# --- the law -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["hv+vh", "hh+vv"])
@pytest.mark.parametrize("angle_deg", [45.0, 25.0, -70.0])
@pytest.mark.parametrize("pairs", [{}, {"statistics": "thermal", "mean_pairs": 0.05}])
@pytest.mark.parametrize("heralds", [(True, False), (False, True), (True, True)])
def test_a_herald_that_does_nothing_leaves_the_law_of_the_bare_link(
    state, pairs, angle_deg, heralds
):
    """The two laws share no formula; noise, loss, dark counts and both states are in them."""
    noise = {"visibility": 0.9, "coherence": 0.8, "coupling_efficiency": 0.9, "state": state,
             "angle_deg": angle_deg}  # fmt: skip
    users = [user(detector=NOISY, no_click=-1), bob(detector=NOISY, detectors=1)]
    light = source(**(pairs | noise))
    bare = pulse_law(link(light, *users, km=(3.0, 7.0)))
    lit = {"herald": "non-demolition", "non_demolition": NonDemolitionDetector(**LIT)}
    watched = [
        one.model_copy(update=lit if herald else {})
        for one, herald in zip(users, heralds, strict=True)
    ]
    heralded = pulse_law(link(light, *watched, km=(3.0, 7.0)))
    assert heralded.herald_probability == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(heralded.rounds, bare.rounds, rtol=0, atol=1e-9)


def test_a_bare_link_is_the_pair_source_of_the_physics():
    """One detector a side: no click is +1. Written out from data-sheet figures here."""
    light = source(statistics="poisson", mean_pairs=0.3, state="hv+vh", angle_deg=20.0,
                   visibility=0.95, coupling_efficiency=0.98)  # fmt: skip
    dark = 1 - math.exp(-1e7 * 1e-9)
    users = [
        user(detectors=1, detector=NOISY, optics_transmission=0.97),
        bob(detectors=1, detector=QUIET, no_click=-1),
    ]
    law = pulse_law(link(light, *users, km=(0.5, 2.0)))
    first = Receiver((0.98 * 10**-0.01 * 0.97 * 0.8,), dark)
    second = Receiver((0.98 * 10**-0.04 * 0.9,))
    state = PairState(math.radians(20), visibility=0.95)
    analysers = [linear(np.radians(u.angles_deg)) for u in users]
    clicks = pulse_clicks(
        SpdcSource(state, 0.3), (analysers[0][:, None], analysers[1]), (first, second)
    )
    np.testing.assert_allclose(law.rounds, clicks[..., ::-1], rtol=1e-12)
    assert law.herald_probability == 1
    assert law.cause_shares == {}


def test_the_amplifier_heralds_as_its_closed_form_says():
    eta = 0.93 * 10 ** (-0.2 * 25 / 10)
    for resolves in (False, True):
        detector = PERFECT | {"efficiency": 0.8, "number_resolving": resolves}
        relay = amplifier(0.9, detector, mean_photons=0.85)
        relay["station"] |= {"photon_overlap": 0.7, "optics_transmission": 0.9}
        law = pulse_law(
            link(
                source(coupling_efficiency=0.93), user(), bob(herald="relay", relay=relay), (1, 25)
            )
        )
        place = Station(Detector(0.72, 0.0, resolves), overlap=0.7)
        closed = amplify(eta, 0.9, place, 0.85)
        assert law.herald_probability == pytest.approx(closed.herald_probability, rel=1e-12)


def test_swapping_heralds_as_its_closed_form_says():
    relay = swapper(NOISY, 0.7, statistics="thermal", mean_pairs=0.02, coupling_efficiency=0.9)
    light = source(statistics="thermal", mean_pairs=0.05, coupling_efficiency=0.8)
    law = pulse_law(link(light, user(), bob(herald="relay", relay=relay), (0.0, 10.0, 20.0)))
    arms = 0.8 * 10**-0.2, 0.9 * 10**-0.4
    place = Station(Detector(0.8, 1 - math.exp(-0.01)), arms, overlap=0.7)
    closed = swap_herald_probability((0.05, 0.02), place)
    assert law.herald_probability == pytest.approx(closed, rel=1e-8)
    assert sum(law.cause_shares.values()) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("relay", [amplifier(0.9), swapper(state="hv+vh")])
@pytest.mark.parametrize("sides", [(False, True), (True, False), (True, True)])
def test_both_bell_states_make_rounds_of_one_law_in_the_users_frames(relay, sides):
    """Pairs HH + VV at the start and at the end: E = cos 2(a - b) where a pair is behind it."""
    alice, other = (
        make(herald="relay" if lit else "none", relay=relay)
        for make, lit in zip((user, bob), sides, strict=True)
    )
    law = pulse_law(link(source(), alice, other, (0.1, 0.1)))
    assert len(law.heralds) == 2 ** sum(sides)
    parts = law.table.sum(axis=3)
    for herald in range(len(law.heralds)):
        np.testing.assert_allclose(parts[:, :, herald], parts[:, :, 0], rtol=1e-11, atol=1e-16)
    a, b = (np.radians(u.angles_deg) for u in (alice, other))
    ideal = np.cos(2 * (a[:, None] - b))
    np.testing.assert_allclose(means(law, "pair"), ideal, atol=1e-12)


@pytest.mark.parametrize("sides", [(False, True), (True, False), (True, True)])
def test_noise_of_every_source_is_handed_on_to_the_users(sides):
    """Visibilities multiply; coherence lost from HH against VV spares the settings along H."""
    noise = {"visibility": 0.9, "coherence": 0.8}
    relay = swapper(state="hv+vh", **noise)
    alice, other = (
        make(herald="relay" if lit else "none", relay=relay)
        for make, lit in zip((user, bob), sides, strict=True)
    )
    law = pulse_law(link(source(**noise), alice, other))
    power = 1 + sum(sides)
    a, b = (2 * np.radians(u.angles_deg) for u in (alice, other))
    along, across = np.outer(np.cos(a), np.cos(b)), np.outer(np.sin(a), np.sin(b))
    expected = 0.9**power * (along + 0.8**power * across)
    np.testing.assert_allclose(means(law, "pair"), expected, atol=1e-12)


def test_the_light_behind_a_herald_agrees_with_the_causes_and_the_bare_link_has_none():
    """Behind "pair" is one photon each, behind "vacuum" less; several are not in the states."""
    relay = swapper(NOISY, 0.9, statistics="thermal", mean_pairs=0.05)
    light = source(statistics="thermal", mean_pairs=0.05, visibility=0.9)
    law = pulse_law(link(light, user(), bob(herald="relay", relay=relay), (0.0, 1.0, 1.0)))
    chances = law.table[0, 0].sum(axis=(2, 3))
    held = dict(zip(law.causes, law.light.states.trace(axis1=2, axis2=3).T, strict=True))
    made = dict(zip(law.causes, chances.T, strict=True))
    np.testing.assert_allclose(held["pair"], made["pair"], rtol=1e-12)
    assert (held["vacuum"] < 0.5 * made["vacuum"]).all(), "half is two photons on one side"
    assert not held["multiphoton"].any()
    assert (held["dark"] < made["dark"]).all()
    assert law.light.bell_state == "psi+"
    shares = law.bell_shares
    np.testing.assert_allclose(
        np.einsum("hc,hcb->b", chances, shares) / chances.sum(),
        list(law.mean_bell_shares.values()),
    )
    np.testing.assert_allclose(shares[:, law.causes.index("pair")].sum(axis=1), 1, rtol=1e-12)
    assert shares[:, law.causes.index("vacuum")].max() == 0
    bare = pulse_law(link(light, user(), bob()))
    assert (bare.light, bare.mean_state, bare.heralded_fidelity) == (None, None, None)
    assert (bare.bell_shares, bare.mean_bell_shares) == (None, {})


def test_either_of_two_noisy_squeezers_may_be_called_the_shared_source():
    """The noise of what arrives exchanges a relay's terms; that of what leaves does not."""
    first, second = (
        {"statistics": "thermal", "mean_pairs": 0.1, "angle_deg": 30.0, "visibility": 0.7},
        {"statistics": "thermal", "mean_pairs": 0.05, "angle_deg": -65.0, "visibility": 0.8,
         "coherence": 0.6},
    )  # fmt: skip
    near, far, none = (
        Fibre(length_m=x, attenuation_db_per_km=0.2) for x in (5000.0, 20_000.0, 0.0)
    )
    relays = [
        {"herald": "relay", "relay": swapper(NOISY, 0.8, **local)} for local in (first, second)
    ]
    one = pulse_law(
        PulsedLink(source(**first), (user(), bob(**relays[1])), (none, near), (None, far))
    )
    other = pulse_law(
        PulsedLink(source(**second), (user(**relays[0]), bob()), (far, none), (near, None))
    )
    np.testing.assert_allclose(one.table.sum(axis=3), other.table.sum(axis=3), rtol=1e-9)
    np.testing.assert_allclose(one.mean_state, other.mean_state, rtol=1e-9, atol=1e-15)
    assert one.light.bell_state == other.light.bell_state == "psi-"


def test_accepting_one_bell_state_halves_the_heralds():
    relay = amplifier(0.9)
    both = pulse_law(link(source(), user(), bob(herald="relay", relay=relay)))
    relay["station"]["accept"] = ["psi-"]
    one = pulse_law(link(source(), user(), bob(herald="relay", relay=relay)))
    assert one.heralds == ("psi-",)
    assert one.herald_probability == pytest.approx(both.herald_probability / 2, rel=1e-12)
    np.testing.assert_allclose(one.rounds, both.rounds, atol=1e-12)


def test_neither_user_sees_what_the_other_has_set():
    relay = amplifier(0.8, NOISY, g2=0.3, mean_photons=0.8)
    second = bob(herald="relay", relay=relay, detector=NOISY)
    law = pulse_law(link(source(statistics="thermal", mean_pairs=0.1), user(), second, (0, 5)))
    for outcome, setting in ((5, 1), (4, 0)):
        seen = law.table.sum(axis=outcome)
        np.testing.assert_allclose(seen, np.roll(seen, 1, axis=setting), rtol=1e-11, atol=1e-18)


def test_a_link_that_never_heralds_has_no_rounds():
    watched = bob(herald="non-demolition", non_demolition={"detection_probability": 1.0})
    law = pulse_law(link(source(mean_pairs=0.0), user(), watched))
    assert law.herald_probability == 0
    assert (law.mean_state, law.heralded_fidelity) == (None, None)
    assert not law.rounds.any()
    assert law.cause_shares == {}
    tally = play(law, Plan("herald", 9 * 10**18), Streams(1))
    assert (tally.pulses, tally.counts.sum(), tally.complete) == (9 * 10**18, 0, True)


# --- heralded pulses -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heralded() -> PulseLaw:
    """Heralds in a few per cent of the pulses, of all causes."""
    relay = amplifier(0.8, NOISY, mean_photons=0.7, g2=0.2)
    relay["station"]["accept"] = ["psi-", "psi+"]
    light = source(statistics="thermal", mean_pairs=0.1)
    return pulse_law(link(light, user(detector=NOISY), bob(herald="relay", relay=relay), (1, 5)))


def misfit(counts: np.ndarray, law: PulseLaw) -> float:
    """The p-value of counts given how many rounds each setting had; rare cells are one."""
    settings = law.table.shape[0] * law.table.shape[1]
    statistic = freedom = 0.0
    for seen, table in zip(
        counts.reshape(settings, -1), law.table.reshape(settings, -1), strict=True
    ):
        wanted = seen.sum() * table / table.sum()
        rare = wanted < 25
        assert not seen[table == 0].any()
        cells = [np.append(x[~rare], x[rare].sum()) for x in (seen.astype(float), wanted)]
        kept = cells[1] > 0
        statistic += float(((cells[0] - cells[1])[kept] ** 2 / cells[1][kept]).sum())
        freedom += kept.sum() - 1
    return float(stats.chi2.sf(statistic, freedom))


@pytest.mark.parametrize("resolution", ["herald", "attempt"])
def test_both_resolutions_follow_the_law(heralded, resolution):
    """Outcomes, causes and heralds by chi-square; settings and pulses to five standard errors."""
    rounds = 200_000
    tally = play(heralded, Plan(resolution, 10**12, rounds), Streams(11))
    assert tally.complete
    assert tally.counts.sum() == rounds
    assert misfit(tally.counts, heralded) > ALARM
    cells = tally.counts.sum(axis=(2, 3, 4, 5)).ravel()
    assert stats.chisquare(cells).pvalue > ALARM
    p = heralded.herald_probability
    spread = math.sqrt(rounds * (1 - p)) / p
    assert abs(tally.pulses - rounds / p) < 5 * spread


def test_both_resolutions_have_one_law_of_gaps():
    """Gaps between heralds are geometric: chi-square on both, herald by herald."""
    chance = 0.03
    for gaps in (pulses._skipped, pulses._each):
        rng = np.random.default_rng(5)
        numbers, offset = [], 0
        while offset < 3_000_000:
            found, played = gaps(chance, 4_000_000 - offset, rng)
            numbers.append(found + offset)
            offset += played
        seen = np.diff(np.concatenate(numbers))
        edges = np.unique(stats.geom.ppf(np.linspace(0, 1, 41)[1:-1], chance))
        shares = np.diff([0, *stats.geom.cdf(edges, chance), 1])
        counts = np.bincount(np.searchsorted(edges, seen), minlength=len(shares))
        assert stats.chisquare(counts, shares * len(seen)).pvalue > ALARM


@pytest.mark.parametrize("resolution", ["herald", "attempt"])
def test_a_run_of_so_many_pulses_plays_just_these(heralded, resolution):
    """1000 runs: the heralds in a fixed number of pulses are binomial, in mean and variance."""
    span, p = 700, heralded.herald_probability
    counts = []
    for seed in range(1000):
        tally = play(heralded, Plan(resolution, span), Streams(seed))
        assert tally.pulses == span
        counts.append(int(tally.counts.sum()))
    mean, variance = span * p, span * p * (1 - p)
    assert abs(np.mean(counts) - mean) < 5 * math.sqrt(variance / 1000)
    assert abs(np.var(counts) / variance - 1) < 5 * math.sqrt(2 / 1000)


@pytest.mark.parametrize("resolution", ["herald", "attempt"])
def test_certain_heralds_make_every_pulse_a_round(resolution):
    watched = bob(herald="non-demolition", non_demolition=LIT)
    law = pulse_law(link(source(), user(), watched))
    tally = play(law, Plan(resolution, 12_345), Streams(2))
    assert tally.counts.sum() == tally.pulses == 12_345


@pytest.mark.parametrize("most", [1, 1 << 46, 9 * 10**18])
def test_rare_heralds_are_skipped_to_within_64_bits(most):
    found, played = pulses._skipped(1e-15, most, np.random.default_rng(1))
    assert played == min(most, 1 << 46)
    assert (np.diff(found) > 0).all()
    assert ((found > 0) & (found <= played)).all()


# --- pulses without a herald ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare() -> PulseLaw:
    light = source(statistics="poisson", mean_pairs=0.3, state="hv+vh", angle_deg=25.0)
    return pulse_law(link(light, user(detector=NOISY), bob(detector=QUIET), (1, 2)))


@pytest.mark.parametrize("resolution", ["counts", "rounds"])
@pytest.mark.parametrize("block", [300_000, None])
def test_counts_and_rounds_follow_the_law(bare, resolution, block):
    tally = play(bare, Plan(resolution, 1_800_000, None, block), Streams(7))
    assert tally.counts.sum() == tally.pulses == 1_800_000
    cells = tally.counts.sum(axis=(2, 3, 4, 5))
    if block:
        assert (cells == block).all()
    else:
        assert stats.chisquare(cells.ravel()).pvalue > ALARM
        assert np.ptp(cells) > 0
    assert misfit(tally.counts, bare) > ALARM


def test_a_wrong_law_is_seen(bare, heralded):
    """The tests above can fail: outcomes exchanged for one setting, by a per cent of them."""
    for law, plan in (
        (bare, Plan("counts", 1_800_000)),
        (heralded, Plan("herald", 10**12, 200_000)),
    ):
        table = law.table.copy()
        table[0, 0] = 0.95 * table[0, 0] + 0.05 * table[0, 0][..., ::-1]
        wrong = play(law._replace(table=table), plan, Streams(3))
        assert misfit(wrong.counts, law) < ALARM


# --- every resolution ----------------------------------------------------------------------------

PLANS = [
    Plan("herald", 10**12, 3000),
    Plan("attempt", 10**12, 3000),
    Plan("counts", 60_000, None, 10_000),
    Plan("rounds", 60_000, None, 10_000),
    Plan("counts", 60_000),
    Plan("rounds", 60_000),
]


@pytest.mark.parametrize("plan", PLANS)
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(plan, bare, heralded):
    law = heralded if plan.resolution in ("herald", "attempt") else bare
    first, again, other = (play(law, plan, Streams(seed)) for seed in (4, 4, 5))
    assert first.counts.tobytes() == again.counts.tobytes()
    assert first.pulses == again.pulses
    assert first.counts.tobytes() != other.counts.tobytes()


@pytest.mark.parametrize("resolution", ["herald", "attempt", "rounds"])
def test_a_report_that_says_stop_ends_the_play(resolution, bare, heralded):
    law = bare if resolution == "rounds" else heralded
    block = 10**7 if resolution == "rounds" else None
    seen: list[tuple[int, int]] = []

    def report(played: int, rounds: int) -> bool:
        seen.append((played, rounds))
        return len(seen) < 3

    tally = play(law, Plan(resolution, 6 * 10**7, None, block), Streams(1), report)
    assert not tally.complete
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[-1] == (tally.pulses, tally.counts.sum())


def test_a_report_that_says_stop_at_the_end_leaves_it_complete(bare):
    tally = play(bare, Plan("counts", 1000), Streams(1), lambda *_: False)
    assert tally.complete


@pytest.mark.parametrize("resolution", ["attempt", "rounds", "herald"])
def test_memory_does_not_grow_with_pulses(resolution, bare, heralded):
    law = bare if resolution == "rounds" else heralded
    peaks = []
    for chunks in (2, 12):
        tracemalloc.start()
        play(law, Plan(resolution, chunks << (22 if resolution == "herald" else 18)), Streams(1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]
