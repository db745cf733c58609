"""How often an array of slots heralds, in closed form: a pool of slots and the lanes it fills.

Pairs of slots attempt on n lanes; a herald takes either slot away for its round, as long as both
together, and then the slower one alone; traps lose particles and load new ones on their own. The
number k of pairs that are away together is a birth-death chain: they leave at the rate r x(k) of
the x(k) = <min(a, b, n)> busy lanes, where a and b are binomial numbers of slots that are there,
and come back after a time whose law, but for its mean, does not matter (Erlang's loss formula and
its kin are insensitive to it).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from qnetsim.nodes.memory import MemoryNode
from qnetsim.protocols.renewal import Renewal, SlotRates
from qnetsim.protocols.schedule import Schedule
from qnetsim.units import PS_PER_S, to_seconds

_ROUNDS = 60
_CONVERGED = 1e-9
_KNOTS = 17
_SPREAD = 8.0

Vector = NDArray[np.float64]


class ArrayExpectation(NamedTuple):
    """How an array of slots shares its link, on average.

    Attributes:
        slots: M, of the node that needs more of them.
        lanes: pairs that can attempt at once.
        spacing_s: tau_s, the time from one attempt of the link to the next if slots were without
            number.
        spacing_by: what asks for it.
        round_trip_s: L/v + t_ov, from an attempt's preparation until both nodes know of it.
        round_s: t_meas, by how much a herald delays its slots' next attempt: readout, reload and
            the message that they are back.
        busy_lanes: mean number of lanes that hold a pair of slots.
        blocked_hz: attempts a second that no Bell-state measurement was free for.
        law_rate_hz: p/max(tau_s, (L/v + t_ov + p t_meas)/M) heralds a second: nothing is lost,
            nothing cools and no detector is blind.
    """

    slots: int
    lanes: int
    spacing_s: float
    spacing_by: str
    round_trip_s: float
    round_s: float
    busy_lanes: float
    blocked_hz: float
    law_rate_hz: float


class ArrayRate(NamedTuple):
    """What an array yields.

    Attributes:
        sessions_hz: sessions a second, on all lanes together.
        busy_lanes: mean number of lanes that hold a pair of slots.
        pairs_there: mean number of pairs that wait or hold a lane.
    """

    sessions_hz: float
    busy_lanes: float
    pairs_there: float


class _Node(NamedTuple):
    """The slots of a node: how many, how long a herald takes one away, and how often others go."""

    slots: int
    away_s: float
    lost_for: float

    def present(self, heralds_hz: float) -> float:
        """Returns the mean number of slots that wait or attempt."""
        return max(0.0, self.slots - heralds_hz * self.away_s) / (1 + self.lost_for)


def array_rate(schedule: Schedule, slots: tuple[SlotRates, SlotRates], pair: Renewal) -> ArrayRate:
    """Returns how often the sessions of an array begin.

    Exact where nothing is lost, loading takes no time and every pair has a lane of its own; else
    to a percent or two where an attempt heralds in one case out of twenty or less, and to five
    where every herald empties the traps (see docs/explanation/arrays.md).

    Args:
        schedule: when attempts happen.
        slots: what a slot of either node does between sessions.
        pair: the averages of one pair's sessions on a lane.
    """
    own_s = pair.length_s - pair.gap_s + to_seconds(schedule.steering)
    nodes = [_node(count, slot) for count, slot in zip(schedule.slots, slots, strict=True)]
    together_s = min(slot.round_s + slot.latency_s for slot in slots)
    heralds_hz, busy = 0.0, float(schedule.lanes)
    for _ in range(_ROUNDS):
        session_s = own_s + _turn_s(schedule, slots, pair, schedule.lanes - busy)
        rate_hz = pair.heralds / session_s
        shares = [_share(node, heralds_hz, together_s) for node in nodes]
        busy = _busy_lanes(nodes, shares, schedule.lanes, rate_hz * together_s)
        before, heralds_hz = heralds_hz, (heralds_hz + rate_hz * busy) / 2
        if abs(heralds_hz - before) <= _CONVERGED * heralds_hz:
            break
    there = min(node.present(heralds_hz) for node in nodes)
    return ArrayRate(busy / session_s, busy, max(busy, there))


def array_expectation(
    schedule: Schedule, slots: tuple[SlotRates, SlotRates], chance: float, rate: ArrayRate
) -> ArrayExpectation:
    """Returns how an array shares its link.

    Args:
        schedule: when attempts happen.
        slots: what a slot of either node does between sessions.
        chance: p, of an attempt to herald.
        rate: what the array yields.
    """
    round_trip_s = to_seconds(schedule.round_trip)
    known_s = max(slot.latency_s for slot in slots) + to_seconds(schedule.timing.decision)
    delays_s = [max(0.0, _away_s(slot) + known_s - round_trip_s) for slot in slots]
    needed_s, count, round_s = max(
        ((round_trip_s + chance * delay_s) / count, count, delay_s)
        for count, delay_s in zip(schedule.slots, delays_s, strict=True)
    )
    spacing_s, spacing_by = schedule.saturation
    return ArrayExpectation(
        count,
        schedule.lanes,
        spacing_s,
        spacing_by,
        round_trip_s,
        round_s,
        rate.busy_lanes,
        schedule.blocked_hz(rate.pairs_there),
        chance / max(spacing_s, needed_s),
    )


def mean_undisturbed(
    schedule: Schedule, node: MemoryNode, age_s: float, attempts_hz: float
) -> float:
    """Returns what pulses on neighbouring slots leave of a stored qubit, on average.

    Slots change lanes with every herald, so that a neighbour's is any of the others. In a row of
    slots the two at its ends have one neighbour.

    Args:
        schedule: when attempts happen.
        node: the hardware.
        age_s: how long the qubit is stored, in s.
        attempts_hz: of all slots together.
    """
    if not node.crosstalk_probability or node.slots == 1 or schedule.lanes == 1:
        return 1.0
    frame_s = to_seconds(schedule.timing.period)
    apart = np.arange(1, schedule.lanes)
    apart_s = apart * schedule.spacing / PS_PER_S
    if not schedule.aligned:  # anywhere in the frame
        apart_s = frame_s * (apart - 0.5) / (schedule.lanes - 1)
    weights = (schedule.lanes - apart) / (schedule.lanes * (schedule.lanes - 1))
    left = 0.0
    for later_s in (apart_s, frame_s - apart_s):
        pulses = np.maximum(0, np.floor((age_s - later_s) / frame_s) + 1)
        left += float(weights @ (1 - node.crosstalk_probability) ** pulses)
    attempting = min(1.0, attempts_hz / node.slots * frame_s)
    beside = 1 - attempting * (1 - left)
    return ((node.slots - 2) * beside**2 + 2 * beside) / node.slots


def _away_s(slot: SlotRates) -> float:
    """Returns for how long a herald takes a slot away, a reload included where it takes one."""
    kept = math.exp(-slot.loss_per_s * slot.round_s) if slot.keeps_particle else 0.0
    return slot.round_s + (1 - kept) / slot.loading_per_s + slot.latency_s


def _node(count: int, slot: SlotRates) -> _Node:
    lost_for = slot.loss_per_s * (1 / slot.loading_per_s + slot.latency_s)
    return _Node(count, _away_s(slot), lost_for)


def _turn_s(
    schedule: Schedule, slots: tuple[SlotRates, SlotRates], pair: Renewal, free: float
) -> float:
    """Returns how long slots wait for a lane's turn in the frame.

    Where nothing is random whole frames pass from a herald to the next session on its lane. Other
    lanes that are free have their turns at any time.
    """
    if not schedule.aligned:
        return 0.0
    frame_s = to_seconds(schedule.timing.period)
    others = max(0.0, free) * (1 - 1 / schedule.pairs)
    if any(math.isfinite(slot.loading_per_s) for slot in slots):
        return frame_s / (others + 2)
    since_s = to_seconds(schedule.timing.decision) + max(slot.latency_s for slot in slots)
    if schedule.pairs <= schedule.lanes:
        since_s += pair.gap_s
    later = 1 - (-since_s % frame_s) / frame_s
    return float(frame_s * (1 - later ** (others + 1)) / (others + 1))


def _share(node: _Node, heralds_hz: float, together_s: float) -> float:
    """Returns the share of a node's slots there, of those that are not away in pairs."""
    rest = node.slots - heralds_hz * together_s
    return min(1.0, max(0.0, node.present(heralds_hz) / rest)) if rest > 0 else 0.0


