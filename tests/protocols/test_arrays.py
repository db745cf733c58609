"""Arrays of slots: the law of their rate, both resolutions, and what their turns go on."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import array_by_tokens
import numpy as np
import pytest
from scipy import stats

import qnetsim as qn
from qnetsim.errors import InvalidInputError
from qnetsim.multiplexing import Multiplexing
from qnetsim.nodes.bsm import Switch
from qnetsim.nodes.slot import JointState, Slot
from qnetsim.protocols.expectation import link_expectation
from qnetsim.protocols.finite import FiniteBlock
from qnetsim.protocols.schedule import Schedule

FALSE_ALARM = 1e-6
SIGMAS = 5.0  # 6e-7, two-sided


def array(
    slots: int | tuple[int, int],
    km: float = 20.0,
    *,
    collection: float = 0.1,
    readout_s: float = 1e-3,
    multiplexing: Multiplexing | None = None,
    detector: dict[str, Any] | None = None,
    station: dict[str, Any] | None = None,
    **node: Any,
) -> qn.Network:
    """Two arrays in the middle of which a station stands; one microsecond to address a slot."""
    net = qn.Network()
    detectors = {"efficiency": 0.9, "dark_count_rate_hz": 100.0} | (detector or {})
    parts = {
        "detector": qn.Detector(**detectors),
        "window_start_s": 0.0,
        "window_length_s": 200e-9,
        "photon_overlap": 0.95,
        "accept": ["psi+", "psi-"],
    }
    net.add("bsm", qn.BellStation(**(parts | (station or {}))))
    counts = slots if isinstance(slots, tuple) else (slots, slots)
    for name, count in zip(("alice", "bob"), counts, strict=True):
        parts = {
            "slots": count,
            "excitation_probability": 0.95,
            "collection_efficiency": collection,
            "photon_lifetime_s": 20e-9,
            "addressing_s": 1e-6,
            "readout": qn.Readout(duration_s=readout_s),
        }
        net.add(name, qn.MemoryNode(**(parts | node)))
        net.connect(name, "bsm", qn.Fibre(length_m=500 * km, attenuation_db_per_km=0.0))
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=500 * km))
    net.link("main", ("alice", "bob"), "bsm", multiplexing)
    return net


def trapped(loading_s: float, lifetime_s: float) -> dict[str, Any]:
    return {
        "trap": qn.Trap(loading_mean_s=loading_s, lifetime_s=lifetime_s),
        "cooling": qn.Cooling(duration_s=50e-6, every_attempts=20),
    }


SWITCHED = {
    "multiplexing": Multiplexing(spatial_modes=2, spectral_modes=2),
    "station": {"bell_measurements": 2, "switch": Switch(switching_s=2e-6, insertion_loss_db=0.5)},
}
BLINDED = {
    "multiplexing": Multiplexing(spacing_s=1e-6),
    "detector": {"dead_time_s": 3.2e-6},
}


SPREAD = {
    "multiplexing": Multiplexing(spacing_s=0.7e-6),
    "station": {"bell_measurements": 3, "switch": Switch(switching_s=0.4e-6)},
    "detector": {"dead_time_s": 2.05e-6},
    "addressing_s": 0.1e-6,
}


def play(net: qn.Network, protocol: qn.DIQKD, heralds: int, **options: Any) -> qn.Result:
    return qn.Simulation(net, protocol, max_rounds=heralds, **options).run()


def deviation(result: qn.Result, expected_hz: float) -> tuple[float, float]:
    """Returns a simulated rate over the expected one, less 1, and its standard error.

    Heralds of many slots scatter like those of a Poisson process, or less.
    """
    heralds = len(result.heralds)
    return heralds / result.sim_time_s / expected_hz - 1, heralds**-0.5


# --- the law -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slots", "km", "readout_s"),
    [(4, 5.0, 1e-4), (1000, 1.0, 1e-4), (1000, 100.0, 200e-3)],
    ids=["few slots", "saturated", "slots busy with readout"],
)
def test_rate_follows_the_law_of_arrays_to_a_percent(
    slots: int, km: float, readout_s: float, protocol: qn.DIQKD
) -> None:
    net = array(slots, km, readout_s=readout_s)
    result = play(net, protocol, 100_000, seed=slots)
    law = result.expected_link.array
    off, stderr = deviation(result, law.law_rate_hz)
    assert abs(off) < 0.01 + SIGMAS * stderr
    saturated = law.round_trip_s + result.expected_link.herald_probability * law.round_s
    assert (slots > saturated / law.spacing_s) == (law.busy_lanes > 0.99 * law.lanes)


def test_law_saturates_where_the_slots_fill_the_round_trip() -> None:
    chance = link_expectation(array(2), "main", 1.0).herald_probability
    spacing_s = 1e-6
    rates = {}
    for slots in (1, 2, 50, 98, 99, 100, 200, 1000):
        expected = link_expectation(array(slots), "main", 1.0)
        rates[slots] = expected.herald_rate_hz
        if slots > 1:
            law = expected.array
            assert law.spacing_s == pytest.approx(spacing_s)
            full = (law.round_trip_s + chance * law.round_s) / slots
            assert law.law_rate_hz == pytest.approx(chance / max(spacing_s, full))
            # Where the slots just fill the round trip, those that are away leave gaps.
            near = 0.015 if 95 < slots < 105 else 0.003
            assert expected.herald_rate_hz == pytest.approx(law.law_rate_hz, rel=near)
    assert rates[1000] == pytest.approx(rates[200])
    assert all(np.diff(list(rates.values())) > -1e-9 * rates[1000])


@pytest.mark.parametrize(
    ("slots", "collection", "readout_s"),
    [(5, 0.3, 1e-3), (99, 0.3, 1e-3), (120, 0.3, 1e-3), (300, 0.3, 20e-3), (700, 0.3, 20e-3)],
)
def test_closed_form_is_that_of_tokens_which_take_turns(
    slots: int, collection: float, readout_s: float
) -> None:
    expected = link_expectation(array(slots, collection=collection, readout_s=readout_s), "main", 1)
    law = expected.array
    heralds = 20_000
    rate_hz = array_by_tokens.rate_hz(
        slots,
        expected.herald_probability,
        law.spacing_s,
        law.round_trip_s,
        law.round_s,
        heralds=heralds,
        seed=slots,
    )
    # Lanes wait for their turn in the frame, half a frame in 1/p of them: below a percent.
    assert abs(expected.herald_rate_hz / rate_hz - 1) < 0.01 + SIGMAS * heralds**-0.5


# --- three ways to ask ---------------------------------------------------------------------------

LINKS = {
    "few slots": (array((3, 4), collection=0.35), 0.01),
    "more slots than lanes": (array(30, 1.0, collection=0.35), 0.01),
    "traps": (array((3, 5), collection=0.35, **trapped(2e-2, 0.1)), 0.02),
    "modes behind a switch": (array(200, 10.0, collection=0.35, **SWITCHED), 0.01),
    "blind detectors": (array(60, 5.0, collection=0.5, **BLINDED), 0.01),
    "blind detectors, few lanes": (array(4, collection=0.35, **BLINDED), 0.01),
    "more measurements than modes": (array(7, 1.0, collection=0.35, **SPREAD), 0.01),
    "spare slots at one node": (array((1, 6), 5.0, collection=0.35), 0.02),
}


RUNS: dict[str, qn.Result] = {}
HERALDS = {"blind detectors": 6_000, "blind detectors, few lanes": 6_000}


def skipped_run(name: str, protocol: qn.DIQKD) -> qn.Result:
    """Returns a link's run in herald resolution, which tests share."""
    if name not in RUNS:
        RUNS[name] = play(LINKS[name][0], protocol, HERALDS.get(name, 18_000), seed=1)
    return RUNS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", LINKS)
