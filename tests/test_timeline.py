"""The clock, its random streams, and life inside somebody else's SimPy environment."""

import numpy as np
import pytest
import simpy
from simpy.rt import RealtimeEnvironment

import qnetsim as qn
from qnetsim.rng import Streams
from qnetsim.timeline import HostedTimeline, Timeline


def test_messages_come_before_what_was_due_at_their_instant() -> None:
    timeline = Timeline(1)
    seen = []
    message = timeline.event()
    message.callbacks.append(lambda _: seen.append("message"))
    timeline.timeout(100).callbacks.append(lambda _: seen.append("attempt"))
    timeline.trigger(message, None, 100)
    timeline.play(None)
    assert seen == ["message", "attempt"]


def test_playing_stops_before_what_is_due_at_the_end() -> None:
    timeline = Timeline(1)
    seen = []
    for delay in (99, 100):
        timeline.timeout(delay).callbacks.append(lambda _: seen.append(timeline.now))
    timeline.play(100)
    assert seen == [99]
    assert timeline.now == 100
    timeline.play(200)
    assert seen == [99, 100]


def test_playing_into_the_past_is_refused_with_both_times() -> None:
    timeline = Timeline(1)
    timeline.play(50)
    with pytest.raises(qn.SimulationError, match=r"20 ps.*50 ps"):
        timeline.play(20)


def test_a_report_can_end_a_run() -> None:
    timeline = Timeline(1)

    def tick() -> object:
        while True:
            yield timeline.timeout(1)

    timeline.process(tick())
    assert timeline.play(10**6, lambda now: now < 5000) is False
    assert 5000 <= timeline.now < 10**6


def test_streams_depend_on_seed_and_name_alone() -> None:
    def draws(streams: Streams, name: str) -> list[float]:
        return [streams[name].uniform() for _ in range(5)]

    alone = Streams(7)
    crowd = Streams(7)
    draws(crowd, "charlie")
    assert draws(alone, "alice") == draws(crowd, "alice")
    assert draws(Streams(7), "alice") != draws(Streams(7), "bob")
    assert draws(Streams(7), "alice") != draws(Streams(8), "alice")


def test_geometric_and_exponential_draws_follow_their_laws() -> None:
    stream = Streams(3)["laws"]
    n, p = 200_000, 0.3
    geometric = np.array([stream.geometric(np.log1p(-p)) for _ in range(n)])
    for k in range(1, 8):
        wanted = p * (1 - p) ** (k - 1)
        # 5.6 standard errors on 8 figures: a false alarm below 1e-6.
        assert abs(np.mean(geometric == k) - wanted) < 5.6 * np.sqrt(wanted * (1 - wanted) / n)
    assert geometric.min() == 1
    exponential = np.array([stream.exponential(2.5) for _ in range(n)])
    assert abs(exponential.mean() - 2.5) < 5.6 * 2.5 / np.sqrt(n)


@pytest.mark.parametrize("resolution", ["herald", "attempt"])
def test_a_link_inside_a_callers_environment_plays_as_it_does_alone(
    small_network: qn.Network, protocol: qn.DIQKD, resolution: str
) -> None:
    own = qn.Simulation(small_network, protocol, seed=4, resolution=resolution).run(0.01)
    host = simpy.Environment(initial_time=5)
    hosted = qn.Simulation(
        small_network, protocol, seed=4, resolution=resolution, env=host, tick_s=1e-3
    )
    mine = []

    def other_work() -> object:
        while True:
            yield host.timeout(1)
            mine.append(host.now)

    host.process(other_work())
    host.run(until=15)
    result = hosted.result()
    assert mine == list(range(6, 15))
    assert np.array_equal(result.heralds.time_ps, own.heralds.time_ps)
    assert np.array_equal(result.rounds.a, own.rounds.a)
    assert result.attempts == own.attempts


def test_a_simulation_inside_a_callers_environment_can_drive_it_too(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    host = simpy.Environment()
    result = qn.Simulation(small_network, protocol, seed=4, env=host, tick_s=1.0).run(0.002)
    assert host.now == pytest.approx(0.002)
    assert len(result.heralds) > 0


def test_a_timeline_runs_on_a_real_time_clock() -> None:
    host = RealtimeEnvironment(factor=0.01, strict=False)
    timeline = HostedTimeline(1, host, tick_s=1e-9)
    seen = []

    def process() -> object:
        yield timeline.timeout(3000)
        seen.append(timeline.now)
        yield timeline.until(5000)
        seen.append(timeline.now)

    timeline.process(process())
    host.run(until=6)
    assert seen == [3000, 5000]
    assert timeline.peek() == host.peek()
