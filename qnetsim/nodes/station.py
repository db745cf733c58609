"""A Bell-state station in time: which photons are in it, which detectors are blind."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from qnetsim import units
from qnetsim.nodes.bsm import BellStation
from qnetsim.rng import Stream

_LAWS_KEPT = 4096

Packet = Any
"""The light of one node that reaches the station; what it is is the optics' own affair."""

PacketLaw = list[tuple[Packet, float]]
"""Packets, each with its chance."""


class Optics(Protocol):
    """What the light of two nodes does at a station."""

    @property
    def causes(self) -> tuple[str, ...]:
        """What can make the station herald."""
        ...

    @property
    def dark(self) -> Packet:
        """The light of a node that sends none."""
        ...

    def launch(self, port: int, stream: Stream) -> Packet:
        """Draws what a pulse makes a node send."""
        ...

    def carry(self, packet: Packet, transmission: float, stream: Stream) -> Packet:
        """Draws what of a packet passes a channel."""
        ...

    def arriving(self, port: int, transmission: float) -> PacketLaw:
        """Returns what can reach the station in an attempt, each with its chance."""
        ...

    def corners(self, port: int, transmission: float) -> list[PacketLaw]:
        """Returns laws of what reaches the station.

        Every event's chance, at any lower transmission, is a mixture of its chances under these.
        """
        ...

    def click_states(self, packets: tuple[Packet, Packet], dead: int) -> NDArray[Any]:
        """Returns the memories' states, shape (causes, click sets, 4, 4); their traces sum to 1.

        The detectors of the click set ``dead`` see nothing.
        """
        ...


class Reading(NamedTuple):
    """What a station saw in a window.

    Attributes:
        packets: the light that was in it; the station itself does not know it.
        cause: what made it click, as an index into the optics' causes; likewise.
        clicks: the click set.
        blinded: click set of the detectors that were blind.
    """

    packets: tuple[Packet, Packet]
    cause: int
    clicks: int
    blinded: int


