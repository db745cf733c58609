"""Oxford 2022: what the scenario yields, against its closed forms and the publication.

D. P. Nadlinger et al., Nature 607, 682 (2022), arXiv 2109.14600; figures and tables with an S are
the supplement's.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from links_played import agree, closed_forms, network, play

from qnetsim import Result
from qnetsim.optics import timing_of
from qnetsim.physics.states import PAULIS, Matrix
from qnetsim.security.finite.block import Block, shannon_bits
from qnetsim.security.finite.smoothed import smoothed_key_length

FIDELITY, FIDELITY_ERROR = 0.960, 0.001  # figure S3
PATTERN_FIDELITIES = 0.961, 0.964, 0.958, 0.958  # figure S3, of each click pattern
CHSH_S, CHSH_S_ERROR = 2.677, 0.006  # figure 3
QBER, QBER_ERROR = 0.0144, 0.0002  # figure 3
HERALDED, ATTEMPTED = 180_000, 1_133_526_525  # figure S3
HERALD_RATE_HZ = 100  # figure S3: from these, 1 MHz, and 300 us of cooling every 500 us
PAIRS, DURATION_S = 1.5e6, 7.9 * 3600  # main text
CORRELATORS = {(0, 0): -0.670, (0, 1): -0.692, (1, 0): 0.647, (1, 1): -0.668, (0, 2): -0.971}
"""Table S4 in the scenario's signs; standard errors .002, the last .0005."""

NODES = "alice", "bob"

UNINTERRUPTED = (
    *(f"nodes.{node}.trap.loading_mean_s=0.0" for node in NODES),
    "nodes.alice.recalibration.every_s=3e9",
)

AT_ONCE = [
    f"nodes.{node}.readout.{time}=0.0" for node in NODES for time in ("delay_s", "duration_s")
]

HASTY = (
    *(f"nodes.{node}.trap.loading_mean_s=0.072" for node in NODES),
    "nodes.alice.trap.lifetime_s=0.1",
    "nodes.bob.trap.lifetime_s=3.6",
    "nodes.alice.recalibration.every_s=1.8",
    "nodes.alice.recalibration.duration_s=0.02",
)
"""Losses and recalibrations a thousand times as often and as short: many in a run."""


@pytest.fixture(scope="module")
def link() -> Result:
    return closed_forms("oxford_2022")


# --- published -----------------------------------------------------------------------------------


def test_fidelity_chsh_value_and_error_rate_are_the_published_ones_together(link: Result):
    """Within .002, and within the printed errors; three numbers are fitted to them."""
    figures = link.summary()
    for key, published, error in (
        ("state_fidelity", FIDELITY, FIDELITY_ERROR),
        ("expected_chsh_s", CHSH_S, CHSH_S_ERROR),
        ("expected_qber", QBER, QBER_ERROR),
    ):
        assert abs(figures[key] - published) < min(error, 0.002)


def test_herald_probability_is_the_published_one(link: Result):
    """The collection is chosen so."""
    chance = link.expected_link.herald_probability
    assert chance == pytest.approx(HERALDED / ATTEMPTED, rel=0.01)


def test_of_two_per_cent_detected_photons_half_the_pairs_herald(link: Result):
    """The publication prints "about 2 %" for each emitted photon."""
    net = network("oxford_2022")
    arms, station = net.arms("main"), net.station_of("main")
    detected = [
        arm.best_transmission * station.detector.efficiency * share
        for arm, share in zip(arms, timing_of(arms, station).acceptances, strict=True)
    ]
    assert detected == pytest.approx([0.02, 0.02], abs=0.0015)
    emitted = [arm.node.excitation_probability for arm in arms]
    chance = math.prod(detected) * math.prod(emitted) / 2
    assert link.expected_link.herald_probability == pytest.approx(chance, rel=1e-3)


def test_herald_rate_without_pauses_is_the_published_one(link: Result):
    expected = link.expected_link
    attempts_hz = expected.attempt_rate_hz / expected.duty_cycle
    assert attempts_hz == pytest.approx(1e6, rel=1e-5)
    rate_hz = expected.herald_probability * attempts_hz * 500 / 800
    assert rate_hz == pytest.approx(HERALD_RATE_HZ, rel=0.02)


def test_as_many_pairs_as_published_take_as_long(link: Result):
    """The losses and recalibrations are chosen so."""
    assert link.expected_link.herald_rate_hz * DURATION_S == pytest.approx(PAIRS, rel=0.01)


