"""Event-ready heralding: slots attempt entanglement until a station announces a herald.

The link layer is the clockwork that the nodes and the station share: it knows when attempts
happen and lets the hardware play them. What the users of the entanglement do with it runs above,
one process for each party (see ``diqkd``).

Either node's slots queue for the link's lanes: the first that waits at one node and the first at
the other share a session on the free lane whose turn comes first. A herald's time says which lane
made it, and so which slots it joins.

Three simplifications hold in both resolutions: the station knows at once whether an announced slot
still waits; a check's result is shared before the burst begins; and a loss inside an attempt counts
from its node's next pulse on.
"""

from __future__ import annotations

from bisect import bisect_left, insort_left
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from qnetsim import units
from qnetsim.network import Network
from qnetsim.nodes.station import Station
from qnetsim.optics import optics_of
from qnetsim.protocols.heralds import Announcer
from qnetsim.protocols.lane import Attempts, Lane, Measurement
from qnetsim.protocols.schedule import Schedule
from qnetsim.protocols.session import Session
from qnetsim.protocols.slot_cycle import SlotCycle, User
from qnetsim.timeline import ProcessGenerator, Timeline

Resolution = Literal["herald", "attempt"]


class Openings(NamedTuple):
    """What became of the attempts that a link could have made.

    Attributes:
        total: attempts if every lane had used each of its turns.
        attempts: attempts made.
        cooling: turns that passed while a lane's slots were cooled.
        busy: turns of lanes without slots: those were read out, reloaded or not yet announced.
        blocked: attempts that slots and modes were free for, but no Bell-state measurement: worked
            out from the mean number of slots that were there, and not among the total.
        heralds_blinded: heralds missed since a click of another lane had blinded a detector.
    """

    total: int
    attempts: int
    cooling: int
    busy: int
    blocked: int
    heralds_blinded: int


class Spent(NamedTuple):
    """What the sessions of a link's lanes have spent.

    Attributes:
        attempts: how many have started.
        attempting_ps: time spent on them, each lane's for itself.
        cooling_ps: time spent cooling, likewise.
    """

    attempts: int
    attempting_ps: int
    cooling_ps: int


