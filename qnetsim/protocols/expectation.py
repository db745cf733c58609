"""What a link and its protocol yield on average, in closed form.

Nothing here is drawn or played: it is the third way to ask a link, beside the two resolutions.
"""

from __future__ import annotations

import math
from collections.abc import Container
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim import units
from qnetsim.arm import Arm
from qnetsim.network import Network
from qnetsim.nodes.memory import MemoryNode
from qnetsim.nodes.station import Station
from qnetsim.optics import optics_of
from qnetsim.physics.states import (
    IDENTITY,
    Matrix,
    bell_state,
    expectation,
    fidelity,
    polarisation_observable,
)
from qnetsim.protocols.array_rate import (
    ArrayExpectation,
    ArrayRate,
    array_expectation,
    array_rate,
    mean_undisturbed,
)
from qnetsim.protocols.blindness import Sessions
from qnetsim.protocols.diqkd import DIQKD, FRAMES
from qnetsim.protocols.heralds import transmitted
from qnetsim.protocols.mean_attempt import MeanAttempt
from qnetsim.protocols.renewal import (
    Renewal,
    SlotRates,
    pause_after_herald_s,
    session_renewal,
    working_share,
)
from qnetsim.protocols.schedule import Schedule
from qnetsim.rng import Streams

_DRIFT_SAMPLES = 2001
_BLIND_SAMPLES = 201
_NEGLIGIBLE = 1e-200
_MUTUAL = 20
_SETTLED = 1e-6
_LEAST_SHARE = 1e-6
_GOLDEN = (math.sqrt(5) - 1) / 2


class LinkExpectation(NamedTuple):
    """What a link yields on average.

    A particle that is lost between a herald and the readout is not accounted for in the states.

    Attributes:
        herald_rate_hz: heralds a second.
        attempt_rate_hz: attempts a second.
        duty_cycle: share of time in which the link attempts.
        herald_probability: chance that an attempt with both particles there heralds.
        causes: the share of the heralds that each cause makes.
        heralded: for each accepted Bell state its share of the heralds and the memories' mean
            state right after them, shape (4, 4).
        states: the same when the memories are read out.
        array: how many slots share the link; ``None`` where one pair is alone.
    """

    herald_rate_hz: float
    attempt_rate_hz: float
    duty_cycle: float
    herald_probability: float
    causes: dict[str, float]
    heralded: dict[str, tuple[float, Matrix]]
    states: dict[str, tuple[float, Matrix]]
    array: ArrayExpectation | None = None

    @property
    def heralded_fidelity(self) -> float:
        """Mean fidelity, right after a herald, with the Bell state that it names."""
        return mean_fidelity(self.heralded)


def mean_fidelity(states: dict[str, tuple[float, Matrix]]) -> float:
    """Returns the mean fidelity with the Bell states that name shares and states."""
    return sum(share * fidelity(state, bell_state(name)) for name, (share, state) in states.items())


def link_expectation(
    network: Network, link: str, duration_s: float, refused: Container[str] = ()
) -> LinkExpectation | None:
    """Returns a link's averages over a run.

    A drifting channel is averaged over the run as if the link were in equilibrium at each instant.

    Args:
        network: the hardware.
        link: the link's name.
        duration_s: length of the run in s; it matters only where a channel drifts.
        refused: causes whose heralds are left out, as if the station could tell them apart.

    Returns:
        The averages, or ``None`` where the detectors' dead time outlasts so many attempts that a
        Markov chain of them has too many states (see ``blindness``).
    """
    closed_form = _ClosedForm(network, link, refused)
    if not closed_form.attempt.is_tractable:
        return None
    drifts = any(arm.channel.drifts for arm in closed_form.arms)
    samples = (_BLIND_SAMPLES if closed_form.attempt.remembers else _DRIFT_SAMPLES) if drifts else 1
    # Golden-ratio steps: evenly spaced times could fall on one phase of every realignment.
    times = [units.to_ps(duration_s * ((k + 0.5) * _GOLDEN % 1)) for k in range(samples)]
    return closed_form.average([closed_form.at(time_ps) for time_ps in times])


class _Instant(NamedTuple):
    """A link's averages with its channels as they are at one time.

    Attributes:
        renewal: of its sessions.
        rate: how often they come.
        herald_probability: of an attempt with both particles there.
        causes: the mean number of a session's heralds by each cause.
        states: the memories' states by the Bell state that is heralded, their traces the mean
            number of a session's heralds.
    """

    renewal: Renewal
    rate: ArrayRate
    herald_probability: float
    causes: NDArray[np.float64]
    states: dict[str, Matrix]