def test_resolutions_and_closed_form_agree(name: str, protocol: qn.DIQKD) -> None:
    net, accuracy = LINKS[name]
    skipped = skipped_run(name, protocol)
    played = play(net, protocol, 3_000, seed=2, resolution="attempt")
    for result in (skipped, played):
        off, stderr = deviation(result, result.expected_link.herald_rate_hz)
        assert abs(off) < accuracy + SIGMAS * stderr
    shares = [
        np.array([r.openings.attempts, r.openings.cooling, r.openings.busy]) / r.openings.total
        for r in (skipped, played)
    ]
    assert np.allclose(shares[0], shares[1], atol=0.03)
    causes = [[np.sum(r.heralds.cause == c) for c in r.causes] for r in (skipped, played)]
    table = np.array(causes)[:, np.sum(causes, axis=0) > 20]
    assert stats.chi2_contingency(table).pvalue > FALSE_ALARM
    lost = [(r.openings.heralds_blinded, len(r.heralds)) for r in (skipped, played)]
    if name.startswith("blind detectors"):
        assert min(lost)[0] > 300
        assert stats.fisher_exact(lost).pvalue > FALSE_ALARM
    else:
        assert lost[0][0] == lost[1][0] == 0


def test_blind_detectors_cost_just_the_heralds_that_are_counted(protocol: qn.DIQKD) -> None:
    seeing = link_expectation(array(60, 5.0, collection=0.5), "main", 1.0)
    result = skipped_run("blind detectors", protocol)
    heralds, lost = len(result.heralds), result.openings.heralds_blinded
    attempts, chance = result.openings.attempts, seeing.herald_probability
    spread = math.sqrt(attempts * chance * (1 - chance))
    assert abs(heralds + lost - attempts * chance) < SIGMAS * spread
    assert lost / (heralds + lost) == pytest.approx(
        1 - result.expected_link.herald_probability / chance, abs=0.02
    )


