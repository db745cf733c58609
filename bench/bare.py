"""The same work in bare SimPy: the events alone, with no physics, no records and no qnetsim.

For pulses, which no event is made of, the bare random numbers of NumPy.

Times are in ps where a function plays the symmetric link and in s where it plays Munich's.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import numpy as np
import simpy

Process: TypeAlias = Generator[simpy.Event, Any, None]

FLIGHT = LATENCY = 1_713_853  # 350 m of silica
DECISION = 2_013_853  # flight and window
PERIOD = DECISION + LATENCY
READOUT = 1_000_000
ARRIVES = 0.0447  # a photon's chance of reaching the station
P_HERALD = ARRIVES**2 / 2
PORTS = (0, 1)


def timeouts(heralds: int, seed: int) -> simpy.Environment:
    """Waits once for each herald: the least that any skipping simulation does."""
    env = simpy.Environment()
    uniform = random.Random(seed).random
    log_failure = math.log1p(-P_HERALD)

    def link() -> Process:
        for _ in range(heralds):
            yield env.timeout((int(math.log(1 - uniform()) / log_failure) + 1) * PERIOD)

    env.process(link())
    return env


class Rounds:
    """Plays qnetsim's ten events of each herald.

    They are: the wait for the pulses that herald, two photons, the decision, two messages, two
    readouts, and two messages that the node is ready. All are callbacks, which is the fewest
    events and the least work for each that SimPy allows.
    """

    def __init__(self, heralds: int, seed: int) -> None:
        self.env = simpy.Environment()
        self._uniform = random.Random(seed).random
        self._log_failure = math.log1p(-P_HERALD)
        self._left = heralds
        self._photons = self._ready = 0
        self._wait()

    def _after(self, delay: int, act: Callable[[simpy.Event], None]) -> None:
        self.env.timeout(delay).callbacks.append(act)

    def _wait(self) -> None:
        failures = int(math.log(1 - self._uniform()) / self._log_failure)
        self._after(failures * PERIOD, self._pulse)

    def _pulse(self, _: simpy.Event) -> None:
        for _port in PORTS:
            self._after(FLIGHT, self._arrive)
        self._after(DECISION, self._decide)

    def _arrive(self, _: simpy.Event) -> None:
        self._photons += 1

    def _decide(self, _: simpy.Event) -> None:
        self._photons = 0
        self._left -= 1
        for _port in PORTS:
            self._after(LATENCY, self._read_out)

    def _read_out(self, _: simpy.Event) -> None:
        self._after(READOUT, self._announce)

    def _announce(self, _: simpy.Event) -> None:
        self._after(LATENCY, self._hear)

    def _hear(self, _: simpy.Event) -> None:
        self._ready += 1
        if self._ready == len(PORTS) and self._left:
            self._ready = 0
            self._wait()


def rounds(heralds: int, seed: int) -> simpy.Environment:
    """Returns an environment that plays so many rounds."""
    return Rounds(heralds, seed).env


def clocked(attempts: int, seed: int) -> simpy.Environment:
    """Plays each attempt: the pulses, the photons that are not lost, the window's end."""
    env = simpy.Environment()
    uniform = random.Random(seed).random
    photons = 0

    def arrive(_: simpy.Event) -> None:
        nonlocal photons
        photons += 1

    def link() -> Process:
        nonlocal photons
        for _ in range(attempts):
            yield env.timeout(LATENCY)
            for _port in PORTS:
                if uniform() < ARRIVES:
                    env.timeout(FLIGHT).callbacks.append(arrive)
            yield env.timeout(DECISION)
            _heralds = photons == len(PORTS) and uniform() < 0.5
            photons = 0

    env.process(link())
    return env


