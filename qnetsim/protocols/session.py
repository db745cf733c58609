"""When a link's attempts happen: pure arithmetic on the integer clock.

A session is what a link does from the moment both of its slots hold a particle until a herald or
a lost particle ends it: cycles of one cooling phase, at whose end the particles' fluorescence is
checked, and one burst of attempts. A link without cooling has one endless burst.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from qnetsim import units
from qnetsim.arm import Arm
from qnetsim.nodes.bsm import BellStation


class Timing(NamedTuple):
    """The clockwork of a link, in ps; times inside an attempt count from its start.

    Attributes:
        period: from the start of an attempt to that of the next in its burst.
        emissions: when each node's pulse comes, so that both photons meet at the station.
        flights: how long each photon travels.
        opening: when the station's window opens.
        decision: when the station has decided.
        latencies: how long a message takes between each node and the station, at least.
        cooling: length of a cooling phase; 0 where there is none.
        burst: attempts between two cooling phases; 0 where there are none.
        calibration: length of a recalibration; 0 where there is none.
        calibrate_every: from the end of one to when the next is due.
    """

    period: int
    emissions: tuple[int, int]
    flights: tuple[int, int]
    opening: int
    decision: int
    latencies: tuple[int, int]
    cooling: int
    burst: int
    calibration: int = 0
    calibrate_every: int = units.NEVER_PS

    @classmethod
    def of(cls, arms: tuple[Arm, Arm], station: BellStation) -> Timing:
        """Returns the clockwork that a link's parts imply.

        An attempt lasts from the preparation of both nodes until the station's answer has reached
        both, or no longer can: max(preparation) + max(flight) + decision + max(latency +
        allowance). The node that lies nearer
        fires later. With a source in the middle the pulse is its own and a node's emission is the
        absorption, after the flight; then the nodes report to the station, which answers. Where the
        nodes' cooling or recalibration differs, the link pauses for the
        longer time after the shorter interval.
        """
        first, second = (arm.channel.delay_ps for arm in arms)
        waits = [arm.classical.latency_ps + units.to_ps(arm.classical.allowance_s) for arm in arms]
        latencies = arms[0].classical.latency_ps, arms[1].classical.latency_ps
        preparation = max(units.to_ps(arm.node.preparation_s) for arm in arms)
        arrival = preparation + max(first, second)
        decision = arrival + station.decision_ps
        emissions, flights = (arrival - first, arrival - second), (first, second)
        if station.source is not None:
            reports = [flight + latency for flight, latency in zip(flights, latencies, strict=True)]
            decision = preparation + max(reports) + station.decision_ps
            emissions, flights = (preparation + first, preparation + second), (0, 0)
        calibrations = [arm.node.recalibration for arm in arms if arm.node.recalibration]
        coolings = [arm.node.cooling for arm in arms if arm.node.cooling]
        return cls(
            period=decision + max(waits),
            emissions=emissions,
            flights=flights,
            opening=arrival + units.to_ps(station.window_start_s),
            decision=decision,
            latencies=latencies,
            cooling=max((units.to_ps(c.duration_s) for c in coolings), default=0),
            burst=min((c.every_attempts for c in coolings), default=0),
            calibration=max((units.to_ps(c.duration_s) for c in calibrations), default=0),
            calibrate_every=min(
                (units.to_ps(c.every_s) for c in calibrations), default=units.NEVER_PS
            ),
        )

    @property
    def cycle(self) -> int:
        """Length of a cooling phase and a burst, in ps."""
        return self.cooling + self.burst * self.period

    def herald_arrival(self, arm: int) -> int:
        """When a node hears of a herald, in ps from the attempt's start."""
        return self.decision + self.latencies[arm]


class Session(NamedTuple):
    """The attempts of a link from one moment on, numbered from 0.

    Attributes:
        start: when the first cooling phase begins, in ps.
        timing: the link's clockwork.
    """

    start: int
    timing: Timing

    def attempt_start(self, attempt: int) -> int:
        """Returns when an attempt starts, in ps."""
        timing = self.timing
        coolings = attempt // timing.burst + 1 if timing.burst else 0
        return self.start + coolings * timing.cooling + attempt * timing.period

    def first_attempt_from(self, offset: int, time: int) -> int:
        """Returns the first attempt in which what happens at an offset is at a time or later.

        Args:
            offset: ps from an attempt's start.
            time: on the clock, in ps.
        """
        if time >= units.NEVER_PS:
            return units.NEVER_PS
        timing = self.timing
        elapsed = max(0, time - offset - self.start)
        if not timing.burst:
            return -(-elapsed // timing.period)
        cycles, elapsed = divmod(elapsed, timing.cycle)
        within = -(-max(0, elapsed - timing.cooling) // timing.period)
        return cycles * timing.burst + min(within, timing.burst)

    def attempts_before(self, time: int) -> int:
        """Returns how many attempts start before a time in ps."""
        return self.first_attempt_from(0, time)

    def check(self, cycle: int) -> int:
        """Returns when a cycle's cooling ends and the particles are checked, in ps."""
        return self.start + cycle * self.timing.cycle + self.timing.cooling

    def cycle_of_check_after(self, time: int) -> int:
        """Returns the first cycle whose check comes at a time in ps or later."""
        return max(0, -(-(time - self.timing.cooling - self.start) // self.timing.cycle))

    def split(self, time: int) -> tuple[int, int]:
        """Returns the time spent cooling and attempting until a time, in ps."""
        timing = self.timing
        elapsed = max(0, time - self.start)
        if not timing.burst:
            return 0, elapsed
        cycles, rest = divmod(elapsed, timing.cycle)
        cooling = cycles * timing.cooling + min(rest, timing.cooling)
        return cooling, elapsed - cooling

    def spans(self, until: int, skipped: bool) -> Iterator[tuple[str, int, int]]:
        """Yields the phases until a time as (name, start, end), in ps.

        Args:
            until: when the session ended.
            skipped: whether to draw all cycles but the last together.
        """
        timing = self.timing
        if not timing.burst:
            yield "attempts", self.start, until
            return
        cycle, start = 0, self.start
        if skipped and until - start > timing.cycle:
            cycle = (until - start - 1) // timing.cycle
            start += cycle * timing.cycle
            yield f"{cycle} cycles of cooling and attempts, skipped", self.start, start
        while start < until:
            check = min(start + timing.cooling, until)
            yield "cooling", start, check
            start = min(start + timing.cycle, until)
            if start > check:
                yield "attempts", check, start
