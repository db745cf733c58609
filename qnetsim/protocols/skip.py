"""Skip-ahead: draws which attempt of a session heralds next, without playing those that fail.

The law is that of playing each attempt. The attempts fall into stretches in which nothing but a
slow loss of transmission changes: a lost particle, a realigned fibre or a detector that sees
again ends a stretch. Within one, attempts are skipped geometrically under a bound on the chance
of an event, and an event is kept with its true chance over the bound (thinning; Lewis and
Shedler 1979), so a drifting chance is exact too. Where a detector's dead time outlasts an
attempt, any click is an event, because it blinds its detector for the attempts that follow.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate, product
from operator import mul
from typing import NamedTuple

from qnetsim import units
from qnetsim.network import Arm
from qnetsim.nodes.bsm import Station
from qnetsim.physics.interference import N_CLICK_SETS
from qnetsim.protocols.session import Session, Timing
from qnetsim.rng import Stream

_IMPOSSIBLE = 1e-40
_STRETCHES_AT_ONCE = 64


class Fate(NamedTuple):
    """How an attempt ends.

    Attributes:
        arrivals: bit i is set where node i's photon reaches the station.
        clicks: the detectors that click, as a click set.
    """

    arrivals: int
    clicks: int


class EventLaw(NamedTuple):
    """The events that an attempt can end in, and their chances.

    Attributes:
        fates: the events.
        cumulative: running sums of their chances.
        chance: the chance that an attempt ends in one of them.
    """

    fates: list[Fate]
    cumulative: list[float]
    chance: float

    def pick(self, uniform: float) -> Fate:
        """Returns the event that a number uniform on [0, 1) stands for."""
        last = len(self.fates) - 1
        return self.fates[bisect_right(self.cumulative, uniform * self.chance, 0, last)]


def arrival_chances(photons: tuple[float, float]) -> tuple[float, float, float, float]:
    """Returns the chance of each set of arrivals, given each photon's chance of arriving."""
    first, second = photons
    return (
        (1 - first) * (1 - second),
        first * (1 - second),
        (1 - first) * second,
        first * second,
    )


