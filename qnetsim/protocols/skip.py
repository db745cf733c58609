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
from collections.abc import Hashable, Iterator
from itertools import accumulate, product
from typing import NamedTuple

from qnetsim import units
from qnetsim.arm import Arm
from qnetsim.nodes.station import Packet, PacketLaw, Station
from qnetsim.protocols.session import Session, Timing
from qnetsim.rng import Stream

_IMPOSSIBLE = 1e-40
_STRETCHES_AT_ONCE = 64
_LAWS_KEPT = 4096


class Fate(NamedTuple):
    """How an attempt ends.

    Attributes:
        packets: the light of each node that reaches the station.
        cause: what makes the station click, as an index into its optics' causes.
        clicks: the detectors that click, as a click set.
    """

    packets: tuple[Packet, Packet]
    cause: int
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


class SkipAhead:
    """Draws a link's next herald.

    Args:
        arms: the link's two sides.
        station: the station in time, whose blind detectors this reads and, for the clicks of the
            attempts that it skips, sets.
        timing: the link's clockwork.
        stream: where the draws come from.
        shared: whether clicks of other attempts can blind the detectors meanwhile: each click is
            told then, as if every detector saw.
    """

    def __init__(
        self,
        arms: tuple[Arm, Arm],
        station: Station,
        timing: Timing,
        stream: Stream,
        shared: bool = False,
    ) -> None:
        self._arms = arms
        self._station = station
        self._timing = timing
        self._stream = stream
        self._heralds = frozenset(station.spec.heralds)
        dead_time = units.to_ps(station.spec.detector.dead_time_s)
        self._remembers = dead_time > timing.period and not shared
        self._tells_clicks = shared
        self._drifts = any(arm.channel.drift_db_per_hour for arm in arms)
        self._given: dict[Hashable, float] = {}
        self._steady: dict[tuple[tuple[bool, bool], int], EventLaw] = {}

    def next_herald(
        self, session: Session, losses_ps: tuple[int, int], attempt: int, end: int
    ) -> tuple[int, Fate | None]:
        """Draws the next attempt of a session that heralds, or clicks where clicks are told.

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
            if fate.clicks in self._heralds or self._tells_clicks:
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
            changes.append((emission, arm.channel.next_realignment_ps(start + emission)))
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
            bound = self._bound(self._transmissions(session, attempt, there), blinded)
            attempt += self._geometric(bound)
            if attempt >= end:
                break
            transmissions = self._transmissions(session, attempt, there)
            if bound * self._stream.uniform() < self._chance(transmissions, blinded):
                return attempt, self._law(transmissions, blinded).pick(self._stream.uniform())
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
            transmissions = self._transmissions(Session(0, self._timing), 0, there)
            self._steady[key] = self._law(transmissions, blinded)
        return self._steady[key]

    def _bound(self, transmissions: tuple[float, float], blinded: int) -> float:
        """Returns a bound on an event's chance while no transmission rises."""
        first, second = (
            self._station.optics.corners(port, transmission)
            for port, transmission in enumerate(transmissions)
        )
        return max(self._mean(*laws, blinded) for laws in product(first, second))

    def _transmissions(
        self, session: Session, attempt: int, there: tuple[bool, bool]
    ) -> tuple[float, float]:
        """Returns each channel's transmission in an attempt; none where no particle emits."""
        start = session.attempt_start(attempt)
        first, second = (
            arm.transmission(start + emission) if particle else 0.0
            for arm, emission, particle in zip(
                self._arms, self._timing.emissions, there, strict=True
            )
        )
        return first, second

    def _chance(self, transmissions: tuple[float, float], blinded: int) -> float:
        """Returns the chance that an attempt ends in an event."""
        return self._mean(*self._arriving(transmissions), blinded)

    def _arriving(self, transmissions: tuple[float, float]) -> tuple[PacketLaw, PacketLaw]:
        first, second = (
            self._station.optics.arriving(port, transmission)
            for port, transmission in enumerate(transmissions)
        )
        return first, second

    def _mean(self, first: PacketLaw, second: PacketLaw, blinded: int) -> float:
        """Returns an event's chance, averaged over the light that reaches the station."""
        return math.fsum(
            share * other * self._given_packets((packet, beside), blinded)
            for packet, share in first
            for beside, other in second
        )

    def _given_packets(self, packets: tuple[Packet, Packet], blinded: int) -> float:
        key = packets, blinded
        if key not in self._given:
            if len(self._given) >= _LAWS_KEPT:
                self._given.clear()
            self._given[key] = math.fsum(chance for _, chance in self._events(packets, blinded))
        return self._given[key]

    def _law(self, transmissions: tuple[float, float], blinded: int) -> EventLaw:
        """Returns the events of an attempt: heralds, or any click where clicks are remembered."""
        first, second = self._arriving(transmissions)
        events = [
            (fate, share * other * chance)
            for packet, share in first
            for beside, other in second
            for fate, chance in self._events((packet, beside), blinded)
        ] or [(Fate((None, None), 0, 0), 0.0)]
        fates, chances = zip(*events, strict=True)
        cumulative = list(accumulate(chances))
        return EventLaw(list(fates), cumulative, cumulative[-1])

    def _events(self, packets: tuple[Packet, Packet], blinded: int) -> Iterator[tuple[Fate, float]]:
        """Yields the events that light in the station can lead to, with their chances."""
        every_click = self._remembers or self._tells_clicks
        for cause, row in enumerate(self._station.chances(packets, blinded)):
            for clicks, chance in enumerate(row):
                if chance > 0 and (clicks in self._heralds or (every_click and clicks)):
                    yield Fate(packets, cause, clicks), chance
