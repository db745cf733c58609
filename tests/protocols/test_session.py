"""The clockwork of attempts against counting them one by one."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from qnetsim.channels.classical import ClassicalChannel
from qnetsim.channels.fibre import Fibre
from qnetsim.network import Arm
from qnetsim.nodes.bsm import BellStation
from qnetsim.nodes.detector import Detector
from qnetsim.nodes.memory import Cooling, MemoryNode, Readout
from qnetsim.protocols.session import Session, Timing

ps = st.integers(1, 10**4)


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    period = draw(st.integers(50, 500))
    burst = draw(st.sampled_from([0, 1, 2, 7, 40]))
    return Timing(
        period=period,
        emissions=(draw(st.integers(0, period // 2)), draw(st.integers(0, period // 2))),
        flights=(10, 10),
        opening=period // 2,
        decision=period * 3 // 4,
        latencies=(draw(st.integers(0, period // 4)), 0),
        cooling=draw(st.integers(1, 1000)) if burst else 0,
        burst=burst,
    )


def starts_one_by_one(session: Session, count: int) -> list[int]:
    timing, now, starts = session.timing, session.start, []
    while len(starts) < count:
        now += timing.cooling
        for _ in range(timing.burst or count):
            starts.append(now)
            now += timing.period
    return starts[:count]


@given(timings(), ps)
def test_attempts_start_as_counting_them_says(timing: Timing, start: int) -> None:
    session = Session(start, timing)
    counted = starts_one_by_one(session, 100)
    assert [session.attempt_start(k) for k in range(100)] == counted


@given(timings(), ps, st.integers(0, 3000), st.integers(-100, 30_000))
def test_the_first_attempt_from_a_time_is_the_first_that_reaches_it(
    timing: Timing, start: int, offset: int, wait: int
) -> None:
    session = Session(start, timing)
    time = start + wait
    counted = starts_one_by_one(session, 1000)
    wanted = next(k for k, attempt in enumerate(counted) if attempt + offset >= time)
    assert session.first_attempt_from(offset, time) == wanted


@given(timings(), ps, st.integers(0, 30_000))
def test_time_splits_into_cooling_and_attempting(timing: Timing, start: int, wait: int) -> None:
    session = Session(start, timing)
    cooling, attempting = session.split(start + wait)
    spans = list(session.spans(start + wait, skipped=False))
    assert cooling + attempting == wait
    assert cooling == sum(end - begin for name, begin, end in spans if name == "cooling")
    assert attempting == sum(end - begin for name, begin, end in spans if name == "attempts")


@given(timings(), ps, st.integers(1, 30_000))
def test_spans_cover_a_session_without_a_gap(timing: Timing, start: int, wait: int) -> None:
    session = Session(start, timing)
    for skipped in (False, True):
        spans = list(session.spans(start + wait, skipped))
        assert spans[0][1] == start
        assert spans[-1][2] == start + wait
        assert all(left[2] == right[1] for left, right in pairwise(spans))


@given(timings(), ps, st.integers(-100, 30_000))
def test_the_check_that_sees_a_loss_is_the_first_after_it(
    timing: Timing, start: int, wait: int
) -> None:
    if timing.burst:
        session = Session(start, timing)
        cycle = session.cycle_of_check_after(start + wait)
        assert session.check(cycle) >= start + wait
        assert cycle == 0 or session.check(cycle - 1) < start + wait


def arm(name: str, length_m: float, preparation_s: float, cooling: Cooling | None) -> Arm:
    node = MemoryNode(
        excitation_probability=1.0,
        collection_efficiency=0.1,
        photon_lifetime_s=26e-9,
        atom_photon_fidelity=0.95,
        preparation_s=preparation_s,
        cooling=cooling,
        readout=Readout(duration_s=1e-6),
    )
    fibre = Fibre(length_m=length_m, attenuation_db_per_km=4.3)
    return Arm(name, node, fibre, ClassicalChannel(length_m=length_m))


def test_photons_of_unequal_arms_meet_and_the_period_holds_the_slower_round_trip() -> None:
    station = BellStation(
        detector=Detector(efficiency=0.6, dark_count_rate_hz=10.0),
        window_start_s=10e-9,
        window_length_s=90e-9,
        photon_overlap=1.0,
        accept=["psi+"],
        processing_s=1e-6,
    )
    near = arm("near", 0.0, 2e-6, Cooling(duration_s=1e-3, every_attempts=40))
    far = arm("far", 700.0, 3e-6, Cooling(duration_s=2e-3, every_attempts=20))
    timing = Timing.of((near, far), station)
    flight = round(700 * 1.468 / 299792458 * 1e12)
    arrivals = {e + f for e, f in zip(timing.emissions, timing.flights, strict=True)}
    assert arrivals == {3_000_000 + flight}
    assert timing.opening == 3_000_000 + flight + 10_000
    assert timing.decision == 3_000_000 + flight + 100_000 + 1_000_000
    assert timing.period == timing.decision + flight
    assert (timing.cooling, timing.burst) == (2_000_000_000, 20)
