"""Renewal theory of a heralded link whose particles load, get lost and are checked.

A session begins with both particles there and memoryless lifetimes, so sessions are the renewals:
the rate of heralds is the chance that a session ends in one over the mean time from session to
session. Messages' latencies count exactly where loading is instant, and to within one latency
where a trap loads.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.protocols.session import Timing
from qnetsim.units import to_seconds

_INSTANT_PER_S = 1e15

Vector = NDArray[np.float64]

_THERE = ((True, True), (True, False), (False, True), (False, False))
_BOTH: Vector = np.array([1.0, 0.0, 0.0, 0.0])


class SlotRates(NamedTuple):
    """What a slot does between sessions.

    Attributes:
        loading_per_s: rate at which an empty trap catches a particle; infinite for at once.
        loss_per_s: rate at which a particle is lost.
        round_s: from the herald's decision until the slot has recovered from its round.
        latency_s: of its message to the station.
        keeps_particle: whether the round leaves the particle in the trap.
    """

    loading_per_s: float
    loss_per_s: float
    round_s: float
    latency_s: float
    keeps_particle: bool


class Renewal(NamedTuple):
    """Averages over a session and the time until the next, or over a cycle of an endless one.

    Attributes:
        heralds: chance that the session ends in a herald.
        attempts: mean number of attempts.
        attempting_s: mean time spent on them.
        length_s: mean time from the session's announcement to the next one's.
        gap_s: how much of it passes between its end and the next one's announcement.
        with_particles: (4,), mean number of attempts while the particles there are both, the
            first's, the second's, none.
    """

    heralds: float
    attempts: float
    attempting_s: float
    length_s: float
    gap_s: float
    with_particles: Vector


class _Cycle(NamedTuple):
    """Averages over one cooling cycle that starts with both particles there, in s.

    Attributes:
        heralds: (4,), chance of a herald while the particles there are these.
        attempts: (4,), mean number of attempts while the particles there are both, the first's,
            the second's, none.
        herald_s: mean time from the check to the herald's decision, zero where there is none.
        survivors: chances at the next check, without a herald, that the particles left are
            both, the first's, the second's, none.
    """

    heralds: Vector
    attempts: Vector
    herald_s: float
    survivors: Vector


def session_renewal(
    timing: Timing, slots: tuple[SlotRates, SlotRates], herald_chances: Vector
) -> Renewal:
    """Returns the averages of a link's sessions.

    Args:
        timing: the link's clockwork.
        slots: the slots' rates.
        herald_chances: (n, 4), chance of a herald in the first n attempts of a burst while the
            particles there are both, the first's, the second's, none; the last row holds for all
            later ones.
    """
    go_s = _go_s(slots)
    period_s = to_seconds(timing.period)
    decision_s = to_seconds(timing.decision)
    if not timing.burst:
        if not herald_chances[0, 0]:
            return Renewal(0.0, 1.0, period_s, period_s, 0.0, _BOTH)
        attempts = 1 / herald_chances[0, 0]
        after_herald = _gap_after_round(slots)
        attempting = (attempts - 1) * period_s + decision_s
        length_s = go_s + attempting + after_herald
        return Renewal(1.0, attempts, attempting, length_s, after_herald, attempts * _BOTH)
    cooling_s = to_seconds(timing.cooling)
    cycle_s = to_seconds(timing.cycle)
    burst_s = cycle_s - cooling_s
    first_check = _survivors(slots, (go_s + cooling_s,) * 2)[0]
    cycle = _cycle(timing, slots, herald_chances)
    herald = float(cycle.heralds.sum())
    exits = herald + cycle.survivors[1:].sum()
    if not exits:
        return Renewal(0.0, float(cycle.attempts.sum()), burst_s, cycle_s, 0.0, cycle.attempts)
    cycles = first_check[0] / exits
    lost = first_check + cycles * cycle.survivors
    gaps = [_gap_after_round(slots, there) for there in _THERE]
    gap = cycles * float(cycle.heralds @ gaps)
    gap += float(np.dot(lost[1:], _gaps_after_loss(slots)[1:]))
    quiet = 1 - herald
    session_s = go_s + cooling_s + cycles * (cycle.herald_s + quiet * cycle_s)
    return Renewal(
        cycles * herald,
        cycles * float(cycle.attempts.sum()),
        cycles * (cycle.herald_s + quiet * burst_s),
        session_s + gap,
        gap,
        cycles * cycle.attempts,
    )


def working_share(timing: Timing, slots: tuple[SlotRates, SlotRates], renewal: Renewal) -> float:
    r"""Returns the share of time that recalibrations leave to the sessions.

    A recalibration of length c is due t after the last, and waits w for the cycle or the gap at
    hand. Behind it particles that were lost meanwhile load again, in a time g with an exponential
    law, and a session that it broke off begins anew, in a time r. Sessions are memoryless, so they
    go on as if nothing had happened:

    .. math:: \frac{t + w - r - \langle\min(g, t)\rangle}{t + w + c + \langle\max(g - t, 0)\rangle}

    with w and r as means. Approximate where t is no more than a few gaps.

    Args:
        timing: the link's clockwork.
        slots: the slots' rates.
        renewal: of the sessions without recalibrations.
    """
    if not timing.calibration:
        return 1.0
    calibration_s, due_s = to_seconds(timing.calibration), to_seconds(timing.calibrate_every)
    survivors = _survivors(slots, (calibration_s,) * 2)[0][1:]
    loading_s = _gaps_after_loss(slots)[1:]
    late_s = float(survivors @ (loading_s * np.exp(-due_s / loading_s)))
    again_s = float(survivors @ loading_s) - late_s
    between = renewal.gap_s / renewal.length_s
    wait_s = (1 - between) * to_seconds(timing.cycle or timing.period) / 2 + between * renewal.gap_s
    again_s += (1 - between) * (_go_s(slots) + to_seconds(timing.cooling))
    return max(0.0, due_s + wait_s - again_s) / (due_s + wait_s + calibration_s + late_s)


def pause_after_herald_s(timing: Timing, slots: tuple[SlotRates, SlotRates]) -> float:
    """Returns the mean time from an attempt that heralds to the next session's first, in s.

    Both count from their starts.

    Args:
        timing: the link's clockwork.
        slots: the slots' rates.
    """
    pause_s = to_seconds(timing.decision + timing.cooling)
    return pause_s + _gap_after_round(slots) + _go_s(slots)


def _go_s(slots: tuple[SlotRates, SlotRates]) -> float:
    """Returns the time from both slots' announcement to the session's start."""
    return max(slot.latency_s for slot in slots)


@lru_cache(maxsize=64)
def _survivors(
    slots: tuple[SlotRates, SlotRates], times_s: tuple[float, float]
) -> NDArray[np.float64]:
    """Returns the chances, shape (4, 4), of which particles are left after each slot's time.

    Rows are what was there, columns what is left: both, the first's, the second's, none.
    """
    keep = [math.exp(-slot.loss_per_s * t) for slot, t in zip(slots, times_s, strict=True)]
    first, second = (np.array([[k, 1 - k], [0.0, 1.0]]) for k in keep)
    return np.kron(first, second)


def _cycle(timing: Timing, slots: tuple[SlotRates, SlotRates], herald_chances: Vector) -> _Cycle:
    """Sums over the attempts of a burst; from the last row on a matrix power does it in log(n)."""
    period_s = to_seconds(timing.period)
    survive = _survivors(slots, (period_s,) * 2)
    first_pulse, second_pulse = (to_seconds(emission) for emission in timing.emissions)
    before = _survivors(slots, (first_pulse, second_pulse))[0]
    attempts, heralds, index_sum = np.zeros(4), np.zeros(4), 0.0
    first = herald_chances[: timing.burst]
    for index, chances in enumerate(first[:-1]):
        attempts += before
        heralds += before * chances
        index_sum += index * float(before @ chances)
        before = (before * (1 - chances)) @ survive
    begun, chances = len(first) - 1, first[-1]
    left = timing.burst - begun
    last, total, sums = _power_sums(before, np.diag(1 - chances) @ survive, left)
    index_sum += float(((begun + left) * total - sums) @ chances)
    heralds += total * chances
    cycle_s = period_s + to_seconds(timing.cooling)
    to_check = cycle_s - first_pulse, cycle_s - second_pulse
    return _Cycle(
        heralds,
        attempts + total,
        index_sum * period_s + float(heralds.sum()) * to_seconds(timing.decision),
        (last * (1 - chances)) @ _survivors(slots, to_check),
    )


def _power_sums(start: Vector, step: Vector, count: int) -> tuple[Vector, Vector, Vector]:
    """Returns the last of so many vectors v, v step, v step^2, ..., their sum, and the sum of sums.

    The sum of sums weighs the first vector with the count and the last one with 1.
    """
    # (v, sum of v, sum of sums) -> one step later.
    zero, one = np.zeros((4, 4)), np.eye(4)
    advance = np.block([[step, one, one], [zero, one, one], [zero, zero, one]])
    after = np.concatenate([start, np.zeros(8)]) @ np.linalg.matrix_power(advance, count - 1)
    last, total, sums = after[:4], after[4:8], after[8:]
    total = total + last
    return last, total, sums + total


@lru_cache(maxsize=64)
def _gaps_after_loss(slots: tuple[SlotRates, SlotRates]) -> Vector:
    """Returns the mean time until both particles are there and announced, shape (4,).

    The entries are for what is there at first: both, the first's, the second's, none.
    """
    (m1, l1), (m2, l2) = (
        (min(slot.loading_per_s, _INSTANT_PER_S), slot.loss_per_s) for slot in slots
    )
    # Unknowns: only the first's there, only the second's there, none there.
    balance = np.array([[m2 + l1, 0.0, -l1], [0.0, m1 + l2, -l2], [-m1, -m2, m1 + m2]])
    waits = np.linalg.solve(balance, np.ones(3))
    return np.concatenate([[0.0], waits]) + max(slot.latency_s for slot in slots)


@lru_cache(maxsize=64)
def _gap_after_round(
    slots: tuple[SlotRates, SlotRates], there: tuple[bool, bool] = (True, True)
) -> float:
    """Returns the mean time from a herald's decision until both particles are announced.

    Args:
        slots: the slots' rates.
        there: whether either particle was there to make the herald.
    """
    if all(_instant(slot) for slot in slots):
        return max(slot.round_s + slot.latency_s for slot in slots)
    (early, one), (late, other) = sorted(
        zip(slots, there, strict=True), key=lambda pair: pair[0].round_s
    )
    rate = min(early.loading_per_s, _INSTANT_PER_S) + early.loss_per_s
    balance = min(early.loading_per_s, _INSTANT_PER_S) / rate
    decay = math.exp(-rate * (late.round_s - early.round_s))
    here = balance + (_there_after_round(early, one) - balance) * decay
    beside = _there_after_round(late, other)
    chances = np.kron([here, 1 - here], [beside, 1 - beside])
    return late.round_s + float(chances @ _gaps_after_loss((early, late)))


def _instant(slot: SlotRates) -> bool:
    reloads = not slot.keeps_particle or slot.loss_per_s > 0
    return not (reloads and math.isfinite(slot.loading_per_s))


def _there_after_round(slot: SlotRates, there: bool) -> float:
    """Returns the chance that a particle is there once the round is over."""
    return math.exp(-slot.loss_per_s * slot.round_s) if slot.keeps_particle and there else 0.0