class Station:
    """A Bell-state station in time.

    A detector that is blind when the window opens misses the whole window; a click blinds it for
    its dead time from the opening of its window.

    Args:
        spec: the hardware.
        optics: what light does in it.
        stream: where clicks are drawn from.

    Attributes:
        spec: the hardware.
        optics: what light does in it.
        missed: heralds that blind detectors have cost, less those that they have made.
    """

    def __init__(self, spec: BellStation, optics: Optics, stream: Stream) -> None:
        self.spec = spec
        self.optics = optics
        self.missed = 0
        self._heralds = frozenset(spec.heralds)
        self._stream = stream
        self._none = optics.dark, optics.dark
        self._packets: dict[int, tuple[Packet, Packet]] = {}
        self._dead_ps = units.to_ps(spec.detector.dead_time_s)
        self._detectors = tuple(spec.detectors.values())
        self._blind_until = [0] * len(self._detectors)
        self._all_see_from = 0
        self._states: dict[Hashable, NDArray[Any]] = {}
        self._chances: dict[Hashable, list[list[float]]] = {}
        self._cumulative: dict[Hashable, list[tuple[float, int, int]]] = {}

    def receive(self, opening_ps: int, port: int, packet: Packet) -> None:
        """Lets light into a port, for the window that opens at a time in ps."""
        first, second = self._packets.get(opening_ps, self._none)
        self._packets[opening_ps] = (first, packet) if port else (packet, second)

    def blind_at(self, opening_ps: int) -> int:
        """Returns the click set of the detectors that are blind when a window opens."""
        if opening_ps >= self._all_see_from:
            return 0
        ends = zip(self._detectors, self._blind_until, strict=True)
        return sum(clicks for clicks, until in ends if until > opening_ps)

    def sight_returns_ps(self, opening_ps: int) -> int:
        """Returns when the next blind detector sees again, in ps."""
        later = [until for until in self._blind_until if until > opening_ps]
        return min(later, default=units.NEVER_PS)

    def blind(self, clicks: int, opening_ps: int) -> None:
        """Starts the dead time of the detectors that clicked in a window."""
        until = self._all_see_from = opening_ps + self._dead_ps
        for d, lit in enumerate(self._detectors):
            if clicks & lit:
                self._blind_until[d] = until

    def close(
        self, opening_ps: int, foretold: tuple[int, int] | None = None, *, seeing: bool = False
    ) -> Reading:
        """Closes the window and returns what was seen.

        Args:
            opening_ps: when the window opened.
            foretold: the cause and the clicks, where they were drawn before.
            seeing: whether they are drawn as if every detector saw. Where some are blind, that is
                thinned to what the others see, and ``missed`` counts the heralds that this costs.
        """
        packets = self._packets.pop(opening_ps, self._none)
        blinded = self.blind_at(opening_ps) if opening_ps < self._all_see_from else 0
        cause, clicks = foretold or self._draw(packets, 0 if seeing else blinded)
        if seeing and blinded and clicks:
            cause, clicks = self._despite(packets, blinded, clicks)
        if clicks and self._dead_ps:
            self.blind(clicks, opening_ps)
        return Reading(packets, cause, clicks, blinded)

    def chances(self, packets: tuple[Packet, Packet], blinded: int) -> list[list[float]]:
        """Returns the chance of each cause and click set for what is in the station."""
        key = packets, blinded
        if key not in self._chances:
            traces = np.trace(self.states(packets, blinded), axis1=2, axis2=3).real
            _make_room(self._chances)
            self._chances[key] = traces.tolist()
        return self._chances[key]

    def states(self, packets: tuple[Packet, Packet], blinded: int) -> NDArray[Any]:
        """Returns the memories' states by cause and click set, not normalised."""
        key = packets, blinded
        if key not in self._states:
            _make_room(self._states)
            dead = blinded | self.spec.absent_clicks
            self._states[key] = self.optics.click_states(packets, dead)
        return self._states[key]

    def memory_state(self, reading: Reading) -> NDArray[Any]:
        """Returns the memories' normalised state, shape (4, 4), behind what was seen."""
        state = self.states(reading.packets, reading.blinded)[reading.cause, reading.clicks]
        normalised: NDArray[Any] = state / np.trace(state).real
        return normalised

    def _despite(
        self, packets: tuple[Packet, Packet], blinded: int, clicks: int
    ) -> tuple[int, int]:
        """Draws what blinded detectors leave of clicks that all would have seen.

        Blindness never adds clicks, so that any click of the seeing ones is one of those that all
        would see, thinned: the law is exactly that of the seeing detectors.
        """
        all_seen, seen = (
            _running_sums([[0.0, *row[1:]] for row in self.chances(packets, dead)])
            for dead in (0, blinded)
        )
        uniform = self._stream.uniform() * all_seen[-1][0]
        cause, left = next(((c, k) for limit, c, k in seen if uniform < limit), (0, 0))
        self.missed += (clicks in self._heralds) - (left in self._heralds)
        return cause, left

    def _draw(self, packets: tuple[Packet, Packet], blinded: int) -> tuple[int, int]:
        key = packets, blinded
        sums = self._cumulative.get(key)
        if sums is None:
            _make_room(self._cumulative)
            sums = self._cumulative[key] = _running_sums(self.chances(packets, blinded))
        uniform = self._stream.uniform()
        for limit, cause, clicks in sums:
            if uniform < limit:
                return cause, clicks
        return 0, 0


def _running_sums(chances: list[list[float]]) -> list[tuple[float, int, int]]:
    """Returns (cumulative chance, cause, clicks) of what can happen, the likeliest first."""
    items = [(p, c, k) for c, row in enumerate(chances) for k, p in enumerate(row) if p > 0]
    items.sort(reverse=True)
    total, sums = 0.0, []
    for chance, cause, clicks in items:
        total += chance
        sums.append((total, cause, clicks))
    return sums


def _make_room(cache: dict[Hashable, Any]) -> None:
    """Empties a full cache: where a transmission drifts, no two attempts are alike."""
    if len(cache) >= _LAWS_KEPT:
        cache.clear()
