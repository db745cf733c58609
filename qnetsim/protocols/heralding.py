"""Event-ready heralding: two slots attempt entanglement until a station announces a herald.

The link layer is the clockwork that the nodes and the station share: it knows when attempts
happen and lets the hardware play them. What the users of the entanglement do with it runs above,
one process for each party (see ``diqkd``).

Three simplifications hold in both resolutions: the station knows at once whether an announced slot
still waits; a check's result is shared before the burst begins; and a loss inside an attempt counts
from its node's next pulse on.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Generator, Hashable
from typing import Any, Literal

import simpy

from qnetsim.network import Network
from qnetsim.nodes.bsm import BellStation
from qnetsim.nodes.slot import Branch, JointState
from qnetsim.nodes.station import Packet, Reading, Station
from qnetsim.optics import Arms, optics_of
from qnetsim.physics.noise import dephase, depolarise, rotate
from qnetsim.physics.states import Matrix
from qnetsim.protocols.session import Session, Timing
from qnetsim.protocols.skip import Fate, SkipAhead
from qnetsim.protocols.slot_cycle import Herald, SlotCycle, User
from qnetsim.timeline import ProcessGenerator, Timeline
from qnetsim.units import NEVER_PS

_BRANCHES_KEPT = 4096

Resolution = Literal["herald", "attempt"]
_Heralded = Generator[simpy.Event, Any, bool]


class HeraldLog:
    """What happened at each herald, in growing arrays; times in ps."""

    def __init__(self) -> None:
        self.time_ps = array("q")
        self.session_start_ps = array("q")
        self.attempt = array("q")
        self.clicks = array("b")
        self.cause = array("b")
        self.state = array("l")
        self.missed = 0


def heralded_state(station: Station, arms: Arms, reading: Reading, time_ps: int) -> Matrix:
    """Returns the memories' state right after a herald, before they age.

    What befell a photon's polarisation or phase on its way befalls its memory instead, because
    the two are maximally entangled: white noise becomes white noise, and a rotation its transpose.

    Args:
        station: the station.
        arms: the link's sides.
        reading: what the station saw.
        time_ps: when the photons were on their way.
    """
    return transmitted(station.memory_state(reading).astype(complex), station.spec, arms, time_ps)


def transmitted(state: Matrix, spec: BellStation, arms: Arms, time_ps: int) -> Matrix:
    """Returns the memories' state with what their photons met on their way.

    Args:
        state: shape (4, 4), as perfect photons would leave it.
        spec: the station.
        arms: the link's sides.
        time_ps: when the photons were on their way.
    """
    for qubit, arm in enumerate(arms):
        state = depolarise(state, qubit, arm.node.visibility)
        if arm.channel.rotation_jitter_deg:
            state = dephase(state, qubit, arm.channel.rotation_coherence, "y")
        angle = arm.channel.rotation_rad(time_ps)
        if angle:
            state = rotate(state, qubit, -angle)
    if spec.measurement == "time-bin" and spec.phase_noise_rad:
        state = dephase(state, 0, math.exp(-(spec.phase_noise_rad**2) / 2))
    return state


class HeraldedLink:
    """Two slots, a station between them, and the clock that drives their attempts.

    Args:
        network: the hardware.
        name: the link's name in the network.
        users: what each party does with its half of a heralded state.
        timeline: the clock.
        resolution: ``herald`` skips the attempts that fail, ``attempt`` plays each.
        max_rounds: stop the timeline once so many rounds are complete; ``None`` for never.

    Attributes:
        cycles: the slots' processes, in the order of the link's nodes.
        log: the heralds so far.
        states: the distinct states that heralds left, which the log refers to.
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
        self.timing = Timing.of(self.arms, self.spec)
        streams = timeline.streams
        optics = optics_of(self.arms, self.spec)
        self.station = Station(self.spec, optics, streams[f"{name}.station"])
        self._dark = optics.dark
        self.log = HeraldLog()
        self.states: list[Matrix] = []
        self._branches: dict[Hashable, tuple[int, Branch]] = {}
        self._timeline = timeline
        self.max_rounds = max_rounds
        self._heralds = self.spec.heralds
        self._emission = tuple(streams[f"{arm.name}.emission"] for arm in self.arms)
        self._messages = streams[f"{name}.messages"]
        self._steady_messages = all(arm.classical.is_steady for arm in self.arms)
        self._transmissions = [
            None if arm.channel.drift_db_per_hour else arm.best_transmission for arm in self.arms
        ]
        self._turning = any(arm.channel.rotation_drift_deg_per_hour for arm in self.arms)
        self._channels = streams[f"{name}.fibre"]
        self._skip = SkipAhead(self.arms, self.station, self.timing, streams[f"{name}.skip"])
        skips = resolution == "herald"
        self.cycles = tuple(
            SlotCycle(arm, latency, user, timeline, skips, self._count_round)
            for arm, latency, user in zip(self.arms, self.timing.latencies, users, strict=True)
        )
        self._pulses = sorted(zip(self.timing.emissions, (0, 1), strict=True))
        self._calibration_due = self.timing.calibrate_every
        self._session: Session | None = None
        self._attempts = 0
        self._attempting_ps = 0
        timeline.process(self._run(self._skip_on if skips else self._play_each))

    def progress(self) -> tuple[int, int]:
        """Returns how many attempts have started, and the time spent on them in ps."""
        if self._session is None:
            return self._attempts, self._attempting_ps
        now = self._timeline.now
        return (
            self._attempts + self._session.attempts_before(now),
            self._attempting_ps + self._session.split(now)[1],
        )

    def trace_open(self) -> None:
        """Notes what the slots are at now in the trace, once a run is over."""
        for cycle in self.cycles:
            cycle.trace_open()
        if self._timeline.trace:
            self._timeline.trace.cut(self._timeline.now)

    def _run(self, play: Callable[[Session], _Heralded]) -> ProcessGenerator:
        first, second = self.cycles
        while True:
            yield first.ready
            yield second.ready
            if not (first.announced and second.announced):
                continue
            if self._timeline.now >= self._calibration_due:
                yield from self._calibrate()
                continue
            start = self._timeline.now + max(self.timing.latencies)
            session = self._session = Session(start, self.timing)
            for cycle in self.cycles:
                cycle.enter(session)
            heralded = yield from play(session)
            now = self._timeline.now
            split = session.split(now)
            self._attempts += session.attempts_before(now)
            self._attempting_ps += split[1]
            self._session = None
            if not heralded:
                for cycle in self.cycles:
                    cycle.leave(split)

    def _calibrate(self) -> ProcessGenerator:
        for cycle in self.cycles:
            cycle.calibrate()
        yield self._timeline.timeout(self.timing.calibration)
        for cycle in self.cycles:
            cycle.resume()
        self._calibration_due = self._timeline.now + self.timing.calibrate_every

    def _skip_on(self, session: Session) -> _Heralded:
        """Plays only the attempt that heralds; returns whether one does before the session ends."""
        losses = self.cycles[0].slot.loss_ps, self.cycles[1].slot.loss_ps
        end_ps, end = self._session_end(session, min(losses))
        attempt = 0
        while attempt < end:
            attempt, fate = self._skip.next_herald(session, losses, attempt, end)
            if fate is not None:
                if (yield from self._attempt(session, attempt, fate)):
                    return True
                attempt += 1
                continue
            if attempt < end:
                yield self._timeline.until(session.attempt_start(attempt))
        yield self._timeline.until(end_ps) if end < NEVER_PS else self._timeline.event()
        return False

    def _session_end(self, session: Session, loss_ps: int) -> tuple[int, int]:
        """Returns when a session without a herald ends, in ps, and the first attempt not made."""
        due = self._calibration_due
        if not self.timing.burst:
            end = session.first_attempt_from(0, due)
            return (session.attempt_start(end) if end < NEVER_PS else NEVER_PS), end
        if min(loss_ps, due) >= NEVER_PS:
            return NEVER_PS, NEVER_PS
        cycle = session.cycle_of_check_after(min(loss_ps, due))
        return session.check(cycle), cycle * self.timing.burst

    def _play_each(self, session: Session) -> _Heralded:
        """Plays every attempt; returns whether one heralds before the session ends."""
        attempt = 0
        burst = self.timing.burst
        while True:
            if burst and not attempt % burst:
                yield self._timeline.until(session.check(attempt // burst))
                if not all(cycle.slot.holds_particle for cycle in self.cycles):
                    return False
            start = session.attempt_start(attempt)
            if start >= self._calibration_due and not (burst and attempt % burst):
                yield self._timeline.until(start)
                return False
            if (yield from self._attempt(session, attempt)):
                return True
            attempt += 1

    def _attempt(self, session: Session, attempt: int, fate: Fate | None = None) -> _Heralded:
        """Plays one attempt, as it was foretold or by drawing each part's chances."""
        timeline, timing = self._timeline, self.timing
        start = session.attempt_start(attempt)
        for emission, port in self._pulses:
            wait = start + emission - timeline.now
            if wait:
                yield timeline.timeout(wait)
            slot = self.cycles[port].slot
            slot.excite()
            packet = fate.packets[port] if fate else self._send(port)
            if packet != self._dark:
                flight = timing.flights[port]
                timeline.timeout(flight).callbacks.append(self._receiver(port, packet))
                if timeline.trace:
                    now = timeline.now
                    timeline.trace.add(slot.name, "flight", now, now + flight)
        yield timeline.timeout(start + timing.decision - timeline.now)
        reading = self.station.close(
            start + timing.opening, (fate.cause, fate.clicks) if fate else None
        )
        if reading.clicks not in self._heralds:
            return False
        return self._herald(session, attempt, reading)

    def _send(self, port: int) -> Packet:
        """Draws what light of a node will reach the station."""
        optics = self.station.optics
        if not self.cycles[port].slot.holds_particle:
            return optics.dark
        packet = optics.launch(port, self._emission[port])
        if packet != self._dark:
            transmission = self._transmissions[port]
            if transmission is None:
                transmission = self.arms[port].transmission(self._timeline.now)
            packet = optics.carry(packet, transmission, self._channels)
        return packet

    def _receiver(self, port: int, packet: Packet) -> Callable[[simpy.Event], None]:
        return lambda _: self.station.receive(port, packet)

    def _lateness(self) -> list[int] | None:
        """Draws by how much the herald reaches each node late; ``None`` if one misses it."""
        if self._steady_messages:
            return [0, 0]
        extras = [arm.classical.extra_ps(self._messages) for arm in self.arms]
        known = [extra for extra in extras if extra is not None]
        return known if len(known) == len(extras) else None

    def _herald(self, session: Session, attempt: int, reading: Reading) -> bool:
        """Sends a herald to both nodes; returns whether it reaches them in time."""
        lateness = self._lateness()
        if lateness is None:
            self.log.missed += 1
            return False
        passed_ps = session.attempt_start(attempt) + self.timing.opening
        key: Hashable = reading
        if self._turning:
            key = reading, *(arm.channel.rotation_rad(passed_ps) for arm in self.arms)
        known = self._branches.get(key)
        if known is None:
            if len(self._branches) >= _BRANCHES_KEPT:
                self._branches.clear()
            state = heralded_state(self.station, self.arms, reading, passed_ps)
            nodes = tuple(arm.node for arm in self.arms)
            known = self._branches[key] = len(self.states), Branch(state, nodes)
            self.states.append(state)
        index, branch = known
        log = self.log
        herald = Herald(len(log.time_ps), self._heralds[reading.clicks])
        log.time_ps.append(self._timeline.now)
        log.session_start_ps.append(session.start)
        log.attempt.append(attempt)
        log.clicks.append(reading.clicks)
        log.cause.append(reading.cause)
        log.state.append(index)
        joint = JointState(branch)
        for qubit, cycle in enumerate(self.cycles):
            cycle.slot.join(joint, qubit)
            cycle.herald(herald, lateness[qubit])
        return True

    def _count_round(self) -> None:
        if self.max_rounds:
            first, second = self.cycles
            if min(first.rounds, second.rounds) >= self.max_rounds:
                self._timeline.stop()
