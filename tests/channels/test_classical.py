"""Messages that are late, lost and sent again."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qnetsim as qn
from qnetsim.rng import Streams

times = st.floats(1e-9, 1e-3)


def channel(**values: float) -> qn.ClassicalChannel:
    return qn.ClassicalChannel(length_m=100.0, **values)


def test_a_message_takes_the_latency_where_nothing_delays_it() -> None:
    steady = channel()
    assert steady.is_steady
    assert steady.extra_ps(Streams(1)["m"]) == 0
    assert steady.lateness() == [(0.0, 1.0)]


@pytest.mark.parametrize("seed", range(6))
def test_delays_follow_the_law_that_the_closed_form_integrates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    late = channel(
        jitter_mean_s=rng.choice([0.0, 2e-6]),
        loss_probability=rng.choice([0.0, 0.3]),
        retransmit_after_s=3e-6,
        allowance_s=rng.uniform(0, 15e-6),
    )
    stream = Streams(seed)["m"]
    n = 100_000
    drawn = [late.extra_ps(stream) for _ in range(n)]
    in_time = np.array([extra for extra in drawn if extra is not None]) * 1e-12
    law = late.lateness()
    chance = math.fsum(p for _, p in law)
    mean = math.fsum(t * p for t, p in law) / chance
    # 5.3 standard errors on twelve figures: a false alarm below 2e-6 in all.
    assert abs(len(in_time) - n * chance) <= 5.3 * math.sqrt(n * chance * (1 - chance)) + 1e-6
    assert abs(in_time.mean() - mean) <= 5.3 * in_time.std() / math.sqrt(n) + 1e-12


@given(times, st.floats(0, 0.99), times, times)
def test_the_chance_of_being_in_time_is_that_of_the_sum_of_both_delays(
    jitter: float, loss: float, again: float, allowance: float
) -> None:
    late = channel(
        jitter_mean_s=jitter, loss_probability=loss, retransmit_after_s=max(again, allowance / 500),
        allowance_s=allowance,
    )  # fmt: skip
    copies = range(int(allowance // late.retransmit_after_s) + 1)
    expected = math.fsum(
        (1 - loss) * loss**k * -math.expm1(-(allowance - k * late.retransmit_after_s) / jitter)
        for k in copies
        if allowance >= k * late.retransmit_after_s
    )
    assert math.fsum(p for _, p in late.lateness()) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_losses_need_a_time_to_send_again() -> None:
    with pytest.raises(qn.InvalidInputError, match="retransmit_after_s: must be above 0"):
        channel(loss_probability=0.1)


def test_a_longer_allowance_makes_attempts_longer(small_network: qn.Network) -> None:
    from qnetsim.protocols.session import Timing

    station = small_network.stations["bsm"]
    before = Timing.of(small_network.arms("main"), station).period
    key = ("bob", "bsm")
    patient = small_network.classical[key].model_copy(update={"allowance_s": 1e-6})
    small_network.classical[key] = patient
    assert Timing.of(small_network.arms("main"), station).period == before + 1_000_000
