"""A SimPy environment with an integer-picosecond clock, random streams and a trace."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, URGENT

from qnetsim.errors import SimulationError
from qnetsim.rng import Streams
from qnetsim.trace import Trace
from qnetsim.units import PS_PER_S

ProcessGenerator: TypeAlias = Generator[simpy.Event, Any, Any]

_EVENTS_BETWEEN_REPORTS = 256


class Timeline(simpy.Environment):
    """The clock that every part of a simulation shares: one unit is one picosecond.

    Args:
        seed: seed of the random streams.
        trace: where to note what happens; ``None`` notes nothing.

    Attributes:
        streams: the named random streams.
        trace: the trace, or ``None``.
    """

    def __init__(self, seed: int, trace: Trace | None = None) -> None:
        super().__init__(initial_time=0)
        self.streams = Streams(seed)
        self.trace = trace
        self._stopped = False
        for event in ("event", "process", "timeout"):
            setattr(self, event, getattr(self, event))  # SimPy does so in its own class only

    @property
    def now(self) -> int:
        """The time in ps."""
        return self._now  # type: ignore[return-value]

    def until(self, time_ps: int) -> simpy.Event:
        """Returns an event that happens at a time in ps, which may not be past."""
        return self.timeout(time_ps - self.now)

    def trigger(self, event: simpy.Event, value: Any, delay_ps: int) -> None:
        """Makes an untriggered event happen after a delay in ps, before what was due by then.

        This is a message in one event instead of a wait and a wake-up: what arrives at an
        instant is known to everything that acts at that instant.
        """
        event._ok = True
        event._value = value
        self.schedule(event, URGENT, delay_ps)

    def happen(self, event: simpy.Event, value: Any) -> None:
        """Makes an untriggered event happen now, inside the event that is being played.

        What waits for it goes on before this returns: a wake-up that takes no place in the queue.
        """
        event._ok = True
        event._value = value
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
        for callback in callbacks:
            callback(event)

    def stop(self) -> None:
        """Ends ``play`` after the present event."""
        self._stopped = True

    def play(self, until_ps: int | None, report: Callable[[int], bool] | None = None) -> bool:
        """Plays events until a time, until ``stop``, or until nothing is left to happen.

        Args:
            until_ps: when to stop; what is due at that instant is not played. ``None``: never.
            report: called every few hundred events with the time in ps; what it returns says
                whether to go on.

        Returns:
            Whether the run ended by itself and not by ``report``.

        Raises:
            SimulationError: the end lies in the past.
        """
        self._stopped = False
        if until_ps is not None:
            if until_ps < self.now:
                raise SimulationError(f"until ({until_ps} ps) lies before now ({self.now} ps)")
            end = self.event()
            end.callbacks.append(lambda _: self.stop())
            self.trigger(end, None, until_ps - self.now)
        step = self.step
        try:
            while True:
                for _ in range(_EVENTS_BETWEEN_REPORTS):
                    if self._stopped:
                        return True
                    step()
                if report and not report(self.now):
                    return False
        except EmptySchedule:
            return True


class HostedTimeline(Timeline):
    """A timeline that lives inside an environment of the caller's.

    A time on this clock is the nearest picosecond to the caller's, counted from now, and every
    wait is measured to an absolute time, so rounding never accumulates. The caller's clock must
    resolve the hardware's shortest delays: one that counts float seconds holds a picosecond for
    the first two hours.

    Args:
        seed: seed of the random streams.
        host: the caller's environment, e.g. a ``simpy.rt.RealtimeEnvironment``.
        tick_s: length in s of one unit of its clock.
        trace: where to note what happens.
    """

    def __init__(
        self, seed: int, host: simpy.Environment, tick_s: float, trace: Trace | None = None
    ) -> None:
        self._host = host
        self._origin = host.now
        self._ps_per_tick = tick_s * PS_PER_S
        super().__init__(seed, trace)

    @property
    def now(self) -> int:
        """The time in ps since this timeline began."""
        return round((self._host.now - self._origin) * self._ps_per_tick)

    def schedule(self, event: simpy.Event, priority: Any = NORMAL, delay: float = 0) -> None:
        """Schedules an event after a delay in ps, in the caller's environment."""
        target = self._origin + (self.now + delay) / self._ps_per_tick
        self._host.schedule(event, priority, max(0, target - self._host.now))

    def step(self) -> None:
        """Plays the next event of the caller's environment, whosever it is."""
        self._host.step()

    def peek(self) -> float:
        """Returns when the next event of the caller's environment is due, on its clock."""
        return self._host.peek()