def answered(attempts: int, seed: int) -> simpy.Environment:
    """The same with a process for each part, and the station answering each attempt."""
    env = simpy.Environment()
    uniform = random.Random(seed).random
    inboxes = [simpy.Store(env) for _ in PORTS]
    photons = 0

    def photon() -> Process:
        nonlocal photons
        yield env.timeout(FLIGHT)
        photons += 1

    def message(inbox: simpy.Store, heralded: bool) -> Process:
        yield env.timeout(LATENCY)
        yield inbox.put(heralded)

    def node(inbox: simpy.Store) -> Process:
        while True:
            if uniform() < ARRIVES:
                env.process(photon())
            yield inbox.get()

    def station() -> Process:
        nonlocal photons
        for _ in range(attempts):
            yield env.timeout(DECISION)
            heralded = photons == len(PORTS) and uniform() < 0.5
            photons = 0
            for inbox in inboxes:
                env.process(message(inbox, heralded))
            yield env.timeout(LATENCY)

    for inbox in inboxes:
        env.process(node(inbox))
    env.process(station())
    return env


class Munich:
    """Plays Munich's traps and sessions: loading, loss, cooling with its check, skips, heralds.

    A session begins once both traps are full and ends with a herald, which empties both, or at
    the check that follows a loss; all cycles of cooling and attempts in it are one wait.

    Attributes:
        env: where it plays; one unit is a second.
        sessions: how many there were so far.
        heralds: how many there were so far.
    """

    loading_s, lifetime_s, emptying_s = 3.206, 20.0, 0.05
    cooling_s, burst, attempt_s, p_herald = 350e-6, 40, 1 / 52e3, 4.9e-7

    def __init__(self, seed: int) -> None:
        self.env = simpy.Environment()
        self.sessions = self.heralds = 0
        self._draw = random.Random(seed)
        self._lost_s = [0.0, 0.0]
        self._full = [self.env.event() for _ in PORTS]
        self._checked: simpy.Event | None = None
        self._slots = [self.env.process(self._slot(port)) for port in PORTS]
        self.env.process(self._link())

    def _slot(self, port: int) -> Process:
        env = self.env
        while True:
            yield env.timeout(self._draw.expovariate(1 / self.loading_s))
            lifetime_s = self._draw.expovariate(1 / self.lifetime_s)
            self._lost_s[port] = env.now + lifetime_s
            self._full[port].succeed()
            try:
                yield env.timeout(lifetime_s)
                if self._checked:
                    yield self._checked
                self._full[port] = env.event()
            except simpy.Interrupt:
                self._full[port] = env.event()
                yield env.timeout(self.emptying_s)

    def _link(self) -> Process:
        env = self.env
        while True:
            while not all(event.triggered for event in self._full):
                yield self._full[0]
                yield self._full[1]
            self.sessions += 1
            self._checked = env.event()
            herald_s, check_s, loss_s = self._ends_s()
            heralds = herald_s < loss_s
            yield env.timeout(herald_s if heralds else check_s)
            checked, self._checked = self._checked, None
            if heralds:
                self.heralds += 1
                for slot in self._slots:
                    slot.interrupt()
            else:
                checked.succeed()
            yield env.timeout(0)

    def _ends_s(self) -> tuple[float, float, float]:
        """Returns when a session's herald, its last check and the loss before that come."""
        attempt = int(math.log(1 - self._draw.random()) / math.log1p(-self.p_herald))
        herald_s = (attempt // self.burst + 1) * self.cooling_s + (attempt + 1) * self.attempt_s
        loss_s = min(self._lost_s) - self.env.now
        cycle_s = self.cooling_s + self.burst * self.attempt_s
        cycles = max(0, math.ceil((loss_s - self.cooling_s) / cycle_s))
        return herald_s, cycles * cycle_s + self.cooling_s, loss_s


def outcomes(rounds: int, seed: int, chunk: int = 1 << 18) -> None:
    """Draws one of four outcomes for each round, all equally likely, and forgets them."""
    rng = np.random.default_rng(seed)
    for start in range(0, rounds, chunk):
        rng.integers(0, 4, min(chunk, rounds - start), dtype=np.uint8)


def uniforms(pulses: int, seed: int, chunk: int = 1 << 18) -> None:
    """Draws a uniform number for each pulse, and forgets it."""
    rng = np.random.default_rng(seed)
    for start in range(0, pulses, chunk):
        rng.random(min(chunk, pulses - start))
