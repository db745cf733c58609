"""The renewal theory of a link against a Monte Carlo that shares no code with it."""

import math

import numpy as np
import pytest

from qnetsim.protocols.renewal import SlotRates, session_renewal
from qnetsim.protocols.session import Timing

SECOND = 10**12


class PlayedLink:
    """A link played attempt by attempt with numpy alone."""

    def __init__(
        self,
        timing: Timing,
        slots: tuple[SlotRates, SlotRates],
        chances: list[float],
        seed: int,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.timing, self.slots, self.chances = timing, slots, chances
        self.ready, self.lost = [0.0, 0.0], [0.0, 0.0]
        self.attempting = 0.0
        for slot in (0, 1):
            self.reload(slot, 0.0)

    def reload(self, slot: int, start: float) -> None:
        rates = self.slots[slot]
        self.ready[slot] = start + self.rng.exponential(1 / rates.loading_per_s)
        self.lost[slot] = self.ready[slot] + self.rng.exponential(1 / rates.loss_per_s)

    def wait(self) -> float:
        """Returns when both particles are there and announced; those lost meanwhile reload."""
        while True:
            early = 0 if self.ready[0] <= self.ready[1] else 1
            if self.lost[early] >= self.ready[1 - early]:
                latency = max(slot.latency_s for slot in self.slots)
                return max(self.ready) + 2 * latency
            self.reload(early, self.lost[early])

    def session(self, now: float) -> tuple[float, bool]:
        """Plays cycles from a time on; returns when they end and whether in a herald."""
        timing = self.timing
        while True:
            now += timing.cooling / SECOND
            if min(self.lost) <= now:
                return now, False
            for attempt in range(timing.burst):
                start = now + attempt * timing.period / SECOND
                gone = [
                    start + pulse / SECOND >= lost
                    for pulse, lost in zip(timing.emissions, self.lost, strict=True)
                ]
                if self.rng.random() < self.chances[2 * gone[0] + gone[1]]:
                    end = start + timing.decision / SECOND
                    self.attempting += end - now
                    return end, True
            self.attempting += timing.burst * timing.period / SECOND
            now += timing.burst * timing.period / SECOND

    def herald_times(self, count: int) -> list[float]:
        times = []
        while len(times) < count:
            now, heralded = self.session(self.wait())
            for slot in (0, 1):
                if heralded:
                    self.reload(slot, now + self.slots[slot].round_s)
                elif self.lost[slot] <= now:
                    self.reload(slot, now)
                else:
                    self.ready[slot] = now
            if heralded:
                times.append(now)
        return times


@pytest.mark.parametrize("shutter_s", [0.0, 0.3])
def test_rate_and_duty_agree_with_playing_every_attempt(shutter_s: float) -> None:
    period = SECOND // 100
    timing = Timing(
        period=period,
        emissions=(period // 3, period // 5),
        flights=(0, 0),
        opening=period // 2,
        decision=period * 3 // 4,
        latencies=(SECOND // 10_000, SECOND // 10_000),
        cooling=SECOND // 40,
        burst=12,
    )
    slots = (
        SlotRates(2.0, 0.35, 0.05, 1e-4, False),
        SlotRates(1.1, 0.6, 0.05 + shutter_s, 1e-4, False),
    )
    chances = [0.01, 0.002, 0.003, 0.001]
    renewal = session_renewal(timing, slots, np.array([chances]))
    link = PlayedLink(timing, slots, chances, seed=3)
    times = link.herald_times(8_000)
    gaps = np.diff(times)
    # 4.9 standard errors: a false alarm of 1e-6.
    error = gaps.std() / math.sqrt(len(gaps))
    assert abs(renewal.length_s / renewal.heralds - gaps.mean()) < 4.9 * error
    duty = link.attempting / times[-1]
    assert renewal.attempting_s / renewal.length_s == pytest.approx(duty, rel=0.02)


def test_a_link_that_never_pauses_heralds_with_the_period_and_the_chance() -> None:
    timing = Timing(1000, (10, 10), (0, 0), 20, 400, (100, 200), 0, 0)
    slot = SlotRates(math.inf, 0.0, 300e-12, 100e-12, True)
    late = SlotRates(math.inf, 0.0, 350e-12, 200e-12, True)
    renewal = session_renewal(timing, (slot, late), np.array([[0.25, 0, 0, 0]]))
    assert renewal.attempts == 4
    # three failures, the herald's decision, the later round and message, and the message to go.
    assert renewal.length_s == pytest.approx((3 * 1000 + 400 + 550 + 200) * 1e-12)