class _ClosedForm:
    """A link's averages."""

    def __init__(self, network: Network, link: str, refused: Container[str]) -> None:
        self.arms = network.arms(link)
        spec = network.station_of(link)
        self.schedule = Schedule.of(self.arms, spec, network.links[link].multiplexing)
        self.timing = self.schedule.timing
        self.station = Station(spec, optics_of(self.arms, spec), Streams(0)["closed form"])
        self._lateness = [arm.classical.lateness() for arm in self.arms]
        self._in_time = [math.fsum(chance for _, chance in law) for law in self._lateness]
        self._heard = math.prod(self._in_time)
        self._slots = (self._slot_rates(0), self._slot_rates(1))
        self._heralds = spec.heralds
        self._turning = any(arm.channel.rotation_drift_deg_per_hour for arm in self.arms)
        self._refused = refused
        self.attempt = self._attempt(1.0)

    def _attempt(self, share: float) -> MeanAttempt:
        """Returns the mean attempt where so large a share of those that fit are made."""
        return MeanAttempt(self.station, self._sessions(), self._heard, self._refused, share)

    def _sessions(self) -> Sessions:
        """Returns what detectors may remember: one session, or all lanes that share them."""
        if self.schedule.aligned:
            timing = self.schedule.at_measurement
            return Sessions(timing, 0.0, units.to_seconds(timing.period), endless=True)
        loss_per_s = sum(slot.loss_per_s for slot in self._slots)
        return Sessions(self.timing, loss_per_s, pause_after_herald_s(self.timing, self._slots))

    def at(self, time_ps: int) -> _Instant:
        """Returns the averages with the channels as they are at a time in ps.

        Where attempts of other slots blind detectors, how many are made and how many herald
        depend on each other.
        """
        instant = self._at(time_ps, self.attempt)
        if not (self.schedule.aligned and self.attempt.remembers):
            return instant
        turns_hz = self.schedule.turns_hz
        share = 1.0
        for _ in range(_MUTUAL):
            made = instant.rate.sessions_hz * instant.renewal.attempts / turns_hz
            share, before = min(1.0, max(_LEAST_SHARE, made)), share
            if abs(share - before) < _SETTLED:
                break
            instant = self._at(time_ps, self._attempt(share))
        return instant

    def _at(self, time_ps: int, attempt: MeanAttempt) -> _Instant:
        first, second = (arm.transmission(time_ps) for arm in self.arms)
        present = ((first, second), (first, 0.0), (0.0, second), (0.0, 0.0))
        by_cause = self._heard * np.array(
            [attempt.herald_chances(there).sum(axis=1) for there in present]
        )
        chances = by_cause.sum(axis=1)
        by_attempt = chances[None]
        if attempt.remembers and not self.schedule.aligned:
            in_burst = attempt.in_burst(present[0])
            by_attempt = np.tile(chances, (len(in_burst), 1))
            by_attempt[:, 0] = in_burst
        renewal = session_renewal(self.timing, self._slots, by_attempt)
        weights = renewal.with_particles
        states = np.sum(
            [
                self._heard * weight * attempt.click_states(there)
                for weight, there in zip(weights, present, strict=True)
                if weight > 0 or there is present[0]
            ],
            axis=0,
        )
        by_name = {
            name: states[:, patterns].sum(axis=(0, 1)).astype(complex)
            for name, patterns in self._patterns().items()
        }
        if self._turning:
            by_name = {name: self._behind(state, time_ps) for name, state in by_name.items()}
        rate = ArrayRate(1 / renewal.length_s, 1.0, 1.0)
        if not self.schedule.is_single:
            rate = array_rate(self.schedule, self._slots, renewal)
        return _Instant(renewal, rate, float(chances[0]), weights @ by_cause, by_name)

    def average(self, instants: list[_Instant]) -> LinkExpectation:
        """Returns the mean over time; states and causes are weighted with their heralds."""
        count = len(instants)
        shares = [working_share(self.timing, self._slots, i.renewal) for i in instants]
        pairs = [(w * i.rate.sessions_hz, i) for w, i in zip(shares, instants, strict=True)]
        total = sum(w * i.renewal.heralds for w, i in pairs)
        causes = np.sum([w * i.causes for w, i in pairs], axis=0)
        sums: dict[str, Matrix] = {
            name: np.sum([w * i.states[name] for w, i in pairs], axis=0)
            for name in self._patterns()
        }
        if not self._turning:
            sums = {name: self._behind(state, 0) for name, state in sums.items()}
        traces = {name: float(np.trace(state).real) for name, state in sums.items()}
        heralded = {
            name: (traces[name] / total, state / traces[name])
            for name, state in sums.items()
            if traces[name] > _NEGLIGIBLE
        }
        names = self.station.optics.causes
        attempts_hz = float(sum(w * i.renewal.attempts for w, i in pairs) / count)
        attempting = float(sum(w * i.renewal.attempting_s for w, i in pairs) / count)
        chance = sum(i.herald_probability for i in instants) / count
        return LinkExpectation(
            float(total / count),
            attempts_hz,
            attempting / self.schedule.lanes,
            chance,
            dict(zip(names, (causes / total).tolist(), strict=True)) if total else {},
            heralded,
            {
                name: (share, self._aged(state, attempts_hz))
                for name, (share, state) in heralded.items()
            },
            self._array(chance, instants),
        )

    def _array(self, chance: float, instants: list[_Instant]) -> ArrayExpectation | None:
        if self.schedule.is_single:
            return None
        rate = ArrayRate(*np.mean([i.rate for i in instants], axis=0).tolist())
        return array_expectation(self.schedule, self._slots, chance, rate)

    def _patterns(self) -> dict[str, list[int]]:
        """Returns the accepted click sets of each accepted Bell state."""
        names = sorted(set(self._heralds.values()))
        return {name: [k for k, v in self._heralds.items() if v == name] for name in names}

    def _behind(self, state: Matrix, time_ps: int) -> Matrix:
        """Returns the memories' state with what their photons met on their way at a time in ps."""
        return transmitted(state, self.station.spec, self.arms, time_ps)

    def _aged(self, state: Matrix, attempts_hz: float) -> Matrix:
        """Returns a state as it is when the memories are read out."""
        for qubit, arm in enumerate(self.arms):
            age_ps = self.timing.herald_arrival(qubit) - self.timing.emissions[qubit]
            age_s = units.to_seconds(age_ps) + arm.node.readout.delay_s
            state = np.sum(
                [
                    chance / self._in_time[qubit] * arm.node.aged(
                        state, qubit, age_s + extra_s,
                        mean_undisturbed(self.schedule, arm.node, age_s + extra_s, attempts_hz),
                    )
                    for extra_s, chance in self._lateness[qubit]
                ],
                axis=0,
            )  # fmt: skip
        return state

    def _slot_rates(self, index: int) -> SlotRates:
        node = self.arms[index].node
        latency_s = units.to_seconds(self.timing.latencies[index])
        heard = self._in_time[index]
        late_s = sum(extra_s * chance for extra_s, chance in self._lateness[index])
        late_s = late_s / heard if heard else 0.0
        trap = node.trap
        loading_s = trap.loading_mean_s if trap else 0.0
        lifetime_s = trap.lifetime_s if trap else None
        emptying_s = trap.emptying_s if trap and node.readout.destructive else 0.0
        readout_s = node.readout.delay_s + node.readout.duration_s
        return SlotRates(
            1 / loading_s if loading_s else math.inf,
            1 / lifetime_s if lifetime_s else 0.0,
            latency_s + late_s + readout_s + node.shutter_s + emptying_s,
            latency_s,
            not node.readout.destructive,
        )


