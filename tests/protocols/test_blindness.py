"""Detectors that stay blind, against an event-by-event Monte Carlo that shares no code."""

import math
from collections import Counter

import numpy as np
import pytest

from qnetsim.protocols.blindness import (
    ClickLaw,
    Sessions,
    blind_attempts,
    is_tractable,
    remembered_attempts,
)
from qnetsim.protocols.session import Timing

PERIOD = 1_000_000
DEAD_TIME = 2_700_000
DETECTORS = (1, 2, 4)
CLICKS = np.array([0.55, 0.08, 0.06, 0.07, 0.1, 0.05, 0.06, 0.03])
"""Chances of the click sets while all see; a blind detector's click is not seen."""

HERALDS = frozenset({3, 5})
FIVE_SIGMA = 5.0


def timing(cooling: int = 0, burst: int = 0) -> Timing:
    return Timing(
        period=PERIOD,
        emissions=(0, 0),
        flights=(0, 0),
        opening=0,
        decision=PERIOD,
        latencies=(0, 0),
        cooling=cooling,
        burst=burst,
    )


def seen(blind: int) -> list[float]:
    chances = [0.0] * len(CLICKS)
    for clicks, chance in enumerate(CLICKS):
        chances[clicks & ~blind] += chance
    return chances


LAW = {blind: seen(blind) for blind in range(8)}


def played_shares(
    sessions: Sessions, heard: float, attempts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Plays attempts in time; returns each blind set's share and its standard error."""
    rng = np.random.default_rng(seed)
    clock, number, blind_until = 0, 0, [-math.inf] * len(DETECTORS)
    blocks = [Counter() for _ in range(200)]
    cooling, burst = sessions.timing.cooling, sessions.timing.burst
    lost_by = rng.exponential(1e12 / sessions.loss_per_s) if sessions.loss_per_s else math.inf
    for attempt in range(attempts):
        blind = sum(d for d, until in zip(DETECTORS, blind_until, strict=True) if until > clock)
        blocks[attempt * 200 // attempts][blind] += 1
        clicks = int(rng.choice(len(CLICKS), p=CLICKS)) & ~blind
        for k, detector in enumerate(DETECTORS):
            if clicks & detector:
                blind_until[k] = clock + DEAD_TIME
        number += 1
        if clicks in HERALDS and rng.random() < heard:
            clock, number = clock + round(sessions.pause_s * 1e12), 0
            if sessions.loss_per_s:
                lost_by = clock + rng.exponential(1e12 / sessions.loss_per_s)
            continue
        clock += PERIOD + (cooling if burst and not number % burst else 0)
        if clock > lost_by:
            clock, number = clock + 10 * DEAD_TIME, 0
            lost_by = clock + rng.exponential(1e12 / sessions.loss_per_s)
    table = np.array([[block[blind] for blind in range(8)] for block in blocks]) / (attempts / 200)
    return table.mean(axis=0), table.std(axis=0, ddof=1) / math.sqrt(200)


@pytest.mark.parametrize(
    ("clockwork", "loss_per_s", "pause_s", "heard"),
    [
        (timing(), 0.0, 1e-3, 1.0),
        (timing(), 0.0, 1.4e-6, 1.0),
        (timing(), 0.0, 1.0e-6, 0.3),
        (timing(cooling=600_000, burst=4), 0.0, 2.2e-6, 1.0),
        (timing(cooling=100_000, burst=2), 5e4, 1.9e-6, 0.5),
        (timing(cooling=9_000_000, burst=3), 2e4, 1e-3, 1.0),
    ],
    ids=["long pause", "short pause", "no pause", "bursts", "losses", "long cooling"],
)
def test_shares_of_blind_detectors_are_those_of_attempts_played_in_time(
    clockwork: Timing, loss_per_s: float, pause_s: float, heard: float
):
    sessions = Sessions(clockwork, loss_per_s, pause_s)
    law = ClickLaw(LAW, HERALDS, heard)
    shares = blind_attempts(sessions, DEAD_TIME, DETECTORS, law).shares
    mean, error = played_shares(sessions, heard, 200_000, seed=11)
    assert math.fsum(shares.values()) == pytest.approx(1, abs=1e-12)
    for blind in range(8):
        assert abs(mean[blind] - shares.get(blind, 0.0)) <= FIVE_SIGMA * error[blind]


def test_one_detector_is_blind_for_the_share_of_a_renewal_process():
    remembered, chance = remembered_attempts(timing(), 40 * PERIOD), 1e-3
    assert remembered == 39
    law = ClickLaw({0: [1 - chance, chance], 1: [1.0, 0.0]}, frozenset())
    shares = blind_attempts(Sessions(timing(), 0.0, 1.0), 40 * PERIOD, (1,), law).shares
    blind = remembered * chance / (1 + remembered * chance)
    assert shares[1] == pytest.approx(blind, rel=1e-9)


def test_rare_heralds_leave_the_shares_of_endless_sessions():
    chance = 1e-9
    law = ClickLaw({0: [0.9, 0.1 - chance, chance], 1: [1.0, 0.0, 0.0]}, frozenset({2}))
    shares = blind_attempts(Sessions(timing(), 0.0, 1.0), 3 * PERIOD, (1,), law).shares
    assert shares[1] == pytest.approx(0.2 / 1.2, rel=1e-6)


@pytest.mark.parametrize(("dead_time", "attempts"), [(0, 0), (PERIOD, 0), (PERIOD + 1, 1)])
def test_a_click_blinds_the_attempts_that_open_within_the_dead_time(dead_time: int, attempts: int):
    assert remembered_attempts(timing(), dead_time) == attempts


def test_four_detectors_are_followed_through_ten_attempts_and_two_through_a_hundred():
    assert is_tractable(4, 10)
    assert not is_tractable(4, 11)
    assert is_tractable(2, 100)