@pytest.mark.slow
def test_pulses_on_neighbours_spoil_a_stored_qubit_in_both_resolutions(
    protocol: qn.DIQKD,
) -> None:
    net = array(12, collection=0.35, crosstalk_probability=0.06)
    quiet = array(12, collection=0.35)
    without = link_expectation(quiet, "main", 1.0)
    for resolution, heralds in (("herald", 30_000), ("attempt", 5_000)):
        result = play(net, protocol, heralds, seed=6, resolution=resolution)
        # The closed form takes the nodes' neighbours as independent: second order in 6 percent.
        assert abs(result.chsh.value - result.expected.chsh_s) < 0.01 + SIGMAS * result.chsh.stderr
        assert result.expected.state_fidelity < 0.9 * without.heralded_fidelity


@pytest.mark.parametrize("delay_s", [0.0, 40e-6])
def test_a_stored_qubit_counts_just_the_pulses_that_its_neighbours_had(
    delay_s: float, protocol: qn.DIQKD, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulses: dict[str, list[int]] = {}
    read: list[tuple[str, int, int]] = []
    counted: list[int] = []
    excite, measure, joint_measure = Slot.excite, Slot.measure, JointState.measure

    def exciting(slot: Slot) -> None:
        pulses.setdefault(slot.name, []).append(slot._timeline.now)
        excite(slot)

    def measuring(slot: Slot, angle_rad: float) -> int:
        read.append((slot.name, slot.emitted_ps, slot._timeline.now))
        return measure(slot, angle_rad)

    def counting(joint: JointState, *qubit: Any) -> int:
        counted.append(qubit[3])
        return joint_measure(joint, *qubit)

    monkeypatch.setattr(Slot, "excite", exciting)
    monkeypatch.setattr(Slot, "measure", measuring)
    monkeypatch.setattr(JointState, "measure", counting)
    readout = qn.Readout(duration_s=1e-4, delay_s=delay_s)
    net = array((7, 5), 3.0, collection=0.9, crosstalk_probability=0.1, readout=readout)
    play(net, protocol, 300, seed=3, resolution="attempt")
    truly = []
    for name, since, until in read:
        node, _, number = name.partition(".")
        beside = [pulses.get(f"{node}.{int(number) + step}", []) for step in (-1, 1)]
        truly.append(sum(bisect_right(at, until) - bisect_right(at, since) for at in beside))
    assert counted == truly
    assert sum(truly) > 100


# --- bookkeeping ---------------------------------------------------------------------------------


def test_every_turn_of_a_lane_is_an_attempt_or_has_a_cause(protocol: qn.DIQKD) -> None:
    for net, _ in LINKS.values():
        result = play(net, protocol, 300, seed=3)
        turns, array_of = result.openings, result.expected_link.array
        assert turns.attempts + turns.cooling + turns.busy == turns.total
        blocked_hz = turns.blocked / result.sim_time_s
        assert blocked_hz == pytest.approx(array_of.blocked_hz, rel=0.05)
        assert (turns.blocked > 0) == (net.stations["bsm"].bell_measurements == 2)


def test_a_heralds_time_names_the_lane_and_so_the_slots_that_it_joins(protocol: qn.DIQKD) -> None:
    net = array(8, collection=0.35)
    schedule = Schedule.of(net.arms("main"), net.stations["bsm"], Multiplexing())
    heralds = play(net, protocol, 3_000, seed=5).heralds
    places = (heralds.time_ps - schedule.timing.decision) % schedule.timing.period
    assert set(places) == {schedule.offset(lane) for lane in range(8)}
    assert set(map(tuple, heralds.slots)) <= {(a, b) for a in range(8) for b in range(8)}
    for port in (0, 1):
        for slot in range(8):
            times = heralds.time_ps[heralds.slots[:, port] == slot]
            assert np.diff(times).min() > 1e9  # a slot's readout takes a millisecond


def test_spare_slots_attempt_while_others_reload(protocol: qn.DIQKD) -> None:
    trap = trapped(5e-2, 0.1)
    in_turn = Multiplexing(temporal_modes=1)
    nets = [array(slots, collection=0.35, multiplexing=in_turn, **trap) for slots in (1, 4)]
    expected = [link_expectation(net, "main", 1.0).herald_rate_hz for net in nets]
    assert expected[1] > 2 * expected[0]
    for net, rate_hz in zip(nets, expected, strict=True):
        off, stderr = deviation(play(net, protocol, 4_000, seed=7), rate_hz)
        assert abs(off) < 0.03 + 1.5 * SIGMAS * stderr  # loading makes one pair's heralds cluster


def test_a_key_of_rounds_that_overlap_holds_against_collective_attacks_only(
    protocol: qn.DIQKD,
) -> None:
    alone, beside = (play(array(n, collection=0.35), protocol, 50, seed=1) for n in (1, 2))
    assert "general" in alone.summary()["attacks"]
    figures = beside.summary()
    assert "general" not in figures["attacks"]
    assert len(figures["assumptions"]) == len(alone.summary()["assumptions"]) + 1
    block = FiniteBlock(eps_sound=1e-5, eps_complete=1e-2, test_fraction=0.3, f_ec=1.15)
    changes = {"bound": "chsh", "key_pairs": [(3, 0)], "finite": block}
    general = protocol.model_copy(update=changes)
    qn.Simulation(array(1), general, seed=1)
    with pytest.raises(InvalidInputError, match=r"protocol.finite: .* overlap"):
        qn.Simulation(array(2), general, seed=1)


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"station": {"bell_measurements": 2}, "multiplexing": Multiplexing(spatial_modes=4)},
         "stations.bsm.bell_measurements"),
        ({"station": {"bell_measurements": 3, "switch": Switch(switching_s=1e-6)},
          "multiplexing": Multiplexing(spatial_modes=4)}, "stations.bsm.bell_measurements"),
        ({"multiplexing": Multiplexing(spacing_s=0.5e-6)}, "links.main.multiplexing.spacing_s"),
        ({"detector": {"afterpulse_probability": 0.01, "afterpulse_lifetime_s": 1e-6}},
         "stations.bsm.detector.afterpulse_lifetime_s"),
    ],
)  # fmt: skip
def test_modes_that_cannot_be_served_are_refused(
    changes: dict[str, Any], path: str, protocol: qn.DIQKD
) -> None:
    with pytest.raises(InvalidInputError) as error:
        qn.Simulation(array(100, **changes), protocol, seed=1)
    assert [fault.path for fault in error.value.faults] == [path]
