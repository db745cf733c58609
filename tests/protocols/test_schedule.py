"""When the attempts of many slots happen: what no schedule may do, whatever its parts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import qnetsim as qn
from qnetsim.multiplexing import Multiplexing
from qnetsim.nodes.bsm import Switch
from qnetsim.protocols.schedule import Schedule

WINDOW_S, SWITCHING_S = 2e-7, 7e-7

PARTS = {
    "slots": st.tuples(st.integers(1, 40), st.integers(1, 40)),
    "modes": st.integers(1, 6),
    "measurements": st.sampled_from([None, 1, 2, 3, 4, 6, 12]),
    "temporal_modes": st.sampled_from([None, 1, 2, 5]),
    "km": st.sampled_from([0.1, 1.0, 4.0]),
    "addressing_s": st.sampled_from([0.0, 3e-7, 4e-6, 5e-5]),
    "dead_time_s": st.sampled_from([0.0, 1e-7, 2.3e-6, 6e-5]),
}


def schedule(
    *,
    slots: tuple[int, int] = (5, 5),
    modes: int = 1,
    measurements: int | None = None,
    temporal_modes: int | None = None,
    km: float = 1.0,
    addressing_s: float = 3e-7,
    dead_time_s: float = 0.0,
) -> Schedule:
    net = qn.Network()
    shared = {"bell_measurements": measurements, "switch": Switch(switching_s=SWITCHING_S)}
    if measurements is not None and max(measurements, modes) % min(measurements, modes):
        measurements = None
    station = qn.BellStation(
        detector=qn.Detector(efficiency=0.9, dark_count_rate_hz=0.0, dead_time_s=dead_time_s),
        window_start_s=0.0,
        window_length_s=WINDOW_S,
        photon_overlap=1.0,
        accept=["psi+"],
        **(shared if measurements else {}),
    )
    net.add("bsm", station)
    for name, count in zip(("alice", "bob"), slots, strict=True):
        node = qn.MemoryNode(
            slots=count,
            addressing_s=addressing_s,
            excitation_probability=1.0,
            collection_efficiency=0.1,
            photon_lifetime_s=2e-9,
            readout=qn.Readout(duration_s=1e-6),
        )
        net.add(name, node)
        net.connect(name, "bsm", qn.Fibre(length_m=500 * km, attenuation_db_per_km=0.0))
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=500 * km))
    channels = Multiplexing(spatial_modes=modes, temporal_modes=temporal_modes)
    net.link("main", ("alice", "bob"), "bsm", channels)
    return Schedule.of(net.arms("main"), station, channels)


def starts(plan: Schedule, frames: int) -> list[tuple[int, int]]:
    """Returns the lanes and the starts of all turns of so many frames, in ps."""
    return [
        (lane, frame * plan.timing.period + plan.offset(lane))
        for frame in range(frames)
        for lane in range(plan.lanes)
    ]


@given(parts=st.fixed_dictionaries(PARTS))
@example(parts={"slots": (5, 5), "modes": 4, "km": 4.0, "addressing_s": 1.6e-5})
@example(parts={"slots": (5, 5), "measurements": 2, "km": 1.0, "dead_time_s": 2.3e-6})
def test_turns_are_never_closer_than_what_they_share_allows(parts: dict[str, object]) -> None:
    plan = schedule(**parts)
    assert plan.timing.period >= plan.round_trip
    assert plan.lanes <= min(plan.slots)
    turns = starts(plan, 2 * plan.measurements * plan.modes)
    if plan.aligned:
        assert all(b - a >= plan.spacing for (_, a), (_, b) in pairwise(turns))
    else:
        assert plan.lanes <= min(plan.modes, plan.measurements)
    for count, places in (
        (plan.modes, [turn % plan.modes for turn in range(len(turns))]),
        (plan.measurements, [plan.measurement(lane, start) for lane, start in turns]),
    ):
        if not plan.aligned and count == plan.modes:
            places = [lane for lane, _ in turns]
        for place in set(places):
            own = [start for (_, start), at in zip(turns, places, strict=True) if at == place]
            assert all(b - a >= plan.apart(count) for a, b in pairwise(own))


@given(parts=st.fixed_dictionaries(PARTS))
def test_turns_are_as_many_as_the_law_allows(parts: dict[str, object]) -> None:
    plan = schedule(**parts)
    law_hz = min(1 / plan.saturation[0], plan.pairs / (plan.round_trip * 1e-12))
    assert plan.turns_hz == pytest.approx(law_hz, rel=1e-5)


@given(parts=st.fixed_dictionaries(PARTS), more=st.integers(1, 20))
def test_turns_grow_with_slots_and_with_modes(parts: dict[str, object], more: int) -> None:
    plan = schedule(**parts)
    slots = plan.slots[0] + more, plan.slots[1] + more
    assert schedule(**(parts | {"slots": slots})).turns_hz >= plan.turns_hz * (1 - 1e-9)
    if parts["measurements"] is None:
        modes = {"modes": plan.modes + more}
        assert schedule(**(parts | modes)).turns_hz >= plan.turns_hz * (1 - 1e-5)


def test_a_switch_that_spreads_one_mode_has_time_to_turn_before_each_attempt() -> None:
    spread = schedule(measurements=4, km=4.0)
    gathered = schedule(modes=4, measurements=2, km=4.0)
    assert spread.spacing == pytest.approx(1e12 * (WINDOW_S + SWITCHING_S))
    assert gathered.spacing == pytest.approx(1e12 * (WINDOW_S + SWITCHING_S) / 2)


@pytest.mark.parametrize(
    ("parts", "apart_s", "by"),
    [
        ({"addressing_s": 4e-6, "km": 4.0}, 4e-6, "addressing"),
        ({"dead_time_s": 6e-6, "km": 4.0}, 6e-6, "dead time"),
        ({"temporal_modes": 2, "km": 4.0}, 9.893442e-6, "temporal modes"),
        ({"addressing_s": 5e-5, "km": 4.0}, 19.786884e-6, "round trip"),
    ],
)
def test_saturation_names_what_keeps_attempts_apart(
    parts: dict[str, float], apart_s: float, by: str
) -> None:
    least_s, why = schedule(**parts).saturation
    assert (least_s, why) == (pytest.approx(apart_s), by)


def test_only_what_measurements_cost_is_blocked() -> None:
    shared = schedule(slots=(99, 99), modes=4, measurements=2, km=4.0)
    assert shared.blocked_hz(80) > shared.blocked_hz(60) > shared.blocked_hz(40) == 0
    assert schedule(slots=(99, 99), temporal_modes=2, km=4.0).blocked_hz(80) == 0


def test_measurements_without_number_leave_each_lane_its_own() -> None:
    plan = schedule(measurements=10**9)
    assert [plan.measurement(lane, 0) for lane in range(plan.lanes)] == [0, 1, 2, 3, 4]
    assert plan.apart(plan.measurements) == plan.timing.period
