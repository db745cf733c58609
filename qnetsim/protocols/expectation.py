"""What a link and its protocol yield on average, in closed form.

Nothing here is drawn or played: it is the third way to ask a link, beside the two resolutions.
"""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from qnetsim import units
from qnetsim.network import Arm, Network
from qnetsim.nodes.bsm import Station
from qnetsim.nodes.memory import MemoryNode
from qnetsim.physics.states import (
    IDENTITY,
    Matrix,
    bell_state,
    expectation,
    fidelity,
    polarisation_observable,
)
from qnetsim.protocols.diqkd import DIQKD, FRAMES
from qnetsim.protocols.heralding import heralded_state, lifetimes_of
from qnetsim.protocols.renewal import SlotRates, session_renewal
from qnetsim.protocols.session import Timing
from qnetsim.protocols.skip import arrival_chances
from qnetsim.rng import Streams

_DRIFT_SAMPLES = 2001
_NEGLIGIBLE = 1e-200
_GOLDEN = (math.sqrt(5) - 1) / 2


class LinkExpectation(NamedTuple):
    """What a link yields on average.

    Attributes:
        herald_rate_hz: heralds a second.
        attempt_rate_hz: attempts a second.
        duty_cycle: share of time in which the link attempts.
        herald_probability: chance that an attempt with both particles there heralds.
        states: for each accepted Bell state its share of the heralds and the memories' mean
            state when they are read out, shape (4, 4).
    """

    herald_rate_hz: float
    attempt_rate_hz: float
    duty_cycle: float
    herald_probability: float
    states: dict[str, tuple[float, Matrix]]


def link_expectation(network: Network, link: str, duration_s: float) -> LinkExpectation | None:
    """Returns a link's averages over a run.

    A drifting fibre is averaged over the run as if the link were in equilibrium at each instant.

    Args:
        network: the hardware.
        link: the link's name.
        duration_s: length of the run in s; it matters only where a fibre drifts.

    Returns:
        The averages, or ``None`` where a detector's dead time outlasts an attempt: attempts then
        depend on each other and no closed form is known.
    """
    closed_form = _ClosedForm(network, link)
    if units.to_ps(closed_form.station.spec.detector.dead_time_s) > closed_form.timing.period:
        return None
    drifts = any(arm.fibre.drift_db_per_hour for arm in closed_form.arms)
    samples = _DRIFT_SAMPLES if drifts else 1
    # Golden-ratio steps: evenly spaced times could fall on one phase of every realignment.
    times = [units.to_ps(duration_s * ((k + 0.5) * _GOLDEN % 1)) for k in range(samples)]
    return _average([closed_form.at(time_ps) for time_ps in times])


def _average(instants: list[LinkExpectation]) -> LinkExpectation:
    """Returns the mean over time; states are weighted with the heralds that leave them."""
    total = sum(instant.herald_rate_hz for instant in instants)
    weights: dict[str, float] = {}
    sums: dict[str, Matrix] = {}
    for instant in instants:
        for name, (share, state) in instant.states.items():
            weight = instant.herald_rate_hz * share
            weights[name] = weights.get(name, 0.0) + weight
            sums[name] = sums.get(name, 0 * state) + weight * state
    states = {name: (w / total, sums[name] / w) for name, w in weights.items() if w > _NEGLIGIBLE}
    count = len(instants)
    return LinkExpectation(
        total / count,
        sum(i.attempt_rate_hz for i in instants) / count,
        sum(i.duty_cycle for i in instants) / count,
        sum(i.herald_probability for i in instants) / count,
        states,
    )


class _ClosedForm:
    """A link's averages at one instant."""

    def __init__(self, network: Network, link: str) -> None:
        self.arms = network.arms(link)
        spec = network.station_of(link)
        self.timing = Timing.of(self.arms, spec)
        self.station = Station(spec, lifetimes_of(self.arms), Streams(0)["closed form"])
        self._slots = (self._slot_rates(0), self._slot_rates(1))
        self._clicks = self.station.probabilities(blinded=0)
        self._aged = {
            (arrivals, clicks): self._aged_state(arrivals, clicks)
            for arrivals in range(4)
            for clicks in spec.heralds
            if self._clicks[arrivals, clicks] > 0
        }

    def at(self, time_ps: int) -> LinkExpectation:
        """Returns the averages with the fibres' transmission at a time in ps."""
        first, second = (
            arm.node.emission_probability * arm.fibre.transmission(time_ps) for arm in self.arms
        )
        heralds = self.station.spec.heralds
        given_arrivals = self._clicks[:, sorted(heralds)].sum(axis=1)
        chances = np.array(
            [
                np.dot(arrival_chances(photons), given_arrivals)
                for photons in ((first, second), (first, 0.0), (0.0, second), (0.0, 0.0))
            ]
        )
        renewal = session_renewal(self.timing, self._slots, chances)
        arrivals = arrival_chances((first, second))
        states: dict[str, tuple[float, Matrix]] = {}
        for name in sorted(set(heralds.values())):
            weighted = [
                (arrivals[k] * self._clicks[k, clicks], state)
                for (k, clicks), state in self._aged.items()
                if heralds[clicks] == name
            ]
            weight = sum(w for w, _ in weighted)
            mean: Matrix = np.zeros((4, 4), dtype=complex)
            for w, state in weighted:
                mean = mean + w * state
            if weight > _NEGLIGIBLE:
                states[name] = float(weight / chances[0]), mean / weight
        return LinkExpectation(
            float(renewal.heralds / renewal.length_s),
            float(renewal.attempts / renewal.length_s),
            float(renewal.attempting_s / renewal.length_s),
            float(chances[0]),
            states,
        )

    def _aged_state(self, arrivals: int, clicks: int) -> Matrix:
        state = heralded_state(self.station, self.arms, arrivals, clicks, blinded=0)
        for qubit, arm in enumerate(self.arms):
            age_ps = self.timing.herald_arrival(qubit) - self.timing.emissions[qubit]
            age_s = units.to_seconds(age_ps) + arm.node.readout.delay_s
            state = arm.node.aged(state, qubit, age_s)
        return state

    def _slot_rates(self, index: int) -> SlotRates:
        node = self.arms[index].node
        latency_s = units.to_seconds(self.timing.latencies[index])
        trap = node.trap
        loading_s = trap.loading_mean_s if trap else 0.0
        lifetime_s = trap.lifetime_s if trap else None
        emptying_s = trap.emptying_s if trap and node.readout.destructive else 0.0
        readout_s = node.readout.delay_s + node.readout.duration_s
        return SlotRates(
            1 / loading_s if loading_s else math.inf,
            1 / lifetime_s if lifetime_s else 0.0,
            latency_s + readout_s + node.shutter_s + emptying_s,
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
        [(1 - sign * table[x, y]) / 2 for x, y in protocol.key_pairs],
        [
            first.setting_probability(x) * second.setting_probability(y)
            for x, y in protocol.key_pairs
        ],
        sum(share * fidelity(state, bell_state(name)) for name, (share, state) in states.items()),
    )


def _observable(node: MemoryNode, angle_deg: float) -> Matrix:
    """Returns what an imperfect readout measures: (1 - e0 - e1) A + (e1 - e0)."""
    e0, e1 = node.readout_errors
    ideal = polarisation_observable(math.radians(angle_deg))
    return (1 - e0 - e1) * ideal + (e1 - e0) * IDENTITY