# --- published, and not reproduced ---------------------------------------------------------------


def test_correlators_of_the_test_settings_miss_the_published_ones_by_up_to_017(link: Result):
    """Ten errors of the table; their sum S agrees, and so does the key rounds' correlator."""
    found = link.expected.correlators
    off = {settings: abs(found[settings] - value) for settings, value in CORRELATORS.items()}
    assert off.pop((0, 2)) < 0.001
    assert max(off.values()) == pytest.approx(0.017, abs=0.001)


def test_each_pattern_is_as_near_to_its_nearest_bell_state_as_published(link: Result):
    """So it is if the angle differs from photon to photon; a steady rotation gives .970."""
    nearest = [_nearest_bell_fidelity(state) for _, state in link.expected_link.states.values()]
    assert min(PATTERN_FIDELITIES) <= min(nearest) <= max(nearest) <= max(PATTERN_FIDELITIES)


def _nearest_bell_fidelity(state: Matrix) -> float:
    """Returns (1 + sum of the singular values of its correlations)/4: it is near one."""
    paulis = [PAULIS[axis] for axis in "xyz"]
    table = [[np.trace(state @ np.kron(a, b)).real for b in paulis] for a in paulis]
    return float(1 + np.linalg.svd(table)[1].sum()) / 4


def test_link_that_never_pauses_heralds_a_little_less_often_than_its_duty_says():
    """A herald cuts its burst short, and the next session begins with cooling."""
    bare = closed_forms("oxford_2022", *UNINTERRUPTED, *AT_ONCE).expected_link
    assert bare.herald_rate_hz == pytest.approx(97.8, abs=0.1)


# --- runs ----------------------------------------------------------------------------------------


@pytest.mark.no_cover
@pytest.mark.parametrize("settings", [HASTY, UNINTERRUPTED], ids=["pauses", "no pauses"])
def test_hundred_thousand_heralds_agree_with_the_closed_forms(settings: tuple[str, ...]):
    assert agree(play("oxford_2022", *settings))


# --- finite block --------------------------------------------------------------------------------

PLANNED_S, PLANNED_Q = 2.64, 0.018  # supplement, S5
TEST_FRACTION, BLOCK = 13 / 256, 1_500_000
SOUND, COLLISION = 1e-10, 2.0**-61
SYNDROME_BITS, KEY_BITS = 296_517, 95_884  # supplement, S6 E; main text
SMALLEST_BLOCK = 2.6e5  # figure S15a, ideal devices


def planned_block(s: float, q: float, rounds: int, fraction: float) -> Block:
    """Three standard deviations of allowance, Eqs. 24 and 25; the syndrome of Eq. 23."""
    loss = fraction * (0.5 - s / 8)
    allowed = loss + 3 * math.sqrt(loss * (1 - loss) / rounds)
    syndrome = shannon_bits(rounds, fraction, s, q) + 50 * math.sqrt(rounds)
    return Block(rounds, fraction, 1 - allowed / fraction, math.floor(syndrome))


def test_syndrome_has_the_published_length():
    limit = shannon_bits(BLOCK, TEST_FRACTION, PLANNED_S, PLANNED_Q)
    assert limit + 50 * math.sqrt(BLOCK) == pytest.approx(296_517.3, abs=0.05)
    assert planned_block(PLANNED_S, PLANNED_Q, BLOCK, TEST_FRACTION).leak_bits == SYNDROME_BITS


def test_published_analysis_gives_the_published_key_length():
    """To 2 bits, 95,885 for 95,884: how far the free parameters were optimised there isn't said."""
    block = planned_block(PLANNED_S, PLANNED_Q, BLOCK, TEST_FRACTION)
    assert smoothed_key_length(block, SOUND, COLLISION).bits == pytest.approx(KEY_BITS, abs=2)


def test_published_analysis_makes_key_of_ideal_devices_from_the_published_block_on():
    """At the best of three test fractions, 20 % below and 10 % above the block read off."""

    def best(rounds: float) -> float:
        blocks = [planned_block(2.828427, 0.0, int(rounds), f) for f in (0.08, 0.12, 0.16)]
        return max(smoothed_key_length(block, SOUND, COLLISION).bits for block in blocks)

    assert best(0.8 * SMALLEST_BLOCK) < 0 < best(1.1 * SMALLEST_BLOCK)
