"""The Bell-state station in time."""

import math

import numpy as np
import pytest

import qnetsim as qn
from qnetsim.nodes.bsm import Station
from qnetsim.physics.interference import blind, two_photon_click_states
from qnetsim.rng import Streams

LIFETIMES = (26e-9, 26e-9)


def station(**detector: float) -> Station:
    values = {"efficiency": 0.7, "dark_count_rate_hz": 2e5} | detector
    spec = qn.BellStation(
        detector=qn.Detector(**values),
        window_start_s=0.0,
        window_length_s=100e-9,
        photon_overlap=0.9,
        accept=["psi+", "psi-"],
    )
    return Station(spec, LIFETIMES, Streams(3)["station"])


@pytest.mark.parametrize("arrivals", range(4))
def test_clicks_follow_the_heralding_map_for_each_set_of_photons(arrivals: int) -> None:
    bsm = station()
    n = 60_000
    counts = np.zeros(16)
    for _ in range(n):
        for port in (0, 1):
            if arrivals >> port & 1:
                bsm.receive(port)
        seen, clicks, blinded = bsm.close(0)
        assert (seen, blinded) == (arrivals, 0)
        counts[clicks] += 1
    probabilities = bsm.probabilities(0)[arrivals]
    spread = np.sqrt(n * probabilities * (1 - probabilities)) + 1
    # 6 standard errors (and a whole click) on 16 counts: a false alarm below 1e-6.
    assert np.all(np.abs(counts - n * probabilities) < 6 * spread)


def test_arrivals_averaged_over_loss_give_the_map_with_the_loss_inside() -> None:
    bsm = station()
    first, second = 0.3, 0.8
    weights = [
        (1 - first) * (1 - second),
        first * (1 - second),
        (1 - first) * second,
        first * second,
    ]
    mixed = sum(w * s for w, s in zip(weights, bsm._states, strict=True))
    e = bsm.spec.click_efficiency(26e-9)
    dark = bsm.spec.detector.dark_probability(100e-9)
    whole = two_photon_click_states((first * e, second * e), 0.9, dark)
    assert np.allclose(mixed, whole, atol=1e-15)


def test_a_click_blinds_its_detector_for_the_dead_time() -> None:
    bsm = station(dead_time_s=1e-6)
    bsm.close(0, foretold=0b0101)
    assert bsm.blind_at(999_999) == 0b0101
    assert bsm.blind_at(1_000_000) == 0
    assert bsm.sight_returns_ps(10) == 1_000_000


def test_blind_detectors_never_click() -> None:
    bsm = station(dead_time_s=1.0, dark_count_rate_hz=1e7)
    bsm.close(0, foretold=0b0011)
    for _ in range(2000):
        bsm.receive(0)
        bsm.receive(1)
        _, clicks, blinded = bsm.close(1, None)
        assert not clicks & 0b0011 & blinded
        assert blinded & 0b0011 == 0b0011


def test_a_herald_seen_with_blind_detectors_leaves_the_mixture_of_what_was_missed() -> None:
    bsm = station()
    state = bsm.memory_state(3, 0b0011, 0b0100)
    summed = blind(bsm._states[3], 0b0100)[0b0011]
    assert np.trace(state) == pytest.approx(1)
    assert np.allclose(state, summed / np.trace(summed))


def test_the_window_costs_efficiency_and_buys_dark_counts() -> None:
    spec = station().spec
    assert spec.click_efficiency(26e-9) == pytest.approx(0.7 * (1 - math.exp(-100 / 26)))
    assert spec.detector.dark_probability(100e-9) == pytest.approx(1 - math.exp(-0.02))
    assert spec.decision_ps == 100_000