class SkipAhead:
    """Draws a link's next herald.

    Args:
        arms: the link's two sides.
        station: the station in time, whose blind detectors this reads and, for the clicks of the
            attempts that it skips, sets.
        timing: the link's clockwork.
        stream: where the draws come from.
    """

    def __init__(
        self, arms: tuple[Arm, Arm], station: Station, timing: Timing, stream: Stream
    ) -> None:
        self._arms = arms
        self._station = station
        self._timing = timing
        self._stream = stream
        self._heralds = frozenset(station.spec.heralds)
        dead_time = units.to_ps(station.spec.detector.dead_time_s)
        self._remembers = dead_time > timing.period
        self._drifts = any(arm.fibre.drift_db_per_hour for arm in arms)
        self._clicks: dict[int, list[list[float]]] = {}
        self._given_arrivals: dict[int, list[float]] = {}
        self._steady: dict[tuple[tuple[bool, bool], int], EventLaw] = {}

    def next_herald(
        self, session: Session, losses_ps: tuple[int, int], attempt: int, end: int
    ) -> tuple[int, Fate | None]:
        """Draws the next attempt of a session that heralds.

        Args:
            session: the session.
            losses_ps: when each slot's particle leaves, in ps.
            attempt: the first attempt to consider.
            end: the first attempt that is not made.

        Returns:
            The attempt's number and fate; or, with ``None``, up to which attempt none heralds:
            ``end``, or less where that took many stretches, so that a run can end meanwhile.
        """
        first, second = self._timing.emissions
        lost_from = (
            session.first_attempt_from(first, losses_ps[0]),
            session.first_attempt_from(second, losses_ps[1]),
        )
        for _ in range(_STRETCHES_AT_ONCE):
            if attempt >= end:
                break
            stretch_end, blinded = self._stretch(session, attempt, lost_from, end)
            there = attempt < lost_from[0], attempt < lost_from[1]
            found = self._event_in(session, attempt, stretch_end, there, blinded)
            if found is None:
                attempt = stretch_end
                continue
            attempt, fate = found
            if fate.clicks in self._heralds:
                return attempt, fate
            opening = session.attempt_start(attempt) + self._timing.opening
            self._station.blind(fate.clicks, opening)
            attempt += 1
        return attempt, None

    def _stretch(
        self, session: Session, attempt: int, lost_from: tuple[int, int], end: int
    ) -> tuple[int, int]:
        """Returns where the stretch from an attempt on ends, and its blind detectors."""
        for lost in lost_from:
            if attempt < lost < end:
                end = lost
        if not (self._remembers or self._drifts):
            return end, 0
        blinded = 0
        start = session.attempt_start(attempt)
        changes = []
        if self._remembers:
            opening = start + self._timing.opening
            blinded = self._station.blind_at(opening)
            changes.append((self._timing.opening, self._station.sight_returns_ps(opening)))
        for arm, emission in zip(self._arms, self._timing.emissions, strict=True):
            changes.append((emission, arm.fibre.next_realignment_ps(start + emission)))
        later = (session.first_attempt_from(offset, change) for offset, change in changes)
        return min(end, *later), blinded

    def _event_in(
        self,
        session: Session,
        attempt: int,
        end: int,
        there: tuple[bool, bool],
        blinded: int,
    ) -> tuple[int, Fate] | None:
        """Draws the first event from an attempt on and before another."""
        if not self._drifts:
            law = self._steady_law(there, blinded)
            attempt += self._geometric(law.chance)
            return (attempt, law.pick(self._stream.uniform())) if attempt < end else None
        while attempt < end:
            bound = self._bound(self._photons(session, attempt, there), blinded)
            attempt += self._geometric(bound)
            if attempt >= end:
                break
            photons = self._photons(session, attempt, there)
            if bound * self._stream.uniform() < self._chance(photons, blinded):
                return attempt, self._law(photons, blinded).pick(self._stream.uniform())
            attempt += 1
        return None

    def _geometric(self, chance: float) -> int:
        """Draws how many attempts come before the first event."""
        if chance < _IMPOSSIBLE:
            return units.NEVER_PS
        return self._stream.geometric(math.log1p(-chance)) - 1 if chance < 1 else 0

    def _steady_law(self, there: tuple[bool, bool], blinded: int) -> EventLaw:
        """Returns the law of an attempt where nothing drifts."""
        key = there, blinded
        if key not in self._steady:
            photons = self._photons(Session(0, self._timing), 0, there)
            self._steady[key] = self._law(photons, blinded)
        return self._steady[key]

    def _bound(self, photons: tuple[float, float], blinded: int) -> float:
        """Returns a bound on an event's chance while no photon's chance of arriving rises.

        The chance is linear in each photon's, so its largest value stands at a corner.
        """
        first, second = photons
        return max(self._chance(box, blinded) for box in product((0.0, first), (0.0, second)))

    def _photons(
        self, session: Session, attempt: int, there: tuple[bool, bool]
    ) -> tuple[float, float]:
        """Returns each photon's chance of reaching the station in an attempt."""
        start = session.attempt_start(attempt)
        first, second = (
            arm.node.emission_probability * arm.fibre.transmission(start + emission)
            if particle
            else 0.0
            for arm, emission, particle in zip(
                self._arms, self._timing.emissions, there, strict=True
            )
        )
        return first, second

    def _chance(self, photons: tuple[float, float], blinded: int) -> float:
        """Returns the chance that an attempt ends in an event."""
        if blinded not in self._given_arrivals:
            certain = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
            laws = [self._law(photons, blinded) for photons in certain]
            self._given_arrivals[blinded] = [law.chance for law in laws]
        given = self._given_arrivals[blinded]
        return math.fsum(map(mul, arrival_chances(photons), given))

    def _law(self, photons: tuple[float, float], blinded: int) -> EventLaw:
        """Returns the events of an attempt: heralds, or any click where clicks are remembered."""
        if blinded not in self._clicks:
            self._clicks[blinded] = self._station.probabilities(blinded).tolist()
        table = self._clicks[blinded]
        events = [
            (Fate(arrivals, clicks), weight * table[arrivals][clicks])
            for arrivals, weight in enumerate(arrival_chances(photons))
            for clicks in range(1, N_CLICK_SETS)
            if (self._remembers or clicks in self._heralds) and table[arrivals][clicks] > 0
        ] or [(Fate(0, 0), 0.0)]
        fates, chances = zip(*events, strict=True)
        cumulative = list(accumulate(chances))
        return EventLaw(list(fates), cumulative, cumulative[-1])