class ProtocolExpectation(NamedTuple):
    """What DI-QKD on a link yields on average.

    Attributes:
        correlators: E_xy by settings.
        chsh_s: S.
        qbers: the error rate of each key pair.
        key_probabilities: the chance of each key pair.
        state_fidelity: of the memories' state at readout with the Bell state that was heralded.
    """

    correlators: dict[tuple[int, int], float]
    chsh_s: float
    qbers: list[float]
    key_probabilities: list[float]
    state_fidelity: float


def protocol_expectation(
    protocol: DIQKD, arms: tuple[Arm, Arm], states: dict[str, tuple[float, Matrix]]
) -> ProtocolExpectation:
    """Returns a protocol's averages.

    Args:
        protocol: the settings and what is made of them.
        arms: the two sides of its link.
        states: share and mean state of each accepted Bell state, from ``link_expectation``.
    """
    first, second = protocol.parties
    table: dict[tuple[int, int], float] = {}
    for x, y in product(range(len(first.angles_deg)), range(len(second.angles_deg))):
        table[x, y] = 0.0
        for name, (share, state) in states.items():
            alice = _observable(arms[0].node, FRAMES[0][name] * first.angles_deg[x])
            bob = _observable(arms[1].node, FRAMES[1][name] * second.angles_deg[y])
            table[x, y] += share * expectation(state, np.kron(alice, bob))
    sign = -1 if protocol.key_anticorrelated else 1
    return ProtocolExpectation(
        table,
        sum((sign_xy * table[x, y] for x, y, sign_xy in protocol.chsh_terms), start=0.0),
        # Rounding may leave a perfect correlator 1e-16 beyond 1.
        [min(max((1 - sign * table[x, y]) / 2, 0.0), 1.0) for x, y in protocol.key_pairs],
        [
            first.setting_probability(x) * second.setting_probability(y)
            for x, y in protocol.key_pairs
        ],
        mean_fidelity(states),
    )


def _observable(node: MemoryNode, angle_deg: float) -> Matrix:
    """Returns what an imperfect readout measures: (1 - e0 - e1) A + (e1 - e0)."""
    e0, e1 = node.readout_errors
    ideal = polarisation_observable(math.radians(angle_deg))
    return (1 - e0 - e1) * ideal + (e1 - e0) * IDENTITY
