"""One place in a link's frame: it plays the sessions of the slots that hold it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import simpy

from qnetsim.nodes.station import Packet, Reading, Station
from qnetsim.optics import Arms
from qnetsim.protocols.heralds import Pair
from qnetsim.protocols.schedule import Schedule
from qnetsim.protocols.session import Session, Timing
from qnetsim.protocols.skip import Fate, SkipAhead
from qnetsim.timeline import Timeline
from qnetsim.units import NEVER_PS, to_ps

Heralded = Generator[simpy.Event, Any, bool]
"""Plays a session; returns whether a herald ends it."""

OnHerald = Callable[[Session, int, Reading, "Station", Pair], bool]


class Attempts:
    """Plays single attempts of a link through its components.

    Args:
        arms: the link's sides.
        timing: its clockwork.
        timeline: the clock.
        name: the link's, whose streams it draws from.
        dark: the light of a node that sends none.
    """

    def __init__(
        self, arms: Arms, timing: Timing, timeline: Timeline, name: str, dark: Packet
    ) -> None:
        streams = timeline.streams
        self._arms = arms
        self._timing = timing
        self._timeline = timeline
        self._dark = dark
        self._pulses = sorted(zip(timing.emissions, (0, 1), strict=True))
        self._emission = tuple(streams[f"{arm.name}.emission"] for arm in arms)
        self._channels = streams[f"{name}.fibre"]
        self._transmissions = [
            None if arm.channel.drift_db_per_hour else arm.best_transmission for arm in arms
        ]

    def play(
        self, station: Station, pair: Pair, start: int, fate: Fate | None, *, seeing: bool
    ) -> Generator[simpy.Event, Any, Reading]:
        """Plays an attempt that starts at a time in ps, and returns what the station saw.

        Args:
            station: where the light goes.
            pair: whose it is.
            start: when.
            fate: how it ends, where that was drawn before.
            seeing: see ``Station.close``.
        """
        timeline, timing = self._timeline, self._timing
        opening = start + timing.opening
        for emission, port in self._pulses:
            wait = start + emission - timeline.now
            if wait:
                yield timeline.timeout(wait)
            slot = pair[port].slot
            slot.excite()
            packet = fate.packets[port] if fate else self._send(station, pair, port)
            if packet != self._dark:
                flight = timing.flights[port]
                timeline.timeout(flight).callbacks.append(_lit(station, opening, port, packet))
                if timeline.trace:
                    now = timeline.now
                    timeline.trace.add(slot.name, "flight", now, now + flight)
        yield timeline.timeout(start + timing.decision - timeline.now)
        return station.close(opening, (fate.cause, fate.clicks) if fate else None, seeing=seeing)

    def _send(self, station: Station, pair: Pair, port: int) -> Packet:
        """Draws what light of a node will reach the station."""
        optics = station.optics
        if not pair[port].slot.holds_particle:
            return optics.dark
        packet = optics.launch(port, self._emission[port])
        if packet != self._dark:
            transmission = self._transmissions[port]
            if transmission is None:
                transmission = self._arms[port].transmission(self._timeline.now)
            packet = optics.carry(packet, transmission, self._channels)
        return packet


def _lit(station: Station, opening: int, port: int, packet: Packet) -> Callable[[Any], None]:
    return lambda _: station.receive(opening, port, packet)


class Measurement(NamedTuple):
    """A Bell-state measurement that lanes lead to.

    Attributes:
        station: it, in time.
        skip: draws which attempt heralds next.
        shared: whether a click of one lane can blind the detectors for another.
    """

    station: Station
    skip: SkipAhead
    shared: bool

    @classmethod
    def of(cls, arms: Arms, station: Station, schedule: Schedule, stream: Any) -> Measurement:
        """Returns a measurement that follows a schedule."""
        dead_time = to_ps(station.spec.detector.dead_time_s)
        shared = schedule.aligned and dead_time > schedule.apart(schedule.measurements)
        return cls(station, SkipAhead(arms, station, schedule.timing, stream, shared), shared)


class Lane:
    """A place in the frame.

    Args:
        number: which one, from 0.
        schedule: when its attempts happen.
        measurements: where its light goes, in turn where they are not one for each lane.
        attempts: what plays them.
        on_herald: called with a session, an attempt, what the station saw, the station and the
            slots; returns whether the herald reaches both nodes.
        timeline: the clock.

    Attributes:
        offset: its place in the frame, in ps.
        session: the one that it plays, or ``None``.
        turn: happens when the next one begins, with its slots and its start.
    """

    def __init__(
        self,
        number: int,
        schedule: Schedule,
        measurements: list[Measurement],
        attempts: Attempts,
        on_herald: OnHerald,
        timeline: Timeline,
    ) -> None:
        self.offset = schedule.offset(number)
        self.session: Session | None = None
        self.turn = timeline.event()
        first, self._skip, self._shared = measurements[schedule.measurement(number, 0)]
        # Where lanes fill the measurements evenly, each keeps to one.
        uneven = schedule.lanes > schedule.measurements and schedule.lanes % schedule.measurements
        self._station = None if uneven else first
        self._number = number
        self._schedule = schedule
        self._stations = [measurement.station for measurement in measurements]
        self._play_one = attempts.play
        self._on_herald = on_herald
        self._heralds = first.spec.heralds
        self._timeline = timeline

    def skip_on(self, session: Session, pair: Pair, due: int) -> Heralded:
        """Plays only what ends in a herald, or what other lanes feel.

        Args:
            session: when attempts happen.
            pair: the slots.
            due: when the session has to end for a recalibration, in ps.

        Returns:
            Whether one heralds before the session ends.
        """
        losses = pair[0].slot.loss_ps, pair[1].slot.loss_ps
        end_ps, end = _session_end(session, min(losses), due)
        attempt = 0
        while attempt < end:
            attempt, fate = self._skip.next_herald(session, losses, attempt, end)
            if fate is not None:
                if (yield from self._attempt(session, pair, attempt, fate)):
                    return True
                attempt += 1
                continue
            if attempt < end:
                yield self._timeline.until(session.attempt_start(attempt))
        yield self._timeline.until(end_ps) if end < NEVER_PS else self._timeline.event()
        return False

    def play_each(self, session: Session, pair: Pair, due: int) -> Heralded:
        """Plays every attempt; see ``skip_on``."""
        attempt = 0
        burst = session.timing.burst
        while True:
            if burst and not attempt % burst:
                yield self._timeline.until(session.check(attempt // burst))
                if not all(cycle.slot.holds_particle for cycle in pair):
                    return False
            start = session.attempt_start(attempt)
            if start >= due and not (burst and attempt % burst):
                yield self._timeline.until(start)
                return False
            if (yield from self._attempt(session, pair, attempt, None)):
                return True
            attempt += 1

    def _attempt(self, session: Session, pair: Pair, attempt: int, fate: Fate | None) -> Heralded:
        start = session.attempt_start(attempt)
        station = self._station
        if station is None:
            station = self._stations[self._schedule.measurement(self._number, start)]
        reading = yield from self._play_one(station, pair, start, fate, seeing=self._shared)
        if reading.clicks not in self._heralds:
            return False
        return self._on_herald(session, attempt, reading, station, pair)


def _session_end(session: Session, loss_ps: int, due: int) -> tuple[int, int]:
    """Returns when a session without a herald ends, in ps, and the first attempt not made."""
    timing = session.timing
    if not timing.burst:
        end = session.first_attempt_from(0, due)
        return (session.attempt_start(end) if end < NEVER_PS else NEVER_PS), end
    if min(loss_ps, due) >= NEVER_PS:
        return NEVER_PS, NEVER_PS
    cycle = session.cycle_of_check_after(min(loss_ps, due))
    return session.check(cycle), cycle * timing.burst
