"""The Bell-state station in time."""

import math

import numpy as np
import pytest

import qnetsim as qn
from qnetsim.nodes.station import Reading, Station
from qnetsim.optics import optics_of
from qnetsim.physics.interference import blind, two_photon_click_states
from qnetsim.rng import Streams


def station(**detector: float) -> Station:
    values = {"efficiency": 0.7, "dark_count_rate_hz": 2e5} | detector
    spec = qn.BellStation(
        detector=qn.Detector(**values),
        window_start_s=0.0,
        window_length_s=100e-9,
        photon_overlap=0.9,
        accept=["psi+", "psi-"],
    )
    node = qn.MemoryNode(
        excitation_probability=0.9,
        collection_efficiency=0.5,
        photon_lifetime_s=26e-9,
        readout=qn.Readout(duration_s=1e-6),
    )
    network = qn.Network()
    network.add("bsm", spec)
    for name in ("alice", "bob"):
        network.add(name, node)
        network.connect(name, "bsm", qn.Fibre(length_m=1.0, attenuation_db_per_km=0.0))
        network.connect(name, "bsm", qn.ClassicalChannel(length_m=1.0))
    network.link("main", ("alice", "bob"), "bsm")
    return Station(spec, optics_of(network.arms("main"), spec), Streams(3)["station"])


EFFICIENCY = 0.7 * (1 - math.exp(-100 / 26))
DARK = 1 - math.exp(-0.02)


@pytest.mark.parametrize("arrivals", range(4))
def test_clicks_follow_the_heralding_map_for_each_set_of_photons(arrivals: int) -> None:
    bsm = station()
    n = 60_000
    counts = np.zeros(16)
    packets = arrivals & 1, arrivals >> 1
    for _ in range(n):
        for port in (0, 1):
            if packets[port]:
                bsm.receive(0, port, 1)
        reading = bsm.close(0)
        assert (reading.packets, reading.blinded) == (packets, 0)
        counts[reading.clicks] += 1
    there = [EFFICIENCY if packet else 0.0 for packet in packets]
    states = two_photon_click_states((there[0], there[1]), 0.9, DARK)
    probabilities = np.trace(states, axis1=1, axis2=2)
    spread = np.sqrt(n * probabilities * (1 - probabilities)) + 1
    # 6 standard errors (and a whole click) on 16 counts: a false alarm below 1e-6.
    assert np.all(np.abs(counts - n * probabilities) < 6 * spread)


def test_arrivals_averaged_over_loss_give_the_map_with_the_loss_inside() -> None:
    bsm = station()
    first, second = 0.3 / 0.9, 0.8 / 0.9  # 0.9 is the chance of emission
    laws = [bsm.optics.arriving(0, first), bsm.optics.arriving(1, second)]
    mixed = sum(
        w * other * bsm.states((packet, beside), 0)
        for packet, w in laws[0]
        for beside, other in laws[1]
    )
    whole = two_photon_click_states((0.3 * EFFICIENCY, 0.8 * EFFICIENCY), 0.9, DARK)
    assert np.allclose(mixed.sum(axis=0)[:16], whole, atol=1e-15)


def test_a_click_blinds_its_detector_for_the_dead_time() -> None:
    bsm = station(dead_time_s=1e-6)
    bsm.close(0, foretold=(0, 0b0101))
    assert bsm.blind_at(999_999) == 0b0101
    assert bsm.blind_at(1_000_000) == 0
    assert bsm.sight_returns_ps(10) == 1_000_000


def test_blind_detectors_never_click() -> None:
    bsm = station(dead_time_s=1.0, dark_count_rate_hz=1e7)
    bsm.close(0, foretold=(0, 0b0011))
    for _ in range(2000):
        bsm.receive(1, 0, 1)
        bsm.receive(1, 1, 1)
        reading = bsm.close(1, None)
        assert not reading.clicks & 0b0011 & reading.blinded
        assert reading.blinded & 0b0011 == 0b0011


def test_a_herald_seen_with_blind_detectors_leaves_the_mixture_of_what_was_missed() -> None:
    bsm = station()
    state = bsm.memory_state(Reading((1, 1), 0, 0b0011, 0b0100))
    summed = blind(bsm.states((1, 1), 0), 0b0100)[0, 0b0011]
    assert np.trace(state) == pytest.approx(1)
    assert np.allclose(state, summed / np.trace(summed))


def test_the_window_costs_time() -> None:
    assert station().spec.decision_ps == 100_000
