"""What a herald is: the state behind the clicks, and the messages that tell both nodes of it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qnetsim.nodes.bsm import BellStation
from qnetsim.nodes.slot import Branch, JointState
from qnetsim.nodes.station import Reading, Station
from qnetsim.optics import Arms
from qnetsim.physics.noise import dephase, depolarise, rotate
from qnetsim.physics.states import Matrix, to_qobj
from qnetsim.protocols.session import Session
from qnetsim.protocols.slot_cycle import Herald, SlotCycle
from qnetsim.timeline import Timeline
from qnetsim.units import PS_PER_S

if TYPE_CHECKING:
    import qutip

_BRANCHES_KEPT = 4096

Integers = NDArray[np.int64]

Pair = tuple[SlotCycle, SlotCycle]
"""A slot of either node."""


class HeraldLog:
    """What happened at each herald, in growing arrays; times in ps."""

    def __init__(self) -> None:
        self.time_ps = array("q")
        self.session_start_ps = array("q")
        self.attempt = array("q")
        self.clicks = array("b")
        self.cause = array("b")
        self.state = array("l")
        self.slots = (array("l"), array("l"))
        self.missed = 0


@dataclass(frozen=True)
class Heralds:
    """The heralds of a run; every array has one entry for each, in the order of time.

    Attributes:
        time_ps: when the station decided, on the integer clock.
        wait_ps: since the session began: cooling and the attempts that failed.
        attempt: number of the attempt in its session, from 0.
        bell_state: the Bell state that the clicks name.
        clicks: the detectors that clicked, as a bit mask (``physics.interference.DETECTORS``).
        cause: what made the station herald; the station itself does not know it.
        state_index: which of ``states`` the memories were left in.
        states: the distinct states, shape (k, 4, 4), before dephasing.
        slots: which slot of either node it joins, shape (n, 2): the time says which lane's.
    """

    time_ps: Integers
    wait_ps: Integers
    attempt: Integers
    bell_state: NDArray[np.str_]
    clicks: Integers
    cause: NDArray[np.str_]
    state_index: Integers
    states: NDArray[np.complex128]
    slots: Integers

    @classmethod
    def of(
        cls,
        log: HeraldLog,
        names: dict[int, str],
        causes: tuple[str, ...],
        states: list[Matrix],
    ) -> Heralds:
        """Returns a link's log as arrays."""
        time_ps = np.array(log.time_ps, dtype=np.int64)
        clicks = np.array(log.clicks, dtype=np.int64)
        lookup = np.array([names.get(k, "") for k in range(16)])
        return cls(
            time_ps=time_ps,
            wait_ps=time_ps - np.array(log.session_start_ps, dtype=np.int64),
            attempt=np.array(log.attempt, dtype=np.int64),
            bell_state=lookup[clicks],
            clicks=clicks,
            cause=np.array(causes)[np.array(log.cause, dtype=np.int64)],
            state_index=np.array(log.state, dtype=np.int64),
            states=np.array(states, dtype=complex).reshape(-1, 4, 4),
            slots=np.array(log.slots, dtype=np.int64).T,
        )

    def __len__(self) -> int:
        """Returns how many there are."""
        return len(self.time_ps)

    @property
    def time_s(self) -> NDArray[np.float64]:
        """When the station decided, in s."""
        return self.time_ps / PS_PER_S

    def state(self, number: int) -> qutip.Qobj:
        """Returns the memories' state right after a herald, before dephasing."""
        return to_qobj(self.states[self.state_index[number]])


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


class Announcer:
    """Tells both nodes of a herald, and keeps a record of all.

    Args:
        arms: the link's sides.
        spec: its station.
        timeline: the clock.
        name: the link's, under which it draws.

    Attributes:
        log: the heralds so far.
        states: the distinct states that heralds left, which the log refers to.
    """

    def __init__(self, arms: Arms, spec: BellStation, timeline: Timeline, name: str) -> None:
        self.log = HeraldLog()
        self.states: list[Matrix] = []
        self._arms = arms
        self._names = spec.heralds
        self._timeline = timeline
        self._branches: dict[Hashable, tuple[int, Branch]] = {}
        self._messages = timeline.streams[f"{name}.messages"]
        self._steady = all(arm.classical.is_steady for arm in arms)
        self._turning = any(arm.channel.rotation_drift_deg_per_hour for arm in arms)

    def announce(
        self, session: Session, attempt: int, reading: Reading, station: Station, pair: Pair
    ) -> bool:
        """Sends a herald to both nodes; returns whether it reaches them in time.

        Args:
            session: of the attempt.
            attempt: its number there.
            reading: what the station saw.
            station: the station.
            pair: the slots that the herald joins.
        """
        lateness = self._lateness()
        log = self.log
        if lateness is None:
            log.missed += 1
            return False
        passed_ps = session.attempt_start(attempt) + session.timing.opening
        index, branch = self._branch(reading, station, passed_ps)
        herald = Herald(len(log.time_ps), self._names[reading.clicks])
        log.time_ps.append(self._timeline.now)
        log.session_start_ps.append(session.start)
        log.attempt.append(attempt)
        log.clicks.append(reading.clicks)
        log.cause.append(reading.cause)
        log.state.append(index)
        joint = JointState(branch)
        for qubit, cycle in enumerate(pair):
            log.slots[qubit].append(cycle.number)
            cycle.slot.join(joint, qubit)
            cycle.herald(herald, lateness[qubit])
        return True

    def _branch(self, reading: Reading, station: Station, passed_ps: int) -> tuple[int, Branch]:
        """Returns the number and the value of the state that photons passing then leave."""
        key: Hashable = reading
        if self._turning:
            key = reading, *(arm.channel.rotation_rad(passed_ps) for arm in self._arms)
        known = self._branches.get(key)
        if known is None:
            if len(self._branches) >= _BRANCHES_KEPT:
                self._branches.clear()
            state = heralded_state(station, self._arms, reading, passed_ps)
            nodes = tuple(arm.node for arm in self._arms)
            known = self._branches[key] = len(self.states), Branch(state, nodes)
            self.states.append(state)
        return known

    def _lateness(self) -> list[int] | None:
        """Draws by how much the herald reaches each node late; ``None`` if one misses it."""
        if self._steady:
            return [0, 0]
        extras = [arm.classical.extra_ps(self._messages) for arm in self._arms]
        known = [extra for extra in extras if extra is not None]
        return known if len(known) == len(extras) else None