class HeraldedLink:
    """Two nodes' slots, a station between them, and the clock that drives their attempts.

    Args:
        network: the hardware.
        name: the link's name in the network.
        users: what each party does with its half of a heralded state.
        timeline: the clock.
        resolution: ``herald`` skips the attempts that fail, ``attempt`` plays each.
        max_rounds: stop the timeline once so many rounds are complete; ``None`` for never.

    Attributes:
        name: the link's name.
        arms: its sides.
        spec: its station.
        schedule: when attempts happen.
        optics: what light does at the station.
        heralds: what was heralded so far.
        cycles: either node's slots in time, in the order of the link's nodes.
        max_rounds: after how many rounds the timeline stops.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        users: tuple[User, User],
        timeline: Timeline,
        resolution: Resolution = "herald",
        max_rounds: int | None = None,
    ) -> None:
        self.name = name
        self.arms = network.arms(name)
        self.spec = network.station_of(name)
        self.schedule = Schedule.of(self.arms, self.spec, network.links[name].multiplexing)
        self.optics = optics_of(self.arms, self.spec)
        self.heralds = Announcer(self.arms, self.spec, timeline, name)
        self.max_rounds = max_rounds
        self._timeline = timeline
        self._skips = resolution == "herald"
        self._rounds = [0, 0]
        self._waiting: tuple[dict[SlotCycle, None], ...] = ({}, {})
        self.cycles = tuple(self._slots(port, user) for port, user in enumerate(users))
        self._measurements = self._laid_measurements()
        self._lanes = self._laid_lanes()
        self._free = list(self._lanes)
        self._calibration_due = self.schedule.timing.calibrate_every
        self._calibrating = False
        self._attempts = self._attempting_ps = self._cooling_ps = 0
        for lane in self._lanes:
            timeline.process(self._serve(lane))

    def openings(self) -> Openings:
        """Returns what became of the attempts that the link could have made so far."""
        now, schedule, spent = self._timeline.now, self.schedule, self.spent()
        frame = schedule.timing.period
        pairs = min(_time_there_ps(cycles) for cycles in self.cycles) / max(1, now)
        total = now * schedule.lanes // frame
        cooling = spent.cooling_ps // frame
        return Openings(
            total,
            spent.attempts,
            cooling,
            max(0, total - spent.attempts - cooling),
            int(schedule.blocked_hz(pairs) * units.to_seconds(now)),
            sum(measurement.station.missed for measurement in self._measurements),
        )

    def spent(self) -> Spent:
        """Returns what the sessions of all lanes have spent so far."""
        now = self._timeline.now
        attempts, attempting_ps, cooling_ps = self._attempts, self._attempting_ps, self._cooling_ps
        for session in (lane.session for lane in self._lanes if lane.session):
            cooling, attempting = session.split(now)
            attempts += session.attempts_before(now)
            attempting_ps += attempting
            cooling_ps += cooling
        return Spent(attempts, attempting_ps, cooling_ps)

    def trace_open(self) -> None:
        """Notes what the slots are at now in the trace, once a run is over."""
        for cycles in self.cycles:
            for cycle in cycles:
                cycle.trace_open()
        if self._timeline.trace:
            self._timeline.trace.cut(self._timeline.now)

    def _slots(self, port: int, user: User) -> tuple[SlotCycle, ...]:
        arm, latency = self.arms[port], self.schedule.timing.latencies[port]
        cycles = [
            SlotCycle(
                arm, port, latency, user, self._timeline, self._skips, self._heard,
                self._count_round, number,
            )
            for number in range(arm.node.slots)
        ]  # fmt: skip
        if arm.node.crosstalk_probability:
            for number, cycle in enumerate(cycles):
                beside = cycles[max(0, number - 1) : number] + cycles[number + 1 : number + 2]
                cycle.slot.disturbances = _pulses_on(beside)
        return tuple(cycles)

    def _laid_measurements(self) -> list[Measurement]:
        schedule, streams = self.schedule, self._timeline.streams
        return [
            Measurement.of(
                self.arms,
                Station(self.spec, self.optics, streams[_stream(f"{self.name}.station", k)]),
                schedule,
                streams[_stream(f"{self.name}.skip", k)],
            )
            for k in range(min(schedule.measurements, schedule.lanes))
        ]

    def _laid_lanes(self) -> list[Lane]:
        schedule, timeline = self.schedule, self._timeline
        attempts = Attempts(self.arms, schedule.timing, timeline, self.name, self.optics.dark)
        return [
            Lane(
                k,
                schedule,
                self._measurements,
                attempts,
                self.heralds.announce,
                timeline,
            )
            for k in range(schedule.lanes)
        ]

    def _heard(self, cycle: SlotCycle, port: int) -> None:
        """Queues a slot of which the station has heard."""
        if cycle.announced:
            self._waiting[port][cycle] = None
            self._begin_sessions()

    def _begin_sessions(self) -> None:
        """Begins a session wherever a lane is free and both nodes have a slot for it."""
        while self._free and not self._calibrating:
            first, second = (self._first(port) for port in (0, 1))
            if first is None or second is None:
                return
            if self._timeline.now >= self._calibration_due:
                if len(self._free) == len(self._lanes):
                    self._calibrating = True
                    self._timeline.process(self._calibrate())
                return
            for port, cycle in enumerate((first, second)):
                del self._waiting[port][cycle]
            lane, start = self._next_turn()
            self._timeline.happen(lane.turn, ((first, second), start))

    def _first(self, port: int) -> SlotCycle | None:
        """Returns the slot of a node that waits longest, and forgets those that no longer do."""
        waiting = self._waiting[port]
        while waiting:
            cycle = next(iter(waiting))
            if cycle.announced:
                return cycle
            del waiting[cycle]
        return None

    def _next_turn(self) -> tuple[Lane, int]:
        """Takes the free lane whose turn comes first; returns it and when its session starts."""
        schedule = self.schedule
        earliest = self._timeline.now + max(schedule.timing.latencies) + schedule.steering
        if not schedule.aligned:
            return self._free.pop(0), earliest
        frame = schedule.timing.period
        place = bisect_left(self._free, earliest % frame, key=_offset) % len(self._free)
        lane = self._free.pop(place)
        return lane, earliest + (lane.offset - earliest) % frame

    def _serve(self, lane: Lane) -> ProcessGenerator:
        """Plays a lane's sessions, one after the other."""
        play = lane.skip_on if self._skips else lane.play_each
        while True:
            pair, start = yield lane.turn
            session = lane.session = Session(start, self.schedule.timing)
            for cycle in pair:
                cycle.enter(session)
            heralded = yield from play(session, pair, self._calibration_due)
            now = self._timeline.now
            cooling, attempting = session.split(now)
            self._attempts += session.attempts_before(now)
            self._attempting_ps += attempting
            self._cooling_ps += cooling
            lane.session = None
            lane.turn = self._timeline.event()
            insort_left(self._free, lane, key=_offset)
            if not heralded:
                for cycle in pair:
                    cycle.leave((cooling, attempting))
            self._begin_sessions()

    def _calibrate(self) -> ProcessGenerator:
        timing = self.schedule.timing
        calibrated = [c for waiting in self._waiting for c in waiting if c.announced]
        for cycle in calibrated:
            cycle.calibrate()
        yield self._timeline.timeout(timing.calibration)
        self._calibrating = False
        self._calibration_due = self._timeline.now + timing.calibrate_every
        for cycle in calibrated:
            cycle.resume()
        self._begin_sessions()

    def _count_round(self, port: int) -> None:
        self._rounds[port] += 1
        if self.max_rounds and min(self._rounds) >= self.max_rounds:
            self._timeline.stop()


def _offset(lane: Lane) -> int:
    return lane.offset


def _stream(name: str, number: int) -> str:
    return f"{name}.{number}" if number else name


def _time_there_ps(cycles: Iterable[SlotCycle]) -> int:
    """Returns how long slots have waited, been cooled or attempted, all together."""
    return sum(
        spent_ps.get(activity, 0)
        for spent_ps in (cycle.activity_ps() for cycle in cycles)
        for activity in ("waiting", "cooling", "attempting")
    )


def _pulses_on(cycles: list[SlotCycle]) -> Callable[[], int]:
    return lambda: sum(cycle.pulses() for cycle in cycles)