def _busy_lanes(nodes: list[_Node], shares: list[float], lanes: int, offered: float) -> float:
    """Returns the mean number of busy lanes, over the numbers of pairs that are away together.

    Args:
        nodes: the nodes.
        shares: of each node's slots there, of those that are not away in pairs.
        lanes: how many there are.
        offered: pairs that leave one lane in the time in which one comes back.
    """
    most = min(node.slots for node in nodes)
    if not offered:
        return _meeting(nodes, shares, lanes, 0)
    away = np.arange(most + 1)
    if all(share >= 1 for share in shares):
        busy = np.minimum(lanes, most - away).astype(float)
    else:
        mean = offered * min(lanes, most)
        reach = min(most, mean + _SPREAD * math.sqrt(mean + 1))
        knots = np.unique(np.linspace(0, reach, _KNOTS).round().astype(int))
        busy = np.interp(away, knots, [_meeting(nodes, shares, lanes, int(k)) for k in knots])
    with np.errstate(divide="ignore"):
        steps = np.log(offered * busy[:-1]) - np.log(away[1:])
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    return float(weights @ busy / weights.sum())


def _meeting(nodes: list[_Node], shares: list[float], lanes: int, away: int) -> float:
    """Returns <min(a, b, lanes)> for binomial numbers a and b of slots that are there."""
    counts = [node.slots - away for node in nodes]
    numbers = np.arange(min(lanes, *counts))
    if not len(numbers):
        return 0.0
    first, second = (
        bdtrc(numbers, count, share) for count, share in zip(counts, shares, strict=True)
    )
    return float(first @ second)
