"""A Monte Carlo of an array that knows no lanes, frames, photons or states: tokens in a queue.

A launcher fires the pair that waits longest, no sooner than a spacing after the one before. The
pair comes back after the round trip or, where it heralded, later still. It shares no code with
what it checks.
"""

from __future__ import annotations

import heapq
import random


def rate_hz(
    slots: int,
    chance: float,
    spacing_s: float,
    round_trip_s: float,
    away_s: float,
    *,
    heralds: int,
    seed: int,
) -> float:
    """Returns the heralds a second of pairs of slots that take turns."""
    draw = random.Random(seed).random
    back = [0.0] * slots
    free_s = start_s = 0.0
    found = 0
    begin_s = 0.0
    warm = heralds // 20
    while found < heralds + warm:
        start_s = max(free_s, heapq.heappop(back))
        free_s = start_s + spacing_s
        late_s = 0.0
        if draw() < chance:
            found += 1
            late_s = away_s
            if found == warm:
                begin_s = start_s
        heapq.heappush(back, start_s + round_trip_s + late_s)
    return heralds / (start_s - begin_s)
